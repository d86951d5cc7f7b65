/* SPDX-License-Identifier: MIT
 * read-stored.h - one large stored member: its bytes as they lie, checked once all were read
 *
 * A stored member has one checksum for all of it, so that no single read can be checked. What was
 * read so far is summed up piece by piece, in whatever order a kernel that reads ahead asks: the
 * read that completes the member learns whether it is whole. Where it is not, that read fails, and
 * every later one. Too scattered reads are not summed up.
 * Threads: all safe. */
#pragma once
#include "core/zip/zip-index.h"

typedef struct CronosReadStored CronosReadStored;

/* @fd: borrowed. @data_offset: of the member's bytes, which lie within the file.
 * Returns: (owned). */
CronosReadStored *cronos_read_stored_new(int fd, guint64 data_offset,
                                         const CronosZipExtent *extent);
void cronos_read_stored_free(CronosReadStored *stored); /* NULL: no-op */
gsize cronos_read_stored_memory(const CronosReadStored *stored);

/* Reads @size bytes at @offset, which are within the member. Returns: FALSE with @error: a system
 * error, or DAMAGED where all of the member was read by now, and its checksum is another. */
gboolean cronos_read_stored_read(CronosReadStored *stored, guint64 offset, void *buffer, gsize size,
                                 GError **error);
/* Returns: whether reads were found to fail. */
gboolean cronos_read_stored_is_damaged(CronosReadStored *stored);
