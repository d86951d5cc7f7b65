/* SPDX-License-Identifier: MIT
 * zip-local.h - one header by itself, found in a file whose directory can not be believed
 *
 * What a local header tells is put into the form of a central one, so that names, times and sizes
 * are read by the same rules; modes, and what system made the archive, are not in it. Whatever
 * merely begins with a signature is refused: a header that no writer would write is none. */
#pragma once
#include "core/zip/zip-header.h"

typedef struct {
    CronosZipHeader header; /* its name lies in @bytes */
    CronosZipExtent extent; /* as declared; of no worth where ZIP_FLAG_DESCRIPTOR is set */
    guint64 data_offset;
    guint8 *bytes; /* owned: name and extra fields */
} CronosZipLocal;

/* Reads the local header at @offset, which ends at @limit at the latest.
 * Returns: FALSE with @error DAMAGED or a system error; data_offset is set, too, if all up to there
 * had to be read to tell. On TRUE, free with cronos_zip_local_clear.
 * Threads: safe. */
gboolean cronos_zip_local_read(int fd, guint64 offset, guint64 limit, CronosZipLocal *out_local,
                               GError **error);
void cronos_zip_local_clear(CronosZipLocal *local);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CronosZipLocal, cronos_zip_local_clear)

/* The same for a central header. @out_bytes: (owned) where its name, extra fields and comment lie.
 */
gboolean cronos_zip_central_read(int fd, guint64 offset, guint64 limit, CronosZipHeader *out_header,
                                 guint8 **out_bytes, GError **error);
