/* SPDX-License-Identifier: MIT
 * parallel.h - one loop, shared by threads
 *
 * Indices are handed out in increasing order, in runs, so that work on neighbours stays in one
 * thread. The first failure stops the loop: what others are at is finished, nothing new begins. */
#pragma once
#include <glib.h>

typedef struct {
    guint threads;    /* 0: one per processor */
    gsize run_length; /* indices handed out at once; 0 is taken as 1 */
    /* What each thread works with: made and freed by the thread that uses it. */
    gpointer (*worker_new)(gpointer shared);
    void (*worker_free)(gpointer worker);
    /* Returns: FALSE with @error to stop the loop. Called from several threads at once. */
    gboolean (*work)(gpointer worker, gsize index, GError **error);
} CronosParallel;

/* Works through 0 .. @count - 1; the calling thread takes part. Returns when all threads are done:
 * TRUE, or FALSE with the @error of whichever failed first. */
gboolean cronos_parallel_for(const CronosParallel *parallel, gsize count, gpointer shared,
                             GError **error);
