/* SPDX-License-Identifier: MIT
 * file-time.c - file times held against the clock (git's "racy" rule) */
#include "core/file-time.h"

#define NS_PER_S G_GINT64_CONSTANT(1000000000)
/* A tick is at most a hundredth of a second, and so are the times that exFAT keeps. */
#define FINE_CLOCK_NS (NS_PER_S / 50)
/* FAT's, the coarsest, and a tick. */
#define COARSE_CLOCK_NS (2 * NS_PER_S + NS_PER_S / 50)

gboolean cronos_file_time_is_earlier(gint64 time_ns, gint64 moment_ns)
{
    gint64 margin = time_ns % NS_PER_S == 0 ? COARSE_CLOCK_NS : FINE_CLOCK_NS;

    return moment_ns >= G_MININT64 + margin && time_ns < moment_ns - margin;
}

void cronos_file_time_settle(void)
{
    g_usleep((gulong)(2 * FINE_CLOCK_NS / 1000));
}
