/* SPDX-License-Identifier: MIT
 * test-pin.c - the marks of pinned backups: set, cleared, and left over */
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
#include "core/pin.h"
#include "temporary.h"

#define NAME "egos_backup_manual_x_20250403_100000.zip"
#define OTHER_NAME "egos_backup_restore_point_y_20250403_100000.zip"
#define PIN "." NAME ".pin"

static char *path;
static CronosBackupDirectory *directory;

static int set_up(void **state)
{
    path = temporary_new();
    directory = cronos_backup_directory_lock(path, NULL, NULL);
    temporary_write(path, NAME, "whole");
    return directory != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    cronos_backup_directory_unlock(directory);
    temporary_free(path);
    return 0;
}

static gboolean is_there(const char *name)
{
    g_autofree char *file = g_build_filename(path, name, NULL);

    return g_file_test(file, G_FILE_TEST_EXISTS);
}

static gboolean is_pinned(const char *name)
{
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(path, NULL);
    const CronosBackup *backup = cronos_catalog_find(catalog, name, NULL, NULL);

    assert_non_null(backup);
    return backup->pinned;
}

static void assert_archive_untouched(const struct stat *before)
{
    g_autofree char *file = g_build_filename(path, NAME, NULL);
    struct stat now;

    assert_int_equal(stat(file, &now), 0);
    assert_int_equal(now.st_ino, before->st_ino);
    assert_int_equal(now.st_ctim.tv_sec, before->st_ctim.tv_sec);
    assert_int_equal(now.st_ctim.tv_nsec, before->st_ctim.tv_nsec);
}

static void test_set_and_clear(void **state)
{
    g_autofree char *file = g_build_filename(path, NAME, NULL);
    g_autoptr(GError) error = NULL;
    struct stat before;

    assert_int_equal(stat(file, &before), 0);
    temporary_write(path, OTHER_NAME, "");
    for (int pass = 0; pass < 2; pass++) { /* twice is as good as once */
        assert_true(cronos_pin_set(directory, NAME, &error));
        assert_true(is_pinned(NAME));
        assert_false(is_pinned(OTHER_NAME));
    }
    assert_archive_untouched(&before);
    for (int pass = 0; pass < 2; pass++) {
        assert_true(cronos_pin_clear(directory, NAME, &error));
        assert_false(is_pinned(NAME));
    }
    assert_archive_untouched(&before);
    assert_false(is_there(PIN));
}

static void test_says_what_it_is(void **state)
{
    g_autofree char *file = g_build_filename(path, PIN, NULL);
    g_autofree char *text = NULL;

    assert_true(cronos_pin_set(directory, NAME, NULL));
    assert_true(g_file_get_contents(file, &text, NULL, NULL));
    assert_non_null(strstr(text, NAME));
    assert_true(g_str_has_suffix(text, "\n"));
}

static void test_refused(void **state)
{
    static const char *const foreign[] = {"mine.zip", "../" NAME, "", "notes.txt"};
    g_autoptr(GError) error = NULL;

    temporary_write(path, "mine.zip", "");
    temporary_write(path, ".mine.zip.pin", "a user's");
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
        g_clear_error(&error);
        assert_false(cronos_pin_set(directory, foreign[i], &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_FAILED));
        g_clear_error(&error);
        assert_false(cronos_pin_clear(directory, foreign[i], &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_FAILED));
    }
    assert_true(is_there(".mine.zip.pin"));
    g_clear_error(&error);
    assert_false(cronos_pin_set(directory, OTHER_NAME, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND));
    assert_false(is_there("." OTHER_NAME ".pin"));
}

static void test_can_not_be_cleared(void **state)
{
    g_autofree char *folder = g_build_filename(path, PIN, NULL);
    g_autoptr(GError) error = NULL;

    assert_int_equal(g_mkdir(folder, 0700), 0);
    assert_true(is_pinned(NAME)); /* rather kept than lost */
    assert_false(cronos_pin_clear(directory, NAME, &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, EISDIR));
    assert_non_null(strstr(error->message, NAME));
}

static void test_orphans(void **state)
{
    temporary_write(path, "." OTHER_NAME ".pin", "");
    temporary_write(path, ".mine.zip.pin", "a user's");
    assert_true(cronos_pin_set(directory, NAME, NULL));
    assert_int_equal(cronos_pin_clear_orphans(directory, TRUE), 1);
    assert_true(is_there("." OTHER_NAME ".pin"));
    assert_int_equal(cronos_pin_clear_orphans(directory, FALSE), 1);
    assert_false(is_there("." OTHER_NAME ".pin"));
    assert_int_equal(cronos_pin_clear_orphans(directory, FALSE), 0);
    assert_true(is_there(PIN));
    assert_true(is_there(".mine.zip.pin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_set_and_clear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_says_what_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_can_not_be_cleared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_orphans, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
