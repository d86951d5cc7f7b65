/* SPDX-License-Identifier: MIT
 * differences.h - what two backups, or a backup and the project directory, do not have in common
 *
 * Kinds and contents are compared; modes, owners and times are not. The metadata members that
 * create added are no part of it. */
#pragma once
#include "core/archive.h"
#include "core/config.h"
#include "core/progress.h"

typedef enum {
    CRONOS_DIFFERENCE_ADDED,
    CRONOS_DIFFERENCE_REMOVED,
    CRONOS_DIFFERENCE_CHANGED,
} CronosDifferenceKind;

typedef struct {
    CronosDifferenceKind kind;
    char *path;                     /* owned */
    gboolean has_before, has_after; /* whether the next are set: of what is there on that side */
    CronosMemberInfo before, after;
} CronosDifference;

typedef struct {
    GArray *differences;   /* of CronosDifference, in the order of a walk */
    GPtrArray *unreadable; /* of char *, "PATH: reason": what could not be compared */
} CronosDifferences;

/* Contents are compared by size and CRC-32; bytes are decoded only where an archive stores no CRC.
 * Returns: (owned), or NULL with @error CANCELLED. */
CronosDifferences *cronos_differences_between(CronosArchive *before, CronosArchive *after,
                                              const CronosProgress *progress, GError **error);
/* From the backup @before to the root, as core/compare-source.h compares them: byte by byte.
 * @threads: 0: one per processor. Returns: (owned), or NULL with @error: CANCELLED, or the root can
 * not be read. */
CronosDifferences *cronos_differences_from_source(const CronosConfig *config, CronosArchive *before,
                                                  guint threads, const CronosProgress *progress,
                                                  GError **error);
void cronos_differences_free(CronosDifferences *differences); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosDifferences, cronos_differences_free)
