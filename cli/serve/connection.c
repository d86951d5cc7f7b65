/* SPDX-License-Identifier: MIT
 * connection.c - libnats: subscriptions in, messages out
 *
 * A message counts as delivered when the server has answered a PING sent after it, on the same
 * connection. One that is lost or does not answer is closed, and a new one opened by the service.
 */
#include "cli/serve/connection.h"

#include "cli/serve/connection-options.h"
#include "core/error.h"
#include "core/log.h"

#define CONFIRM_TIMEOUT_MS 5000
#define DRAIN_TIMEOUT_MS 5000
#define CLOSE_TIMEOUT_MS 10000
#define PAYLOAD_DEFAULT (1024u * 1024u)

/* What a subscription's handler is given. */
typedef struct {
    CronosConnection *connection;
    CronosRequestKind kind;
} Channel;

struct CronosConnection {
    const CronosConfig *config;
    CronosConnectionHandlers handlers;
    char *servers;
    Channel channels[CRONOS_REQUEST_KINDS];
    natsSubscription *subscriptions[CRONOS_REQUEST_KINDS]; /* the opening thread's */
    gsize payload_max;                                     /* atomic */
    GMutex mutex;
    natsConnection *nats; /* changed by the opening thread alone, and with the mutex; NULL: none */
};

CronosConnection *cronos_connection_new(const CronosConfig *config,
                                        const CronosConnectionHandlers *handlers, GError **error)
{
    if (!cronos_connection_check(config, error))
        return NULL;

    CronosConnection *connection = g_new0(CronosConnection, 1);
    connection->config = config;
    connection->handlers = *handlers;
    connection->servers =
        cronos_connection_public_url(cronos_config_string(config, CRONOS_CONFIG_SERVICE_URL));
    connection->payload_max = PAYLOAD_DEFAULT;
    g_mutex_init(&connection->mutex);
    for (guint kind = 0; kind < CRONOS_REQUEST_KINDS; kind++)
        connection->channels[kind] = (Channel){connection, (CronosRequestKind)kind};
    return connection;
}

static void on_message(natsConnection *nats, natsSubscription *subscription, natsMsg *message,
                       void *data)
{
    const Channel *channel = data;
    const CronosConnectionHandlers *handlers = &channel->connection->handlers;
    int length = natsMsg_GetDataLength(message);

    (void)nats;
    (void)subscription;
    handlers->on_request(channel->kind, length > 0 ? natsMsg_GetData(message) : "", (gsize)length,
                         natsMsg_GetReply(message), handlers->user_data);
    natsMsg_Destroy(message);
}

static void on_closed(natsConnection *nats, void *data)
{
    const CronosConnection *connection = data;

    (void)nats;
    connection->handlers.on_lost(connection->handlers.user_data);
}

static void on_error(natsConnection *nats, natsSubscription *subscription, natsStatus status,
                     void *data)
{
    const char *reason = NULL;

    (void)data;
    natsConnection_GetLastError(nats, &reason);
    cronos_log_event(CRONOS_LOG_ERROR, NULL,
                     subscription != NULL ? natsSubscription_GetSubject(subscription) : NULL,
                     "%s: %s", natsStatus_GetText(status), reason != NULL ? reason : "");
}

static gboolean set_nats_error(const CronosConnection *connection, natsStatus status,
                               const char *what, GError **error)
{
    const char *reason = nats_GetLastError(NULL);
    g_autofree char *quoted =
        cronos_quote_path(reason != NULL && *reason != '\0' ? reason : natsStatus_GetText(status));

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s: %s%s", connection->servers, what,
                quoted);
    return FALSE;
}

static natsStatus subscribe(CronosConnection *connection, natsConnection *nats)
{
    const char *prefix =
        cronos_config_string(connection->config, CRONOS_CONFIG_SERVICE_SUBJECT_PREFIX);
    const char *group = cronos_config_string(connection->config, CRONOS_CONFIG_SERVICE_QUEUE_GROUP);
    natsStatus status = NATS_OK;

    for (guint kind = 0; kind < CRONOS_REQUEST_KINDS && status == NATS_OK; kind++) {
        Channel *channel = &connection->channels[kind];
        g_autofree char *subject =
            g_strdup_printf("%s%srequest.cronos.%s", prefix, *prefix != '\0' ? "." : "",
                            cronos_request_kind_word(channel->kind));
        natsSubscription **subscription = &connection->subscriptions[kind];

        if (*group != '\0')
            status = natsConnection_QueueSubscribe(subscription, nats, subject, group, on_message,
                                                   channel);
        else
            status = natsConnection_Subscribe(subscription, nats, subject, on_message, channel);
    }
    return status;
}

static void forget_subscriptions(CronosConnection *connection)
{
    for (guint kind = 0; kind < CRONOS_REQUEST_KINDS; kind++)
        g_clear_pointer(&connection->subscriptions[kind], natsSubscription_Destroy);
}

/* Makes @nats the connection in use, instead of the one before. */
static void exchange(CronosConnection *connection, natsConnection *nats)
{
    g_mutex_lock(&connection->mutex);
    natsConnection *before = connection->nats;
    connection->nats = nats;
    g_mutex_unlock(&connection->mutex);
    natsConnection_Destroy(before);
}

static natsStatus connect_once(CronosConnection *connection, natsOptions *options,
                               natsConnection **out_nats)
{
    natsStatus status = natsOptions_SetClosedCB(options, on_closed, connection);

    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, on_error, connection);
    if (status == NATS_OK)
        status = natsConnection_Connect(out_nats, options);
    return status;
}

gboolean cronos_connection_open(CronosConnection *connection, gboolean with_requests,
                                GError **error)
{
    natsOptions *options = cronos_connection_options(connection->config, error);
    natsConnection *nats = NULL;

    if (options == NULL)
        return FALSE;
    forget_subscriptions(connection);
    exchange(connection, NULL);
    natsStatus status = connect_once(connection, options, &nats);
    natsOptions_Destroy(options);
    if (status != NATS_OK)
        return set_nats_error(connection, status, "", error);
    __atomic_store_n(&connection->payload_max, (gsize)natsConnection_GetMaxPayload(nats),
                     __ATOMIC_SEQ_CST);
    if (with_requests)
        status = subscribe(connection, nats);
    if (status == NATS_OK)
        status = natsConnection_FlushTimeout(nats, CONFIRM_TIMEOUT_MS);
    exchange(connection, nats);
    if (status == NATS_OK)
        return TRUE;
    forget_subscriptions(connection);
    exchange(connection, NULL);
    return set_nats_error(connection, status, "subscribing: ", error);
}

gboolean cronos_connection_is_open(const CronosConnection *connection)
{
    return connection->nats != NULL && !natsConnection_IsClosed(connection->nats);
}

void cronos_connection_drain(CronosConnection *connection)
{
    gint64 until_ms = nats_Now() + DRAIN_TIMEOUT_MS;

    for (guint kind = 0; kind < CRONOS_REQUEST_KINDS; kind++)
        if (connection->subscriptions[kind] != NULL)
            natsSubscription_Drain(connection->subscriptions[kind]);
    for (guint kind = 0; kind < CRONOS_REQUEST_KINDS; kind++)
        if (connection->subscriptions[kind] != NULL)
            natsSubscription_WaitForDrainCompletion(connection->subscriptions[kind],
                                                    MAX(until_ms - nats_Now(), 1));
}

/* What would fail again and again, however often it is tried. */
static gboolean is_hopeless(natsStatus status)
{
    return status == NATS_MAX_PAYLOAD || status == NATS_INVALID_SUBJECT ||
           status == NATS_INVALID_ARG || status == NATS_PROTOCOL_ERROR;
}

static natsStatus publish_all(natsConnection *nats, const GPtrArray *messages)
{
    for (guint i = 0; i < messages->len; i++) {
        const CronosMessage *message = g_ptr_array_index(messages, i);
        natsStatus status = natsConnection_PublishString(nats, message->subject, message->text);

        if (is_hopeless(status))
            cronos_log_event(CRONOS_LOG_ERROR, NULL, NULL, "can not be delivered to %s: %s: %.500s",
                             message->subject, natsStatus_GetText(status), message->text);
        else if (status != NATS_OK)
            return status;
    }
    return natsConnection_FlushTimeout(nats, CONFIRM_TIMEOUT_MS);
}

gboolean cronos_connection_deliver(const GPtrArray *messages, gpointer user_data)
{
    CronosConnection *connection = user_data;
    gboolean done = FALSE;

    g_mutex_lock(&connection->mutex);
    if (cronos_connection_is_open(connection)) {
        done = publish_all(connection->nats, messages) == NATS_OK;
        if (!done)
            natsConnection_Close(connection->nats);
    }
    g_mutex_unlock(&connection->mutex);
    return done;
}

const char *cronos_connection_servers(const CronosConnection *connection)
{
    return connection->servers;
}

gsize cronos_connection_payload_max(const CronosConnection *connection)
{
    return __atomic_load_n(&connection->payload_max, __ATOMIC_SEQ_CST);
}

void cronos_connection_free(CronosConnection *connection)
{
    if (connection == NULL)
        return;
    forget_subscriptions(connection);
    exchange(connection, NULL);
    nats_CloseAndWait(CLOSE_TIMEOUT_MS);
    g_mutex_clear(&connection->mutex);
    g_free(connection->servers);
    g_free(connection);
}
