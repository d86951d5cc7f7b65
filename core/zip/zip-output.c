/* SPDX-License-Identifier: MIT
 * zip-output.c - large sequential writes, with patches and truncation
 *
 * Invariant: the file holds [0, flushed), the buffer [flushed, flushed + fill).  The kernel is told
 * to start writing out every few MiB, so that the sync at the end finds little left to do. */
#include "core/zip/zip-output.h"
#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BUFFER_BYTES ((gsize)1 << 20)
#define WRITE_OUT_BYTES ((guint64)8 << 20)

struct CronosZipOutput {
    int fd;
    guint64 flushed;
    guint64 written_out;
    gsize fill;
    guint8 buffer[BUFFER_BYTES];
};

CronosZipOutput *cronos_zip_output_new(int fd)
{
    CronosZipOutput *output = g_malloc(sizeof *output);

    output->fd = fd;
    output->flushed = output->written_out = 0;
    output->fill = 0;
    return output;
}

void cronos_zip_output_free(CronosZipOutput *output)
{
    g_free(output);
}

guint64 cronos_zip_output_position(const CronosZipOutput *output)
{
    return output->flushed + output->fill;
}

static gboolean write_at(int fd, const guint8 *data, gsize size, guint64 offset, GError **error)
{
    while (size > 0) {
        gssize written = pwrite(fd, data, size, (off_t)offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            cronos_error_set_system(error, written < 0 ? errno : EIO, "can not write the archive");
            return FALSE;
        }
        data += written;
        size -= (gsize)written;
        offset += (guint64)written;
    }
    return TRUE;
}

static gboolean write_sequentially(CronosZipOutput *output, const guint8 *data, gsize size,
                                   GError **error)
{
    if (!write_at(output->fd, data, size, output->flushed, error))
        return FALSE;
    output->flushed += size;
    if (output->flushed - output->written_out >= WRITE_OUT_BYTES) {
        /* A hint: where it is not understood, the sync at the end does it all. */
        (void)sync_file_range(output->fd, (off_t)output->written_out,
                              (off_t)(output->flushed - output->written_out),
                              SYNC_FILE_RANGE_WRITE);
        output->written_out = output->flushed;
    }
    return TRUE;
}

gboolean cronos_zip_output_flush(CronosZipOutput *output, GError **error)
{
    gsize fill = output->fill;

    if (fill == 0)
        return TRUE;
    output->fill = 0;
    return write_sequentially(output, output->buffer, fill, error);
}

gboolean cronos_zip_output_append(CronosZipOutput *output, const void *data, gsize size,
                                  GError **error)
{
    const guint8 *bytes = data;

    while (size > 0) {
        if (output->fill == 0 && size >= BUFFER_BYTES)
            return write_sequentially(output, bytes, size, error);
        gsize part = MIN(size, BUFFER_BYTES - output->fill);

        memcpy(output->buffer + output->fill, bytes, part);
        output->fill += part;
        bytes += part;
        size -= part;
        if (output->fill == BUFFER_BYTES && !cronos_zip_output_flush(output, error))
            return FALSE;
    }
    return TRUE;
}

gboolean cronos_zip_output_share(CronosZipOutput *output, int fd, guint64 offset, guint64 size,
                                 gboolean *out_shared, GError **error)
{
    if (!cronos_zip_output_flush(output, error))
        return FALSE;
    struct file_clone_range range = {
        .src_fd = fd,
        .src_offset = offset,
        .src_length = size,
        .dest_offset = output->flushed,
    };
    *out_shared = size > 0 && TEMP_FAILURE_RETRY(ioctl(output->fd, FICLONERANGE, &range)) == 0;
    if (*out_shared)
        output->flushed += size;
    return TRUE;
}

gboolean cronos_zip_output_patch(CronosZipOutput *output, guint64 offset, const void *data,
                                 gsize size, GError **error)
{
    const guint8 *bytes = data;

    g_return_val_if_fail(offset + size <= cronos_zip_output_position(output), FALSE);
    if (offset < output->flushed) {
        gsize part = (gsize)MIN((guint64)size, output->flushed - offset);

        if (!write_at(output->fd, bytes, part, offset, error))
            return FALSE;
        bytes += part;
        size -= part;
        offset += part;
    }
    if (size > 0)
        memcpy(output->buffer + (offset - output->flushed), bytes, size);
    return TRUE;
}

gboolean cronos_zip_output_truncate(CronosZipOutput *output, guint64 offset, GError **error)
{
    g_return_val_if_fail(offset <= cronos_zip_output_position(output), FALSE);
    if (offset >= output->flushed) {
        output->fill = (gsize)(offset - output->flushed);
        return TRUE;
    }
    while (ftruncate(output->fd, (off_t)offset) != 0) {
        if (errno == EINTR)
            continue;
        cronos_error_set_system(error, errno, "can not shorten the archive");
        return FALSE;
    }
    output->flushed = offset;
    output->written_out = MIN(output->written_out, offset);
    output->fill = 0;
    return TRUE;
}
