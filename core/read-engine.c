/* SPDX-License-Identifier: MIT
 * read-engine.c - which way to the bytes of a member */
#include "core/read-engine.h"

#include "core/archive.h"
#include "core/read-buffers.h"
#include "core/read-cache.h"
#include "core/read-member.h"
#include "core/read-streams.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"

#include <string.h>

struct CronosReadEngine {
    int fd;
    const CronosZipIndex *index;
    guint64 id; /* as owner of what is kept for it */
    guint64 limit;
};

CronosReadEngine *cronos_read_engine_new(int fd, const CronosZipIndex *index)
{
    CronosReadEngine *engine = g_new0(CronosReadEngine, 1);

    engine->fd = fd;
    engine->index = index;
    engine->id = cronos_read_cache_new_owner();
    engine->limit = cronos_zip_index_directory_offset(index);
    return engine;
}

void cronos_read_engine_free(CronosReadEngine *engine)
{
    if (engine == NULL)
        return;
    cronos_read_members_drop(engine->id);
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

static gssize read_stored(CronosReadEngine *engine, guint32 entry, const CronosZipExtent *extent,
                          guint64 offset, void *buffer, gsize size, GError **error)
{
    CronosReadMember *member =
        cronos_read_member_get(engine->id, entry, engine->fd, extent, engine->limit, error);

    if (member == NULL)
        return -1;
    gboolean ok = cronos_read_member_read_stored(member, offset, buffer, size, error);
    cronos_read_member_release(member);
    return ok ? (gssize)size : -1;
}

/* Copies what the pieces of @member hold of [@offset, @offset + @size).
 * Returns: bytes copied, fewer where only streams will do; -1 with @error. */
static gssize copy_pieces(CronosReadMember *member, guint64 offset, guint8 *buffer, gsize size,
                          GError **error)
{
    gboolean in_order = cronos_read_member_note(member, offset, size);
    CronosReadPiece piece;
    GError *failure = NULL;
    gsize done = 0;

    while (done < size && cronos_read_member_piece(member, offset + done, &piece, &failure)) {
        gsize skip = (gsize)(offset + done - piece.offset), n = MIN(size - done, piece.size - skip);

        memcpy(buffer + done, piece.bytes + skip, n);
        if (in_order)
            cronos_read_cache_deliver(piece.block, n, piece.size);
        cronos_read_cache_release(piece.block);
        done += n;
    }
    if (failure == NULL)
        return (gssize)done;
    g_propagate_error(error, failure);
    return -1;
}

static gssize read_large(CronosReadEngine *engine, guint32 entry, const CronosZipExtent *extent,
                         guint64 offset, guint8 *buffer, gsize size, GError **error)
{
    CronosReadMember *member =
        cronos_read_member_get(engine->id, entry, engine->fd, extent, engine->limit, error);

    if (member == NULL)
        return -1;
    gssize done = copy_pieces(member, offset, buffer, size, error);
    if (done >= 0 && offset + (guint64)done == extent->size_bytes &&
        !cronos_read_member_check(member, error))
        done = -1;
    cronos_read_member_release(member);
    if (done < 0 || (gsize)done == size)
        return done;
    gsize left = size - (gsize)done;
    return cronos_read_streams_read(engine->id, engine->fd, entry, extent, engine->limit,
                                    offset + (guint64)done, buffer + done, left, error) < 0
               ? -1
               : (gssize)size;
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
        return read_stored(engine, entry, &extent, offset, buffer, size, error);
    return read_large(engine, entry, &extent, offset, buffer, size, error);
}

/* Three eighths for what is decoded, one for buffers that wait to be used again. */
void cronos_archive_set_cache_limit(gsize bytes)
{
    cronos_read_cache_set_limit(bytes / 8 * 3);
    cronos_read_buffers_set_limit(bytes / 8);
    cronos_read_members_set_limit(bytes / 4);
    cronos_read_streams_set_limit(bytes / 4);
}
