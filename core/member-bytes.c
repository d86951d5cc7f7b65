/* SPDX-License-Identifier: MIT
 * member-bytes.c - whole members for restore and verify */
#include "core/member-bytes.h"
#include "core/error.h"

#include <string.h>

#define ROOM_LEAST ((gsize)4 << 10)

guint8 *cronos_piece_room(CronosPieceRoom *room, guint64 size_bytes)
{
    gsize needed = (gsize)MIN(size_bytes, CRONOS_PIECE_BYTES),
          grown = MAX(room->size_bytes, ROOM_LEAST);

    if (room->size_bytes >= MAX(needed, ROOM_LEAST))
        return room->bytes;
    while (grown < needed)
        grown *= 2;
    g_free(room->bytes);
    room->bytes = g_malloc(grown);
    room->size_bytes = grown;
    return room->bytes;
}

void cronos_piece_room_clear(CronosPieceRoom *room)
{
    g_clear_pointer(&room->bytes, g_free);
    room->size_bytes = 0;
}

static gboolean set_damaged(CronosArchive *archive, guint32 entry, const char *reason,
                            GError **error)
{
    g_autofree char *path = cronos_archive_path(archive, entry);
    g_autofree char *quoted = cronos_quote_path(path);

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "%s: %s", quoted, reason);
    return FALSE;
}

static gboolean deliver_whole(CronosArchive *archive, guint32 entry, gsize size, void *buffer,
                              CronosTally *tally, CronosPieceFunc func, gpointer user_data,
                              GError **error)
{
    gssize length = cronos_archive_read(archive, entry, 0, buffer, size, error);

    if (length < 0)
        return FALSE;
    if ((gsize)length != size)
        return set_damaged(archive, entry, "is shorter than the archive says", error);
    if (size > 0 && !func(buffer, size, 0, user_data, error))
        return FALSE;
    cronos_tally_add(tally, size, 0, NULL);
    return TRUE;
}

static gboolean deliver_stream(CronosArchive *archive, guint32 entry, guint64 size, void *buffer,
                               CronosTally *tally, CronosPieceFunc func, gpointer user_data,
                               GError **error)
{
    g_autoptr(CronosArchiveStream) stream = cronos_archive_stream_open(archive, entry, error);
    guint64 offset = 0;

    if (stream == NULL)
        return FALSE;
    for (;;) {
        if (!cronos_tally_check(tally, error))
            return FALSE;
        gssize length = cronos_archive_stream_read(stream, buffer, CRONOS_PIECE_BYTES, error);
        if (length < 0)
            return FALSE;
        if (length == 0)
            break;
        if ((guint64)length > size - offset)
            return set_damaged(archive, entry, "is longer than the archive says", error);
        if (!func(buffer, (gsize)length, offset, user_data, error))
            return FALSE;
        offset += (guint64)length;
        cronos_tally_add(tally, (guint64)length, 0, NULL);
    }
    if (offset != size)
        return set_damaged(archive, entry, "is shorter than the archive says", error);
    return TRUE;
}

gboolean cronos_member_bytes(CronosArchive *archive, guint32 entry, guint64 size_bytes,
                             CronosPieceRoom *room, CronosTally *tally, CronosPieceFunc func,
                             gpointer user_data, GError **error)
{
    if (!cronos_tally_check(tally, error))
        return FALSE;
    guint8 *buffer = cronos_piece_room(room, size_bytes);
    if (size_bytes <= CRONOS_PIECE_BYTES)
        return deliver_whole(archive, entry, (gsize)size_bytes, buffer, tally, func, user_data,
                             error);
    return deliver_stream(archive, entry, size_bytes, buffer, tally, func, user_data, error);
}

char *cronos_member_report(const char *path, const char *message)
{
    g_autofree char *quoted = cronos_quote_path(path);
    g_autofree char *prefix = g_strconcat(quoted, ": ", NULL);
    const char *named = strstr(message, prefix);

    /* What stands before it names the archive, which the report as a whole is about. */
    if (named != NULL &&
        (named == message || (named - message >= 2 && memcmp(named - 2, ": ", 2) == 0)))
        return g_strdup(named);
    return g_strconcat(prefix, message, NULL);
}
