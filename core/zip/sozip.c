/* SPDX-License-Identifier: MIT
 * sozip.c - writing SOZip indexes; 8 bytes of memory a chunk until the member ends */
#include "core/zip/sozip.h"
#include "core/zip/zip-format.h"

#define CHUNK_SIZE_LEAST (256u * 1024)
#define CHUNK_SIZE_MOST (64u * 1024 * 1024)
#define CHUNKS_WISHED_MOST 262144u

typedef struct {
    guint32 stored_bytes;
    guint32 crc32;
} Chunk;

struct CronosSozipBuilder {
    guint32 chunk_size;
    GArray *chunks; /* of Chunk */
    guint64 stored_bytes;
};

/* Measured with libdeflate 7 on source code: 64 KiB chunks cost 6.5 % of size, 256 KiB 1.8 %, 1 MiB
 * 0.7 %; decoding 256 KiB takes a quarter of a millisecond, which a random read then waits. */
guint32 cronos_sozip_chunk_size(guint64 size_bytes)
{
    guint32 chunk_size = CHUNK_SIZE_LEAST;

    while (size_bytes / chunk_size > CHUNKS_WISHED_MOST && chunk_size < CHUNK_SIZE_MOST)
        chunk_size *= 2;
    return chunk_size;
}

guint64 cronos_sozip_chunk_count(guint64 size_bytes, guint32 chunk_size)
{
    return size_bytes == 0 ? 0 : (size_bytes - 1) / chunk_size + 1;
}

char *cronos_sozip_index_name(const char *name, gsize length, gsize *out_length)
{
    gsize base = length;

    while (base > 0 && name[base - 1] != '/')
        base--;
    GString *index_name = g_string_new_len(name, (gssize)base);
    g_string_append(index_name, SOZIP_NAME_PREFIX);
    g_string_append_len(index_name, name + base, (gssize)(length - base));
    g_string_append(index_name, SOZIP_NAME_SUFFIX);
    *out_length = index_name->len;
    return g_string_free(index_name, FALSE);
}

CronosSozipBuilder *cronos_sozip_builder_new(guint32 chunk_size)
{
    CronosSozipBuilder *builder = g_new0(CronosSozipBuilder, 1);

    builder->chunk_size = chunk_size;
    builder->chunks = g_array_new(FALSE, FALSE, sizeof(Chunk));
    return builder;
}

void cronos_sozip_builder_free(CronosSozipBuilder *builder)
{
    if (builder == NULL)
        return;
    g_array_unref(builder->chunks);
    g_free(builder);
}

void cronos_sozip_builder_add(CronosSozipBuilder *builder, gsize stored_bytes, guint32 crc32)
{
    Chunk chunk = {(guint32)stored_bytes, crc32};

    g_array_append_val(builder->chunks, chunk);
    builder->stored_bytes += stored_bytes;
}

guint8 *cronos_sozip_builder_finish(CronosSozipBuilder *builder, guint64 size_bytes,
                                    gsize *out_size)
{
    guint count = builder->chunks->len;
    guint offset_size = builder->stored_bytes > G_MAXUINT32 ? 8 : 4;

    if (count < 2 || count > G_MAXINT32 / 16 ||
        count != cronos_sozip_chunk_count(size_bytes, builder->chunk_size))
        return NULL;
    guint32 skip_bytes = SOZIP_CRC_MAGIC_BYTES + 4 * count;
    *out_size = SOZIP_HEADER_SIZE + skip_bytes + (gsize)offset_size * (count - 1);
    guint8 *index = g_malloc(*out_size);
    guint8 *crc_at = index + SOZIP_HEADER_SIZE + SOZIP_CRC_MAGIC_BYTES;
    guint8 *offset_at = index + SOZIP_HEADER_SIZE + skip_bytes;

    zip_put32(index + SOZIP_VERSION, 1);
    zip_put32(index + SOZIP_SKIP_BYTES, skip_bytes);
    zip_put32(index + SOZIP_CHUNK_SIZE, builder->chunk_size);
    zip_put32(index + SOZIP_OFFSET_SIZE, offset_size);
    zip_put64(index + SOZIP_UNCOMPRESS_SIZE, size_bytes);
    zip_put64(index + SOZIP_COMPRESS_SIZE, builder->stored_bytes);
    zip_put32(index + SOZIP_HEADER_SIZE, SOZIP_CRC_MAGIC);
    guint64 offset = 0;
    for (guint i = 0; i < count; i++) {
        const Chunk *chunk = &g_array_index(builder->chunks, Chunk, i);

        zip_put32(crc_at + 4 * (gsize)i, chunk->crc32);
        if (i > 0 && offset_size == 4)
            zip_put32(offset_at + 4 * (gsize)(i - 1), (guint32)offset);
        else if (i > 0)
            zip_put64(offset_at + 8 * (gsize)(i - 1), offset);
        offset += chunk->stored_bytes;
    }
    return index;
}
