/* SPDX-License-Identifier: MIT
 * test-pattern.c - patterns held against git itself: each list is given to "git check-ignore" in a
 * temporary repository, and both must choose the same paths of its tree */
#include "core/error.h"
#include "core/pattern.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

typedef struct {
    char *directory;
    GPtrArray *paths; /* of char *; a directory's ends with '/' */
    GBytes *request;  /* the same without that '/', each with a NUL */
} Repository;

static void run(const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) process =
        g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error);

    assert_null(error);
    assert_true(g_subprocess_wait_check(process, NULL, &error));
}

static char *join(const char *const *globs, const char *end)
{
    GString *joined = g_string_new(NULL);

    for (; *globs != NULL; globs++)
        g_string_append_printf(joined, "%s%s", *globs, end);
    return g_string_free(joined, FALSE);
}

static Repository *repository_new(const char *const *files)
{
    Repository *repository = g_new0(Repository, 1);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GByteArray *request = g_byte_array_new();

    repository->directory = g_dir_make_tmp("cronos-pattern-XXXXXX", NULL);
    assert_non_null(repository->directory);
    repository->paths = g_ptr_array_new_with_free_func(g_free);
    run((const char *[]){"git", "init", "-q", repository->directory, NULL});

    for (; *files != NULL; files++) {
        g_autofree char *full = g_build_filename(repository->directory, *files, NULL);
        g_autofree char *parent = g_path_get_dirname(full);

        assert_int_equal(g_mkdir_with_parents(parent, 0777), 0);
        if (!g_str_has_suffix(*files, "/"))
            assert_true(g_file_set_contents(full, "", 0, NULL));
        else
            assert_true(g_mkdir(full, 0777) == 0 || g_file_test(full, G_FILE_TEST_IS_DIR));
        for (const char *at = *files; *at != '\0'; at++) {
            char *path = NULL;

            if (*at == '/')
                path = g_strndup(*files, (gsize)(at - *files) + 1);
            else if (at[1] == '\0')
                path = g_strdup(*files);
            if (path != NULL && !g_hash_table_contains(seen, path)) {
                g_hash_table_add(seen, path);
                g_ptr_array_add(repository->paths, path);
            } else {
                g_free(path);
            }
        }
    }
    for (guint i = 0; i < repository->paths->len; i++) {
        const char *path = repository->paths->pdata[i];
        gsize length = strlen(path) - (g_str_has_suffix(path, "/") ? 1 : 0);

        g_byte_array_append(request, (const guint8 *)path, (guint)length);
        g_byte_array_append(request, (const guint8 *)"", 1);
    }
    repository->request = g_byte_array_free_to_bytes(request);
    return repository;
}

static void repository_free(Repository *repository)
{
    run((const char *[]){"rm", "-rf", "--", repository->directory, NULL});
    g_free(repository->directory);
    g_ptr_array_unref(repository->paths);
    g_bytes_unref(repository->request);
    g_free(repository);
}

/* Returns: the set of paths that git ignores. */
static GHashTable *ignored_by_git(const Repository *repository, const char *const *globs)
{
    GHashTable *ignored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *lines = join(globs, "\n");
    g_autofree char *file = g_build_filename(repository->directory, ".git/info/exclude", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) answer = NULL;
    gsize size;

    /* GLib waits for the disk where it replaces a file. */
    g_unlink(file);
    assert_true(g_file_set_contents(file, lines, -1, NULL));
    g_autoptr(GSubprocess) git =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error,
                         "git", "-C", repository->directory, "-c", "core.excludesFile=/dev/null",
                         "check-ignore", "--no-index", "-z", "--stdin", NULL);
    assert_null(error);
    assert_true(g_subprocess_communicate(git, repository->request, NULL, &answer, NULL, &error));
    assert_true(g_subprocess_get_if_exited(git));
    assert_true(g_subprocess_get_exit_status(git) <= 1);
    const char *at = g_bytes_get_data(answer, &size);
    for (const char *end = at + size; at < end; at += strlen(at) + 1)
        g_hash_table_add(ignored, g_strdup(at));
    return ignored;
}

static gboolean matches(const CronosPatterns *patterns, const char *path)
{
    g_autofree char *plain = g_strdup(path);
    gsize length = strlen(plain);
    gboolean is_directory = plain[length - 1] == '/';

    if (is_directory)
        plain[length - 1] = '\0';
    return cronos_patterns_match_any_parent(patterns, plain, is_directory);
}

/* Returns: how many paths matched. */
static guint compare_with_git(const Repository *repository, const CronosPatterns *patterns,
                              const char *const *globs)
{
    g_autoptr(GHashTable) ignored = ignored_by_git(repository, globs);
    guint differences = 0;
    guint matched = 0;

    for (guint i = 0; i < repository->paths->len; i++) {
        const char *path = repository->paths->pdata[i];
        g_autofree char *plain = g_strdup(path);

        if (g_str_has_suffix(plain, "/"))
            plain[strlen(plain) - 1] = '\0';
        gboolean ours = matches(patterns, path);
        matched += ours ? 1 : 0;
        if (ours != g_hash_table_contains(ignored, plain)) {
            g_autofree char *list = join(globs, "  ");

            if (differences++ == 0)
                print_error("patterns: %s\npath: %s: matches %s\n", list, path,
                            ours ? "here, not in git" : "in git, not here");
        }
    }
    assert_int_equal(differences, 0);
    return matched;
}

static const char *const table_tree[] = {"foo",
                                         "foo.c",
                                         "bar.pyc",
                                         "a/foo",
                                         "a/b/foo",
                                         "a/x/b/foo",
                                         "a/x/y/b",
                                         "a/x/y/c.o",
                                         "doc/frotz/x",
                                         "a/doc/frotz/y",
                                         ".hidden",
                                         "sub/.hidden",
                                         "!bang",
                                         "#hash",
                                         "space ",
                                         "two  ",
                                         "a]b",
                                         "a[b",
                                         "back\\slash",
                                         "star*",
                                         "stars*/inner",
                                         "\xff\xfe.bin",
                                         "Abc",
                                         "0",
                                         "a-b",
                                         "\xc3\xa9",
                                         "build/x.o",
                                         "src/build",
                                         "src/build.d/build",
                                         "data/x",
                                         "x/data",
                                         "empty/",
                                         "node_modules/m/index.js",
                                         "x/node_modules/m/index.js",
                                         "src/deep/er/than/that.c",
                                         "-rf",
                                         "new\rline",
                                         "tab\t",
                                         "abc/def/ghi",
                                         "abc.d/ghi",
                                         "bx/bc",
                                         "q/bx/bc",
                                         "a.b.c",
                                         "aab",
                                         "}x{",
                                         NULL};

static const char *const table_globs[] = {
    /* names at any depth */
    "foo", "*.c", "*.pyc", "*", "**", "?", "??", "f*", "*o", "*o*", "f?o", ".*", "*.*", "*.*.*",
    "***", "f**o", "**.c", "b*d", "*a*b", "*a*b*c", "?*", "*?", "*[0-9]", "data", "node_modules",
    /* directories only */
    "build/", "data/", "foo/", "*/", "**/", "empty/", "stars\\*/",
    /* anchored */
    "/foo", "/*", "/*.c", "/**", "/a/foo", "a/foo", "a/*", "a/*/foo", "doc/frotz", "doc/frotz/",
    "frotz/", "/doc/", "a/b", "src/*.d/build", "*/foo", "*/*/foo", "*/data", "a*/foo", "/a?b", "/?",
    "abc/d*f/g?i",
    /* any depth between */
    "**/foo", "**/*", "**/**", "/**/foo", "**/*.c", "a/**", "a/**/", "a/**/b", "a/**/foo",
    "a/***/foo", "**/b*c", "**/b/foo", "**/a/**/foo", "a/**b", "a/b**", "a/**/**/foo", "**/frotz/*",
    "**/frotz/**", "src/**/than/*", "**/a", "**/build/", "/**/", "abc/**/ghi", "**/*/foo",
    "*/**/foo", "a/**/*", "**/x/**/b",
    /* sets */
    "[f]oo", "[!f]oo", "[^f]oo", "[a-c]*", "[!a-c]*", "[A-Z]*", "a[]]b", "a[[]b", "a[!]]b",
    "a[]-b]b", "a[-]b", "a[a-]b", "[[:digit:]]", "[[:upper:]][[:lower:]]*", "[^[:alnum:]]*",
    "a[/]foo", "a[!b]foo", "a[.-0]foo", "[[:alpha:]-]*", "a[\\]]b", "a[\\[-\\]]b", "[\\!]bang",
    "a[[:space:]]b", "*[[:cntrl:]]*", "[[:print:]]", "[a^]bc", "[[:]b", "star[*]", "[}]x[{]",
    "[#]hash", "\xff*", "[\xf0-\xff]*", "\xc3?", "[\xc3]*",
    /* escapes and blanks */
    "\\!bang", "\\#hash", "space\\ ", "two \\ ", "two\\ \\ ", "space", "foo  ", "foo\\ ", "\\foo",
    "back\\\\slash", "back\\slash", "star\\*", "\\*", "a\\/foo", "f\\oo.c", "new\r*", "tab\t",
    "-rf", "a.b.c", "a.b", "}x{", "(foo)", "fo+", "^foo", "foo$", "foo|Abc", "a{foo,b}",
    /* what never matches */
    "a//foo", "foo//", "./foo", "../foo", "a/./foo", "//foo"};

static void test_table(void **state)
{
    Repository *repository = repository_new(table_tree);

    for (guint i = 0; i < G_N_ELEMENTS(table_globs); i++) {
        const char *globs[] = {table_globs[i], NULL};
        g_autoptr(GError) error = NULL;
        g_autoptr(CronosPatterns) patterns = cronos_patterns_new(globs, &error);

        assert_null(error);
        compare_with_git(repository, patterns, globs);
    }
    repository_free(repository);
}

static const char *const lists[][8] = {
    {"*.c", "!foo.c"},
    {"!foo.c", "*.c"},
    {"*", "!*.c"},
    {"/*", "!/a", "a/*", "!a/foo"},
    {"a/**", "!a/foo"},
    {"foo", "!a/foo"},
    {"foo", "!foo/"},
    {"build", "!build/"},
    {"build/", "!build"},
    {"!foo", "foo"},
    {"foo", "!foo", "/foo"},
    {"foo", "f*", "!foo"},
    {"!f*", "foo"},
    {"foo", "!f*"},
    {"**/*", "!**/foo"},
    {"*.o", "*.c", "data/", "!/data", "!!bang"},
    {".venv", "__pycache__", ".git", "backups", "data", "node_modules", "*.pyc"},
};

static void test_lists(void **state)
{
    Repository *repository = repository_new(table_tree);

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(CronosPatterns) patterns = cronos_patterns_new(lists[i], &error);

        assert_null(error);
        compare_with_git(repository, patterns, lists[i]);
    }
    repository_free(repository);
}

/* Several '*' within a component are one '*', as gitignore(5) says. git departs from it where plain
 * text stands before them ("a**" followed by a slash reaches any depth), so it is no judge here. */
static void test_stars_within_a_component(void **state)
{
    const char *const globs[] = {"a**/foo", "x/b**c", NULL};
    g_autoptr(CronosPatterns) patterns = cronos_patterns_new(globs, NULL);

    assert_true(cronos_patterns_match(patterns, "a/foo", FALSE));
    assert_true(cronos_patterns_match(patterns, "abc/foo", FALSE));
    assert_false(cronos_patterns_match(patterns, "abc/x/foo", FALSE));
    assert_true(cronos_patterns_match(patterns, "x/bc", FALSE));
    assert_true(cronos_patterns_match(patterns, "x/b*c", FALSE));
    assert_false(cronos_patterns_match(patterns, "x/b/c", FALSE));
}

static char *with_single_stars_after_text(const char *glob)
{
    GString *single = g_string_new(NULL);

    for (const char *at = glob; *at != '\0'; at++) {
        const char *run = at;

        while (run > glob && run[-1] == '*')
            run--;
        if (*at != '*' || run == at || run == glob || run[-1] == '/' || run[-1] == '!')
            g_string_append_c(single, *at);
    }
    return g_string_free(single, FALSE);
}

/* A small alphabet, so that much matches and much nearly does. */
static char *random_glob(GRand *random)
{
    static const char *const tokens[] = {"a", "b",   "a",    "*",    "*",    "?",    "/",   "/",
                                         ".", "**/", "/**/", "[ab]", "[!a]", "[a-]", "\\b", "**"};
    GString *glob = g_string_new(g_rand_int_range(random, 0, 4) == 0 ? "!" : NULL);
    gint count = g_rand_int_range(random, 1, 8);

    while (count-- > 0)
        g_string_append(glob, tokens[g_rand_int_range(random, 0, G_N_ELEMENTS(tokens))]);
    char *single = with_single_stars_after_text(glob->str);
    g_string_free(glob, TRUE);
    return single;
}

static char **random_tree(void)
{
    static const char *const names[] = {"a", "b", "ab", "ba", "aab", "a.b", "-"};
    GPtrArray *files = g_ptr_array_new();

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        for (guint j = 0; j < G_N_ELEMENTS(names); j++) {
            for (guint k = 0; k < 4; k++)
                g_ptr_array_add(files, g_strdup_printf("%s/%s/%s", names[i], names[j], names[k]));
        }
    }
    g_ptr_array_add(files, g_strdup("b.a"));
    g_ptr_array_add(files, g_strdup("aa"));
    g_ptr_array_add(files, g_strdup("a/a/ab.b"));
    g_ptr_array_add(files, NULL);
    return (char **)g_ptr_array_free(files, FALSE);
}

static void test_random_lists(void **state)
{
    g_auto(GStrv) files = random_tree();
    Repository *repository = repository_new((const char *const *)files);
    g_autoptr(GRand) random = g_rand_new_with_seed(20250403);
    guint compared = 0;
    guint matched = 0;

    for (guint i = 0; i < 200; i++) {
        char *globs[6] = {NULL};
        g_autoptr(CronosPatterns) patterns = NULL;
        gint count = g_rand_int_range(random, 1, 6);

        for (gint j = 0; j < count; j++)
            globs[j] = random_glob(random);
        patterns = cronos_patterns_new((const char *const *)globs, NULL);
        if (patterns != NULL) {
            matched += compare_with_git(repository, patterns, (const char *const *)globs);
            compared++;
        }
        for (gint j = 0; j < count; j++)
            g_free(globs[j]);
    }
    assert_true(compared > 150);
    assert_true(matched > 1000);
    repository_free(repository);
}

static void test_refused(void **state)
{
    static const char *const refused[] = {
        "",           " ",     "!",          "/",          "!/",     "foo[",      "[]",
        "[a",         "[!]",   "[a\\",       "a/[b/c",     "foo\\",  "a\\\\\\",   "[[:foo:]]",
        "x/[[::]]/y", "[z-a]", "[[:alpha:]", "[:alpha:]x", "foo\\/", "ok/[9-0]/x"};

    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        const char *globs[] = {"*.c", refused[i], NULL};
        g_autoptr(GError) error = NULL;
        g_autofree char *quoted = cronos_quote_path(refused[i]);
        g_autofree char *named = g_strdup_printf("'%s'", quoted);

        assert_null(cronos_patterns_new(globs, &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
        assert_non_null(strstr(error->message, named));
        assert_null(cronos_patterns_new(globs, NULL));
    }
}

static void test_typed(void **state)
{
    static const struct {
        const char *typed, *pattern; /* NULL: refused */
    } cases[] = {
        {"src", "src"},
        {"./src", "/src"},
        {"src/", "src/"},
        {"src//", "src/"},
        {"src/.", "src/"},
        {"./src/./", "/src/"},
        {"/src", "/src"},
        {"//src", "/src"},
        {"a//b", "a/b"},
        {"a/./b", "a/b"},
        {"./a/b", "a/b"},
        {"/a/b/", "/a/b/"},
        {"*.c", "*.c"},
        {"**/*.c", "**/*.c"},
        {"./**/x", "**/x"},
        {"!./src", "!/src"},
        {".hidden", ".hidden"},
        {"a/..b", "a/..b"},
        {"[a/b]/c", "[a/b]/c"},
        {"foo[", "foo["},
        {"a\\/", "a\\/"},
        {"./\\!x", "./\\!x"},
        {"", ""},
        {"!", "!"},
        {"/proc/x", "/x"},
        {"/proc//x/", "/x/"},
        {"/usr/../proc/self/x", "/self/x"},
        {"/proc/self/*", "/self/*"},
        {"/elsewhere/proc/x", "/elsewhere/proc/x"},
        {"..", NULL},
        {"../x", NULL},
        {"a/../b", NULL},
        {"!..", NULL},
        {".", NULL},
        {"./", NULL},
        {"/", NULL},
        {"/proc", NULL},
        {"/proc/", NULL},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *pattern = cronos_pattern_from_typed(cases[i].typed, "/proc", &error);

        if (cases[i].pattern != NULL) {
            assert_null(error);
            assert_string_equal(pattern, cases[i].pattern);
        } else {
            assert_null(pattern);
            assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
            assert_non_null(strstr(error->message, cases[i].typed));
            assert_null(cronos_pattern_from_typed(cases[i].typed, "/proc", NULL));
        }
    }
}

static void test_no_patterns(void **state)
{
    const char *const globs[] = {NULL};
    g_autoptr(CronosPatterns) patterns = cronos_patterns_new(globs, NULL);

    assert_non_null(patterns);
    assert_false(cronos_patterns_match(patterns, "a", FALSE));
    assert_false(cronos_patterns_match_any_parent(patterns, "a/b", TRUE));
    cronos_patterns_free(NULL);
}

static void test_parents_count_only_when_asked(void **state)
{
    const char *const globs[] = {"build/", NULL};
    g_autoptr(CronosPatterns) patterns = cronos_patterns_new(globs, NULL);

    assert_true(cronos_patterns_match(patterns, "src/build", TRUE));
    assert_false(cronos_patterns_match(patterns, "src/build", FALSE));
    assert_false(cronos_patterns_match(patterns, "src/build/x", FALSE));
    assert_true(cronos_patterns_match_any_parent(patterns, "src/build/x/y", FALSE));
    assert_false(cronos_patterns_match_any_parent(patterns, "src/build", FALSE));
}

/* Patterns made to cost: what backtracks over every '*' or "**" would not come back from these. */
static void test_costly_patterns(void **state)
{
    const char *const globs[] = {"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a?b",
                                 "**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/[b]", NULL};
    g_autoptr(CronosPatterns) patterns = cronos_patterns_new(globs, NULL);
    g_autofree char *name = g_strnfill(4000, 'a');
    g_autoptr(GString) path = g_string_new("a");

    assert_non_null(patterns);
    assert_false(cronos_patterns_match(patterns, name, FALSE));
    for (guint i = 0; i < 1500; i++)
        g_string_append(path, "/a");
    assert_false(cronos_patterns_match(patterns, path->str, FALSE));
    g_string_append(path, "/b");
    assert_true(cronos_patterns_match(patterns, path->str, FALSE));
}

/* Names as long as an archive can hold: deeper than PCRE2's compiled code has stack for. */
static void test_long_names(void **state)
{
    const char *const globs[] = {"*[a]?b*[c]x", NULL};
    g_autoptr(CronosPatterns) patterns = cronos_patterns_new(globs, NULL);
    g_autofree char *name = g_strnfill(65535, 'a');

    name[40000] = 'b';
    assert_false(cronos_patterns_match(patterns, name, FALSE));
    name[65533] = 'c';
    name[65534] = 'x';
    assert_true(cronos_patterns_match(patterns, name, FALSE));
}

static gpointer match_often(gpointer data)
{
    const CronosPatterns *patterns = data;
    guint matched = 0;

    for (guint i = 0; i < 5000; i++) {
        g_autofree char *path = g_strdup_printf("src/%u/file%u.c", i % 7, i);

        matched += cronos_patterns_match(patterns, path, FALSE) ? 1 : 0;
    }
    return GUINT_TO_POINTER(matched);
}

static void test_threads(void **state)
{
    const char *const globs[] = {"src/*/f*[05].c", "!**/f*10.c", NULL};
    g_autoptr(CronosPatterns) patterns = cronos_patterns_new(globs, NULL);
    GThread *threads[4];

    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("match", match_often, patterns);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        assert_int_equal(GPOINTER_TO_UINT(g_thread_join(threads[i])), 1000 - 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_stars_within_a_component),
        cmocka_unit_test(test_random_lists),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_no_patterns),
        cmocka_unit_test(test_parents_count_only_when_asked),
        cmocka_unit_test(test_costly_patterns),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_threads),
    };

    g_unsetenv("GIT_DIR");
    g_unsetenv("GIT_WORK_TREE");
    g_setenv("GIT_CONFIG_GLOBAL", "/dev/null", TRUE);
    g_setenv("GIT_CONFIG_NOSYSTEM", "1", TRUE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
