/* SPDX-License-Identifier: MIT
 * zip-seek.c - spans of a deflate stream as streams of their own
 *
 * What is handed to libdeflate, in the thread's scratch buffer:
 *
 *   stored block | filling      | the span's bytes       | end
 *   the window   | empty blocks | from its first byte on | empty fixed block, final
 *
 * A stored block ends at a byte; the filling takes as many bits as the span's first byte has before
 * the span, so that all of the span's bits, and what they are aligned to, stay where they are. */
#include "core/zip/zip-seek.h"

#include "core/error.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-scratch.h"
#include "core/zip/zip-seek-blocks.h"
#include "core/zip/zip-seek-inflate.h"

#include <libdeflate.h>
#include <string.h>

#define STORED_HEADER_BYTES 5u
/* An empty block with dynamic codes, and three with the fixed ones, have 121 bits. */
#define FILLING_BYTES_MOST 16u
#define LEAD_BYTES (STORED_HEADER_BYTES + CRONOS_ZIP_WINDOW + FILLING_BYTES_MOST)
/* The final block begins within a byte and has ten bits. */
#define END_BYTES 3u
#define STORED_GUESS_FIRST (128u << 10)
#define STORED_GUESS_LEAST (4u << 10)
/* How far a block's beginning is looked for, and how much of that is read at a time. Encoders
 * seldom make longer blocks. */
#define SEARCH_BYTES (256u << 10)
#define SEARCH_STEP (32u << 10)
#define ATTEMPTS 4u

typedef struct {
    guint8 *stream; /* what libdeflate sees */
    gsize before;   /* bytes of it before the span's first byte */
    guint8 *bytes;  /* the span's first byte */
    gsize length;   /* bytes from there on that were read */
    gsize room;     /* bytes from there on that may be read */
} Input;

static gsize guess_most(gsize wanted)
{
    return wanted + wanted / 8;
}

gsize cronos_zip_seek_explore_bytes(gsize wanted)
{
    gsize guess = MAX(guess_most(wanted), STORED_GUESS_FIRST);

    return LEAD_BYTES + END_BYTES + MAX(guess + guess / 2, guess + SEARCH_BYTES);
}

/* More stored bytes than any sane encoder leaves are not brought into memory at once. */
static gboolean fits_memory(const CronosZipSpan *span)
{
    return (span->end_bit - span->start_bit) / 8 < guess_most(span->size) + STORED_GUESS_FIRST;
}

gsize cronos_zip_seek_decode_bytes(const CronosZipSpan *span)
{
    gsize stored = fits_memory(span) ? (gsize)((span->end_bit - span->start_bit) / 8) : 0;

    return LEAD_BYTES + END_BYTES + stored;
}

/* Appends the @count lowest bits of @value, which are all there is of it. */
static void put_bits(guint8 *bytes, guint *bit, guint value, guint count)
{
    for (guint i = 0; i < count; i++, (*bit)++)
        if (value >> i & 1)
            bytes[*bit / 8] |= (guint8)(1u << *bit % 8);
}

static void put_empty_fixed_block(guint8 *bytes, guint *bit, gboolean final)
{
    put_bits(bytes, bit, final ? 3 : 2, 10);
}

/* A block of 91 bits, an odd number. Its literals: 0 and the end, one bit each; one distance. The
 * code lengths for these are written with two of their symbols: 1, and 18 for a run of zeros. */
static void put_empty_dynamic_block(guint8 *bytes, guint *bit)
{
    enum { CODES = 18, AT_18 = 2, AT_1 = 17 };

    put_bits(bytes, bit, 4, 3);
    put_bits(bytes, bit, 0, 5 + 5);
    put_bits(bytes, bit, CODES - 4, 4);
    for (guint i = 0; i < CODES; i++)
        put_bits(bytes, bit, i == AT_18 || i == AT_1, 3);
    put_bits(bytes, bit, 0, 1);
    put_bits(bytes, bit, 1, 1);
    put_bits(bytes, bit, 138 - 11, 7);
    put_bits(bytes, bit, 1, 1);
    put_bits(bytes, bit, 117 - 11, 7);
    put_bits(bytes, bit, 0, 1);
    put_bits(bytes, bit, 0, 1);
    put_bits(bytes, bit, 1, 1);
}

/* Writes empty blocks of so many bits that @remainder of them lie in the last byte. */
static guint put_filling(guint8 *bytes, guint remainder)
{
    guint bit = 0;

    if (remainder % 2 != 0)
        put_empty_dynamic_block(bytes, &bit);
    while (bit % 8 != remainder)
        put_empty_fixed_block(bytes, &bit, FALSE);
    return bit;
}

/* Reads @length stored bytes of the span that starts at @start_bit, of up to @room that may follow,
 * and makes the stream's lead. */
static gboolean prepare(Input *input, const CronosZipDeflate *deflate, guint64 start_bit,
                        const guint8 *window, gsize history, gsize length, gsize room,
                        GError **error)
{
    guint8 filling[FILLING_BYTES_MOST] = {0};
    guint remainder = (guint)(start_bit % 8), filled = put_filling(filling, remainder);
    guint8 *scratch = cronos_zip_scratch_buffer(LEAD_BYTES + room + END_BYTES, error);

    if (scratch == NULL || !cronos_zip_pread_exactly(deflate->fd, scratch + LEAD_BYTES, length,
                                                     deflate->offset + start_bit / 8, error))
        return FALSE;
    input->bytes = scratch + LEAD_BYTES;
    input->length = length;
    input->room = room;
    input->stream = input->bytes - filled / 8;
    memcpy(input->stream, filling, filled / 8);
    if (remainder != 0) {
        guint8 low = (guint8)((1u << remainder) - 1);
        input->bytes[0] = (guint8)((input->bytes[0] & ~low) | filling[filled / 8]);
    }
    if (history > 0) {
        input->stream -= history;
        memcpy(input->stream, window + CRONOS_ZIP_WINDOW - history, history);
        input->stream -= STORED_HEADER_BYTES;
        input->stream[0] = 0;
        input->stream[1] = (guint8)history;
        input->stream[2] = (guint8)(history >> 8);
        input->stream[3] = (guint8)~history;
        input->stream[4] = (guint8)(~history >> 8);
    }
    input->before = (gsize)(input->bytes - input->stream);
    return TRUE;
}

/* Returns: FALSE where there is no more, or with @error. */
static gboolean read_more(Input *input, const CronosZipDeflate *deflate, guint64 start_bit,
                          GError **error)
{
    gsize n = MIN(input->room - input->length, SEARCH_STEP);

    if (n == 0 || !cronos_zip_pread_exactly(deflate->fd, input->bytes + input->length, n,
                                            deflate->offset + start_bit / 8 + input->length, error))
        return FALSE;
    input->length += n;
    return TRUE;
}

typedef enum { DECODED, ENDED, TOO_LARGE, NOT_DECODED } Outcome;

/* Decodes the first @length bytes of the span's input. @out_length: how many the stream had.
 * Returns: ENDED where the stream ended with them or earlier. */
static Outcome run(struct libdeflate_decompressor *decompressor, const Input *input, gsize length,
                   guint8 *out, gsize history, gsize room, gsize *out_size, gsize *out_length)
{
    gsize consumed, produced;

    switch (libdeflate_deflate_decompress_ex(decompressor, input->stream, input->before + length,
                                             out + CRONOS_ZIP_WINDOW - history, history + room,
                                             &consumed, &produced)) {
    case LIBDEFLATE_SUCCESS:
        *out_size = produced - history;
        *out_length = consumed - input->before;
        return ENDED;
    case LIBDEFLATE_INSUFFICIENT_SPACE:
        return TOO_LARGE;
    case LIBDEFLATE_BAD_DATA:
    case LIBDEFLATE_SHORT_OUTPUT:
    default:
        return NOT_DECODED;
    }
}

/* Decodes up to bit @end of the span's first byte on, as if the stream ended there.
 * Returns: DECODED where a block ends there; ENDED where the stream itself ended before. */
static Outcome run_until(struct libdeflate_decompressor *decompressor, Input *input, guint64 end,
                         guint8 *out, gsize history, gsize room, gsize *out_size, gsize *out_length)
{
    guint8 kept[END_BYTES], *last = input->bytes + end / 8;
    guint bit = (guint)(end % 8);
    gsize length = (gsize)((end + 10 + 7) / 8);

    memcpy(kept, last, sizeof kept);
    last[0] &= (guint8)((1u << bit) - 1);
    last[1] = last[2] = 0;
    put_empty_fixed_block(last, &bit, TRUE);
    Outcome outcome = run(decompressor, input, length, out, history, room, out_size, out_length);
    memcpy(last, kept, sizeof kept);
    return outcome == ENDED && *out_length == length ? DECODED : outcome;
}

/* Returns: where a block may begin, from bit @from of the input on; G_MAXUINT64: nowhere near, or
 * with @error. */
static guint64 find_block(Input *input, const CronosZipDeflate *deflate, guint64 start_bit,
                          guint64 from, GError **error)
{
    guint64 found;

    while ((found = cronos_zip_seek_find_block(input->bytes, input->length, from)) == G_MAXUINT64) {
        /* A header may be cut off where the input ends: its longest form has some 300 bytes. */
        from = MAX(from, 8 * (guint64)(input->length - MIN(input->length, 512)));
        if (!read_more(input, deflate, start_bit, error))
            break;
    }
    return found;
}

/* Finds a block that begins about @stored_guess bytes on. */
static gboolean try_blocks(struct libdeflate_decompressor *decompressor,
                           const CronosZipDeflate *deflate, Input *input, CronosZipSpan *span,
                           guint8 *out, gsize history, gsize room, gsize stored_guess,
                           GError **error)
{
    guint64 from = 8 * (guint64)stored_guess, first_bit = span->start_bit / 8 * 8;
    gsize length = 0;

    for (guint i = 0; i < ATTEMPTS; i++) {
        guint64 end = find_block(input, deflate, span->start_bit, from, error);

        if (end == G_MAXUINT64)
            return FALSE;
        switch (run_until(decompressor, input, end, out, history, room, &span->size, &length)) {
        case DECODED:
            span->end_bit = first_bit + end;
            span->last = FALSE;
            return TRUE;
        case ENDED:
            span->end_bit = first_bit + 8 * (guint64)length;
            span->last = TRUE;
            return TRUE;
        case TOO_LARGE:
            from /= 2;
            break;
        case NOT_DECODED:
            from = end + 1;
            break;
        }
    }
    return FALSE;
}

static gboolean try_end(struct libdeflate_decompressor *decompressor, const Input *input,
                        CronosZipSpan *span, guint8 *out, gsize history, gsize room)
{
    gsize length = 0;

    if (run(decompressor, input, input->length, out, history, room, &span->size, &length) != ENDED)
        return FALSE;
    span->end_bit = span->start_bit / 8 * 8 + 8 * (guint64)length;
    span->last = TRUE;
    return TRUE;
}

static guint64 stored_left(const CronosZipDeflate *deflate, guint64 start_bit)
{
    return deflate->stored_bytes - MIN(start_bit / 8, deflate->stored_bytes);
}

/* What was found says how many stored bytes the next span will have. */
static void learn(CronosZipSeekAim *aim, const CronosZipSpan *span)
{
    guint64 stored = (span->end_bit - span->start_bit) / 8;

    if (span->size > 0)
        stored = stored * aim->wanted / span->size;
    aim->stored = (gsize)CLAMP(stored, STORED_GUESS_LEAST, guess_most(aim->wanted));
}

CronosZipSeekResult cronos_zip_seek_explore(const CronosZipDeflate *deflate, CronosZipSpan *span,
                                            guint8 *out, gsize history, CronosZipSeekAim *io_aim,
                                            GError **error)
{
    struct libdeflate_decompressor *decompressor = cronos_zip_scratch_decompressor(error);
    guint64 left = stored_left(deflate, span->start_bit);
    gsize guess = io_aim->stored != 0 ? io_aim->stored : STORED_GUESS_FIRST, room = io_aim->room;
    gboolean near_end = left <= guess + guess / 2;
    gsize length = (gsize)(near_end ? left : MIN(left, guess + SEARCH_STEP));
    gsize most = (gsize)(near_end ? left : MIN(left, guess + SEARCH_BYTES));
    g_autoptr(GError) failure = NULL;
    Input input;

    if (decompressor == NULL ||
        !prepare(&input, deflate, span->start_bit, out, history, length, most, error))
        return CRONOS_ZIP_SEEK_FAILED;
    gboolean found = (near_end && try_end(decompressor, &input, span, out, history, room)) ||
                     try_blocks(decompressor, deflate, &input, span, out, history, room,
                                near_end ? guess / 2 : guess, &failure);
    cronos_zip_scratch_trim();
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return CRONOS_ZIP_SEEK_FAILED;
    }
    CronosZipSeekResult result =
        found ? CRONOS_ZIP_SEEK_FOUND
              : cronos_zip_seek_inflate(deflate, span, out, history, io_aim, error);
    if (result == CRONOS_ZIP_SEEK_FOUND)
        learn(io_aim, span);
    return result;
}

static gboolean changed(GError **error)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                        "the compressed bytes do not decode as they did before");
    return FALSE;
}

static gboolean decode_at_once(const CronosZipDeflate *deflate, const CronosZipSpan *span,
                               guint8 *out, gsize history, GError **error)
{
    struct libdeflate_decompressor *decompressor = cronos_zip_scratch_decompressor(error);
    guint64 first_byte = span->start_bit / 8, end = span->end_bit - 8 * first_byte;
    gsize size = 0, length = 0;
    Input input;

    if (decompressor == NULL || !prepare(&input, deflate, span->start_bit, out, history,
                                         (gsize)((end + 7) / 8), (gsize)((end + 7) / 8), error))
        return FALSE;
    Outcome outcome =
        span->last
            ? run(decompressor, &input, input.length, out, history, span->size, &size, &length)
            : run_until(decompressor, &input, end, out, history, span->size, &size, &length);
    cronos_zip_scratch_trim();
    return (outcome == (span->last ? ENDED : DECODED) && size == span->size) || changed(error);
}

gboolean cronos_zip_seek_decode(const CronosZipDeflate *deflate, const CronosZipSpan *span,
                                guint8 *out, gsize history, GError **error)
{
    CronosZipSpan again = {.start_bit = span->start_bit};

    if (fits_memory(span))
        return decode_at_once(deflate, span, out, history, error);
    switch (cronos_zip_seek_inflate_until(deflate, &again, span->end_bit, out, history, span->size,
                                          error)) {
    case CRONOS_ZIP_SEEK_FOUND:
        return again.size == span->size || changed(error);
    case CRONOS_ZIP_SEEK_NO_ROOM:
        return changed(error);
    case CRONOS_ZIP_SEEK_FAILED:
    default:
        return FALSE;
    }
}
