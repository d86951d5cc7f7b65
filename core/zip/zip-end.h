/* SPDX-License-Identifier: MIT
 * zip-end.h - finding the central directory from the end of the file */
#pragma once
#include <glib.h>

/* A directory of up to so many bytes is read together with what shows where it is. */
#define CRONOS_ZIP_END_DIRECTORY_MAX (1u << 20)

typedef struct {
    guint64 directory_offset; /* from the start of the file, prefix included */
    guint64 directory_bytes;
    guint64 members;        /* as declared */
    gboolean members_exact; /* FALSE: @members is known modulo 65,536 only (no ZIP64 record) */
    guint64 prefix_bytes;   /* what precedes the archive: added to every recorded offset */
    guint64 trailing_bytes; /* what follows it */
    char *comment;          /* (owned) NUL-terminated beyond its length; never NULL */
    gsize comment_length;
    guint64 file_bytes;
    guint8 *tail; /* (owned, nullable) the file's last @tail_bytes, as they were read */
    gsize tail_bytes;
} CronosZipEnd;

/* Looks for the end of central directory record of the file open on @fd, @file_bytes long. Reads
 * 64 KiB from the tail, once; and, where the central directory does not begin in there, the few
 * bytes that show that one begins where the record says. A file system may be on the other side of
 * a network, where what counts is how often it is asked. Of several candidates the last one whose
 * comment ends with the file wins; failing that, the last one with other bytes after it. An archive
 * may have a prefix or trailing bytes, but not both, and a file that starts with a member of its
 * own has no prefix: otherwise a truncated archive could pass for the last archive stored in it.
 * Returns: FALSE with @error DAMAGED, UNSUPPORTED (several disks) or a system error. */
gboolean cronos_zip_end_find(int fd, guint64 file_bytes, CronosZipEnd *out_end, GError **error);
/* The same of a file whose size is not known yet, for one who wants the directory next: one of up
 * to CRONOS_ZIP_END_DIRECTORY_MAX is read whole at once, and kept in @out_end->tail. For a
 * directory that fits offsets of 32 bits: UNSUPPORTED where it does not, or where @fd is no regular
 * file. */
gboolean cronos_zip_end_open(int fd, CronosZipEnd *out_end, gint64 *out_file_mtime_ns,
                             GError **error);
/* Reads a part of the file that cronos_zip_end_open saw: of that, only what the tail does not hold.
 * Returns: FALSE with @error DAMAGED or a system error. */
gboolean cronos_zip_end_read(const CronosZipEnd *end, int fd, void *buffer, gsize size,
                             guint64 offset, GError **error);
/* To be called once the directory has been read. */
void cronos_zip_end_drop_tail(CronosZipEnd *end);
/* What the end record says that ends with the file, whether or not there is a directory where it
 * says: all but directory_offset and prefix_bytes. For archives that are damaged. Returns: FALSE
 * where there is none. */
gboolean cronos_zip_end_glimpse(int fd, guint64 file_bytes, CronosZipEnd *out_end);
void cronos_zip_end_clear(CronosZipEnd *end);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CronosZipEnd, cronos_zip_end_clear)
