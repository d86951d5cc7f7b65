/* SPDX-License-Identifier: MIT
 * fuzz-pattern.c - the input is lines: patterns, and last a path that is held against them */
#include "tests/fuzz/fuzz.h"

#include "core/error.h"
#include "core/glob.h"
#include "core/pattern.h"

#define LINES_MAX 16u

/* A path as core hands it to patterns: relative, without empty components. */
static char *clean_path(const char *line)
{
    GString *path = g_string_new(NULL);

    for (const char *at = line; *at != '\0'; at++) {
        if (*at != '/' || (path->len > 0 && path->str[path->len - 1] != '/'))
            g_string_append_c(path, *at);
    }
    if (path->len > 0 && path->str[path->len - 1] == '/')
        g_string_truncate(path, path->len - 1);
    return g_string_free(path, FALSE);
}

/* A pattern taken literally matches itself. */
static void check_literal(const char *pattern)
{
    gssize length = cronos_glob_component_length(pattern, NULL);

    if (length <= 0)
        return;
    g_assert_cmpuint((gsize)length, <=, strlen(pattern));
    g_autoptr(CronosGlob) glob = cronos_glob_new(pattern, (gsize)length, NULL);
    const char *literal = glob != NULL ? cronos_glob_literal(glob) : NULL;
    if (literal != NULL) {
        g_assert_true(cronos_glob_match(glob, literal, strlen(literal)));
        g_assert_false(cronos_glob_match(glob, "", 0) && *literal != '\0');
    }
}

/* What matches is matched at least as well with its parents; a directory by all that a file is,
 * unless something is taken back. */
static void check_match(const CronosPatterns *patterns, const char *path, gboolean negated)
{
    gboolean as_file = cronos_patterns_match(patterns, path, FALSE);
    gboolean as_directory = cronos_patterns_match(patterns, path, TRUE);

    g_assert_true(negated || !as_file || as_directory);
    g_assert_true(!as_file || cronos_patterns_match_any_parent(patterns, path, FALSE));
    g_assert_true(!as_directory || cronos_patterns_match_any_parent(patterns, path, TRUE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(GStrv) lines = fuzz_lines(data, size, LINES_MAX);
    guint count = g_strv_length(lines);
    g_autoptr(GError) error = NULL;
    gboolean negated = FALSE;

    if (count == 0)
        return 0;
    g_autofree char *path = clean_path(lines[count - 1]);
    g_clear_pointer(&lines[count - 1], g_free);
    for (guint i = 0; lines[i] != NULL; i++) {
        negated |= lines[i][0] == '!';
        check_literal(lines[i]);
    }
    g_autoptr(CronosPatterns) patterns = cronos_patterns_new((const char *const *)lines, &error);
    fuzz_check_error(patterns != NULL, error);
    g_assert_true(patterns != NULL || g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    if (patterns != NULL && *path != '\0')
        check_match(patterns, path, negated);
    return 0;
}
