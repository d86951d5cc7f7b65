/* SPDX-License-Identifier: MIT
 * test-hooks.c - commands run as hooks: what they get, and how each of them comes to an end */
#include "core/error.h"
#include "core/hooks.h"
#include "tests/unit/temporary.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_US (20 * G_USEC_PER_SEC)

static char *root;
static const char *const environment[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};

static int set_up(void **state)
{
    root = temporary_new();
    return 0;
}

static int tear_down(void **state)
{
    temporary_free(root);
    return 0;
}

static CronosConfig *load(const char *command, int timeout_seconds)
{
    g_autofree char *escaped = g_strescape(command, NULL);
    g_autofree char *text = g_strdup_printf(
        "hooks: { before_create = \"%s\"; timeout_seconds = %d; };", escaped, timeout_seconds);
    g_autoptr(GError) error = NULL;

    temporary_write(root, "cronos.conf", text);
    CronosConfig *config = cronos_config_load(root, NULL, &error);
    assert_null(error);
    return config;
}

static gboolean run(const char *command, int timeout_seconds, GCancellable *cancellable,
                    GError **error)
{
    g_autoptr(CronosConfig) config = load(command, timeout_seconds);

    return cronos_hook_run(config, CRONOS_HOOK_BEFORE_CREATE, environment, cancellable, error);
}

static void assert_runs(const char *command)
{
    g_autoptr(GError) error = NULL;

    if (!run(command, 60, NULL, &error))
        fail_msg("%s: %s", command, error->message);
}

static void assert_fails(const char *command, int timeout_seconds, const char *reason)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *expected =
        g_strdup_printf("%s/cronos.conf:1: the hook before_create %s", root, reason);

    assert_false(run(command, timeout_seconds, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_FAILED));
    assert_string_equal(error->message, expected);
}

static char *read_note(const char *name)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? g_strchomp(text) : NULL;
}

/* Dead ones that nobody has reaped yet are no more, either. */
static gboolean is_running(const char *pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/stat", pid);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    return strchr("ZX", strrchr(text, ')')[2]) == NULL;
}

static void assert_ends(const char *pid)
{
    gint64 deadline = g_get_monotonic_time() + PATIENCE_US;

    assert_non_null(pid);
    while (is_running(pid) && g_get_monotonic_time() < deadline)
        g_usleep(1000);
    assert_false(is_running(pid));
}

static void test_none(void **state)
{
    g_autoptr(CronosConfig) config = load("", 1);

    assert_false(cronos_hooks_are_configured(config));
    assert_true(cronos_hook_run(config, CRONOS_HOOK_BEFORE_CREATE, environment, NULL, NULL));
    assert_true(cronos_hook_run(config, CRONOS_HOOK_ON_FAILURE, environment, NULL, NULL));
}

static void test_what_it_gets(void **state)
{
    g_autofree char *here = g_strdup_printf("test \"$(pwd -P)\" = '%s'", root);

    assert_runs("true");
    assert_runs(here);
    assert_runs("test \"$GREETING\" = hello && test \"$CRONOS_HOOK\" = before_create");
    assert_runs("test -z \"$HOME\"");
    assert_runs("! read line");
    assert_runs("test /proc/$$/fd/0 -ef /dev/null");
    assert_runs("test /proc/$$/fd/1 -ef /proc/$$/fd/2");
    assert_runs("echo one | { read a; test \"$a\" = one; }");
}

/* Programs ignore SIGPIPE, and block the signals that a thread of theirs waits for. */
static void test_signals_are_as_usual(void **state)
{
    sigset_t blocked, before;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    assert_fails("kill -PIPE $$; exit 0", 60, "was ended by signal 13 (Broken pipe)");
    assert_fails("kill -TERM $$; exit 0", 60, "was ended by signal 15 (Terminated)");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void test_failures(void **state)
{
    assert_fails("exit 3", 60, "ended with status 3");
    assert_fails("/nonexistent/program 2>/dev/null", 60, "ended with status 127");
    assert_fails("if", 60, "ended with status 2");
}

static void test_one_that_hangs(void **state)
{
    assert_fails("sleep 1000 & echo $! >child; echo $$ >shell; wait", 1,
                 "took longer than 1 second and was ended");
    g_autofree char *child = read_note("child");
    g_autofree char *shell = read_note("shell");
    assert_ends(child);
    assert_ends(shell);
}

static void test_one_that_will_not_end(void **state)
{
    assert_fails("trap '' TERM; sleep 1000 & echo $! >child; wait; sleep 1000", 1,
                 "took longer than 1 second and was ended");
    g_autofree char *child = read_note("child");
    assert_ends(child);
}

static void test_a_child_left_behind(void **state)
{
    assert_runs("sleep 1000 & echo $! >child");
    g_autofree char *child = read_note("child");
    assert_non_null(child);
    assert_true(is_running(child));
    assert_int_equal(kill((pid_t)g_ascii_strtoll(child, NULL, 10), SIGKILL), 0);
}

static gpointer cancel_when_started(gpointer cancellable)
{
    gint64 deadline = g_get_monotonic_time() + PATIENCE_US;
    g_autofree char *path = g_build_filename(root, "started", NULL);

    while (!g_file_test(path, G_FILE_TEST_EXISTS) && g_get_monotonic_time() < deadline)
        g_usleep(1000);
    g_cancellable_cancel(cancellable);
    return NULL;
}

/* Without a limit of time, nothing else would end it. */
static void test_cancelled(void **state)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    GThread *thread = g_thread_new("cancel", cancel_when_started, cancellable);

    assert_false(run("sleep 1000 & echo $! >child; : >started; wait", 0, cancellable, &error));
    g_thread_join(thread);
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
    g_autofree char *child = read_note("child");
    assert_ends(child);
}

static void test_refused(void **state)
{
    g_autofree char *file = g_build_filename(root, "cronos.conf", NULL);
    g_autoptr(GError) error = NULL;

    temporary_write(root, "cronos.conf", "hooks: { before_create = \": >was-run\"; };");
    assert_int_equal(chmod(file, 0666), 0);
    g_autoptr(CronosConfig) config = cronos_config_load(root, NULL, NULL);
    assert_true(cronos_hooks_are_configured(config));
    assert_false(cronos_hook_run(config, CRONOS_HOOK_BEFORE_CREATE, environment, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG));
    assert_null(read_note("was-run"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_it_gets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signals_are_as_usual, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_hangs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_will_not_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_child_left_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
