/* SPDX-License-Identifier: MIT
 * read-member.c - one large member: chunks, spans, readers */
#include "core/read-member.h"

#include "core/error.h"
#include "core/read-ahead.h"
#include "core/read-chunks.h"
#include "core/read-cursor.h"
#include "core/read-member-private.h"
#include "core/read-memory.h"
#include "core/read-spans.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"

#include <string.h>

#define SPAN_BYTES_LEAST ((gsize)256 << 10)
#define SPAN_BYTES ((gsize)1 << 20)
/* Longer ones where there would be too many. */
#define SPANS_WISHED_MOST 16384u
#define WINDOWS_LEAST ((gsize)256 << 10)
/* How far ahead of a reader decoding goes, at most. */
#define AHEAD_BYTES_MOST ((gsize)4 << 20)

CronosReadMember *cronos_read_member_new(guint64 owner, guint32 entry)
{
    CronosReadMember *member = g_new0(CronosReadMember, 1);

    member->owner = owner;
    member->entry = entry;
    member->id = cronos_read_cache_new_owner();
    g_mutex_init(&member->lock);
    member->link.data = member;
    return member;
}

void cronos_read_member_free(CronosReadMember *member)
{
    cronos_read_cache_drop(member->id);
    cronos_read_sums_free(member->sums);
    cronos_read_chunks_free(member->chunks);
    cronos_read_spans_free(member->spans);
    g_mutex_clear(&member->lock);
    g_free(member);
}

gboolean cronos_read_member_prepare(CronosReadMember *member, int fd, const CronosZipExtent *extent,
                                    guint64 limit, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&member->lock);

    if (member->prepared)
        return TRUE;
    member->deflate = (CronosZipDeflate){.fd = fd, .stored_bytes = extent->stored_bytes};
    if (!cronos_zip_locate(fd, extent, limit, &member->deflate.offset, error))
        return FALSE;
    member->size_bytes = extent->size_bytes;
    member->crc32 = extent->crc32;
    if (extent->method != ZIP_METHOD_STORED)
        member->chunks = cronos_read_chunks_new(&member->deflate, extent, limit);
    if (extent->method == ZIP_METHOD_STORED ||
        (member->chunks != NULL && !cronos_read_chunks_have_crcs(member->chunks)))
        member->sums = cronos_read_sums_new(extent->size_bytes, extent->crc32);
    member->prepared = TRUE;
    return TRUE;
}

gsize cronos_read_member_memory(CronosReadMember *member)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&member->lock);

    return sizeof *member + (member->sums == NULL ? 0 : cronos_read_sums_memory(member->sums)) +
           (member->chunks == NULL ? 0 : cronos_read_chunks_memory(member->chunks)) +
           (member->spans == NULL ? 0 : cronos_read_spans_memory(member->spans));
}

gsize cronos_read_member_window_bytes(CronosReadMember *member)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&member->lock);

    return member->spans == NULL ? 0 : cronos_read_spans_window_bytes(member->spans);
}

static gboolean sums_hold(const CronosReadMember *member, GError **error)
{
    return member->sums == NULL || cronos_read_sums_check(member->sums, error);
}

gboolean cronos_read_member_is_damaged(CronosReadMember *member)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&member->lock);

    return !sums_hold(member, NULL);
}

gboolean cronos_read_member_read_stored(CronosReadMember *member, guint64 offset, void *buffer,
                                        gsize size, GError **error)
{
    return cronos_zip_pread_exactly(member->deflate.fd, buffer, size,
                                    member->deflate.offset + offset, error) &&
           cronos_read_sums_add(member->sums, offset, buffer, size, error);
}

static gsize span_bytes(guint64 size_bytes)
{
    gsize fitting = CLAMP(cronos_read_cache_limit() / 8, SPAN_BYTES_LEAST, SPAN_BYTES);

    return (gsize)CLAMP(size_bytes / SPANS_WISHED_MOST, fitting, CRONOS_READ_SPAN_MOST / 2);
}

/* What the table of members would not let it keep anyway. */
static gsize windows_most(void)
{
    return MAX(cronos_read_cache_limit() / 3 * 2, WINDOWS_LEAST);
}

/* A member with an index seldom needs its spans. */
static CronosReadSpans *need_spans(CronosReadMember *member)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&member->lock);

    if (member->spans == NULL)
        member->spans = cronos_read_spans_new(&member->deflate, member->size_bytes, member->crc32,
                                              span_bytes(member->size_bytes), windows_most());
    return member->spans;
}

static gboolean copy_spans(CronosReadMember *member, guint64 offset, guint8 *out, gsize size,
                           GError **error)
{
    CronosReadSpans *spans = need_spans(member);
    CronosReadPiece piece;

    for (gsize done = 0, n; done < size; done += n) {
        if (!cronos_read_spans_piece(spans, offset + done, &piece, error))
            return FALSE;
        gsize skip = (gsize)(offset + done - piece.offset);
        n = MIN(size - done, piece.size - skip);
        memcpy(out + done, piece.bytes + skip, n);
        cronos_read_cache_release(piece.block);
    }
    return TRUE;
}

static gboolean decode_chunk(CronosReadMember *member, guint64 number, CronosReadBlock *block,
                             GError **error)
{
    guint64 stored;
    gsize size = cronos_read_chunks_describe(member->chunks, number, &stored);
    gsize in_flight = size + (gsize)MIN(stored, size);

    cronos_read_memory_begin(in_flight);
    cronos_read_cache_make_room(block, size);
    block->size = size;
    gboolean ok = cronos_read_chunks_decode(member->chunks, number, block->bytes, error);
    cronos_read_memory_end(in_flight);
    return ok;
}

/* Returns: whether the member is what its checksum says, all of it. */
static gboolean is_whole(CronosReadMember *member)
{
    CronosReadSpans *spans = need_spans(member);
    CronosReadPiece last;

    if (!cronos_read_spans_piece(spans, member->size_bytes - 1, &last, NULL))
        return FALSE;
    cronos_read_cache_release(last.block);
    return cronos_read_spans_check(spans, NULL);
}

/* A chunk that can not be had alone, from the spans it lies in.
 * Returns: FALSE as cronos_read_member_piece. */
static gboolean fill_from_spans(CronosReadMember *member, guint64 number, CronosReadBlock *block,
                                GError **error)
{
    return copy_spans(member, number * cronos_read_chunks_size(member->chunks), block->bytes,
                      block->size, error) &&
           cronos_read_chunks_check(member->chunks, number, block->bytes, error);
}

/* Where a chunk does not decode, it may be damaged; or it needs what lies before it, which the
 * index denies: then every other program can read it. What is had the long way counts if a checksum
 * holds: the chunk's own, or else the member's. */
static gboolean redeem_chunk(CronosReadMember *member, guint64 number, CronosReadBlock *block)
{
    return fill_from_spans(member, number, block, NULL) &&
           (cronos_read_chunks_have_crcs(member->chunks) || is_whole(member));
}

/* Returns: FALSE as cronos_read_member_piece. */
static gboolean fill_chunk(CronosReadMember *member, guint64 number, CronosReadBlock *block,
                           gboolean ahead, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (decode_chunk(member, number, block, &failure))
        return TRUE;
    /* The long way is not gone on a guess. */
    if (failure == NULL)
        return !ahead && fill_from_spans(member, number, block, error);
    if (!ahead && g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_DAMAGED) &&
        redeem_chunk(member, number, block))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean chunk_piece(CronosReadMember *member, guint64 offset, gboolean ahead,
                            CronosReadPiece *out_piece, GError **error)
{
    guint32 chunk_size = cronos_read_chunks_size(member->chunks);
    guint64 number = offset / chunk_size;
    gboolean must_fill, ok = TRUE;
    CronosReadBlock *block = cronos_read_cache_claim(member->id, number, 0, &must_fill);

    if (must_fill) {
        ok = fill_chunk(member, number, block, ahead, error) &&
             (member->sums == NULL || cronos_read_sums_add(member->sums, number * chunk_size,
                                                           block->bytes, block->size, error));
        cronos_read_cache_settle(block, ok);
    }
    if (!ok || !sums_hold(member, error)) {
        cronos_read_cache_release(block);
        return FALSE;
    }
    out_piece->block = block;
    out_piece->bytes = block->bytes;
    out_piece->size = block->size;
    out_piece->offset = number * chunk_size;
    return TRUE;
}

static gboolean get_piece(CronosReadMember *member, guint64 offset, gboolean ahead,
                          CronosReadPiece *out_piece, GError **error)
{
    return member->chunks != NULL
               ? chunk_piece(member, offset, ahead, out_piece, error)
               : cronos_read_spans_piece(need_spans(member), offset, out_piece, error);
}

gboolean cronos_read_member_piece(CronosReadMember *member, guint64 offset,
                                  CronosReadPiece *out_piece, GError **error)
{
    return get_piece(member, offset, FALSE, out_piece, error);
}

gboolean cronos_read_member_check(CronosReadMember *member, GError **error)
{
    return member->chunks != NULL || cronos_read_spans_check(need_spans(member), error);
}

/* Reading ahead. */

typedef struct {
    CronosReadMember *member; /* a reference */
    guint64 offset;
} Ahead;

static Ahead *ahead_new(CronosReadMember *member, guint64 offset)
{
    Ahead *ahead = g_new(Ahead, 1);

    ahead->member = cronos_read_member_ref(member);
    ahead->offset = offset;
    return ahead;
}

static void ahead_free(gpointer data)
{
    Ahead *ahead = data;

    cronos_read_member_release(ahead->member);
    g_free(ahead);
}

/* What fails here will be asked for, and fail where it can be told. */
static void run_piece(gpointer data)
{
    Ahead *ahead = data;
    CronosReadMember *member = ahead->member;
    CronosReadPiece piece;

    g_mutex_lock(&member->lock);
    gboolean late = cronos_read_cursors_passed(&member->cursors, ahead->offset);
    g_mutex_unlock(&member->lock);
    if (!late && get_piece(member, ahead->offset, TRUE, &piece, NULL))
        cronos_read_cache_release(piece.block);
    ahead_free(ahead);
}

static void run_pursuit(gpointer data)
{
    Ahead *ahead = data;

    cronos_read_spans_pursue(ahead->member->spans);
    ahead_free(ahead);
}

static void discard_pursuit(gpointer data)
{
    Ahead *ahead = data;

    cronos_read_spans_give_up_goal(ahead->member->spans);
    ahead_free(ahead);
}

/* Returns: where the piece at @offset ends; 0: it is not known yet. */
static guint64 piece_end(CronosReadMember *member, guint64 offset, gboolean *out_at_hand)
{
    if (member->chunks == NULL)
        return cronos_read_spans_end(need_spans(member), offset, out_at_hand);
    guint64 number = offset / cronos_read_chunks_size(member->chunks);
    *out_at_hand = cronos_read_cache_knows(member->id, number);
    return (number + 1) * cronos_read_chunks_size(member->chunks);
}

static void pursue(CronosReadMember *member, guint64 goal)
{
    if (cronos_read_spans_set_goal(need_spans(member), goal))
        cronos_read_ahead_submit(member->owner, run_pursuit, discard_pursuit,
                                 ahead_new(member, goal));
}

/* Has [@from, @to) decoded by other threads. */
static void decode_ahead(CronosReadMember *member, guint64 from, guint64 to)
{
    guint64 end;

    for (guint64 offset = from; offset < to; offset = end) {
        gboolean at_hand = FALSE;

        end = piece_end(member, offset, &at_hand);
        if (end == 0) {
            pursue(member, to);
            return;
        }
        if (!at_hand && !cronos_read_ahead_submit(member->owner, run_piece, ahead_free,
                                                  ahead_new(member, offset)))
            return;
    }
}

static gsize ahead_bytes(void)
{
    return MIN(cronos_read_cache_limit() / 4, AHEAD_BYTES_MOST);
}

gboolean cronos_read_member_note(CronosReadMember *member, guint64 offset, gsize size)
{
    guint64 from, to;

    g_mutex_lock(&member->lock);
    gboolean in_order = cronos_read_cursors_note(&member->cursors, offset, size, ahead_bytes(),
                                                 member->size_bytes, &from, &to);
    g_mutex_unlock(&member->lock);
    if (in_order && from < to)
        decode_ahead(member, from, to);
    return in_order;
}
