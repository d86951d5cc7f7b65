/* SPDX-License-Identifier: MIT
 * archive-libarchive-read.c - decoded bytes at any offset, through the cache or past it */
#include "core/archive-libarchive-read.h"

#include "core/error.h"
#include "core/read-cache.h"

#include <string.h>

/* Units are numbered in 32 bits. */
#define SIZE_MAX_BYTES (CRONOS_LIBARCHIVE_UNIT << 32)

static gboolean read_cached(const CronosLibarchiveTarget *target, guint64 unit, gsize skip,
                            guint8 *buffer, gsize size, gboolean keep, GError **error)
{
    gsize length = cronos_libarchive_unit_bytes(target->size_bytes, unit);
    gboolean must_fill = FALSE, ok = TRUE;
    CronosReadBlock *block = cronos_read_cache_claim(
        target->owner, cronos_libarchive_cache_item(target, unit), length, &must_fill);

    if (must_fill) {
        ok = cronos_libarchive_pool_decode(target, unit, block->bytes, error);
        cronos_read_cache_settle(block, ok);
    }
    if (ok) {
        memcpy(buffer, block->bytes + skip, size);
        if (!keep)
            cronos_read_cache_deliver(block, size, length);
    }
    cronos_read_cache_release(block);
    return ok;
}

/* A whole unit, straight into the buffer unless it is at hand. */
static gboolean read_whole(const CronosLibarchiveTarget *target, guint64 unit, guint8 *buffer,
                           gsize size, GError **error)
{
    CronosReadBlock *block =
        cronos_read_cache_peek(target->owner, cronos_libarchive_cache_item(target, unit));

    if (block == NULL)
        return cronos_libarchive_pool_decode(target, unit, buffer, error);
    memcpy(buffer, block->bytes, size);
    cronos_read_cache_deliver(block, size, size);
    cronos_read_cache_release(block);
    return TRUE;
}

gssize cronos_libarchive_read(const CronosLibarchiveTarget *target, guint64 offset, void *buffer,
                              gsize size, gboolean keep, GError **error)
{
    guint8 *at = buffer;
    gsize done = 0;

    if (target->size_bytes > SIZE_MAX_BYTES) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED, "is too large");
        return -1;
    }
    if (offset >= target->size_bytes)
        return 0;
    size = (gsize)MIN(size, target->size_bytes - offset);
    while (done < size) {
        gsize skip = (gsize)((offset + done) % CRONOS_LIBARCHIVE_UNIT);
        guint64 unit = offset + done - skip;
        gsize length = cronos_libarchive_unit_bytes(target->size_bytes, unit);
        gsize n = MIN(length - skip, size - done);
        gboolean ok = n == length && !keep
                          ? read_whole(target, unit, at + done, n, error)
                          : read_cached(target, unit, skip, at + done, n, keep, error);

        if (!ok)
            return -1;
        done += n;
    }
    return (gssize)size;
}

void cronos_libarchive_forget(guint64 owner)
{
    cronos_read_cache_drop(owner);
    cronos_libarchive_pool_drop(owner);
}
