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
#include "core/look.h"
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

    temporary_write_zip(directory, name);
    return name;
}

/* One letter for a rule: "." younger than so many days, "n" no limit, "P" pinned, "m" among the
 * newest, "p" protected, "c" by the calendar, "A" removed by age, "N" removed by number; what is
 * damaged has "!" after it. */
static char rule_letter(const char *rule)
{
    static const struct {
        const char *prefix;
        char letter;
    } letters[] = {
        {"younger than ", '.'}, {"no limit", 'n'},          {"pinned", 'P'},
        {"newest", 'm'},        {"among the ", 'm'},        {"in use by this run", 'p'},
        {"daily ", 'c'},        {"weekly ", 'c'},           {"monthly ", 'c'},
        {"older than ", 'A'},   {"beyond the newest", 'N'}, {"beyond the ", 'N'},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(letters); i++)
        if (g_str_has_prefix(rule, letters[i].prefix))
            return letters[i].letter;
    return '?';
}

/* Returns: (owned) the backups, with the damage that their tails show. */
static CronosCatalog *read_catalog(void)
{
    CronosCatalog *catalog = cronos_catalog_read(directory, NULL);
    int fd = cronos_catalog_open_directory(catalog, NULL);

    cronos_look_at_tails(catalog, fd);
    close(fd);
    return catalog;
}

/* Holds the plan against @expected: the letter of each backup's rule, newest first. */
static void assert_plan(const CronosRetentionOptions *options, const char *expected)
{
    g_autoptr(CronosCatalog) catalog = read_catalog();
    g_autoptr(GPtrArray) verdicts = cronos_retention_plan(config, catalog, options);
    g_autoptr(GString) plan = g_string_new(NULL);

    for (guint i = 0; i < verdicts->len; i++) {
        const CronosRetentionVerdict *verdict = g_ptr_array_index(verdicts, i);
        char letter = rule_letter(verdict->rule);

        assert_int_equal(verdict->remove, letter == 'A' || letter == 'N');
        g_string_append_c(plan, letter);
        if (g_str_has_suffix(verdict->rule, " (damaged, not counted)"))
            g_string_append_c(plan, '!');
    }
    assert_string_equal(plan->str, expected);
}

/* The same for the full text of the rules, joined by "; ". */
static void assert_rules(const CronosRetentionOptions *options, const char *expected)
{
    g_autoptr(CronosCatalog) catalog = read_catalog();
    g_autoptr(GPtrArray) verdicts = cronos_retention_plan(config, catalog, options);
    g_autoptr(GString) rules = g_string_new(NULL);

    for (guint i = 0; i < verdicts->len; i++)
        g_string_append_printf(rules, "%s%s", i > 0 ? "; " : "",
                               ((CronosRetentionVerdict *)g_ptr_array_index(verdicts, i))->rule);
    assert_string_equal(rules->str, expected);
}

static void add_days_ago(int days)
{
    g_autofree char *name = add_at("manual", NOW - days * DAY);
}

static void test_empty(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);

    assert_plan(&options, "");
}

static void test_age(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);
    g_autofree char *just = add_at("manual", NOW - 30 * DAY);
    g_autofree char *over = add_at("manual", NOW - 30 * DAY - 1);

    add_days_ago(0);
    add_days_ago(400);
    temporary_write(directory, "foreign.zip", "");
    assert_plan(&options, "..AA");
    options.retention_days = 0;
    assert_plan(&options, "mmmm");
    options.max_backups = 0;
    assert_plan(&options, "nnnn");
    options.retention_days = G_MAXINT;
    assert_plan(&options, "....");
    options.retention_days = 500;
    assert_plan(&options, "....");
    options.now = 0;
    assert_plan(&options, "....");
}

static void test_number(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);

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
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);

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
    assert_plan(&options, "mmNN");
}

static void test_together(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);

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
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);
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
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);
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

static void add_damaged_days_ago(int days)
{
    g_autofree char *name = add_at("manual", NOW - days * DAY);

    temporary_write(directory, name, days % 2 == 0 ? "" : "no end record, whatever came before");
}

/* The newest backup had lost its tail: max_backups = 1 kept it, and removed every whole one. */
static void test_damaged(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);

    add_damaged_days_ago(1);
    add_days_ago(2);
    add_damaged_days_ago(3);
    add_days_ago(4);
    assert_plan(&options, ".!..!.");
    options.max_backups = 1;
    assert_plan(&options, ".!.N!N"); /* the third has one whole one that is newer, the first none */
    options.max_backups = 2;
    assert_plan(&options, ".!..!.");
    options.retention_days = 0;
    assert_plan(&options, "m!mm!m");
    options.max_backups = 1;
    options.keep_minimum = 2;
    assert_plan(&options, "m!mm!m");
    options.keep_minimum = 1;
    options.keep_daily = 2;
    assert_plan(&options, "m!mN!c");
}

static void test_damaged_by_age(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);

    add_damaged_days_ago(40);
    assert_plan(&options, "m!");
    add_days_ago(42);
    add_damaged_days_ago(44);
    assert_plan(&options, "m!mA!");
    options.retention_days = 41;
    assert_rules(&options, "younger than 41 days (damaged, not counted); newest; "
                           "older than 41 days (damaged, not counted)");
}

/* What can not be opened may be whole. */
static void test_not_openable(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);
    g_autoptr(CronosCatalog) catalog = NULL;

    add_days_ago(1);
    add_damaged_days_ago(2);
    catalog = cronos_catalog_read(directory, NULL);
    cronos_look_at_tails(catalog, -1);
    options.max_backups = 1;
    g_autoptr(GPtrArray) verdicts = cronos_retention_plan(config, catalog, &options);
    assert_true(((CronosRetentionVerdict *)g_ptr_array_index(verdicts, 1))->remove);
    for (guint i = 0; i < verdicts->len; i++)
        assert_null(strstr(((CronosRetentionVerdict *)g_ptr_array_index(verdicts, i))->rule, "("));
}

static void test_words(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);

    add_days_ago(0);
    add_days_ago(2);
    assert_rules(&options, "younger than 30 days; younger than 30 days");
    options.retention_days = 1;
    assert_rules(&options, "younger than 1 day; older than 1 day");
    options.keep_minimum = 2;
    assert_rules(&options, "younger than 1 day; among the 2 newest");
    options.keep_minimum = 1;
    options.retention_days = 0;
    assert_rules(&options, "among the 100 newest; among the 100 newest");
    options.max_backups = 1;
    assert_rules(&options, "newest; beyond the newest");
    add_days_ago(3);
    options.max_backups = 2;
    assert_rules(&options, "among the 2 newest; among the 2 newest; beyond the 2 newest");
    options.max_backups = 0;
    assert_rules(&options, "no limit; no limit; no limit");
    options.max_backups = 1;
    options.keep_daily = 2;
    options.keep_monthly = 9;
    assert_rules(&options, "newest; daily 2025-04-01; monthly 2025-03");
    options.keep_daily = 3;
    assert_rules(&options, "newest; daily 2025-04-01; daily 2025-03-31, monthly 2025-03");
}

static void test_configured_calendar(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);

    for (int i = 100; i < 104; i++)
        add_days_ago(i);
    temporary_write(root, "cronos.conf",
                    "backup: { keep_daily = 2; keep_weekly = 0; keep_monthly = 1; };");
    cronos_config_free(config);
    config = cronos_config_load(root, NULL, NULL);
    assert_plan(&options, "mcAA");
    options.keep_daily = 3;
    assert_plan(&options, "mccA");
    options.keep_daily = 0;
    assert_plan(&options, "mAAA");
    options.max_backups = 1;
    options.keep_daily = 4;
    assert_plan(&options, "mccc");
}

/* The look into tails costs nothing where nothing would go. */
static void test_apply_to_damaged(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);
    g_autoptr(CronosBackupDirectory) locked = cronos_backup_directory_lock(directory, NULL, NULL);

    for (int i = 1; i < 5; i++)
        add_days_ago(i);
    add_damaged_days_ago(0);
    for (int most = 0; most < 2; most++) {
        g_autoptr(CronosCatalog) catalog = NULL;

        options.max_backups = most;
        g_autoptr(GPtrArray) verdicts =
            cronos_retention_apply(config, locked, &options, FALSE, &catalog, NULL);
        const CronosBackup *newest = ((CronosRetentionVerdict *)verdicts->pdata[0])->backup;

        assert_int_equal(verdicts->len, 5);
        assert_int_equal(newest->damaged, most == 1);
    }
    options.max_backups = 0;
    assert_plan(&options, ".!.");
}

static gboolean is_there(const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void test_apply(void **state)
{
    CronosRetentionOptions options = cronos_retention_as_configured(NOW);
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
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_by_age, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_openable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_configured_calendar, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_apply_to_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_apply, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
