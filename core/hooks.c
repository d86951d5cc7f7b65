/* SPDX-License-Identifier: MIT
 * hooks.c - a command of the configuration, run, watched and ended
 *
 * The shell's end is seen by a pidfd, which needs no handler of SIGCHLD and so harms no other
 * thread. It is reaped last: until then nobody else can get the number of its process group. */
#include "core/hooks.h"

#include "core/error.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_US (3 * G_USEC_PER_SEC)
/* How long one poll may take at most: the clock's unit there is small. */
#define POLL_US (60 * G_USEC_PER_SEC)

static const struct {
    const char *name;
    CronosConfigKey key;
} hooks[] = {
    [CRONOS_HOOK_BEFORE_CREATE] = {"before_create", CRONOS_CONFIG_HOOKS_BEFORE_CREATE},
    [CRONOS_HOOK_AFTER_CREATE] = {"after_create", CRONOS_CONFIG_HOOKS_AFTER_CREATE},
    [CRONOS_HOOK_ON_FAILURE] = {"on_failure", CRONOS_CONFIG_HOOKS_ON_FAILURE},
};

typedef enum {
    WAIT_ENDED,
    WAIT_TIMED_OUT,
    WAIT_CANCELLED,
} Wait;

typedef struct {
    pid_t pid; /* of the shell, and of its group */
    int pidfd;
} Child;

gboolean cronos_hooks_are_configured(const CronosConfig *config)
{
    for (guint i = 0; i < G_N_ELEMENTS(hooks); i++)
        if (*cronos_config_string(config, hooks[i].key) != '\0')
            return TRUE;
    return FALSE;
}

gboolean cronos_hooks_check(const CronosConfig *config, GError **error)
{
    const char *refusal = cronos_config_hooks_refusal(config);

    if (refusal != NULL)
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG, refusal);
    return refusal == NULL;
}

/* Runs between fork and exec. A program may block and ignore signals that its hooks need to be
 * ended by; and should it die, nobody else would end them. */
static void prepare_child(gpointer unused)
{
    sigset_t none;

    (void)unused;
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static gboolean start(Child *child, const char *directory, const char *command,
                      const char *const *environment, GError **error)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    int out = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD;

    if (out < 0)
        flags |= G_SPAWN_STDOUT_TO_DEV_NULL;
    gboolean started =
        g_spawn_async_with_fds(directory, (char **)(guintptr)argv, (char **)(guintptr)environment,
                               flags, prepare_child, NULL, &child->pid, -1, out, -1, error);
    if (out >= 0)
        close(out);
    return started;
}

/* @limit_us: 0: none. */
static Wait wait_for_end(const Child *child, GCancellable *cancellable, gint64 limit_us)
{
    GPollFD fds[2] = {{.fd = child->pidfd, .events = G_IO_IN}};
    guint count = 1;
    gint64 deadline = g_get_monotonic_time() + limit_us;
    Wait verdict = WAIT_TIMED_OUT;

    if (g_cancellable_make_pollfd(cancellable, &fds[1]))
        count = 2;
    for (gint64 left = limit_us; limit_us == 0 || left > 0;
         left = deadline - g_get_monotonic_time()) {
        gint64 step = limit_us == 0 ? POLL_US : MIN(left, POLL_US);

        if (g_poll(fds, count, (gint)((step + 999) / 1000)) < 0)
            continue;
        if (fds[0].revents != 0) {
            verdict = WAIT_ENDED;
            break;
        }
        if (g_cancellable_is_cancelled(cancellable)) {
            verdict = WAIT_CANCELLED;
            break;
        }
    }
    if (count == 2)
        g_cancellable_release_fd(cancellable);
    return verdict;
}

static void end_group(const Child *child)
{
    kill(-child->pid, SIGTERM);
    wait_for_end(child, NULL, GRACE_US);
    kill(-child->pid, SIGKILL);
}

/* Returns: (owned) what is wrong with the way it ended, or NULL. */
static char *describe_end(Wait verdict, int status, int timeout_seconds)
{
    if (verdict == WAIT_TIMED_OUT)
        return g_strdup_printf("took longer than %d %s and was ended", timeout_seconds,
                               timeout_seconds == 1 ? "second" : "seconds");
    if (verdict == WAIT_CANCELLED)
        return g_strdup("was ended, since the work was cancelled");
    if (WIFSIGNALED(status))
        return g_strdup_printf("was ended by signal %d (%s)", WTERMSIG(status),
                               g_strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status) == 0 ? NULL
                                    : g_strdup_printf("ended with status %d", WEXITSTATUS(status));
}

/* Returns: (owned) as describe_end. */
static char *watch(Child *child, GCancellable *cancellable, int timeout_seconds,
                   gboolean *out_cancelled)
{
    Wait verdict = WAIT_TIMED_OUT;
    int status = 0;

    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd >= 0)
        verdict = wait_for_end(child, cancellable, timeout_seconds * (gint64)G_USEC_PER_SEC);
    if (verdict != WAIT_ENDED)
        end_group(child);
    gboolean reaped = TEMP_FAILURE_RETRY(waitpid(child->pid, &status, 0)) == child->pid;
    *out_cancelled = verdict == WAIT_CANCELLED;
    if (child->pidfd < 0)
        return g_strdup("can not be watched");
    close(child->pidfd);
    return reaped ? describe_end(verdict, status, timeout_seconds)
                  : g_strdup("ended, and its status got lost");
}

static gboolean run(const CronosConfig *config, CronosHook hook, const char *const *environment,
                    GCancellable *cancellable, GError **error)
{
    g_autoptr(GError) failure = NULL;
    const char *origin = cronos_config_origin(config, hooks[hook].key);
    gboolean cancelled = FALSE;
    Child child;

    if (!start(&child, cronos_config_root(config), cronos_config_string(config, hooks[hook].key),
               environment, &failure)) {
        g_autofree char *reason = cronos_quote_path(failure->message);

        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s: the hook %s can not be run: %s",
                    origin, hooks[hook].name, reason);
        return FALSE;
    }
    g_autofree char *problem =
        watch(&child, cancellable, cronos_config_int(config, CRONOS_CONFIG_HOOKS_TIMEOUT_SECONDS),
              &cancelled);
    if (problem != NULL)
        g_set_error(error, CRONOS_ERROR, cancelled ? CRONOS_ERROR_CANCELLED : CRONOS_ERROR_FAILED,
                    "%s: the hook %s %s", origin, hooks[hook].name, problem);
    return problem == NULL;
}

gboolean cronos_hook_run(const CronosConfig *config, CronosHook hook,
                         const char *const *environment, GCancellable *cancellable, GError **error)
{
    gint64 started = g_get_monotonic_time();

    if (*cronos_config_string(config, hooks[hook].key) == '\0')
        return TRUE;
    if (!cronos_hooks_check(config, error))
        return FALSE;
    g_auto(GStrv) complete = g_environ_setenv(g_strdupv((char **)(guintptr)environment),
                                              "CRONOS_HOOK", hooks[hook].name, TRUE);
    cronos_log_make_way();
    if (!run(config, hook, (const char *const *)complete, cancellable, error))
        return FALSE;
    cronos_log_event(CRONOS_LOG_INFO, NULL, NULL, "the hook %s was run, %.1f s", hooks[hook].name,
                     (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC);
    return TRUE;
}
