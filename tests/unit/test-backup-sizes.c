/* SPDX-License-Identifier: MIT
 * test-backup-sizes.c - what each backup alone holds, and the table behind it */
#include "tests/unit/zip-fixtures.h"

#include "core/backup-sizes.h"
#include "core/content-table.h"

#include <string.h>

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

/* Holds the sizes of the backups, newest first, against @expected: "known size own" of each. */
static void assert_sizes(const char *expected)
{
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(directory, NULL);
    g_autoptr(GPtrArray) sizes = cronos_backup_sizes_read(catalog, NULL);
    g_autoptr(GString) text = g_string_new(NULL);

    assert_non_null(sizes);
    assert_int_equal(sizes->len, cronos_catalog_entries(catalog)->len);
    for (guint i = 0; i < sizes->len; i++) {
        const CronosBackupSizes *one = g_ptr_array_index(sizes, i);

        assert_true(one->known || (one->size_bytes == 0 && one->own_bytes == 0));
        g_string_append_printf(text, "%s%s%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                               i > 0 ? ", " : "", one->known ? "" : "?", one->size_bytes,
                               one->own_bytes);
        assert_true(one->error == NULL || !one->known);
    }
    assert_string_equal(text->str, expected);
}

/* Python: backup(day, members) makes the backup of that day. */
#define BACKUP                                                                                     \
    "def backup(day, *members):\n"                                                                 \
    "    craft('egos_backup_auto_x_202504%02d_100000.zip' % day, members)\n"

static void test_what_is_the_same(void **state)
{
    run_python(
        directory, BACKUP
        "backup(1, f(b'same', b'1' * 10), f(b'changed', b'1' * 100), f(b'd/moved', b'm' * 1000))\n"
        "backup(2, f(b'same', b'1' * 10), f(b'changed', b'2' * 100), f(b'moved', b'm' * 1000),\n"
        "    f(b'grown', b'1' * 10000))\n"
        "backup(3, f(b'same', b'1' * 10), f(b'changed', b'2' * 100),\n"
        "    f(b'grown', b'1' * 10001))\n");
    assert_sizes("10111 10001, 11110 11000, 1110 1100");
}

/* However many hold it: a content in two of three is in none alone. */
static void test_one_two_three(void **state)
{
    run_python(directory, BACKUP "backup(1, f(b'a', b'1' * 10))\n");
    assert_sizes("10 10");
    run_python(directory, BACKUP "backup(2, f(b'a', b'1' * 10))\n");
    assert_sizes("10 0, 10 0");
    run_python(directory, BACKUP "backup(3, f(b'a', b'1' * 10))\n");
    assert_sizes("10 0, 10 0, 10 0");
}

static void test_stored_bytes_count(void **state)
{
    run_python(directory,
               BACKUP "backup(1, f(b'a', b'1' * 5000, method=8))\n"
                      "n = zipfile.ZipFile('egos_backup_auto_x_20250401_100000.zip').getinfo('a')\n"
                      "open('expected', 'w').write('5000 %d' % n.compress_size)\n");
    g_autofree char *path = g_build_filename(directory, "expected", NULL);
    g_autofree char *expected = NULL;

    assert_true(g_file_get_contents(path, &expected, NULL, NULL));
    assert_sizes(expected);
    /* The same content, compressed otherwise, is the same content. */
    run_python(directory, BACKUP "backup(2, f(b'a', b'1' * 5000))\n");
    assert_sizes("5000 0, 5000 0");
}

/* Links are content, but no file's; folders and empty files are none. */
static void test_kinds(void **state)
{
    run_python(directory, BACKUP
               "backup(1, f(b'd/', b'', attributes=0o40755 << 16), f(b'd/e', b''),\n"
               "    f(b'd/link', b'target', attributes=0o120777 << 16), f(b'd/file', b'123'))\n");
    assert_sizes("3 9");
}

static void test_paths(void **state)
{
    run_python(
        directory, BACKUP
        "names = [b'ab/c', b'a/bc', b'abc', b'a/b/c', b'c/ab', b'x' * 8, b'x' * 9, b'x' * 16]\n"
        "for day, name in enumerate(names): backup(day + 1, f(name, b'12345'))\n"
        "names = [b'y' * 8 + b'\\1', b'y' * 8, b'deep/' * 300 + b'file']\n"
        "for day, name in enumerate(names): backup(day + 11, f(name, b'12345'))\n");
    assert_sizes("5 5, 5 5, 5 5, 5 5, 5 5, 5 5, 5 5, 5 5, 5 5, 5 5, 5 5");
}

/* What create adds is in each backup another one, and the same content as ever is no loss. */
static void test_metadata(void **state)
{
    run_python(directory,
               BACKUP "own = b'{\"created_at\": \"%d\", \"cronos\": {\"member\": true}}'\n"
                      "backup(1, f(b'backup_metadata.json', own % 1), f(b'a', b'1'))\n"
                      "backup(2, f(b'backup_metadata.json', own % 2), f(b'a', b'1'))\n"
                      "backup(3, f(b'backup_metadata.json', b'{}'), f(b'a', b'1'))\n");
    assert_sizes("3 2, 1 0, 1 0");
}

static void test_foreign_and_damaged(void **state)
{
    run_python(directory, BACKUP "backup(1, f(b'a', b'1' * 10))\n"
                                 "backup(2, f(b'a', b'1' * 10))\n"
                                 "craft('foreign.zip', [f(b'b', b'1' * 10)])\n"
                                 "backup(3, f(b'b', b'1' * 10))\n"
                                 "os.truncate('egos_backup_auto_x_20250402_100000.zip', 30)\n");
    assert_sizes("10 10, ?0 0, 10 10, ?0 0");

    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(directory, NULL);
    g_autoptr(GPtrArray) sizes = cronos_backup_sizes_read(catalog, NULL);
    const CronosBackupSizes *damaged = g_ptr_array_index(sizes, 1);
    const CronosBackupSizes *foreign = g_ptr_array_index(sizes, 3);
    assert_non_null(strstr(damaged->error, "egos_backup_auto_x_20250402_100000.zip"));
    assert_null(foreign->error);
}

static void test_empty(void **state)
{
    assert_sizes("");
}

static void merge(CronosContentTable *table, guint32 backup, guint64 from, guint64 to)
{
    g_autoptr(GArray) contents = g_array_new(FALSE, FALSE, sizeof(CronosContent));

    for (guint64 i = from; i < to; i++) {
        CronosContent content = {i << 32, i}; /* keys that all begin at one slot, at first */

        g_array_append_val(contents, content);
    }
    cronos_content_table_merge(table, backup, contents);
}

static guint64 sum(guint64 from, guint64 to)
{
    return (to * (to - 1) - from * (from - 1)) / 2;
}

/* Key 0 is a key, and the table grows. */
static void test_table(void **state)
{
    static const guint32 orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}};
    static const guint64 from[] = {0, 3000, 4500}, to[] = {4000, 5000, 6000};

    for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
        g_autoptr(CronosContentTable) table = cronos_content_table_new(4);

        for (size_t j = 0; j < 3; j++)
            merge(table, orders[i][j], from[orders[i][j]], to[orders[i][j]]);
        assert_int_equal(cronos_content_table_own_bytes(table, 0), sum(0, 3000));
        assert_int_equal(cronos_content_table_own_bytes(table, 1), sum(4000, 4500));
        assert_int_equal(cronos_content_table_own_bytes(table, 2), sum(5000, 6000));
        assert_int_equal(cronos_content_table_own_bytes(table, 3), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_two_three, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stored_bytes_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metadata, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_and_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
