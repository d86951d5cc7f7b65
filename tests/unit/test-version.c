/* SPDX-License-Identifier: MIT
 * test-version.c - what is the same, and what versions are called */
#include "core/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TIME "20250403_100000"

static const CronosMemberInfo file = {.kind = CRONOS_MEMBER_FILE,
                                      .mode = 0100644,
                                      .mtime_ns = 5,
                                      .size_bytes = 7,
                                      .has_crc32 = TRUE,
                                      .crc32 = 9};

static void test_same(void **state)
{
    CronosMemberInfo other = file;

    other.mtime_ns = 6;
    other.mode = 0100600;
    other.uid = 1;
    other.has_owner = TRUE;
    assert_true(cronos_version_is_same(&file, &other));
    other.crc32 = 8;
    assert_false(cronos_version_is_same(&file, &other));
    other = file;
    other.size_bytes = 8;
    assert_false(cronos_version_is_same(&file, &other));
    other = file;
    other.kind = CRONOS_MEMBER_SYMLINK;
    assert_false(cronos_version_is_same(&file, &other));
}

static void test_same_without_checksum(void **state)
{
    CronosMemberInfo other = file;

    other.has_crc32 = FALSE;
    assert_true(cronos_version_is_same(&file, &other));
    other.mtime_ns = 6;
    assert_false(cronos_version_is_same(&file, &other));
}

static void test_folders_are_the_same(void **state)
{
    CronosMemberInfo one = {.kind = CRONOS_MEMBER_DIRECTORY}, other = one;

    other.mtime_ns = 6;
    other.mode = 040700;
    assert_true(cronos_version_is_same(&one, &other));
    assert_false(cronos_version_is_same(&one, &file));
}

static void expect_name(const char *name, guint number, const char *expected)
{
    g_autofree char *made = cronos_version_name(name, TIME, number);

    assert_string_equal(made, expected);
}

static void test_names(void **state)
{
    expect_name("fork.c", 0, "fork." TIME ".c");
    expect_name("fork.c", 1, "fork." TIME "~1.c");
    expect_name("a.tar.gz", 0, "a.tar." TIME ".gz");
    expect_name("Makefile", 0, "Makefile." TIME);
    expect_name("Makefile", 12, "Makefile." TIME "~12");
    expect_name(".bashrc", 0, ".bashrc." TIME);
    expect_name(".config.old", 0, ".config." TIME ".old");
    expect_name("...", 0,
                "..."
                "." TIME);
    expect_name("end.", 0, "end.." TIME);
    expect_name("name with. blanks", 0, "name with." TIME ". blanks");
    expect_name("x.12345678901234567890123456789012", 0,
                "x." TIME ".12345678901234567890123456789012");
    expect_name("x.123456789012345678901234567890123", 0,
                "x.123456789012345678901234567890123." TIME);
    expect_name("\xff.\xfe", 0, "\xff." TIME ".\xfe");
}

/* Long names stay names that a file system takes, and characters whole. */
static void test_long_names(void **state)
{
    g_autofree char *bytes = g_strnfill(251, 'n');
    g_autofree char *long_name = g_strconcat(bytes, ".txt", NULL);
    g_autofree char *made = cronos_version_name(long_name, TIME, 3);
    g_autoptr(GString) umlauts = g_string_new(NULL);

    assert_int_equal(strlen(made), 255);
    assert_true(g_str_has_suffix(made, "nnn." TIME "~3.txt"));
    for (guint i = 0; i < 127; i++)
        g_string_append(umlauts, "\xc3\xa4");
    g_autofree char *cut = cronos_version_name(umlauts->str, TIME, 0);
    assert_int_equal(strlen(cut), 254);
    assert_true(g_utf8_validate(cut, -1, NULL));
    assert_true(g_str_has_suffix(cut, "\xc3\xa4." TIME));

    g_autofree char *longest = g_strnfill(1023, '\xff');
    g_autofree char *odd = cronos_version_name(longest, TIME, G_MAXUINT);
    assert_int_equal(strlen(odd), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_same_without_checksum),
        cmocka_unit_test(test_folders_are_the_same),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_names),
    };

    return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
