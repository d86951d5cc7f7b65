/* SPDX-License-Identifier: MIT
 * service.h - requests from NATS, done one after the other
 *
 * Threads: the caller's keeps the connection and tells the service manager; libnats' ones read
 * requests, answer those that are wrong and queue the others; one worker changes things, another
 * one answers lists, which need not wait for it; the outbox delivers. */
#pragma once
#include "core/config.h"

#include <gio/gio.h>

/* Serves until @stop is cancelled; then what waits is refused, and what is being done is finished.
 * Reconnects for ever. Returns: FALSE with @error CONFIG, or FAILED where messages could not be
 * delivered at the end. */
gboolean cronos_service_run(const CronosConfig *config, GCancellable *stop, GError **error);
