/* SPDX-License-Identifier: MIT
 * test-flips-restore.c - restoring from, and taking members over from, archives with one byte
 * changed
 *
 * A restore that succeeds has written the original's files, each under its own name; whether it
 * succeeds or not, nothing lies outside of its target. A backup made beside a damaged one holds
 * what the project holds. */
#include "tests/unit/restore-fixture.h"

#include "core/below.h"

/* Every changed archive costs a restore, or a backup and the reading of it. */
#define RESTORE_STEP 1
#define REUSE_STEP 3
#define ARCHIVE "egos_backup_manual_x_20250403_100000.zip"

typedef struct {
    char *path;
    guint8 *bytes;
    gsize size;
} Archive;

static Archive load(const Fixture *fixture, const char *file_name)
{
    Archive archive = {
        .path = g_build_filename(cronos_config_backup_directory(fixture->config), file_name, NULL)};

    assert_true(g_file_get_contents(archive.path, (char **)&archive.bytes, &archive.size, NULL));
    return archive;
}

static void clear(Archive *archive)
{
    g_free(archive->path);
    g_free(archive->bytes);
}

/* Writes the archive with the byte at @at changed, in place. */
static void put_flipped(const Archive *archive, gsize at, guint8 flip)
{
    guint8 byte = archive->bytes[at] ^ flip;
    int fd = open(archive->path, O_WRONLY | O_CLOEXEC);

    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

/* Returns: (owned) what @path holds, whether it is a file or a link; NULL for a folder. */
static char *content_of(const char *path, gsize *out_length)
{
    char *content = NULL;
    struct stat status;

    assert_int_equal(lstat(path, &status), 0);
    if (S_ISLNK(status.st_mode)) {
        content = g_malloc0(PATH_MAX);
        *out_length = (gsize)readlink(path, content, PATH_MAX - 1);
    } else if (S_ISREG(status.st_mode)) {
        assert_true(g_file_get_contents(path, &content, out_length, NULL));
    }
    return content;
}

static void append_below(GString *text, const char *path, const char *shown)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    const char *name;

    assert_non_null(directory);
    while ((name = g_dir_read_name(directory)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_strings);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *inside = g_build_filename(path, g_ptr_array_index(names, i), NULL);
        g_autofree char *label = g_build_filename(shown, g_ptr_array_index(names, i), NULL);
        gsize length = 0;
        g_autofree char *content = content_of(inside, &length);

        if (content == NULL) {
            append_below(text, inside, label);
        } else if (length > 0) {
            g_autofree char *sum =
                g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guint8 *)content, length);
            g_string_append_printf(text, "%s %s\n", label, sum);
        }
    }
}

/* Returns: (owned) name and content of all below @path that is not empty. A folder without anything
 * in it and an empty file are one mode bit apart, which nothing protects. */
static char *contents(const char *path)
{
    GString *text = g_string_new(NULL);

    append_below(text, path, "");
    return g_string_free(text, FALSE);
}

static gboolean try_restore(Fixture *fixture, const CronosBackup *backup, const char *target)
{
    const CronosRestoreOptions options = {
        .strategy = CRONOS_RESTORE_NEW_LOCATION, .to = target, .threads = 1};
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosRestoreResult) result =
        cronos_restore(fixture->config, backup, &options, NULL, &error);

    assert_true((result == NULL) == (error != NULL));
    return result != NULL && result->failed->len == 0;
}

static void remove_below(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *parent = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (g_file_test(path, G_FILE_TEST_EXISTS) && !cronos_below_remove_tree(fd, name, &error))
        fail_msg("%s", error->message);
    close(fd);
}

static void test_restore(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, ARCHIVE,
                    "add('a.txt', b'first version')\n"
                    "add('d/b', b'second ' * 20)\n"
                    "add('d/stored', b'third', method=zipfile.ZIP_STORED)\n"
                    "add('link', b'd/b', mode=stat.S_IFLNK | 0o777)\n");
    Archive archive = load(fixture, ARCHIVE);
    g_autofree char *outer = fixture_path(fixture, "outer");
    g_autofree char *target = fixture_path(fixture, "outer/target");
    guint whole = 0, refused = 0;

    assert_int_equal(g_mkdir(outer, 0755), 0);
    assert_true(try_restore(fixture, backup, target));
    g_autofree char *expected = contents(target);
    remove_below(target);
    for (gsize at = 0; at < archive.size; at += RESTORE_STEP) {
        put_flipped(&archive, at, at % 2 == 0 ? 0xff : 0x01);
        if (try_restore(fixture, backup, target)) {
            g_autofree char *found = contents(target);

            if (strcmp(found, expected) != 0)
                fail_msg("byte %zu: restored without an error:\n%s", at, found);
            whole++;
        } else {
            refused++;
        }
        remove_below(target);
        g_autofree char *beside = list_names(outer);
        if (*beside != '\0')
            fail_msg("byte %zu: left behind or written outside: %s", at, beside);
        put_flipped(&archive, at, 0);
    }
    assert_true(whole > 0 && refused > 0);
    clear(&archive);
}

/* Waits until what was changed last lies before the start of any later backup, as the coarsest
 * clock of a kernel tells it. */
static void settle(void)
{
    const gint64 end = g_get_real_time() + 40000;

    while (g_get_real_time() <= end)
        g_usleep(1000);
}

static void create(Fixture *fixture, const char *name, CronosCreateResult **out_result)
{
    const CronosCreateOptions options = {
        .name = name, .level = 6, .threads = 1, .no_retention = TRUE};
    g_autoptr(GError) error = NULL;

    *out_result = cronos_create(fixture->config, &options, NULL, &error);
    if (*out_result == NULL)
        fail_msg("%s", error->message);
    assert_int_equal((*out_result)->unreadable->len, 0);
}

/* The backup is whole, and holds the project as it is. */
static void check_backup(Fixture *fixture, const char *file_name, gsize at)
{
    const CronosVerifyOptions options = {.against_source = TRUE, .threads = 1};
    const CronosBackup *backup = fixture_find(fixture, file_name);
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosVerifyResult) result =
        cronos_verify(fixture->config, backup, NULL, &options, NULL, &error);

    if (result == NULL)
        fail_msg("byte %zu: %s", at, error->message);
    if (!cronos_verify_result_is_whole(result) ||
        result->changed->len + result->missing->len + result->added->len > 0)
        fail_msg("byte %zu: damage of an earlier backup is in the next one", at);
}

static void test_reuse(void **state)
{
    Fixture *fixture = *state;
    guint64 reused = 0, anew = 0;
    CronosCreateResult *result;

    fixture_script(
        fixture, "project",
        "import os, sys\n"
        "os.makedirs(sys.argv[1] + '/d')\n"
        "for name, text in (('a', 'first ' * 50), ('d/b', 'second ' * 90), ('c', 'x')):\n"
        "    with open(sys.argv[1] + '/' + name, 'w') as out: out.write(text)\n");
    settle();
    create(fixture, "x", &result);
    Archive archive = load(fixture, result->file_name);
    cronos_create_result_free(result);
    for (gsize at = 0; at < archive.size; at += REUSE_STEP) {
        put_flipped(&archive, at, at % 2 == 0 ? 0xff : 0x01);
        create(fixture, "y", &result);
        check_backup(fixture, result->file_name, at);
        reused += result->reused_members;
        anew += result->files - result->reused_members;
        assert_int_equal(g_unlink(result->path), 0);
        cronos_create_result_free(result);
        put_flipped(&archive, at, 0);
    }
    assert_true(reused > 0 && anew > 0);
    clear(&archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_restore, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_reuse, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
