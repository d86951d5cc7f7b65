/* SPDX-License-Identifier: MIT
 * zip-end.h - finding the central directory from the end of the file */
#pragma once
#include <glib.h>

typedef struct {
    guint64 directory_offset; /* from the start of the file, prefix included */
    guint64 directory_bytes;
    guint64 members;        /* as declared */
    gboolean members_exact; /* FALSE: @members is known modulo 65,536 only (no ZIP64 record) */
    guint64 prefix_bytes;   /* what precedes the archive: added to every recorded offset */
    guint64 trailing_bytes; /* what follows it */
    char *comment;          /* (owned) NUL-terminated beyond its length; never NULL */
    gsize comment_length;
} CronosZipEnd;

/* Looks for the end of central directory record of the file open on @fd, @file_bytes long. Reads
 * 4 KiB from the tail, at most 64 KiB more for a longer comment, and the few bytes that show that a
 * central directory begins where the record says. Of several candidates the last one whose comment
 * ends with the file wins; failing that, the last one with other bytes after it. An archive may
 * have a prefix or trailing bytes, but not both, and a file that starts with a member of its own
 * has no prefix: otherwise a truncated archive could pass for the last archive stored in it.
 * Returns: FALSE with @error DAMAGED, UNSUPPORTED (several disks) or a system error. */
gboolean cronos_zip_end_find(int fd, guint64 file_bytes, CronosZipEnd *out_end, GError **error);
/* The same of a file whose size is not known yet, for a directory that fits offsets of 32 bits:
 * UNSUPPORTED where it does not, or where @fd is no regular file. */
gboolean cronos_zip_end_open(int fd, CronosZipEnd *out_end, gint64 *out_file_mtime_ns,
                             GError **error);
/* What the end record says that ends with the file, whether or not there is a directory where it
 * says: all but directory_offset and prefix_bytes. For archives that are damaged. Returns: FALSE
 * where there is none. */
gboolean cronos_zip_end_glimpse(int fd, guint64 file_bytes, CronosZipEnd *out_end);
void cronos_zip_end_clear(CronosZipEnd *end);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CronosZipEnd, cronos_zip_end_clear)
