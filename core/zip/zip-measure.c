/* SPDX-License-Identifier: MIT
 * zip-measure.c - decoding for the checksum alone, and ends found by it */
#include "core/zip/zip-measure.h"

#include "core/error.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"

#include <libdeflate.h>
#include <zlib.h>

#define INPUT_BYTES (64u << 10)
/* What is no stream at all shows at once: little is read to begin with. */
#define INPUT_FIRST_BYTES (4u << 10)
#define OUTPUT_BYTES (128u << 10)
#define SIGNATURE_BYTES 4u
#define DESCRIPTOR_BYTES_MAX 24u

struct CronosZipMeasurer {
    int fd;
    CronosZipStoredFunc func;
    gpointer user_data;
    gboolean inflating; /* .z is set up */
    z_stream z;

    guint64 offset; /* of the next stored byte */
    guint64 left;
    CronosZipMeasure *measure;
    guint8 input[INPUT_BYTES];
    guint8 output[OUTPUT_BYTES];
};

CronosZipMeasurer *cronos_zip_measurer_new(int fd, CronosZipStoredFunc func, gpointer user_data)
{
    CronosZipMeasurer *measurer = g_malloc(sizeof *measurer);

    measurer->fd = fd;
    measurer->func = func;
    measurer->user_data = user_data;
    measurer->inflating = FALSE;
    return measurer;
}

void cronos_zip_measurer_free(CronosZipMeasurer *measurer)
{
    if (measurer == NULL)
        return;
    if (measurer->inflating)
        inflateEnd(&measurer->z);
    g_free(measurer);
}

static gboolean damaged(GError **error, const char *what)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return FALSE;
}

static void begin(CronosZipMeasurer *measurer, guint64 offset, guint64 stored_max,
                  CronosZipMeasure *measure)
{
    *measure = (CronosZipMeasure){0};
    measurer->offset = offset;
    measurer->left = stored_max;
    measurer->measure = measure;
}

/* Returns: bytes at hand, 0 where there are no more, -1 with @error. */
static gssize refill(CronosZipMeasurer *measurer, GError **error)
{
    gsize most = measurer->measure->stored_bytes == 0 ? INPUT_FIRST_BYTES : INPUT_BYTES;
    gsize wanted = (gsize)MIN(measurer->left, most);
    gssize n = cronos_zip_pread(measurer->fd, measurer->input, wanted, measurer->offset, error);

    if (n <= 0)
        return n;
    measurer->offset += (guint64)n;
    measurer->left -= (guint64)n;
    return n;
}

static gboolean take(CronosZipMeasurer *measurer, gsize length, GError **error)
{
    measurer->measure->stored_bytes += length;
    return measurer->func == NULL ||
           measurer->func(measurer->input, length, measurer->user_data, error);
}

static void count(CronosZipMeasurer *measurer, const guint8 *decoded, gsize length)
{
    measurer->measure->size_bytes += length;
    measurer->measure->crc32 = libdeflate_crc32(measurer->measure->crc32, decoded, length);
}

static gboolean run_stored(CronosZipMeasurer *measurer, gboolean *out_cut, GError **error)
{
    while (measurer->left > 0) {
        gssize n = refill(measurer, error);

        if (n < 0)
            return FALSE;
        if (n == 0) {
            *out_cut = TRUE;
            return damaged(error, "the file ends before the member does");
        }
        count(measurer, measurer->input, (gsize)n);
        if (!take(measurer, (gsize)n, error))
            return FALSE;
    }
    return TRUE;
}

/* Decodes what is at hand. Returns: zlib's result. */
static int inflate_input(CronosZipMeasurer *measurer)
{
    z_stream *z = &measurer->z;
    int result;

    do {
        z->next_out = measurer->output;
        z->avail_out = OUTPUT_BYTES;
        result = inflate(z, Z_NO_FLUSH);
        count(measurer, measurer->output, OUTPUT_BYTES - z->avail_out);
    } while (result == Z_OK && (z->avail_in > 0 || z->avail_out == 0));
    return result;
}

static gboolean run_deflated(CronosZipMeasurer *measurer, gboolean *out_cut, GError **error)
{
    z_stream *z = &measurer->z;
    int result = Z_OK;

    while (result != Z_STREAM_END) {
        gssize n = refill(measurer, error);

        if (n < 0)
            return FALSE;
        if (n == 0) {
            *out_cut = TRUE;
            return damaged(error, "the compressed bytes end too early");
        }
        z->next_in = measurer->input;
        z->avail_in = (uInt)n;
        result = inflate_input(measurer);
        if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END)
            return damaged(error, "the compressed bytes are damaged");
        if (!take(measurer, (gsize)n - z->avail_in, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean prepare_inflater(CronosZipMeasurer *measurer, GError **error)
{
    if (measurer->inflating)
        return inflateReset(&measurer->z) == Z_OK;
    memset(&measurer->z, 0, sizeof measurer->z);
    measurer->inflating = inflateInit2(&measurer->z, -MAX_WBITS) == Z_OK;
    if (!measurer->inflating)
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                            "not enough memory to decode the member");
    return measurer->inflating;
}

gboolean cronos_zip_measurer_run(CronosZipMeasurer *measurer, guint64 offset, guint64 stored_max,
                                 guint16 method, CronosZipMeasure *out_measure, gboolean *out_cut,
                                 GError **error)
{
    *out_cut = FALSE;
    begin(measurer, offset, stored_max, out_measure);
    if (method == ZIP_METHOD_STORED)
        return run_stored(measurer, out_cut, error);
    return prepare_inflater(measurer, error) && run_deflated(measurer, out_cut, error);
}

/* Whether it is worth to look for a data descriptor at the signature @at, behind which @left bytes
 * are at hand. */
static gboolean may_describe(const CronosZipMeasure *measure, const guint8 *at, gsize left)
{
    return left < 2 * SIGNATURE_BYTES || zip_get32(at + SIGNATURE_BYTES) == measure->crc32 ||
           measure->crc32 == ZIP_DESCRIPTOR_SIGNATURE;
}

/* Looks at the @length bytes at hand, the last three of which belong to the next piece, too.
 * Returns: whether the member that begins at @start ends among them; else they are counted. */
static gboolean search_input(CronosZipMeasurer *measurer, guint64 start, gsize length)
{
    CronosZipMeasure *measure = measurer->measure;
    const guint8 *input = measurer->input;
    gsize whole = length - (SIGNATURE_BYTES - 1), counted = 0;
    gboolean found = FALSE;

    for (gsize at = 0; at < whole && !found; at++) {
        const guint8 *p = memchr(input + at, 'P', whole - at);

        if (p == NULL)
            break;
        at = (gsize)(p - input);
        if (zip_get32(p) != ZIP_DESCRIPTOR_SIGNATURE)
            continue;
        count(measurer, input + counted, at - counted);
        counted = at;
        measure->stored_bytes = measure->size_bytes;
        found =
            may_describe(measure, p, length - at) &&
            cronos_zip_descriptor_length(measurer->fd, start + measure->stored_bytes, measure) > 0;
    }
    if (!found)
        count(measurer, input + counted, whole - counted);
    measure->stored_bytes = measure->size_bytes;
    return found;
}

gboolean cronos_zip_measurer_run_to_descriptor(CronosZipMeasurer *measurer, guint64 offset,
                                               guint64 stored_max, CronosZipMeasure *out_measure,
                                               GError **error)
{
    begin(measurer, offset, stored_max, out_measure);
    while (stored_max - out_measure->stored_bytes >= SIGNATURE_BYTES) {
        measurer->offset = offset + out_measure->stored_bytes;
        measurer->left = stored_max - out_measure->stored_bytes;
        gssize n = refill(measurer, error);

        if (n < 0)
            return FALSE;
        if ((gsize)n < SIGNATURE_BYTES)
            break;
        if (search_input(measurer, offset, (gsize)n))
            return TRUE;
        if (measurer->func != NULL &&
            !measurer->func(measurer->input, (gsize)n, measurer->user_data, error))
            return FALSE;
    }
    return damaged(error, "it has no data descriptor");
}

gsize cronos_zip_descriptor_length(int fd, guint64 offset, const CronosZipMeasure *measure)
{
    guint8 bytes[DESCRIPTOR_BYTES_MAX] = {0};
    gssize n = cronos_zip_pread(fd, bytes, sizeof bytes, offset, NULL);

    for (gsize head = 0; head <= SIGNATURE_BYTES; head += SIGNATURE_BYTES) {
        const guint8 *at = bytes + head;

        if ((head > 0 && zip_get32(bytes) != ZIP_DESCRIPTOR_SIGNATURE) ||
            zip_get32(at) != measure->crc32)
            continue;
        if (n >= (gssize)head + 20 && zip_get64(at + 4) == measure->stored_bytes &&
            zip_get64(at + 12) == measure->size_bytes)
            return head + 20;
        if (n >= (gssize)head + 12 && zip_get32(at + 4) == measure->stored_bytes &&
            zip_get32(at + 8) == measure->size_bytes)
            return head + 12;
    }
    return 0;
}
