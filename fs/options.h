/* SPDX-License-Identifier: MIT
 * options.h - the command line of cronosfs, also as mount(8) and fstab give it */
#pragma once
#define FUSE_USE_VERSION 314
#include "core/log.h"

#include <fuse3/fuse_lowlevel.h>
#include <glib.h>
#include <sys/types.h>

typedef enum {
    CRONOS_FS_MOUNT,
    CRONOS_FS_HELP,
    CRONOS_FS_VERSION,
    CRONOS_FS_FAKE, /* mount -f: everything but the mount itself */
} CronosFsAction;

typedef enum {
    CRONOS_FS_VERSIONS_HIDDEN, /* found by their names, and not listed */
    CRONOS_FS_VERSIONS_VISIBLE,
    CRONOS_FS_VERSIONS_OFF,
} CronosFsVersions;

typedef struct {
    CronosFsAction action;
    char *directory;   /* absolute, canonical */
    char *mount_point; /* absolute, canonical */
    gboolean foreground, single_thread, debug, clone_fd;
    gboolean sandbox; /* give up rights before serving */
    gboolean has_uid, has_gid, has_umask;
    uid_t uid;
    gid_t gid;
    mode_t umask;
    guint cache_mb;
    CronosFsVersions versions; /* what becomes of ".versions" and ".snapshots" */
    guint max_threads;         /* 0: as many as suit the machine */
    char *log_file;            /* nullable; absolute */
    CronosLogLevel log_level;
    char *passphrase_file; /* nullable */
    struct fuse_args fuse; /* what goes to fuse_session_new */
} CronosFsOptions;

/* Called by a name that starts with "mount.", the short options are mount(8)'s (-f: fake, -s:
 * sloppy, -n, -v, -t TYPE, -N), otherwise ours.
 * Returns: FALSE with @error USAGE, or a system error for a path that can not be used. */
gboolean cronos_fs_options_parse(CronosFsOptions *options, int argc, char **argv, GError **error);
void cronos_fs_options_clear(CronosFsOptions *options);
/* Returns: (borrowed) what --help prints. */
const char *cronos_fs_options_help(void);
