/* SPDX-License-Identifier: MIT
 * test-backup-run.c - which hooks are run around a backup, in which order, and what they are told
 */
#include "core/backup-run.h"
#include "core/error.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Each hook adds a line of what it was told. */
#define NOTE                                                                                       \
    "echo $CRONOS_HOOK/$CRONOS_TYPE/$CRONOS_NAME/$CRONOS_STATUS/$CRONOS_FILES/$CRONOS_BYTES "      \
    ">>../events"

typedef struct {
    char *directory, *root, *archives, *events;
    CronosConfig *config;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = temporary_new();
    fixture->root = g_build_filename(fixture->directory, "project", NULL);
    fixture->archives = g_build_filename(fixture->directory, "archives", NULL);
    fixture->events = g_build_filename(fixture->directory, "events", NULL);
    assert_int_equal(g_mkdir(fixture->root, 0755), 0);
    temporary_write(fixture->root, "a.txt", "hello\n");
    temporary_write(fixture->root, "b.txt", "world\n");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    cronos_config_free(fixture->config);
    temporary_free(fixture->directory);
    g_free(fixture->root);
    g_free(fixture->archives);
    g_free(fixture->events);
    g_free(fixture);
    return 0;
}

/* @before, @after: what the hooks do beside their note. */
static void configure(Fixture *fixture, const char *before, const char *after)
{
    g_autofree char *path = g_build_filename(fixture->directory, "cronos.conf", NULL);
    g_autofree char *first = g_strescape(before, NULL);
    g_autofree char *last = g_strescape(after, NULL);
    g_autofree char *text =
        g_strdup_printf("backup: { directory = \"../archives\"; };\n"
                        "log: { file = \"\"; };\n"
                        "hooks: { before_create = \"" NOTE "; %s\";\n"
                        "after_create = \"" NOTE "; %s\";\n"
                        "on_failure = \"" NOTE "; echo $CRONOS_ERROR >../reason\"; };\n",
                        first, last);

    temporary_write(fixture->directory, "cronos.conf", text);
    cronos_config_free(fixture->config);
    fixture->config = cronos_config_load(fixture->root, path, NULL);
    assert_non_null(fixture->config);
}

/* What the hooks have noted since the last time. */
static void assert_events(Fixture *fixture, const char *expected)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents(fixture->events, &text, NULL, NULL))
        text = g_strdup("");
    assert_string_equal(text, expected);
    (void)g_unlink(fixture->events);
}

static void assert_reason(Fixture *fixture, const char *part)
{
    g_autofree char *path = g_build_filename(fixture->directory, "reason", NULL);
    g_autofree char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_non_null(strstr(text, part));
}

static CronosCreateResult *run(Fixture *fixture, GError **error)
{
    CronosCreateOptions options = {.name = "One Two", .level = -1};

    return cronos_backup_run(fixture->config, &options, NULL, error);
}

static void test_success(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;

    g_setenv("CRONOS_STATUS", "stale", TRUE);
    configure(fixture, "test -z \"$CRONOS_ARCHIVE\" && : >c.txt",
              "test -s \"$CRONOS_ARCHIVE\" && "
              "test \"$CRONOS_ROOT/../archives\" -ef \"$CRONOS_BACKUP_DIRECTORY\" && "
              "test $(stat -c %s \"$CRONOS_ARCHIVE\") = $CRONOS_ARCHIVE_BYTES && "
              "test $CRONOS_UNREADABLE$CRONOS_REUSED_MEMBERS$CRONOS_REMOVED = 000");
    g_autoptr(CronosCreateResult) result = run(fixture, &error);
    g_unsetenv("CRONOS_STATUS");
    assert_null(error);
    assert_null(result->hook_error);
    assert_int_equal(result->files, 3);
    assert_events(fixture, "before_create/manual/one_two///\n"
                           "after_create/manual/one_two/done/3/12\n");
}

static void test_before_fails(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;

    configure(fixture, "exit 7", "true");
    assert_null(run(fixture, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_FAILED));
    assert_non_null(strstr(error->message, "the hook before_create ended with status 7"));
    assert_events(fixture, "before_create/manual/one_two///\n"
                           "on_failure/manual/one_two/failed//\n");
    assert_reason(fixture, "the hook before_create ended with status 7");
    assert_false(g_file_test(fixture->archives, G_FILE_TEST_EXISTS));
}

static void test_backup_fails(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;

    configure(fixture, "true", "true");
    temporary_write(fixture->directory, "archives", "in the way");
    assert_null(run(fixture, &error));
    assert_events(fixture, "before_create/manual/one_two///\n"
                           "on_failure/manual/one_two/failed//\n");
    assert_reason(fixture, "Not a directory");
}

static void test_after_fails(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;

    configure(fixture, "true", "exit 1");
    g_autoptr(CronosCreateResult) result = run(fixture, &error);
    assert_null(error);
    assert_true(g_file_test(result->path, G_FILE_TEST_IS_REGULAR));
    assert_non_null(strstr(result->hook_error, "the hook after_create ended with status 1"));
    assert_events(fixture, "before_create/manual/one_two///\n"
                           "after_create/manual/one_two/done/2/12\n");
}

static void test_cancelled(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    CronosProgress progress = {.cancellable = cancellable};
    CronosCreateOptions options = {.name = "x", .level = -1};
    g_autoptr(GError) error = NULL;

    configure(fixture, "sleep 1000", "true");
    g_cancellable_cancel(cancellable);
    assert_null(cronos_backup_run(fixture->config, &options, &progress, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(fixture->events, &text, NULL, NULL));
    assert_true(g_str_has_suffix(text, "on_failure/manual/x/cancelled//\n"));
}

/* The hook of a backup that is made must not have it be made again: the look comes first. */
static void test_not_due(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.type = "auto", .level = -1, .if_changed = TRUE};
    g_autoptr(GError) error = NULL;

    g_usleep(40000); /* the files are older than any backup then */
    configure(fixture, "true", "true");
    g_autoptr(CronosCreateResult) first =
        cronos_backup_run(fixture->config, &options, NULL, &error);
    assert_null(error);
    assert_null(first->declined);
    assert_events(fixture, "before_create/auto/project///\n"
                           "after_create/auto/project/done/2/12\n");
    configure(fixture, ": >new.txt", "true");
    g_autoptr(CronosCreateResult) second =
        cronos_backup_run(fixture->config, &options, NULL, &error);
    assert_null(error);
    assert_true(second->unchanged);
    assert_non_null(strstr(second->declined, "nothing has changed since"));
    assert_events(fixture, "");
}

static void test_nothing_runs(void **state)
{
    Fixture *fixture = *state;
    const CronosCreateOptions wrong[] = {
        {.name = "a/b", .level = -1},
        {.name = "x", .type = "NO", .level = -1},
        {.name = "x", .level = 13},
    };
    CronosCreateOptions dry = {.name = "x", .level = -1, .dry_run = TRUE};
    g_autoptr(GError) error = NULL;

    configure(fixture, "true", "true");
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        assert_null(cronos_backup_run(fixture->config, &wrong[i], NULL, &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
        g_clear_error(&error);
    }
    g_autoptr(CronosCreateResult) result = cronos_backup_run(fixture->config, &dry, NULL, &error);
    assert_non_null(result);
    assert_events(fixture, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_before_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backup_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_after_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_runs, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
