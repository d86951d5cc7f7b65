/* SPDX-License-Identifier: MIT
 * read-ahead.c - threads that decode ahead */
#include "core/read-ahead.h"

#define WAITING_MOST 64u
#define IDLE_US (2 * G_USEC_PER_SEC)

typedef struct {
    guint64 owner;
    void (*run)(gpointer data);
    GDestroyNotify discard;
    gpointer data;
    GList link; /* in one of the queues below */
} Job;

static GMutex lock;
static GCond submitted; /* a job waits */
static GCond finished;  /* a job has run */
static GQueue waiting;  /* under lock, as all of the below */
static GQueue running;
static guint threads, idle;

static void discard(Job *job)
{
    job->discard(job->data);
    g_free(job);
}

static void run_next_locked(void)
{
    GList *link = g_queue_pop_head_link(&waiting);
    Job *job = link->data;

    g_queue_push_tail_link(&running, link);
    g_mutex_unlock(&lock);
    job->run(job->data);
    g_mutex_lock(&lock);
    g_queue_unlink(&running, link);
    g_free(job);
    g_cond_broadcast(&finished);
}

/* Returns: whether there is something to do; FALSE after a while without. */
static gboolean wait_for_job_locked(void)
{
    gint64 deadline = g_get_monotonic_time() + IDLE_US;
    gboolean in_time = TRUE;

    idle++;
    while (waiting.length == 0 && in_time)
        in_time = g_cond_wait_until(&submitted, &lock, deadline);
    idle--;
    return waiting.length > 0;
}

static gpointer work(gpointer unused)
{
    g_mutex_lock(&lock);
    while (wait_for_job_locked())
        run_next_locked();
    threads--;
    g_mutex_unlock(&lock);
    return NULL;
}

/* Returns: whether somebody will run what waits. */
static gboolean find_thread_locked(void)
{
    if (idle >= waiting.length || threads >= g_get_num_processors()) {
        g_cond_signal(&submitted);
        return TRUE;
    }
    GThread *thread = g_thread_try_new("read-ahead", work, NULL, NULL);
    if (thread == NULL)
        return threads > 0;
    threads++;
    g_thread_unref(thread);
    return TRUE;
}

gboolean cronos_read_ahead_submit(guint64 owner, void (*run)(gpointer data),
                                  GDestroyNotify discard_data, gpointer data)
{
    Job *job = g_new0(Job, 1);
    gboolean taken = FALSE;

    job->owner = owner;
    job->run = run;
    job->discard = discard_data;
    job->data = data;
    job->link.data = job;
    g_mutex_lock(&lock);
    if (waiting.length < WAITING_MOST) {
        g_queue_push_tail_link(&waiting, &job->link);
        taken = find_thread_locked();
        if (!taken)
            g_queue_unlink(&waiting, &job->link);
    }
    g_mutex_unlock(&lock);
    if (!taken)
        discard(job);
    return taken;
}

static gboolean is_running_locked(guint64 owner)
{
    for (const GList *link = running.head; link != NULL; link = link->next)
        if (((const Job *)link->data)->owner == owner)
            return TRUE;
    return FALSE;
}

void cronos_read_ahead_cancel(guint64 owner)
{
    GQueue gone = G_QUEUE_INIT;
    GList *next;

    g_mutex_lock(&lock);
    for (GList *link = waiting.head; link != NULL; link = next) {
        next = link->next;
        if (((const Job *)link->data)->owner != owner)
            continue;
        g_queue_unlink(&waiting, link);
        g_queue_push_tail_link(&gone, link);
    }
    while (is_running_locked(owner))
        g_cond_wait(&finished, &lock);
    g_mutex_unlock(&lock);
    while (gone.head != NULL)
        discard(g_queue_pop_head_link(&gone)->data);
}
