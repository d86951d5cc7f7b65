/* SPDX-License-Identifier: MIT
 * zip-tree.h - the table behind an index, built from a central directory
 *
 * Twenty bytes a node, no allocation per entry, time linear in the directory's bytes but for the
 * sorting of folders that are not sorted already. While it is built, memory peaks at about 44 bytes
 * an entry. Limits, so that a small archive can not make a large table: folders are nested at most
 * CRONOS_ZIP_DEPTH_MAX deep, a name component has at most CRONOS_ZIP_COMPONENT_MAX bytes, and
 * folders that are only implied number at most 65,536 and one for every 8 bytes of central
 * directory; members beyond are left out, and listed among the repairs. */
#pragma once
#include "core/zip/zip-end.h"
#include "core/zip/zip-mapping.h"

#define CRONOS_ZIP_DEPTH_MAX 2048 /* a folder counts itself */
#define CRONOS_ZIP_COMPONENT_MAX 1023u
#define CRONOS_ZIP_NO_HEADER G_MAXUINT32
#define CRONOS_ZIP_REPAIR_NOTES 100u

enum {
    CRONOS_ZIP_NODE_DIRECTORY = 1 << 0,
    CRONOS_ZIP_NODE_ARENA = 1 << 1, /* the name lies in the arena, not in the map */
};

typedef struct {
    guint32 header; /* from the directory's start; CRONOS_ZIP_NO_HEADER: an implied folder */
    guint32 name;   /* of the last component, from the start of map or arena */
    guint32 parent;
    guint32 first_child; /* the children end where those of the next node begin */
    guint16 name_length;
    guint16 flags;
} CronosZipNode;

typedef struct {
    CronosZipNode *nodes; /* @count of them, and one that ends the last one's children */
    guint32 count;
    char *arena; /* names that had to be changed */
    gsize arena_bytes;
    guint64 repairs;
    GPtrArray *notes; /* of char *; at most CRONOS_ZIP_REPAIR_NOTES */
} CronosZipTree;

/* @mapping: the directory, end->directory_bytes long; below 4 GiB. Returns: FALSE with DAMAGED or
 * UNSUPPORTED. On TRUE, free with cronos_zip_tree_clear. */
gboolean cronos_zip_tree_build(CronosZipMapping *mapping, const CronosZipEnd *end,
                               CronosZipTree *out_tree, GError **error);
void cronos_zip_tree_clear(CronosZipTree *tree);

/* @directory: the map's bytes. Returns: (borrowed) the last component, node->name_length bytes. */
static inline const char *cronos_zip_node_name(const CronosZipTree *tree, const guint8 *directory,
                                               const CronosZipNode *node)
{
    return node->flags & CRONOS_ZIP_NODE_ARENA ? tree->arena + node->name
                                               : (const char *)directory + node->name;
}

/* Returns: the child of @folder with that name, or CRONOS_ENTRY_NONE. */
guint32 cronos_zip_tree_lookup(const CronosZipTree *tree, const guint8 *directory, guint32 folder,
                               const char *name, gsize length);
