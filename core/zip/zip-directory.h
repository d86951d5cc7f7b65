/* SPDX-License-Identifier: MIT
 * zip-directory.h - the central directory while it grows, packed
 *
 * Private to core/zip.  A million members have more than 100 MB of entries; they look alike, so
 * they are kept deflated in segments, at a third of that.  Threads: one at a time. */
#pragma once
#include "core/zip/zip-output.h"
#include "core/zip/zip-record.h"

typedef struct CronosZipDirectory CronosZipDirectory;

CronosZipDirectory *cronos_zip_directory_new(void);
void cronos_zip_directory_free(CronosZipDirectory *directory); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipDirectory, cronos_zip_directory_free)

void cronos_zip_directory_add(CronosZipDirectory *directory, const CronosZipRecord *record);
/* Returns: entries added. */
guint64 cronos_zip_directory_count(const CronosZipDirectory *directory);
/* Appends all entries to @output, in the order they were added. @io_crc32: taken on over them. */
gboolean cronos_zip_directory_write(CronosZipDirectory *directory, CronosZipOutput *output,
                                    guint32 *io_crc32, GError **error);
