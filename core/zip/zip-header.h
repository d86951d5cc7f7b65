/* SPDX-License-Identifier: MIT
 * zip-header.h - one central header, decoded when asked for
 *
 * The bytes lie in a map that may change at any time: the fixed part is copied once, lengths are
 * taken from the copy, and every later access stays within them. */
#pragma once
#include "core/member.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-index.h"

typedef struct {
    guint8 fixed[ZIP_CENTRAL_SIZE]; /* a copy */
    const guint8 *name;             /* name, extra fields and comment follow each other */
    gsize name_length, extra_length, comment_length;
} CronosZipHeader;

/* Takes the header at @at of a directory of @bytes bytes. Returns: FALSE when there is none, or it
 * does not fit. */
gboolean cronos_zip_header_read(const guint8 *directory, gsize bytes, gsize at,
                                CronosZipHeader *out_header);
/* Bytes from one header to the next. */
gsize cronos_zip_header_bytes(const CronosZipHeader *header);
guint8 cronos_zip_header_made_by(const CronosZipHeader *header); /* ZIP_MADE_BY_... */
guint16 cronos_zip_header_flags(const CronosZipHeader *header);
/* Returns: whether Unix permissions are stored, and in @out_mode st_mode as far as it is. */
gboolean cronos_zip_header_mode(const CronosZipHeader *header, guint32 *out_mode);
/* Returns: whether the attributes (not the name) make it a folder. A member with bytes is none. */
gboolean cronos_zip_header_says_directory(const CronosZipHeader *header);

/* Finds the first extra field @id in @extra. Returns: its payload, or NULL. A field that reaches
 * beyond @length ends the search. */
const guint8 *cronos_zip_extra_find(const guint8 *extra, gsize length, guint16 id,
                                    gsize *out_length);

/* Resolves ZIP64. @prefix_bytes: what precedes the archive in the file. Fails with DAMAGED, or with
 * UNSUPPORTED for a member on another disk. */
gboolean cronos_zip_header_extent(const CronosZipHeader *header, guint64 prefix_bytes,
                                  CronosZipExtent *out_extent, GError **error);
/* Everything but .implied; @directory: what the tree decided. */
gboolean cronos_zip_header_info(const CronosZipHeader *header, gboolean directory,
                                CronosMemberInfo *out_info, GError **error);

/* What is known of a folder that only names imply, in a file of that time. */
void cronos_zip_implied_info(gint64 file_mtime_ns, CronosMemberInfo *out_info);

/* Returns: nanoseconds since the epoch of a DOS date and time, taken as local time. Fields out of
 * range are clamped. Cheap: neighbouring times share one conversion per thread. */
gint64 cronos_zip_dos_time_ns(guint16 date, guint16 time);
