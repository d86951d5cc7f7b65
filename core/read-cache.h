/* SPDX-License-Identifier: MIT
 * read-cache.h - what was decoded last, of all open archives
 *
 * One cache for the process, so that its bound is one bound. A block is a small member, or a part
 * of a large one; it is decoded by the first thread that asks, and others that want it meanwhile
 * wait for that one. The table is cut into shards with locks of their own; what leaves first is
 * what was not used for the longest time in all of them. Threads: all safe. */
#pragma once
#include <glib.h>

/* Its bytes belong to who claimed it until it is settled, and change no more afterwards. */
typedef struct {
    guint64 owner, item;
    gsize size;    /* of what was decoded; who fills it may lessen it */
    guint8 *bytes; /* NULL until there is room */
    gsize room;
    gsize delivered; /* atomic; for cronos_read_cache_deliver */
    /* The rest belongs to the cache; under its shard's lock. */
    guint refs;
    enum { CRONOS_READ_FILLING, CRONOS_READ_READY, CRONOS_READ_FAILED } state;
    gboolean listed; /* findable */
    guint64 last_use;
    GList link; /* by last use, newest first; while it is ready and listed */
} CronosReadBlock;

/* Returns: a number that no other owner of blocks has or had. */
guint64 cronos_read_cache_new_owner(void);

/* Returns: (owned) the block of @item; release it with cronos_read_cache_release. With
 * @out_must_fill TRUE its bytes are to be written by the caller, who then settles it; there is room
 * for @size of them (0: the caller makes room). */
CronosReadBlock *cronos_read_cache_claim(guint64 owner, guint64 item, gsize size,
                                         gboolean *out_must_fill);
/* Returns: (owned) a new block for the caller to fill and settle, with room for @size bytes; NULL
 * where the block is there or somebody is filling it. Never waits. */
CronosReadBlock *cronos_read_cache_try_claim(guint64 owner, guint64 item, gsize size);
/* Gives the block, which the caller fills, room for @room bytes; what it held is lost. */
void cronos_read_cache_make_room(CronosReadBlock *block, gsize room);
/* @filled: FALSE: the bytes could not be had; whoever waits will try for themselves. */
void cronos_read_cache_settle(CronosReadBlock *block, gboolean filled);
void cronos_read_cache_release(CronosReadBlock *block);

/* Returns: (owned) the block if it is there to be read at once, else NULL. */
CronosReadBlock *cronos_read_cache_peek(guint64 owner, guint64 item);
/* Returns: whether the block is there, or somebody is filling it. */
gboolean cronos_read_cache_knows(guint64 owner, guint64 item);

/* Says that a reader in order got @bytes of the @of that it will ask for: a block that was read all
 * through makes room at once, since nobody comes back for it. */
void cronos_read_cache_deliver(CronosReadBlock *block, gsize bytes, gsize of);
/* Forgets one block; who holds it keeps it. */
void cronos_read_cache_forget(CronosReadBlock *block);
/* Forgets all blocks of @owner. */
void cronos_read_cache_drop(guint64 owner);
/* Sets the bound, in bytes, of all blocks that nobody holds; the one used last stays, however
 * large.
 */
void cronos_read_cache_set_limit(gsize bytes);
gsize cronos_read_cache_limit(void);
