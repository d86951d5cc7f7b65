/* SPDX-License-Identifier: MIT
 * catalog.h - what lies in the backup directory: backups, and foreign archives
 *
 * Reading a catalog opens no archive: names, sizes and times come from the directory. */
#pragma once
#include "core/backup-name.h"

typedef struct {
    char *file_name;
    CronosBackupName parsed; /* all zero if foreign */
    gboolean foreign;        /* an archive whose name does not follow the scheme */
    gboolean pinned;         /* its mark is there, see core/pin.h; never of a foreign one */
    gboolean damaged;        /* its tail shows it; known after cronos_look_at_tails alone */
    guint64 size_bytes;
    gint64 mtime_ns;
    guint64 device, inode;
} CronosBackup;

/* Returns: as strcmp, the order of catalogs: the newest backup first, see below. */
int cronos_backup_compare(const CronosBackup *a, const CronosBackup *b);

typedef struct CronosCatalog CronosCatalog;

/* Returns: (owned) a snapshot of @directory, or NULL with a system error. A missing directory is
 * an empty catalog. */
CronosCatalog *cronos_catalog_read(const char *directory, GError **error);
/* The same of @path below the directory open on @dirfd; @directory: its name for messages. */
CronosCatalog *cronos_catalog_read_at(int dirfd, const char *path, const char *directory,
                                      GError **error);
void cronos_catalog_free(CronosCatalog *catalog); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosCatalog, cronos_catalog_free)

const char *cronos_catalog_directory(const CronosCatalog *catalog);
/* Returns: (borrowed) array of CronosBackup *, newest first (timestamp, then mtime, then file
 * name); foreign archives after the backups, by mtime. Regular files with an archive's extension
 * only; of names with a leading dot, the marks of pinned backups alone are looked at. */
const GPtrArray *cronos_catalog_entries(const CronosCatalog *catalog);

/* Returns: (owned) a descriptor of the directory, or -1 with a system error. */
int cronos_catalog_open_directory(const CronosCatalog *catalog, GError **error);

/* Returns: (borrowed) the newest backup that is no restore point; where there are only restore
 * points, the newest of these; NULL where there is no backup. */
const CronosBackup *cronos_catalog_latest(const CronosCatalog *catalog);

/* Resolves what a user typed, in this order: full file name; the same without its extension;
 * <name>_<timestamp>; <timestamp>; "latest" (as above). Foreign archives answer to the first two
 * alone.
 * @out_others: (owned, nullable) the older matches of the winning form (CronosBackup *, borrowed
 * from the catalog), empty where the match is unique and for "latest"; NULL on failure. Returns:
 * (borrowed) the newest match, or NULL with @error NOT_FOUND, whose message names the nearest known
 * identifiers, if any. */
const CronosBackup *cronos_catalog_find(const CronosCatalog *catalog, const char *identifier,
                                        GPtrArray **out_others, GError **error);
