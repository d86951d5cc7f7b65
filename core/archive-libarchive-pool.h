/* SPDX-License-Identifier: MIT
 * archive-libarchive-pool.h - handles kept where they stand, for whoever goes on from there
 *
 * A compressed archive can only be decoded from the front. A handle that stands before what a
 * reader wants saves it the way there; who wants what lies behind all handles begins anew. One pool
 * for the process: CRONOS_LIBARCHIVE_HANDLES for an archive, of which few are kept while nobody
 * reads. Threads: all safe; a handle is used by one at a time.
 *
 * What is read are units: a member's decoded bytes cut at multiples of CRONOS_LIBARCHIVE_UNIT. A
 * handle that passes a unit somebody waits for serves it, and it offers others that are worth it to
 * the cache of core/read-cache.h. Nothing is ever written to disk. */
#pragma once
#include "core/archive-libarchive-handle.h"

#define CRONOS_LIBARCHIVE_UNIT ((gsize)1 << 20)
#define CRONOS_LIBARCHIVE_HANDLES 2u

typedef struct {
    guint64 owner; /* of core/read-cache.h */
    guint32 group; /* of an owner: what a handle goes through; 0 where there is but one */
    guint32 ordinal;
    guint64 place;
    guint64 size_bytes;
    /* Fills @out_source, for a new handle. Returns: FALSE with @error. */
    gboolean (*make_source)(gpointer data, guint32 group, CronosLibarchiveSource *out_source,
                            GError **error);
    gpointer data;
} CronosLibarchiveTarget;

/* Returns: what the cache knows the unit at @offset by. */
guint64 cronos_libarchive_cache_item(const CronosLibarchiveTarget *target, guint64 offset);
/* Returns: the length of the unit at @offset, which lies within the member. */
gsize cronos_libarchive_unit_bytes(guint64 size_bytes, guint64 offset);

/* Decodes the unit at @offset into @buffer. Returns: FALSE with @error: DAMAGED, UNSUPPORTED or a
 * system error. */
gboolean cronos_libarchive_pool_decode(const CronosLibarchiveTarget *target, guint64 offset,
                                       guint8 *buffer, GError **error);
/* Frees the handles of @owner, none of which is in use. */
void cronos_libarchive_pool_drop(guint64 owner);
