/* SPDX-License-Identifier: MIT
 * restore.h - bringing files back from a backup
 *
 * Nothing is ever written outside of the target: every path is opened below the target's descriptor
 * by openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS. */
#pragma once
#include "core/catalog.h"
#include "core/config.h"
#include "core/progress.h"

#define CRONOS_RESTORES_FOLDER                                                                     \
    "restores" /* in the backup directory: where restores go unless told */

typedef enum {
    CRONOS_RESTORE_CONFIGURED, /* restore.default_strategy */
    CRONOS_RESTORE_NEW_LOCATION,
    CRONOS_RESTORE_OVERWRITE,
} CronosRestoreStrategy;

typedef enum {
    CRONOS_RESTORE_CREATED,
    CRONOS_RESTORE_REPLACED,
    CRONOS_RESTORE_DELETED,
    CRONOS_RESTORE_UNCHANGED,
} CronosRestoreAction;

typedef struct {
    CronosRestoreStrategy strategy;
    const char *to;           /* NULL: <directory>/restore_<name>_<timestamp>, or the root for
                                 overwrite */
    const char *directory;    /* NULL: <backup dir>/restores */
    const char *const *paths; /* NULL or empty: everything; else members and all below them; a path
                                 that the backup lacks is NOT_FOUND */
    gboolean delete_extra;    /* overwrite only: removes what the backup does not hold (never the
                                 backup directory, nor the log file, nor what the backup's recorded
                                 patterns left    out, nor caches that it may have left out) */
    gboolean dry_run;
    gboolean keep_going;       /* a damaged member, or one that can not be decoded here, is left out
                                  and among the failed; the others are restored */
    gboolean no_verify;        /* skips restore.verify_integrity */
    gboolean no_restore_point; /* skips restore.create_restore_point */
    gboolean same_permissions; /* setuid and setgid too */
    guint threads;             /* 0: one per processor */
    /* Called for every path (raw bytes; folders that exist already are unchanged, whatever their
     * modes and times become), in dry runs too; NULL allowed; never from two threads at once. */
    void (*on_action)(CronosRestoreAction action, const char *path, gpointer user_data);
    gpointer user_data;
} CronosRestoreOptions;

typedef struct {
    char *target;        /* absolute */
    char *restore_point; /* file name of the backup made first, or NULL */
    guint64 created, replaced, deleted, unchanged, bytes;
    GPtrArray *failed; /* of char *, "PATH: reason": what could not be restored, or not with its
                          mode and time; owners that could not be set are not among them */
} CronosRestoreResult;

/* Without keep_going, damage anywhere in the archive keeps the restore from beginning, and a
 * damaged member that verification did not keep out (no_verify) ends it. In a new location a
 * restore that fails or is cancelled leaves nothing behind; overwritten files are each whole, the
 * old or the new, and the error names the restore point. What is changed after the restore point's
 * walk has begun is neither replaced nor deleted, but among the failed.
 * @progress: nullable. Returns: (owned), or NULL with @error: NOT_EMPTY, DAMAGED, UNSAFE,
 * NOT_FOUND, NO_SPACE, system. With DAMAGED by verification, NOT_EMPTY and a failed restore point
 * nothing has been written. */
CronosRestoreResult *cronos_restore(const CronosConfig *config, const CronosBackup *backup,
                                    const CronosRestoreOptions *options,
                                    const CronosProgress *progress, GError **error);
void cronos_restore_result_free(CronosRestoreResult *result); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosRestoreResult, cronos_restore_result_free)
