/* SPDX-License-Identifier: MIT
 * parallel.h - one loop, shared by threads
 *
 * Indices are handed out in increasing order, in runs, so that work on neighbours stays in one
 * thread. The first failure stops the loop: what others are at is finished, nothing new begins.
 *
 * Work that reads many files mostly computes where they are cached or on a fast disk: more threads
 * than processors are of no use then, and one is best where a file takes but microseconds. On the
 * other side of a network it does nothing but wait, and a loop is as quick as it has threads. Which
 * it is shows in the first few pieces: a thread that has waited longer than it has worked brings in
 * the others. */
#pragma once
#include <glib.h>

/* Requests that wait at once are few for a server, and take no memory worth mentioning. */
#define CRONOS_PARALLEL_WAITING 16u

typedef struct {
    guint threads;    /* 0: one per processor */
    gsize run_length; /* indices handed out at once; 0 is taken as 1 */
    gboolean waits; /* reads files: up to CRONOS_PARALLEL_WAITING threads once it waits for them */
    /* What each thread works with: made and freed by the thread that uses it. Both NULL: all work
     * with what they share. */
    gpointer (*worker_new)(gpointer shared);
    void (*worker_free)(gpointer worker);
    /* Returns: FALSE with @error to stop the loop. Called from several threads at once. */
    gboolean (*work)(gpointer worker, gsize index, GError **error);
} CronosParallel;

/* Works through 0 .. @count - 1; the calling thread takes part. Returns when all threads are done:
 * TRUE, or FALSE with the @error of whichever failed first. */
gboolean cronos_parallel_for(const CronosParallel *parallel, gsize count, gpointer shared,
                             GError **error);
