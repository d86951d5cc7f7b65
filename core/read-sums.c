/* SPDX-License-Identifier: MIT
 * read-sums.c - the parts of a member that were read, and their checksums
 *
 * The parts are sorted, apart from each other and never adjacent: what touches is combined. */
#include "core/read-sums.h"

#include "core/error.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

/* As many as a few readers leave between them. */
#define PARTS_MOST 16u

typedef struct {
    guint64 begin, end;
    guint32 crc32;
} Part;

struct CronosReadSums {
    guint64 size_bytes;
    guint32 crc32;

    GMutex lock; /* the fields below */
    Part parts[PARTS_MOST];
    guint count;
    gboolean damaged; /* all was read, and has another checksum */
};

CronosReadSums *cronos_read_sums_new(guint64 size_bytes, guint32 crc32)
{
    CronosReadSums *sums = g_new0(CronosReadSums, 1);

    sums->size_bytes = size_bytes;
    sums->crc32 = crc32;
    g_mutex_init(&sums->lock);
    return sums;
}

void cronos_read_sums_free(CronosReadSums *sums)
{
    if (sums == NULL)
        return;
    g_mutex_clear(&sums->lock);
    g_free(sums);
}

gsize cronos_read_sums_memory(const CronosReadSums *sums)
{
    return sizeof *sums;
}

/* Caller holds the lock. Returns: the first part that ends behind @offset. */
static guint find_locked(const CronosReadSums *sums, guint64 offset)
{
    guint at = 0;

    while (at < sums->count && sums->parts[at].end <= offset)
        at++;
    return at;
}

/* Caller holds the lock. */
static void remove_locked(CronosReadSums *sums, guint at)
{
    sums->count--;
    memmove(&sums->parts[at], &sums->parts[at + 1], (sums->count - at) * sizeof(Part));
}

/* Caller holds the lock. Combines the part @at with its successor, where they touch. */
static void combine_locked(CronosReadSums *sums, guint at)
{
    if (at + 1 >= sums->count || sums->parts[at].end != sums->parts[at + 1].begin)
        return;
    Part *part = &sums->parts[at];
    const Part *next = part + 1;

    part->crc32 =
        (guint32)crc32_combine(part->crc32, next->crc32, (z_off_t)(next->end - next->begin));
    part->end = next->end;
    remove_locked(sums, at + 1);
}

/* Caller holds the lock. Puts @part, of which nothing is known yet, before the part @at. What is
 * too far from all the rest is passed over. */
static void insert_locked(CronosReadSums *sums, guint at, const Part *part)
{
    Part *parts = sums->parts;

    if (at > 0 && parts[at - 1].end == part->begin) {
        parts[at - 1].crc32 = (guint32)crc32_combine(parts[at - 1].crc32, part->crc32,
                                                     (z_off_t)(part->end - part->begin));
        parts[at - 1].end = part->end;
        combine_locked(sums, at - 1);
        return;
    }
    if (sums->count == PARTS_MOST)
        return;
    memmove(&parts[at + 1], &parts[at], (sums->count - at) * sizeof(Part));
    parts[at] = *part;
    sums->count++;
    combine_locked(sums, at);
}

/* Caller holds the lock. Sums up what is not known yet of the @size bytes at @offset. */
static void add_locked(CronosReadSums *sums, guint64 offset, const guint8 *bytes, gsize size)
{
    guint64 end = offset + size;

    for (guint64 begin = offset, stop; begin < end; begin = stop) {
        guint at = find_locked(sums, begin);

        if (at < sums->count && sums->parts[at].begin <= begin) {
            stop = sums->parts[at].end;
            continue;
        }
        stop = at < sums->count ? MIN(end, sums->parts[at].begin) : end;
        const Part part = {begin, stop,
                           libdeflate_crc32(0, bytes + (begin - offset), (gsize)(stop - begin))};
        insert_locked(sums, at, &part);
    }
}

/* Caller holds the lock. */
static gboolean is_complete_locked(const CronosReadSums *sums)
{
    return sums->count == 1 && sums->parts[0].begin == 0 && sums->parts[0].end == sums->size_bytes;
}

/* Caller holds the lock. */
static gboolean check_locked(const CronosReadSums *sums, GError **error)
{
    if (sums->damaged)
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "checksum mismatch");
    return !sums->damaged;
}

gboolean cronos_read_sums_add(CronosReadSums *sums, guint64 offset, const guint8 *bytes, gsize size,
                              GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&sums->lock);

    if (!is_complete_locked(sums)) {
        add_locked(sums, offset, bytes, size);
        sums->damaged = is_complete_locked(sums) && sums->parts[0].crc32 != sums->crc32;
    }
    return check_locked(sums, error);
}

gboolean cronos_read_sums_check(CronosReadSums *sums, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&sums->lock);

    return check_locked(sums, error);
}
