/* SPDX-License-Identifier: MIT
 * test-retention-calendar.c - days, weeks and months, held against another way to count them
 *
 * What is kept of 400 days of backups is computed here a second time, backup by backup, with the C
 * library's calendar: strftime's %G-W%V knows ISO weeks, mktime the changes of clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/retention-calendar.h"
#include "core/retention.h"
#include "temporary.h"

#define DAYS 400
#define DAY 86400

static void test_labels(void **state)
{
    static const struct {
        const char *timestamp, *rules;
    } rows[] = {
        {"20250403_100000", "daily 2025-04-03, weekly 2025-W14, monthly 2025-04"},
        {"20250101_000000", "daily 2025-01-01, weekly 2025-W01, monthly 2025-01"},
        {"20241231_235959", "daily 2024-12-31, weekly 2025-W01, monthly 2024-12"},
        {"20241229_120000", "daily 2024-12-29, weekly 2024-W52, monthly 2024-12"},
        {"20240229_000000", "daily 2024-02-29, weekly 2024-W09, monthly 2024-02"},
        {"20210103_120000", "daily 2021-01-03, weekly 2020-W53, monthly 2021-01"},
        {"20210104_120000", "daily 2021-01-04, weekly 2021-W01, monthly 2021-01"},
        {"20160101_120000", "daily 2016-01-01, weekly 2015-W53, monthly 2016-01"},
        {"00010101_000000", "daily 0001-01-01, weekly 0001-W01, monthly 0001-01"},
        {"99991231_235959", "daily 9999-12-31, weekly 9999-W52, monthly 9999-12"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(CronosRetentionCalendar) calendar = {.left = {1, 1, 1}};
        g_autofree char *rules = cronos_retention_calendar_keep(&calendar, rows[i].timestamp);
        g_autofree char *again = cronos_retention_calendar_keep(&calendar, "19991231_000000");

        assert_string_equal(rules, rows[i].rules);
        assert_null(again);
    }
}

/* One backup of the simulation, and what is known of it without the code under test. */
typedef struct {
    char timestamp[16];
    char periods[CRONOS_PERIOD_COUNT][16];
    gint64 created;
    gboolean pinned;
} Made;

/* What a row of the table asks for; the same order as in the options. */
typedef struct {
    int retention_days, max_backups, keep_minimum, daily, weekly, monthly;
} Settings;

static const Settings table[] = {
    {30, 0, 1, 0, 0, 0},    {1, 0, 1, 7, 0, 0},      {1, 0, 1, 0, 5, 0},       {1, 0, 1, 0, 0, 6},
    {1, 0, 1, 7, 4, 12},    {0, 1, 1, 7, 8, 3},      {30, 100, 1, 40, 20, 14}, {10, 3, 2, 1, 1, 1},
    {0, 0, 1, 1, 1, 1},     {1, 1, 1, 1000, 0, 0},   {1, 1, 1, 0, 1000, 1000}, {1, 1, 7, 3, 0, 2},
    {3, 5, 1, 400, 60, 14}, {30, 2000, 50, 0, 0, 2}, {0, 17, 1, 0, 3, 0},
};

static char *root;
static char *directory;
static CronosConfig *config;
static GArray *made; /* of Made, newest first */

static int set_up(void **state)
{
    g_setenv("TZ", "Europe/Berlin", TRUE);
    tzset();
    root = temporary_new();
    config = cronos_config_load(root, NULL, NULL);
    directory = g_build_filename(root, "backups", NULL);
    made = g_array_new(FALSE, TRUE, sizeof(Made));
    return config != NULL && g_mkdir(directory, 0700) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    g_array_unref(made);
    cronos_config_free(config);
    g_free(directory);
    temporary_free(root);
    return 0;
}

static char *file_name_of(const Made *backup)
{
    return g_strconcat("egos_backup_auto_x_", backup->timestamp, ".zip", NULL);
}

static void make(struct tm tm, gboolean pinned)
{
    Made backup = {.pinned = pinned};

    tm.tm_isdst = -1;
    backup.created = mktime(&tm);
    strftime(backup.timestamp, sizeof backup.timestamp, "%Y%m%d_%H%M%S", &tm);
    strftime(backup.periods[CRONOS_PERIOD_DAY], 16, "%Y-%m-%d", &tm);
    strftime(backup.periods[CRONOS_PERIOD_WEEK], 16, "%G-W%V", &tm);
    strftime(backup.periods[CRONOS_PERIOD_MONTH], 16, "%Y-%m", &tm);
    g_array_prepend_val(made, backup);

    g_autofree char *name = file_name_of(&backup);
    g_autofree char *pin = cronos_backup_pin_name(name);
    temporary_write_zip(directory, name);
    if (pinned)
        temporary_write(directory, pin, "");
}

/* The backups of the simulation's day @number: up to four, by a pattern that repeats after 97 days.
 * The first day is 2024-02-01; clocks change on days 59 and 269, and again a year later. */
static void make_day(int number)
{
    static const int times[] = {30, 23000, 120000, 235959}; /* HHMMSS */
    guint pattern = (guint)number * 37u % 97u;

    for (guint i = 0; i < G_N_ELEMENTS(times); i++) {
        struct tm tm = {.tm_year = 124, .tm_mon = 1, .tm_mday = 1 + number};

        if ((pattern >> i & 1) == 0)
            continue;
        tm.tm_hour = times[i] / 10000;
        tm.tm_min = times[i] / 100 % 100;
        tm.tm_sec = times[i] % 100;
        make(tm, pattern == 11 && i == 0);
    }
}

/* Noon of the day @number, when retention runs. */
static gint64 noon_after(int number)
{
    struct tm tm = {.tm_year = 124, .tm_mon = 1, .tm_mday = 2 + number, .tm_hour = 12};

    tm.tm_isdst = -1;
    return mktime(&tm);
}

static const Made *at(guint i)
{
    return &g_array_index(made, Made, i);
}

/* Whether the calendar keeps number @i where @count periods of the kind are kept: none newer is in
 * its period, and those that are newer are in fewer than @count. */
static gboolean is_kept_for_period(guint i, CronosPeriod period, int count)
{
    int newer_periods = 0;

    for (guint j = 0; j < i; j++) {
        if (strcmp(at(j)->periods[period], at(i)->periods[period]) == 0)
            return FALSE;
        newer_periods += j == 0 || strcmp(at(j)->periods[period], at(j - 1)->periods[period]) != 0;
    }
    return newer_periods < count;
}

static gboolean is_expected(guint i, const Settings *s, gint64 now)
{
    gboolean old = s->retention_days > 0 && now - at(i)->created > s->retention_days * DAY;
    gboolean many = s->max_backups > 0 && i + 1 > (guint)s->max_backups;

    return (!old && !many) || at(i)->pinned || i < (guint)s->keep_minimum ||
           is_kept_for_period(i, CRONOS_PERIOD_DAY, s->daily) ||
           is_kept_for_period(i, CRONOS_PERIOD_WEEK, s->weekly) ||
           is_kept_for_period(i, CRONOS_PERIOD_MONTH, s->monthly);
}

static CronosRetentionOptions options_of(const Settings *s, gint64 now)
{
    return (CronosRetentionOptions){
        .retention_days = s->retention_days,
        .max_backups = s->max_backups,
        .keep_minimum = s->keep_minimum,
        .keep_daily = s->daily,
        .keep_weekly = s->weekly,
        .keep_monthly = s->monthly,
        .now = now,
    };
}

static void assert_verdict(const CronosRetentionVerdict *verdict, guint i, const Settings *s,
                           gint64 now)
{
    static const char *const words[] = {"daily", "weekly", "monthly"};
    const int counts[] = {s->daily, s->weekly, s->monthly};
    g_autofree char *name = file_name_of(at(i));

    assert_string_equal(verdict->backup->file_name, name);
    if (verdict->remove == is_expected(i, s, now))
        fail_msg("row %d: %s is %s (%s)", (int)(s - table), name,
                 verdict->remove ? "removed" : "kept", verdict->rule);
    for (int period = 0; period < CRONOS_PERIOD_COUNT; period++) {
        g_autofree char *rule = g_strconcat(words[period], " ", at(i)->periods[period], NULL);

        if (strstr(verdict->rule, words[period]) == NULL)
            continue;
        assert_non_null(strstr(verdict->rule, rule));
        assert_true(is_kept_for_period(i, (CronosPeriod)period, counts[period]));
    }
}

static void test_plan_of_400_days(void **state)
{
    for (int number = 0; number < DAYS; number++)
        make_day(number);
    assert_in_range(made->len, 600, 1000);

    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(directory, NULL);
    gint64 now = noon_after(DAYS);
    for (size_t row = 0; row < G_N_ELEMENTS(table); row++) {
        CronosRetentionOptions options = options_of(&table[row], now);
        g_autoptr(GPtrArray) verdicts = cronos_retention_plan(config, catalog, &options);

        assert_int_equal(verdicts->len, made->len);
        for (guint i = 0; i < verdicts->len; i++)
            assert_verdict(g_ptr_array_index(verdicts, i), i, &table[row], now);
    }
}

/* Forgets what is expected to be gone. */
static void thin_out(const Settings *s, gint64 now)
{
    g_autofree gboolean *kept = g_new(gboolean, made->len + 1);

    for (guint i = 0; i < made->len; i++)
        kept[i] = is_expected(i, s, now);
    for (guint i = made->len; i > 0; i--)
        if (!kept[i - 1])
            g_array_remove_index(made, i - 1);
}

static void assert_left(void)
{
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(directory, NULL);
    const GPtrArray *entries = cronos_catalog_entries(catalog);

    assert_int_equal(entries->len, made->len);
    for (guint i = 0; i < entries->len; i++) {
        const CronosBackup *backup = g_ptr_array_index(entries, i);

        assert_string_equal(backup->parsed.timestamp, at(i)->timestamp);
    }
}

/* As in use: every day adds backups, and retention removes for good. */
static void test_400_days_in_use(void **state)
{
    static const Settings s = {3, 12, 1, 7, 5, 14};
    g_autoptr(CronosBackupDirectory) locked = cronos_backup_directory_lock(directory, NULL, NULL);

    assert_non_null(locked);
    for (int number = 0; number < DAYS; number++) {
        gint64 now = noon_after(number);
        CronosRetentionOptions options = options_of(&s, now);
        g_autoptr(CronosCatalog) catalog = NULL;

        make_day(number);
        g_autoptr(GPtrArray) verdicts =
            cronos_retention_apply(config, locked, &options, FALSE, &catalog, NULL);
        assert_non_null(verdicts);
        thin_out(&s, now);
        assert_left();
    }
    assert_in_range(made->len, 14 + 5, 45);
    assert_string_equal(at(made->len - 1)->periods[CRONOS_PERIOD_MONTH], "2024-02");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),
        cmocka_unit_test_setup_teardown(test_plan_of_400_days, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_400_days_in_use, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
