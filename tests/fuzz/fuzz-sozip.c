/* SPDX-License-Identifier: MIT
 * fuzz-sozip.c - the input is a SOZip index and the stored bytes it speaks of
 *
 * Input: u16 length of the index, the index, the member's stored bytes. Local headers with the
 * right checksum and the sizes that the index claims are put around them, so that what is parsed is
 * the index itself. */
#include "tests/fuzz/fuzz.h"

#include "core/zip/sozip-table.h"
#include "core/zip/zip-format.h"

#include <libdeflate.h>

#define NAME "m"
#define INDEX_NAME ".m.sozip.idx"
#define DECODED_MAX (1u << 20)

static void append_local(GByteArray *file, const char *name, guint16 method, guint32 crc32,
                         guint64 size_bytes, const void *stored, gsize stored_bytes)
{
    guint8 header[ZIP_LOCAL_SIZE] = {0};
    guint8 wide[20];
    gboolean zip64 = size_bytes >= G_MAXUINT32;

    zip_put32(header, ZIP_LOCAL_SIGNATURE);
    zip_put16(header + ZIP_LOCAL_METHOD, method);
    zip_put32(header + ZIP_LOCAL_CRC32, crc32);
    zip_put32(header + ZIP_LOCAL_STORED_BYTES, zip64 ? G_MAXUINT32 : (guint32)stored_bytes);
    zip_put32(header + ZIP_LOCAL_SIZE_BYTES, zip64 ? G_MAXUINT32 : (guint32)size_bytes);
    zip_put16(header + ZIP_LOCAL_NAME_LENGTH, (guint16)strlen(name));
    zip_put16(header + ZIP_LOCAL_EXTRA_LENGTH, zip64 ? sizeof wide : 0);
    g_byte_array_append(file, header, sizeof header);
    g_byte_array_append(file, (const guint8 *)name, (guint)strlen(name));
    zip_put16(wide, ZIP_EXTRA_ZIP64);
    zip_put16(wide + 2, 16);
    zip_put64(wide + 4, size_bytes);
    zip_put64(wide + 12, stored_bytes);
    if (zip64)
        g_byte_array_append(file, wide, sizeof wide);
    g_byte_array_append(file, stored, (guint)stored_bytes);
}

/* The chunks cover the member without gaps, and those that decode are as long as they say. */
static void check_table(int fd, const CronosSozipTable *table, guint64 data_offset,
                        const CronosZipExtent *extent)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    guint64 size_bytes = 0, stored_bytes = 0, count = cronos_sozip_table_count(table);

    g_assert_cmpuint(count, >, 1);
    for (guint64 i = 0; i < count; i++) {
        CronosSozipChunk chunk;

        cronos_sozip_table_chunk(table, i, &chunk);
        g_assert_cmpuint(chunk.stored_offset, ==, stored_bytes);
        g_assert_cmpuint(chunk.size_bytes, <=, cronos_sozip_table_chunk_size(table));
        g_assert_true(chunk.stored_bytes > 0 && chunk.size_bytes > 0);
        g_assert_true(chunk.final == (i + 1 == count));
        stored_bytes += chunk.stored_bytes;
        size_bytes += chunk.size_bytes;
        if (chunk.size_bytes > DECODED_MAX || i > 256)
            continue;
        g_autofree guint8 *out = g_malloc(chunk.size_bytes);
        g_autofree guint8 *stored = g_malloc(chunk.stored_bytes + CRONOS_SOZIP_TAIL_BYTES);
        g_assert_true(
            pread(fd, stored, chunk.stored_bytes, (off_t)(data_offset + chunk.stored_offset)) ==
            (gssize)chunk.stored_bytes);
        cronos_sozip_decode_chunk(decompressor, &chunk, stored, out, NULL);
    }
    g_assert_cmpuint(stored_bytes, ==, extent->stored_bytes);
    g_assert_cmpuint(size_bytes, ==, extent->size_bytes);
    libdeflate_free_decompressor(decompressor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    CronosZipExtent extent = {.method = ZIP_METHOD_DEFLATED};

    if (size < 2)
        return 0;
    gsize index_bytes = MIN(zip_get16(data), size - 2);
    const guint8 *index = data + 2, *stored = index + index_bytes;
    extent.stored_bytes = size - 2 - index_bytes;
    extent.size_bytes =
        index_bytes < SOZIP_HEADER_SIZE ? 1 : zip_get64(index + SOZIP_UNCOMPRESS_SIZE);
    append_local(file, NAME, ZIP_METHOD_DEFLATED, 0, extent.size_bytes, stored,
                 (gsize)extent.stored_bytes);
    guint64 data_offset = file->len - extent.stored_bytes;
    append_local(file, INDEX_NAME, ZIP_METHOD_STORED, libdeflate_crc32(0, index, index_bytes),
                 index_bytes, index, index_bytes);

    int fd = fuzz_file(file->data, file->len);
    g_autoptr(CronosSozipTable) table =
        cronos_sozip_table_load(fd, &extent, file->len, NAME, strlen(NAME), &error);
    g_assert_true(table == NULL || error == NULL);
    if (table != NULL)
        check_table(fd, table, data_offset, &extent);
    close(fd);
    return 0;
}
