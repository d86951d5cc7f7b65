/* SPDX-License-Identifier: MIT
 * test-error.c - messages stand alone as a line, whatever bytes a name holds */
#include "core/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_domains_differ(void **state)
{
    assert_int_not_equal(CRONOS_ERROR, 0);
    assert_int_not_equal(CRONOS_SYSTEM_ERROR, 0);
    assert_int_not_equal(CRONOS_ERROR, CRONOS_SYSTEM_ERROR);
    assert_int_equal(CRONOS_ERROR, CRONOS_ERROR);
}

static void test_system_error_carries_errno(void **state)
{
    g_autoptr(GError) error = NULL;

    cronos_error_set_system(&error, ENOENT, "%s %d", "file", 7);
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOENT));
    assert_string_equal(error->message, "file 7: No such file or directory");
    cronos_error_set_system(NULL, EIO, "%s", "nobody listens");
}

static void test_percent_in_a_name_is_no_format(void **state)
{
    g_autoptr(GError) error = NULL;

    cronos_error_set_system(&error, EACCES, "%s", "100%s%n");
    assert_string_equal(error->message, "100%s%n: Permission denied");
}

static void assert_quoted(const char *bytes, gsize length, const char *expected)
{
    g_autofree char *quoted = cronos_quote_bytes(bytes, length);

    assert_string_equal(quoted, expected);
    assert_true(g_utf8_validate(quoted, -1, NULL));
}

static void test_quoting(void **state)
{
    static const struct {
        const char *path, *quoted;
    } cases[] = {
        {"", ""},
        {"plain.txt", "plain.txt"},
        {"with blank", "with blank"},
        {"a\nb", "a\\012b"},
        {"tab\t\r\x1b[31m\x7f", "tab\\011\\015\\033[31m\\177"},
        {"back\\slash", "back\\\\slash"},
        {"\\012", "\\\\012"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xf0\x9f\x93\x81", "\xf0\x9f\x93\x81"},
        {"latin\xfc", "latin\\374"},
        {"\xff\xfe", "\\377\\376"},
        {"cut\xc3", "cut\\303"},
        {"cut\xe2\x82", "cut\\342\\202"},
        {"\xc0\xaf", "\\300\\257"},                   /* an overlong '/' */
        {"\xed\xa0\x80", "\\355\\240\\200"},          /* a surrogate */
        {"\xf4\x90\x80\x80", "\\364\\220\\200\\200"}, /* beyond U+10FFFF */
        {"a\xe2\x80\xae"
         "b",
         "a\\342\\200\\256b"},          /* U+202E turns the text around */
        {"c1\xc2\x9b", "c1\\302\\233"}, /* U+009B starts sequences in some terminals */
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *quoted = cronos_quote_path(cases[i].path);

        assert_string_equal(quoted, cases[i].quoted);
        assert_quoted(cases[i].path, strlen(cases[i].path), cases[i].quoted);
    }
}

static void test_quoting_heeds_the_length(void **state)
{
    assert_quoted("abc", 2, "ab");
    assert_quoted("\xc3\xbc", 1, "\\303");
    assert_quoted("a\0b", 3, "a\\000b");
    assert_quoted("\0", 1, "\\000");
    assert_quoted("\xe2\x82\0", 3, "\\342\\202\\000");
    assert_quoted("x", 0, "");
}

/* Two names that differ are shown differently. */
static void test_quoting_is_unambiguous(void **state)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint value = 0; value < 65536; value++) {
        const char bytes[] = {(char)(value >> 8), (char)value};
        char *quoted = cronos_quote_bytes(bytes, sizeof bytes);

        assert_true(g_utf8_validate(quoted, -1, NULL));
        assert_true(g_hash_table_add(seen, quoted));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domains_differ),
        cmocka_unit_test(test_system_error_carries_errno),
        cmocka_unit_test(test_percent_in_a_name_is_no_format),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_quoting_heeds_the_length),
        cmocka_unit_test(test_quoting_is_unambiguous),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
