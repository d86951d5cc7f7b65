/* SPDX-License-Identifier: MIT
 * find.h - which backups hold what matches a pattern */
#pragma once
#include "core/catalog.h"
#include "core/member.h"
#include "core/pattern.h"

typedef struct {
    const CronosPatterns *patterns; /* a member must match itself; what it is in does not count */
    gint64 since, until;            /* when the backup was made: seconds, both included */
    guint threads;                  /* 0: one per processor */
} CronosFindOptions;

/* @path: valid in the call only, as @info. */
typedef void (*CronosFindFunc)(const CronosBackup *backup, const char *path,
                               const CronosMemberInfo *info, gpointer user_data);

/* Calls @func for each member that matches, foreign archives aside: the newest backup first, a
 * backup's members in the order of a walk. Memory: for the matches of one backup a thread, or of
 * more where they are few. Backups that can not be read are named, with the reason, in lines added
 * to @damaged (of char *).
 * Returns: FALSE with a system error where the backup directory can not be opened. */
gboolean cronos_find(const CronosCatalog *catalog, const CronosFindOptions *options,
                     CronosFindFunc func, gpointer user_data, GPtrArray *damaged, GError **error);
