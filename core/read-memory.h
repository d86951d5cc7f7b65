/* SPDX-License-Identifier: MIT
 * read-memory.h - what the read engine holds, and how much it may
 *
 * One limit for the process, shared out: decoded data (read-cache.h), what makes members seekable
 * (read-member.h), streams kept halfway (read-streams.h). Decoding needs memory besides; threads
 * wait for each other rather than take more than CRONOS_READ_IN_FLIGHT of it together. Threads: all
 * safe. */
#pragma once
#include <glib.h>

#define CRONOS_READ_IN_FLIGHT ((gsize)24 << 20)

/* Counts what was allocated, or freed where negative. */
void cronos_read_memory_add(gssize bytes);
/* Returns: what is held now; the most that was held since the peak was reset. */
gsize cronos_read_memory_now(void);
gsize cronos_read_memory_peak(void);
void cronos_read_memory_reset_peak(void);

/* Waits until @bytes more may be taken for decoding: always, when nobody else decodes. To be given
 * back soon, by a thread that waits for nothing meanwhile. */
void cronos_read_memory_begin(gsize bytes);
void cronos_read_memory_end(gsize bytes);
