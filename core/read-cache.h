/* SPDX-License-Identifier: MIT
 * read-cache.h - the members decoded last, of all open archives
 *
 * One cache for the process, so that its bound is one bound. A member is decoded by the first
 * thread that asks; others that want it meanwhile wait for that one. Threads: all safe. */
#pragma once
#include <glib.h>

/* One decoded member. Its bytes belong to who claimed it until it is settled, and change no more
 * afterwards. */
typedef struct {
    guint64 owner; /* engine */
    guint32 entry;
    gsize size;
    guint8 *bytes;
    /* The rest belongs to the cache; under its lock. */
    guint refs;
    enum { CRONOS_READ_FILLING, CRONOS_READ_READY, CRONOS_READ_FAILED } state;
    gboolean listed; /* findable */
    GList link;      /* by last use, newest first; while it is ready and listed */
} CronosReadBlock;

/* Returns: (owned) the member's block; release it with cronos_read_cache_release. With
 * @out_must_fill TRUE its bytes are to be written by the caller, who then settles it. */
CronosReadBlock *cronos_read_cache_claim(guint64 owner, guint32 entry, gsize size,
                                         gboolean *out_must_fill);
/* @filled: FALSE: the bytes could not be had; whoever waits will try for themselves. */
void cronos_read_cache_settle(CronosReadBlock *block, gboolean filled);
void cronos_read_cache_release(CronosReadBlock *block);

/* Forgets all members of @owner. */
void cronos_read_cache_drop(guint64 owner);
/* Sets the bound, in bytes, of all blocks that nobody holds. */
void cronos_read_cache_set_limit(gsize bytes);
