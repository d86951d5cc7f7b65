/* SPDX-License-Identifier: MIT
 * read-cursor.c - who reads in order */
#include "core/read-cursor.h"

/* How far a request may begin from where the reader is. */
#define SLACK_BYTES ((guint64)1 << 20)
/* How far behind a reader a place is still its. */
#define PASSED_BYTES ((guint64)32 << 20)
/* So many requests in order mean that more will come. */
#define REQUESTS_IN_ORDER 3u

static gboolean belongs(const CronosReadCursor *cursor, guint64 offset)
{
    return cursor->last_use != 0 && offset + SLACK_BYTES >= cursor->end &&
           offset <= cursor->end + SLACK_BYTES;
}

static CronosReadCursor *find(CronosReadCursors *cursors, guint64 offset)
{
    CronosReadCursor *oldest = &cursors->cursors[0];

    for (guint i = 0; i < CRONOS_READ_CURSORS; i++) {
        CronosReadCursor *cursor = &cursors->cursors[i];

        if (belongs(cursor, offset))
            return cursor;
        if (cursor->last_use < oldest->last_use)
            oldest = cursor;
    }
    *oldest = (CronosReadCursor){.begin = offset, .end = offset};
    return oldest;
}

gboolean cronos_read_cursors_note(CronosReadCursors *cursors, guint64 offset, gsize size,
                                  gsize ahead_bytes, guint64 end_of_member, guint64 *out_from,
                                  guint64 *out_to)
{
    CronosReadCursor *cursor = find(cursors, offset);

    cursor->last_use = ++cursors->uses;
    if (offset + size > cursor->end)
        cursor->in_order++;
    cursor->end = MAX(cursor->end, offset + size);
    ahead_bytes = (gsize)MIN(ahead_bytes, cursor->end - cursor->begin);
    *out_from = MAX(cursor->ahead_end, cursor->end);
    *out_to = MIN(cursor->end + ahead_bytes, end_of_member);
    if (cursor->in_order < REQUESTS_IN_ORDER)
        return FALSE;
    cursor->ahead_end = MAX(cursor->ahead_end, *out_to);
    return TRUE;
}

gboolean cronos_read_cursors_passed(const CronosReadCursors *cursors, guint64 offset)
{
    for (guint i = 0; i < CRONOS_READ_CURSORS; i++) {
        const CronosReadCursor *cursor = &cursors->cursors[i];

        if (cursor->end > offset && offset + PASSED_BYTES > cursor->end)
            return TRUE;
    }
    return FALSE;
}
