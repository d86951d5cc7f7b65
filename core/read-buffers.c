/* SPDX-License-Identifier: MIT
 * read-buffers.c - buffers for decoded data, used again */
#include "core/read-buffers.h"

#include "core/read-memory.h"

/* Smaller ones are left to malloc. */
#define ROOM_LEAST (64u << 10)
#define SPARES 16u

typedef struct {
    guint8 *bytes;
    gsize room;
} Spare;

static GMutex lock;
static Spare spares[SPARES]; /* the first @count; under lock, as all of the below */
static guint count;
static gsize spare_bytes;
static gsize limit = 8u << 20;

static Spare remove_locked(guint at)
{
    Spare spare = spares[at];

    spares[at] = spares[--count];
    spare_bytes -= spare.room;
    return spare;
}

static gboolean take_spare(gsize size, Spare *out_spare)
{
    guint best = SPARES;

    g_mutex_lock(&lock);
    for (guint i = 0; i < count; i++)
        if (spares[i].room >= size && spares[i].room <= 2 * size &&
            (best == SPARES || spares[i].room < spares[best].room))
            best = i;
    if (best != SPARES)
        *out_spare = remove_locked(best);
    g_mutex_unlock(&lock);
    return best != SPARES;
}

guint8 *cronos_read_buffer_take(gsize size, gsize *out_room)
{
    Spare spare;

    if (size >= ROOM_LEAST) {
        size = (size + ROOM_LEAST - 1) / ROOM_LEAST * ROOM_LEAST;
        if (take_spare(size, &spare)) {
            *out_room = spare.room;
            return spare.bytes;
        }
    }
    *out_room = MAX(size, 1);
    cronos_read_memory_add((gssize)*out_room);
    return g_malloc(*out_room);
}

void cronos_read_buffer_give(guint8 *bytes, gsize room)
{
    gboolean kept = FALSE;

    if (bytes == NULL)
        return;
    if (room >= ROOM_LEAST) {
        g_mutex_lock(&lock);
        kept = count < SPARES && spare_bytes + room <= limit;
        if (kept) {
            spares[count++] = (Spare){bytes, room};
            spare_bytes += room;
        }
        g_mutex_unlock(&lock);
    }
    if (kept)
        return;
    g_free(bytes);
    cronos_read_memory_add(-(gssize)room);
}

void cronos_read_buffers_set_limit(gsize bytes)
{
    g_mutex_lock(&lock);
    limit = bytes;
    while (count > 0 && spare_bytes > limit) {
        Spare spare = remove_locked(count - 1);

        g_free(spare.bytes);
        cronos_read_memory_add(-(gssize)spare.room);
    }
    g_mutex_unlock(&lock);
}
