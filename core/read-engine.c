/* SPDX-License-Identifier: MIT
 * read-engine.c - which way to the bytes of a member */
#include "core/read-engine.h"

#include "core/archive.h"
#include "core/read-cache.h"
#include "core/read-streams.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"

struct CronosReadEngine {
    int fd;
    const CronosZipIndex *index;
    guint64 id; /* never used twice: caches outlive engines */
    guint64 limit;
};

CronosReadEngine *cronos_read_engine_new(int fd, const CronosZipIndex *index)
{
    static gsize last_id;
    CronosReadEngine *engine = g_new0(CronosReadEngine, 1);

    engine->fd = fd;
    engine->index = index;
    engine->id = (guint64)g_atomic_pointer_add(&last_id, 1) + 1;
    engine->limit = cronos_zip_index_directory_offset(index);
    return engine;
}

void cronos_read_engine_free(CronosReadEngine *engine)
{
    if (engine == NULL)
        return;
    cronos_read_cache_drop(engine->id);
    cronos_read_streams_drop(engine->id);
    g_free(engine);
}

static gssize read_cached(CronosReadEngine *engine, guint32 entry, const CronosZipExtent *extent,
                          guint64 offset, void *buffer, gsize size, GError **error)
{
    gboolean must_fill = FALSE, ok = TRUE;
    CronosReadBlock *block =
        cronos_read_cache_claim(engine->id, entry, (gsize)extent->size_bytes, &must_fill);

    if (must_fill) {
        ok = cronos_zip_decode(engine->fd, extent, engine->limit, block->bytes, error);
        cronos_read_cache_settle(block, ok);
    }
    /* The size may be another than this reader saw, where the archive is written to meanwhile. */
    if (ok && offset < block->size) {
        size = MIN(size, block->size - (gsize)offset);
        memcpy(buffer, block->bytes + offset, size);
    } else {
        size = 0;
    }
    cronos_read_cache_release(block);
    return ok ? (gssize)size : -1;
}

static gssize read_stored(CronosReadEngine *engine, const CronosZipExtent *extent, guint64 offset,
                          void *buffer, gsize size, GError **error)
{
    guint64 data_offset;

    if (!cronos_zip_locate(engine->fd, extent, engine->limit, &data_offset, error) ||
        !cronos_zip_pread_exactly(engine->fd, buffer, size, data_offset + offset, error))
        return -1;
    return (gssize)size;
}

gssize cronos_read_engine_read(CronosReadEngine *engine, guint32 entry, guint64 offset,
                               void *buffer, gsize size, GError **error)
{
    CronosZipExtent extent;

    if (!cronos_zip_index_extent(engine->index, entry, &extent, error) ||
        !cronos_zip_check_readable(&extent, error))
        return -1;
    if (offset > 0 && offset >= extent.size_bytes)
        return 0;
    size = (gsize)MIN(size, extent.size_bytes - offset);
    if (size == extent.size_bytes) {
        if (!cronos_zip_decode(engine->fd, &extent, engine->limit, buffer, error))
            return -1;
        return (gssize)size;
    }
    if (size == 0)
        return 0;
    if (extent.size_bytes <= CRONOS_READ_WHOLE_MAX)
        return read_cached(engine, entry, &extent, offset, buffer, size, error);
    if (extent.method == ZIP_METHOD_STORED)
        return read_stored(engine, &extent, offset, buffer, size, error);
    return cronos_read_streams_read(engine->id, engine->fd, entry, &extent, engine->limit, offset,
                                    buffer, size, error);
}

void cronos_archive_set_cache_limit(gsize bytes)
{
    cronos_read_cache_set_limit(bytes / 2);
    cronos_read_streams_set_limit(bytes / 2);
}
