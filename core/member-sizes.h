/* SPDX-License-Identifier: MIT
 * member-sizes.h - what makes an archive large: its largest members, and the sums by kind
 *
 * Implied folders and the metadata that create added are left out. Memory: 48 bytes for each of the
 * largest that are asked for, and a few hundred for each file name extension there is. */
#pragma once
#include "core/archive.h"

typedef struct {
    guint32 entry;
    guint64 size_bytes, stored_bytes;
} CronosSizedMember;

typedef struct {
    CronosMemberKind kind;
    char *extension; /* of files: lower case and with its dot, as in ".c", or "" where there is none
                        of 1 to 16 letters, digits and "_+-"; NULL for folders and links */
    guint64 members, size_bytes, stored_bytes;
} CronosKindSizes;

typedef struct {
    GArray *largest; /* of CronosSizedMember, files and links, by stored bytes, the largest first */
    GPtrArray *kinds; /* of CronosKindSizes *, likewise */
} CronosMemberSizes;

/* @largest: how many members are wanted. Returns: (owned), or NULL with @error as
 * cronos_archive_info. */
CronosMemberSizes *cronos_member_sizes_read(CronosArchive *archive, guint largest, GError **error);
void cronos_member_sizes_free(CronosMemberSizes *sizes); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosMemberSizes, cronos_member_sizes_free)
