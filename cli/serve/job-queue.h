/* SPDX-License-Identifier: MIT
 * job-queue.h - requests that wait for the one thread that does them
 *
 * Bounded. A place is reserved first and filled afterwards, so that a request can be answered as
 * accepted before anything else can be said about it. Threads: all safe. */
#pragma once
#include "cli/serve/request.h"

typedef enum {
    CRONOS_JOB_QUEUE_RESERVED,
    CRONOS_JOB_QUEUE_FULL,
    CRONOS_JOB_QUEUE_CLOSED,
} CronosJobQueuePlace;

typedef struct CronosJobQueue CronosJobQueue;

/* @capacity: requests that may wait, besides the one that is being done. Returns: (owned). */
CronosJobQueue *cronos_job_queue_new(guint capacity);
void cronos_job_queue_free(CronosJobQueue *queue); /* with what waits in it; NULL: no-op */

/* @out_ahead: how many wait before this one, without the one that is being done. */
CronosJobQueuePlace cronos_job_queue_reserve(CronosJobQueue *queue, guint *out_ahead);
/* Fills the place that was reserved. Returns: FALSE once the queue is closed: @request stays the
 * caller's; else it is taken over. */
gboolean cronos_job_queue_push(CronosJobQueue *queue, CronosRequest *request);
/* Waits. Returns: (owned) the next request, or NULL once the queue is closed. */
CronosRequest *cronos_job_queue_pop(CronosJobQueue *queue);
/* Nothing gets in or out from here on. Returns: (owned) array of CronosRequest *, what has waited;
 * freed with it. */
GPtrArray *cronos_job_queue_close(CronosJobQueue *queue);
guint cronos_job_queue_waiting(CronosJobQueue *queue);
