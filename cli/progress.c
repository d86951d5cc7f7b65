/* SPDX-License-Identifier: MIT
 * progress.c - one line that is drawn over and over, at most ten times a second
 *
 *   creating [#########.............]  41%  512.0 MiB of 1.2 GiB  85.2 MiB/s  0:08  dir/file
 *
 * Core calls from any thread, but never from two at once, so the bar needs no lock. */
#include "cli/progress.h"

#include "cli/terminal.h"
#include "core/error.h"

#include <unistd.h>

#define REDRAW_US (G_USEC_PER_SEC / 10)
#define BAR_CELLS 22u
#define NARROW_COLUMNS 70u

struct CronosProgressBar {
    const char *verb;
    gboolean enabled;
    gint64 started_us, drawn_us;
    guint64 started_bytes, last_bytes;
};

CronosProgressBar *cronos_progress_bar_new(const char *verb, gboolean disabled)
{
    CronosProgressBar *bar = g_new0(CronosProgressBar, 1);

    bar->verb = verb;
    bar->enabled = !disabled && !cronos_terminal_is_quiet() && isatty(STDERR_FILENO) &&
                   g_strcmp0(g_getenv("TERM"), "dumb") != 0;
    return bar;
}

void cronos_progress_bar_free(CronosProgressBar *bar)
{
    if (bar == NULL)
        return;
    cronos_terminal_clear_line();
    g_free(bar);
}

static void append_gauge(GString *line, double share)
{
    guint filled = (guint)(share * BAR_CELLS);

    g_string_append_c(line, '[');
    for (guint cell = 0; cell < BAR_CELLS; cell++)
        g_string_append_c(line, cell < filled ? '#' : '.');
    g_string_append(line, "] ");
}

static void append_remaining(GString *line, double seconds)
{
    guint64 whole = (guint64)(seconds + 0.5);

    if (seconds < 0 || seconds > 360000)
        return;
    if (whole >= 3600)
        g_string_append_printf(line, "  %u:%02u:%02u", (guint)(whole / 3600),
                               (guint)(whole / 60 % 60), (guint)(whole % 60));
    else
        g_string_append_printf(line, "  %u:%02u", (guint)(whole / 60), (guint)(whole % 60));
}

static void append_numbers(GString *line, const CronosProgressBar *bar,
                           const CronosProgressState *state, guint columns, double elapsed)
{
    guint64 total = state->bytes_total;
    double rate = (double)(state->bytes_done - bar->started_bytes) / MAX(elapsed, 0.001);
    g_autofree char *done_text = cronos_format_size(state->bytes_done);
    g_autofree char *total_text = cronos_format_size(total);
    g_autofree char *rate_text = cronos_format_size((guint64)rate);

    if (total > 0) {
        double share = MIN((double)state->bytes_done / (double)total, 1.0);

        if (columns >= NARROW_COLUMNS)
            append_gauge(line, share);
        g_string_append_printf(line, "%3d%%  %s of %s  %s/s", (int)(share * 100), done_text,
                               total_text, rate_text);
        if (rate > 0 && state->bytes_done <= total)
            append_remaining(line, (double)(total - state->bytes_done) / rate);
    } else {
        g_autofree char *members = cronos_format_count(state->members_done, "member", "members");

        g_string_append_printf(line, "%s  %s  %s/s", members, done_text, rate_text);
    }
}

/* The end of a path tells more than its start. */
static void append_current(GString *line, const char *path, guint room)
{
    g_autofree char *quoted = cronos_quote_path(path);
    const char *at = quoted;

    if (room < 12)
        return;
    if (cronos_text_columns(quoted) > room - 2) {
        while (*at != '\0' && cronos_text_columns(at) > room - 5)
            at += g_utf8_skip[(guchar)*at];
        g_string_append_printf(line, "  ...%s", at);
    } else {
        g_string_append_printf(line, "  %s", quoted);
    }
}

static void draw(CronosProgressBar *bar, const CronosProgressState *state, gint64 now)
{
    guint columns = cronos_terminal_columns(STDERR_FILENO) - 1;
    GString *line = g_string_new(NULL);

    g_string_append_printf(line, "%s ", bar->verb);
    append_numbers(line, bar, state, columns, (double)(now - bar->started_us) / G_USEC_PER_SEC);
    if (line->len > columns)
        g_string_truncate(line, columns);
    else if (state->current != NULL)
        append_current(line, state->current, columns - (guint)line->len);
    cronos_terminal_draw_line(line->str);
    g_string_free(line, TRUE);
}

static void on_progress(const CronosProgressState *state, gpointer user_data)
{
    CronosProgressBar *bar = user_data;
    gint64 now = g_get_monotonic_time();

    if (bar->started_us == 0)
        bar->started_us = bar->drawn_us = now;
    if (state->bytes_done < bar->last_bytes) { /* a second pass began, e.g. verify, then restore */
        bar->started_us = now;
        bar->started_bytes = state->bytes_done;
    }
    bar->last_bytes = state->bytes_done;
    if (now - bar->drawn_us < REDRAW_US)
        return;
    bar->drawn_us = now;
    draw(bar, state, now);
}

CronosProgress cronos_progress_bar_hook(CronosProgressBar *bar, GCancellable *cancellable)
{
    return (CronosProgress){
        .callback = bar->enabled ? on_progress : NULL,
        .user_data = bar,
        .cancellable = cancellable,
    };
}
