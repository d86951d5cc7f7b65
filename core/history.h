/* SPDX-License-Identifier: MIT
 * history.h - what became of one path, from backup to backup */
#pragma once
#include "core/catalog.h"
#include "core/member.h"

typedef enum {
    CRONOS_VERSION_ADDED,
    CRONOS_VERSION_CHANGED,
    CRONOS_VERSION_REMOVED,
} CronosVersionEvent;

typedef struct {
    const CronosBackup *backup; /* borrowed from the catalog: the first one it is so in */
    guint backups;              /* how many in a row it is so in */
    CronosVersionEvent event;
    gboolean new_kind;     /* changed, and no longer a file, link or folder as before */
    CronosMemberInfo info; /* of that first backup; not set if removed */
} CronosVersion;

typedef struct {
    GArray *versions;   /* of CronosVersion, oldest first; empty: no backup holds the path */
    GPtrArray *damaged; /* of char *: each backup that can not be read, and why */
} CronosHistory;

/* Looks @path (as of core/member-path.h) up in all backups of @catalog, foreign archives aside, by
 * @threads threads (0: one per processor). What is the same (core/version.h) in one backup after
 * another is one version. Backups that can not be read are passed over, those deleted meanwhile
 * without a word.
 * Returns: (owned), or NULL with a system error where the backup directory can not be opened. */
CronosHistory *cronos_history_read(const CronosCatalog *catalog, const char *path, guint threads,
                                   GError **error);
void cronos_history_free(CronosHistory *history); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosHistory, cronos_history_free)
