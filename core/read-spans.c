/* SPDX-License-Identifier: MIT
 * read-spans.c - the spans of one deflated member
 *
 * The frontier is where the first pass stands: all before it is cut into spans. Who takes it
 * further sets `busy` and works without the lock on what belongs to the frontier. A block in the
 * cache holds the window before its span and the span; blocks are claimed in ascending order only,
 * and a thread that fills one waits for no other. */
#include "core/read-spans.h"

#include "core/error.h"
#include "core/read-memory.h"
#include "core/read-window.h"
#include "core/zip/zip-seek-inflate.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

#define WINDOW CRONOS_ZIP_WINDOW
#define TAIL_ROOM 1024u
/* Packing a window takes a tenth of the time that decoding a megabyte does. */
#define WINDOW_EVERY_BYTES ((gsize)1 << 20)

typedef struct {
    guint64 start_bit;
    guint64 offset; /* decoded */
    guint32 crc32;  /* of its bytes */
    guint32 window_bytes;
    guint8 *window; /* packed; NULL: not kept */
} Span;

struct CronosReadSpans {
    CronosZipDeflate deflate;
    guint64 id; /* of its blocks' owner */
    guint64 size_bytes;
    guint32 crc32;
    gsize windows_most;

    GMutex lock;    /* the fields below */
    GCond advanced; /* not busy any more */
    GArray *known;  /* of Span */
    guint window_every;
    gsize window_bytes;
    gboolean busy;
    gboolean ended;      /* the last span is known */
    gboolean final;      /* and the stream ends with it: no empty blocks follow */
    gboolean mismatched; /* ended, and the CRC is wrong */
    gboolean uncuttable; /* not beyond the frontier */
    gboolean pursued;
    guint64 goal;
    guint64 frontier_bit, frontier_offset; /* set by who is busy, under lock */

    /* The frontier's: of who is busy. */
    guint32 frontier_crc;
    CronosZipSeekAim aim;
    guint8 *window; /* before the frontier; NULL once ended */
};

CronosReadSpans *cronos_read_spans_new(const CronosZipDeflate *deflate, guint64 size_bytes,
                                       guint32 crc32, gsize span_bytes, gsize windows_most)
{
    CronosReadSpans *spans = g_new0(CronosReadSpans, 1);

    spans->deflate = *deflate;
    spans->id = cronos_read_cache_new_owner();
    spans->size_bytes = size_bytes;
    spans->crc32 = crc32;
    spans->windows_most = windows_most;
    g_mutex_init(&spans->lock);
    g_cond_init(&spans->advanced);
    spans->known = g_array_new(FALSE, FALSE, sizeof(Span));
    spans->window_every = (guint)MAX(WINDOW_EVERY_BYTES / span_bytes, 1);
    spans->aim.wanted = MIN(span_bytes, CRONOS_READ_SPAN_MOST / 2);
    spans->aim.room = 2 * spans->aim.wanted - WINDOW;
    spans->window = g_malloc0(WINDOW);
    return spans;
}

static Span *nth(const CronosReadSpans *spans, guint index)
{
    return &g_array_index(spans->known, Span, index);
}

void cronos_read_spans_free(CronosReadSpans *spans)
{
    if (spans == NULL)
        return;
    cronos_read_cache_drop(spans->id);
    for (guint i = 0; i < spans->known->len; i++)
        g_free(nth(spans, i)->window);
    g_array_unref(spans->known);
    g_mutex_clear(&spans->lock);
    g_cond_clear(&spans->advanced);
    g_free(spans->window);
    g_free(spans);
}

static gboolean damaged(GError **error, const char *what)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return FALSE;
}

/* Caller holds the lock; @offset lies before the frontier. */
static guint find_locked(const CronosReadSpans *spans, guint64 offset)
{
    guint low = 0, high = spans->known->len;

    while (high - low > 1) {
        guint middle = low + (high - low) / 2;

        if (nth(spans, middle)->offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Caller holds the lock. */
static void describe_locked(const CronosReadSpans *spans, guint index, CronosZipSpan *out_span)
{
    const Span *span = nth(spans, index);
    gboolean newest = index + 1 == spans->known->len;
    guint64 end = newest ? spans->frontier_offset : nth(spans, index + 1)->offset;

    *out_span = (CronosZipSpan){
        .start_bit = span->start_bit,
        .end_bit = newest ? spans->frontier_bit : nth(spans, index + 1)->start_bit,
        .size = (gsize)(end - span->offset),
        .last = newest && spans->final,
    };
}

static gsize history_at(guint64 offset)
{
    return (gsize)MIN(offset, WINDOW);
}

/* The first pass. */

/* All declared bytes are there: the stream must end with them. */
static gboolean check_tail(CronosReadSpans *spans, CronosZipSpan *span, const guint8 *window,
                           GError **error)
{
    g_autofree guint8 *out = g_malloc(WINDOW + TAIL_ROOM);
    const CronosZipSeekAim aim = {.wanted = TAIL_ROOM, .room = TAIL_ROOM};
    CronosZipSpan tail = *span;

    while (!tail.last) {
        tail.start_bit = tail.end_bit;
        memcpy(out, window, WINDOW);
        CronosZipSeekResult result = cronos_zip_seek_inflate(
            &spans->deflate, &tail, out, history_at(spans->size_bytes), &aim, error);
        if (result == CRONOS_ZIP_SEEK_FAILED)
            return FALSE;
        if (result == CRONOS_ZIP_SEEK_NO_ROOM || tail.size > 0)
            return damaged(error, "the member decodes to more bytes than declared");
    }
    return TRUE;
}

/* @span: as it was decoded into @block. @out_ended: whether it is the last one with any bytes. */
static gboolean check_sizes(CronosReadSpans *spans, CronosZipSpan *span,
                            const CronosReadBlock *block, gboolean *out_ended, GError **error)
{
    guint64 left = spans->size_bytes - spans->frontier_offset;

    if (span->size > left)
        return damaged(error, "the member decodes to more bytes than declared");
    if (span->last && span->size < left)
        return damaged(error, "the member decodes to fewer bytes than declared");
    *out_ended = span->size == left;
    return !*out_ended || check_tail(spans, span, block->bytes + span->size, error);
}

static void thin_locked(CronosReadSpans *spans)
{
    spans->window_every *= 2;
    for (guint i = 0; i < spans->known->len; i++) {
        Span *span = nth(spans, i);

        if (i % spans->window_every == 0 || span->window == NULL)
            continue;
        g_clear_pointer(&span->window, g_free);
        spans->window_bytes -= span->window_bytes;
        span->window_bytes = 0;
    }
}

/* Writes down the new span and moves the frontier to its end. */
static void move_frontier(CronosReadSpans *spans, const CronosZipSpan *span, gboolean ended,
                          const CronosReadBlock *block)
{
    const guint8 *bytes = block->bytes + WINDOW;
    Span new = {
        .start_bit = span->start_bit,
        .offset = spans->frontier_offset,
        .crc32 = libdeflate_crc32(0, bytes, span->size),
    };

    spans->frontier_crc =
        (guint32)crc32_combine(spans->frontier_crc, new.crc32, (z_off_t)span->size);
    g_mutex_lock(&spans->lock);
    gboolean keep_window = spans->known->len > 0 && spans->known->len % spans->window_every == 0;
    g_mutex_unlock(&spans->lock);
    if (keep_window)
        new.window = cronos_read_window_pack(spans->window, &new.window_bytes);
    memcpy(spans->window, block->bytes + span->size, WINDOW);
    g_mutex_lock(&spans->lock);
    g_array_append_val(spans->known, new);
    spans->window_bytes += new.window_bytes;
    while (spans->window_bytes > spans->windows_most && spans->window_every < spans->known->len)
        thin_locked(spans);
    spans->frontier_bit = span->end_bit;
    spans->frontier_offset += span->size;
    spans->ended = ended;
    spans->final = span->last;
    spans->mismatched = ended && spans->frontier_crc != spans->crc32;
    g_mutex_unlock(&spans->lock);
    if (ended)
        g_clear_pointer(&spans->window, g_free);
}

static CronosZipSeekResult explore_once(CronosReadSpans *spans, CronosZipSpan *span,
                                        CronosReadBlock *block, GError **error)
{
    gsize needed = WINDOW + spans->aim.room;
    gsize in_flight = needed + cronos_zip_seek_explore_bytes(spans->aim.wanted);

    cronos_read_memory_begin(in_flight);
    cronos_read_cache_make_room(block, needed);
    memcpy(block->bytes, spans->window, WINDOW);
    CronosZipSeekResult result =
        cronos_zip_seek_explore(&spans->deflate, span, block->bytes,
                                history_at(spans->frontier_offset), &spans->aim, error);
    cronos_read_memory_end(in_flight);
    return result;
}

/* More room is given where blocks are long, and taken back where they are not. */
static gboolean widen(CronosZipSeekAim *aim)
{
    if (aim->room >= CRONOS_READ_SPAN_MOST)
        return FALSE;
    aim->room = MIN(2 * aim->room, CRONOS_READ_SPAN_MOST);
    return TRUE;
}

static void narrow(CronosZipSeekAim *aim, gsize size)
{
    if (size < aim->room / 4)
        aim->room = MAX(aim->room / 2, 2 * aim->wanted - WINDOW);
}

/* Decodes from the frontier on, until there is anything.
 * Returns: FALSE with @error; or without, where no block ends within the most that a span may be.
 */
static gboolean explore(CronosReadSpans *spans, CronosZipSpan *span, CronosReadBlock *block,
                        GError **error)
{
    span->start_bit = spans->frontier_bit;
    for (;;) {
        switch (explore_once(spans, span, block, error)) {
        case CRONOS_ZIP_SEEK_FOUND:
            if (span->size > 0 || span->last) {
                narrow(&spans->aim, span->size);
                return TRUE;
            }
            span->start_bit = span->end_bit;
            break;
        case CRONOS_ZIP_SEEK_NO_ROOM:
            if (!widen(&spans->aim))
                return FALSE;
            break;
        case CRONOS_ZIP_SEEK_FAILED:
        default:
            return FALSE;
        }
    }
}

/* Takes the frontier one span further. Caller is the one who is busy.
 * Returns: (owned) the new span's block; NULL as explore. */
static CronosReadBlock *advance(CronosReadSpans *spans, GError **error)
{
    gboolean must_fill, ended = FALSE;
    CronosZipSpan span = {.size = 0};
    /* Nobody else can want this one yet, so that it is ours to fill. */
    CronosReadBlock *block = cronos_read_cache_claim(spans->id, spans->known->len, 0, &must_fill);
    gboolean ok =
        explore(spans, &span, block, error) && check_sizes(spans, &span, block, &ended, error);

    if (ok) {
        block->size = WINDOW + span.size;
        move_frontier(spans, &span, ended, block);
    }
    cronos_read_cache_settle(block, ok);
    if (!ok) {
        cronos_read_cache_release(block);
        return NULL;
    }
    return block;
}

/* Caller holds the lock, which is let go meanwhile; it saw that nobody is busy. @out_start: where
 * the block's span begins. */
static CronosReadBlock *advance_locked(CronosReadSpans *spans, guint64 *out_start, GError **error)
{
    g_autoptr(GError) failure = NULL;

    *out_start = spans->frontier_offset;
    spans->busy = TRUE;
    g_mutex_unlock(&spans->lock);
    CronosReadBlock *block = advance(spans, &failure);
    g_mutex_lock(&spans->lock);
    spans->busy = FALSE;
    spans->uncuttable = block == NULL && failure == NULL;
    g_cond_broadcast(&spans->advanced);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return block;
}

/* Later passes. */

/* Finds where decoding has to start to get to span @index: at one whose window is kept, or behind
 * one whose bytes are in the cache. Returns: its index; then either *out_before is (owned) the
 * block before, or @window was filled. */
static gboolean find_start(CronosReadSpans *spans, guint index, guint *out_start,
                           CronosReadBlock **out_before, guint8 *window, GError **error)
{
    gboolean ok = TRUE;

    *out_before = NULL;
    g_mutex_lock(&spans->lock);
    while (index > 0 && nth(spans, index)->window == NULL &&
           (*out_before = cronos_read_cache_peek(spans->id, index - 1)) == NULL)
        index--;
    const Span *span = nth(spans, index);
    if (span->window != NULL)
        ok = cronos_read_window_unpack(span->window, span->window_bytes, window, error);
    g_mutex_unlock(&spans->lock);
    *out_start = index;
    return ok;
}

static gboolean fill(CronosReadSpans *spans, guint index, CronosReadBlock *block,
                     const guint8 *window, GError **error)
{
    CronosZipSpan span;

    g_mutex_lock(&spans->lock);
    describe_locked(spans, index, &span);
    guint64 offset = nth(spans, index)->offset;
    guint32 crc32 = nth(spans, index)->crc32;
    g_mutex_unlock(&spans->lock);

    gsize needed = WINDOW + span.size, in_flight = needed + cronos_zip_seek_decode_bytes(&span);
    cronos_read_memory_begin(in_flight);
    cronos_read_cache_make_room(block, needed);
    block->size = needed;
    memcpy(block->bytes, window, WINDOW);
    gboolean ok =
        cronos_zip_seek_decode(&spans->deflate, &span, block->bytes, history_at(offset), error);
    cronos_read_memory_end(in_flight);
    if (ok && libdeflate_crc32(0, block->bytes + WINDOW, span.size) != crc32)
        return damaged(error, "the compressed bytes do not decode as they did before");
    return ok;
}

/* Returns: (owned) the block of a known span, decoded from the nearest place where that is
 * possible; or NULL with @error. */
static CronosReadBlock *get_block(CronosReadSpans *spans, guint index, GError **error)
{
    CronosReadBlock *block = cronos_read_cache_peek(spans->id, index), *before;
    guint8 window[WINDOW] = {0};
    guint at;

    if (block != NULL)
        return block;
    gboolean ok = find_start(spans, index, &at, &before, window, error);
    for (; ok && at <= index; at++) {
        gboolean must_fill;

        block = cronos_read_cache_claim(spans->id, at, 0, &must_fill);
        if (must_fill) {
            ok = fill(spans, at, block,
                      before == NULL ? window : before->bytes + before->size - WINDOW, error);
            cronos_read_cache_settle(block, ok);
        }
        if (before != NULL)
            cronos_read_cache_release(before);
        before = block;
    }
    if (ok)
        return before;
    if (before != NULL)
        cronos_read_cache_release(before);
    return NULL;
}

/* @newest: (taken, nullable) the block of the span before the frontier. */
static gboolean deliver(CronosReadSpans *spans, guint64 offset, CronosReadBlock *newest,
                        guint64 newest_offset, CronosReadPiece *out_piece, GError **error)
{
    g_mutex_lock(&spans->lock);
    guint index = find_locked(spans, offset);
    out_piece->offset = nth(spans, index)->offset;
    g_mutex_unlock(&spans->lock);
    if (newest == NULL || newest_offset != out_piece->offset) {
        if (newest != NULL)
            cronos_read_cache_release(newest);
        newest = get_block(spans, index, error);
    }
    if (newest == NULL)
        return FALSE;
    out_piece->block = newest;
    out_piece->bytes = newest->bytes + WINDOW;
    out_piece->size = newest->size - WINDOW;
    return TRUE;
}

gboolean cronos_read_spans_check(CronosReadSpans *spans, GError **error)
{
    g_mutex_lock(&spans->lock);
    gboolean wrong = spans->mismatched;
    g_mutex_unlock(&spans->lock);
    return !wrong || damaged(error, "checksum mismatch");
}

gboolean cronos_read_spans_piece(CronosReadSpans *spans, guint64 offset, CronosReadPiece *out_piece,
                                 GError **error)
{
    CronosReadBlock *newest = NULL;
    guint64 newest_offset = 0;
    GError *failure = NULL;

    g_mutex_lock(&spans->lock);
    while (offset >= spans->frontier_offset && !spans->uncuttable && failure == NULL) {
        if (spans->busy) {
            g_cond_wait(&spans->advanced, &spans->lock);
            continue;
        }
        /* On the way to a place far ahead nobody wants what is passed. */
        if (newest != NULL) {
            cronos_read_cache_forget(newest);
            cronos_read_cache_release(newest);
        }
        newest = advance_locked(spans, &newest_offset, &failure);
    }
    gboolean known = offset < spans->frontier_offset;
    g_mutex_unlock(&spans->lock);
    if (known)
        return deliver(spans, offset, newest, newest_offset, out_piece, error);
    if (newest != NULL)
        cronos_read_cache_release(newest);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return FALSE;
}

guint64 cronos_read_spans_end(CronosReadSpans *spans, guint64 offset, gboolean *out_at_hand)
{
    guint64 end = 0;

    g_mutex_lock(&spans->lock);
    if (offset < spans->frontier_offset) {
        guint index = find_locked(spans, offset);
        CronosZipSpan span;

        describe_locked(spans, index, &span);
        end = nth(spans, index)->offset + span.size;
        *out_at_hand = cronos_read_cache_knows(spans->id, index);
    }
    g_mutex_unlock(&spans->lock);
    return end;
}

gboolean cronos_read_spans_set_goal(CronosReadSpans *spans, guint64 goal)
{
    g_mutex_lock(&spans->lock);
    spans->goal = MAX(spans->goal, MIN(goal, spans->size_bytes));
    gboolean needed = !spans->pursued && !spans->uncuttable && spans->goal > spans->frontier_offset;
    spans->pursued |= needed;
    g_mutex_unlock(&spans->lock);
    return needed;
}

void cronos_read_spans_pursue(CronosReadSpans *spans)
{
    gboolean failed = FALSE;

    g_mutex_lock(&spans->lock);
    while (spans->frontier_offset < spans->goal && !spans->uncuttable && !failed) {
        guint64 start;

        if (spans->busy) {
            g_cond_wait(&spans->advanced, &spans->lock);
            continue;
        }
        CronosReadBlock *block = advance_locked(spans, &start, NULL);
        failed = block == NULL;
        if (block != NULL)
            cronos_read_cache_release(block);
    }
    spans->pursued = FALSE;
    g_mutex_unlock(&spans->lock);
}

void cronos_read_spans_give_up_goal(CronosReadSpans *spans)
{
    g_mutex_lock(&spans->lock);
    spans->pursued = FALSE;
    g_mutex_unlock(&spans->lock);
}

gsize cronos_read_spans_memory(CronosReadSpans *spans)
{
    g_mutex_lock(&spans->lock);
    gsize bytes = sizeof *spans + (spans->ended ? 0 : WINDOW) + spans->window_bytes +
                  spans->known->len * sizeof(Span);
    g_mutex_unlock(&spans->lock);
    return bytes;
}

gsize cronos_read_spans_window_bytes(CronosReadSpans *spans)
{
    g_mutex_lock(&spans->lock);
    gsize bytes = spans->window_bytes;
    g_mutex_unlock(&spans->lock);
    return bytes;
}

void cronos_read_spans_thin(CronosReadSpans *spans)
{
    g_mutex_lock(&spans->lock);
    thin_locked(spans);
    g_mutex_unlock(&spans->lock);
}
