/* SPDX-License-Identifier: MIT
 * test-create-clock.c - backups where the clocks of host and file system disagree
 *
 * The functions of libraries that tell the time are taken over by those below. */
#include "core/create.h"
#include "core/metadata.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

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

typedef struct {
    char *directory;
    char *root;
    CronosConfig *config;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    g_autoptr(GError) error = NULL;

    ahead_us = 0;
    fixture->directory = temporary_new();
    fixture->root = g_build_filename(fixture->directory, "project", NULL);
    assert_int_equal(g_mkdir(fixture->root, 0755), 0);
    temporary_write(fixture->directory, "cronos.conf",
                    "backup: { directory = \"../archives\"; };\n"
                    "log: { file = \"../cronos.log\"; };\n");
    g_autofree char *path = g_build_filename(fixture->directory, "cronos.conf", NULL);
    fixture->config = cronos_config_load(fixture->root, path, &error);
    assert_null(error);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    cronos_config_free(fixture->config);
    temporary_free(fixture->directory);
    g_free(fixture->root);
    g_free(fixture);
    return 0;
}

static CronosCreateResult *backup(Fixture *fixture)
{
    const CronosCreateOptions options = {.name = "x", .level = 6, .threads = 1, .full = TRUE};
    g_autoptr(GError) error = NULL;
    CronosCreateResult *result = cronos_create(fixture->config, &options, NULL, &error);

    if (result == NULL)
        fail_msg("%s", error->message);
    return result;
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
    g_autoptr(CronosCreateResult) ahead = backup(fixture);
    assert_true(started_us(ahead) <= true_time_us());
    /* A tick of the kernel. */
    assert_true(started_us(ahead) >= before - 10000);
    ahead_us = -3600 * US_PER_S;
    g_autoptr(CronosCreateResult) behind = backup(fixture);
    assert_true(started_us(behind) <= true_time_us() + ahead_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_backup_starts_by_the_file_systems_clock, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
