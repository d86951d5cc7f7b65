/* SPDX-License-Identifier: MIT
 * read-chunks.c - the chunks of a large member with a SOZip index */
#include "core/read-chunks.h"

#include "core/error.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-scratch.h"

#include <libdeflate.h>
#include <zlib.h>

/* The lengths of an empty stored block, which end every flush. */
#define MARKER_BYTES 4u

struct CronosReadChunks {
    CronosZipDeflate deflate;
    CronosSozipTable *table;
};

void cronos_read_chunks_free(CronosReadChunks *chunks)
{
    if (chunks == NULL)
        return;
    cronos_sozip_table_free(chunks->table);
    g_free(chunks);
}

/* The member's name as its local header has it, which is what the index is named after.
 * Returns: (owned), or NULL. */
static char *read_name(int fd, guint64 header_offset, gsize *out_length)
{
    guint8 header[ZIP_LOCAL_SIZE];

    if (!cronos_zip_pread_exactly(fd, header, sizeof header, header_offset, NULL))
        return NULL;
    *out_length = zip_get16(header + ZIP_LOCAL_NAME_LENGTH);
    g_autofree char *name = g_malloc(*out_length + 1);
    if (!cronos_zip_pread_exactly(fd, name, *out_length, header_offset + sizeof header, NULL))
        return NULL;
    return g_steal_pointer(&name);
}

/* The CRCs of all chunks, combined, are the member's. */
static gboolean crcs_add_up(const CronosSozipTable *table, guint32 expected)
{
    uLong step = crc32_combine_gen(cronos_sozip_table_chunk_size(table)), crc = 0;
    guint64 count = cronos_sozip_table_count(table);
    CronosSozipChunk chunk;

    if (!cronos_sozip_table_has_crcs(table))
        return TRUE;
    for (guint64 i = 0; i < count; i++) {
        cronos_sozip_table_chunk(table, i, &chunk);
        crc = chunk.final ? crc32_combine(crc, chunk.crc32, chunk.size_bytes)
                          : crc32_combine_op(crc, chunk.crc32, step);
    }
    return crc == expected;
}

static gboolean is_usable(const CronosSozipTable *table, guint32 crc32)
{
    guint32 chunk_size = cronos_sozip_table_chunk_size(table);

    return chunk_size >= CRONOS_READ_CHUNK_LEAST && chunk_size <= CRONOS_READ_CHUNK_MOST &&
           crcs_add_up(table, crc32);
}

CronosReadChunks *cronos_read_chunks_new(const CronosZipDeflate *deflate,
                                         const CronosZipExtent *extent, guint64 limit)
{
    gsize length;
    g_autofree char *name = read_name(deflate->fd, extent->header_offset, &length);
    g_autoptr(CronosSozipTable) table =
        name == NULL ? NULL
                     : cronos_sozip_table_load(deflate->fd, extent, limit, name, length, NULL);

    if (table == NULL || !is_usable(table, extent->crc32))
        return NULL;
    CronosReadChunks *chunks = g_new0(CronosReadChunks, 1);
    chunks->deflate = *deflate;
    chunks->table = g_steal_pointer(&table);
    return chunks;
}

guint32 cronos_read_chunks_size(const CronosReadChunks *chunks)
{
    return cronos_sozip_table_chunk_size(chunks->table);
}

gboolean cronos_read_chunks_have_crcs(const CronosReadChunks *chunks)
{
    return cronos_sozip_table_has_crcs(chunks->table);
}

gsize cronos_read_chunks_memory(const CronosReadChunks *chunks)
{
    gsize each =
        sizeof(guint64) + (cronos_sozip_table_has_crcs(chunks->table) ? sizeof(guint32) : 0);

    return sizeof *chunks + (gsize)cronos_sozip_table_count(chunks->table) * each;
}

gsize cronos_read_chunks_describe(const CronosReadChunks *chunks, guint64 number,
                                  guint64 *out_stored)
{
    CronosSozipChunk chunk;

    cronos_sozip_table_chunk(chunks->table, number, &chunk);
    *out_stored = chunk.stored_bytes;
    return chunk.size_bytes;
}

static gboolean is_flushed(const guint8 *end)
{
    static const guint8 marker[MARKER_BYTES] = {0, 0, 0xff, 0xff};

    return memcmp(end - MARKER_BYTES, marker, MARKER_BYTES) == 0;
}

/* @stored: the chunk's bytes, and those of a marker before where it is not the first. */
static gboolean is_believed(const CronosSozipChunk *chunk, const guint8 *stored)
{
    return (chunk->stored_offset == 0 || is_flushed(stored)) &&
           (chunk->final ||
            (chunk->stored_bytes >= MARKER_BYTES && is_flushed(stored + chunk->stored_bytes)));
}

gboolean cronos_read_chunks_check(const CronosReadChunks *chunks, guint64 number,
                                  const guint8 *bytes, GError **error)
{
    CronosSozipChunk chunk;

    cronos_sozip_table_chunk(chunks->table, number, &chunk);
    if (!cronos_sozip_table_has_crcs(chunks->table) ||
        libdeflate_crc32(0, bytes, chunk.size_bytes) == chunk.crc32)
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "checksum mismatch");
    return FALSE;
}

/* Returns: (borrowed) the chunk's stored bytes, behind those of a marker; NULL as
 * cronos_read_chunks_decode. */
static guint8 *load(const CronosReadChunks *chunks, const CronosSozipChunk *chunk, GError **error)
{
    gsize before = chunk->stored_offset == 0 ? 0 : MARKER_BYTES;

    /* More stored bytes than any sane encoder leaves are not brought into memory at once. */
    if (chunk->stored_offset < before ||
        chunk->stored_bytes > chunk->size_bytes + chunk->size_bytes / 8 + 4096)
        return NULL;
    gsize stored = (gsize)chunk->stored_bytes;
    guint8 *buffer =
        cronos_zip_scratch_buffer(MARKER_BYTES + stored + CRONOS_SOZIP_TAIL_BYTES, error);
    if (buffer == NULL || !cronos_zip_pread_exactly(
                              chunks->deflate.fd, buffer + MARKER_BYTES - before, before + stored,
                              chunks->deflate.offset + chunk->stored_offset - before, error))
        return NULL;
    return is_believed(chunk, buffer + MARKER_BYTES) ? buffer + MARKER_BYTES : NULL;
}

gboolean cronos_read_chunks_decode(const CronosReadChunks *chunks, guint64 number, guint8 *out,
                                   GError **error)
{
    struct libdeflate_decompressor *decompressor = cronos_zip_scratch_decompressor(error);
    CronosSozipChunk chunk;

    if (decompressor == NULL)
        return FALSE;
    cronos_sozip_table_chunk(chunks->table, number, &chunk);
    guint8 *stored = load(chunks, &chunk, error);
    gboolean ok = stored != NULL &&
                  cronos_sozip_decode_chunk(decompressor, &chunk, stored, out, error) &&
                  cronos_read_chunks_check(chunks, number, out, error);
    cronos_zip_scratch_trim();
    return ok;
}
