/* SPDX-License-Identifier: MIT
 * read-cache.c - the members decoded last
 *
 * A block is in one of three states: filling (one thread writes its bytes, others wait), ready
 * (read by all who hold a reference), failed (not findable any more). Listed blocks hold one
 * reference of the table's. */
#include "core/read-cache.h"

static GMutex lock;
static GCond settled;           /* some block left the state "filling" */
static GHashTable *blocks;      /* CronosReadBlock, by owner and entry; under lock */
static GQueue by_last_use;      /* under lock */
static gsize bytes_listed;      /* of ready blocks; under lock */
static gsize limit = 32u << 20; /* under lock */

static guint block_hash(gconstpointer key)
{
    const CronosReadBlock *block = key;
    guint64 mixed = (block->owner << 32 ^ block->entry) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

    return (guint)(mixed >> 32);
}

static gboolean block_equal(gconstpointer a, gconstpointer b)
{
    const CronosReadBlock *left = a, *right = b;

    return left->owner == right->owner && left->entry == right->entry;
}

static void unref_locked(CronosReadBlock *block)
{
    if (--block->refs > 0)
        return;
    g_free(block->bytes);
    g_free(block);
}

static void unlist_locked(CronosReadBlock *block)
{
    if (!block->listed)
        return;
    block->listed = FALSE;
    g_hash_table_remove(blocks, block);
    if (block->state == CRONOS_READ_READY) {
        g_queue_unlink(&by_last_use, &block->link);
        bytes_listed -= block->size;
    }
    unref_locked(block);
}

static void shrink_locked(void)
{
    while (bytes_listed > limit && by_last_use.tail != NULL)
        unlist_locked(by_last_use.tail->data);
}

/* Returns: a reference, or NULL where a new block must be made. */
static CronosReadBlock *find_locked(const CronosReadBlock *key)
{
    CronosReadBlock *block = g_hash_table_lookup(blocks, key);

    if (block == NULL)
        return NULL;
    block->refs++;
    while (block->state == CRONOS_READ_FILLING)
        g_cond_wait(&settled, &lock);
    if (block->state == CRONOS_READ_FAILED) {
        unref_locked(block);
        return NULL;
    }
    if (block->listed) {
        g_queue_unlink(&by_last_use, &block->link);
        g_queue_push_head_link(&by_last_use, &block->link);
    }
    return block;
}

CronosReadBlock *cronos_read_cache_claim(guint64 owner, guint32 entry, gsize size,
                                         gboolean *out_must_fill)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    const CronosReadBlock key = {.owner = owner, .entry = entry};
    CronosReadBlock *block;

    if (blocks == NULL)
        blocks = g_hash_table_new(block_hash, block_equal);
    do {
        block = find_locked(&key);
        /* While this thread waited for one that failed, another may have begun anew. */
    } while (block == NULL && g_hash_table_contains(blocks, &key));
    *out_must_fill = block == NULL;
    if (block != NULL)
        return block;
    block = g_new0(CronosReadBlock, 1);
    block->owner = owner;
    block->entry = entry;
    block->size = size;
    block->bytes = g_malloc(MAX(size, 1));
    block->refs = 2;
    block->listed = TRUE;
    block->link.data = block;
    g_hash_table_add(blocks, block);
    return block;
}

void cronos_read_cache_settle(CronosReadBlock *block, gboolean filled)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);

    if (filled) {
        block->state = CRONOS_READ_READY;
        if (block->listed) {
            g_queue_push_head_link(&by_last_use, &block->link);
            bytes_listed += block->size;
            shrink_locked();
        }
    } else {
        block->state = CRONOS_READ_FAILED;
        unlist_locked(block);
    }
    g_cond_broadcast(&settled);
}

void cronos_read_cache_release(CronosReadBlock *block)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);

    unref_locked(block);
}

void cronos_read_cache_drop(guint64 owner)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    GList *next;

    for (GList *link = by_last_use.head; link != NULL; link = next) {
        CronosReadBlock *block = link->data;

        next = link->next;
        if (block->owner == owner)
            unlist_locked(block);
    }
}

void cronos_read_cache_set_limit(gsize bytes)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);

    limit = bytes;
    shrink_locked();
}
