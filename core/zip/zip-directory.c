/* SPDX-License-Identifier: MIT
 * zip-directory.c - deflated segments of central directory entries */
#include "core/zip/zip-directory.h"
#include "core/error.h"

#include <errno.h>
#include <libdeflate.h>
#include <string.h>

#define SEGMENT_BYTES (256u * 1024)
#define PACKING_LEVEL 1

typedef struct {
    guint8 *packed; /* the bytes themselves where packed_bytes == bytes */
    gsize packed_bytes;
    gsize bytes;
} Segment;

struct CronosZipDirectory {
    guint64 count;
    GByteArray *open; /* entries not packed yet */
    GArray *segments; /* of Segment */
    struct libdeflate_compressor *compressor;
};

static void segment_clear(gpointer data)
{
    Segment *segment = data;

    g_free(segment->packed);
}

CronosZipDirectory *cronos_zip_directory_new(void)
{
    CronosZipDirectory *directory = g_new0(CronosZipDirectory, 1);

    directory->open = g_byte_array_sized_new(SEGMENT_BYTES + SEGMENT_BYTES / 4);
    directory->segments = g_array_new(FALSE, FALSE, sizeof(Segment));
    g_array_set_clear_func(directory->segments, segment_clear);
    directory->compressor = libdeflate_alloc_compressor(PACKING_LEVEL);
    return directory;
}

void cronos_zip_directory_free(CronosZipDirectory *directory)
{
    if (directory == NULL)
        return;
    g_byte_array_unref(directory->open);
    g_array_unref(directory->segments);
    libdeflate_free_compressor(directory->compressor);
    g_free(directory);
}

static void pack_segment(CronosZipDirectory *directory)
{
    Segment segment = {.bytes = directory->open->len};
    guint8 *packed = g_malloc(segment.bytes);

    if (directory->compressor != NULL)
        segment.packed_bytes = libdeflate_deflate_compress(
            directory->compressor, directory->open->data, segment.bytes, packed, segment.bytes - 1);
    if (segment.packed_bytes == 0) {
        memcpy(packed, directory->open->data, segment.bytes);
        segment.packed_bytes = segment.bytes;
    }
    segment.packed = g_realloc(packed, segment.packed_bytes);
    g_array_append_val(directory->segments, segment);
    g_byte_array_set_size(directory->open, 0);
}

void cronos_zip_directory_add(CronosZipDirectory *directory, const CronosZipRecord *record)
{
    cronos_zip_record_append_central(record, directory->open);
    directory->count++;
    if (directory->open->len >= SEGMENT_BYTES)
        pack_segment(directory);
}

guint64 cronos_zip_directory_count(const CronosZipDirectory *directory)
{
    return directory->count;
}

static gboolean append(CronosZipOutput *output, const guint8 *bytes, gsize size, guint32 *io_crc32,
                       GError **error)
{
    *io_crc32 = libdeflate_crc32(*io_crc32, bytes, size);
    return cronos_zip_output_append(output, bytes, size, error);
}

static gboolean write_segment(const Segment *segment, struct libdeflate_decompressor *decompressor,
                              CronosZipOutput *output, guint32 *io_crc32, GError **error)
{
    if (segment->packed_bytes == segment->bytes)
        return append(output, segment->packed, segment->bytes, io_crc32, error);
    g_autofree guint8 *bytes = g_malloc(segment->bytes);
    if (libdeflate_deflate_decompress(decompressor, segment->packed, segment->packed_bytes, bytes,
                                      segment->bytes, NULL) != LIBDEFLATE_SUCCESS) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "the central directory did not survive in memory");
        return FALSE;
    }
    return append(output, bytes, segment->bytes, io_crc32, error);
}

gboolean cronos_zip_directory_write(CronosZipDirectory *directory, CronosZipOutput *output,
                                    guint32 *io_crc32, GError **error)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    gboolean ok = decompressor != NULL;

    if (!ok)
        cronos_error_set_system(error, ENOMEM, "can not write the central directory");
    for (guint i = 0; ok && i < directory->segments->len; i++)
        ok = write_segment(&g_array_index(directory->segments, Segment, i), decompressor, output,
                           io_crc32, error);
    if (decompressor != NULL)
        libdeflate_free_decompressor(decompressor);
    return ok && append(output, directory->open->data, directory->open->len, io_crc32, error);
}
