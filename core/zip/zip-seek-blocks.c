/* SPDX-License-Identifier: MIT
 * zip-seek-blocks.c - where blocks of a deflate stream may begin (RFC 1951, sections 3.2.3-3.2.7)
 *
 * One position in eight has the three bits of a block with dynamic codes; forty positions are
 * sifted at a time. What remains is held against ever more of the header: the sum of the lengths
 * that encode the code lengths, then these, then the codes they make. One in a hundred comes to the
 * second step, one in many millions past the last. */
#include "core/zip/zip-seek-blocks.h"

#include <string.h>

#define STEP_BYTES 5u
#define LITERALS_MOST 286u
#define LENGTHS_MOST (LITERALS_MOST + 30u)
#define END_OF_BLOCK 256u
#define LENGTH_MOST 15u
/* Codes for code lengths are of 1 to 7 bits. */
#define PRECODE_LENGTH_MOST 7u
#define PRECODES 19u

/* What codes of these lengths take of the room of all codes, in parts of 1 << 7: of one, of two, of
 * four at once. */
#define ROOM(a) ((a) == 0 ? 0 : 128 >> (a))
#define ROOM2(a, b) (ROOM(a) + ROOM(b))
#define ROOM4(ab, cd) (ROOM2((ab)&7, (ab) >> 3) + ROOM2((cd)&7, (cd) >> 3))
#define EIGHT(ab, cd)                                                                              \
    ROOM4(ab, cd), ROOM4(ab + 1, cd), ROOM4(ab + 2, cd), ROOM4(ab + 3, cd), ROOM4(ab + 4, cd),     \
        ROOM4(ab + 5, cd), ROOM4(ab + 6, cd), ROOM4(ab + 7, cd)
#define ROW(cd)                                                                                    \
    EIGHT(0, cd), EIGHT(8, cd), EIGHT(16, cd), EIGHT(24, cd), EIGHT(32, cd), EIGHT(40, cd),        \
        EIGHT(48, cd), EIGHT(56, cd)
#define ROWS(cd)                                                                                   \
    ROW(cd), ROW(cd + 1), ROW(cd + 2), ROW(cd + 3), ROW(cd + 4), ROW(cd + 5), ROW(cd + 6),         \
        ROW(cd + 7)
static const guint16 room_of_four[4096] = {ROWS(0),  ROWS(8),  ROWS(16), ROWS(24),
                                           ROWS(32), ROWS(40), ROWS(48), ROWS(56)};

typedef struct {
    const guint8 *bytes;
    gsize length;
    guint64 bit;
    gboolean exceeded;
} Bits;

static inline guint64 load64(const guint8 *at)
{
    guint64 word;

    memcpy(&word, at, sizeof word);
    return GUINT64_FROM_LE(word);
}

/* Returns: at least 57 bits from the place of @bits on. */
static inline guint64 peek(Bits *bits)
{
    gsize at = (gsize)(bits->bit / 8);

    if (bits->length < sizeof(guint64) || at > bits->length - sizeof(guint64)) {
        bits->exceeded = TRUE;
        return 0;
    }
    return load64(bits->bytes + at) >> (bits->bit % 8);
}

static inline guint take(Bits *bits, guint count)
{
    guint value = (guint)(peek(bits) & ((1u << count) - 1));

    bits->bit += count;
    return value;
}

/* @lengths: of @count codes, three bits each. */
static inline gboolean precode_is_complete(guint64 lengths, guint count)
{
    lengths &= (G_GUINT64_CONSTANT(1) << 3 * count) - 1;
    return room_of_four[lengths & 4095] + room_of_four[lengths >> 12 & 4095] +
               room_of_four[lengths >> 24 & 4095] + room_of_four[lengths >> 36 & 4095] +
               room_of_four[lengths >> 48] ==
           1u << PRECODE_LENGTH_MOST;
}

/* A decoding table: the next seven bits give symbol << 3 | length. */
typedef struct {
    guint8 entries[1u << PRECODE_LENGTH_MOST];
} Precode;

static guint reversed(guint code, guint length)
{
    guint result = 0;

    for (guint i = 0; i < length; i++)
        result |= (code >> i & 1) << (length - 1 - i);
    return result;
}

static void build_precode(Precode *precode, guint64 packed, guint count)
{
    static const guint8 order[PRECODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                           11, 4,  12, 3, 13, 2, 14, 1, 15};
    guint8 lengths[PRECODES] = {0};
    guint code = 0;

    for (guint i = 0; i < count; i++)
        lengths[order[i]] = packed >> 3 * i & 7;
    for (guint length = 1; length <= PRECODE_LENGTH_MOST; length++, code <<= 1) {
        for (guint symbol = 0; symbol < PRECODES; symbol++) {
            if (lengths[symbol] != length)
                continue;
            guint start = reversed(code++, length);
            for (guint at = start; at < 1u << PRECODE_LENGTH_MOST; at += 1u << length)
                precode->entries[at] = (guint8)(symbol << 3 | length);
        }
    }
}

/* Decodes @count code lengths. */
static gboolean take_lengths(Bits *bits, const Precode *precode, guint8 *lengths, guint count)
{
    guint at = 0;

    while (at < count && !bits->exceeded) {
        guint entry = precode->entries[peek(bits) & ((1u << PRECODE_LENGTH_MOST) - 1)];
        guint symbol = entry >> 3, repeat = 1;
        guint8 value = (guint8)symbol;

        bits->bit += entry & 7;
        if (symbol == 16) {
            if (at == 0)
                return FALSE;
            value = lengths[at - 1];
            repeat = 3 + take(bits, 2);
        } else if (symbol > 16) {
            value = 0;
            repeat = symbol == 17 ? 3 + take(bits, 3) : 11 + take(bits, 7);
        }
        if (repeat > count - at)
            return FALSE;
        memset(lengths + at, value, repeat);
        at += repeat;
    }
    return !bits->exceeded;
}

/* Returns: what the codes take, in parts of 1 << 15; @out_codes: how many there are. */
static guint room_of_codes(const guint8 *lengths, guint count, guint *out_codes)
{
    guint room = 0, codes = 0;

    for (guint i = 0; i < count; i++) {
        codes += lengths[i] != 0;
        room += lengths[i] == 0 ? 0 : 1u << LENGTH_MOST >> lengths[i];
    }
    *out_codes = codes;
    return room;
}

static gboolean codes_are_complete(const guint8 *lengths, guint literals, guint distances)
{
    guint codes;

    if (lengths[END_OF_BLOCK] == 0 || room_of_codes(lengths, literals, &codes) != 1u << LENGTH_MOST)
        return FALSE;
    guint room = room_of_codes(lengths + literals, distances, &codes);
    /* A block may have no distances at all, or one, which then has a code of one bit. */
    return room == 1u << LENGTH_MOST || codes == 0 || (codes == 1 && room == 1u << 14);
}

/* @bits: stands at the header's first bit. */
static G_GNUC_NO_INLINE gboolean is_dynamic_header(Bits bits)
{
    guint8 lengths[LENGTHS_MOST];
    Precode precode;

    bits.bit += 3;
    guint literals = 257 + take(&bits, 5), distances = 1 + take(&bits, 5);
    guint count = 4 + take(&bits, 4);
    guint64 packed = peek(&bits);
    if (bits.exceeded || !precode_is_complete(packed, count))
        return FALSE;
    bits.bit += 3 * count;
    build_precode(&precode, packed, count);
    return take_lengths(&bits, &precode, lengths, literals + distances) &&
           codes_are_complete(lengths, literals, distances);
}

/* Returns: a bit for each position from the first of @word on whose 13 bits a dynamic block's
 * header may begin with: not the last block, type 2, at most 286 literals and 30 distances. */
static inline guint64 sift(guint64 word)
{
    guint64 type = ~word & ~(word >> 1) & word >> 2;
    guint64 literals = word >> 4 & word >> 5 & word >> 6 & word >> 7;
    guint64 distances = word >> 9 & word >> 10 & word >> 11 & word >> 12;

    return type & ~literals & ~distances;
}

/* Returns: where a stored block ends whose lengths stand at byte @at, or G_MAXUINT64. */
static guint64 end_of_stored(const guint8 *bytes, gsize length, gsize at)
{
    guint stored = bytes[at] | bytes[at + 1] << 8;

    if (at == 0 || bytes[at - 1] >> 5 != 0 || stored > length - at - 4)
        return G_MAXUINT64;
    return 8 * (guint64)(at + 4 + stored);
}

static inline gboolean lengths_repeat(guint64 word)
{
    return ((word ^ word >> 16) & 0xffff) == 0xffff;
}

static guint64 find_stored(const guint8 *bytes, gsize length, gsize at, guint64 word)
{
    guint64 end = G_MAXUINT64;

    for (guint i = 0; i < STEP_BYTES && end == G_MAXUINT64; i++)
        if (lengths_repeat(word >> 8 * i))
            end = end_of_stored(bytes, length, at + i);
    return end;
}

/* The first step: @position of @word, whose bits begin at @at, passed the sieve. */
static inline gboolean may_be_header(const guint8 *at, guint64 word, guint position)
{
    guint lengths_at = position + 17;

    return precode_is_complete(load64(at + lengths_at / 8) >> lengths_at % 8,
                               4 + (word >> (position + 13) & 15));
}

guint64 cronos_zip_seek_find_block(const guint8 *bytes, gsize length, guint64 from)
{
    guint64 mask = G_MAXUINT64 << from % 8;

    for (gsize at = (gsize)(from / 8); at + 2 * sizeof(guint64) <= length; at += STEP_BYTES) {
        guint64 word = load64(bytes + at);
        guint64 candidates = sift(word) & mask & ((G_GUINT64_CONSTANT(1) << 8 * STEP_BYTES) - 1);

        mask = G_MAXUINT64;
        for (; candidates != 0; candidates &= candidates - 1) {
            guint position = (guint)__builtin_ctzll(candidates);
            Bits bits = {bytes, length, 8 * (guint64)at + position, FALSE};

            if (may_be_header(bytes + at, word, position) && is_dynamic_header(bits))
                return bits.bit;
        }
        guint64 end = find_stored(bytes, length, at, word);
        if (end != G_MAXUINT64)
            return end;
    }
    return G_MAXUINT64;
}
