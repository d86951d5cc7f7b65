/* SPDX-License-Identifier: MIT
 * job-queue.c - a bounded queue between libnats' threads and a worker
 *
 * Invariant: reserved + waiting.length <= capacity. */
#include "cli/serve/job-queue.h"

struct CronosJobQueue {
    guint capacity;
    GMutex mutex;
    GCond changed;
    guint reserved;  /* mutex */
    GQueue waiting;  /* mutex */
    gboolean closed; /* mutex */
};

CronosJobQueue *cronos_job_queue_new(guint capacity)
{
    CronosJobQueue *queue = g_new0(CronosJobQueue, 1);

    queue->capacity = capacity;
    g_mutex_init(&queue->mutex);
    g_cond_init(&queue->changed);
    g_queue_init(&queue->waiting);
    return queue;
}

static void request_free(gpointer request)
{
    cronos_request_free(request);
}

void cronos_job_queue_free(CronosJobQueue *queue)
{
    if (queue == NULL)
        return;
    g_queue_clear_full(&queue->waiting, request_free);
    g_mutex_clear(&queue->mutex);
    g_cond_clear(&queue->changed);
    g_free(queue);
}

CronosJobQueuePlace cronos_job_queue_reserve(CronosJobQueue *queue, guint *out_ahead)
{
    CronosJobQueuePlace place = CRONOS_JOB_QUEUE_RESERVED;

    g_mutex_lock(&queue->mutex);
    guint ahead = queue->reserved + queue->waiting.length;
    if (queue->closed)
        place = CRONOS_JOB_QUEUE_CLOSED;
    else if (ahead >= queue->capacity)
        place = CRONOS_JOB_QUEUE_FULL;
    else
        queue->reserved++;
    g_mutex_unlock(&queue->mutex);
    *out_ahead = ahead;
    return place;
}

gboolean cronos_job_queue_push(CronosJobQueue *queue, CronosRequest *request)
{
    g_mutex_lock(&queue->mutex);
    gboolean taken = !queue->closed;
    queue->reserved--;
    if (taken) {
        g_queue_push_tail(&queue->waiting, request);
        g_cond_signal(&queue->changed);
    }
    g_mutex_unlock(&queue->mutex);
    return taken;
}

CronosRequest *cronos_job_queue_pop(CronosJobQueue *queue)
{
    g_mutex_lock(&queue->mutex);
    while (!queue->closed && queue->waiting.length == 0)
        g_cond_wait(&queue->changed, &queue->mutex);
    CronosRequest *request = g_queue_pop_head(&queue->waiting);
    g_mutex_unlock(&queue->mutex);
    return request;
}

GPtrArray *cronos_job_queue_close(CronosJobQueue *queue)
{
    GPtrArray *left = g_ptr_array_new_with_free_func(request_free);
    CronosRequest *request;

    g_mutex_lock(&queue->mutex);
    queue->closed = TRUE;
    while ((request = g_queue_pop_head(&queue->waiting)) != NULL)
        g_ptr_array_add(left, request);
    g_cond_broadcast(&queue->changed);
    g_mutex_unlock(&queue->mutex);
    return left;
}

guint cronos_job_queue_waiting(CronosJobQueue *queue)
{
    g_mutex_lock(&queue->mutex);
    guint waiting = queue->waiting.length;
    g_mutex_unlock(&queue->mutex);
    return waiting;
}
