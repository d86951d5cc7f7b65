/* SPDX-License-Identifier: MIT
 * session.c - one mount, from mount(2) to its end
 *
 * Signals: one thread waits for those that end the mount, every other thread has them blocked. It
 * marks the session as ended and then wakes the main loop, again and again until it has noticed: a
 * wake-up that comes just before the loop sleeps is lost. */
#include "fs/session.h"

#include "core/archive.h"
#include "core/error.h"
#include "core/log.h"
#include "fs/operations.h"
#include "fs/push.h"
#include "fs/read-ahead-size.h"
#include "fs/sandbox.h"
#include "fs/watch.h"

#include <errno.h>
#include <gio/gunixmounts.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FUSE_DEVICE "/dev/fuse"
#define FUSE_DEVICE_MAJOR 10u
#define FUSE_DEVICE_MINOR 229u
#define WAKE_SIGNAL SIGUSR1
#define WAKE_INTERVAL_MS 10
#define THREADS_LEAST 4u

struct CronosSession {
    CronosMount *mount;
    struct fuse_session *fuse;
    gboolean mounted;
};

typedef struct {
    struct fuse_session *fuse;
    CronosWatch *watch; /* borrowed, as the next */
    CronosPush *push;
    pthread_t thread, main_thread;
    int signal_fd;
    int done_fd; /* eventfd: the loop has ended */
} Stopper;

/* libfuse's own words would name neither the device nor the program that is missing. */
static gboolean check_means(GError **error)
{
    struct stat status;

    if (stat(FUSE_DEVICE, &status) != 0 || !S_ISCHR(status.st_mode) ||
        status.st_rdev != makedev(FUSE_DEVICE_MAJOR, FUSE_DEVICE_MINOR)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "can not mount: " FUSE_DEVICE " is missing; load the kernel's fuse module "
                    "(modprobe fuse)");
        return FALSE;
    }
    if (access(FUSE_DEVICE, R_OK | W_OK) != 0) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "can not mount: no permission to open " FUSE_DEVICE
                    " (mode %04o); its usual mode is 0666",
                    (unsigned)(status.st_mode & 07777));
        return FALSE;
    }
    g_autofree char *helper = g_find_program_in_path("fusermount3");
    if (geteuid() == 0 || helper != NULL)
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                "can not mount: fusermount3 is missing, which mounts for users other than root; "
                "install the package fuse3");
    return FALSE;
}

/* Returns: whether what lies on top at @mount_point is a mount of ours. */
static gboolean is_ours(const char *mount_point)
{
    GList *mounts = g_unix_mounts_get(NULL);
    gboolean ours = FALSE;

    for (GList *at = mounts; at != NULL; at = at->next)
        if (g_str_equal(g_unix_mount_get_mount_path(at->data), mount_point))
            ours = g_str_equal(g_unix_mount_get_fs_type(at->data), "fuse.cronosfs");
    g_list_free_full(mounts, (GDestroyNotify)g_unix_mount_free);
    return ours;
}

/* A second mount would hide the first, which then serves nobody, and takes two to unmount. */
static gboolean check_place(const char *mount_point, GError **error)
{
    if (!is_ours(mount_point))
        return TRUE;
    g_autofree char *quoted = cronos_quote_path(mount_point);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                "can not mount: \"%s\" is a mount of cronosfs already; \"cronos umount\" takes it "
                "away",
                quoted);
    return FALSE;
}

static void ignore_wake(int signal_number)
{
    (void)signal_number;
}

static sigset_t ending_signals(void)
{
    sigset_t ending;

    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGHUP);
    return ending;
}

/* Before the mount is there: from then on a signal must find somebody who unmounts. Not restarting
 * what it interrupts is what the wake signal is for. */
static void prepare_signals(void)
{
    struct sigaction wake = {.sa_handler = ignore_wake}, ignore = {.sa_handler = SIG_IGN};
    sigset_t ending = ending_signals();

    sigaction(WAKE_SIGNAL, &wake, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
}

/* fuse_session_new keeps and changes what it is given. */
static struct fuse_session *new_fuse_session(CronosMount *mount)
{
    const struct fuse_args *given = &mount->options->fuse;
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

    for (int i = 0; i < given->argc; i++)
        fuse_opt_add_arg(&args, given->argv[i]);
    struct fuse_session *fuse =
        fuse_session_new(&args, &cronos_operations, sizeof(cronos_operations), mount);
    fuse_opt_free_args(&args);
    return fuse;
}

CronosSession *cronos_session_new(CronosMount *mount, GError **error)
{
    g_autoptr(CronosSession) session = g_new0(CronosSession, 1);
    const CronosFsOptions *options = mount->options;

    if (!check_means(error) || !check_place(options->mount_point, error))
        return NULL;
    session->mount = mount;
    prepare_signals();
    session->fuse = new_fuse_session(mount);
    if (session->fuse == NULL) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "these options can not be used");
        return NULL;
    }
    if (fuse_session_mount(session->fuse, options->mount_point) != 0) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "can not mount on \"%s\"",
                    options->mount_point);
        return NULL;
    }
    session->mounted = TRUE;
    cronos_read_ahead_size_raise(options->mount_point);
    return g_steal_pointer(&session);
}

static void unmount(CronosSession *session)
{
    if (session->mounted)
        fuse_session_unmount(session->fuse);
    session->mounted = FALSE;
}

gboolean cronos_session_is_unmounted(const CronosSession *session)
{
    struct pollfd device = {fuse_session_fd(session->fuse), POLLIN, 0};

    return poll(&device, 1, 0) > 0 && (device.revents & POLLERR) != 0;
}

void cronos_session_release(CronosSession *session)
{
    session->mounted = FALSE;
}

void cronos_session_free(CronosSession *session)
{
    if (session == NULL)
        return;
    unmount(session);
    if (session->fuse != NULL)
        fuse_session_destroy(session->fuse);
    g_free(session);
}

static void *stopper_thread(void *data)
{
    Stopper *stopper = data;
    struct pollfd polled[] = {{stopper->done_fd, POLLIN, 0}, {stopper->signal_fd, POLLIN, 0}};

    while (poll(polled, 2, -1) < 0)
        ;
    if (polled[0].revents != 0)
        return NULL;
    cronos_watch_halt(stopper->watch);
    cronos_push_halt(stopper->push);
    cronos_archive_halt();
    fuse_session_exit(stopper->fuse);
    do
        pthread_kill(stopper->main_thread, WAKE_SIGNAL);
    while (poll(polled, 1, WAKE_INTERVAL_MS) <= 0);
    return NULL;
}

static gboolean stopper_start(Stopper *stopper, GError **error)
{
    sigset_t ending = ending_signals();
    int errnum = 0;

    stopper->main_thread = pthread_self();
    stopper->signal_fd = signalfd(-1, &ending, SFD_CLOEXEC);
    stopper->done_fd = eventfd(0, EFD_CLOEXEC);
    if (stopper->signal_fd < 0 || stopper->done_fd < 0)
        errnum = errno;
    else
        errnum = pthread_create(&stopper->thread, NULL, stopper_thread, stopper);
    if (errnum == 0)
        return TRUE;
    cronos_error_set_system(error, errnum, "can not wait for signals");
    return FALSE;
}

static void stopper_end(Stopper *stopper)
{
    const guint64 one = 1;

    while (write(stopper->done_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    pthread_join(stopper->thread, NULL);
    close(stopper->done_fd);
    close(stopper->signal_fd);
}

/* The kernel hands requests to the thread that has slept longest: each one more than are busy costs
 * cold caches and memory, and gains only where threads wait for a disk. */
static guint thread_count(const CronosFsOptions *options)
{
    if (options->single_thread)
        return 1;
    return options->max_threads > 0 ? options->max_threads
                                    : MAX(THREADS_LEAST, g_get_num_processors() + 1);
}

/* Returns: 0, a signal's number, or a negative errno. */
static int run_loop(struct fuse_session *fuse, const CronosFsOptions *options)
{
    if (options->single_thread)
        return fuse_session_loop(fuse);
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    fuse_loop_cfg_set_clone_fd(config, options->clone_fd ? 1 : 0);
    fuse_loop_cfg_set_max_threads(config, thread_count(options));
    int result = fuse_session_loop_mt(fuse, config);
    fuse_loop_cfg_destroy(config);
    return result;
}

static int serve(CronosSession *session, Stopper *stopper)
{
    const CronosFsOptions *options = session->mount->options;

    cronos_log_event(CRONOS_LOG_INFO, NULL, options->mount_point, "mounted %s", options->directory);
    int result = run_loop(session->fuse, options);
    stopper_end(stopper);
    return result;
}

gboolean cronos_session_serve(CronosSession *session, GError **error)
{
    CronosMount *mount = session->mount;

    cronos_sandbox_enter(mount->options);
    g_autoptr(CronosWatch) watch = cronos_watch_start(mount->tree, session->fuse, error);
    Stopper stopper = {.fuse = session->fuse, .watch = watch};
    int result = -1;

    if (watch == NULL)
        return FALSE;
    mount->push = stopper.push = cronos_push_new(session->fuse, thread_count(mount->options));
    if (stopper_start(&stopper, error)) {
        result = serve(session, &stopper);
        if (result < 0)
            cronos_error_set_system(error, -result, "the connection to the kernel broke");
    }
    cronos_push_free(mount->push);
    return result >= 0;
}
