/* SPDX-License-Identifier: MIT
 * zip-writer.h - writing one ZIP file, from members whose compressed bytes are ready
 *
 * The writer lays out headers, extra fields, alignment, ZIP64 records, hidden SOZip index members
 * and the central directory; it does not compress and reads no files. Bytes go out in large
 * sequential writes. The central directory is kept in memory, packed: some 40 bytes a member.
 * Threads: one at a time. */
#pragma once
#include "core/member.h"
#include "core/zip/zip-index.h"

typedef struct CronosZipWriter CronosZipWriter;

/* Where a member is as large as this, the half page that alignment costs is nothing, and sharing
 * the data pays. */
#define CRONOS_ZIP_ALIGNED_FROM_BYTES ((guint64)8 << 20)

/* What a member is, apart from its bytes. */
typedef struct {
    const char *name; /* relative path, '/' between components, no trailing '/' for directories */
    gsize name_length;
    CronosMemberInfo info; /* kind, mode, uid, gid, mtime_ns, identity; size_bytes: expected */
} CronosZipMember;

/* @fd: borrowed, open for reading and writing, at offset 0, empty. Returns: (owned). */
CronosZipWriter *cronos_zip_writer_new(int fd);
void cronos_zip_writer_free(CronosZipWriter *writer); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipWriter, cronos_zip_writer_free)

/* Appends a whole member whose bytes are ready: @stored is what lies in the archive, coded by
 * @method; info.size_bytes and @crc32 are those of the decoded bytes. Directories: NULL, 0.
 * Returns: FALSE with a system error (ENOSPC, EIO, ...); the writer is then of no further use. */
gboolean cronos_zip_writer_add(CronosZipWriter *writer, const CronosZipMember *member,
                               guint16 method, guint32 crc32, const void *stored,
                               gsize stored_bytes, GError **error);

/* A member that arrives in pieces: begin, append any number of times, end. Its local header is
 * completed at the end (sizes and CRC, no data descriptor; room for ZIP64 is kept where
 * info.size_bytes may need it). @aligned: the data starts on a 4 KiB boundary of the file, so that
 * reflink can share it. */
gboolean cronos_zip_writer_begin(CronosZipWriter *writer, const CronosZipMember *member,
                                 guint16 method, gboolean aligned, GError **error);
gboolean cronos_zip_writer_append(CronosZipWriter *writer, const void *stored, gsize stored_bytes,
                                  GError **error);
/* The same for bytes that lie at @offset of another file open on @fd, by sharing its blocks where
 * the file system can: member begun aligned, and all three numbers multiples of 4 KiB. Not a byte
 * is looked at. @out_shared: FALSE where that can not be: nothing was appended then. */
gboolean cronos_zip_writer_share(CronosZipWriter *writer, int fd, guint64 offset,
                                 guint64 stored_bytes, gboolean *out_shared, GError **error);
/* @size_bytes: what was really read, which may differ from what was expected at begin. */
gboolean cronos_zip_writer_end(CronosZipWriter *writer, guint32 crc32, guint64 size_bytes,
                               GError **error);
/* Takes back everything since the last begin, as if it had not been called (a file that turned out
 * unreadable halfway, or must be read again). */
gboolean cronos_zip_writer_rollback(CronosZipWriter *writer, GError **error);

/* Adds a hidden stored member (SOZip index): local header and data, no central entry. */
gboolean cronos_zip_writer_add_hidden(CronosZipWriter *writer, const char *name, gsize name_length,
                                      const void *data, gsize size, GError **error);

/* Keeps room for a stored member of @size bytes whose content is known only at the end; it must be
 * the first member, and is the only one of its kind. It must be filled before finish. */
gboolean cronos_zip_writer_reserve(CronosZipWriter *writer, const CronosZipMember *member,
                                   gsize size, GError **error);
/* @data: exactly as long as was reserved. */
gboolean cronos_zip_writer_fill_reserved(CronosZipWriter *writer, const void *data, GError **error);

/* Returns: bytes written so far, headers included. */
guint64 cronos_zip_writer_position(const CronosZipWriter *writer);

/* Writes the central directory: after that, no member may be added. @out_crc32: of its bytes. */
gboolean cronos_zip_writer_write_directory(CronosZipWriter *writer, guint32 *out_crc32,
                                           GError **error);
/* Writes the central directory, unless that was done, and the end records, with @comment (at most
 * 65,535 bytes; NULL: none). Does not sync. */
gboolean cronos_zip_writer_finish(CronosZipWriter *writer, const char *comment,
                                  gsize comment_length, GError **error);
