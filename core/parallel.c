/* SPDX-License-Identifier: MIT
 * parallel.c - threads over one counter
 *
 * pthreads rather than GThreadPool: no queue entry an index, and ThreadSanitizer sees the locks.
 *
 * Threads are started by the caller, and once more by whichever thread finds first that it waits.
 * Who starts some has not ended: when all that were seen under the lock have been joined, there are
 * no others. */
#include "core/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define MAX_THREADS 256u
/* Waiting that is no preemption by others any more. */
#define WAITED_NS G_GINT64_CONSTANT(4000000)
#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)

typedef struct {
    const CronosParallel *parallel;
    gpointer shared;
    gsize count, run_length;
    atomic_size_t next;
    atomic_bool stop, widened;
    pthread_mutex_t lock;
    GError *error; /* under lock, as the next two */
    pthread_t helpers[MAX_THREADS];
    guint started;
} Loop;

/* What a thread has spent since it began. */
typedef struct {
    gint64 began_ns, computed_ns;
} Spent;

static void *turn(void *data);

static void report(Loop *loop, GError *failure)
{
    atomic_store(&loop->stop, 1);
    pthread_mutex_lock(&loop->lock);
    if (loop->error == NULL)
        loop->error = g_steal_pointer(&failure);
    pthread_mutex_unlock(&loop->lock);
    g_clear_error(&failure);
}

/* Has @threads work, the caller among them. Where no further thread can be had, those that are
 * there do it. */
static void start_threads(Loop *loop, guint threads)
{
    pthread_mutex_lock(&loop->lock);
    while (loop->started + 1 < threads &&
           pthread_create(&loop->helpers[loop->started], NULL, turn, loop) == 0)
        loop->started++;
    pthread_mutex_unlock(&loop->lock);
}

static void join_threads(Loop *loop)
{
    for (guint joined = 0;; joined++) {
        pthread_mutex_lock(&loop->lock);
        gboolean more = joined < loop->started;
        pthread_mutex_unlock(&loop->lock);
        if (!more)
            return;
        pthread_join(loop->helpers[joined], NULL);
    }
}

static gint64 clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static Spent begin_spending(void)
{
    return (Spent){clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_THREAD_CPUTIME_ID)};
}

static gboolean has_waited(const Spent *since)
{
    gint64 computed_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - since->computed_ns;
    gint64 waited_ns = clock_ns(CLOCK_MONOTONIC) - since->began_ns - computed_ns;

    return waited_ns > WAITED_NS && waited_ns > computed_ns;
}

static guint limit_threads(const Loop *loop, gsize threads, gsize indices)
{
    gsize runs = indices / loop->run_length + (indices % loop->run_length != 0);

    return (guint)CLAMP(MIN(threads, runs), 1, MAX_THREADS);
}

static void widen_if_waiting(Loop *loop, const Spent *since)
{
    if (!loop->parallel->waits || atomic_load_explicit(&loop->widened, memory_order_relaxed) ||
        !has_waited(since) || atomic_exchange(&loop->widened, 1))
        return;
    start_threads(loop, limit_threads(loop, CRONOS_PARALLEL_WAITING, loop->count));
}

static void *turn(void *data)
{
    Loop *loop = data;
    const CronosParallel *parallel = loop->parallel;
    gpointer worker =
        parallel->worker_new != NULL ? parallel->worker_new(loop->shared) : loop->shared;
    const Spent begun = begin_spending();

    while (!atomic_load_explicit(&loop->stop, memory_order_relaxed)) {
        gsize index = atomic_fetch_add(&loop->next, loop->run_length);
        if (index >= loop->count)
            break;
        gsize end = index + MIN(loop->run_length, loop->count - index);
        for (; index < end && !atomic_load_explicit(&loop->stop, memory_order_relaxed); index++) {
            GError *failure = NULL;
            if (!parallel->work(worker, index, &failure))
                report(loop, failure);
            widen_if_waiting(loop, &begun);
        }
    }
    if (parallel->worker_free != NULL)
        parallel->worker_free(worker);
    return NULL;
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

    if (count == 0)
        return TRUE;
    start_threads(&loop,
                  limit_threads(&loop,
                                parallel->threads != 0 ? parallel->threads : g_get_num_processors(),
                                count));
    turn(&loop);
    join_threads(&loop);
    pthread_mutex_destroy(&loop.lock);
    if (loop.error == NULL)
        return TRUE;
    g_propagate_error(error, loop.error);
    return FALSE;
}
