/* SPDX-License-Identifier: MIT
 * zip-reader.c - local headers, and whole members decoded with libdeflate
 *
 * A small member costs one system call: its local header's length is guessed, and what follows is
 * read with it. Buffers and decoders are kept per thread, so nothing is allocated per member. */
#include "core/zip/zip-reader.h"

#include "core/error.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-header.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-scratch.h"

#include <libdeflate.h>

/* Local header, name and extra fields together are seldom longer. */
#define HEADER_GUESS 512u
/* A stored member that is larger is read straight into its place. */
#define STORED_COPY_MAX (128u << 10)
/* No more compressed bytes than these are brought into memory at once. */
#define BUFFERED_MAX (64u << 20)

static gboolean damaged(GError **error, const char *what)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return FALSE;
}

gboolean cronos_zip_check_readable(const CronosZipExtent *extent, GError **error)
{
    if (extent->flags & ZIP_FLAG_ENCRYPTED) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                            "the member is encrypted");
        return FALSE;
    }
    if (extent->method != ZIP_METHOD_STORED && extent->method != ZIP_METHOD_DEFLATED) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                    "compression method %u is not supported", extent->method);
        return FALSE;
    }
    if (extent->method == ZIP_METHOD_STORED && extent->stored_bytes != extent->size_bytes)
        return damaged(error, "the sizes of a stored member differ");
    return TRUE;
}

/* The sizes of @local, which may lie in its ZIP64 field. @extra: NULL where it has to be read. */
static gboolean read_local_sizes(int fd, const guint8 *local, const guint8 *extra, guint64 offset,
                                 guint64 *out_size, guint64 *out_stored, GError **error)
{
    g_autofree guint8 *loaded = NULL;
    gsize extra_length = zip_get16(local + ZIP_LOCAL_EXTRA_LENGTH), length = 0;

    *out_size = zip_get32(local + ZIP_LOCAL_SIZE_BYTES);
    *out_stored = zip_get32(local + ZIP_LOCAL_STORED_BYTES);
    if (*out_size != 0xffffffffu && *out_stored != 0xffffffffu)
        return TRUE;
    if (extra == NULL) {
        extra = loaded = g_malloc(extra_length + 1);
        offset += ZIP_LOCAL_SIZE + zip_get16(local + ZIP_LOCAL_NAME_LENGTH);
        if (!cronos_zip_pread_exactly(fd, loaded, extra_length, offset, error))
            return FALSE;
    }
    const guint8 *at = cronos_zip_extra_find(extra, extra_length, ZIP_EXTRA_ZIP64, &length);
    if (at == NULL)
        return TRUE;
    gsize needed = (*out_size == 0xffffffffu ? 8 : 0) + (*out_stored == 0xffffffffu ? 8 : 0);
    if (length < needed)
        return damaged(error, "the ZIP64 field of the local header is too short");
    if (*out_size == 0xffffffffu) {
        *out_size = zip_get64(at);
        at += 8;
    }
    if (*out_stored == 0xffffffffu)
        *out_stored = zip_get64(at);
    return TRUE;
}

/* @head: @length bytes of the file from the local header on. */
static gboolean check_local(int fd, const guint8 *head, gsize length, const CronosZipExtent *extent,
                            guint64 limit, guint64 *out_data_offset, GError **error)
{
    if (length < ZIP_LOCAL_SIZE || zip_get32(head) != ZIP_LOCAL_SIGNATURE)
        return damaged(error, "there is no local header where the central directory says");
    guint16 flags = zip_get16(head + ZIP_LOCAL_FLAGS);
    if (zip_get16(head + ZIP_LOCAL_METHOD) != extent->method)
        return damaged(error, "local header and central directory differ in the method");
    if ((flags ^ extent->flags) & ZIP_FLAG_ENCRYPTED)
        return damaged(error, "local header and central directory differ in encryption");
    gsize name_length = zip_get16(head + ZIP_LOCAL_NAME_LENGTH);
    gsize head_length = ZIP_LOCAL_SIZE + name_length + zip_get16(head + ZIP_LOCAL_EXTRA_LENGTH);
    const guint8 *extra = head_length <= length ? head + ZIP_LOCAL_SIZE + name_length : NULL;
    if (!(flags & ZIP_FLAG_DESCRIPTOR)) {
        guint64 size, stored;

        if (!read_local_sizes(fd, head, extra, extent->header_offset, &size, &stored, error))
            return FALSE;
        if (size != extent->size_bytes || stored != extent->stored_bytes)
            return damaged(error, "local header and central directory differ in the sizes");
        if (zip_get32(head + ZIP_LOCAL_CRC32) != extent->crc32)
            return damaged(error, "local header and central directory differ in the checksum");
    }
    guint64 room = limit - extent->header_offset; /* the caller saw that it is not negative */
    if (head_length > room || extent->stored_bytes > room - head_length)
        return damaged(error, "the member reaches into the central directory");
    *out_data_offset = extent->header_offset + head_length;
    return TRUE;
}

static gboolean check_offset(const CronosZipExtent *extent, guint64 limit, GError **error)
{
    if (extent->header_offset > limit || limit - extent->header_offset < ZIP_LOCAL_SIZE)
        return damaged(error, "the member's offset lies behind the other members");
    return TRUE;
}

gboolean cronos_zip_locate(int fd, const CronosZipExtent *extent, guint64 limit,
                           guint64 *out_data_offset, GError **error)
{
    guint8 head[ZIP_LOCAL_SIZE + HEADER_GUESS];

    if (!check_offset(extent, limit, error))
        return FALSE;
    gsize wanted = (gsize)MIN(sizeof head, limit - extent->header_offset);
    gssize n = cronos_zip_pread(fd, head, wanted, extent->header_offset, error);
    if (n < 0)
        return FALSE;
    return check_local(fd, head, (gsize)n, extent, limit, out_data_offset, error);
}

gboolean cronos_zip_locate_in(int fd, const void *head, gsize length, const CronosZipExtent *extent,
                              guint64 limit, guint64 *out_data_offset, GError **error)
{
    return check_offset(extent, limit, error) &&
           check_local(fd, head, length, extent, limit, out_data_offset, error);
}

static gboolean check_crc(const CronosZipExtent *extent, const void *out, GError **error)
{
    if (libdeflate_crc32(0, out, (gsize)extent->size_bytes) != extent->crc32)
        return damaged(error, "checksum mismatch");
    return TRUE;
}

/* Brings local header and stored bytes into the scratch buffer.
 * Returns: (borrowed) the stored bytes, or NULL. */
static const guint8 *load_stored(int fd, const CronosZipExtent *extent, guint64 limit,
                                 GError **error)
{
    guint64 room = limit - extent->header_offset;
    gsize stored = (gsize)extent->stored_bytes, wanted = stored + ZIP_LOCAL_SIZE + HEADER_GUESS;
    guint64 data_offset;

    guint8 *buffer = cronos_zip_scratch_buffer(wanted, error);
    if (buffer == NULL)
        return NULL;
    gssize n = cronos_zip_pread(fd, buffer, (gsize)MIN(wanted, room), extent->header_offset, error);
    if (n < 0 || !check_local(fd, buffer, (gsize)n, extent, limit, &data_offset, error))
        return NULL;
    gsize lead = (gsize)(data_offset - extent->header_offset);
    if ((gsize)n >= lead && (gsize)n - lead >= stored)
        return buffer + lead;
    return cronos_zip_pread_exactly(fd, buffer, stored, data_offset, error) ? buffer : NULL;
}

static gboolean inflate_whole(const CronosZipExtent *extent, const guint8 *stored, void *out,
                              GError **error)
{
    if (extent->stored_bytes == 0 && extent->size_bytes == 0)
        return TRUE;
    struct libdeflate_decompressor *decompressor = cronos_zip_scratch_decompressor(error);
    if (decompressor == NULL)
        return FALSE;
    switch (libdeflate_deflate_decompress(decompressor, stored, (gsize)extent->stored_bytes, out,
                                          (gsize)extent->size_bytes, NULL)) {
    case LIBDEFLATE_SUCCESS:
        return TRUE;
    case LIBDEFLATE_SHORT_OUTPUT:
        return damaged(error, "the member decodes to fewer bytes than declared");
    case LIBDEFLATE_INSUFFICIENT_SPACE:
        return damaged(error, "the member decodes to more bytes than declared");
    case LIBDEFLATE_BAD_DATA:
    default:
        return damaged(error, "the compressed bytes are damaged");
    }
}

static gboolean decode_buffered(int fd, const CronosZipExtent *extent, guint64 limit, void *out,
                                GError **error)
{
    const guint8 *stored = load_stored(fd, extent, limit, error);
    gboolean ok = stored != NULL;

    if (ok && extent->method == ZIP_METHOD_STORED)
        memcpy(out, stored, (gsize)extent->size_bytes);
    else if (ok)
        ok = inflate_whole(extent, stored, out, error);
    cronos_zip_scratch_trim();
    return ok && check_crc(extent, out, error);
}

/* For what is stored large, or in more bytes than any sane encoder leaves: those are not brought
 * into memory whole. */
static gboolean decode_streaming(int fd, const CronosZipExtent *extent, guint64 limit, void *out,
                                 GError **error)
{
    g_autoptr(CronosZipStream) stream = cronos_zip_stream_open_lean(fd, extent, limit, error);
    guint8 *at = out;
    guint64 left = extent->size_bytes;

    if (stream == NULL)
        return FALSE;
    do {
        gssize n = cronos_zip_stream_read(stream, at, (gsize)left, error);

        if (n < 0)
            return FALSE;
        at += n;
        left -= (guint64)n;
    } while (left > 0);
    return TRUE;
}

gboolean cronos_zip_decode(int fd, const CronosZipExtent *extent, guint64 limit, void *out,
                           GError **error)
{
    guint8 nothing;

    if (!cronos_zip_check_readable(extent, error) || !check_offset(extent, limit, error))
        return FALSE;
    if (extent->size_bytes > G_MAXSSIZE)
        return damaged(error, "the member is larger than memory");
    if (out == NULL)
        out = &nothing;
    guint64 buffered_max = extent->method == ZIP_METHOD_STORED
                               ? STORED_COPY_MAX
                               : extent->size_bytes + extent->size_bytes / 8 + 65536;
    if (extent->stored_bytes <= MIN(buffered_max, BUFFERED_MAX))
        return decode_buffered(fd, extent, limit, out, error);
    return decode_streaming(fd, extent, limit, out, error);
}
