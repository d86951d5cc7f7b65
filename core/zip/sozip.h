/* SPDX-License-Identifier: MIT
 * sozip.h - the index that makes a deflated member seekable (SOZip specification 0.5.0)
 *
 * A member's deflate stream is cut into chunks that decode alone, each of the same number of
 * decoded bytes; the index says where each starts.  It is the data of a stored member
 * ".NAME.sozip.idx" right behind the member, without a central directory entry:
 *
 *   header          32 bytes, below
 *   skip area       skip_bytes long; ours: "CRCs", then one little-endian CRC-32 per chunk, of its
 *                   decoded bytes.  Readers elsewhere pass over it.
 *   offset section  (size - 1) / chunk_size offsets into the member's stored bytes, of 4 or 8
 * bytes; the first chunk's, 0, is not among them
 */
#pragma once
#include <glib.h>

/* Offsets in the header; all fields little-endian. */
enum {
    SOZIP_VERSION = 0,          /* u32, 1 */
    SOZIP_SKIP_BYTES = 4,       /* u32 */
    SOZIP_CHUNK_SIZE = 8,       /* u32 */
    SOZIP_OFFSET_SIZE = 12,     /* u32, 4 or 8 */
    SOZIP_UNCOMPRESS_SIZE = 16, /* u64 */
    SOZIP_COMPRESS_SIZE = 24,   /* u64 */
    SOZIP_HEADER_SIZE = 32,
};
#define SOZIP_CRC_MAGIC 0x73435243u /* "CRCs" */
#define SOZIP_CRC_MAGIC_BYTES 4u
#define SOZIP_NAME_PREFIX "."
#define SOZIP_NAME_SUFFIX ".sozip.idx"

/* Returns: the chunk size for a member of @size_bytes: what costs least beside quick random reads,
 * larger only where the index itself would grow out of bounds. */
guint32 cronos_sozip_chunk_size(guint64 size_bytes);
/* Returns: how many chunks of @chunk_size a member of @size_bytes (> 0) has. */
guint64 cronos_sozip_chunk_count(guint64 size_bytes, guint32 chunk_size);
/* Returns: (owned) the index member's name for @name ("a/b" gives "a/.b.sozip.idx"),
 * NUL-terminated. */
char *cronos_sozip_index_name(const char *name, gsize length, gsize *out_length);

/* Collects the chunks of one member while it is written. Threads: one at a time. */
typedef struct CronosSozipBuilder CronosSozipBuilder;
CronosSozipBuilder *cronos_sozip_builder_new(guint32 chunk_size);
void cronos_sozip_builder_free(CronosSozipBuilder *builder); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosSozipBuilder, cronos_sozip_builder_free)
void cronos_sozip_builder_add(CronosSozipBuilder *builder, gsize stored_bytes, guint32 crc32);
/* Returns: (owned) the index's bytes, once every chunk of a member of @size_bytes was added; NULL
 * where they do not fit the format (a single chunk, or more than skip_bytes can count). */
guint8 *cronos_sozip_builder_finish(CronosSozipBuilder *builder, guint64 size_bytes,
                                    gsize *out_size);
