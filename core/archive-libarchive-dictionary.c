/* SPDX-License-Identifier: MIT
 * archive-libarchive-dictionary.c - the size of a dictionary, from the head of compressed data */
#include "core/archive-libarchive-dictionary.h"

#include "core/error.h"
#include "core/zip/zip-header.h"
#include "core/zip/zip-io.h"

#include <libdeflate.h>

/* APPNOTE 5.8.8: version, length of the properties, the properties. */
#define LZMA_HEAD_BYTES 9u
#define LZMA_DICTIONARY 5u

/* The .xz file format 1.2.0, 2.1 and 3.1: the stream's header, then the first block's. */
#define XZ_STREAM_HEADER_BYTES 12u
#define XZ_BLOCK_HEADER_MAX 1024u
#define XZ_CHECKSUM_BYTES 4u
#define XZ_FLAG_FILTERS 0x03u /* one less */
#define XZ_FLAG_STORED_BYTES 0x40u
#define XZ_FLAG_SIZE_BYTES 0x80u
#define XZ_FILTER_LZMA2 0x21u
#define XZ_DICTIONARY_MAX 40u

#define DICTIONARY_MIN 4096u /* of both formats */

/* Returns: how large a dictionary has to be for the member, or 0 with @error. */
static guint64 fitting(const CronosLibarchiveSource *source, const char *method, guint64 declared,
                       GError **error)
{
    guint64 size = MAX(MIN(declared, source->size_bytes), DICTIONARY_MIN);

    if (size <= CRONOS_LIBARCHIVE_DICTIONARY_MAX)
        return size;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                "%s with a dictionary of %" G_GUINT64_FORMAT " MiB is not supported", method,
                size >> 20);
    return 0;
}

/* The source begins with these bytes instead of as many of the file's. */
static void replace_start(CronosLibarchiveSource *source, const guint8 *bytes, gsize length)
{
    source->head = g_realloc(source->head, source->head_bytes + length);
    memcpy(source->head + source->head_bytes, bytes, length);
    source->head_bytes += length;
    source->start += length;
}

gboolean cronos_libarchive_fit_lzma(CronosLibarchiveSource *source, GError **error)
{
    guint8 head[LZMA_HEAD_BYTES];

    if (source->end - source->start < sizeof head)
        return TRUE;
    if (!cronos_zip_pread_exactly(source->fd, head, sizeof head, source->start, error))
        return FALSE;
    guint64 dictionary = fitting(source, "LZMA", zip_get32(head + LZMA_DICTIONARY), error);
    if (dictionary == 0)
        return FALSE;
    zip_put32(head + LZMA_DICTIONARY, (guint32)dictionary);
    replace_start(source, head, sizeof head);
    return TRUE;
}

/* Takes a number of seven bits a byte, the lowest ones first. Returns: FALSE where there is none.
 */
static gboolean take_number(const guint8 **at, const guint8 *end, guint64 *out_number)
{
    *out_number = 0;
    for (guint shift = 0; *at < end && shift < 63; shift += 7) {
        guint8 byte = *(*at)++;

        *out_number |= (guint64)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return TRUE;
    }
    return FALSE;
}

static guint64 xz_decode(guint8 dictionary)
{
    return (guint64)(2 | (dictionary & 1)) << (dictionary / 2 + 11);
}

/* @end: of the block's header, without its checksum. Returns: the byte that is the dictionary's
 * size, or NULL where that can not be told. */
static guint8 *xz_dictionary(guint8 *block, const guint8 *end)
{
    const guint8 *at = block + 2;
    guint8 flags = block[1];
    guint sizes = ((flags & XZ_FLAG_STORED_BYTES) != 0) + ((flags & XZ_FLAG_SIZE_BYTES) != 0);
    guint64 number, id, properties;

    while (sizes-- > 0) {
        if (!take_number(&at, end, &number))
            return NULL;
    }
    for (guint i = 0; i <= (flags & XZ_FLAG_FILTERS); i++) {
        if (!take_number(&at, end, &id) || !take_number(&at, end, &properties) ||
            properties > (guint64)(end - at))
            return NULL;
        if (id == XZ_FILTER_LZMA2)
            return properties == 1 && *at <= XZ_DICTIONARY_MAX ? block + (at - block) : NULL;
        at += properties;
    }
    return NULL;
}

gboolean cronos_libarchive_fit_xz(CronosLibarchiveSource *source, GError **error)
{
    guint8 head[XZ_STREAM_HEADER_BYTES + XZ_BLOCK_HEADER_MAX];
    guint8 *block = head + XZ_STREAM_HEADER_BYTES;
    gssize n = cronos_zip_pread(source->fd, head, MIN(sizeof head, source->end - source->start),
                                source->start, error);

    if (n < 0)
        return FALSE;
    if (n <= (gssize)XZ_STREAM_HEADER_BYTES)
        return TRUE;
    gsize length = (block[0] + 1u) * 4;
    if (block[0] == 0 || length > (gsize)n - XZ_STREAM_HEADER_BYTES)
        return TRUE;
    guint8 *checksum = block + length - XZ_CHECKSUM_BYTES;
    guint8 *dictionary = xz_dictionary(block, checksum);
    if (dictionary == NULL ||
        zip_get32(checksum) != libdeflate_crc32(0, block, (gsize)(checksum - block)))
        return TRUE;
    guint64 enough = fitting(source, "XZ", xz_decode(*dictionary), error);
    if (enough == 0)
        return FALSE;
    while (*dictionary > 0 && xz_decode(*dictionary - 1) >= enough)
        (*dictionary)--;
    zip_put32(checksum, libdeflate_crc32(0, block, (gsize)(checksum - block)));
    replace_start(source, head, XZ_STREAM_HEADER_BYTES + length);
    return TRUE;
}
