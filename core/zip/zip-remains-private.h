/* SPDX-License-Identifier: MIT
 * zip-remains-private.h - the central headers beside the search for local ones */
#pragma once
#include "core/zip/zip-end.h"
#include "core/zip/zip-remains.h"

typedef struct {
    guint64 at;            /* of the header itself */
    guint64 header_offset; /* where it says that the local header is */
    guint64 stored_bytes, size_bytes;
    guint32 crc32;
    guint32 name_hash;
    guint16 name_length;
    gboolean taken; /* belongs to a member that was found or lost */
    guint64 reach;  /* once sorted: where the members up to this one end */
} CronosZipCentral;

/* Central headers, and how to find them by what they say. */
typedef struct {
    int fd;
    guint64 file_bytes;
    GArray *headers;  /* of CronosZipCentral; once sorted, by header_offset, then by .at */
    guint32 *by_hash; /* their numbers, by name_hash */
} CronosZipCentrals;

void cronos_zip_centrals_init(CronosZipCentrals *centrals, int fd, guint64 file_bytes);
void cronos_zip_centrals_clear(CronosZipCentrals *centrals);

/* Adds the header at @at, which ends at @limit at the latest. @out_added: FALSE where what it says
 * can not be meant. Returns: its length, or 0 where there is none. */
gsize cronos_zip_centrals_add(CronosZipCentrals *centrals, guint64 at, guint64 limit,
                              guint64 prefix_bytes, gboolean *out_added);
/* Adds all of the directory that @end describes. Returns: whether it holds as a whole; else none
 * was added. */
gboolean cronos_zip_centrals_add_directory(CronosZipCentrals *centrals, const CronosZipEnd *end);
/* To be called once all are there, before one is looked for. */
void cronos_zip_centrals_sort(CronosZipCentrals *centrals);

/* Returns: (borrowed) the header of the member whose local header is at @extent->header_offset: by
 * its name, or, where names differ, by sizes and checksum; or NULL. */
CronosZipCentral *cronos_zip_centrals_at(const CronosZipCentrals *centrals,
                                         const CronosZipExtent *extent, guint32 name_hash);
/* Returns: (borrowed) one that is not taken, of that name and with that content, wherever it says
 * that it is; or NULL. */
CronosZipCentral *cronos_zip_centrals_like(const CronosZipCentrals *centrals,
                                           const CronosZipRemain *remain);
/* Returns: whether there is one of that name. */
gboolean cronos_zip_centrals_know(const CronosZipCentrals *centrals, guint32 name_hash);
/* Returns: whether @offset lies within a member that one of them names; @out_next: where the next
 * one begins behind it. */
gboolean cronos_zip_centrals_cover(const CronosZipCentrals *centrals, guint64 offset,
                                   guint64 *out_next);
guint32 cronos_zip_name_hash(const CronosZipHeader *header);
