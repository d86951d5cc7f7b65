/* SPDX-License-Identifier: MIT
 * watch.c - keeps the tree up with the directory, and the kernel up with the tree */
#include "fs/watch.h"

#include "core/archive.h"
#include "core/error.h"
#include "core/log.h"
#include "fs/node.h"
#include "fs/options.h"

#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#define POLL_INTERVAL_MS 1000
#define EVENTS_BYTES (64u * 1024)
/* A file being written tells nothing before it is closed. */
#define WATCHED_EVENTS                                                                             \
    (IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |            \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define WHOLE_DIRECTORY_EVENTS (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)

/* Not in linux/magic.h. */
#define CIFS_MAGIC 0xFF534D42u
#define FUSE_MAGIC 0x65735546u
#define LUSTRE_MAGIC 0x0BD00BD0u
#define GFS2_MAGIC 0x01161970u
#define VBOXSF_MAGIC 0x786F4256u

struct CronosWatch {
    CronosTree *tree;
    struct fuse_session *session;
    pthread_t thread;
    int wake_fd;    /* eventfd: there is something to tell the kernel, or to stop */
    int inotify_fd; /* -1: the time stamp is looked at instead */
    gint stopping;  /* atomic */
};

/* Others may change these without this kernel hearing of it. */
static gboolean is_shared_file_system(int fd)
{
    static const guint32 shared[] = {
        NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,  SMB2_SUPER_MAGIC, CIFS_MAGIC,       FUSE_MAGIC,
        V9FS_MAGIC,      CEPH_SUPER_MAGIC, AFS_SUPER_MAGIC,  CODA_SUPER_MAGIC, OCFS2_SUPER_MAGIC,
        LUSTRE_MAGIC,    GFS2_MAGIC,       VBOXSF_MAGIC};
    struct statfs status;

    if (fstatfs(fd, &status) != 0)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(shared); i++)
        if ((guint32)status.f_type == shared[i])
            return TRUE;
    return FALSE;
}

/* Returns: the inotify descriptor, or -1. */
static int watch_directory(const CronosTree *tree)
{
    if (is_shared_file_system(cronos_tree_directory_fd(tree)))
        return -1;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= 0 && inotify_add_watch(fd, cronos_tree_directory(tree), WATCHED_EVENTS) >= 0)
        return fd;
    cronos_log_event(CRONOS_LOG_INFO, NULL, cronos_tree_directory(tree),
                     "no change notification, looking once a second: %s", g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Returns: whether the directory must be read again. */
static gboolean drain_events(int fd)
{
    _Alignas(struct inotify_event) char buffer[EVENTS_BYTES];
    gboolean relevant = FALSE;
    ssize_t got;

    while ((got = read(fd, buffer, sizeof(buffer))) > 0 || (got < 0 && errno == EINTR)) {
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const struct inotify_event *)(buffer + at);

            at += (ssize_t)(sizeof(*event) + event->len);
            relevant |= (event->mask & WHOLE_DIRECTORY_EVENTS) != 0 ||
                        (event->len > 0 && event->name[0] != '.' &&
                         cronos_archive_is_archive_name(event->name, NULL));
        }
    }
    return relevant;
}

static void drain_wake(int fd)
{
    guint64 count;

    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

static void wake(void *data)
{
    CronosWatch *watch = data;
    const guint64 one = 1;

    while (write(watch->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* Failures say that the kernel has nothing cached, or that the mount is going. */
static void tell_kernel(CronosWatch *watch)
{
    g_autoptr(GPtrArray) vanished = cronos_tree_take_vanished(watch->tree);

    if (vanished == NULL)
        return;
    for (guint i = 0; i < vanished->len; i++) {
        const char *name = g_ptr_array_index(vanished, i);

        fuse_lowlevel_notify_inval_entry(watch->session, CRONOS_NODE_ROOT, name, strlen(name));
    }
    fuse_lowlevel_notify_inval_inode(watch->session, CRONOS_NODE_ROOT, 0, 0);
    fuse_lowlevel_notify_inval_inode(watch->session, CRONOS_NODE_SNAPSHOTS, 0, 0);
    fuse_lowlevel_notify_inval_inode(watch->session, CRONOS_NODE_VERSIONS, 0, 0);
}

static void *watch_thread(void *data)
{
    CronosWatch *watch = data;
    struct pollfd polled[] = {{watch->wake_fd, POLLIN, 0}, {watch->inotify_fd, POLLIN, 0}};

    while (!g_atomic_int_get(&watch->stopping)) {
        g_autoptr(GError) error = NULL;
        int count =
            poll(polled, G_N_ELEMENTS(polled), watch->inotify_fd < 0 ? POLL_INTERVAL_MS : -1);
        gboolean read_well = TRUE;

        if (count > 0 && polled[0].revents != 0)
            drain_wake(watch->wake_fd);
        if (count > 0 && polled[1].revents != 0 && drain_events(watch->inotify_fd))
            read_well = cronos_tree_rescan(watch->tree, &error);
        else if (count == 0)
            read_well = cronos_tree_refresh(watch->tree, TRUE, &error);
        if (!read_well)
            cronos_log_event(CRONOS_LOG_WARNING, NULL, NULL, "%s", error->message);
        tell_kernel(watch);
    }
    return NULL;
}

CronosWatch *cronos_watch_start(CronosTree *tree, struct fuse_session *session, GError **error)
{
    CronosWatch *watch = g_new0(CronosWatch, 1);

    watch->tree = tree;
    watch->session = session;
    watch->inotify_fd = watch_directory(tree);
    watch->wake_fd = eventfd(0, EFD_CLOEXEC);
    int errnum = watch->wake_fd < 0 ? errno : 0;
    if (errnum == 0) {
        cronos_tree_set_notify(tree, wake, watch);
        errnum = pthread_create(&watch->thread, NULL, watch_thread, watch);
    }
    if (errnum == 0) {
        /* What changed before the watch began. */
        cronos_tree_refresh(tree, TRUE, NULL);
        return watch;
    }
    cronos_error_set_system(error, errnum, "can not watch the backup directory");
    cronos_tree_set_notify(tree, NULL, NULL);
    if (watch->wake_fd >= 0)
        close(watch->wake_fd);
    if (watch->inotify_fd >= 0)
        close(watch->inotify_fd);
    g_free(watch);
    return NULL;
}

void cronos_watch_halt(CronosWatch *watch)
{
    if (g_atomic_int_get(&watch->stopping))
        return;
    g_atomic_int_set(&watch->stopping, 1);
    wake(watch);
    pthread_join(watch->thread, NULL);
}

void cronos_watch_free(CronosWatch *watch)
{
    if (watch == NULL)
        return;
    cronos_watch_halt(watch);
    cronos_tree_set_notify(watch->tree, NULL, NULL);
    close(watch->wake_fd);
    if (watch->inotify_fd >= 0)
        close(watch->inotify_fd);
    g_free(watch);
}
