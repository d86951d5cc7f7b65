/* SPDX-License-Identifier: MIT
 * salvage.h - what is whole in a damaged archive, into a new one
 *
 * A member is taken where its local header holds, its bytes decode and their checksum is right; the
 * compressed bytes are then copied as they are, and large members keep their seek index, made anew.
 * Names, modes, times and owners come from the central directory, or, where that is damaged, from
 * those of its headers that are left. Names are made safe as an index makes them, and of equal ones
 * the last is kept. The damaged archive is only read. */
#pragma once
#include "core/catalog.h"
#include "core/progress.h"

typedef struct {
    char *path;      /* absolute path of the new archive; NULL: there was nothing to salvage, of the
                        user's that is */
    guint64 members; /* salvaged */
    gboolean has_metadata; /* the backup's own member is one of them */
    guint64 bytes;         /* of theirs, decoded */
    guint64 archive_bytes;
    GPtrArray *lost;      /* of char *, "PATH: reason" */
    guint64 unnamed_lost; /* there were so many more, of which not even the names are left */
    gboolean uncertain;   /* or so it may be: how many members there were can not be told */
    guint64 misnamed;     /* salvaged, but their two headers differ in the name: notes tell */
    GPtrArray *notes;     /* of char *: remarks on what was salvaged */
} CronosSalvageResult;

/* Salvages @backup, which lies in @directory, into a new file @to: written under a temporary name,
 * synced, and renamed without replacing anything, as a new backup is. Only ZIP files.
 * @progress: nullable; counts stored bytes.
 * Returns: (owned), or NULL with @error, and nothing is left behind. USAGE: @to can not be made. */
CronosSalvageResult *cronos_salvage(const CronosBackup *backup, const char *directory,
                                    const char *to, const CronosProgress *progress, GError **error);
void cronos_salvage_result_free(CronosSalvageResult *result); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosSalvageResult, cronos_salvage_result_free)
/* Returns: whether all that was in the archive is known to be in the new one. */
gboolean cronos_salvage_result_is_complete(const CronosSalvageResult *result);
