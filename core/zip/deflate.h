/* SPDX-License-Identifier: MIT
 * deflate.h - compressing bytes for the ZIP writer (RFC 1951), with libdeflate
 *
 * Levels are zlib's scale: 0 stores; 9 is never larger than zlib's 9; 10-12 are smaller and slower.
 * How a level maps to libdeflate's is decided by measurement, in deflate.c alone. */
#pragma once
#include <glib.h>

typedef struct CronosDeflater CronosDeflater;

/* Returns: (owned). Threads: one deflater per thread. @level: 0..12. */
CronosDeflater *cronos_deflater_new(int level);
void cronos_deflater_free(CronosDeflater *deflater); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosDeflater, cronos_deflater_free)

/* Returns: room that is always enough for either call below with @size input bytes. */
gsize cronos_deflater_bound(CronosDeflater *deflater, gsize size);

/* Compresses @size bytes into one complete deflate stream.
 * Returns: its length, or 0 when it would not be smaller than @size: store it then. */
gsize cronos_deflater_compress(CronosDeflater *deflater, const void *in, gsize size, void *out,
                               gsize room);

/* Compresses @size bytes into a chunk that decodes alone. Unless @final, no block of it is the last
 * of the stream and it ends with the two flush markers of SOZip 0.5.0 (an empty stored block,
 * twice, byte-aligned), so that chunks can be concatenated. The result was decoded once and held
 * against the input.
 * Returns: its length; never 0. */
gsize cronos_deflater_compress_chunk(CronosDeflater *deflater, const void *in, gsize size,
                                     gboolean final, void *out, gsize room);
