/* SPDX-License-Identifier: MIT
 * retention.h - which backups go, and why the others stay */
#pragma once
#include "core/backup-directory.h"
#include "core/catalog.h"
#include "core/config.h"

typedef struct {
    int retention_days;                        /* -1: as configured; 0: no limit by age */
    int max_backups;                           /* -1: as configured; 0: no limit by number */
    int keep_minimum;                          /* -1: as configured */
    int keep_daily, keep_weekly, keep_monthly; /* -1: as configured; 0: none */
    gint64 now;                                /* seconds since the epoch */
    const char *protect;                       /* nullable: a file name never removed in this run */
} CronosRetentionOptions;

/* Returns: options that ask for what is configured, and protect nothing. */
CronosRetentionOptions cronos_retention_as_configured(gint64 now);

typedef struct {
    const CronosBackup *backup; /* borrowed from the catalog */
    gboolean remove;
    char *rule; /* what keeps or removes it: "pinned", "younger than 30 days", "among the 3 newest",
                   "daily 2025-04-03, weekly 2025-W14", "older than 30 days", "beyond the 100
                   newest", ...; of what is damaged with " (damaged, not counted)" after it */
} CronosRetentionVerdict;

/* Pure: decides, touches nothing; what is damaged is what the catalog says is. Returns: (owned)
 * array of CronosRetentionVerdict *, newest first, backups only (foreign archives are not in it),
 * freed with it. */
GPtrArray *cronos_retention_plan(const CronosConfig *config, const CronosCatalog *catalog,
                                 const CronosRetentionOptions *options);

/* Plans and, unless @dry_run, removes, oldest first, logging each. Where something would go, the
 * tails of all backups are read first, to know which are damaged. @out_catalog: (owned) what the
 * verdicts borrow from. Returns: (owned) the verdicts, or NULL with @error at the first removal
 * that fails. */
GPtrArray *cronos_retention_apply(const CronosConfig *config, CronosBackupDirectory *directory,
                                  const CronosRetentionOptions *options, gboolean dry_run,
                                  CronosCatalog **out_catalog, GError **error);
