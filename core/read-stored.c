/* SPDX-License-Identifier: MIT
 * read-stored.c - the parts of a stored member that were read, and their checksums
 *
 * The parts are sorted, apart from each other and never adjacent: what touches is combined. */
#include "core/read-stored.h"

#include "core/error.h"
#include "core/zip/zip-io.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

/* As many as a few readers leave between them. */
#define PARTS_MOST 16u

typedef struct {
    guint64 begin, end;
    guint32 crc32;
} Part;

struct CronosReadStored {
    int fd;
    guint64 data_offset, size_bytes;
    guint32 crc32;

    GMutex lock; /* the fields below */
    Part parts[PARTS_MOST];
    guint count;
    gboolean damaged; /* all was read, and has another checksum */
};

CronosReadStored *cronos_read_stored_new(int fd, guint64 data_offset, const CronosZipExtent *extent)
{
    CronosReadStored *stored = g_new0(CronosReadStored, 1);

    stored->fd = fd;
    stored->data_offset = data_offset;
    stored->size_bytes = extent->size_bytes;
    stored->crc32 = extent->crc32;
    g_mutex_init(&stored->lock);
    return stored;
}

void cronos_read_stored_free(CronosReadStored *stored)
{
    if (stored == NULL)
        return;
    g_mutex_clear(&stored->lock);
    g_free(stored);
}

gsize cronos_read_stored_memory(const CronosReadStored *stored)
{
    return sizeof *stored;
}

/* Caller holds the lock. Returns: the first part that ends behind @offset. */
static guint find_locked(const CronosReadStored *stored, guint64 offset)
{
    guint at = 0;

    while (at < stored->count && stored->parts[at].end <= offset)
        at++;
    return at;
}

/* Caller holds the lock. */
static void remove_locked(CronosReadStored *stored, guint at)
{
    stored->count--;
    memmove(&stored->parts[at], &stored->parts[at + 1], (stored->count - at) * sizeof(Part));
}

/* Caller holds the lock. Combines the part @at with its successor, where they touch. */
static void combine_locked(CronosReadStored *stored, guint at)
{
    if (at + 1 >= stored->count || stored->parts[at].end != stored->parts[at + 1].begin)
        return;
    Part *part = &stored->parts[at];
    const Part *next = part + 1;

    part->crc32 =
        (guint32)crc32_combine(part->crc32, next->crc32, (z_off_t)(next->end - next->begin));
    part->end = next->end;
    remove_locked(stored, at + 1);
}

/* Caller holds the lock. Puts @part, of which nothing is known yet, before the part @at. What is
 * too far from all the rest is passed over. */
static void insert_locked(CronosReadStored *stored, guint at, const Part *part)
{
    Part *parts = stored->parts;

    if (at > 0 && parts[at - 1].end == part->begin) {
        parts[at - 1].crc32 = (guint32)crc32_combine(parts[at - 1].crc32, part->crc32,
                                                     (z_off_t)(part->end - part->begin));
        parts[at - 1].end = part->end;
        combine_locked(stored, at - 1);
        return;
    }
    if (stored->count == PARTS_MOST)
        return;
    memmove(&parts[at + 1], &parts[at], (stored->count - at) * sizeof(Part));
    parts[at] = *part;
    stored->count++;
    combine_locked(stored, at);
}

/* Caller holds the lock. Sums up what is not known yet of the @size bytes at @offset. */
static void add_locked(CronosReadStored *stored, guint64 offset, const guint8 *bytes, gsize size)
{
    guint64 end = offset + size;

    for (guint64 begin = offset, stop; begin < end; begin = stop) {
        guint at = find_locked(stored, begin);

        if (at < stored->count && stored->parts[at].begin <= begin) {
            stop = stored->parts[at].end;
            continue;
        }
        stop = at < stored->count ? MIN(end, stored->parts[at].begin) : end;
        const Part part = {begin, stop,
                           libdeflate_crc32(0, bytes + (begin - offset), (gsize)(stop - begin))};
        insert_locked(stored, at, &part);
    }
}

/* Caller holds the lock. */
static gboolean is_complete_locked(const CronosReadStored *stored)
{
    return stored->count == 1 && stored->parts[0].begin == 0 &&
           stored->parts[0].end == stored->size_bytes;
}

/* Returns: FALSE where all is known and wrong. It stays so: a kernel whose reading ahead fails asks
 * for the same again, and must not be told that those bytes are right. */
static gboolean sum_up(CronosReadStored *stored, guint64 offset, const guint8 *bytes, gsize size)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&stored->lock);

    if (!is_complete_locked(stored)) {
        add_locked(stored, offset, bytes, size);
        stored->damaged = is_complete_locked(stored) && stored->parts[0].crc32 != stored->crc32;
    }
    return !stored->damaged;
}

gboolean cronos_read_stored_is_damaged(CronosReadStored *stored)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&stored->lock);

    return stored->damaged;
}

gboolean cronos_read_stored_read(CronosReadStored *stored, guint64 offset, void *buffer, gsize size,
                                 GError **error)
{
    if (!cronos_zip_pread_exactly(stored->fd, buffer, size, stored->data_offset + offset, error))
        return FALSE;
    if (sum_up(stored, offset, buffer, size))
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "checksum mismatch");
    return FALSE;
}
