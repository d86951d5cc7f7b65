/* SPDX-License-Identifier: MIT
 * backup-sizes.h - how much backups hold, and what each of them alone holds
 *
 * Members are the same content where path, size and CRC-32 are the same: a file that was moved
 * counts as another one. What a backup alone holds is counted as it is stored there; removing the
 * backup loses just that content. Folders, empty files and the metadata that create added have
 * none.
 *
 * The central directory of each backup is read once, none of the data. Memory: 24 to 64 bytes for
 * each distinct member of all of them, and one index a thread. Limit: members are told apart by 64
 * bits of a keyed hash, so that two of them are mistaken for one about once in 10^19 pairs. */
#pragma once
#include "core/catalog.h"

typedef struct {
    char *error;        /* why the sizes are not known; NULL: they are, or the archive is foreign */
    gboolean known;     /* the sizes that follow are */
    guint64 size_bytes; /* of all files, decoded */
    guint64 own_bytes;  /* stored, of members whose content no other backup holds */
} CronosBackupSizes;

/* Looks into every backup of @catalog, several at a time; foreign archives are not looked into and
 * do not count. Returns: (owned) an array with one CronosBackupSizes * for each entry of the
 * catalog, in its order, or NULL with a system error. */
GPtrArray *cronos_backup_sizes_read(const CronosCatalog *catalog, GError **error);
