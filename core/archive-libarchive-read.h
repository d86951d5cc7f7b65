/* SPDX-License-Identifier: MIT
 * archive-libarchive-read.h - decoded bytes at any offset, of what libarchive decodes */
#pragma once
#include "core/archive-libarchive-pool.h"

/* Returns: bytes read, fewer than @size only at the end of the member; -1 with @error: DAMAGED,
 * UNSUPPORTED or a system error. @keep: others will want the same bytes soon. Threads: any number
 * at once. */
gssize cronos_libarchive_read(const CronosLibarchiveTarget *target, guint64 offset, void *buffer,
                              gsize size, gboolean keep, GError **error);
/* Forgets what is kept for @owner, which nobody uses. */
void cronos_libarchive_forget(guint64 owner);
