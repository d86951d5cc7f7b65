/* SPDX-License-Identifier: MIT
 * read-streams.h - deflate streams of large members, kept halfway through
 *
 * For members that can not be cut (read-spans.h): they are decoded from the front. A stream that
 * stands where a reader will go on saves it the way there; the last CRONOS_READ_WINDOW bytes it
 * decoded are kept, since requests that a kernel sends ahead arrive slightly out of order. One pool
 * for the process. Threads: all safe; a stream is used by one thread at a time, and who would best
 * go on from it waits. */
#pragma once
#include "core/zip/zip-index.h"

#define CRONOS_READ_WINDOW (1u << 20)

/* @owner: the engine; @fd, @limit as for cronos_zip_stream_open. Returns: as
 * cronos_read_engine_read, of which it is a part: @offset and @size lie within the member. */
gssize cronos_read_streams_read(guint64 owner, int fd, guint32 entry, const CronosZipExtent *extent,
                                guint64 limit, guint64 offset, void *buffer, gsize size,
                                GError **error);
/* Closes the streams of @owner, none of which is in use. */
void cronos_read_streams_drop(guint64 owner);
/* Sets how much memory streams that stand still may hold together, in bytes. */
void cronos_read_streams_set_limit(gsize bytes);
