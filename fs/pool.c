/* SPDX-License-Identifier: MIT
 * pool.c - which archives are kept indexed */
#include "fs/pool.h"

#include <pthread.h>

/* Beside what it reports: the archive's own structures, its mapping's bookkeeping. */
#define ARCHIVE_OVERHEAD_BYTES 4096u
/* An open archive holds one descriptor, its slot another. */
#define DESCRIPTORS_PER_ARCHIVE 2u

typedef struct {
    CronosSlot *slot; /* owned */
    gsize memory_bytes;
} Member;

struct CronosPool {
    gsize budget_bytes;
    guint members_max;
    guint descriptors_max;
    gint descriptors; /* atomic: those of slots themselves, with and without an index */
    guint64 clock;    /* atomic */

    pthread_mutex_t lock; /* the fields below */
    GArray *members;      /* of Member, in no order */
    gsize total_bytes;
};

CronosPool *cronos_pool_new(gsize budget_bytes, guint descriptors_max)
{
    CronosPool *pool = g_new0(CronosPool, 1);

    pool->budget_bytes = budget_bytes;
    pool->descriptors_max = descriptors_max;
    pool->members_max =
        MAX(descriptors_max / (2 * DESCRIPTORS_PER_ARCHIVE), CRONOS_POOL_KEPT_MINIMUM);
    pool->members = g_array_new(FALSE, FALSE, sizeof(Member));
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void cronos_pool_free(CronosPool *pool)
{
    if (pool == NULL)
        return;
    for (guint i = 0; i < pool->members->len; i++) {
        CronosSlot *slot = g_array_index(pool->members, Member, i).slot;

        cronos_slot_drop(slot, FALSE);
        cronos_slot_unref(slot);
    }
    g_array_unref(pool->members);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool);
}

/* Caller holds the lock. Returns: (owned) the slot that left. */
static CronosSlot *take(CronosPool *pool, guint index)
{
    const Member *member = &g_array_index(pool->members, Member, index);
    CronosSlot *slot = member->slot;

    pool->total_bytes -= member->memory_bytes;
    g_array_remove_index_fast(pool->members, index);
    return slot;
}

/* Caller holds the lock; there are members. */
static guint find_unused_longest(const CronosPool *pool)
{
    guint found = 0;
    guint64 oldest = G_MAXUINT64;

    for (guint i = 0; i < pool->members->len; i++) {
        guint64 used = cronos_slot_last_used(g_array_index(pool->members, Member, i).slot);

        if (used < oldest) {
            oldest = used;
            found = i;
        }
    }
    return found;
}

static void slot_unref(gpointer slot)
{
    cronos_slot_unref(slot);
}

/* Caller holds the lock. Returns: (owned) the slots to be dropped once it is released. */
static GPtrArray *take_surplus(CronosPool *pool)
{
    GPtrArray *surplus = g_ptr_array_new_with_free_func(slot_unref);

    while (pool->members->len > CRONOS_POOL_KEPT_MINIMUM &&
           (pool->total_bytes > pool->budget_bytes || pool->members->len > pool->members_max))
        g_ptr_array_add(surplus, take(pool, find_unused_longest(pool)));
    return surplus;
}

void cronos_pool_add(CronosPool *pool, CronosSlot *slot, gsize memory_bytes)
{
    Member member = {cronos_slot_ref(slot), memory_bytes + ARCHIVE_OVERHEAD_BYTES};

    pthread_mutex_lock(&pool->lock);
    g_array_append_val(pool->members, member);
    pool->total_bytes += member.memory_bytes;
    g_autoptr(GPtrArray) surplus = take_surplus(pool);
    pthread_mutex_unlock(&pool->lock);

    for (guint i = 0; i < surplus->len; i++) {
        CronosSlot *dropped = g_ptr_array_index(surplus, i);
        /* What the kernel knows of may be open, and its file may be deleted any time. */
        gboolean keep_fd = cronos_slot_lookups(dropped) > 0 && cronos_pool_has_descriptors(pool);

        cronos_slot_drop(dropped, keep_fd);
    }
}

void cronos_pool_remove(CronosPool *pool, CronosSlot *slot)
{
    CronosSlot *removed = NULL;

    pthread_mutex_lock(&pool->lock);
    for (guint i = 0; i < pool->members->len && removed == NULL; i++)
        if (g_array_index(pool->members, Member, i).slot == slot)
            removed = take(pool, i);
    pthread_mutex_unlock(&pool->lock);
    cronos_slot_unref(removed);
}

guint64 cronos_pool_now(CronosPool *pool)
{
    return __atomic_load_n(&pool->clock, __ATOMIC_RELAXED);
}

void cronos_pool_tick(CronosPool *pool)
{
    __atomic_add_fetch(&pool->clock, 1, __ATOMIC_RELAXED);
}

void cronos_pool_count_descriptor(CronosPool *pool, int difference)
{
    g_atomic_int_add(&pool->descriptors, difference);
}

gboolean cronos_pool_has_descriptors(CronosPool *pool)
{
    return (guint)g_atomic_int_get(&pool->descriptors) <= pool->descriptors_max / 2;
}
