/* SPDX-License-Identifier: MIT
 * archive-libarchive-dictionary.c - the size of a dictionary, from the head of compressed data */
#include "core/archive-libarchive-dictionary.h"

#include "core/error.h"
#include "core/zip/zip-header.h"
#include "core/zip/zip-io.h"

/* APPNOTE 5.8.8: version, length of the properties, the properties. */
#define LZMA_HEAD_BYTES 9u
#define LZMA_DICTIONARY 5u

/* The .xz file format 1.2.0, 2.1 and 3.1: the stream's header, then the first block's. */
#define XZ_STREAM_HEADER_BYTES 12u
#define XZ_BLOCK_HEADER_MAX 1024u
#define XZ_FLAG_FILTERS 0x03u /* one less */
#define XZ_FLAG_STORED_BYTES 0x40u
#define XZ_FLAG_SIZE_BYTES 0x80u
#define XZ_FILTER_LZMA2 0x21u
#define XZ_DICTIONARY_MAX 40u

/* More than encoders of the format use: a decoder would ask for it, if only to leave it untouched.
 */
#define DECLARED_MAX (G_GUINT64_CONSTANT(1536) << 20)

static gboolean check(const CronosLibarchiveSource *source, const char *method, guint64 dictionary,
                      GError **error)
{
    if (dictionary <= DECLARED_MAX)
        dictionary = MIN(dictionary, source->size_bytes);
    if (dictionary <= CRONOS_LIBARCHIVE_DICTIONARY_MAX)
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                "%s with a dictionary of %" G_GUINT64_FORMAT " MiB is not supported", method,
                dictionary >> 20);
    return FALSE;
}

gboolean cronos_libarchive_check_lzma(const CronosLibarchiveSource *source, GError **error)
{
    guint8 head[LZMA_HEAD_BYTES];

    if (source->end - source->start < sizeof head)
        return TRUE;
    if (!cronos_zip_pread_exactly(source->fd, head, sizeof head, source->start, error))
        return FALSE;
    return check(source, "LZMA", zip_get32(head + LZMA_DICTIONARY), error);
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

/* Returns: what the block's filters need, or 0 where that can not be told. */
static guint64 xz_dictionary(const guint8 *block, gsize length)
{
    const guint8 *end = block + MIN(length, (block[0] + 1u) * 4);
    guint8 flags = block[1];
    guint sizes = ((flags & XZ_FLAG_STORED_BYTES) != 0) + ((flags & XZ_FLAG_SIZE_BYTES) != 0);
    guint64 number, id, properties;

    block += 2;
    while (sizes-- > 0) {
        if (!take_number(&block, end, &number))
            return 0;
    }
    for (guint i = 0; i <= (flags & XZ_FLAG_FILTERS); i++) {
        if (!take_number(&block, end, &id) || !take_number(&block, end, &properties) ||
            properties > (guint64)(end - block))
            return 0;
        if (id == XZ_FILTER_LZMA2 && properties == 1 && *block <= XZ_DICTIONARY_MAX)
            return (guint64)(2 | (*block & 1)) << (*block / 2 + 11);
        block += properties;
    }
    return 0;
}

gboolean cronos_libarchive_check_xz(const CronosLibarchiveSource *source, GError **error)
{
    guint8 head[XZ_STREAM_HEADER_BYTES + XZ_BLOCK_HEADER_MAX];
    gssize n = cronos_zip_pread(source->fd, head, MIN(sizeof head, source->end - source->start),
                                source->start, error);

    if (n < 0)
        return FALSE;
    if (n < (gssize)XZ_STREAM_HEADER_BYTES + 2)
        return TRUE;
    return check(source, "XZ",
                 xz_dictionary(head + XZ_STREAM_HEADER_BYTES, (gsize)n - XZ_STREAM_HEADER_BYTES),
                 error);
}
