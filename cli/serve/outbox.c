/* SPDX-License-Identifier: MIT
 * outbox.c - a thread that delivers messages until the server has them */
#include "cli/serve/outbox.h"

#include "core/log.h"

#define RETRY_US G_USEC_PER_SEC

struct CronosOutbox {
    gboolean (*deliver)(const GPtrArray *messages, gpointer user_data);
    gpointer user_data;
    GThread *thread;
    GMutex mutex;
    GCond changed;
    GPtrArray *waiting; /* mutex; of CronosMessage * */
    GPtrArray *sending; /* the thread's; not empty only while it delivers */
    guint undelivered;  /* mutex: how many are in sending */
    gboolean hurried;   /* mutex */
    gboolean closed;    /* mutex */
    gboolean woken;     /* mutex */
    gint64 deadline_us; /* mutex; monotonic, once closed */
};

static void message_free(gpointer data)
{
    CronosMessage *message = data;

    g_free(message->subject);
    g_free(message->text);
    g_free(message);
}

/* Takes what waits, or sleeps. Returns: FALSE when all is done and no more will come. */
static gboolean take_waiting(CronosOutbox *outbox)
{
    g_mutex_lock(&outbox->mutex);
    outbox->undelivered = 0;
    while (outbox->waiting->len == 0 && !outbox->closed)
        g_cond_wait(&outbox->changed, &outbox->mutex);
    GPtrArray *taken = outbox->waiting;
    outbox->waiting = outbox->sending;
    outbox->sending = taken;
    outbox->undelivered = taken->len;
    g_cond_broadcast(&outbox->changed);
    g_mutex_unlock(&outbox->mutex);
    return taken->len > 0;
}

/* Sleeps until the server may be there again. Returns: FALSE when it is too late for that. */
static gboolean wait_for_server(CronosOutbox *outbox)
{
    gint64 retry_us = g_get_monotonic_time() + RETRY_US;

    g_mutex_lock(&outbox->mutex);
    while (!outbox->woken && g_get_monotonic_time() < retry_us &&
           (!outbox->closed || g_get_monotonic_time() < outbox->deadline_us))
        g_cond_wait_until(&outbox->changed, &outbox->mutex,
                          outbox->closed ? MIN(retry_us, outbox->deadline_us) : retry_us);
    outbox->woken = FALSE;
    gboolean late = outbox->closed && g_get_monotonic_time() >= outbox->deadline_us;
    g_mutex_unlock(&outbox->mutex);
    return !late;
}

static gpointer deliver_all(gpointer data)
{
    CronosOutbox *outbox = data;
    guint lost = 0;

    while (take_waiting(outbox)) {
        gboolean done = outbox->deliver(outbox->sending, outbox->user_data);

        while (!done && wait_for_server(outbox))
            done = outbox->deliver(outbox->sending, outbox->user_data);
        for (guint i = 0; !done && i < outbox->sending->len; i++) {
            const CronosMessage *message = g_ptr_array_index(outbox->sending, i);

            cronos_log_event(CRONOS_LOG_ERROR, NULL, NULL, "never delivered to %s: %s",
                             message->subject, message->text);
            lost++;
        }
        g_ptr_array_set_size(outbox->sending, 0);
    }
    return GUINT_TO_POINTER(lost);
}

CronosOutbox *cronos_outbox_new(gboolean (*deliver)(const GPtrArray *messages, gpointer user_data),
                                gpointer user_data)
{
    CronosOutbox *outbox = g_new0(CronosOutbox, 1);

    outbox->deliver = deliver;
    outbox->user_data = user_data;
    g_mutex_init(&outbox->mutex);
    g_cond_init(&outbox->changed);
    outbox->waiting = g_ptr_array_new_with_free_func(message_free);
    outbox->sending = g_ptr_array_new_with_free_func(message_free);
    outbox->thread = g_thread_new("outbox", deliver_all, outbox);
    return outbox;
}

void cronos_outbox_push(CronosOutbox *outbox, CronosOutboxManner manner, const char *subject,
                        const char *text)
{
    if (subject == NULL)
        return;
    g_mutex_lock(&outbox->mutex);
    while (manner == CRONOS_OUTBOX_PATIENT && !outbox->hurried &&
           outbox->waiting->len >= CRONOS_OUTBOX_MESSAGES_MAX)
        g_cond_wait(&outbox->changed, &outbox->mutex);
    if (manner != CRONOS_OUTBOX_PASSING || (outbox->waiting->len + outbox->undelivered == 0)) {
        CronosMessage *message = g_new(CronosMessage, 1);

        message->subject = g_strdup(subject);
        message->text = g_strdup(text);
        g_ptr_array_add(outbox->waiting, message);
        g_cond_broadcast(&outbox->changed);
    }
    g_mutex_unlock(&outbox->mutex);
}

void cronos_outbox_wake(CronosOutbox *outbox)
{
    g_mutex_lock(&outbox->mutex);
    outbox->woken = TRUE;
    g_cond_broadcast(&outbox->changed);
    g_mutex_unlock(&outbox->mutex);
}

void cronos_outbox_hurry(CronosOutbox *outbox)
{
    g_mutex_lock(&outbox->mutex);
    outbox->hurried = TRUE;
    g_cond_broadcast(&outbox->changed);
    g_mutex_unlock(&outbox->mutex);
}

guint cronos_outbox_waiting(CronosOutbox *outbox)
{
    g_mutex_lock(&outbox->mutex);
    guint waiting = outbox->waiting->len + outbox->undelivered;
    g_mutex_unlock(&outbox->mutex);
    return waiting;
}

guint cronos_outbox_close(CronosOutbox *outbox, gint64 patience_us)
{
    g_mutex_lock(&outbox->mutex);
    outbox->closed = TRUE;
    outbox->deadline_us = g_get_monotonic_time() + patience_us;
    g_cond_broadcast(&outbox->changed);
    g_mutex_unlock(&outbox->mutex);
    return GPOINTER_TO_UINT(g_thread_join(outbox->thread));
}

void cronos_outbox_free(CronosOutbox *outbox)
{
    g_ptr_array_unref(outbox->waiting);
    g_ptr_array_unref(outbox->sending);
    g_mutex_clear(&outbox->mutex);
    g_cond_clear(&outbox->changed);
    g_free(outbox);
}
