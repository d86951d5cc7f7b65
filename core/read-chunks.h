/* SPDX-License-Identifier: MIT
 * read-chunks.h - the chunks of a large member with a SOZip index, each decoded alone
 *
 * An index is used if it does not contradict itself, the member, and, where it holds CRCs, the
 * member's own CRC, which they must add up to. Its offsets are believed one by one: each chunk
 * begins and ends where the stream was flushed, which leaves four bytes to be seen there. What is
 * not believed, or does not decode alone, has to be had in another way. Threads: all safe. */
#pragma once
#include "core/zip/sozip-table.h"
#include "core/zip/zip-seek.h"

#define CRONOS_READ_CHUNK_LEAST (4u << 10)
#define CRONOS_READ_CHUNK_MOST (16u << 20)

typedef struct CronosReadChunks CronosReadChunks;

/* @deflate: copied. Returns: (owned), or NULL where the member has no index that can be used. */
CronosReadChunks *cronos_read_chunks_new(const CronosZipDeflate *deflate,
                                         const CronosZipExtent *extent, guint64 limit);
void cronos_read_chunks_free(CronosReadChunks *chunks); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosReadChunks, cronos_read_chunks_free)

guint32 cronos_read_chunks_size(const CronosReadChunks *chunks);
/* Returns: whether each chunk can be checked by itself. */
gboolean cronos_read_chunks_have_crcs(const CronosReadChunks *chunks);
/* Returns: bytes of memory the index takes. */
gsize cronos_read_chunks_memory(const CronosReadChunks *chunks);
/* @number: below the count. Returns: decoded bytes of the chunk; @out_stored: its stored bytes. */
gsize cronos_read_chunks_describe(const CronosReadChunks *chunks, guint64 number,
                                  guint64 *out_stored);
/* Decodes a chunk into @out. Returns: FALSE with @error: DAMAGED or a system error; or without,
 * where the index is not believed here. */
gboolean cronos_read_chunks_decode(const CronosReadChunks *chunks, guint64 number, guint8 *out,
                                   GError **error);
/* Holds the bytes of a chunk, had in another way, against its CRC where there is one.
 * Returns: FALSE with @error DAMAGED. */
gboolean cronos_read_chunks_check(const CronosReadChunks *chunks, guint64 number,
                                  const guint8 *bytes, GError **error);
