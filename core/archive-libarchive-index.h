/* SPDX-License-Identifier: MIT
 * archive-libarchive-index.h - the members of an archive that libarchive reads, as a tree
 *
 * Built in one pass over the archive, by the rules of core/zip/zip-index.h (implied folders, the
 * last of equal names, no way upwards). Hard links share the data and the attributes of the file
 * they lead to; devices, FIFOs and sockets are left out and listed among the repairs.
 *
 * Memory: 84 bytes and its name for each member. Limits: CRONOS_LIBARCHIVE_MEMBERS_MAX members,
 * 1 GiB of names and link targets, 16 MiB for a member's header in a tar (a sparse file of some
 * 800,000 parts), and what the source allows to be decoded: for an archive
 * CRONOS_LIBARCHIVE_RATIO_MAX times its size, or CRONOS_LIBARCHIVE_FREE_BYTES. */
#pragma once
#include "core/archive-libarchive-handle.h"
#include "core/member.h"
#include "core/zip/zip-tree.h"

#define CRONOS_LIBARCHIVE_MEMBERS_MAX 10000000u
#define CRONOS_LIBARCHIVE_RATIO_MAX 1000u
#define CRONOS_LIBARCHIVE_FREE_BYTES (G_GUINT64_CONSTANT(16) << 30)
#define CRONOS_LIBARCHIVE_NOT_DIRECT G_MAXUINT64
#define CRONOS_LIBARCHIVE_NO_RECORD G_MAXUINT32

/* What the archive says of a member, in the archive's order: records are numbered as ordinals. */
typedef struct {
    guint64 size_bytes;
    guint64 place;       /* how far into the archive: core/archive-libarchive-handle.h */
    guint64 data_offset; /* in the file, where the data lies there as it is; else NOT_DIRECT */
    gint64 mtime_ns;
    guint32 mode; /* with type bits */
    guint32 uid, gid;
    guint32 data;   /* the record that has the data and the attributes, whose own this is: of a hard
                       link, the one it leads to in the end, or NO_RECORD where that is not in the
                       archive */
    guint32 target; /* of a symbolic link: where in the arena, and its length */
    guint32 target_length;
    guint32 node;    /* while the index is built */
    gboolean shared; /* hard links lead to it */
} CronosLibarchiveRecord;

typedef struct {
    CronosZipTree tree; /* a node's header is its record */
    CronosLibarchiveRecord *records;
    guint32 count;   /* of records */
    gboolean solid;  /* members lie in one compressed stream */
    gboolean direct; /* every member's data lies in the file as it is */
    gboolean has_owner;
    guint64 total_bytes; /* decoded, of all records */
} CronosLibarchiveIndex;

/* @source: as of cronos_libarchive_handle_open. @index: zeros. Returns: FALSE with @error: DAMAGED,
 * UNSUPPORTED or a system error. On TRUE, free with cronos_libarchive_index_clear. */
gboolean cronos_libarchive_index_build(CronosLibarchiveIndex *index, CronosLibarchiveSource *source,
                                       GError **error);
void cronos_libarchive_index_clear(CronosLibarchiveIndex *index);
