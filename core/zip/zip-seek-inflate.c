/* SPDX-License-Identifier: MIT
 * zip-seek-inflate.c - spans of a deflate stream by zlib */
#include "core/zip/zip-seek-inflate.h"

#include "core/error.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-scratch.h"

#include <zlib.h>

#define INPUT_BYTES (64u << 10)
/* inflate's data_type: unused bits of the last byte it took, and that it stands between blocks, or
 * behind the last of them. */
#define UNUSED_BITS 7
#define LAST_BLOCK 64
#define BETWEEN_BLOCKS 128

typedef struct {
    const CronosZipDeflate *deflate;
    z_stream z;
    guint8 *buffer;   /* the thread's scratch */
    guint64 position; /* bytes of the stream that were given to zlib */
    gsize room;
} Inflater;

static CronosZipSeekResult damaged(GError **error, const char *what)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return CRONOS_ZIP_SEEK_FAILED;
}

static gboolean refill(Inflater *inflater, GError **error)
{
    const CronosZipDeflate *deflate = inflater->deflate;
    gsize n = (gsize)MIN(deflate->stored_bytes - inflater->position, INPUT_BYTES);

    if (!cronos_zip_pread_exactly(deflate->fd, inflater->buffer, n,
                                  deflate->offset + inflater->position, error))
        return FALSE;
    inflater->position += n;
    inflater->z.next_in = inflater->buffer;
    inflater->z.avail_in = (uInt)n;
    return TRUE;
}

/* Enters the stream at @start_bit with the window that stands before @out. */
static gboolean enter(Inflater *inflater, guint64 start_bit, guint8 *out, gsize history,
                      GError **error)
{
    int remainder = (int)(start_bit % 8);

    inflater->buffer = cronos_zip_scratch_buffer(INPUT_BYTES, error);
    if (inflater->buffer == NULL)
        return FALSE;
    if (inflateInit2(&inflater->z, -MAX_WBITS) != Z_OK) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                            "not enough memory to decode the member");
        return FALSE;
    }
    inflater->position = MIN(start_bit / 8, inflater->deflate->stored_bytes);
    if (!refill(inflater, error))
        return FALSE;
    if (remainder != 0 && inflater->z.avail_in > 0) {
        inflatePrime(&inflater->z, 8 - remainder, inflater->z.next_in[0] >> remainder);
        inflater->z.next_in++;
        inflater->z.avail_in--;
    }
    if (history > 0)
        inflateSetDictionary(&inflater->z, out + CRONOS_ZIP_WINDOW - history, (uInt)history);
    inflater->z.next_out = out + CRONOS_ZIP_WINDOW;
    inflater->z.avail_out = (uInt)inflater->room;
    return TRUE;
}

static guint64 current_bit(const Inflater *inflater)
{
    return 8 * (inflater->position - inflater->z.avail_in) -
           (guint64)(inflater->z.data_type & UNUSED_BITS);
}

/* Stops between two blocks, at @end_bit or where @enough bytes are there. */
static CronosZipSeekResult go(Inflater *inflater, CronosZipSpan *span, guint64 end_bit,
                              gsize enough, GError **error)
{
    z_stream *z = &inflater->z;

    for (;;) {
        gboolean dry = inflater->position == inflater->deflate->stored_bytes;

        if (z->avail_in == 0 && !dry && !refill(inflater, error))
            return CRONOS_ZIP_SEEK_FAILED;
        int result = inflate(z, Z_BLOCK);
        span->size = inflater->room - z->avail_out;
        if (result == Z_STREAM_END) {
            span->last = TRUE;
            span->end_bit = 8 * (inflater->position - z->avail_in);
            return CRONOS_ZIP_SEEK_FOUND;
        }
        if (result != Z_OK && result != Z_BUF_ERROR)
            return damaged(error, "the compressed bytes are damaged");
        /* Behind the last block the next call tells of the stream's end, and takes no input. */
        if ((z->data_type & BETWEEN_BLOCKS) && (z->data_type & LAST_BLOCK))
            continue;
        if (z->data_type & BETWEEN_BLOCKS) {
            guint64 bit = current_bit(inflater);

            if (bit > end_bit)
                return damaged(error, "the compressed bytes do not decode as they did before");
            if (bit == end_bit || span->size >= enough) {
                span->last = FALSE;
                span->end_bit = bit;
                return CRONOS_ZIP_SEEK_FOUND;
            }
        } else if (z->avail_out == 0 && (z->avail_in > 0 || dry)) {
            return CRONOS_ZIP_SEEK_NO_ROOM;
        }
        if (z->avail_in == 0 && dry && result == Z_BUF_ERROR)
            return damaged(error, "the compressed bytes end too early");
    }
}

static CronosZipSeekResult inflate_span(const CronosZipDeflate *deflate, CronosZipSpan *span,
                                        guint64 end_bit, gsize enough, guint8 *out, gsize history,
                                        gsize room, GError **error)
{
    Inflater inflater = {.deflate = deflate, .room = room};
    CronosZipSeekResult result = CRONOS_ZIP_SEEK_FAILED;

    if (enter(&inflater, span->start_bit, out, history, error))
        result = go(&inflater, span, end_bit, enough, error);
    inflateEnd(&inflater.z);
    return result;
}

CronosZipSeekResult cronos_zip_seek_inflate(const CronosZipDeflate *deflate, CronosZipSpan *span,
                                            guint8 *out, gsize history, const CronosZipSeekAim *aim,
                                            GError **error)
{
    return inflate_span(deflate, span, G_MAXUINT64, aim->wanted, out, history, aim->room, error);
}

CronosZipSeekResult cronos_zip_seek_inflate_until(const CronosZipDeflate *deflate,
                                                  CronosZipSpan *span, guint64 end_bit, guint8 *out,
                                                  gsize history, gsize room, GError **error)
{
    return inflate_span(deflate, span, end_bit, G_MAXSIZE, out, history, room, error);
}
