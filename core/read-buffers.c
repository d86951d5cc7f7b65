/* SPDX-License-Identifier: MIT
 * read-buffers.c - buffers for decoded data, cut out of large pages
 *
 * A region is REGION_BYTES of address space, aligned so that large pages fit it, and cut into
 * units. A buffer is a run of units of one region. A region without buffers goes back to the
 * system, but for a few. */
#include "core/read-buffers.h"

#include "core/read-memory.h"

#include <sanitizer/asan_interface.h> /* nothing but in a build with AddressSanitizer */
#include <sys/mman.h>

#define LARGE_PAGE_BYTES ((gsize)2 << 20)
#define REGION_BYTES (2 * LARGE_PAGE_BYTES)
#define UNITS 64u
#define UNIT_BYTES (REGION_BYTES / UNITS)

typedef struct {
    guint8 *bytes;
    guint64 used; /* a bit for each unit */
} Region;

static GMutex lock;
static GArray *regions;    /* of Region, by address; under lock, as all of the below */
static gsize unused_bytes; /* of regions without buffers */
static gsize limit = 8u << 20;

/* Returns: so many units, the lowest first; @count: 1 to UNITS. */
static guint64 mask_of(guint count)
{
    return G_MAXUINT64 >> (UNITS - count);
}

static guint units_of(gsize size)
{
    return (guint)((size + UNIT_BYTES - 1) / UNIT_BYTES);
}

/* Returns: the first of @count units in a row that are free; UNITS: there are none. */
static guint find_run(const Region *region, guint count)
{
    guint64 mask = mask_of(count);

    for (guint at = 0; at + count <= UNITS; at++)
        if ((region->used & mask << at) == 0)
            return at;
    return UNITS;
}

static guint8 *map(gsize bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        g_error("can not get %" G_GSIZE_FORMAT " bytes of memory", bytes);
    return at;
}

/* Returns: @bytes of address space, aligned to a large page. */
static guint8 *map_aligned(gsize bytes)
{
    guint8 *begin = map(bytes + LARGE_PAGE_BYTES);
    gsize before = (gsize)(-(guintptr)begin % LARGE_PAGE_BYTES);
    guint8 *aligned = begin + before;

    if (before > 0)
        munmap(begin, before);
    munmap(aligned + bytes, LARGE_PAGE_BYTES - before);
    /* Where the system has none, small ones do. */
    madvise(aligned, bytes, MADV_HUGEPAGE);
    return aligned;
}

static gint compare_regions(gconstpointer a, gconstpointer b)
{
    const Region *left = a, *right = b;

    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

static Region *add_region_locked(void)
{
    Region region = {.bytes = map_aligned(REGION_BYTES)};
    guint at = 0;

    if (regions == NULL)
        regions = g_array_new(FALSE, FALSE, sizeof(Region));
    while (at < regions->len && compare_regions(&g_array_index(regions, Region, at), &region) < 0)
        at++;
    g_array_insert_val(regions, at, region);
    unused_bytes += REGION_BYTES;
    cronos_read_memory_add((gssize)REGION_BYTES);
    return &g_array_index(regions, Region, at);
}

static guint8 *cut_locked(Region *region, guint at, guint count)
{
    if (region->used == 0)
        unused_bytes -= REGION_BYTES;
    region->used |= mask_of(count) << at;
    ASAN_UNPOISON_MEMORY_REGION(region->bytes + at * UNIT_BYTES, count * UNIT_BYTES);
    return region->bytes + at * UNIT_BYTES;
}

static guint8 *take_units(guint count)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);

    for (guint i = 0; regions != NULL && i < regions->len; i++) {
        Region *region = &g_array_index(regions, Region, i);
        guint at = find_run(region, count);

        if (at < UNITS)
            return cut_locked(region, at, count);
    }
    return cut_locked(add_region_locked(), 0, count);
}

guint8 *cronos_read_buffer_take(gsize size, gsize *out_room)
{
    if (size < UNIT_BYTES) {
        *out_room = MAX(size, 1);
        cronos_read_memory_add((gssize)*out_room);
        return g_malloc(*out_room);
    }
    if (size <= REGION_BYTES) {
        guint8 *bytes = take_units(units_of(size));
        *out_room = units_of(size) * UNIT_BYTES;
        ASAN_POISON_MEMORY_REGION(bytes + size, *out_room - size);
        return bytes;
    }
    *out_room = (size + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    cronos_read_memory_add((gssize)*out_room);
    return map_aligned(*out_room);
}

/* Gives regions without buffers back, the last ones first, until few enough are left. */
static void trim_locked(void)
{
    for (guint i = regions == NULL ? 0 : regions->len; i-- > 0 && unused_bytes > limit;) {
        const Region *region = &g_array_index(regions, Region, i);

        if (region->used != 0)
            continue;
        ASAN_UNPOISON_MEMORY_REGION(region->bytes, REGION_BYTES);
        munmap(region->bytes, REGION_BYTES);
        g_array_remove_index(regions, i);
        unused_bytes -= REGION_BYTES;
        cronos_read_memory_add(-(gssize)REGION_BYTES);
    }
}

static void give_units(guint8 *bytes, guint count)
{
    const Region key = {.bytes = bytes};
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    guint low = 0, high = regions->len;

    while (high - low > 1) {
        guint middle = low + (high - low) / 2;

        if (compare_regions(&g_array_index(regions, Region, middle), &key) <= 0)
            low = middle;
        else
            high = middle;
    }
    Region *region = &g_array_index(regions, Region, low);
    ASAN_POISON_MEMORY_REGION(bytes, count * UNIT_BYTES);
    region->used &= ~(mask_of(count) << (guint)((gsize)(bytes - region->bytes) / UNIT_BYTES));
    if (region->used != 0)
        return;
    unused_bytes += REGION_BYTES;
    trim_locked();
}

void cronos_read_buffer_give(guint8 *bytes, gsize room)
{
    if (bytes == NULL)
        return;
    if (room >= UNIT_BYTES && room <= REGION_BYTES) {
        give_units(bytes, units_of(room));
        return;
    }
    if (room < UNIT_BYTES)
        g_free(bytes);
    else
        munmap(bytes, room);
    cronos_read_memory_add(-(gssize)room);
}

void cronos_read_buffers_set_limit(gsize bytes)
{
    g_mutex_lock(&lock);
    limit = bytes;
    trim_locked();
    g_mutex_unlock(&lock);
}
