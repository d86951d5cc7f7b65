/* SPDX-License-Identifier: MIT
 * archive-libarchive-zip.h - members of a ZIP file that core/zip does not decode
 *
 * Methods bzip2, LZMA, XZ, zstd and PPMd, and members encrypted by WinZip's AES or by the
 * traditional cipher, whose passphrase core/passphrase.h has. Each is given to libarchive as an
 * archive of its own, under a local header made up from what the central directory says.
 *
 * What can not be: Deflate64 and the methods of the past, PKWARE's strong encryption, encrypted
 * members of a method other than stored and deflate, a dictionary of more than 256 MiB:
 * core/archive-libarchive-dictionary.h. */
#pragma once
#include "core/zip/zip-index.h"

typedef struct CronosLibarchiveZip CronosLibarchiveZip;

/* @fd, @index: borrowed, must outlive it. */
CronosLibarchiveZip *cronos_libarchive_zip_new(int fd, const CronosZipIndex *index);
void cronos_libarchive_zip_free(CronosLibarchiveZip *zip); /* NULL: no-op */

/* Returns: whether the member is one that core/zip does not decode. */
gboolean cronos_libarchive_zip_wants(const CronosZipExtent *extent);
/* As cronos_read_engine_read. */
gssize cronos_libarchive_zip_read(CronosLibarchiveZip *zip, guint32 entry, guint64 offset,
                                  void *buffer, gsize size, GError **error);
