/* SPDX-License-Identifier: MIT
 * sandbox.c - what parses archives gives up every right it does not need
 *
 * With CRONOS_DEBUG=sandbox-probe in the environment, the process tries once, when it has locked
 * itself down, what it must not be able to do, and logs the outcomes. No attempt changes anything
 * where it succeeds. */
#include "fs/sandbox.h"

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROBE_VARIABLE "CRONOS_DEBUG"
#define PROBE_WORD "sandbox-probe"

/* Their tools look at the process from outside, and write reports, when it ends. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BUILT_WITH_SANITIZER TRUE
#else
#define BUILT_WITH_SANITIZER FALSE
#endif

/* Backups that others made with mode 0600 are root's to read. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &header, data) != 0)
        return errno;
    for (guint i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= i == 0 ? 1u << CAP_DAC_READ_SEARCH : 0;
        data[i].effective &= data[i].permitted;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, data) == 0 ? 0 : errno;
}

/* What is opened at first use by the C library and GLib, and not to be had later. */
static void prepare(void)
{
    tzset();
    g_time_zone_unref(g_time_zone_new_local());
}

static gboolean note(GString *lacking, const char *name, int errnum)
{
    if (errnum != 0)
        g_string_append_printf(lacking, "%s%s (%s)", lacking->len > 0 ? ", " : "", name,
                               errnum == ENOSYS || errnum == EOPNOTSUPP ? "not available"
                                                                        : g_strerror(errnum));
    return errnum == 0;
}

static void lock_down(const CronosFsOptions *options)
{
    g_autoptr(GString) lacking = g_string_new(NULL);

    prepare();
    /* In this order: each takes away what the one before needs. */
    note(lacking, "no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno);
    gboolean confined = note(lacking, "Landlock", cronos_sandbox_landlock(options));
    note(lacking, "capabilities", drop_capabilities());
    /* Cloning needs to open for writing, which is for the device alone only with Landlock; without,
     * threads share a channel. */
    note(lacking, "seccomp", cronos_sandbox_seccomp(options->clone_fd && confined));
    if (lacking->len == 0)
        cronos_log_event(CRONOS_LOG_DEBUG, NULL, options->mount_point, "sandbox: on");
    else
        cronos_log_event(CRONOS_LOG_WARNING, NULL, options->mount_point, "sandbox: without %s",
                         lacking->str);
}

static void log_attempt(const char *what, int result)
{
    cronos_log_event(CRONOS_LOG_INFO, NULL, NULL, PROBE_WORD ": %s: %s", what,
                     result < 0 ? g_strerror(errno) : "allowed");
}

static void attempt(const char *what, int fd)
{
    log_attempt(what, fd);
    if (fd >= 0)
        close(fd);
}

/* With a descriptor, which is that of a folder. */
static void probe_descriptor(int fd)
{
    log_attempt("send", send(fd, "", 0, 0) != 0 && errno == ENOTSOCK ? 0 : -1);
    log_attempt("lock", flock(fd, LOCK_UN));
    log_attempt("signal", fcntl(fd, F_SETOWN, 0));
    close(fd);
}

static void probe(const CronosFsOptions *options)
{
    char *const arguments[] = {NULL};
    int folder = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    log_attempt("read a backup", folder);
    if (folder >= 0)
        probe_descriptor(folder);
    attempt("open for writing", open("/dev/null", O_WRONLY | O_CLOEXEC));
    attempt("read elsewhere", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    attempt("look elsewhere", open("/etc/passwd", O_PATH | O_CLOEXEC));
    attempt("socket", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    attempt("local socket", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    /* There is no such program: to be told so is to be allowed to run it. */
    execve("/proc/self/nonesuch", arguments, arguments);
    log_attempt("execve", errno == ENOENT ? 0 : -1);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid(child, NULL, 0);
    log_attempt("fork", (int)child);
    /* The same: no such file to remove. */
    int removed = unlink("/proc/self/nonesuch");
    log_attempt("unlink", removed != 0 && errno == ENOENT ? 0 : removed);
}

void cronos_sandbox_enter(const CronosFsOptions *options)
{
    if (!options->sandbox)
        cronos_log_event(CRONOS_LOG_INFO, NULL, options->mount_point, "sandbox: off, as asked for");
    else if (BUILT_WITH_SANITIZER)
        cronos_log_event(CRONOS_LOG_INFO, NULL, options->mount_point,
                         "sandbox: off, built with a sanitizer");
    else
        lock_down(options);
    if (g_strcmp0(g_getenv(PROBE_VARIABLE), PROBE_WORD) == 0)
        probe(options);
}
