/* SPDX-License-Identifier: MIT
 * read-cursor.h - where the readers of one member are, and who of them reads in order
 *
 * A kernel that reads ahead sends requests in order, nearly: several at once, from several threads.
 * So a request that begins about where an earlier one ended belongs to the same reader. Threads:
 * the caller's lock. */
#pragma once
#include <glib.h>

#define CRONOS_READ_CURSORS 4u

typedef struct {
    guint64 begin;     /* of the first request */
    guint64 end;       /* of the farthest request */
    guint64 ahead_end; /* decoding ahead was asked for up to here */
    guint64 last_use;
    guint in_order; /* requests */
} CronosReadCursor;

typedef struct {
    CronosReadCursor cursors[CRONOS_READ_CURSORS];
    guint64 uses;
} CronosReadCursors;

/* @ahead_bytes: how far ahead of a reader is good at most; never farther than it has come, so that
 * who looks at the beginning of a file pays for little more. Returns: whether the request's reader
 * reads in order; then [@out_from, @out_to), cut at @end_of_member, is what to decode now, if
 * anything. */
gboolean cronos_read_cursors_note(CronosReadCursors *cursors, guint64 offset, gsize size,
                                  gsize ahead_bytes, guint64 end_of_member, guint64 *out_from,
                                  guint64 *out_to);
/* Returns: whether a reader asked for what lies at @offset itself lately. */
gboolean cronos_read_cursors_passed(const CronosReadCursors *cursors, guint64 offset);
