/* SPDX-License-Identifier: MIT
 * read-member.h - what is kept of each large member, so that any place of it is near
 *
 * Of a deflated one, its SOZip index if it has one (read-chunks.h), the spans it was found to
 * consist of (read-spans.h), and where its readers are, so that those who read in order find
 * decoded what they ask for next. Of a stored one, and one whose index has no CRCs, the sums of
 * what was read (read-sums.h). One table for the process, bounded: the member with the most windows
 * thins them, and those not used for the longest time are forgotten. Threads: all safe. */
#pragma once
#include "core/read-piece.h"
#include "core/zip/zip-index.h"

typedef struct CronosReadMember CronosReadMember;

/* @owner: the engine. @fd, @limit: as for cronos_zip_locate; @fd is borrowed until
 * cronos_read_members_drop. Returns: (owned) a reference, or NULL with @error. */
CronosReadMember *cronos_read_member_get(guint64 owner, guint32 entry, int fd,
                                         const CronosZipExtent *extent, guint64 limit,
                                         GError **error);
void cronos_read_member_release(CronosReadMember *member);

/* Of a stored member: reads what is within it. Returns: FALSE with @error: a system error, or as
 * cronos_read_sums_add. */
gboolean cronos_read_member_read_stored(CronosReadMember *member, guint64 offset, void *buffer,
                                        gsize size, GError **error);
/* The others are of deflated members.
 * Gets what lies at @offset, which is within the member. Returns: FALSE with @error: DAMAGED or a
 * system error; or without, where only streams will do (read-streams.h). */
gboolean cronos_read_member_piece(CronosReadMember *member, guint64 offset,
                                  CronosReadPiece *out_piece, GError **error);
/* For a request that reaches the member's end, once it is served: who reads to there learns whether
 * all that was delivered is right. Returns: FALSE with @error DAMAGED. */
gboolean cronos_read_member_check(CronosReadMember *member, GError **error);
/* To be told of each request before it is served. Returns: whether its reader goes on in order;
 * then what comes next is being decoded ahead. */
gboolean cronos_read_member_note(CronosReadMember *member, guint64 offset, gsize size);

/* Forgets the members of @owner; ends what is done ahead for them. No reader is at work. */
void cronos_read_members_drop(guint64 owner);
/* Sets how much memory indexes, spans and windows may take together, in bytes. */
void cronos_read_members_set_limit(gsize bytes);
