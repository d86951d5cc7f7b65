/* SPDX-License-Identifier: MIT
 * read-window.c - windows, compressed with least effort */
#include "core/read-window.h"

#include "core/error.h"
#include "core/zip/zip-scratch.h"
#include "core/zip/zip-seek.h"

#include <libdeflate.h>
#include <string.h>

#define LEVEL 1

/* Compressors are large, and few threads need one at a time: the last one used is kept. */
static struct libdeflate_compressor *spare; /* atomic */

guint8 *cronos_read_window_pack(const guint8 *window, guint32 *out_bytes)
{
    guint8 packed[CRONOS_ZIP_WINDOW];
    gsize length = 0;
    struct libdeflate_compressor *compressor = __atomic_exchange_n(&spare, NULL, __ATOMIC_ACQ_REL);

    if (compressor == NULL)
        compressor = libdeflate_alloc_compressor(LEVEL);
    if (compressor != NULL)
        length = libdeflate_deflate_compress(compressor, window, CRONOS_ZIP_WINDOW, packed,
                                             sizeof packed - 1);
    libdeflate_free_compressor(__atomic_exchange_n(&spare, compressor, __ATOMIC_ACQ_REL));
    *out_bytes = length > 0 ? (guint32)length : CRONOS_ZIP_WINDOW;
    return g_memdup2(length > 0 ? packed : window, *out_bytes);
}

gboolean cronos_read_window_unpack(const guint8 *packed, guint32 bytes, guint8 *out, GError **error)
{
    struct libdeflate_decompressor *decompressor;

    if (bytes == CRONOS_ZIP_WINDOW) {
        memcpy(out, packed, bytes);
        return TRUE;
    }
    decompressor = cronos_zip_scratch_decompressor(error);
    if (decompressor == NULL)
        return FALSE;
    if (libdeflate_deflate_decompress(decompressor, packed, bytes, out, CRONOS_ZIP_WINDOW, NULL) ==
        LIBDEFLATE_SUCCESS)
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "a seek point was lost");
    return FALSE;
}
