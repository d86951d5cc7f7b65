/* SPDX-License-Identifier: MIT
 * file-time.h - the times that the kernel gives files, held against the clock
 *
 * The kernel stamps changes with the time of its last tick, and some file systems keep hundredths,
 * whole or even seconds of that, so that a change right after a moment can bear a time shortly
 * before it. Times that are nearer to the moment than both together do not count as earlier. */
#pragma once
#include <glib.h>

/* Returns: whether what bears @time_ns was certainly changed before @moment_ns; both in nanoseconds
 * since the epoch. Times nearer to the moment than a clock can tell do not count as earlier. */
gboolean cronos_file_time_is_earlier(gint64 time_ns, gint64 moment_ns);
/* Waits for some hundredths of a second, until what was changed before the call bears a time that
 * is certainly earlier, where the file system keeps parts of seconds. */
void cronos_file_time_settle(void);
