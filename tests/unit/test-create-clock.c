/* SPDX-License-Identifier: MIT
 * test-create-clock.c - backups where clocks do not tell what they should
 *
 * The functions of libraries that tell times, or that act on files, are taken over by those below.
 */
#include "create-fixture.h"

#include <sys/syscall.h>
#include <time.h>

#define US_PER_S G_GINT64_CONSTANT(1000000)

static gint64 ahead_us; /* of the host's clock */

static gint64 true_time_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

gint64 g_get_real_time(void)
{
    return true_time_us() + ahead_us;
}

/* A file whose times stand still while it is overwritten. */
static struct {
    gboolean active;
    int fd;
    ino_t inode;
    struct timespec stamp;
    gint overwrites; /* atomic: so many are to come, one each time that the file was read to its end
                      */
    gint readings;   /* atomic: how often it was read to its end */
} still;

int fstat(int fd, struct stat *status)
{
    int result = fstatat(fd, "", status, AT_EMPTY_PATH);

    if (result == 0 && still.active && status->st_ino == still.inode)
        status->st_mtim = status->st_ctim = still.stamp;
    return result;
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
    ssize_t got = syscall(SYS_pread64, fd, buffer, size, offset);
    struct stat status;

    if (still.active && got > 0 && fstat(fd, &status) == 0 && status.st_ino == still.inode &&
        offset + got == status.st_size) {
        g_atomic_int_inc(&still.readings);
        if (g_atomic_int_get(&still.overwrites) > 0) {
            guint8 letter = (guint8)('a' + g_atomic_int_add(&still.overwrites, -1));

            (void)!pwrite(still.fd, &letter, 1, 0);
        }
    }
    return got;
}

static int set_up_clocks(void **state)
{
    ahead_us = 0;
    still.active = FALSE;
    return set_up(state);
}

static CronosCreateResult *back_up_alone(Fixture *fixture)
{
    const CronosCreateOptions options = {.name = "x", .level = 6, .threads = 1, .full = TRUE};

    return backup(fixture, &options);
}

/* Returns: when the backup began, as it says itself. */
static gint64 started_us(const CronosCreateResult *result)
{
    g_autoptr(JsonObject) metadata = cronos_metadata_read(AT_FDCWD, result->path, NULL);

    assert_non_null(metadata);
    JsonObject *own = json_object_get_object_member(metadata, "cronos");
    g_autoptr(GDateTime) started =
        g_date_time_new_from_iso8601(json_object_get_string_member(own, "created_utc"), NULL);
    assert_non_null(started);
    return g_date_time_to_unix(started) * US_PER_S + g_date_time_get_microsecond(started);
}

/* Once, a file on a server whose clock was behind bore a time before the backup's start when it was
 * changed right after it had been read; with the size it had before it was taken for unchanged, for
 * good. */
static void test_a_backup_starts_by_the_file_systems_clock(void **state)
{
    Fixture *fixture = *state;
    gint64 before = true_time_us();

    temporary_write(fixture->root, "a", "text");
    ahead_us = 3600 * US_PER_S;
    g_autoptr(CronosCreateResult) ahead = back_up_alone(fixture);
    assert_true(started_us(ahead) <= true_time_us());
    /* A tick of the kernel. */
    assert_true(started_us(ahead) >= before - 10000);
    ahead_us = -3600 * US_PER_S;
    g_autoptr(CronosCreateResult) behind = back_up_alone(fixture);
    assert_true(started_us(behind) <= true_time_us() + ahead_us);
}

/* Has "still" be of @size bytes and last changed so many seconds ago; it will be overwritten so
 * many times. */
static void make_still(Fixture *fixture, gsize size, gint64 age_seconds, gint overwrites)
{
    g_autofree char *path = g_build_filename(fixture->root, "still", NULL);
    g_autofree char *text = g_strnfill(size, 'x');
    struct stat status;

    assert_true(g_file_set_contents(path, text, (gssize)size, NULL));
    still.fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(fstat(still.fd, &status), 0);
    still.inode = status.st_ino;
    still.stamp = (struct timespec){true_time_us() / US_PER_S - age_seconds, 1};
    still.overwrites = overwrites;
    still.readings = 0;
    still.active = TRUE;
}

static char first_letter(const CronosCreateResult *result)
{
    g_autoptr(CronosArchive) archive = cronos_archive_open(AT_FDCWD, result->path, NULL);
    char letter;

    assert_non_null(archive);
    assert_int_equal(cronos_archive_read(archive, cronos_archive_lookup_path(archive, "still"), 0,
                                         &letter, 1, NULL),
                     1);
    return letter;
}

static void check_overwritten(Fixture *fixture, gsize size)
{
    static const gint64 fresh = -5; /* a server's clock that is ahead */

    make_still(fixture, size, fresh, 1);
    g_autoptr(CronosCreateResult) once = back_up_alone(fixture);
    assert_int_equal(once->unreadable->len, 0);
    assert_int_equal(first_letter(once), 'b');
    close(still.fd);

    make_still(fixture, size, fresh, 3);
    g_autoptr(CronosCreateResult) always = back_up_alone(fixture);
    assert_int_equal(always->unreadable->len, 1);
    assert_string_equal(always->unreadable->pdata[0], "still: changed while it was read");
    close(still.fd);
}

/* Once, a file that was overwritten while it was read, within the tick in which it had last been
 * changed, was stored half old and half new without a word. */
static void test_a_fresh_file_is_read_twice(void **state)
{
    check_overwritten(*state, 5000);
}

static void test_a_fresh_large_file_is_read_twice(void **state)
{
    check_overwritten(*state, 3000000);
}

/* What was just unpacked is older than a few ticks when it is read. */
static void test_other_files_are_read_once(void **state)
{
    static const gsize sizes[] = {5000, 3000000};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        make_still(*state, sizes[i], 1, 0);
        g_autoptr(CronosCreateResult) result = back_up_alone(*state);
        assert_int_equal(result->unreadable->len, 0);
        assert_int_equal(still.readings, 1);
        close(still.fd);
    }
}

#define WITH_CLOCKS(test) cmocka_unit_test_setup_teardown(test, set_up_clocks, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLOCKS(test_a_backup_starts_by_the_file_systems_clock),
        WITH_CLOCKS(test_a_fresh_file_is_read_twice),
        WITH_CLOCKS(test_a_fresh_large_file_is_read_twice),
        WITH_CLOCKS(test_other_files_are_read_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
