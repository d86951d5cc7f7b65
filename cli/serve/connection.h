/* SPDX-License-Identifier: MIT
 * connection.h - one connection to a NATS server, subscribed to the requests
 *
 * libnats does not reconnect by itself here: what it has buffered would be lost unseen. A
 * connection that is lost stays so until it is opened again, by the one thread that opens, drains
 * and frees; delivering is for any thread. */
#pragma once
#include "cli/serve/outbox.h"
#include "cli/serve/request.h"
#include "core/config.h"

typedef struct CronosConnection CronosConnection;

typedef struct {
    /* From a thread of libnats, one for each kind; may wait. @text: not NUL-terminated. */
    void (*on_request)(CronosRequestKind kind, const char *text, gsize length, const char *reply_to,
                       gpointer user_data);
    /* From a thread of libnats: the connection was lost. */
    void (*on_lost)(gpointer user_data);
    gpointer user_data;
} CronosConnectionHandlers;

/* Connects to nothing yet. Returns: (owned), or NULL with @error CONFIG or a system error where the
 * configuration can not be used. */
CronosConnection *cronos_connection_new(const CronosConfig *config,
                                        const CronosConnectionHandlers *handlers, GError **error);
/* Closes it, and waits for the last handler to return; libnats can not be used any more. NULL:
 * no-op */
void cronos_connection_free(CronosConnection *connection);

/* Tries once, for some seconds. @with_requests: subscribes to them, too. Returns: FALSE with
 * @error.
 */
gboolean cronos_connection_open(CronosConnection *connection, gboolean with_requests,
                                GError **error);
gboolean cronos_connection_is_open(const CronosConnection *connection);
/* Takes no more requests, and waits a little for the handlers of those that have come. */
void cronos_connection_drain(CronosConnection *connection);
/* For cronos_outbox_new: @user_data is the connection. What no server takes is logged and counts as
 * delivered. */
gboolean cronos_connection_deliver(const GPtrArray *messages, gpointer user_data);

/* Returns: (borrowed) the servers, without names and passwords. */
const char *cronos_connection_servers(const CronosConnection *connection);
/* Returns: bytes that a message may have. Threads: any. */
gsize cronos_connection_payload_max(const CronosConnection *connection);
