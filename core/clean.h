/* SPDX-License-Identifier: MIT
 * clean.h - a clean that somebody asked for: retention, the pins of what is gone, and what killed
 * restores left */
#pragma once
#include "core/retention.h"

#include <gio/gio.h>

typedef struct {
    GPtrArray *verdicts; /* (owned) CronosRetentionVerdict *, newest first */
    guint removed;       /* of them; with dry_run: that would be */
    guint64 removed_bytes;
    guint orphan_pins;      /* removed with them; with dry_run: that would be */
    CronosCatalog *catalog; /* (owned) what the verdicts borrow from; NULL: there is no directory */
} CronosCleanResult;

void cronos_clean_result_free(CronosCleanResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosCleanResult, cronos_clean_result_free)

/* Locks the backup directory of @config, applies retention, and removes the pins of backups that
 * are not there, and what killed restores left in the default place; unless @dry_run, that is noted
 * for monitoring (core/metrics.h). Where there is no directory, none is made, and nothing is the
 * result. @cancellable: (nullable) ends the wait for the lock. Returns: (owned), or NULL with
 * @error, as cronos_retention_apply. Threads: safe. */
CronosCleanResult *cronos_clean(const CronosConfig *config, const CronosRetentionOptions *options,
                                gboolean dry_run, GCancellable *cancellable, GError **error);
