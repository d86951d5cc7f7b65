/* SPDX-License-Identifier: MIT
 * verify.h - is a backup whole: every member's checksum and structure */
#pragma once
#include "core/catalog.h"
#include "core/config.h"
#include "core/progress.h"

typedef struct {
    guint64 members, bytes;
    guint64 checked_members, checked_bytes; /* whose bytes were decoded: fewer in a sample. Folders
                                               count as checked. */
    GPtrArray *damaged;                     /* of char *, "PATH: reason" */
    GPtrArray *unsupported; /* of char *, "PATH: reason": members that can not be checked here */
    GPtrArray *repairs;     /* of char *: names that had to be repaired; a remark, not a damage */
    /* --against-source; of char *: paths as they are (unquoted bytes), sorted. changed: in both,
     * but of another kind, size, link target or content; missing: in the backup, and no longer in
     * the source; added: in the source, within the backup's patterns, and not in the backup. Modes
     * and times are not compared. */
    GPtrArray *changed, *missing, *added;
    GPtrArray *unreadable; /* of char *, "PATH: reason": of the source, so not compared, and neither
                              changed nor missing */
} CronosVerifyResult;

typedef struct {
    gboolean against_source; /* compare with the root, bytes, kinds and link targets; with the
                                backup's recorded patterns */
    guint threads;           /* 0: one per processor */
    double sample_percent;   /* 0: all members; else headers of all, and the bytes of so many files
                                chosen at random, at least one; up to 100. Not with against_source:
                                USAGE */
    guint32 sample_seed;     /* the same choice for the same seed; 0: another one each time */
} CronosVerifyOptions;

/* @directory: where the backup lies; NULL: the configured backup directory.
 * Returns: (owned) what was found, damages included; or NULL with @error where the archive can not
 * be indexed at all (DAMAGED, UNSUPPORTED, system) or CANCELLED. @progress: nullable. */
CronosVerifyResult *cronos_verify(const CronosConfig *config, const CronosBackup *backup,
                                  const char *directory, const CronosVerifyOptions *options,
                                  const CronosProgress *progress, GError **error);
void cronos_verify_result_free(CronosVerifyResult *result); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosVerifyResult, cronos_verify_result_free)
/* Returns: no damage (differences from the source do not count). */
gboolean cronos_verify_result_is_whole(const CronosVerifyResult *result);
