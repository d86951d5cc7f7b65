/* SPDX-License-Identifier: MIT
 * read-buffers.h - buffers for decoded data, used again
 *
 * A new large buffer costs a page fault for each 4 KiB, which is more of the time than decoding
 * into it takes. So buffers are cut out of regions of large pages, and regions without buffers are
 * kept, up to a bound. Threads: all safe. */
#pragma once
#include <glib.h>

/* Returns: (owned) a buffer of @out_room bytes, at least @size; its content is not cleared. */
guint8 *cronos_read_buffer_take(gsize size, gsize *out_room);
void cronos_read_buffer_give(guint8 *bytes, gsize room); /* NULL: no-op */
/* Sets how many bytes of regions without buffers may be kept. */
void cronos_read_buffers_set_limit(gsize bytes);
