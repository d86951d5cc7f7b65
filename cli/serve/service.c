/* SPDX-License-Identifier: MIT
 * service.c - the life of the service: connecting, waiting, stopping */
#include "cli/serve/service.h"

#include "cli/serve/connection.h"
#include "cli/serve/notify.h"
#include "cli/serve/outbox.h"
#include "cli/serve/workers.h"
#include "core/error.h"
#include "core/log.h"

#define BACK_OFF_LEAST_US (G_USEC_PER_SEC / 10)
#define BACK_OFF_MOST_US (30 * G_USEC_PER_SEC)
#define LAST_PATIENCE_US (5 * G_USEC_PER_SEC) /* for the last messages */
#define LAST_LOOK_US (G_USEC_PER_SEC / 20)
#define EXTENSION_US (30 * G_USEC_PER_SEC)

typedef struct {
    CronosConnection *connection;
    CronosOutbox *outbox;
    CronosWorkers *workers;

    GMutex mutex;
    GCond changed;
    gboolean woken; /* mutex: something has happened that the service should look at */

    /* the service's thread's */
    GCancellable *stop;
    gboolean was_open;
    gboolean stopping;
    gboolean announced;  /* that it is ready */
    gint64 back_off_us;  /* of the next try but one */
    gint64 next_try_us;  /* monotonic, as are all below */
    gint64 opened_us;    /* when the connection was */
    gint64 next_beat_us; /* of the watchdog */
    gint64 given_up_us;  /* when the last messages are given up; 0: work is not done yet */
    char *reason;        /* why there was no connection, the last time */
} Service;

static void wake(gpointer user_data)
{
    Service *service = user_data;

    g_mutex_lock(&service->mutex);
    service->woken = TRUE;
    g_cond_signal(&service->changed);
    g_mutex_unlock(&service->mutex);
}

static void on_stop(GCancellable *stop, gpointer user_data)
{
    (void)stop;
    wake(user_data);
}

static void sleep_until(Service *service, gint64 until_us)
{
    g_mutex_lock(&service->mutex);
    while (!service->woken && g_cond_wait_until(&service->changed, &service->mutex, until_us))
        ;
    service->woken = FALSE;
    g_mutex_unlock(&service->mutex);
}

static void on_request(CronosRequestKind kind, const char *text, gsize length, const char *reply_to,
                       gpointer user_data)
{
    const Service *service = user_data;

    cronos_workers_take(service->workers, kind, text, length, reply_to);
}

static void tell_manager(Service *service)
{
    const char *servers = cronos_connection_servers(service->connection);

    if (service->stopping)
        cronos_notify("STATUS=Stopping, %u waiting to be delivered",
                      cronos_outbox_waiting(service->outbox));
    else if (service->was_open)
        cronos_notify("STATUS=Connected to %s", servers);
    else
        cronos_notify("STATUS=Waiting for a server: %s", service->reason);
    /* Also without a server: what is started after this service need not wait for one. */
    if (!service->announced)
        cronos_notify("READY=1");
    service->announced = TRUE;
}

static void on_opened(Service *service)
{
    service->was_open = TRUE;
    service->opened_us = g_get_monotonic_time();
    g_clear_pointer(&service->reason, g_free);
    cronos_log_event(CRONOS_LOG_INFO, NULL, NULL, "connected to %s",
                     cronos_connection_servers(service->connection));
    cronos_outbox_wake(service->outbox);
    tell_manager(service);
}

static void postpone_next_try(Service *service)
{
    double share =
        g_random_double_range(0.5, 1.0); /* or all clients of a server come back at once */

    service->next_try_us = g_get_monotonic_time() + (gint64)(share * (double)service->back_off_us);
    service->back_off_us = MIN(service->back_off_us * 2, BACK_OFF_MOST_US);
}

/* The same reason is told once, however often it keeps the service from its server. */
static void on_not_opened(Service *service, const GError *error)
{
    if (g_strcmp0(service->reason, error->message) != 0) {
        cronos_log_event(CRONOS_LOG_ERROR, NULL, NULL, "%s; trying again", error->message);
        g_free(service->reason);
        service->reason = g_strdup(error->message);
        tell_manager(service);
    }
    postpone_next_try(service);
}

/* One that is lost again and again is waited for like one that is not there. */
static void on_lost(Service *service)
{
    service->was_open = FALSE;
    service->reason = g_strdup("the connection was lost");
    cronos_log_event(CRONOS_LOG_ERROR, NULL, NULL, "%s: %s; trying again",
                     cronos_connection_servers(service->connection), service->reason);
    tell_manager(service);
    if (g_get_monotonic_time() - service->opened_us > BACK_OFF_MOST_US)
        service->back_off_us = BACK_OFF_LEAST_US;
    postpone_next_try(service);
}

static void keep_connected(Service *service)
{
    g_autoptr(GError) error = NULL;

    if (cronos_connection_is_open(service->connection))
        return;
    if (service->was_open)
        on_lost(service);
    if (g_get_monotonic_time() < service->next_try_us)
        return;
    if (cronos_connection_open(service->connection, !service->stopping, &error))
        on_opened(service);
    else
        on_not_opened(service, error);
}

/* The watchdog hears of a process whose locks can be had; a job itself may take as long as it
 * needs, also once the service is to stop. */
static void beat(Service *service)
{
    gint64 interval_us = cronos_notify_watchdog_us();

    if (g_get_monotonic_time() < service->next_beat_us)
        return;
    cronos_outbox_waiting(service->outbox);
    cronos_workers_waiting(service->workers);
    if (interval_us > 0)
        cronos_notify("WATCHDOG=1");
    if (service->stopping)
        cronos_notify("EXTEND_TIMEOUT_USEC=%" G_GINT64_FORMAT, (gint64)EXTENSION_US);
    service->next_beat_us =
        g_get_monotonic_time() +
        (interval_us > 0 ? MIN(interval_us, EXTENSION_US / 3) : EXTENSION_US / 3);
}

static void begin_to_stop(Service *service)
{
    service->stopping = TRUE;
    service->next_beat_us = 0;
    cronos_notify("STOPPING=1");
    cronos_log_event(CRONOS_LOG_INFO, NULL, NULL,
                     "stopping: what is being done is finished, nothing else is begun");
    cronos_outbox_hurry(service->outbox);
    cronos_workers_stop(service->workers);
    cronos_connection_drain(service->connection);
    tell_manager(service);
}

/* Returns: whether there is nothing left to do, or to hope for. */
static gboolean is_done(Service *service)
{
    if (!service->stopping || !cronos_workers_are_done(service->workers))
        return FALSE;
    if (service->given_up_us == 0)
        service->given_up_us = g_get_monotonic_time() + LAST_PATIENCE_US;
    return cronos_outbox_waiting(service->outbox) == 0 ||
           g_get_monotonic_time() >= service->given_up_us;
}

static gint64 next_look_us(const Service *service)
{
    gint64 next_us = service->next_beat_us;

    if (!service->was_open)
        next_us = MIN(next_us, service->next_try_us);
    if (service->given_up_us != 0)
        next_us = MIN(next_us, g_get_monotonic_time() + LAST_LOOK_US);
    return next_us;
}

static void serve(Service *service)
{
    while (!is_done(service)) {
        if (!service->stopping && g_cancellable_is_cancelled(service->stop))
            begin_to_stop(service);
        keep_connected(service);
        beat(service);
        sleep_until(service, next_look_us(service));
    }
}

/* Returns: the number of messages lost. */
static guint finish(Service *service)
{
    guint lost = cronos_outbox_close(service->outbox, 0);

    cronos_connection_free(service->connection);
    cronos_workers_free(service->workers);
    cronos_outbox_free(service->outbox);
    g_free(service->reason);
    g_mutex_clear(&service->mutex);
    g_cond_clear(&service->changed);
    return lost;
}

/* Whoever names the server, the place of restores and the files with secrets could have this
 * process write and tell what he likes. */
static gboolean check_trust(const CronosConfig *config, GError **error)
{
    const char *refusal = cronos_config_service_refusal(config);

    if (refusal != NULL)
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG, refusal);
    return refusal == NULL;
}

gboolean cronos_service_run(const CronosConfig *config, GCancellable *stop, GError **error)
{
    Service service = {.stop = stop, .back_off_us = BACK_OFF_LEAST_US};
    const CronosConnectionHandlers handlers = {on_request, wake, &service};

    if (!check_trust(config, error))
        return FALSE;
    service.connection = cronos_connection_new(config, &handlers, error);
    if (service.connection == NULL)
        return FALSE;
    g_mutex_init(&service.mutex);
    g_cond_init(&service.changed);
    service.outbox = cronos_outbox_new(cronos_connection_deliver, service.connection);
    service.workers =
        cronos_workers_new(config, service.connection, service.outbox, wake, &service);
    gulong handler = g_cancellable_connect(stop, G_CALLBACK(on_stop), &service, NULL);
    serve(&service);
    g_cancellable_disconnect(stop, handler);
    guint lost = finish(&service);
    if (lost > 0)
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "%u messages could not be delivered; the log has them", lost);
    return lost == 0;
}
