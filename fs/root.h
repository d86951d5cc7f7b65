/* SPDX-License-Identifier: MIT
 * root.h - the mount's root at one moment: a folder for each archive, and "latest"
 *
 * Immutable; readers hold a reference while the tree goes on to a newer one. Sorted by name. */
#pragma once
#include "fs/slot.h"

#define CRONOS_ROOT_LATEST "latest"
#define CRONOS_ROOT_SNAPSHOTS ".snapshots"
#define CRONOS_ROOT_VERSIONS ".versions"
/* Where links in ".snapshots" lead to, before a folder's name. */
#define CRONOS_SNAPSHOT_TARGET_PREFIX "../"

/* Where a listing goes on: stable from one state of the root to the next, since it names what was
 * listed last and no position. */
#define CRONOS_ROOT_COOKIE_SNAPSHOTS 3
#define CRONOS_ROOT_COOKIE_VERSIONS 4
#define CRONOS_ROOT_COOKIE_LATEST 5
#define CRONOS_ROOT_COOKIE_SLOT(number) ((guint64)(number) + CRONOS_ROOT_COOKIE_LATEST)

typedef struct {
    const char *name; /* borrowed from the slot */
    CronosSlot *slot; /* owned; NULL for "latest" */
} CronosRootEntry;

typedef struct {
    gint references;       /* atomic */
    GArray *entries;       /* of CronosRootEntry */
    CronosSlot *latest;    /* owned; NULL: there are no backups */
    GPtrArray *backups;    /* of CronosSlot (borrowed from the entries): oldest first */
    GPtrArray *snapshots;  /* the newest of each second of creation, ascending */
    guint32 generation;    /* another one where the entries differ; below 2^31 */
    struct timespec mtime; /* of the directory, taken before it was read */
    guint64 total_bytes;   /* of all archives */
} CronosRoot;

CronosRoot *cronos_root_new(void);
CronosRoot *cronos_root_ref(CronosRoot *root);
void cronos_root_unref(CronosRoot *root); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosRoot, cronos_root_unref)

/* While it is built: @slot is referenced; @latest: whether "latest" leads to it. Names are
 * unique. */
void cronos_root_add(CronosRoot *root, CronosSlot *slot, gboolean latest);
/* Ends the building: adds "latest", sorts, lists the backups. */
void cronos_root_seal(CronosRoot *root);

/* Returns: (borrowed) the entry named @name, or NULL. */
const CronosRootEntry *cronos_root_find(const CronosRoot *root, const char *name);
/* Returns: the index of the first entry named greater than @name. */
guint cronos_root_after(const CronosRoot *root, const char *name);
/* Returns: the index of the first snapshot created after @time, in seconds since the epoch. */
guint cronos_root_snapshot_after(const CronosRoot *root, gint64 time);
/* Returns: (borrowed) the snapshot created at @time, or NULL. */
CronosSlot *cronos_root_find_snapshot(const CronosRoot *root, gint64 time);
