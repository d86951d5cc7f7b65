/* SPDX-License-Identifier: MIT
 * read-member-private.h - one member, for read-member.c and the table in read-members.c */
#pragma once
#include "core/read-chunks.h"
#include "core/read-cursor.h"
#include "core/read-member.h"
#include "core/read-spans.h"
#include "core/read-sums.h"

struct CronosReadMember {
    guint64 owner;
    guint32 entry;
    guint64 id; /* of its chunks' blocks' owner */

    GMutex lock; /* the fields below, unless they say otherwise */
    gboolean prepared;
    CronosReadCursors cursors;
    /* These do not change any more once they are set. */
    CronosZipDeflate deflate;
    guint64 size_bytes;
    guint32 crc32;
    CronosReadChunks *chunks; /* NULL: stored, or no index that can be used */
    CronosReadSpans *spans;   /* NULL: stored, or not needed yet */
    CronosReadSums *sums;     /* of a stored one, and of chunks without CRCs; else NULL */

    /* The table's, under its lock. */
    guint refs;
    gboolean listed;
    gsize counted_bytes;
    GList link; /* by last use, newest first; while it is listed */
};

CronosReadMember *cronos_read_member_new(guint64 owner, guint32 entry);
/* Frees the member itself, which nobody holds. */
void cronos_read_member_free(CronosReadMember *member);
/* Finds the member's data and index, once. Returns: FALSE with @error. */
gboolean cronos_read_member_prepare(CronosReadMember *member, int fd, const CronosZipExtent *extent,
                                    guint64 limit, GError **error);
/* Returns: what the member takes now, in bytes. */
gsize cronos_read_member_memory(CronosReadMember *member);
/* Returns: bytes of its windows alone; 0 where it has no spans. */
gsize cronos_read_member_window_bytes(CronosReadMember *member);
/* Returns: whether its sums were found to be wrong. */
gboolean cronos_read_member_is_damaged(CronosReadMember *member);

CronosReadMember *cronos_read_member_ref(CronosReadMember *member);
