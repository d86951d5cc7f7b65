/* SPDX-License-Identifier: MIT
 * read-spans.h - any place of a large deflated member, once the way there was decoded
 *
 * The member is cut into spans of about a megabyte as it is decoded for the first time (see
 * core/zip/zip-seek.h): where a span begins, the CRC of its bytes, and the window before it, kept
 * compressed. Later reads decode one span, in any order, and any thread may; its bytes are held
 * against the CRC of the first time. Only the first pass is in order: one thread at a time takes it
 * further, others wait. Whether all is right is known where it ends (cronos_read_spans_check).
 *
 * Limits: windows are given up, every second one, when memory is short (cronos_read_spans_thin);
 * from then on a read decodes several spans. A stream with a block of more than
 * CRONOS_READ_SPAN_MOST decoded bytes can not be cut there. Threads: all safe. */
#pragma once
#include "core/read-piece.h"
#include "core/zip/zip-seek.h"

#define CRONOS_READ_SPAN_MOST ((gsize)16 << 20)

typedef struct CronosReadSpans CronosReadSpans;

/* @deflate: copied. @span_bytes: how long spans shall be, roughly. @windows_most: bytes; where
 * windows take more, every second one is given up, also while a single read goes a long way. */
CronosReadSpans *cronos_read_spans_new(const CronosZipDeflate *deflate, guint64 size_bytes,
                                       guint32 crc32, gsize span_bytes, gsize windows_most);
void cronos_read_spans_free(CronosReadSpans *spans); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosReadSpans, cronos_read_spans_free)

/* Gets what lies at @offset, which is within the member. Returns: FALSE with @error: DAMAGED or a
 * system error; or without, where the member can not be cut before @offset. */
gboolean cronos_read_spans_piece(CronosReadSpans *spans, guint64 offset, CronosReadPiece *out_piece,
                                 GError **error);

/* Returns: FALSE with @error DAMAGED when the first pass has reached the end and the member's CRC
 * is not what it came to. */
gboolean cronos_read_spans_check(CronosReadSpans *spans, GError **error);

/* Returns: where the span at @offset ends; 0: it was not decoded yet. @out_at_hand: whether its
 * bytes are, or soon will be. */
guint64 cronos_read_spans_end(CronosReadSpans *spans, guint64 offset, gboolean *out_at_hand);
/* Asks for the first pass to be taken to @goal. Returns: whether somebody has to do it, who calls
 * cronos_read_spans_pursue. */
gboolean cronos_read_spans_set_goal(CronosReadSpans *spans, guint64 goal);
/* Takes the first pass to the goal, or to where it fails. */
void cronos_read_spans_pursue(CronosReadSpans *spans);
/* Nobody will. */
void cronos_read_spans_give_up_goal(CronosReadSpans *spans);

/* Returns: bytes of memory that its spans and windows take. */
gsize cronos_read_spans_memory(CronosReadSpans *spans);
/* Returns: bytes of its windows alone. */
gsize cronos_read_spans_window_bytes(CronosReadSpans *spans);
/* Gives up every second window. */
void cronos_read_spans_thin(CronosReadSpans *spans);
