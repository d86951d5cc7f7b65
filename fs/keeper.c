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
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
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

static void become_child(pid_t parent, const sigset_t *mask)
{
    pthread_sigmask(SIG_SETMASK, mask, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
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
    return keeper;
}

CronosKeeper *cronos_keeper_fork(const char *mount_point, CronosKeeperSide *out_side,
                                 GError **error)
{
    g_autoptr(CronosKeeper) keeper = keeper_new(mount_point);
    sigset_t awaited = awaited_signals(), before;
    pid_t parent = getpid();

    pthread_sigmask(SIG_BLOCK, &awaited, &before);
    keeper->child = keeper->unmounted != NULL ? fork() : -1;
    if (keeper->child < 0) {
        cronos_error_set_system(error, errno, "can not start the serving process");
        return NULL;
    }
    *out_side = keeper->child > 0 ? CRONOS_KEEPER_PARENT : CRONOS_KEEPER_CHILD;
    if (keeper->child == 0)
        become_child(parent, &before);
    return g_steal_pointer(&keeper);
}

void cronos_keeper_note_unmounted(CronosKeeper *keeper)
{
    g_atomic_int_set(keeper->unmounted, 1);
}

/* Returns: the child's status as waitpid gives it. */
static int wait_for_child(const CronosKeeper *keeper)
{
    sigset_t awaited = awaited_signals();
    int status = 0;

    for (;;) {
        int signal_number = sigwaitinfo(&awaited, NULL);

        if (signal_number > 0 && signal_number != SIGCHLD)
            kill(keeper->child, SIGTERM);
        pid_t ended = waitpid(keeper->child, &status, WNOHANG);
        if (ended == keeper->child || (ended < 0 && errno != EINTR))
            return status;
    }
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
    g_free(keeper->mount_point);
    g_free(keeper->identity);
    g_free(keeper);
}
