/* SPDX-License-Identifier: MIT
 * moment.h - points in time as people type them */
#pragma once
#include <glib.h>

/* Takes "YYYYMMDD_HHMMSS" or "YYYY-MM-DD", local times, or how long ago: a whole number and one of
 * s, m (minutes), h, d and w, as in "7d".
 * @now: seconds since the epoch. @last: of a day, its last second is meant; else its first.
 * Returns: FALSE with @error USAGE. */
gboolean cronos_moment_parse(const char *text, gint64 now, gboolean last, gint64 *out_seconds,
                             GError **error);
