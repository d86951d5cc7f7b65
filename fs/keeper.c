/* SPDX-License-Identifier: MIT
 * keeper.c - the process that takes the mount away
 *
 * A mount is known by its number and its device in /proc/self/mountinfo, which the next mount may
 * get as soon as it is gone: so the child tells when it was others who took it away. It is taken
 * away by name, as everybody does: only where it lies on top of what is mounted there. */
#include "fs/keeper.h"

#include "core/error.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOUNT_TABLE "/proc/self/mountinfo"
/* Of its fields, separated by blanks. */
enum { FIELD_NUMBER = 0, FIELD_DEVICE = 2, FIELD_MOUNT_POINT = 4, FIELDS };

struct CronosKeeper {
    pid_t child; /* 0 in the child */
    char *mount_point;
    char *identity;  /* nullable: not found */
    gint *unmounted; /* atomic; in memory that both processes share */
    int relay_fd;    /* for what the child has to say; -1: nothing more */
    int signals_fd;  /* parent */
};

/* Returns: (owned) what tells the topmost mount on @mount_point from all others; NULL: none. */
static char *find_mount(const char *mount_point)
{
    g_autofree char *table = NULL;
    char *identity = NULL;

    if (!g_file_get_contents(MOUNT_TABLE, &table, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, " ", FIELDS + 1);

        if (g_strv_length(fields) <= FIELDS)
            continue;
        g_autofree char *place = g_strcompress(fields[FIELD_MOUNT_POINT]);
        if (strcmp(place, mount_point) != 0)
            continue;
        g_free(identity);
        identity = g_strconcat(fields[FIELD_NUMBER], " ", fields[FIELD_DEVICE], NULL);
    }
    return identity;
}

static sigset_t awaited_signals(void)
{
    sigset_t awaited;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGHUP);
    sigaddset(&awaited, SIGCHLD);
    return awaited;
}

/* @relay_fd: taken over. */
static void become_child(CronosKeeper *keeper, pid_t parent, const sigset_t *mask, int relay_fd)
{
    pthread_sigmask(SIG_SETMASK, mask, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    close(keeper->signals_fd);
    keeper->signals_fd = -1;
    keeper->relay_fd = relay_fd;
    cronos_log_relay_use(relay_fd);
    /* It may have died before. */
    if (getppid() != parent)
        raise(SIGTERM);
}

static CronosKeeper *keeper_new(const char *mount_point)
{
    CronosKeeper *keeper = g_new0(CronosKeeper, 1);
    void *shared =
        mmap(NULL, sizeof(gint), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    keeper->unmounted = shared != MAP_FAILED ? shared : NULL;
    keeper->mount_point = g_strdup(mount_point);
    keeper->identity = find_mount(mount_point);
    keeper->relay_fd = keeper->signals_fd = -1;
    return keeper;
}

/* Returns: as fork. */
static pid_t fork_child(CronosKeeper *keeper)
{
    sigset_t awaited = awaited_signals(), before;
    pid_t parent = getpid();
    int relay[2];

    keeper->signals_fd = signalfd(-1, &awaited, SFD_CLOEXEC);
    if (keeper->unmounted == NULL || keeper->signals_fd < 0 || !cronos_log_relay_open(relay))
        return -1;
    pthread_sigmask(SIG_BLOCK, &awaited, &before);
    pid_t child = fork();
    /* Who hears it to its end must not hold the other one's end. */
    if (child != 0)
        close(relay[1]);
    if (child <= 0)
        close(relay[0]);
    if (child > 0)
        keeper->relay_fd = relay[0];
    else if (child == 0)
        become_child(keeper, parent, &before, relay[1]);
    return child;
}

CronosKeeper *cronos_keeper_fork(const char *mount_point, CronosKeeperSide *out_side,
                                 GError **error)
{
    g_autoptr(CronosKeeper) keeper = keeper_new(mount_point);

    keeper->child = fork_child(keeper);
    if (keeper->child < 0) {
        cronos_error_set_system(error, errno, "can not start the serving process");
        return NULL;
    }
    *out_side = keeper->child > 0 ? CRONOS_KEEPER_PARENT : CRONOS_KEEPER_CHILD;
    return g_steal_pointer(&keeper);
}

void cronos_keeper_note_unmounted(CronosKeeper *keeper)
{
    g_atomic_int_set(keeper->unmounted, 1);
}

/* Writes the next thing that the child has to say. */
static void listen_to_child(CronosKeeper *keeper)
{
    if (cronos_log_relay_pass_on(keeper->relay_fd))
        return;
    close(keeper->relay_fd);
    keeper->relay_fd = -1;
}

/* Takes the next signal; those that end the mount are passed on. */
static void take_signal(const CronosKeeper *keeper)
{
    struct signalfd_siginfo taken;

    if (read(keeper->signals_fd, &taken, sizeof taken) == sizeof taken &&
        taken.ssi_signo != SIGCHLD)
        kill(keeper->child, SIGTERM);
}

/* Returns: the child's status as waitpid gives it. */
static int wait_for_child(CronosKeeper *keeper)
{
    pid_t ended = 0;
    int status = 0;

    while (ended == 0 || (ended < 0 && errno == EINTR)) {
        struct pollfd polled[] = {{keeper->signals_fd, POLLIN, 0}, {keeper->relay_fd, POLLIN, 0}};

        if (poll(polled, G_N_ELEMENTS(polled), -1) < 0)
            continue;
        if (polled[1].revents != 0)
            listen_to_child(keeper);
        if (polled[0].revents == 0)
            continue;
        take_signal(keeper);
        ended = waitpid(keeper->child, &status, WNOHANG);
    }
    while (keeper->relay_fd >= 0)
        listen_to_child(keeper);
    return status;
}

/* Returns: whether it is still mounted, and no other mount lies over it. */
static gboolean is_mounted(const CronosKeeper *keeper)
{
    if (g_atomic_int_get(keeper->unmounted))
        return FALSE;
    g_autofree char *identity = find_mount(keeper->mount_point);

    return g_strcmp0(identity, keeper->identity) == 0 && identity != NULL;
}

/* As the mount was made: by the system call, or by the program for users other than root. */
static gboolean unmount(const CronosKeeper *keeper)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    int status = -1;

    if (geteuid() == 0 && umount2(keeper->mount_point, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        return TRUE;
    g_strv_builder_add_many(builder, "fusermount3", "-u", "-z", "-q", "--", keeper->mount_point,
                            NULL);
    g_auto(GStrv) command = g_strv_builder_end(builder);
    return g_spawn_sync(NULL, command, NULL,
                        G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
                            G_SPAWN_STDERR_TO_DEV_NULL,
                        NULL, NULL, NULL, NULL, &status, NULL) &&
           g_spawn_check_wait_status(status, NULL);
}

int cronos_keeper_wait(CronosKeeper *keeper)
{
    int status = wait_for_child(keeper);

    if (WIFSIGNALED(status))
        cronos_log_event(CRONOS_LOG_ERROR, NULL, keeper->mount_point,
                         "the serving process was killed: %s", g_strsignal(WTERMSIG(status)));
    /* Whoever unmounted it may have done so a moment ago. */
    if (is_mounted(keeper) && !unmount(keeper) && is_mounted(keeper))
        cronos_log_event(CRONOS_LOG_WARNING, NULL, keeper->mount_point, "can not unmount");
    else
        cronos_log_event(CRONOS_LOG_INFO, NULL, keeper->mount_point, "unmounted");
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

void cronos_keeper_free(CronosKeeper *keeper)
{
    if (keeper == NULL)
        return;
    if (keeper->unmounted != NULL)
        munmap(keeper->unmounted, sizeof(gint));
    if (keeper->child != 0 && keeper->relay_fd >= 0)
        close(keeper->relay_fd);
    if (keeper->signals_fd >= 0)
        close(keeper->signals_fd);
    g_free(keeper->mount_point);
    g_free(keeper->identity);
    g_free(keeper);
}
