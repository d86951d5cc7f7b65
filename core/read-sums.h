/* SPDX-License-Identifier: MIT
 * read-sums.h - the one checksum of a large member, of which only parts are read at a time
 *
 * Where a single read can not be checked, what was read so far is summed up piece by piece, in
 * whatever order a kernel that reads ahead asks: the read that completes the member learns whether
 * it is whole. Where it is not, that read fails, and so does every later one: a kernel whose
 * reading ahead failed asks for the same again, and must not be told that those bytes are right.
 * Too scattered reads are not summed up. Threads: all safe. */
#pragma once
#include <glib.h>

typedef struct CronosReadSums CronosReadSums;

/* @size_bytes, @crc32: the member's. Returns: (owned). */
CronosReadSums *cronos_read_sums_new(guint64 size_bytes, guint32 crc32);
void cronos_read_sums_free(CronosReadSums *sums); /* NULL: no-op */
gsize cronos_read_sums_memory(const CronosReadSums *sums);

/* The @size bytes at @offset were read. Returns: FALSE with @error DAMAGED where all of the member
 * was read by now, and its checksum is another. */
gboolean cronos_read_sums_add(CronosReadSums *sums, guint64 offset, const guint8 *bytes, gsize size,
                              GError **error);
/* Returns: FALSE with @error where that was found. */
gboolean cronos_read_sums_check(CronosReadSums *sums, GError **error);
