/* SPDX-License-Identifier: MIT
 * test-member-sizes.c - the largest members, and kinds by extension */
#include "tests/unit/zip-fixtures.h"

#include "core/member-sizes.h"

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

static CronosArchive *make(const char *members)
{
    g_autofree char *script = g_strdup_printf("craft('a.zip', [%s])\n", members);
    int fd;

    run_python(directory, script);
    fd = open_file(directory, "a.zip");
    return cronos_archive_open_fd(fd, "a.zip", NULL);
}

/* Returns: (owned) "PATH stored size; ..." */
static char *format_largest(const CronosArchive *archive, const CronosMemberSizes *sizes)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < sizes->largest->len; i++) {
        const CronosSizedMember *member = &g_array_index(sizes->largest, CronosSizedMember, i);
        g_autofree char *path = cronos_archive_path(archive, member->entry);

        g_string_append_printf(text, "%s%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                               i > 0 ? "; " : "", path, member->stored_bytes, member->size_bytes);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Returns: (owned) "KIND members stored size; ..." */
static char *format_kinds(const CronosMemberSizes *sizes)
{
    static const char *const words[] = {"file", "folder", "link"};
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < sizes->kinds->len; i++) {
        const CronosKindSizes *kind = g_ptr_array_index(sizes->kinds, i);

        assert_int_equal(kind->extension != NULL, kind->kind == CRONOS_MEMBER_FILE);
        g_string_append_printf(
            text, "%s%s%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
            i > 0 ? "; " : "", words[kind->kind], kind->extension != NULL ? kind->extension : "",
            kind->members, kind->stored_bytes, kind->size_bytes);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void assert_largest(CronosArchive *archive, guint wanted, const char *expected)
{
    g_autoptr(CronosMemberSizes) sizes = cronos_member_sizes_read(archive, wanted, NULL);
    g_autofree char *text = format_largest(archive, sizes);

    assert_string_equal(text, expected);
}

static void test_order(void **state)
{
    g_autoptr(CronosArchive) archive = make(
        "f(b'd/b', b'22'), f(b'd/a', b'22'), f(b'large', b'0' * 9000, method=8),\n"
        "f(b'noise', os.urandom(300)), f(b'empty', b''), f(b'd/', b'', attributes=0o40755 << 16),\n"
        "f(b'link', b'noise', attributes=0o120777 << 16), f(b'two', b'0', size=3, packed=2)");
    g_autoptr(CronosMemberSizes) sizes = cronos_member_sizes_read(archive, 100, NULL);
    g_autofree char *all = format_largest(archive, sizes);
    const char *from_link = strstr(all, "link ");

    assert_int_equal(sizes->largest->len, 7);
    assert_true(g_str_has_prefix(all, "noise 300 300; large "));
    assert_string_equal(from_link, "link 5 5; two 2 3; d/a 2 2; d/b 2 2; empty 0 0");
    assert_largest(archive, 1, "noise 300 300");
}

static void test_kinds(void **state)
{
    g_autoptr(CronosArchive) archive =
        make("f(b'd/', b'', attributes=0o40755 << 16), f(b'd/a.c', b'12345'),\n"
             "f(b'implied/B.C', b'12345'), f(b'd/.hidden', b'123'), f(b'd/.hidden.h', b'12'),\n"
             "f(b'archive.tar.gz', b'1234567'), f(b'none.', b'1'), f(b'bad.e x', b'1'),\n"
             "f(b'long.abcdefghijklmnopq', b'1'), f(b'fits.abcdefghijklmnop', b'12345678'),\n"
             "f(b'plain', b'1'), f(b'.', b'1'), f(b'link.c', b'a', attributes=0o120777 << 16)");
    g_autoptr(CronosMemberSizes) sizes = cronos_member_sizes_read(archive, 1, NULL);
    g_autofree char *kinds = format_kinds(sizes);

    assert_string_equal(kinds, "file.c 2 10 10; file 6 8 8; file.abcdefghijklmnop 1 8 8; "
                               "file.gz 1 7 7; file.h 1 2 2; link 1 1 1; folder 1 0 0");
}

static void test_metadata_is_left_out(void **state)
{
    g_autoptr(CronosArchive) archive =
        make("f(b'backup_metadata.json', b'{\"cronos\": {\"member\": true}}'), f(b'a', b'1'),\n"
             "f(b'd/backup_metadata.json', b'12')");
    g_autoptr(CronosMemberSizes) sizes = cronos_member_sizes_read(archive, 9, NULL);
    g_autofree char *largest = format_largest(archive, sizes);
    g_autofree char *kinds = format_kinds(sizes);

    assert_string_equal(largest, "d/backup_metadata.json 2 2; a 1 1");
    assert_string_equal(kinds, "file.json 1 2 2; file 1 1 1");
}

/* More members than are held at a time: none of the largest is lost on the way. */
static void test_many(void **state)
{
    g_autoptr(CronosArchive) archive =
        make("f(b'%05d' % i, b'', size=i * 7919 % 5003, packed=i * 7919 % 5003)\n"
             "for i in range(5003)");
    g_autoptr(CronosMemberSizes) sizes = cronos_member_sizes_read(archive, 700, NULL);

    assert_int_equal(sizes->largest->len, 700);
    for (guint i = 0; i < 700; i++)
        assert_int_equal(g_array_index(sizes->largest, CronosSizedMember, i).stored_bytes,
                         5002 - i);
    assert_largest(archive, 2, "00863 5002 5002; 01726 5001 5001");
}

static void test_nothing(void **state)
{
    g_autoptr(CronosArchive) archive = make("");
    g_autoptr(CronosMemberSizes) sizes = cronos_member_sizes_read(archive, G_MAXINT, NULL);

    assert_int_equal(sizes->largest->len, 0);
    assert_int_equal(sizes->kinds->len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metadata_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
