/* SPDX-License-Identifier: MIT
 * test-backup-name.c - backup file names taken apart and put together (TZ is Europe/Berlin) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/backup-name.h"
#include "core/error.h"

static void test_parse(void **state)
{
    static const struct {
        const char *file_name, *type, *name, *timestamp;
    } cases[] = {
        {"egos_backup_manual_my_project_20250403_100000.zip", "manual", "my_project",
         "20250403_100000"},
        {"egos_backup_auto_x_20250403_100000.zip", "auto", "x", "20250403_100000"},
        {"egos_backup_restore_point_x_y_20250403_100000.zip", "restore_point", "x_y",
         "20250403_100000"},
        {"egos_backup_restore_point_20250403_100000.zip", "restore", "point", "20250403_100000"},
        {"egos_backup_nightly-2_x_20250403_100000.zip", "nightly-2", "x", "20250403_100000"},
        {"egos_backup_manual_EGOS Project!_20240229_235959.zip", "manual", "EGOS Project!",
         "20240229_235959"},
        {"egos_backup_manual_\377_20250403_100000.zip", "manual", "\377", "20250403_100000"},
        {"egos_backup_manual_a_20200101_000000_20250403_100000.zip", "manual", "a_20200101_000000",
         "20250403_100000"},
        {"egos_backup_manual___20250403_100000.zip", "manual", "_", "20250403_100000"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        CronosBackupName name;

        assert_true(cronos_backup_name_parse(cases[i].file_name, &name));
        assert_string_equal(name.type, cases[i].type);
        assert_string_equal(name.name, cases[i].name);
        assert_string_equal(name.timestamp, cases[i].timestamp);
        g_autofree char *again = cronos_backup_name_format(name.type, name.name, name.created);
        assert_string_equal(again, cases[i].file_name);
        cronos_backup_name_clear(&name);
        assert_null(name.type);
    }
}

static void test_parse_refuses(void **state)
{
    static const char *const cases[] = {
        "",
        ".zip",
        "egos_backup_.zip",
        "egos_backup_20250403_100000.zip",
        "egos_backup_manual_20250403_100000.zip",
        "egos_backup_manual__20250403_100000.zip",
        "egos_backup__x_20250403_100000.zip",
        "egos_backup_Manual_x_20250403_100000.zip",
        "egos_backup_manual_x_20250403_100000.tar",
        "egos_backup_manual_x_20250403_100000",
        "egos_backup_manual_x20250403_100000.zip",
        "egos_backup_manual_x_20250403-100000.zip",
        "egos_backup_manual_x_2025040a_100000.zip",
        "egos_backup_manual_x_20250229_100000.zip",
        "egos_backup_manual_x_20250431_100000.zip",
        "egos_backup_manual_x_20251301_100000.zip",
        "egos_backup_manual_x_20250001_100000.zip",
        "egos_backup_manual_x_20250100_100000.zip",
        "egos_backup_manual_x_00000101_100000.zip",
        "egos_backup_manual_x_20250403_240000.zip",
        "egos_backup_manual_x_20250403_106000.zip",
        "egos_backup_manual_x_20250403_100060.zip",
        "egos_backup_manual_a/b_20250403_100000.zip",
        "xegos_backup_manual_x_20250403_100000.zip",
        "egos_backup_aaaaaaaaaabbbbbbbbbbccccccccccddd_x_20250403_100000.zip",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        CronosBackupName name;

        assert_false(cronos_backup_name_parse(cases[i], &name));
        assert_null(name.type);
        assert_null(name.name);
    }
}

static gint64 created_of(const char *timestamp)
{
    g_autofree char *file_name = g_strdup_printf("egos_backup_manual_x_%s.zip", timestamp);
    CronosBackupName name;

    assert_true(cronos_backup_name_parse(file_name, &name));
    gint64 created = name.created;
    cronos_backup_name_clear(&name);
    return created;
}

static void test_local_time(void **state)
{
    assert_int_equal(created_of("20250403_100000"), 1743667200); /* 08:00 UTC */
    assert_int_equal(created_of("20250103_100000"), 1735894800); /* 09:00 UTC */
    /* 02:30 comes twice: 00:30 UTC and 01:30 UTC; the earlier one */
    assert_int_equal(created_of("20251026_023000"), 1761438600);
    /* 02:30 does not come at all; some instant in that hour's neighbourhood */
    gint64 skipped = created_of("20250330_023000");
    assert_in_range(skipped, 1743294600 - 3600, 1743294600 + 3600);

    for (gint64 t = 1761430000; t < 1761450000; t += 600) {
        g_autofree char *timestamp = cronos_backup_timestamp(t);
        gint64 read = created_of(timestamp);
        assert_true(read == t || read == t - 3600);
    }
}

/* In Ireland the hour that comes twice ends, as the tables have it, with the "summer time". */
static void test_negative_daylight_saving(void **state)
{
    g_autofree char *zone = g_strdup(g_getenv("TZ"));

    g_setenv("TZ", "IST-1GMT0,M10.5.0,M3.5.0/1", TRUE);
    tzset();
    assert_int_equal(created_of("20251026_013000"), 1761438600); /* 00:30 UTC, not 01:30 */
    if (zone != NULL)
        g_setenv("TZ", zone, TRUE);
    else
        g_unsetenv("TZ");
    tzset();
}

static void test_absurd_clock(void **state)
{
    g_autofree char *late = cronos_backup_timestamp(G_MAXINT64);
    g_autofree char *early = cronos_backup_timestamp(G_MININT64);

    assert_int_equal(strlen(late), 15);
    assert_int_equal(strlen(early), 15);
}

static void test_normalize(void **state)
{
    static const struct {
        const char *typed, *normal;
    } cases[] = {
        {"My Project", "my_project"},
        {"a  b", "a__b"},
        {"v1.2-rc_3", "v1.2-rc_3"},
        {"\303\204rger", "\303\244rger"}, /* upper-case a umlaut */
        {"\320\234\320\276\321\201\320\272", "\320\274\320\276\321\201\320\272"}, /* Cyrillic */
        {"a\302\240b", "a_b"}, /* no-break space */
        {"what?! (x) \"y\"", "what_x_y"},
        {"e\314\201", "e\314\201"}, /* a combining accent */
        {"-x", "-x"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *normal = cronos_backup_name_normalize(cases[i].typed, &error);

        assert_null(error);
        assert_string_equal(normal, cases[i].normal);
        g_autofree char *again = cronos_backup_name_normalize(normal, NULL);
        assert_string_equal(again, normal);
    }
}

static void test_normalize_refuses(void **state)
{
    g_autofree char *longest = g_strnfill(CRONOS_BACKUP_NAME_MAX, 'x');
    g_autofree char *too_long = g_strnfill(CRONOS_BACKUP_NAME_MAX + 1, 'x');
    const struct {
        const char *typed, *reason;
    } cases[] = {
        {"", "empty"},       {"?!", "no letter"},   {"a/b", "\"/\""},    {"..", "dot"},
        {".hidden", "dot"},  {"(.hidden)", "dot"},  {"a\nb", "control"}, {"a\177", "control"},
        {"a\tb", "control"}, {"\377\376", "UTF-8"}, {too_long, "128"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(cronos_backup_name_normalize(cases[i].typed, &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
        assert_non_null(strstr(error->message, cases[i].reason));
        assert_null(strchr(error->message, '\n'));
    }
    g_autofree char *normal = cronos_backup_name_normalize(longest, NULL);
    assert_string_equal(normal, longest);
}

static void test_type(void **state)
{
    static const char *const good[] = {"manual", "auto", "restore_point", "nightly", "a-1", "0"};
    static const char *const bad[] = {"",
                                      "Manual",
                                      "a_b",
                                      "a b",
                                      "a/b",
                                      "\303\244",
                                      "a.b",
                                      "aaaaaaaaaabbbbbbbbbbccccccccccddd",
                                      "restore_pointx"};

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
        assert_true(cronos_backup_type_check(good[i], NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        assert_false(cronos_backup_type_check(bad[i], &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    }
}

static void test_pin(void **state)
{
    static const char *const no_pins[] = {
        "",
        ".pin",
        "egos_backup_manual_x_20250403_100000.zip",
        "egos_backup_manual_x_20250403_100000.zip.pin",
        ".egos_backup_manual_x_20250403_100000.zip",
        ".egos_backup_manual_x_20250403_100000.pin",
        ".egos_backup_manual_x_20250403_109900.zip.pin",
        ".egos_backup_.pin",
        ".mine.zip.pin",
        ".cronos-1-0badf00d.tmp",
    };
    g_autofree char *name = cronos_backup_pin_name("egos_backup_manual_x_20250403_100000.zip");
    g_autofree char *target = cronos_backup_pin_target(name);

    assert_string_equal(name, ".egos_backup_manual_x_20250403_100000.zip.pin");
    assert_string_equal(target, "egos_backup_manual_x_20250403_100000.zip");
    for (size_t i = 0; i < G_N_ELEMENTS(no_pins); i++)
        assert_null(cronos_backup_pin_target(no_pins[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_local_time),
        cmocka_unit_test(test_negative_daylight_saving),
        cmocka_unit_test(test_absurd_clock),
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_normalize_refuses),
        cmocka_unit_test(test_type),
        cmocka_unit_test(test_pin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
