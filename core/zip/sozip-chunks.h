/* SPDX-License-Identifier: MIT
 * sozip-chunks.h - a large member by its SOZip chunks, each decoded and checked alone
 *
 * For those who want all of it, by several threads, and who want to know whether the index is
 * right: nothing is taken for granted, whatever is wrong is an error. */
#pragma once
#include "core/zip/sozip-table.h"

#define CRONOS_SOZIP_CHUNK_LEAST (4u << 10)
#define CRONOS_SOZIP_CHUNK_MOST (16u << 20)

typedef struct CronosSozipChunks CronosSozipChunks;

/* @fd: borrowed, outlives it. @limit: as for cronos_zip_locate.
 * Returns: (owned), or NULL: without @error where the member has no index, or one too
 * large or with chunks too small or too large to be worth it; with @error DAMAGED or a system
 * error. Threads: immutable. */
CronosSozipChunks *cronos_sozip_chunks_open(int fd, const CronosZipExtent *extent, guint64 limit,
                                            GError **error);
void cronos_sozip_chunks_free(CronosSozipChunks *chunks); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosSozipChunks, cronos_sozip_chunks_free)
guint64 cronos_sozip_chunks_count(const CronosSozipChunks *chunks);

/* What one thread decodes with. */
typedef struct CronosSozipDecoder CronosSozipDecoder;
CronosSozipDecoder *cronos_sozip_decoder_new(void);
void cronos_sozip_decoder_free(CronosSozipDecoder *decoder); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosSozipDecoder, cronos_sozip_decoder_free)

typedef struct {
    const guint8 *bytes; /* the decoder's, until its next use */
    gsize length;
    guint64 offset; /* in the member's decoded bytes */
    guint32 crc32;
} CronosSozipPiece;

/* Decodes chunk @number (below the count), and holds it against the index's CRC where it has one.
 * Returns: FALSE with @error DAMAGED or a system error. */
gboolean cronos_sozip_chunks_decode(const CronosSozipChunks *chunks, CronosSozipDecoder *decoder,
                                    guint64 number, CronosSozipPiece *out_piece, GError **error);
/* @crcs: of all chunks, in order. Returns: FALSE with @error DAMAGED where they do not add up to
 * the member's. */
gboolean cronos_sozip_chunks_check(const CronosSozipChunks *chunks, const guint32 *crcs,
                                   GError **error);
