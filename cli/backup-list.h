/* SPDX-License-Identifier: MIT
 * backup-list.h - the backups as list shows them */
#pragma once
#include "core/backup-sizes.h"
#include "core/catalog.h"

#include <json-glib/json-glib.h>

/* One line of the list. */
typedef struct {
    const CronosBackup *backup;     /* borrowed from the catalog */
    const CronosBackupSizes *sizes; /* borrowed; NULL: not known, or not asked for */
    char *damage;                   /* owned; NULL: none seen */
    char *unreadable;               /* owned; why it can not be looked at, which is no damage */
    gint64 created_utc; /* seconds since the epoch, as of its metadata where these tell */
} CronosListItem;

/* @sizes: nullable; as of cronos_backup_sizes_read, borrowed by the items. @type: nullable: backups
 * of that type alone. @all: foreign archives, too. Returns: (owned) array of CronosListItem *,
 * newest first, freed with it; or NULL with a system error. */
GPtrArray *cronos_backup_list(const CronosCatalog *catalog, const GPtrArray *sizes,
                              const char *type, gboolean all, GError **error);
/* Returns: seconds since the epoch, which read in local time as the name does. */
gint64 cronos_list_item_created(const CronosListItem *item);
/* Returns: (owned). */
JsonObject *cronos_list_item_to_json(const CronosCatalog *catalog, const CronosListItem *item);
