/* SPDX-License-Identifier: MIT
 * zip-reader.h - decoding the bytes of one ZIP member
 *
 * Stateless functions and one sequential stream; caches and seeking live a storey above, in
 * core/archive. Methods: stored and deflate. Encrypted members and other methods are UNSUPPORTED.
 */
#pragma once
#include "core/zip/zip-index.h"

/* Reads the local header and holds it against the central directory: signature, method, encryption
 * flag, sizes and CRC (where no descriptor is used), and that the data ends before @limit (the
 * central directory's offset). Names are not compared: the central directory's is the one that
 * counts, and cronos_zip_index_check_name is for those who want to know.
 * Returns: FALSE with @error DAMAGED, UNSUPPORTED or a system error. */
gboolean cronos_zip_locate(int fd, const CronosZipExtent *extent, guint64 limit,
                           guint64 *out_data_offset, GError **error);

/* The same where the first @length bytes of the file from extent->header_offset on are at hand: the
 * file is read only for a ZIP64 field that they do not reach. */
gboolean cronos_zip_locate_in(int fd, const void *head, gsize length, const CronosZipExtent *extent,
                              guint64 limit, guint64 *out_data_offset, GError **error);

/* Returns: FALSE with @error UNSUPPORTED for what is not decoded here, DAMAGED for a stored member
 * whose sizes differ. */
gboolean cronos_zip_check_readable(const CronosZipExtent *extent, GError **error);

/* Decodes a whole member into @out (extent->size_bytes long) and checks its CRC. For members that
 * fit memory comfortably: callers bound the size. Fastest path (libdeflate).
 * Returns: FALSE with @error DAMAGED, UNSUPPORTED or a system error.
 * Threads: safe; decoders are kept per thread. */
gboolean cronos_zip_decode(int fd, const CronosZipExtent *extent, guint64 limit, void *out,
                           GError **error);

/* One pass over a member's decoded bytes from the front, memory bounded whatever its size. */
typedef struct CronosZipStream CronosZipStream;

/* @fd: borrowed, must outlive the stream. */
CronosZipStream *cronos_zip_stream_open(int fd, const CronosZipExtent *extent, guint64 limit,
                                        GError **error);
/* The same with least memory (about 100 KiB): a stream opened the ordinary way decodes members of
 * up to 4 MiB whole, which is faster. */
CronosZipStream *cronos_zip_stream_open_lean(int fd, const CronosZipExtent *extent, guint64 limit,
                                             GError **error);
void cronos_zip_stream_free(CronosZipStream *stream); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipStream, cronos_zip_stream_free)
/* Returns: bytes put into @buffer (fewer than @size only at the end), 0 at the end, -1 with @error:
 * DAMAGED when the bytes do not decode, are too many or too few, or when the CRC, known with the
 * last byte, is wrong: the call that delivers the last byte fails then. */
gssize cronos_zip_stream_read(CronosZipStream *stream, void *buffer, gsize size, GError **error);
/* Returns: decoded bytes delivered so far. */
guint64 cronos_zip_stream_position(const CronosZipStream *stream);
