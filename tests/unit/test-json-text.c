/* SPDX-License-Identifier: MIT
 * test-json-text.c - JSON that may hold anything, read strictly and made harmless */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/json-text.h"

static void test_accepted(void **state)
{
    static const struct {
        const char *text, *read;
    } cases[] = {
        {" { \"a\" : [ 1 , 2.5, -3e2, true, false, null, {} , [] ] } ",
         "{\"a\":[1,2.5,-300.0,true,false,null,{},[]]}"},
        {"\"x\"", "\"x\""},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9223372036854775807", "9223372036854775807"},
        {"\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0041 \\u00e9 \\u0001\"",
         "\"\\\" \\\\ / \\b \\f \\n \\r \\t A \303\251 \\u0001\""},
        {"\"\\ud83d\\ude00\"", "\"\360\237\230\200\""},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"\357\273\277[]", "[]"},
        /* what json-glib alone would garble */
        {"18446744073709551615", "\"18446744073709551615\""},
        {"[1e999,-1e999]", "[\"1e999\",\"-1e999\"]"},
        {"[1E22,-1e-300,\"1e+22.0\\\"e1.0\",2.0]", "[1e+22,-1e-300,\"1e+22.0\\\"e1.0\",2.0]"},
        {"\"\302\233\342\200\256\177\"", "\"\\u009b\\u202e\\u007f\""},
        {"\"a\\u0000b\"", "\"a\357\277\275b\""},
        {"\"\\ud800\"", "\"\357\277\275\""},
        {"\"\\udc80x\"", "\"\357\277\275x\""},
        {"\"\\ud83dxx\"", "\"\357\277\275xx\""},
        {"\"\\ud83d\\u0041\"", "\"\357\277\275A\""},
        {"\"\\u0022\\u005c\"", "\"\\\"\\\\\""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonNode) node = cronos_json_parse(cases[i].text, strlen(cases[i].text), &error);

        assert_non_null(node);
        g_autofree char *text = cronos_json_to_text(node, FALSE);
        assert_string_equal(text, cases[i].read);
    }
}

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "[1 2]",
        "'x'",
        "// c\n1",
        "1 x",
        "{} {}",
        "NaN",
        "Infinity",
        "truex",
        "tru",
        "0x1F",
        "01",
        "-",
        "- 5",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "var x = {}",
        "\"x",
        "\"\\q\"",
        "\"\\u12\"",
        "\"\n\"",
        "\"\\ud83d\\u\"",
        "\"\377\"",
        "[1}",
        "]",
        "\"\\",
        "{\"a\":}",
        "{1:2}",
        "\001",
        "nul",
        "\"\\u00g0\"",
        "--1",
        ",",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(cronos_json_parse(cases[i], strlen(cases[i]), &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    }
    assert_null(cronos_json_parse("1\0", 2, NULL));
}

static void test_line_numbers(void **state)
{
    g_autoptr(GError) error = NULL;
    const char *text = "{\n \"a\": 1,\n \"b\": x\n}\n";

    assert_null(cronos_json_parse(text, strlen(text), &error));
    assert_string_equal(error->message, "line 3: a value is expected");
}

static char *nested(guint depth)
{
    g_autofree char *open = g_strnfill(depth, '[');
    g_autofree char *close = g_strnfill(depth, ']');

    return g_strconcat(open, close, NULL);
}

static void test_depth(void **state)
{
    g_autofree char *deepest = nested(CRONOS_JSON_DEPTH_MAX);
    g_autofree char *too_deep = nested(CRONOS_JSON_DEPTH_MAX + 1);
    g_autofree char *abyss = g_strnfill(1024 * 1024, '[');
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = cronos_json_parse(deepest, strlen(deepest), &error);

    assert_non_null(node);
    assert_null(cronos_json_parse(too_deep, strlen(too_deep), &error));
    assert_non_null(strstr(error->message, "too deep"));
    assert_null(cronos_json_parse(abyss, 1024 * 1024, NULL));
}

/* Every prefix and every changed byte of a text is read or refused, and what is read is UTF-8. */
static void test_damage(void **state)
{
    static const char text[] = "{\"a\": [1, -2.5e3, \"\\u00e9\\ud83d\\ude00\\n\", null], "
                               "\"\303\251\": {\"b\": true}}";

    for (gsize i = 0; i < sizeof text - 1; i++) {
        assert_null(cronos_json_parse(text, i, NULL));
        for (int c = 0; c < 256; c++) {
            g_autofree char *changed = g_strndup(text, sizeof text - 1);

            changed[i] = (char)c;
            g_autoptr(JsonNode) node = cronos_json_parse(changed, sizeof text - 1, NULL);
            g_autofree char *again = node != NULL ? cronos_json_to_text(node, FALSE) : NULL;
            assert_true(again == NULL || g_utf8_validate(again, -1, NULL));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_line_numbers), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
