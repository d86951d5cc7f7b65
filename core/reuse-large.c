/* SPDX-License-Identifier: MIT
 * reuse-large.c - taking large members over by chunks, in any order and by any thread */
#include "core/error.h"
#include "core/reuse-private.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"

#include <string.h>

/* What a chunk of our own making can not exceed: stored blocks, and the flushes behind them. */
#define STORED_BLOCK_BYTES 65535u
#define STORED_BLOCK_OVERHEAD 5u
#define FLUSH_BYTES_MAX 16u

void cronos_reuse_large_free(CronosReuseLarge *large)
{
    if (large == NULL)
        return;
    cronos_sozip_table_free(large->table);
    g_free(large);
}

static gboolean is_of_our_making(const CronosReuseLarge *large)
{
    const CronosSozipTable *table = large->table;

    if (large->extent.method == ZIP_METHOD_STORED)
        return TRUE;
    if (table == NULL || !cronos_sozip_table_has_crcs(table) ||
        cronos_sozip_table_chunk_size(table) != large->chunk_size)
        return FALSE;
    for (guint64 i = 0; i < large->chunk_count; i++) {
        CronosSozipChunk chunk;

        cronos_sozip_table_chunk(table, i, &chunk);
        guint64 blocks = chunk.size_bytes / STORED_BLOCK_BYTES + 1;
        if (chunk.stored_bytes >
            chunk.size_bytes + STORED_BLOCK_OVERHEAD * blocks + FLUSH_BYTES_MAX)
            return FALSE;
    }
    return TRUE;
}

CronosReuseLarge *cronos_reuse_large_open(const CronosReuse *reuse, const char *path,
                                          gsize path_length, const CronosZipExtent *extent,
                                          GError **error)
{
    g_autoptr(CronosReuseLarge) large = g_new0(CronosReuseLarge, 1);
    GError *failure = NULL;

    large->reuse = reuse;
    large->extent = *extent;
    large->chunk_size = cronos_sozip_chunk_size(extent->size_bytes);
    large->chunk_count = cronos_sozip_chunk_count(extent->size_bytes, large->chunk_size);
    if (!cronos_zip_locate(reuse->fd, extent, reuse->limit, &large->data_offset, error))
        return NULL;
    large->table =
        cronos_sozip_table_load(reuse->fd, extent, reuse->limit, path, path_length, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return NULL;
    }
    return is_of_our_making(large) ? g_steal_pointer(&large) : NULL;
}

/* A stored member's chunks are as long as they are decoded. */
static void describe_chunk(const CronosReuseLarge *large, guint64 number, CronosSozipChunk *chunk)
{
    guint64 start = number * large->chunk_size;

    if (large->table != NULL) {
        cronos_sozip_table_chunk(large->table, number, chunk);
        return;
    }
    guint32 size = (guint32)MIN(large->extent.size_bytes - start, large->chunk_size);
    *chunk = (CronosSozipChunk){.stored_offset = start, .stored_bytes = size, .size_bytes = size};
}

static gboolean check_chunk(CronosReuseReader *reader, const CronosReuseLarge *large,
                            CronosSozipChunk *chunk, guint8 *stored, GError **error)
{
    if (large->table == NULL) {
        chunk->crc32 = libdeflate_crc32(0, stored, chunk->size_bytes);
        return TRUE;
    }
    guint8 *decoded = cronos_reuse_reader_room(reader, chunk->size_bytes, error);
    if (decoded == NULL ||
        !cronos_sozip_decode_chunk(reader->decompressor, chunk, stored, decoded, error))
        return FALSE;
    if (libdeflate_crc32(0, decoded, chunk->size_bytes) == chunk->crc32)
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "checksum mismatch");
    return FALSE;
}

static gboolean check_all(CronosReuseReader *reader, const CronosReuseLarge *large, guint64 first,
                          guint64 end, guint8 *stored, GArray *chunks, GError **error)
{
    guint8 *at = stored;

    for (guint64 i = first; i < end; i++) {
        CronosSozipChunk chunk;

        describe_chunk(large, i, &chunk);
        if (!check_chunk(reader, large, &chunk, at, error))
            return FALSE;
        g_array_append_val(chunks, chunk);
        at += chunk.stored_bytes;
    }
    return TRUE;
}

gboolean cronos_reuse_take_chunks(CronosReuseReader *reader, const CronosReuseLarge *large,
                                  guint64 first, guint64 end, GByteArray *out, GArray *chunks,
                                  GError **error)
{
    guint old_length = out->len, old_count = chunks->len;
    CronosSozipChunk first_chunk, last_chunk;

    g_return_val_if_fail(first < end && end <= large->chunk_count, FALSE);
    describe_chunk(large, first, &first_chunk);
    describe_chunk(large, end - 1, &last_chunk);
    gsize bytes =
        (gsize)(last_chunk.stored_offset + last_chunk.stored_bytes - first_chunk.stored_offset);
    g_byte_array_set_size(out, old_length + (guint)bytes + CRONOS_SOZIP_TAIL_BYTES);
    guint8 *stored = out->data + old_length;
    gboolean ok = cronos_zip_pread_exactly(large->reuse->fd, stored, bytes,
                                           large->data_offset + first_chunk.stored_offset, error) &&
                  check_all(reader, large, first, end, stored, chunks, error);
    g_byte_array_set_size(out, ok ? old_length + (guint)bytes : old_length);
    if (!ok)
        g_array_set_size(chunks, old_count);
    return ok;
}
