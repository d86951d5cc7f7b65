/* SPDX-License-Identifier: MIT
 * read-window.h - the 32 KiB before a place in a deflate stream, kept small */
#pragma once
#include <glib.h>

/* @window: CRONOS_ZIP_WINDOW bytes. Returns: (owned) the same, compressed where that helps;
 * @out_bytes: its length. Threads: safe. */
guint8 *cronos_read_window_pack(const guint8 *window, guint32 *out_bytes);
/* @out: CRONOS_ZIP_WINDOW bytes long. Returns: FALSE with @error. */
gboolean cronos_read_window_unpack(const guint8 *packed, guint32 bytes, guint8 *out,
                                   GError **error);
