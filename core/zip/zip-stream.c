/* SPDX-License-Identifier: MIT
 * zip-stream.c - one pass over a member's decoded bytes, with bounded memory
 *
 * A stream that failed stays failed. Members of up to WHOLE_MAX are decoded at once with
 * libdeflate, into the caller's buffer where it is large enough; larger ones pass through zlib's
 * inflate. */
#include "core/zip/zip-reader.h"

#include "core/error.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"

#include <libdeflate.h>
#include <zlib.h>

#define WHOLE_MAX (4u << 20)
#define INPUT_BYTES (64u << 10)
/* zlib counts in unsigned int. */
#define PIECE_MAX (1u << 30)

struct CronosZipStream {
    int fd;
    CronosZipExtent extent;
    guint64 limit;
    gboolean whole;        /* decoded at the first read */
    guint8 *decoded;       /* whole: NULL unless the caller's buffer was too small */
    guint64 stored_offset; /* next stored byte in the file */
    guint64 stored_left;   /* stored bytes not read yet */
    guint64 position;
    guint32 crc32;
    gboolean inflating, ended, checked, failed;
    z_stream inflater;
    guint8 *input;
};

static gssize damaged(CronosZipStream *stream, GError **error, const char *what)
{
    stream->failed = TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return -1;
}

static CronosZipStream *open_stream(int fd, const CronosZipExtent *extent, guint64 limit,
                                    gboolean lean, GError **error)
{
    g_autoptr(CronosZipStream) stream = g_new0(CronosZipStream, 1);

    stream->fd = fd;
    stream->extent = *extent;
    stream->limit = limit;
    stream->whole =
        !lean && extent->method == ZIP_METHOD_DEFLATED && extent->size_bytes <= WHOLE_MAX;
    if (!cronos_zip_check_readable(extent, error) ||
        !cronos_zip_locate(fd, extent, limit, &stream->stored_offset, error))
        return NULL;
    stream->stored_left = extent->stored_bytes;
    if (stream->whole || extent->method != ZIP_METHOD_DEFLATED)
        return g_steal_pointer(&stream);
    stream->input = g_malloc(INPUT_BYTES);
    if (inflateInit2(&stream->inflater, -MAX_WBITS) != Z_OK) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                            "not enough memory to decode the member");
        return NULL;
    }
    stream->inflating = TRUE;
    stream->ended = extent->stored_bytes == 0 && extent->size_bytes == 0;
    return g_steal_pointer(&stream);
}

CronosZipStream *cronos_zip_stream_open(int fd, const CronosZipExtent *extent, guint64 limit,
                                        GError **error)
{
    return open_stream(fd, extent, limit, FALSE, error);
}

CronosZipStream *cronos_zip_stream_open_lean(int fd, const CronosZipExtent *extent, guint64 limit,
                                             GError **error)
{
    return open_stream(fd, extent, limit, TRUE, error);
}

void cronos_zip_stream_free(CronosZipStream *stream)
{
    if (stream == NULL)
        return;
    if (stream->inflating)
        inflateEnd(&stream->inflater);
    g_free(stream->input);
    g_free(stream->decoded);
    g_free(stream);
}

guint64 cronos_zip_stream_position(const CronosZipStream *stream)
{
    return stream->position;
}

static gssize read_whole(CronosZipStream *stream, void *buffer, gsize size, GError **error)
{
    gsize whole = (gsize)stream->extent.size_bytes;

    if (stream->position == 0 && stream->decoded == NULL && !stream->checked) {
        void *out = size >= whole ? buffer : (stream->decoded = g_malloc(whole));

        if (!cronos_zip_decode(stream->fd, &stream->extent, stream->limit, out, error)) {
            stream->failed = TRUE;
            return -1;
        }
        stream->checked = TRUE;
    }
    size = MIN(size, whole - (gsize)stream->position);
    if (stream->decoded != NULL)
        memcpy(buffer, stream->decoded + stream->position, size);
    stream->position += size;
    return (gssize)size;
}

static gboolean refill(CronosZipStream *stream, GError **error)
{
    gsize n = (gsize)MIN(stream->stored_left, INPUT_BYTES);

    if (!cronos_zip_pread_exactly(stream->fd, stream->input, n, stream->stored_offset, error)) {
        stream->failed = TRUE;
        return FALSE;
    }
    stream->stored_offset += n;
    stream->stored_left -= n;
    stream->inflater.next_in = stream->input;
    stream->inflater.avail_in = (uInt)n;
    return TRUE;
}

/* Decodes until @size bytes are there or the deflate stream ends. Without input left, the inflater
 * may still have output to give. */
static gssize inflate_some(CronosZipStream *stream, void *buffer, gsize size, GError **error)
{
    z_stream *z = &stream->inflater;

    z->next_out = buffer;
    z->avail_out = (uInt)size;
    while (z->avail_out > 0 && !stream->ended) {
        if (z->avail_in == 0 && stream->stored_left > 0 && !refill(stream, error))
            return -1;
        int result = inflate(z, Z_NO_FLUSH);
        if (result == Z_STREAM_END)
            stream->ended = TRUE;
        else if (result == Z_BUF_ERROR && z->avail_in == 0 && stream->stored_left == 0)
            return damaged(stream, error, "the compressed bytes end too early");
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return damaged(stream, error, "the compressed bytes are damaged");
    }
    return (gssize)(size - z->avail_out);
}

static gssize read_some(CronosZipStream *stream, void *buffer, gsize size, GError **error)
{
    if (stream->inflating) {
        gssize n = inflate_some(stream, buffer, size, error);

        if (n >= 0 && (gsize)n < size)
            return damaged(stream, error, "the member decodes to fewer bytes than declared");
        return n;
    }
    if (!cronos_zip_pread_exactly(stream->fd, buffer, size, stream->stored_offset, error)) {
        stream->failed = TRUE;
        return -1;
    }
    stream->stored_offset += size;
    return (gssize)size;
}

/* All declared bytes are there: there must be no more of them, and their checksum must be right. */
static gboolean check_end(CronosZipStream *stream, GError **error)
{
    guint8 surplus;

    stream->checked = TRUE;
    if (stream->inflating && !stream->ended) {
        gssize n = inflate_some(stream, &surplus, 1, error);

        if (n > 0)
            damaged(stream, error, "the member decodes to more bytes than declared");
        if (n != 0)
            return FALSE;
    }
    if (stream->crc32 != stream->extent.crc32) {
        damaged(stream, error, "checksum mismatch");
        return FALSE;
    }
    return TRUE;
}

gssize cronos_zip_stream_read(CronosZipStream *stream, void *buffer, gsize size, GError **error)
{
    guint8 *at = buffer;
    gsize done = 0;

    if (stream->failed)
        return damaged(stream, error, "the member could not be decoded further");
    if (stream->whole)
        return read_whole(stream, buffer, size, error);
    size = (gsize)MIN(size, stream->extent.size_bytes - stream->position);
    while (done < size) {
        gssize n = read_some(stream, at + done, MIN(size - done, PIECE_MAX), error);

        if (n < 0)
            return -1;
        stream->crc32 = libdeflate_crc32(stream->crc32, at + done, (gsize)n);
        stream->position += (guint64)n;
        done += (gsize)n;
    }
    if (stream->position == stream->extent.size_bytes && !stream->checked &&
        !check_end(stream, error))
        return -1;
    return (gssize)done;
}
