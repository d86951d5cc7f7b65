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

/* Caller holds the lock. Returns: the first part that ends at @offset or behind it. */
static guint find_locked(const CronosReadStored *stored, guint64 offset)
{
    guint at = 0;

    while (at < stored->count && stored->parts[at].end < offset)
        at++;
    return at;
}

/* Caller holds the lock. */
static void remove_locked(CronosReadStored *stored, guint at)
{
    stored->count--;
    memmove(&stored->parts[at], &stored->parts[at + 1], (stored->count - at) * sizeof(Part));
}

static void combine(Part *part, const Part *next)
{
    part->crc32 =
        (guint32)crc32_combine(part->crc32, next->crc32, (z_off_t)(next->end - next->begin));
    part->end = next->end;
}

/* Caller holds the lock. What overlaps what is known already is passed over, and so is what is too
 * far from all the rest. */
static void add_locked(CronosReadStored *stored, const Part *part)
{
    guint at = find_locked(stored, part->begin);
    Part *parts = stored->parts;

    if (at < stored->count && parts[at].end == part->begin) {
        if (at + 1 < stored->count && parts[at + 1].begin < part->end)
            return;
        combine(&parts[at], part);
    } else {
        if (stored->count == PARTS_MOST || (at < stored->count && parts[at].begin < part->end))
            return;
        memmove(&parts[at + 1], &parts[at], (stored->count - at) * sizeof(Part));
        parts[at] = *part;
        stored->count++;
    }
    if (at + 1 < stored->count && parts[at].end == parts[at + 1].begin) {
        combine(&parts[at], &parts[at + 1]);
        remove_locked(stored, at + 1);
    }
}

/* Caller holds the lock. */
static gboolean is_complete_locked(const CronosReadStored *stored)
{
    return stored->count == 1 && stored->parts[0].begin == 0 &&
           stored->parts[0].end == stored->size_bytes;
}

/* Returns: FALSE where all is known and wrong; then it is found anew by whoever reads it again. */
static gboolean sum_up(CronosReadStored *stored, const Part *part)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&stored->lock);

    if (is_complete_locked(stored))
        return TRUE;
    add_locked(stored, part);
    if (!is_complete_locked(stored) || stored->parts[0].crc32 == stored->crc32)
        return TRUE;
    stored->count = 0;
    return FALSE;
}

gboolean cronos_read_stored_read(CronosReadStored *stored, guint64 offset, void *buffer, gsize size,
                                 GError **error)
{
    if (!cronos_zip_pread_exactly(stored->fd, buffer, size, stored->data_offset + offset, error))
        return FALSE;
    if (size == 0)
        return TRUE;
    const Part part = {offset, offset + size, libdeflate_crc32(0, buffer, size)};
    if (sum_up(stored, &part))
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "checksum mismatch");
    return FALSE;
}
