/* SPDX-License-Identifier: MIT
 * main.c - cronosfs: the order in which a mount comes up
 *
 * All that can fail fails in the process that was called, before it forks; what comes after reaches
 * it through fs/readiness.h. Exit status: 0 mounted (in the foreground: unmounted cleanly), 1
 * failed, 2 wrong usage. */
#include "core/archive.h"
#include "core/error.h"
#include "core/log.h"
#include "core/passphrase.h"
#include "core/standard-descriptors.h"
#include "fs/keeper.h"
#include "fs/mount.h"
#include "fs/pool.h"
#include "fs/session.h"
#include "fs/versions.h"

#include <limits.h>
#include <linux/close_range.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

/* Beyond this many, more open archives are no gain. */
#define DESCRIPTORS_WANTED 65536u
/* Descriptors that are not archives': the device, the log, pipes. */
#define DESCRIPTORS_RESERVED 64u
#define BYTES_PER_MIB (1024u * 1024)
/* Of the memory for caches: one part in so many is for the folders of ".versions". */
#define VERSIONS_SHARE 8u

static int complain(const GError *error)
{
    gboolean usage = g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE);

    fprintf(stderr, "cronosfs: %s\n", error->message);
    if (usage)
        fputs("Try 'cronosfs --help'.\n", stderr);
    return usage ? EXIT_USAGE : EXIT_FAILURE;
}

static void log_libfuse(enum fuse_log_level level, const char *format, va_list arguments)
{
    static GMutex lock;
    static GString *line; /* lock */

    if (level == FUSE_LOG_DEBUG) {
        vfprintf(stderr, format, arguments);
        return;
    }
    /* It says some things in several calls; a newline ends them. */
    g_mutex_lock(&lock);
    if (line == NULL)
        line = g_string_new(NULL);
    g_string_append_vprintf(line, format, arguments);
    if (g_str_has_suffix(line->str, "\n")) {
        g_strchomp(line->str);
        cronos_log_event(level <= FUSE_LOG_ERR ? CRONOS_LOG_ERROR : CRONOS_LOG_WARNING, NULL, NULL,
                         "%s", line->str);
        g_string_truncate(line, 0);
    }
    g_mutex_unlock(&lock);
}

static void start_log(const CronosFsOptions *options)
{
    CronosLogOptions log = {
        .program = "cronosfs",
        .file_level = options->log_level,
        .stderr_level = options->foreground ? options->log_level : CRONOS_LOG_WARNING,
        .use_stderr = TRUE,
        .file = options->log_file,
    };

    cronos_log_start(&log);
    fuse_set_log_func(log_libfuse);
}

/* A daemon would hold the caller's pipes and locks for as long as the mount lives. */
static void close_inherited(void)
{
    close_range(STDERR_FILENO + 1, UINT_MAX, 0);
}

/* Returns: how many descriptors archives may use. */
static guint raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return DESCRIPTORS_RESERVED;
    rlim_t wanted = MIN(limit.rlim_max, DESCRIPTORS_WANTED);
    if (limit.rlim_cur < wanted) {
        struct rlimit raised = {wanted, limit.rlim_max};

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    rlim_t usable = MIN(limit.rlim_cur, DESCRIPTORS_WANTED);
    return usable > 2 * DESCRIPTORS_RESERVED ? (guint)usable - DESCRIPTORS_RESERVED
                                             : DESCRIPTORS_RESERVED;
}

static int serve(CronosMount *mount, CronosSession *session)
{
    g_autoptr(GError) error = NULL;

    if (cronos_session_serve(session, &error))
        return EXIT_SUCCESS;
    if (!cronos_readiness_fail(mount->readiness, error->message))
        cronos_log_event(CRONOS_LOG_ERROR, NULL, mount->options->mount_point, "%s", error->message);
    return EXIT_FAILURE;
}

static int wait_for_daemon(CronosReadiness *readiness, CronosSession *session)
{
    g_autoptr(GError) error = NULL;

    if (cronos_readiness_wait(readiness, &error)) {
        /* All that this process holds is the daemon's now: no clean-up may touch the mount. */
        fflush(NULL);
        _exit(EXIT_SUCCESS);
    }
    cronos_session_release(session);
    cronos_session_free(session);
    return complain(error);
}

/* The keeper's part: it holds nothing that serving needs, above all not the device, whose last
 * closing tells the kernel that nobody serves any more. */
static int keep(CronosKeeper *keeper, CronosMount *mount, CronosSession *session)
{
    cronos_session_release(session);
    cronos_session_free(session);
    cronos_readiness_resign(mount->readiness);
    return cronos_keeper_wait(keeper);
}

static int run_daemon(CronosMount *mount, CronosSession *session)
{
    g_autoptr(GError) error = NULL;
    CronosKeeperSide side = CRONOS_KEEPER_CHILD;
    g_autoptr(CronosKeeper) keeper = cronos_keeper_fork(mount->options->mount_point, &side, &error);
    int status = EXIT_FAILURE;

    if (keeper != NULL && side == CRONOS_KEEPER_PARENT)
        return keep(keeper, mount, session);
    if (keeper != NULL) {
        cronos_session_release(session);
        status = serve(mount, session);
        if (cronos_session_is_unmounted(session))
            cronos_keeper_note_unmounted(keeper);
    } else if (!cronos_readiness_fail(mount->readiness, error->message)) {
        complain(error);
    }
    cronos_session_free(session);
    return status;
}

static int run_mounted(CronosMount *mount, CronosSession *session)
{
    g_autoptr(GError) error = NULL;
    CronosReadinessSide side = CRONOS_READINESS_DAEMON;
    g_autoptr(CronosReadiness) readiness = mount->options->foreground
                                               ? cronos_readiness_foreground()
                                               : cronos_readiness_fork(&side, &error);

    if (readiness == NULL) {
        cronos_session_free(session);
        return complain(error);
    }
    if (side == CRONOS_READINESS_WAITER)
        return wait_for_daemon(readiness, session);
    mount->readiness = readiness;
    return run_daemon(mount, session);
}

static int run(const CronosFsOptions *options)
{
    g_autoptr(GError) error = NULL;
    CronosMount mount = {.options = options, .uid = geteuid(), .gid = getegid()};
    CronosSession *session = NULL;
    int status;

    gsize budget_bytes = (gsize)options->cache_mb * BYTES_PER_MIB;
    gsize versions_bytes =
        options->versions != CRONOS_FS_VERSIONS_OFF ? budget_bytes / VERSIONS_SHARE : 0;
    cronos_archive_set_cache_limit(budget_bytes / 2);
    cronos_archive_prepare();
    mount.pool = cronos_pool_new(budget_bytes / 2 - versions_bytes, raise_descriptor_limit());
    if (versions_bytes > 0)
        mount.versions = cronos_versions_new(versions_bytes);
    mount.tree = cronos_tree_open(options->directory, mount.pool, &error);
    if (mount.tree != NULL)
        session = cronos_session_new(&mount, &error);
    status = session != NULL ? run_mounted(&mount, session) : complain(error);
    cronos_versions_free(mount.versions);
    cronos_tree_free(mount.tree);
    cronos_pool_free(mount.pool);
    return status;
}

/* At the start: the daemon shall not depend on a file that may go, nor be able to open it. */
static gboolean load_passphrase(const CronosFsOptions *options, GError **error)
{
    if (options->passphrase_file == NULL)
        return TRUE;
    cronos_passphrase_set_source(options->passphrase_file, NULL);
    return cronos_passphrase_get(error) != NULL;
}

int main(int argc, char **argv)
{
    CronosFsOptions options;
    g_autoptr(GError) error = NULL;
    int status = EXIT_SUCCESS;

    cronos_standard_descriptors_open();
    setlocale(LC_ALL, "");
    if (!cronos_fs_options_parse(&options, argc, argv, &error))
        return complain(error);
    if (options.action == CRONOS_FS_HELP) {
        fputs(cronos_fs_options_help(), stdout);
    } else if (options.action == CRONOS_FS_VERSION) {
        printf("cronosfs %s\nlibfuse %s\n", CRONOS_VERSION, fuse_pkgversion());
    } else if (options.action == CRONOS_FS_MOUNT && !load_passphrase(&options, &error)) {
        status = complain(error);
    } else if (options.action == CRONOS_FS_MOUNT) {
        if (!options.foreground)
            close_inherited();
        start_log(&options);
        status = run(&options);
    }
    cronos_fs_options_clear(&options);
    if (fflush(stdout) != 0)
        status = EXIT_FAILURE;
    return status;
}
