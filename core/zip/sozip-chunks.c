/* SPDX-License-Identifier: MIT
 * sozip-chunks.c - decoding and checking the chunks of a member */
#include "core/zip/sozip-chunks.h"
#include "core/error.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"

#include <libdeflate.h>
#include <zlib.h>

struct CronosSozipChunks {
    int fd;
    CronosSozipTable *table;
    guint64 data_offset;
    guint32 crc32; /* of the member */
};

struct CronosSozipDecoder {
    struct libdeflate_decompressor *decompressor;
    guint8 *stored, *decoded;
    gsize stored_room, decoded_room;
};

static gboolean damaged(GError **error, const char *what)
{
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "seek index: %s", what);
    return FALSE;
}

/* The name as the local header has it: the index's name is made of it. */
static char *read_name(int fd, const CronosZipExtent *extent, gsize *out_length, GError **error)
{
    guint8 head[ZIP_LOCAL_SIZE];

    if (!cronos_zip_pread_exactly(fd, head, sizeof head, extent->header_offset, error))
        return NULL;
    *out_length = zip_get16(head + ZIP_LOCAL_NAME_LENGTH);
    g_autofree char *name = g_malloc(*out_length + 1);
    if (!cronos_zip_pread_exactly(fd, name, *out_length, extent->header_offset + sizeof head,
                                  error))
        return NULL;
    return g_steal_pointer(&name);
}

CronosSozipChunks *cronos_sozip_chunks_open(int fd, const CronosZipExtent *extent, guint64 limit,
                                            GError **error)
{
    g_autoptr(CronosSozipChunks) chunks = g_new0(CronosSozipChunks, 1);
    g_autoptr(GError) failure = NULL;
    gsize length;

    if (extent->method != ZIP_METHOD_DEFLATED || (extent->flags & ZIP_FLAG_ENCRYPTED) != 0 ||
        !cronos_zip_locate(fd, extent, limit, &chunks->data_offset, error))
        return NULL;
    g_autofree char *name = read_name(fd, extent, &length, error);
    if (name == NULL)
        return NULL;
    chunks->table = cronos_sozip_table_load(fd, extent, limit, name, length, &failure);
    if (failure != NULL && !g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED))
        g_propagate_error(error, g_steal_pointer(&failure));
    if (chunks->table == NULL)
        return NULL;
    guint32 chunk_size = cronos_sozip_table_chunk_size(chunks->table);
    if (chunk_size < CRONOS_SOZIP_CHUNK_LEAST || chunk_size > CRONOS_SOZIP_CHUNK_MOST)
        return NULL;
    chunks->fd = fd;
    chunks->crc32 = extent->crc32;
    return g_steal_pointer(&chunks);
}

void cronos_sozip_chunks_free(CronosSozipChunks *chunks)
{
    if (chunks == NULL)
        return;
    cronos_sozip_table_free(chunks->table);
    g_free(chunks);
}

guint64 cronos_sozip_chunks_count(const CronosSozipChunks *chunks)
{
    return cronos_sozip_table_count(chunks->table);
}

CronosSozipDecoder *cronos_sozip_decoder_new(void)
{
    return g_new0(CronosSozipDecoder, 1);
}

void cronos_sozip_decoder_free(CronosSozipDecoder *decoder)
{
    if (decoder == NULL)
        return;
    libdeflate_free_decompressor(decoder->decompressor);
    g_free(decoder->stored);
    g_free(decoder->decoded);
    g_free(decoder);
}

static gboolean make_room(guint8 **buffer, gsize *room, gsize wanted)
{
    if (*room >= wanted)
        return TRUE;
    g_free(*buffer);
    *buffer = g_try_malloc(wanted);
    *room = *buffer == NULL ? 0 : wanted;
    return *buffer != NULL;
}

static gboolean prepare(CronosSozipDecoder *decoder, const CronosSozipChunk *chunk, GError **error)
{
    if (decoder->decompressor == NULL)
        decoder->decompressor = libdeflate_alloc_decompressor();
    if (decoder->decompressor != NULL &&
        make_room(&decoder->stored, &decoder->stored_room,
                  (gsize)chunk->stored_bytes + CRONOS_SOZIP_TAIL_BYTES) &&
        make_room(&decoder->decoded, &decoder->decoded_room, chunk->size_bytes))
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                        "not enough memory to decode a chunk");
    return FALSE;
}

gboolean cronos_sozip_chunks_decode(const CronosSozipChunks *chunks, CronosSozipDecoder *decoder,
                                    guint64 number, CronosSozipPiece *out_piece, GError **error)
{
    CronosSozipChunk chunk;

    cronos_sozip_table_chunk(chunks->table, number, &chunk);
    /* No encoder makes a chunk grow like that; offsets that lie do. */
    if (chunk.stored_bytes > 2 * (guint64)chunk.size_bytes + 65536)
        return damaged(error, "a chunk is larger than what it decodes to");
    if (!prepare(decoder, &chunk, error) ||
        !cronos_zip_pread_exactly(chunks->fd, decoder->stored, (gsize)chunk.stored_bytes,
                                  chunks->data_offset + chunk.stored_offset, error))
        return FALSE;
    if (!cronos_sozip_decode_chunk(decoder->decompressor, &chunk, decoder->stored, decoder->decoded,
                                   NULL))
        return damaged(error, "a chunk does not decode alone");
    *out_piece = (CronosSozipPiece){
        .bytes = decoder->decoded,
        .length = chunk.size_bytes,
        .offset = number * cronos_sozip_table_chunk_size(chunks->table),
        .crc32 = libdeflate_crc32(0, decoder->decoded, chunk.size_bytes),
    };
    return !cronos_sozip_table_has_crcs(chunks->table) || out_piece->crc32 == chunk.crc32 ||
           damaged(error, "checksum mismatch of a chunk");
}

gboolean cronos_sozip_chunks_check(const CronosSozipChunks *chunks, const guint32 *crcs,
                                   GError **error)
{
    guint64 count = cronos_sozip_table_count(chunks->table);
    uLong step = crc32_combine_gen(cronos_sozip_table_chunk_size(chunks->table));
    uLong crc = crcs[0];
    CronosSozipChunk last;

    for (guint64 i = 1; i + 1 < count; i++)
        crc = crc32_combine_op(crc, crcs[i], step);
    cronos_sozip_table_chunk(chunks->table, count - 1, &last);
    if (count > 1)
        crc = crc32_combine(crc, crcs[count - 1], last.size_bytes);
    return crc == chunks->crc32 || damaged(error, "its chunks are not the member");
}
