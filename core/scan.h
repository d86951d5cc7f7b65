/* SPDX-License-Identifier: MIT
 * scan.h - walking a project directory: what a backup of it would hold
 *
 * Depth first, each directory's names sorted as bytes, a directory before its contents. Symbolic
 * links are never followed, neither is the root left through a race: every open is openat2 below
 * the root's descriptor with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS. Mount points are entered, but
 * for those of cronosfs: backups are no part of what is backed up.
 * Memory: the names of the directories on the current path. Neither the depth of the tree nor the
 * length of a path is limited. What a restore has there while it works (restore-temporary.h) is
 * passed over. What vanishes or changes its kind while the walk looks at it is
 * among the unreadable, and the walk goes on. */
#pragma once
#include "core/member.h"
#include "core/pattern.h"

#include <gio/gio.h>

#define CRONOS_CACHE_TAG "CACHEDIR.TAG" /* the file that marks a directory as a cache */

typedef struct {
    const char *root;
    const CronosPatterns *include; /* NULL: everything */
    const CronosPatterns *exclude; /* NULL: nothing; wins over include; prunes directories */
    /* NULL-terminated absolute paths or NULL, compared by device and inode: directories never
     * entered (the backup directory), and regular files that are no items (the log). Where the path
     * of such a directory is a symbolic link, that is left out as well. */
    const char *const *skip_directories, *const *skip_files;
    gboolean keep_excluded;  /* for cronos_scan_excluded_paths */
    gboolean exclude_caches; /* leave out directories with a valid CACHEDIR.TAG, tag
                                      included; the root itself is never taken for a cache */
} CronosScanOptions;

typedef struct {
    const char *path; /* relative to the root; valid until the next call */
    gsize path_length;
    CronosMemberInfo info; /* kind, mode, owner, mtime, size, identity */
    guint64 device;
    guint64 allocated_bytes; /* st_blocks * 512: less than the size for sparse files */
} CronosScanItem;

typedef struct CronosScan CronosScan;

/* @options: the patterns must outlive the scan, all else is copied. A symbolic link is followed as
 * the root, and only there. What is to be skipped and does not exist is ignored.
 * Returns: (owned), or NULL with a system error when the root can not be opened or listed, or USAGE
 * when it is one of the directories to skip.
 * Threads: one at a time. */
CronosScan *cronos_scan_open(const CronosScanOptions *options, GError **error);
void cronos_scan_free(CronosScan *scan); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosScan, cronos_scan_free)

/* Returns: the next item (borrowed, until the next call), or NULL at the end. The root itself is
 * not an item. A directory is an item when it matches the patterns itself or something below it is
 * an item. */
const CronosScanItem *cronos_scan_next(CronosScan *scan);
int cronos_scan_root_fd(const CronosScan *scan); /* borrowed */
/* Sockets, FIFOs and devices passed over so far that the patterns would have taken. */
guint64 cronos_scan_skipped(const CronosScan *scan);
/* What the exclude patterns left out so far, a directory with all below it as one; the directories
 * to skip are not among it. */
guint64 cronos_scan_excluded(const CronosScan *scan);
/* Returns: (borrowed) their paths, array of char *, where the options wanted them kept; else empty.
 */
const GPtrArray *cronos_scan_excluded_paths(const CronosScan *scan);
/* Mounts of cronosfs passed over so far. */
guint64 cronos_scan_mounts(const CronosScan *scan);
/* Returns: (borrowed) array of char *: "PATH: reason" of what could not be listed or examined so
 * far. */
const GPtrArray *cronos_scan_unreadable(const CronosScan *scan);

/* Opens a regular file below @root_fd for reading, as the walk would: O_NOFOLLOW, O_NOATIME where
 * allowed, never blocking on a FIFO that took the file's place. Returns: (owned) fd or -1 with a
 * system error, or CHANGED where something else than a regular file stands there now.
 * Threads: safe. */
int cronos_scan_open_file(int root_fd, const char *path, GError **error);
/* Returns: (owned) target of the symbolic link @path, NUL-terminated beyond @out_length (nullable);
 * or NULL with a system error, or CHANGED where it is no symbolic link. Threads: safe. */
char *cronos_scan_readlink(int root_fd, const char *path, gsize *out_length, GError **error);
/* Turns a stat of the kernel into what members hold; times beyond 64 bits of nanoseconds become the
 * nearest that fit. Returns: FALSE for sockets, FIFOs and devices. */
struct stat;
gboolean cronos_member_info_from_stat(const struct stat *status, CronosMemberInfo *out_info);
