/* SPDX-License-Identifier: MIT
 * workers.c - the queues, and the threads that empty them */
#include "cli/serve/workers.h"

#include "cli/serve/job-queue.h"
#include "cli/serve/jobs.h"
#include "cli/serve/statuses.h"
#include "core/log.h"

#define PROGRESS_US G_USEC_PER_SEC /* between two messages about it */

enum { CHANGES, LISTS, QUEUES };

typedef struct {
    CronosWorkers *workers;
    CronosJobQueue *queue;
    GThread *thread;
} Worker;

struct CronosWorkers {
    const CronosConfig *config;
    const CronosConnection *connection;
    CronosStatuses *statuses;
    void (*on_done)(gpointer user_data);
    gpointer user_data;
    Worker all[QUEUES];
    int running; /* atomic */
};

/* What the callback of core is told of. */
typedef struct {
    CronosStatuses *statuses;
    CronosRequest *request;
    gint64 told_us; /* monotonic */
} Telling;

static void on_progress(const CronosProgressState *state, gpointer user_data)
{
    Telling *telling = user_data;
    gint64 now_us = g_get_monotonic_time();

    if (now_us - telling->told_us < PROGRESS_US)
        return;
    telling->told_us = now_us;
    cronos_statuses_progress(telling->statuses, telling->request, state);
}

static void do_request(CronosWorkers *workers, CronosRequest *request)
{
    Telling telling = {workers->statuses, request, g_get_monotonic_time()};
    const CronosProgress progress = {on_progress, &telling, NULL};
    const char *word = cronos_request_kind_word(request->kind);
    g_autoptr(GError) error = NULL;
    gboolean is_list = request->kind == CRONOS_REQUEST_LIST;
    gsize payload_max = cronos_connection_payload_max(workers->connection);

    if (!is_list)
        cronos_statuses_started(workers->statuses, request);
    g_autoptr(CronosJobResult) result =
        cronos_job_run(workers->config, request, payload_max, is_list ? NULL : &progress, &error);
    if (result == NULL) {
        cronos_log_event(CRONOS_LOG_ERROR, NULL, NULL, "%s of request %s failed: %s", word,
                         request->id, error->message);
        cronos_statuses_failed(workers->statuses, request, error);
        return;
    }
    cronos_log_event(CRONOS_LOG_INFO, NULL, result->path, "%s of request %s: %s", word, request->id,
                     result->message);
    cronos_statuses_succeeded(workers->statuses, request, result, payload_max);
}

static gpointer work(gpointer data)
{
    Worker *worker = data;
    CronosWorkers *workers = worker->workers;
    CronosRequest *request;

    while ((request = cronos_job_queue_pop(worker->queue)) != NULL) {
        do_request(workers, request);
        cronos_request_free(request);
    }
    __atomic_sub_fetch(&workers->running, 1, __ATOMIC_SEQ_CST);
    workers->on_done(workers->user_data);
    return NULL;
}

CronosWorkers *cronos_workers_new(const CronosConfig *config, const CronosConnection *connection,
                                  CronosOutbox *outbox, void (*on_done)(gpointer user_data),
                                  gpointer user_data)
{
    static const char *const names[] = {[CHANGES] = "jobs", [LISTS] = "lists"};
    CronosWorkers *workers = g_new0(CronosWorkers, 1);

    workers->config = config;
    workers->connection = connection;
    workers->on_done = on_done;
    workers->user_data = user_data;
    workers->running = QUEUES;
    workers->statuses = cronos_statuses_new(
        cronos_config_string(config, CRONOS_CONFIG_SERVICE_SUBJECT_PREFIX), outbox);
    for (guint i = 0; i < QUEUES; i++) {
        Worker *worker = &workers->all[i];

        worker->workers = workers;
        worker->queue = cronos_job_queue_new(
            (guint)cronos_config_int(config, CRONOS_CONFIG_SERVICE_QUEUE_LENGTH));
        worker->thread = g_thread_new(names[i], work, worker);
    }
    return workers;
}

static void refuse_stopping(CronosWorkers *workers, CronosRequest *request)
{
    cronos_statuses_refused(workers->statuses, request, CRONOS_OUTBOX_AT_ONCE, "stopping",
                            "the service is stopping");
}

/* Returns: whether the request has been taken over. */
static gboolean enqueue(CronosWorkers *workers, CronosRequest *request)
{
    gboolean is_list = request->kind == CRONOS_REQUEST_LIST;
    CronosJobQueue *queue = workers->all[is_list ? LISTS : CHANGES].queue;
    guint ahead;

    switch (cronos_job_queue_reserve(queue, &ahead)) {
    case CRONOS_JOB_QUEUE_FULL:
        cronos_statuses_refused(workers->statuses, request, CRONOS_OUTBOX_PATIENT, "queue_full",
                                "too many requests are waiting");
        return FALSE;
    case CRONOS_JOB_QUEUE_CLOSED:
        break;
    case CRONOS_JOB_QUEUE_RESERVED:
        if (!is_list)
            cronos_statuses_accepted(workers->statuses, request, ahead);
        if (cronos_job_queue_push(queue, request))
            return TRUE;
        break;
    }
    refuse_stopping(workers, request);
    return FALSE;
}

void cronos_workers_take(CronosWorkers *workers, CronosRequestKind kind, const char *text,
                         gsize length, const char *reply_to)
{
    g_autoptr(CronosRequest) request = cronos_request_new(kind, reply_to);
    g_autoptr(GError) error = NULL;

    if (!cronos_request_parse(request, text, length, &error)) {
        cronos_log_event(CRONOS_LOG_WARNING, NULL, NULL, "a request for a %s was refused: %s",
                         cronos_request_kind_word(kind), error->message);
        cronos_statuses_refused(workers->statuses, request, CRONOS_OUTBOX_PATIENT,
                                "invalid_request", error->message);
        return;
    }
    if (enqueue(workers, request))
        g_steal_pointer(&request);
}

void cronos_workers_stop(CronosWorkers *workers)
{
    for (guint i = 0; i < QUEUES; i++) {
        g_autoptr(GPtrArray) left = cronos_job_queue_close(workers->all[i].queue);

        for (guint j = 0; j < left->len; j++)
            refuse_stopping(workers, g_ptr_array_index(left, j));
    }
}

gboolean cronos_workers_are_done(CronosWorkers *workers)
{
    return __atomic_load_n(&workers->running, __ATOMIC_SEQ_CST) == 0;
}

guint cronos_workers_waiting(CronosWorkers *workers)
{
    guint waiting = 0;

    for (guint i = 0; i < QUEUES; i++)
        waiting += cronos_job_queue_waiting(workers->all[i].queue);
    return waiting;
}

void cronos_workers_free(CronosWorkers *workers)
{
    for (guint i = 0; i < QUEUES; i++) {
        g_thread_join(workers->all[i].thread);
        cronos_job_queue_free(workers->all[i].queue);
    }
    cronos_statuses_free(workers->statuses);
    g_free(workers);
}
