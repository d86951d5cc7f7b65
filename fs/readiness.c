/* SPDX-License-Identifier: MIT
 * readiness.c - going into the background without losing an error
 *
 * Over the pipe goes one byte, READY or FAILED, the latter with the reason after it. */
#include "fs/readiness.h"

#include "core/error.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY 'R'
#define FAILED 'F'

struct CronosReadiness {
    pid_t daemon; /* the waiter's: who is waited for */
    int null;     /* what takes the terminal's place: not to be opened later; -1: not needed */
    pthread_mutex_t lock;
    int fd; /* lock; -1 once all is said, and in the foreground */
};

static CronosReadiness *readiness_new(int fd, pid_t daemon)
{
    CronosReadiness *readiness = g_new0(CronosReadiness, 1);

    readiness->fd = fd;
    readiness->null = fd >= 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    readiness->daemon = daemon;
    pthread_mutex_init(&readiness->lock, NULL);
    return readiness;
}

CronosReadiness *cronos_readiness_foreground(void)
{
    return readiness_new(-1, 0);
}

CronosReadiness *cronos_readiness_fork(CronosReadinessSide *out_side, GError **error)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        cronos_error_set_system(error, errno, "can not go into the background");
        return NULL;
    }
    pid_t child = fork();
    if (child < 0) {
        cronos_error_set_system(error, errno, "can not go into the background");
        close(ends[0]);
        close(ends[1]);
        return NULL;
    }
    *out_side = child == 0 ? CRONOS_READINESS_DAEMON : CRONOS_READINESS_WAITER;
    close(ends[child == 0 ? 0 : 1]);
    if (child == 0) {
        setsid();
        /* A file system in use could not be unmounted. */
        (void)!chdir("/");
    }
    return readiness_new(ends[child == 0 ? 1 : 0], child);
}

void cronos_readiness_free(CronosReadiness *readiness)
{
    if (readiness == NULL)
        return;
    if (readiness->fd >= 0)
        close(readiness->fd);
    if (readiness->null >= 0)
        close(readiness->null);
    pthread_mutex_destroy(&readiness->lock);
    g_free(readiness);
}

static int take_fd(CronosReadiness *readiness)
{
    pthread_mutex_lock(&readiness->lock);
    int fd = readiness->fd;
    readiness->fd = -1;
    pthread_mutex_unlock(&readiness->lock);
    return fd;
}

/* The waiter may be dead already: nothing is to be done about it then. */
static void send_all(int fd, const char *bytes, gsize length)
{
    while (length > 0) {
        ssize_t sent = write(fd, bytes, length);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return;
        bytes += sent;
        length -= (gsize)sent;
    }
}

static void leave_terminal(const CronosReadiness *readiness)
{
    cronos_log_detach();
    for (int fd = STDIN_FILENO; readiness->null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(readiness->null, fd);
}

void cronos_readiness_resign(CronosReadiness *readiness)
{
    int fd = take_fd(readiness);

    if (fd < 0)
        return;
    leave_terminal(readiness);
    close(fd);
}

void cronos_readiness_announce(CronosReadiness *readiness)
{
    int fd = take_fd(readiness);
    const char word = READY;

    if (fd < 0)
        return;
    leave_terminal(readiness);
    send_all(fd, &word, 1);
    close(fd);
}

gboolean cronos_readiness_fail(CronosReadiness *readiness, const char *reason)
{
    int fd = take_fd(readiness);
    g_autofree char *message = g_strdup_printf("%c%s", FAILED, reason);

    if (fd < 0)
        return FALSE;
    send_all(fd, message, strlen(message));
    close(fd);
    return TRUE;
}

static char *receive_all(int fd)
{
    GString *received = g_string_new(NULL);
    char buffer[512];

    for (;;) {
        ssize_t got = read(fd, buffer, sizeof(buffer));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return g_string_free(received, FALSE);
        g_string_append_len(received, buffer, got);
    }
}

/* Returns: its status, once it has cleaned up and ended. */
static int await_end(pid_t daemon)
{
    int status = 0;

    while (waitpid(daemon, &status, 0) < 0)
        if (errno != EINTR)
            break;
    return status;
}

static void set_death(int status, GError **error)
{
    if (WIFSIGNALED(status))
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "the daemon was killed before it served: %s", g_strsignal(WTERMSIG(status)));
    else
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "the daemon ended before it served, with status %d", WEXITSTATUS(status));
}

gboolean cronos_readiness_wait(CronosReadiness *readiness, GError **error)
{
    int fd = take_fd(readiness);
    g_autofree char *received = receive_all(fd);

    close(fd);
    if (received[0] == READY)
        return TRUE;
    int status = await_end(readiness->daemon);
    if (received[0] == FAILED)
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s", received + 1);
    else
        set_death(status, error);
    return FALSE;
}
