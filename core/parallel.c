/* SPDX-License-Identifier: MIT
 * parallel.c - threads over one counter
 *
 * pthreads rather than GThreadPool: no queue entry an index, and ThreadSanitizer sees the locks. */
#include "core/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#define MAX_THREADS 256u

typedef struct {
    const CronosParallel *parallel;
    gpointer shared;
    gsize count, run_length;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock;
    GError *error; /* under lock */
} Loop;

static void report(Loop *loop, GError *failure)
{
    atomic_store(&loop->stop, 1);
    pthread_mutex_lock(&loop->lock);
    if (loop->error == NULL)
        loop->error = g_steal_pointer(&failure);
    pthread_mutex_unlock(&loop->lock);
    g_clear_error(&failure);
}

static void *turn(void *data)
{
    Loop *loop = data;
    gpointer worker = loop->parallel->worker_new(loop->shared);

    while (!atomic_load_explicit(&loop->stop, memory_order_relaxed)) {
        gsize index = atomic_fetch_add(&loop->next, loop->run_length);
        if (index >= loop->count)
            break;
        gsize end = index + MIN(loop->run_length, loop->count - index);
        for (; index < end && !atomic_load_explicit(&loop->stop, memory_order_relaxed); index++) {
            GError *failure = NULL;
            if (!loop->parallel->work(worker, index, &failure))
                report(loop, failure);
        }
    }
    loop->parallel->worker_free(worker);
    return NULL;
}

static guint count_threads(const CronosParallel *parallel, gsize count, gsize run_length)
{
    gsize runs = count / run_length + (count % run_length != 0);
    guint threads = parallel->threads != 0 ? parallel->threads : g_get_num_processors();

    return (guint)CLAMP(MIN((gsize)threads, runs), 1, MAX_THREADS);
}

gboolean cronos_parallel_for(const CronosParallel *parallel, gsize count, gpointer shared,
                             GError **error)
{
    Loop loop = {
        .parallel = parallel,
        .shared = shared,
        .count = count,
        .run_length = MAX(parallel->run_length, 1),
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    guint threads = count_threads(parallel, count, loop.run_length);
    g_autofree pthread_t *helpers = g_new(pthread_t, threads);
    guint started = 0;

    if (count == 0)
        return TRUE;
    /* Where no further thread can be had, those that are there do the work. */
    while (started + 1 < threads && pthread_create(&helpers[started], NULL, turn, &loop) == 0)
        started++;
    turn(&loop);
    while (started > 0)
        pthread_join(helpers[--started], NULL);
    pthread_mutex_destroy(&loop.lock);
    if (loop.error == NULL)
        return TRUE;
    g_propagate_error(error, loop.error);
    return FALSE;
}
