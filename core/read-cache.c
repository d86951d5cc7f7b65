/* SPDX-License-Identifier: MIT
 * read-cache.c - what was decoded last
 *
 * A block is in one of three states: filling (one thread writes its bytes, others wait), ready
 * (read by all who hold a reference), failed (not findable any more). Listed blocks hold one
 * reference of the table's. No thread holds two shards' locks. */
#include "core/read-cache.h"

#include "core/read-buffers.h"
#include "core/read-memory.h"

#define SHARDS 8u

typedef struct {
    GMutex lock;
    GCond settled;      /* some block left the state "filling" */
    GHashTable *blocks; /* CronosReadBlock, by owner and item; under lock */
    GQueue by_last_use; /* under lock */
    guint64 oldest;     /* last use of its last one, G_MAXUINT64: none; atomic, set under lock */
} Shard;

static Shard shards[SHARDS];
static gsize limit = 24u << 20; /* atomic, as all of the below */
static gsize bytes_listed;      /* of ready blocks */
static gsize ready_blocks;
static guint64 uses, owners;

guint64 cronos_read_cache_new_owner(void)
{
    return __atomic_add_fetch(&owners, 1, __ATOMIC_RELAXED);
}

static guint64 mix(guint64 owner, guint64 item)
{
    guint64 mixed = (owner ^ item << 32 ^ item >> 32) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

    return (mixed ^ mixed >> 32) * G_GUINT64_CONSTANT(0xd6e8feb86659fd93);
}

static guint block_hash(gconstpointer key)
{
    const CronosReadBlock *block = key;

    return (guint)mix(block->owner, block->item);
}

static gboolean block_equal(gconstpointer a, gconstpointer b)
{
    const CronosReadBlock *left = a, *right = b;

    return left->owner == right->owner && left->item == right->item;
}

static gpointer make_shards(gpointer data)
{
    for (guint i = 0; i < SHARDS; i++) {
        shards[i].blocks = g_hash_table_new(block_hash, block_equal);
        shards[i].oldest = G_MAXUINT64;
    }
    return NULL;
}

static void need_shards(void)
{
    static GOnce made = G_ONCE_INIT;

    g_once(&made, make_shards, NULL);
}

static Shard *shard_of(guint64 owner, guint64 item)
{
    need_shards();
    return &shards[mix(owner, item) % SHARDS];
}

static void block_free(CronosReadBlock *block)
{
    cronos_read_buffer_give(block->bytes, block->room);
    g_free(block);
}

/* Returns: the block if it was the last reference, to be freed without the lock; else NULL. */
static CronosReadBlock *unref_locked(CronosReadBlock *block)
{
    return --block->refs == 0 ? block : NULL;
}

static void note_oldest(Shard *shard)
{
    const CronosReadBlock *last = g_queue_peek_tail(&shard->by_last_use);

    __atomic_store_n(&shard->oldest, last == NULL ? G_MAXUINT64 : last->last_use, __ATOMIC_RELAXED);
}

static gsize weight(const CronosReadBlock *block)
{
    return block->room + sizeof *block;
}

/* Returns: as unref_locked. */
static CronosReadBlock *unlist_locked(Shard *shard, CronosReadBlock *block)
{
    if (!block->listed)
        return NULL;
    block->listed = FALSE;
    g_hash_table_remove(shard->blocks, block);
    if (block->state == CRONOS_READ_READY) {
        g_queue_unlink(&shard->by_last_use, &block->link);
        note_oldest(shard);
        __atomic_sub_fetch(&bytes_listed, weight(block), __ATOMIC_RELAXED);
        __atomic_sub_fetch(&ready_blocks, 1, __ATOMIC_RELAXED);
    }
    return unref_locked(block);
}

static void use_locked(Shard *shard, CronosReadBlock *block)
{
    block->last_use = __atomic_add_fetch(&uses, 1, __ATOMIC_RELAXED);
    g_queue_push_head_link(&shard->by_last_use, &block->link);
    note_oldest(shard);
}

static void free_unless_null(CronosReadBlock *block)
{
    if (block != NULL)
        block_free(block);
}

static gboolean evict_oldest(void)
{
    Shard *shard = &shards[0];
    guint64 oldest = G_MAXUINT64;
    CronosReadBlock *gone = NULL;

    for (guint i = 0; i < SHARDS; i++) {
        guint64 at = __atomic_load_n(&shards[i].oldest, __ATOMIC_RELAXED);

        if (at < oldest) {
            oldest = at;
            shard = &shards[i];
        }
    }
    if (oldest == G_MAXUINT64)
        return FALSE;
    g_mutex_lock(&shard->lock);
    if (shard->by_last_use.tail != NULL)
        gone = unlist_locked(shard, shard->by_last_use.tail->data);
    g_mutex_unlock(&shard->lock);
    free_unless_null(gone);
    return TRUE;
}

static void shrink(gsize blocks_kept)
{
    while (__atomic_load_n(&bytes_listed, __ATOMIC_RELAXED) >
               __atomic_load_n(&limit, __ATOMIC_RELAXED) &&
           __atomic_load_n(&ready_blocks, __ATOMIC_RELAXED) > blocks_kept && evict_oldest())
        ;
}

/* Returns: a reference, or NULL where a new block must be made. */
static CronosReadBlock *find_locked(Shard *shard, const CronosReadBlock *key)
{
    CronosReadBlock *block = g_hash_table_lookup(shard->blocks, key);

    if (block == NULL)
        return NULL;
    block->refs++;
    while (block->state == CRONOS_READ_FILLING)
        g_cond_wait(&shard->settled, &shard->lock);
    if (block->state == CRONOS_READ_FAILED) {
        /* Freed here, under the lock, which is seldom and short: there are no bytes to keep. */
        free_unless_null(unref_locked(block));
        return NULL;
    }
    if (block->listed) {
        g_queue_unlink(&shard->by_last_use, &block->link);
        use_locked(shard, block);
    }
    return block;
}

static CronosReadBlock *insert_locked(Shard *shard, const CronosReadBlock *key)
{
    CronosReadBlock *block = g_new0(CronosReadBlock, 1);

    block->owner = key->owner;
    block->item = key->item;
    block->refs = 2;
    block->listed = TRUE;
    block->link.data = block;
    g_hash_table_add(shard->blocks, block);
    return block;
}

CronosReadBlock *cronos_read_cache_claim(guint64 owner, guint64 item, gsize size,
                                         gboolean *out_must_fill)
{
    const CronosReadBlock key = {.owner = owner, .item = item};
    Shard *shard = shard_of(owner, item);
    CronosReadBlock *block;

    g_mutex_lock(&shard->lock);
    do {
        block = find_locked(shard, &key);
        /* While this thread waited for one that failed, another may have begun anew. */
    } while (block == NULL && g_hash_table_contains(shard->blocks, &key));
    *out_must_fill = block == NULL;
    if (block == NULL)
        block = insert_locked(shard, &key);
    g_mutex_unlock(&shard->lock);
    if (*out_must_fill && size > 0)
        cronos_read_cache_make_room(block, size);
    return block;
}

CronosReadBlock *cronos_read_cache_try_claim(guint64 owner, guint64 item, gsize size)
{
    const CronosReadBlock key = {.owner = owner, .item = item};
    Shard *shard = shard_of(owner, item);
    CronosReadBlock *block = NULL;

    g_mutex_lock(&shard->lock);
    if (!g_hash_table_contains(shard->blocks, &key))
        block = insert_locked(shard, &key);
    g_mutex_unlock(&shard->lock);
    if (block != NULL)
        cronos_read_cache_make_room(block, size);
    return block;
}

void cronos_read_cache_make_room(CronosReadBlock *block, gsize room)
{
    cronos_read_buffer_give(block->bytes, block->room);
    block->bytes = cronos_read_buffer_take(room, &block->room);
    block->size = room;
}

void cronos_read_cache_settle(CronosReadBlock *block, gboolean filled)
{
    Shard *shard = shard_of(block->owner, block->item);

    g_mutex_lock(&shard->lock);
    if (filled) {
        block->state = CRONOS_READ_READY;
        if (block->listed) {
            use_locked(shard, block);
            __atomic_add_fetch(&bytes_listed, weight(block), __ATOMIC_RELAXED);
            __atomic_add_fetch(&ready_blocks, 1, __ATOMIC_RELAXED);
        }
    } else {
        block->state = CRONOS_READ_FAILED;
        unlist_locked(shard, block); /* the caller's reference remains */
    }
    g_cond_broadcast(&shard->settled);
    g_mutex_unlock(&shard->lock);
    shrink(1);
}

void cronos_read_cache_release(CronosReadBlock *block)
{
    Shard *shard = shard_of(block->owner, block->item);

    g_mutex_lock(&shard->lock);
    CronosReadBlock *gone = unref_locked(block);
    g_mutex_unlock(&shard->lock);
    free_unless_null(gone);
}

CronosReadBlock *cronos_read_cache_peek(guint64 owner, guint64 item)
{
    const CronosReadBlock key = {.owner = owner, .item = item};
    Shard *shard = shard_of(owner, item);

    g_mutex_lock(&shard->lock);
    CronosReadBlock *block = g_hash_table_lookup(shard->blocks, &key);
    if (block != NULL && block->state == CRONOS_READ_READY) {
        block->refs++;
        g_queue_unlink(&shard->by_last_use, &block->link);
        use_locked(shard, block);
    } else {
        block = NULL;
    }
    g_mutex_unlock(&shard->lock);
    return block;
}

gboolean cronos_read_cache_knows(guint64 owner, guint64 item)
{
    const CronosReadBlock key = {.owner = owner, .item = item};
    Shard *shard = shard_of(owner, item);

    g_mutex_lock(&shard->lock);
    gboolean known = g_hash_table_contains(shard->blocks, &key);
    g_mutex_unlock(&shard->lock);
    return known;
}

void cronos_read_cache_forget(CronosReadBlock *block)
{
    Shard *shard = shard_of(block->owner, block->item);

    g_mutex_lock(&shard->lock);
    unlist_locked(shard, block); /* the caller's reference remains */
    g_mutex_unlock(&shard->lock);
}

void cronos_read_cache_deliver(CronosReadBlock *block, gsize bytes, gsize of)
{
    if (__atomic_add_fetch(&block->delivered, bytes, __ATOMIC_RELAXED) >= of)
        cronos_read_cache_forget(block);
}

static void drop_from(Shard *shard, guint64 owner)
{
    GQueue gone = G_QUEUE_INIT;
    GList *next;

    g_mutex_lock(&shard->lock);
    for (GList *link = shard->by_last_use.head; link != NULL; link = next) {
        CronosReadBlock *block = link->data;

        next = link->next;
        if (block->owner == owner && unlist_locked(shard, block) != NULL)
            g_queue_push_tail_link(&gone, link);
    }
    g_mutex_unlock(&shard->lock);
    while (gone.head != NULL)
        block_free(g_queue_pop_head_link(&gone)->data);
}

void cronos_read_cache_drop(guint64 owner)
{
    need_shards();
    for (guint i = 0; i < SHARDS; i++)
        drop_from(&shards[i], owner);
}

void cronos_read_cache_set_limit(gsize bytes)
{
    need_shards();
    __atomic_store_n(&limit, bytes, __ATOMIC_RELAXED);
    shrink(0);
}

gsize cronos_read_cache_limit(void)
{
    return __atomic_load_n(&limit, __ATOMIC_RELAXED);
}
