/* SPDX-License-Identifier: MIT
 * zip-remains.h - what is left of a damaged archive: its members, found by their local headers
 *
 * The whole file is looked through, from front to end. A local header is taken for a member's where
 * the bytes behind it end where they must: at another header or an end record, or, failing that,
 * where they decode to their checksum. The search goes on behind the member, so that an archive
 * stored in it is not looked into. Where a header's bytes do not come to a good end, it goes on
 * right behind the header. Sizes that are not in the header, but in a data descriptor behind the
 * data (APPNOTE 4.3.9), are found by decoding.
 *
 * Central headers add names, modes, times and owners. Where the central directory as a whole holds,
 * it also says what is no member: what lies within those it names. Where it does not, its headers
 * are found one by one, and belong to the local header at the offset they name, or, since bytes may
 * have been lost or added before it, to one of the same name, sizes and checksum. Where a member's
 * two headers differ in the name, one of them is damaged: it goes by the central one's, unless that
 * is another member's. Hidden members with a SOZip index (sozip.h) are passed over.
 *
 * Memory: 64 bytes a member, and as many a central header. Time: headers that lie about what
 * follows could make the same bytes be decoded over and over; the search ends where that goes
 * beyond some multiple of the file's size. */
#pragma once
#include "core/zip/zip-header.h"
#include "core/zip/zip-measure.h"

#define CRONOS_ZIP_REMAINS_MAX 10000000u /* members; more than that is UNSUPPORTED */
#define CRONOS_ZIP_NOWHERE G_MAXUINT64

typedef struct {
    CronosZipExtent extent; /* where its bytes are, and what they must decode to: that they do is
                             * for whoever reads them to see */
    guint64 central;        /* where its central header is, or CRONOS_ZIP_NOWHERE */
    guint32 header_bytes;   /* of the local header, its name and extra fields; 0: there is none */
    guint32 central_hash;   /* of the name in the central header; for the search alone */
    const char *reason;     /* NULL; or why the member is lost */
    guint32 name_hash;      /* of the local name; this and .hidden are for the search alone */
    guint hidden : 1;
    guint two_names : 1; /* its headers differ in the name */
    guint by_local : 1;  /* then: it goes by that of the local header */
} CronosZipRemain;

typedef struct CronosZipRemains CronosZipRemains;

/* Searches the file open on @fd (borrowed, outlives what is returned).
 * @func: (nullable) called with bytes that are looked at, now and then, also with none; its error
 * ends the search. Returns: (owned), or NULL with @error UNSUPPORTED, a system error or @func's
 * own. Threads: immutable. */
CronosZipRemains *cronos_zip_remains_find(int fd, CronosZipStoredFunc func, gpointer user_data,
                                          GError **error);
void cronos_zip_remains_free(CronosZipRemains *remains); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipRemains, cronos_zip_remains_free)

/* In the order of their offsets; also lost ones, and those that a central header alone tells of. */
guint32 cronos_zip_remains_count(const CronosZipRemains *remains);
const CronosZipRemain *cronos_zip_remains_get(const CronosZipRemains *remains, guint32 number);

/* Reads what is known of the member: its central header, with the name that it goes by, or, where
 * there is none or @local asks for it, the local one in its form. @out_bytes: (owned) where the
 * header's name and extra fields lie. Returns: FALSE with @error DAMAGED or a system error, also
 * where the file has changed. */
gboolean cronos_zip_remains_header(const CronosZipRemains *remains, guint32 number, gboolean local,
                                   CronosZipHeader *out_header, guint8 **out_bytes, GError **error);

/* Returns: (owned) of a member with two names the one that it does not go by, "" where it can no
 * longer be read. */
char *cronos_zip_remains_other_name(const CronosZipRemains *remains, guint32 number);

/* Returns: whether the central directory holds as a whole, and so names every member. */
gboolean cronos_zip_remains_has_directory(const CronosZipRemains *remains);
/* Returns: whether it can be told how many members there were beside those found and lost.
 * @out_missing: that number. */
gboolean cronos_zip_remains_count_missing(const CronosZipRemains *remains, guint64 *out_missing);
/* Returns: whether the search ended early, since the headers lie. */
gboolean cronos_zip_remains_gave_up(const CronosZipRemains *remains);
/* Returns: (borrowed) the archive comment, or NULL; not NUL-terminated. */
const char *cronos_zip_remains_comment(const CronosZipRemains *remains, gsize *out_length);
