/* SPDX-License-Identifier: MIT
 * member-chunks.h - a large member's decoded bytes by several threads at once
 *
 * Where the archive has an index of chunks that decode alone (SOZip). */
#pragma once
#include "core/member-bytes.h"

/* Smaller members are not worth more threads than one. */
#define CRONOS_SHARED_MEMBER_BYTES ((guint64)16 << 20)

/* Delivers every chunk to @func, which is called by @threads threads (0: one per processor) at
 * once, with chunks in any order; it must not keep the piece. That all is right is known only at
 * the end.
 * @tally: bytes are added, and it is asked for cancellation at every chunk.
 * @out_delivered: FALSE where the member has no such index: nothing was delivered then.
 * Returns: FALSE with @error: DAMAGED (the index or the member: cronos_member_bytes tells which),
 * CANCELLED, system, or @func's own. */
gboolean cronos_member_chunks(CronosArchive *archive, guint32 entry, guint threads,
                              CronosTally *tally, CronosPieceFunc func, gpointer user_data,
                              gboolean *out_delivered, GError **error);
