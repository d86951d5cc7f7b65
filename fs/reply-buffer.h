/* SPDX-License-Identifier: MIT
 * reply-buffer.h - each serving thread's buffer for listings and file data */
#pragma once
#include <glib.h>

/* Returns: (borrowed) at least @size bytes, aligned to a page, the calling thread's until its next
 * call; or NULL when there is no memory. */
void *cronos_reply_buffer(gsize size);
