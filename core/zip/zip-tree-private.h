/* SPDX-License-Identifier: MIT
 * zip-tree-private.h - the table while it is built: nodes in the order they were met
 *
 * Indexes of other formats are built by the same rules (core/archive-libarchive-index.c): with an
 * empty directory, every name in the arena, and headers numbered as that format likes.
 *
 * Node 0 is the top folder. A folder has one node, made when a path first goes through it
 * (zip-folders.c); every file header makes a node, and the last of one name is kept when the table
 * is put in order (zip-tree-order.c). */
#pragma once
#include "core/zip/zip-header.h"
#include "core/zip/zip-tree.h"

typedef struct {
    guint32 hash;
    guint32 id; /* 0: empty slot; the top folder is never looked up */
} CronosZipFolderSlot;

/* Folders by parent and name. Keys are hashed under secret random multipliers, so that no archive
 * can be made whose names collide. */
typedef struct {
    CronosZipFolderSlot *slots;
    guint bits; /* 1 << bits slots */
    guint32 used;
    guint32 chunk_key;
    guint64 slot_key;
} CronosZipFolders;

/* A piece of a path. */
typedef struct {
    const char *bytes; /* valid until the arena grows */
    guint32 offset;
    gsize length;
    guint16 flags; /* CRONOS_ZIP_NODE_ARENA or 0 */
} CronosZipSlice;

typedef struct CronosZipBuild CronosZipBuild;
struct CronosZipBuild {
    CronosZipMapping *mapping;
    const guint8 *directory;
    gsize bytes;
    CronosZipNode *nodes;
    guint32 count, room;
    GByteArray *arena;
    CronosZipFolders folders;
    guint32 implied, implied_max;
    /* The folder of the member before, whose path most members share. */
    const char *last_path; /* in the map; NULL: none */
    gsize last_length;
    guint32 last_folder;
    gboolean last_repaired;
    guint64 repairs;
    GPtrArray *notes;
    /* Does what cronos_zip_build_note does, for headers that are not of a ZIP file; else NULL. */
    void (*note)(CronosZipBuild *build, guint32 header, const char *what);
};

/* @build: zeros, but for .note. @bytes: of the directory. @members: as far as known. */
void cronos_zip_build_start(CronosZipBuild *build, CronosZipMapping *mapping, gsize bytes,
                            guint64 members);
/* Adds the member at @header; @path: "folders/leaf", slashes at its end mean a folder, too. */
void cronos_zip_build_add(CronosZipBuild *build, CronosZipSlice path, gboolean directory,
                          gboolean repaired, guint32 header);
/* The same for a path whose bytes do not last: of what is new in it, the last component is copied
 * to the arena, or all of it where its folders are new, too. */
void cronos_zip_build_add_copy(CronosZipBuild *build, const char *path, gsize length,
                               gboolean directory, gboolean repaired, guint32 header);
/* Frees what @build holds. @ok: FALSE: @out_tree is to be empty. */
void cronos_zip_build_finish(CronosZipBuild *build, gboolean ok, CronosZipTree *out_tree);

void cronos_zip_folders_init(CronosZipFolders *folders);
void cronos_zip_folders_clear(CronosZipFolders *folders);
/* Returns: the folder @name in @parent, made where it is not there yet; CRONOS_ENTRY_NONE beyond
 * the limit of implied folders. */
guint32 cronos_zip_folders_intern(CronosZipBuild *build, guint32 parent,
                                  const CronosZipSlice *name);

/* Returns: the new node's number. */
guint32 cronos_zip_build_append(CronosZipBuild *build, guint32 parent, const CronosZipSlice *name,
                                guint32 header, guint16 flags);
const char *cronos_zip_build_name(const CronosZipBuild *build, const CronosZipNode *node);
/* Counts a repair of the member at @header and describes the first ones. */
void cronos_zip_build_note(CronosZipBuild *build, guint32 header, const char *what);

/* Sorts every folder, drops all but one of equal names, and writes the breadth-first table. */
void cronos_zip_build_order(CronosZipBuild *build, CronosZipTree *out_tree);
