/* SPDX-License-Identifier: MIT
 * zip-scratch.h - what each thread keeps for decoding: a decoder and a buffer for compressed bytes
 *
 * Nothing is allocated per member that way. All of it is the calling thread's alone, and freed when
 * the thread ends. */
#pragma once
#include <glib.h>

struct libdeflate_decompressor;

/* Returns: (borrowed), or NULL with @error when there is not enough memory. */
struct libdeflate_decompressor *cronos_zip_scratch_decompressor(GError **error);
/* Returns: (borrowed) at least @room bytes, whose content an earlier call may have left; or NULL
 * with @error. Valid until the next call. */
guint8 *cronos_zip_scratch_buffer(gsize room, GError **error);
/* Lets an unusually large buffer go. */
void cronos_zip_scratch_trim(void);
