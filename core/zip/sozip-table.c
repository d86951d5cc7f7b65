/* SPDX-License-Identifier: MIT
 * sozip-table.c - reading SOZip indexes; memory: the index as it lies in the archive
 *
 * The index is a stored member with a local header alone, right behind the data it belongs to. What
 * stands there instead is often the next member, so anything that is not that header means that
 * there is no index; from the right name on, whatever is wrong is damage. */
#include "core/zip/sozip-table.h"
#include "core/error.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-header.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"

#include <libdeflate.h>

#define INDEX_BYTES_MAX ((guint64)64 << 20)

struct CronosSozipTable {
    guint8 *index; /* as in the archive */
    const guint8 *offsets;
    const guint8 *crcs; /* NULL: none */
    guint32 chunk_size;
    guint offset_size;
    guint64 count;
    guint64 size_bytes, stored_bytes; /* the member's */
};

static gboolean damaged(GError **error, const char *what)
{
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "seek index: %s", what);
    return FALSE;
}

void cronos_sozip_table_free(CronosSozipTable *table)
{
    if (table == NULL)
        return;
    g_free(table->index);
    g_free(table);
}

/* The local header of an index, with its name and extra fields. */
typedef struct {
    guint8 fixed[ZIP_LOCAL_SIZE];
    guint8 *tail; /* owned */
    gsize name_length, extra_length;
    guint64 data_offset;
} IndexHeader;

/* Returns: FALSE where there is no index at @offset, with @error where it can not be read. */
static gboolean read_header(int fd, guint64 offset, guint64 limit, const char *name,
                            gsize name_length, IndexHeader *header, GError **error)
{
    g_autofree char *wanted = cronos_sozip_index_name(name, name_length, &header->name_length);

    if (offset > limit || limit - offset < ZIP_LOCAL_SIZE + header->name_length)
        return FALSE;
    if (!cronos_zip_pread_exactly(fd, header->fixed, sizeof header->fixed, offset, error))
        return FALSE;
    const guint8 *fixed = header->fixed;
    header->extra_length = zip_get16(fixed + ZIP_LOCAL_EXTRA_LENGTH);
    gsize tail_length = header->name_length + header->extra_length;
    if (zip_get32(fixed) != ZIP_LOCAL_SIGNATURE ||
        zip_get16(fixed + ZIP_LOCAL_METHOD) != ZIP_METHOD_STORED ||
        zip_get16(fixed + ZIP_LOCAL_NAME_LENGTH) != header->name_length ||
        (zip_get16(fixed + ZIP_LOCAL_FLAGS) & (ZIP_FLAG_ENCRYPTED | ZIP_FLAG_DESCRIPTOR)) != 0 ||
        limit - offset < ZIP_LOCAL_SIZE + tail_length)
        return FALSE;
    header->tail = g_malloc(tail_length);
    header->data_offset = offset + ZIP_LOCAL_SIZE + tail_length;
    return cronos_zip_pread_exactly(fd, header->tail, tail_length, offset + ZIP_LOCAL_SIZE,
                                    error) &&
           memcmp(header->tail, wanted, header->name_length) == 0;
}

static gboolean read_size(const IndexHeader *header, guint64 *out_size, GError **error)
{
    guint64 stored = zip_get32(header->fixed + ZIP_LOCAL_STORED_BYTES);
    gsize length = 0;

    *out_size = zip_get32(header->fixed + ZIP_LOCAL_SIZE_BYTES);
    if (*out_size == G_MAXUINT32 && stored == G_MAXUINT32) {
        const guint8 *wide = cronos_zip_extra_find(header->tail + header->name_length,
                                                   header->extra_length, ZIP_EXTRA_ZIP64, &length);

        if (wide == NULL || length < 16)
            return damaged(error, "its size is missing");
        *out_size = zip_get64(wide);
        stored = zip_get64(wide + 8);
    }
    return *out_size == stored || damaged(error, "its sizes differ");
}

/* Reads the index's bytes and holds them against their CRC. */
static gboolean read_index(int fd, const IndexHeader *header, guint64 limit,
                           CronosSozipTable *table, gsize *out_size, GError **error)
{
    guint64 size;

    if (!read_size(header, &size, error))
        return FALSE;
    if (size < SOZIP_HEADER_SIZE || size > limit - header->data_offset)
        return damaged(error, "its size is wrong");
    if (size > INDEX_BYTES_MAX) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                    "seek index: larger than %" G_GUINT64_FORMAT " bytes", INDEX_BYTES_MAX);
        return FALSE;
    }
    *out_size = (gsize)size;
    table->index = g_malloc(*out_size);
    if (!cronos_zip_pread_exactly(fd, table->index, *out_size, header->data_offset, error))
        return FALSE;
    return libdeflate_crc32(0, table->index, *out_size) ==
               zip_get32(header->fixed + ZIP_LOCAL_CRC32) ||
           damaged(error, "checksum mismatch");
}

static guint64 offset_at(const CronosSozipTable *table, guint64 number)
{
    if (number == 0)
        return 0;
    const guint8 *at = table->offsets + (gsize)(number - 1) * table->offset_size;
    return table->offset_size == 4 ? zip_get32(at) : zip_get64(at);
}

static gboolean check_offsets(const CronosSozipTable *table, GError **error)
{
    guint64 before = 0;

    for (guint64 i = 1; i < table->count; i++) {
        guint64 offset = offset_at(table, i);

        if (offset <= before || offset >= table->stored_bytes)
            return damaged(error, "its offsets do not ascend within the member");
        before = offset;
    }
    return TRUE;
}

static gboolean parse(CronosSozipTable *table, gsize size, const CronosZipExtent *extent,
                      GError **error)
{
    const guint8 *index = table->index;
    gsize skip_bytes = zip_get32(index + SOZIP_SKIP_BYTES);

    table->chunk_size = zip_get32(index + SOZIP_CHUNK_SIZE);
    table->offset_size = zip_get32(index + SOZIP_OFFSET_SIZE);
    table->size_bytes = zip_get64(index + SOZIP_UNCOMPRESS_SIZE);
    table->stored_bytes = zip_get64(index + SOZIP_COMPRESS_SIZE);
    if (zip_get32(index + SOZIP_VERSION) != 1 || table->chunk_size == 0 ||
        (table->offset_size != 4 && table->offset_size != 8))
        return damaged(error, "its header is not understood");
    if (table->size_bytes != extent->size_bytes || table->stored_bytes != extent->stored_bytes ||
        table->size_bytes <= table->chunk_size)
        return damaged(error, "it belongs to a member of another size");
    table->count = cronos_sozip_chunk_count(table->size_bytes, table->chunk_size);
    if (skip_bytes > size - SOZIP_HEADER_SIZE ||
        (size - SOZIP_HEADER_SIZE - skip_bytes) % table->offset_size != 0 ||
        (size - SOZIP_HEADER_SIZE - skip_bytes) / table->offset_size != table->count - 1)
        return damaged(error, "it has another number of chunks than the member");
    table->offsets = index + SOZIP_HEADER_SIZE + skip_bytes;
    if (skip_bytes >= SOZIP_CRC_MAGIC_BYTES + 4 * table->count &&
        zip_get32(index + SOZIP_HEADER_SIZE) == SOZIP_CRC_MAGIC)
        table->crcs = index + SOZIP_HEADER_SIZE + SOZIP_CRC_MAGIC_BYTES;
    return check_offsets(table, error);
}

CronosSozipTable *cronos_sozip_table_load(int fd, const CronosZipExtent *extent, guint64 limit,
                                          const char *name, gsize name_length, GError **error)
{
    g_autoptr(CronosSozipTable) table = g_new0(CronosSozipTable, 1);
    IndexHeader header = {.tail = NULL};
    guint64 data_offset;
    gsize size = 0;

    if (extent->method != ZIP_METHOD_DEFLATED)
        return NULL;
    if (!cronos_zip_locate(fd, extent, limit, &data_offset, error))
        return NULL;
    gboolean ok = read_header(fd, data_offset + extent->stored_bytes, limit, name, name_length,
                              &header, error) &&
                  read_index(fd, &header, limit, table, &size, error) &&
                  parse(table, size, extent, error);
    g_free(header.tail);
    return ok ? g_steal_pointer(&table) : NULL;
}

guint32 cronos_sozip_table_chunk_size(const CronosSozipTable *table)
{
    return table->chunk_size;
}

guint64 cronos_sozip_table_count(const CronosSozipTable *table)
{
    return table->count;
}

gboolean cronos_sozip_table_has_crcs(const CronosSozipTable *table)
{
    return table->crcs != NULL;
}

void cronos_sozip_table_chunk(const CronosSozipTable *table, guint64 number,
                              CronosSozipChunk *out_chunk)
{
    gboolean final = number + 1 == table->count;
    guint64 start = offset_at(table, number);
    guint64 end = final ? table->stored_bytes : offset_at(table, number + 1);

    *out_chunk = (CronosSozipChunk){
        .stored_offset = start,
        .stored_bytes = end - start,
        .size_bytes =
            (guint32)MIN(table->size_bytes - number * table->chunk_size, table->chunk_size),
        .crc32 = table->crcs == NULL ? 0 : zip_get32(table->crcs + 4 * (gsize)number),
        .final = final,
    };
}

gboolean cronos_sozip_decode_chunk(struct libdeflate_decompressor *decompressor,
                                   const CronosSozipChunk *chunk, guint8 *stored, void *out,
                                   GError **error)
{
    /* A final block with nothing in it: the end that libdeflate wants to see. */
    static const guint8 end[CRONOS_SOZIP_TAIL_BYTES] = {0x03, 0x00};
    guint8 kept[CRONOS_SOZIP_TAIL_BYTES];
    gsize stored_bytes = (gsize)chunk->stored_bytes, consumed = 0;
    gsize length = stored_bytes + (chunk->final ? 0 : sizeof end);

    memcpy(kept, stored + stored_bytes, sizeof kept);
    if (!chunk->final)
        memcpy(stored + stored_bytes, end, sizeof end);
    enum libdeflate_result result = libdeflate_deflate_decompress_ex(
        decompressor, stored, length, out, chunk->size_bytes, &consumed, NULL);
    memcpy(stored + stored_bytes, kept, sizeof kept);
    if (result == LIBDEFLATE_SUCCESS && consumed == length)
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                        "the compressed bytes are damaged");
    return FALSE;
}
