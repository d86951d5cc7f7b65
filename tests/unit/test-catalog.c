/* SPDX-License-Identifier: MIT
 * test-catalog.c - the backup directory listed, and identifiers resolved */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/catalog.h"
#include "core/error.h"
#include "core/nearest.h"
#include "temporary.h"

static char *directory;

static int set_up(void **state)
{
    directory = temporary_new();
    return 0;
}

static int tear_down(void **state)
{
    temporary_free(directory);
    return 0;
}

static void set_mtime(const char *name, gint64 seconds)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    const struct timespec times[2] = {{seconds, 0}, {seconds, 5}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void add(const char *name, gint64 mtime)
{
    temporary_write(directory, name, "12345");
    set_mtime(name, mtime);
}

static CronosCatalog *read_catalog(void)
{
    CronosCatalog *catalog = cronos_catalog_read(directory, NULL);

    assert_non_null(catalog);
    return catalog;
}

static const CronosBackup *entry(const CronosCatalog *catalog, guint i)
{
    assert_in_range(i, 0, cronos_catalog_entries(catalog)->len - 1);
    return g_ptr_array_index(cronos_catalog_entries(catalog), i);
}

static void test_missing_directory(void **state)
{
    g_autofree char *missing = g_build_filename(directory, "missing", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(missing, &error);

    assert_non_null(catalog);
    assert_int_equal(cronos_catalog_entries(catalog)->len, 0);
    assert_string_equal(cronos_catalog_directory(catalog), missing);
    assert_null(cronos_catalog_find(catalog, "latest", NULL, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND));
    assert_non_null(strstr(error->message, "there are no backups in"));
}

static void test_not_a_directory(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_build_filename(directory, "file", NULL);

    temporary_write(directory, "file", "");
    assert_null(cronos_catalog_read(file, &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOTDIR));
}

static void test_order(void **state)
{
    static const char *const expected[] = {
        "egos_backup_restore_point_b_20250405_100000.zip",
        "egos_backup_manual_b_20250404_100000.zip",
        "egos_backup_auto_a_20250403_100000.zip",   /* same time stamp: newer mtime first */
        "egos_backup_manual_a_20250403_100000.zip", /* the same mtime as the next: by name */
        "egos_backup_manual_c_20250403_100000.zip",
        "new.zip",
        "old.zip",
    };
    g_autofree char *folder = g_build_filename(directory, "folder.zip", NULL);
    g_autofree char *link = g_build_filename(directory, "link.zip", NULL);

    add("egos_backup_manual_c_20250403_100000.zip", 50);
    add("egos_backup_manual_a_20250403_100000.zip", 50);
    add("egos_backup_auto_a_20250403_100000.zip", 60);
    add("egos_backup_manual_b_20250404_100000.zip", 10);
    add("egos_backup_restore_point_b_20250405_100000.zip", 5);
    add("old.zip", 1000);
    add("new.zip", 2000);
    add("notes.txt", 1);
    add(".egos_backup_manual_c_20250403_100000.zip", 1);
    add(".cronos-1-00000000.tmp", 1);
    assert_int_equal(g_mkdir(folder, 0700), 0);
    assert_int_equal(symlink("old.zip", link), 0);

    g_autoptr(CronosCatalog) catalog = read_catalog();
    assert_int_equal(cronos_catalog_entries(catalog)->len, G_N_ELEMENTS(expected));
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        const CronosBackup *backup = entry(catalog, i);

        assert_string_equal(backup->file_name, expected[i]);
        assert_int_equal(backup->foreign, i >= 5);
        assert_int_equal(backup->size_bytes, 5);
        assert_int_not_equal(backup->inode, 0);
    }
    assert_int_equal(entry(catalog, 0)->mtime_ns, G_GINT64_CONSTANT(5000000005));
    assert_string_equal(entry(catalog, 0)->parsed.type, "restore_point");
    assert_string_equal(entry(catalog, 0)->parsed.name, "b");
    assert_null(entry(catalog, 5)->parsed.name);
}

static void test_pinned(void **state)
{
    static const char *const expected[] = {"egos_backup_restore_point_b_20250405_100000.zip",
                                           "egos_backup_manual_a_20250404_100000.zip",
                                           "egos_backup_auto_a_20250403_100000.zip", "mine.zip"};

    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++)
        add(expected[i], 5);
    add(".egos_backup_restore_point_b_20250405_100000.zip.pin", 5);
    add(".egos_backup_auto_a_20250403_100000.zip.pin", 5);
    add(".egos_backup_auto_gone_20250403_100000.zip.pin", 5);
    add(".mine.zip.pin", 5);
    g_autoptr(CronosCatalog) catalog = read_catalog();

    assert_int_equal(cronos_catalog_entries(catalog)->len, G_N_ELEMENTS(expected));
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        assert_string_equal(entry(catalog, i)->file_name, expected[i]);
        assert_int_equal(entry(catalog, i)->pinned, i == 0 || i == 2);
    }
}

/* @others: how many more the winning form matched. */
static void assert_found(const CronosCatalog *catalog, const char *identifier,
                         const char *file_name, guint others)
{
    g_autoptr(GPtrArray) matches = NULL;
    g_autoptr(GError) error = NULL;
    const CronosBackup *backup = cronos_catalog_find(catalog, identifier, &matches, &error);

    assert_non_null(backup);
    assert_string_equal(backup->file_name, file_name);
    assert_int_equal(matches->len, others);
    assert_ptr_equal(cronos_catalog_find(catalog, identifier, NULL, NULL), backup);
}

static void test_identifiers(void **state)
{
    add("egos_backup_manual_my_project_20250403_100000.zip", 30);
    add("egos_backup_auto_my_project_20250403_100000.zip", 20);
    add("egos_backup_auto_other_20250403_100000.zip", 10);
    add("egos_backup_restore_point_x_20250501_000000.zip", 10);
    add("egos_backup_auto_latest_20240101_000000.zip", 10);
    add("20250403_100000.ZIP", 5);
    add("foreign.zip", 5);
    g_autoptr(CronosCatalog) catalog = read_catalog();

    assert_found(catalog, "egos_backup_auto_my_project_20250403_100000.zip",
                 "egos_backup_auto_my_project_20250403_100000.zip", 0);
    assert_found(catalog, "egos_backup_auto_my_project_20250403_100000",
                 "egos_backup_auto_my_project_20250403_100000.zip", 0);
    assert_found(catalog, "my_project_20250403_100000",
                 "egos_backup_manual_my_project_20250403_100000.zip", 1);
    assert_found(catalog, "other_20250403_100000", "egos_backup_auto_other_20250403_100000.zip", 0);
    assert_found(catalog, "20250501_000000", "egos_backup_restore_point_x_20250501_000000.zip", 0);
    assert_found(catalog, "latest", "egos_backup_manual_my_project_20250403_100000.zip", 0);
    assert_found(catalog, "foreign", "foreign.zip", 0);
    assert_found(catalog, "foreign.zip", "foreign.zip", 0);
    assert_found(catalog, "latest_20240101_000000", "egos_backup_auto_latest_20240101_000000.zip",
                 0);
}

/* "restore latest" made a restore point, which was the latest then: the next one undid the first.
 */
static void test_latest(void **state)
{
    g_autoptr(CronosCatalog) catalog = NULL;

    add("foreign.zip", 5);
    catalog = read_catalog();
    assert_null(cronos_catalog_latest(catalog));
    cronos_catalog_free(catalog);
    add("egos_backup_restore_point_x_20250501_000000.zip", 10);
    add("egos_backup_restore_point_x_20250502_000000.zip", 10);
    catalog = read_catalog();
    assert_found(catalog, "latest", "egos_backup_restore_point_x_20250502_000000.zip", 0);
    cronos_catalog_free(catalog);
    add("egos_backup_auto_x_20250403_100000.zip", 20);
    add("egos_backup_manual_x_20250402_100000.zip", 20);
    catalog = read_catalog();
    assert_found(catalog, "latest", "egos_backup_auto_x_20250403_100000.zip", 0);
    assert_found(catalog, "20250502_000000", "egos_backup_restore_point_x_20250502_000000.zip", 0);
}

static void test_others(void **state)
{
    g_autoptr(GPtrArray) others = NULL;

    add("egos_backup_manual_a_20250403_100000.zip", 30);
    add("egos_backup_auto_a_20250403_100000.zip", 20);
    add("egos_backup_auto_b_20250403_100000.zip", 10);
    g_autoptr(CronosCatalog) catalog = read_catalog();
    const CronosBackup *backup = cronos_catalog_find(catalog, "20250403_100000", &others, NULL);

    assert_ptr_equal(backup, entry(catalog, 0));
    assert_int_equal(others->len, 2);
    assert_ptr_equal(g_ptr_array_index(others, 0), entry(catalog, 1));
    assert_ptr_equal(g_ptr_array_index(others, 1), entry(catalog, 2));
}

static void test_file_name_wins_over_words(void **state)
{
    add("latest.zip", 5);
    add("egos_backup_manual_a_20250403_100000.zip", 30);
    g_autoptr(CronosCatalog) catalog = read_catalog();

    assert_found(catalog, "latest", "latest.zip", 0);
}

static void assert_suggests(const CronosCatalog *catalog, const char *identifier,
                            const char *suggestion)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) others = NULL;

    assert_null(cronos_catalog_find(catalog, identifier, &others, &error));
    assert_null(others);
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND));
    assert_null(strchr(error->message, '\n'));
    if (suggestion != NULL)
        assert_non_null(strstr(error->message, suggestion));
    else
        assert_null(strstr(error->message, "did you mean"));
}

static void test_suggestions(void **state)
{
    g_autofree char *huge = g_strnfill(100000, 'x');

    add("egos_backup_manual_web_20250403_100000.zip", 30);
    add("egos_backup_manual_web_20250402_100000.zip", 30);
    add("egos_backup_manual_shop_20250402_100000.zip", 30);
    add("egos_backup_manual_a\nb_20250402_100000.zip", 30);
    g_autoptr(CronosCatalog) catalog = read_catalog();

    assert_suggests(catalog, "web",
                    "did you mean \"egos_backup_manual_web_20250403_100000.zip\" or "
                    "\"egos_backup_manual_web_20250402_100000.zip\"?");
    assert_suggests(catalog, "shpo_20250402_100000",
                    "did you mean \"egos_backup_manual_shop_20250402_100000.zip\"");
    assert_suggests(catalog, "20250403_10000", "egos_backup_manual_web_20250403_100000.zip");
    assert_suggests(catalog, "a\nb", "a\\012b");
    assert_suggests(catalog, "zebra-crossing", NULL);
    assert_suggests(catalog, "", NULL);
    assert_suggests(catalog, huge, NULL);
}

static void test_distance(void **state)
{
    g_autofree char *huge = g_strnfill(256, 'x');

    assert_int_equal(cronos_nearest_distance("", ""), 0);
    assert_int_equal(cronos_nearest_distance("", "abc"), 3);
    assert_int_equal(cronos_nearest_distance("abc", ""), 3);
    assert_int_equal(cronos_nearest_distance("kitten", "sitting"), 3);
    assert_int_equal(cronos_nearest_distance("level", "leevl"), 1);
    assert_int_equal(cronos_nearest_distance("abcd", "badc"), 2);
    assert_int_equal(cronos_nearest_distance(huge, "x"), G_MAXUINT);
    assert_int_equal(cronos_nearest_distance(huge + 1, huge + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_missing_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pinned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_identifiers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_latest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_name_wins_over_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_suggestions, set_up, tear_down),
        cmocka_unit_test(test_distance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
