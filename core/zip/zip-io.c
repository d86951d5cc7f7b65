/* SPDX-License-Identifier: MIT
 * zip-io.c - positioned reading that survives signals and short reads */
#include "core/zip/zip-io.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Of one call, kernels heed no more. */
#define ANNOUNCED_BYTES (128u << 10)

gssize cronos_zip_pread(int fd, void *buffer, gsize size, guint64 offset, GError **error)
{
    guint8 *at = buffer;
    gsize done = 0;

    if (offset > G_MAXINT64 || size > (guint64)G_MAXINT64 - offset) {
        cronos_error_set_system(error, EOVERFLOW, "reading at offset %" G_GUINT64_FORMAT, offset);
        return -1;
    }
    while (done < size) {
        ssize_t n = pread(fd, at + done, size - done, (off_t)(offset + done));

        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            cronos_error_set_system(error, errno, "reading at offset %" G_GUINT64_FORMAT, offset);
            return -1;
        }
        done += (gsize)n;
    }
    return (gssize)done;
}

gboolean cronos_zip_pread_exactly(int fd, void *buffer, gsize size, guint64 offset, GError **error)
{
    gssize n = cronos_zip_pread(fd, buffer, size, offset, error);

    if (n < 0)
        return FALSE;
    if ((gsize)n < size) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                    "the file ends at offset %" G_GUINT64_FORMAT
                    ", before the bytes its directory names",
                    offset + (guint64)n);
        return FALSE;
    }
    return TRUE;
}

void cronos_zip_announce(int fd, guint64 offset, guint64 bytes)
{
    for (guint64 at = 0; at < bytes; at += ANNOUNCED_BYTES)
        (void)posix_fadvise(fd, (off_t)(offset + at), (off_t)MIN(bytes - at, ANNOUNCED_BYTES),
                            POSIX_FADV_WILLNEED);
}
