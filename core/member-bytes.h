/* SPDX-License-Identifier: MIT
 * member-bytes.h - a member's decoded bytes from first to last, in pieces
 *
 * Small members arrive in one piece, decoded and checked before anything is delivered; larger ones
 * as a stream, whose last piece is delivered only if the checksum holds. */
#pragma once
#include "core/archive.h"
#include "core/progress-tally.h"

#define CRONOS_PIECE_BYTES ((gsize)1 << 20)

/* Where pieces are decoded into: as large as the members have needed so far. All zero is empty. */
typedef struct {
    guint8 *bytes;
    gsize size_bytes;
} CronosPieceRoom;

/* Returns: (borrowed) room for a piece of a member of @size_bytes: as many bytes, and
 * CRONOS_PIECE_BYTES at most. Valid until the next call; what it held is lost. */
guint8 *cronos_piece_room(CronosPieceRoom *room, guint64 size_bytes);
void cronos_piece_room_clear(CronosPieceRoom *room);

/* @piece: valid in the call only. Returns: FALSE with @error to stop. */
typedef gboolean (*CronosPieceFunc)(const guint8 *piece, gsize length, guint64 offset,
                                    gpointer user_data, GError **error);

/* Delivers the @size_bytes that the index declares; an empty member delivers nothing, but is
 * checked. @room: the calling thread's own. @tally: bytes are added, and it is asked for
 * cancellation at every piece. Returns: FALSE with @error: DAMAGED, UNSUPPORTED, CANCELLED, system,
 * or @func's own. */
gboolean cronos_member_bytes(CronosArchive *archive, guint32 entry, guint64 size_bytes,
                             CronosPieceRoom *room, CronosTally *tally, CronosPieceFunc func,
                             gpointer user_data, GError **error);

/* Returns: (owned) "PATH: reason", the path quoted; @message may name the path itself already. */
char *cronos_member_report(const char *path, const char *message);
