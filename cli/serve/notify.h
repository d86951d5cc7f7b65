/* SPDX-License-Identifier: MIT
 * notify.h - what a service manager is told (sd_notify(3)), and its watchdog
 *
 * Without NOTIFY_SOCKET in the environment nothing is sent. Threads: all safe after start. */
#pragma once
#include <glib.h>

/* Reads the environment, and takes the variables out of it: no child is to answer for the service.
 * To be called once, before threads start. */
void cronos_notify_start(void);
/* Sends one datagram: lines such as "READY=1". */
void cronos_notify(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Returns: how often, in microseconds, the watchdog is to hear of this process; 0: never. */
gint64 cronos_notify_watchdog_us(void);
