/* SPDX-License-Identifier: MIT
 * zip-seek.h - decoding a deflate stream from places within, at libdeflate's speed
 *
 * A stream can be entered between two blocks where the 32 KiB decoded before are known (the
 * window). Here it is cut into spans from one such place to a later one. libdeflate decodes whole
 * streams only; so a span is made one: the window goes before it as a stored block, empty blocks
 * fill the bits to where the span begins within its first byte, and an empty final block ends it.
 * That such a stream decodes, to its last byte, proves that the span ends where a block does, which
 * is how the guesses of zip-seek-blocks.h are tried. Where that does not work out, zlib finds the
 * ends of blocks.
 *
 * Buffers: @out holds CRONOS_ZIP_WINDOW bytes, of which the last @history are the window, then the
 * room for what is decoded. Threads: all safe. */
#pragma once
#include <glib.h>

#define CRONOS_ZIP_WINDOW 32768u

/* Where a deflate stream lies. @fd: borrowed. */
typedef struct {
    int fd;
    guint64 offset; /* in the file */
    guint64 stored_bytes;
} CronosZipDeflate;

/* A stretch of the stream. Bits are counted from the stream's start, from the least significant bit
 * of each byte on. */
typedef struct {
    guint64 start_bit, end_bit;
    gsize size; /* decoded bytes */
    gboolean last;
} CronosZipSpan;

typedef enum {
    CRONOS_ZIP_SEEK_FOUND,
    CRONOS_ZIP_SEEK_NO_ROOM, /* no block ends within the room */
    CRONOS_ZIP_SEEK_FAILED,  /* with @error: DAMAGED or a system error */
} CronosZipSeekResult;

/* What an exploration aims at. */
typedef struct {
    gsize wanted; /* decoded bytes: so many, roughly */
    gsize room;   /* decoded bytes: the most */
    gsize stored; /* how many stored bytes that will take; 0: unknown; kept up to date */
} CronosZipSeekAim;

/* Decodes from span->start_bit on to where a block ends; sets the rest of @span. The last span ends
 * with the stream. A span may be empty. */
CronosZipSeekResult cronos_zip_seek_explore(const CronosZipDeflate *deflate, CronosZipSpan *span,
                                            guint8 *out, gsize history, CronosZipSeekAim *io_aim,
                                            GError **error);
/* Returns: how many stored bytes an exploration holds in memory at most. */
gsize cronos_zip_seek_explore_bytes(gsize wanted);

/* Decodes @span, which an earlier exploration found. Returns: FALSE with @error: DAMAGED when it
 * does not decode to the same number of bytes any more, or a system error. */
gboolean cronos_zip_seek_decode(const CronosZipDeflate *deflate, const CronosZipSpan *span,
                                guint8 *out, gsize history, GError **error);

/* Returns: how many stored bytes decoding @span holds in memory. */
gsize cronos_zip_seek_decode_bytes(const CronosZipSpan *span);
