/* SPDX-License-Identifier: MIT
 * test-retention.c - which backups go, and why the others stay */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/retention.h"
#include "temporary.h"

#define NOW G_GINT64_CONSTANT(1743667200)
#define DAY G_GINT64_CONSTANT(86400)

static char *root;
static char *directory;
static CronosConfig *config;

static int set_up(void **state)
{
    root = temporary_new();
    temporary_write(root, "cronos.conf", "backup: { retention_days = 30; max_backups = 100; };");
    config = cronos_config_load(root, NULL, NULL);
    directory = g_build_filename(root, "backups", NULL);
    return config != NULL && g_mkdir(directory, 0700) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    cronos_config_free(config);
    g_free(directory);
    temporary_free(root);
    return 0;
}

static char *add_at(const char *type, gint64 created)
{
    char *name = cronos_backup_name_format(type, "x", created);

    temporary_write(directory, name, "");
    return name;
}

static CronosRetentionOptions as_configured(void)
{
    return (CronosRetentionOptions){
        .retention_days = -1, .max_backups = -1, .keep_minimum = -1, .now = NOW};
}

/* Holds the plan against @expected: one letter a backup, newest first: "." within limits, "P"
 * pinned, "m" kept by keep_minimum, "p" protected, "A" removed by age, "N" removed by number. */
static void assert_plan(const CronosRetentionOptions *options, const char *expected)
{
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(directory, NULL);
    g_autoptr(GPtrArray) verdicts = cronos_retention_plan(config, catalog, options);
    g_autoptr(GString) plan = g_string_new(NULL);

    for (guint i = 0; i < verdicts->len; i++) {
        const CronosRetentionVerdict *verdict = g_ptr_array_index(verdicts, i);
        char letter = strcmp(verdict->rule, "within limits") == 0               ? '.'
                      : strcmp(verdict->rule, "pinned") == 0                    ? 'P'
                      : strcmp(verdict->rule, "keep_minimum") == 0              ? 'm'
                      : strcmp(verdict->rule, "in use by this run") == 0        ? 'p'
                      : strcmp(verdict->rule, "older than retention_days") == 0 ? 'A'
                      : strcmp(verdict->rule, "beyond max_backups") == 0        ? 'N'
                                                                                : '?';

        assert_int_equal(verdict->remove, letter == 'A' || letter == 'N');
        g_string_append_c(plan, letter);
    }
    assert_string_equal(plan->str, expected);
}

static void add_days_ago(int days)
{
    g_autofree char *name = add_at("manual", NOW - days * DAY);
}

static void test_empty(void **state)
{
    CronosRetentionOptions options = as_configured();

    assert_plan(&options, "");
}

static void test_age(void **state)
{
    CronosRetentionOptions options = as_configured();
    g_autofree char *just = add_at("manual", NOW - 30 * DAY);
    g_autofree char *over = add_at("manual", NOW - 30 * DAY - 1);

    add_days_ago(0);
    add_days_ago(400);
    temporary_write(directory, "foreign.zip", "");
    assert_plan(&options, "..AA");
    options.retention_days = 0;
    assert_plan(&options, "....");
    options.retention_days = G_MAXINT;
    assert_plan(&options, "....");
    options.retention_days = 500;
    assert_plan(&options, "....");
    options.now = 0;
    assert_plan(&options, "....");
}

static void test_number(void **state)
{
    CronosRetentionOptions options = as_configured();

    for (int i = 0; i < 5; i++)
        add_days_ago(i);
    options.max_backups = 3;
    assert_plan(&options, "...NN");
    options.max_backups = 1;
    assert_plan(&options, ".NNNN");
    options.max_backups = 0;
    assert_plan(&options, ".....");
}

static void test_keep_minimum(void **state)
{
    CronosRetentionOptions options = as_configured();

    for (int i = 100; i < 104; i++)
        add_days_ago(i);
    assert_plan(&options, "mAAA");
    options.keep_minimum = 3;
    assert_plan(&options, "mmmA");
    options.keep_minimum = 10;
    assert_plan(&options, "mmmm");
    options.retention_days = 0;
    options.max_backups = 1;
    options.keep_minimum = 2;
    assert_plan(&options, ".mNN");
}

static void test_together(void **state)
{
    CronosRetentionOptions options = as_configured();

    add_days_ago(1);
    add_days_ago(2);
    add_days_ago(3);
    add_days_ago(50);
    add_days_ago(60);
    options.max_backups = 4;
    assert_plan(&options, "...AA"); /* what age removes does not count */
    options.max_backups = 2;
    assert_plan(&options, "..NAA");
    options.keep_minimum = 4;
    assert_plan(&options, "..mmA"); /* the fourth counts, and can not go */
}

static void test_protect(void **state)
{
    CronosRetentionOptions options = as_configured();
    g_autofree char *old = add_at("auto", NOW - 90 * DAY);

    add_days_ago(1);
    add_days_ago(2);
    options.protect = old;
    assert_plan(&options, "..p");
    options.max_backups = 2;
    assert_plan(&options, "..p"); /* no newer one goes in its place */
    options.max_backups = 1;
    assert_plan(&options, ".Np");
}

static void pin(const char *name)
{
    g_autofree char *mark = cronos_backup_pin_name(name);

    temporary_write(directory, mark, "");
}

static void test_pinned(void **state)
{
    CronosRetentionOptions options = as_configured();
    g_autofree char *young = add_at("manual", NOW - DAY);
    g_autofree char *old = add_at("restore_point", NOW - 90 * DAY);

    add_days_ago(2);
    add_days_ago(60);
    pin(young);
    pin(old);
    assert_plan(&options, "P.AP");
    options.max_backups = 1;
    assert_plan(&options, "PNAP"); /* a pinned one counts, as every backup does */
    options.keep_minimum = 3;
    assert_plan(&options, "PmmP");
    options.protect = old;
    assert_plan(&options, "PmmP");
}

static gboolean is_there(const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void test_apply(void **state)
{
    CronosRetentionOptions options = as_configured();
    g_autofree char *kept = add_at("manual", NOW);
    g_autofree char *second = add_at("restore_point", NOW - 40 * DAY);
    g_autofree char *third = add_at("auto", NOW - 50 * DAY);
    g_autofree char *foreign = g_strdup("ancient.zip");

    temporary_write(directory, foreign, "");
    for (int pass = 0; pass < 2; pass++) {
        g_autoptr(CronosBackupDirectory) locked =
            cronos_backup_directory_lock(directory, NULL, NULL);
        g_autoptr(CronosCatalog) catalog = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) verdicts =
            cronos_retention_apply(config, locked, &options, pass == 0, &catalog, &error);

        assert_non_null(verdicts);
        assert_non_null(catalog);
        assert_int_equal(verdicts->len, 3);
        assert_true(is_there(kept));
        assert_true(is_there(foreign));
        assert_int_equal(is_there(second), pass == 0);
        assert_int_equal(is_there(third), pass == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_age, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keep_minimum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_protect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pinned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_apply, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
