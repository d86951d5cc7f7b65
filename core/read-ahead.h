/* SPDX-License-Identifier: MIT
 * read-ahead.h - threads that decode what a reader will probably ask for next
 *
 * They are started when there is work and end when there is none for a while; at most one for each
 * processor. Threads: all safe. */
#pragma once
#include <glib.h>

/* @owner: the engine whose archive is read. @run: takes @data over, in another thread. @discard:
 * frees it where it will not run.
 * Returns: FALSE, after @discard, where more work waits already than is good. */
gboolean cronos_read_ahead_submit(guint64 owner, void (*run)(gpointer data), GDestroyNotify discard,
                                  gpointer data);
/* Discards what waits for @owner and lets what is running finish. */
void cronos_read_ahead_cancel(guint64 owner);
