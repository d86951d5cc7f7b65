/* SPDX-License-Identifier: MIT
 * zip-io.h - positioned reading that survives signals and short reads */
#pragma once
#include <glib.h>

/* Reads up to @size bytes at @offset. Returns: bytes read, fewer than @size only at the end of the
 * file; or -1 with a system error. */
gssize cronos_zip_pread(int fd, void *buffer, gsize size, guint64 offset, GError **error);
/* The same, all or nothing: DAMAGED when the file ends earlier. */
gboolean cronos_zip_pread_exactly(int fd, void *buffer, gsize size, guint64 offset, GError **error);
/* Asks for a part of the file that is about to be read: where it has to come from a disk or across
 * a network, all of it is under way before the first piece is waited for. */
void cronos_zip_announce(int fd, guint64 offset, guint64 bytes);
