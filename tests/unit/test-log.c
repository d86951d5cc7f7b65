/* SPDX-License-Identifier: MIT
 * test-log.c - where events go. GLib takes one log writer a process, and stderr must be seen from
 * outside: each case runs this program again, with the case's name as its argument. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/log.h"
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

/* Runs case @name, with the log file @file below the temporary directory. Returns: wait status. */
static int run_case(const char *name, const char *file, char **out_errors)
{
    g_autofree char *path = g_build_filename(directory, file, NULL);
    g_autofree char *copy = g_strdup(name);
    g_auto(GStrv) environment =
        g_environ_setenv(g_get_environ(), "G_DEBUG", "fatal-warnings", TRUE);
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    char *argv[] = {self, copy, path, NULL};
    int status = -1;

    assert_true(g_spawn_sync(NULL, argv, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, out_errors,
                             &status, NULL));
    return status;
}

static void start(const char *file, CronosLogLevel file_level, CronosLogLevel stderr_level)
{
    const CronosLogOptions options = {
        .program = "cronos",
        .file_level = file_level,
        .stderr_level = stderr_level,
        .use_stderr = TRUE,
        .file = file,
    };

    cronos_log_start(&options);
}

static void log_each_level(void)
{
    cronos_log_event(CRONOS_LOG_ERROR, "a.zip", "dir/file", "bad %s", "news");
    cronos_log_event(CRONOS_LOG_WARNING, NULL, "with blank", "careful");
    cronos_log_event(CRONOS_LOG_INFO, "b.zip", NULL, "two\nlines");
    cronos_log_event(CRONOS_LOG_DEBUG, NULL, NULL, "details");
}

static void case_levels(const char *file)
{
    cronos_log_event(CRONOS_LOG_ERROR, NULL, NULL, "before the start");
    start(file, CRONOS_LOG_INFO, CRONOS_LOG_WARNING);
    log_each_level();
}

static void case_all_on_stderr(const char *file)
{
    start(NULL, CRONOS_LOG_ERROR, CRONOS_LOG_DEBUG);
    log_each_level();
}

static void case_detached(const char *file)
{
    start(file, CRONOS_LOG_INFO, CRONOS_LOG_DEBUG);
    cronos_log_detach();
    log_each_level();
}

static void case_unwritable(const char *file)
{
    start("/proc/nonexistent/log", CRONOS_LOG_INFO, CRONOS_LOG_WARNING);
    log_each_level();
    log_each_level();
}

static void case_rotated(const char *file)
{
    g_autofree char *old = g_strconcat(file, ".1", NULL);

    start(file, CRONOS_LOG_INFO, CRONOS_LOG_ERROR);
    cronos_log_event(CRONOS_LOG_INFO, NULL, NULL, "first");
    if (rename(file, old) != 0)
        abort();
    cronos_log_event(CRONOS_LOG_INFO, NULL, NULL, "second");
}

/* What one end says is written by the other; what it says on stderr, it says itself. */
static void case_relay(const char *file)
{
    static const char noise[] = "no event";
    int ends[2];

    start(file, CRONOS_LOG_INFO, CRONOS_LOG_WARNING);
    if (!cronos_log_relay_open(ends))
        abort();
    cronos_log_relay_use(ends[1]);
    log_each_level();
    if (g_file_test(file, G_FILE_TEST_EXISTS) || write(ends[1], noise, sizeof noise) < 0)
        abort();
    cronos_log_relay_use(-1);
    close(ends[1]);
    while (cronos_log_relay_pass_on(ends[0]))
        ;
    close(ends[0]);
}

static gpointer log_many(gpointer number)
{
    for (int i = 0; i < 200; i++)
        cronos_log_event(CRONOS_LOG_INFO, NULL, NULL, "thread %d line %d", GPOINTER_TO_INT(number),
                         i);
    return NULL;
}

static void case_threads(const char *file)
{
    GThread *threads[4];

    start(file, CRONOS_LOG_INFO, CRONOS_LOG_ERROR);
    for (int i = 0; i < 4; i++)
        threads[i] = g_thread_new("log", log_many, GINT_TO_POINTER(i));
    for (int i = 0; i < 4; i++)
        g_thread_join(threads[i]);
}

static void case_foreign_warning(const char *file)
{
    start(file, CRONOS_LOG_INFO, CRONOS_LOG_WARNING);
    g_log("Other", G_LOG_LEVEL_WARNING, "a bug");
}

static void case_own_critical(const char *file)
{
    start(file, CRONOS_LOG_INFO, CRONOS_LOG_WARNING);
    g_critical("a bug");
}

static int count_before;

static void count_line(void)
{
    count_before++;
}

static void case_before_line(const char *file)
{
    const CronosLogOptions options = {
        .program = "cronos",
        .stderr_level = CRONOS_LOG_WARNING,
        .use_stderr = TRUE,
        .before_line = count_line,
    };

    cronos_log_start(&options);
    log_each_level();
    exit(count_before);
}

static void case_results(const char *file)
{
    const CronosLogOptions options = {
        .program = "cronos",
        .file_level = CRONOS_LOG_INFO,
        .stderr_level = CRONOS_LOG_INFO,
        .tells_results = TRUE,
        .use_stderr = TRUE,
        .file = file,
    };

    cronos_log_start(&options);
    cronos_log_event(CRONOS_LOG_INFO, NULL, NULL, "begun");
    cronos_log_result(CRONOS_LOG_INFO, "a.zip", NULL, "made: %d files", 3);
}

static char *read_log(const char *file)
{
    g_autofree char *path = g_build_filename(directory, file, NULL);
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void assert_line(const char *line, const char *end)
{
    static const char *const head =
        "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[+-]\\d{4} (error|warning|info) "
        "cronos\\[\\d+\\]: ";

    assert_true(g_regex_match_simple(head, line, 0, 0));
    assert_true(g_str_has_suffix(line, end));
}

static void expect_levels(const char *name)
{
    g_autofree char *errors = NULL;

    assert_int_equal(run_case(name, "new/dir/log", &errors), 0);
    assert_string_equal(errors, "cronos: error: bad news backup=a.zip path=dir/file\n"
                                "cronos: warning: careful path=\"with blank\"\n");
    g_autofree char *text = read_log("new/dir/log");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    assert_int_equal(g_strv_length(lines), 4);
    assert_line(lines[0], "]: bad news backup=a.zip path=dir/file");
    assert_line(lines[1], "]: careful path=\"with blank\"");
    assert_line(lines[2], "]: two\\012lines backup=b.zip");
    assert_string_equal(lines[3], "");

    struct stat status;
    g_autofree char *path = g_build_filename(directory, "new/dir/log", NULL);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0137, 0);
}

static void test_levels(void **state)
{
    expect_levels("levels");
}

static void test_relay(void **state)
{
    expect_levels("relay");
}

static void test_all_on_stderr(void **state)
{
    g_autofree char *errors = NULL;

    assert_int_equal(run_case("all-on-stderr", "log", &errors), 0);
    assert_non_null(strstr(errors, "\ncronos: two\\012lines backup=b.zip\n"));
    assert_non_null(strstr(errors, "\ncronos: debug: details\n"));
    g_autofree char *path = g_build_filename(directory, "log", NULL);
    assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void test_detached(void **state)
{
    g_autofree char *errors = NULL;

    assert_int_equal(run_case("detached", "log", &errors), 0);
    assert_string_equal(errors, "");
    g_autofree char *text = read_log("log");
    assert_non_null(strstr(text, "bad news"));
}

static void test_unwritable(void **state)
{
    g_autofree char *errors = NULL;

    assert_int_equal(run_case("unwritable", "log", &errors), 0);
    const char *first = strstr(errors, "cronos: warning: can not write the log file "
                                       "\"/proc/nonexistent/log\": ");
    assert_non_null(first);
    assert_null(strstr(strchr(first, '\n'), "can not write"));
    assert_non_null(strstr(errors, "bad news"));
}

static void test_rotated(void **state)
{
    g_autofree char *errors = NULL;

    assert_int_equal(run_case("rotated", "log", &errors), 0);
    g_autofree char *text = read_log("log");
    g_autofree char *old = read_log("log.1");
    assert_non_null(strstr(text, "second"));
    assert_null(strstr(text, "first"));
    assert_non_null(strstr(old, "first"));
    assert_null(strstr(old, "second"));
}

static void test_threads(void **state)
{
    g_autofree char *errors = NULL;

    assert_int_equal(run_case("threads", "log", &errors), 0);
    g_autofree char *text = read_log("log");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    assert_int_equal(g_strv_length(lines), 801);
    for (int i = 0; i < 800; i++)
        assert_true(g_regex_match_simple("\\]: thread [0-3] line \\d+$", lines[i], 0, 0));
}

/* Bugs stay fatal where G_DEBUG says so, and are in the file before that; events never are. */
static void test_fatal(void **state)
{
    static const char *const names[] = {"foreign-warning", "own-critical"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *errors = NULL;
        int status = run_case(names[i], names[i], &errors);

        assert_true(WIFSIGNALED(status));
        assert_true(WTERMSIG(status) == SIGTRAP || WTERMSIG(status) == SIGABRT);
        assert_non_null(strstr(errors, "a bug"));
        g_autofree char *text = read_log(names[i]);
        assert_non_null(strstr(text, "a bug"));
    }
}

static void test_before_line(void **state)
{
    g_autofree char *errors = NULL;
    int status = run_case("before-line", "log", &errors);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
}

/* --verbose told of what was made twice: in the command's words, and in the log's. */
static void test_results(void **state)
{
    g_autofree char *errors = NULL;

    assert_int_equal(run_case("results", "log", &errors), 0);
    assert_string_equal(errors, "cronos: begun\n");
    g_autofree char *text = read_log("log");
    assert_non_null(strstr(text, "]: begun\n"));
    assert_non_null(strstr(text, "]: made: 3 files backup=a.zip\n"));
}

static void test_level_parse(void **state)
{
    CronosLogLevel level;

    assert_true(cronos_log_level_parse("debug", &level));
    assert_int_equal(level, CRONOS_LOG_DEBUG);
    assert_true(cronos_log_level_parse("error", &level));
    assert_int_equal(level, CRONOS_LOG_ERROR);
    assert_false(cronos_log_level_parse("Error", &level));
    assert_false(cronos_log_level_parse("", &level));
}

static const struct {
    const char *name;
    void (*run)(const char *file);
} cases[] = {
    {"levels", case_levels},
    {"relay", case_relay},
    {"all-on-stderr", case_all_on_stderr},
    {"detached", case_detached},
    {"unwritable", case_unwritable},
    {"rotated", case_rotated},
    {"threads", case_threads},
    {"foreign-warning", case_foreign_warning},
    {"own-critical", case_own_critical},
    {"before-line", case_before_line},
    {"results", case_results},
};

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_relay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_on_stderr, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_detached, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unwritable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rotated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fatal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_before_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_results, set_up, tear_down),
        cmocka_unit_test(test_level_parse),
    };

    for (guint i = 0; argc == 3 && i < G_N_ELEMENTS(cases); i++) {
        if (strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run(argv[2]);
            return 0;
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
