/* SPDX-License-Identifier: MIT
 * sozip-table.h - reading a member's SOZip index (sozip.h): where its chunks lie
 *
 * An index is believed only after it was held against itself (its CRC) and against the member:
 * sizes, number and order of the chunks. What a chunk decodes to is checked when it is decoded. */
#pragma once
#include "core/zip/sozip.h"
#include "core/zip/zip-index.h"

struct libdeflate_decompressor;

typedef struct {
    guint64 stored_offset; /* from the start of the member's stored bytes */
    guint64 stored_bytes;
    guint32 size_bytes; /* decoded */
    guint32 crc32;      /* of the decoded bytes; 0 where the index has none */
    gboolean final;     /* the last one: its stream has an end of its own */
} CronosSozipChunk;

typedef struct CronosSozipTable CronosSozipTable;

/* Loads the index of the member @name (its whole path, as in the archive) at @extent.
 * Returns: (owned), or NULL: without @error where the member has no index, with @error DAMAGED
 * where it has one that contradicts itself or the member, UNSUPPORTED where it is larger than 64
 * MiB, or a system error. */
CronosSozipTable *cronos_sozip_table_load(int fd, const CronosZipExtent *extent, guint64 limit,
                                          const char *name, gsize name_length, GError **error);
void cronos_sozip_table_free(CronosSozipTable *table); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosSozipTable, cronos_sozip_table_free)

guint32 cronos_sozip_table_chunk_size(const CronosSozipTable *table);
guint64 cronos_sozip_table_count(const CronosSozipTable *table);
/* Returns: whether the index holds a CRC for each chunk (those of ours do). */
gboolean cronos_sozip_table_has_crcs(const CronosSozipTable *table);
/* @number: below the count. */
void cronos_sozip_table_chunk(const CronosSozipTable *table, guint64 number,
                              CronosSozipChunk *out_chunk);

/* Decodes @chunk alone. @stored: its stored bytes and room for CRONOS_SOZIP_TAIL_BYTES behind them,
 * which are overwritten and put back. @out: size_bytes long. Does not look at the CRC.
 * Returns: FALSE with @error DAMAGED. */
#define CRONOS_SOZIP_TAIL_BYTES 2u
gboolean cronos_sozip_decode_chunk(struct libdeflate_decompressor *decompressor,
                                   const CronosSozipChunk *chunk, guint8 *stored, void *out,
                                   GError **error);
