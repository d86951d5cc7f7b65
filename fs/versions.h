/* SPDX-License-Identifier: MIT
 * versions.h - the folders of ".versions", put together when they are asked for
 *
 * Nothing is read before the first look into ".versions". Then each backup is read for its outline
 * (core/outline.h), by several threads, and once; a folder costs a look-up in each of them. Folders
 * that were asked for lately are kept, within a bound.
 *
 * Threads: all functions are safe. */
#pragma once
#include "fs/mount.h"
#include "fs/union.h"

/* @memory_bytes: for folders that are kept. */
CronosVersions *cronos_versions_new(gsize memory_bytes);
void cronos_versions_free(CronosVersions *versions); /* NULL: no-op */

/* A listing that begins, and no generation to go on with. */
#define CRONOS_VERSIONS_NOW G_MAXUINT32

/* A folder of ".versions" at one time. */
typedef struct {
    CronosRoot *root;            /* owned: the backups that count */
    char *path;                  /* owned */
    CronosUnion *above;          /* owned: what it is in; NULL: it is .versions itself */
    const CronosUnionName *self; /* in .above; NULL: .versions, or it is there no more */
    CronosUnion *below;          /* owned: what it holds; NULL: not asked for yet */
} CronosVersionsFolder;

/* Finds the folder that @node is; now, or, where that is still kept, as it was in @generation of
 * the root. Returns: 0, or an errno: ESTALE for a node that is known no more. */
int cronos_versions_open(const CronosMount *mount, guint64 node, guint32 generation,
                         CronosVersionsFolder *out_folder);
void cronos_versions_folder_clear(CronosVersionsFolder *folder);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CronosVersionsFolder, cronos_versions_folder_clear)
/* Returns: (borrowed) what the folder holds. Backups that can not be read are logged, and passed
 * over. */
const CronosUnion *cronos_versions_below(const CronosMount *mount, CronosVersionsFolder *folder);
/* Returns: (owned) what the versions in the folder are called, one a run of .self: array of char *;
 * empty where it has none. */
GPtrArray *cronos_versions_names(const CronosMount *mount, CronosVersionsFolder *folder);
