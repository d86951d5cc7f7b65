/* SPDX-License-Identifier: MIT
 * interrupt.h - SIGINT, SIGTERM and SIGHUP as a wish to stop
 *
 * The first signal cancels, so that core can clean up; the second one kills. */
#pragma once
#include <gio/gio.h>

/* From here on the signals cancel what is returned (borrowed, lives as long as the process), except
 * those the caller of this program had ignored; SIGPIPE is ignored, so that a reader who leaves
 * does not end the work. To be called once, before other threads start. */
GCancellable *cronos_interrupt_start(void);
/* Returns: the signal that cancelled, or 0. */
int cronos_interrupt_signal(void);
