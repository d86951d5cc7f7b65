/* SPDX-License-Identifier: MIT
 * log-private.h - between log.c and log-relay.c */
#pragma once
#include "core/log.h"

/* Where an event goes, besides stderr. */
enum {
    CRONOS_LOG_TO_JOURNAL = 1 << 0,
    CRONOS_LOG_TO_FILE = 1 << 1,
};

/* Writes to @sinks what another process has to say. */
void cronos_log_write_for(guint sinks, GLogLevelFlags flags, CronosLogLevel level,
                          const GLogField *fields, gsize count);

/* Sends an event through the relay. Values that are too long are cut off. Returns: FALSE where
 * nobody receives it. */
gboolean cronos_log_relay_send(int fd, guint sinks, GLogLevelFlags flags, CronosLogLevel level,
                               const GLogField *fields, gsize count);
