/* SPDX-License-Identifier: MIT
 * zip-output.h - the archive file as the ZIP writer sees it: one large buffer before an fd
 *
 * Private to core/zip.  Threads: one at a time.  Every failure is a system error. */
#pragma once
#include <glib.h>

typedef struct CronosZipOutput CronosZipOutput;

/* @fd: borrowed, empty. Returns: (owned). */
CronosZipOutput *cronos_zip_output_new(int fd);
void cronos_zip_output_free(CronosZipOutput *output); /* does not flush; NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipOutput, cronos_zip_output_free)

guint64 cronos_zip_output_position(const CronosZipOutput *output);
gboolean cronos_zip_output_append(CronosZipOutput *output, const void *data, gsize size,
                                  GError **error);
/* Appends @size bytes that lie at @offset of the file open on @fd by sharing its blocks (reflink);
 * our position, @offset and @size must be multiples of the file system's block. @out_shared: FALSE
 * where the file system does not do that: nothing was appended then. */
gboolean cronos_zip_output_share(CronosZipOutput *output, int fd, guint64 offset, guint64 size,
                                 gboolean *out_shared, GError **error);
/* Overwrites bytes that were appended before, wherever they are by now. */
gboolean cronos_zip_output_patch(CronosZipOutput *output, guint64 offset, const void *data,
                                 gsize size, GError **error);
/* Takes back all from @offset on. */
gboolean cronos_zip_output_truncate(CronosZipOutput *output, guint64 offset, GError **error);
gboolean cronos_zip_output_flush(CronosZipOutput *output, GError **error);
