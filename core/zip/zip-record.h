/* SPDX-License-Identifier: MIT
 * zip-record.h - the headers of one member as the writer lays them out
 *
 * Private to core/zip.  Pure: bytes are appended to arrays, nothing is written. */
#pragma once
#include "core/member.h"

typedef struct {
    const char *name; /* without the '/' that ends a directory's name on disk */
    gsize name_length;
    CronosMemberInfo info; /* size_bytes and stored_bytes are the member's real ones */
    guint16 method;
    guint32 crc32;
    guint64 header_offset;
} CronosZipRecord;

#define ZIP_NAME_MAX 65534u /* bytes, room for a directory's '/' left */

/* Returns: whether local sizes of this record go into a ZIP64 field. */
gboolean cronos_zip_record_needs_zip64(const CronosZipRecord *record);
/* Appends the local header with its name and extra fields. @zip64: with a ZIP64 field, needed or
 * not. @align: 0, or a power of two up to 4096: the data that follows starts on a multiple of it
 * in the file. */
void cronos_zip_record_append_local(const CronosZipRecord *record, gboolean zip64, guint align,
                                    GByteArray *out);
/* Appends the central directory's entry. */
void cronos_zip_record_append_central(const CronosZipRecord *record, GByteArray *out);
/* Appends the ZIP64 end records where needed, and the end record with @comment. */
void cronos_zip_append_end(guint64 count, guint64 directory_offset, guint64 directory_bytes,
                           const char *comment, gsize comment_length, GByteArray *out);
