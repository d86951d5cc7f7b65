/* SPDX-License-Identifier: MIT
 * look.h - one look into each of many backups, by several threads */
#pragma once
#include "core/catalog.h"
#include "core/outline.h"

/* Returns: (owned) array of const CronosBackup *, borrowed from @catalog: the backups made from
 * @since to @until (seconds, both included), newest first; no foreign archives. */
GPtrArray *cronos_look_choose(const CronosCatalog *catalog, gint64 since, gint64 until);

/* Reads the tail of each backup of @catalog, in the directory open on @directory_fd, and notes in
 * its CronosBackup whether that shows damage. What can not be opened or read, or is gone, is not
 * known to be damaged; foreign archives are not looked at. */
void cronos_look_at_tails(const CronosCatalog *catalog, int directory_fd);

/* Called by several threads at once, never twice for one @index. Returns: FALSE with @error where
 * the backup can not be read. */
typedef gboolean (*CronosLookFunc)(const CronosOutline *outline, guint index, gpointer user_data,
                                   GError **error);

typedef struct {
    int directory_fd;         /* borrowed, as the next */
    const GPtrArray *backups; /* as cronos_look_choose gives them */
    guint threads;            /* 0: one per processor */
    CronosLookFunc func;
    gpointer user_data;
} CronosLook;

/* Opens the backups @first to @end - 1 and hands each to .func. Those that can not be read are
 * named, with the reason, in lines added to @damaged (of char *); those deleted meanwhile are not.
 */
void cronos_look_into(const CronosLook *look, guint first, guint end, GPtrArray *damaged);
