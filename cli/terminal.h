/* SPDX-License-Identifier: MIT
 * terminal.h - what people see: messages on stderr, colours, widths
 *
 * The settings are made once, before any thread starts, and only read from then on. */
#pragma once
#include "core/member.h"

#include <stdio.h>

typedef enum {
    CRONOS_STYLE_PLAIN,
    CRONOS_STYLE_HEADING,
    CRONOS_STYLE_GOOD,
    CRONOS_STYLE_WARNING,
    CRONOS_STYLE_BAD,
} CronosStyle;

/* @color: "auto", "always", "never" or NULL for auto, which honours NO_COLOR and TERM=dumb.
 * Returns: FALSE with @error USAGE for another word. */
gboolean cronos_terminal_start(const char *color, gboolean quiet, gboolean verbose, GError **error);
gboolean cronos_terminal_is_quiet(void);
gboolean cronos_terminal_is_verbose(void);

/* Returns: (borrowed) the escape sequence that starts @style on @stream, "" without colours. */
const char *cronos_style_begin(FILE *stream, CronosStyle style);
const char *cronos_style_end(FILE *stream, CronosStyle style);

/* "cronos: TEXT" on stderr. Control characters in the text become '?'. Notes and warnings are
 * silent under --quiet, but for what says that the configuration is not what was meant: who runs a
 * timer sees nothing else. */
void cronos_say_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
void cronos_say_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
void cronos_say_config_warning(const char *warning);
void cronos_say_note(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* One error line for each of @lines (of char *, nullable), each after @prefix and ": " unless that
 * is NULL. For what core has logged as warnings: --verbose, which shows the log, leaves it out. */
void cronos_say_logged(const char *prefix, const GPtrArray *lines);

/* Writes what stdout holds back, and so in order with stderr. Returns: 0, or the errno with which
 * writing to stdout failed first, now or before. */
int cronos_terminal_flush_output(void);

/* One line on the terminal of stderr that is drawn over and over; whatever else is said clears it.
 * Threads: clearing is safe from any, for cronos_log_start. */
void cronos_terminal_draw_line(const char *text);
void cronos_terminal_clear_line(void);

/* Returns: columns of the terminal on @fd, 80 where it does not tell. */
guint cronos_terminal_columns(int fd);
/* Returns: columns that the UTF-8 @text takes. */
guint cronos_text_columns(const char *text);

/* Returns: (owned) "1.4 MiB", "512 B". Decimal point whatever the locale. */
char *cronos_format_size(guint64 bytes);
/* Returns: (owned) local time, "2025-04-03 10:00:00". */
char *cronos_format_time(gint64 seconds);
/* Returns: seconds since the epoch, rounded down. */
gint64 cronos_seconds_of(gint64 ns);
/* Returns: "file", "folder" or "link". */
const char *cronos_kind_word(CronosMemberKind kind);
/* Returns: (owned) "1 file", "2 files". */
char *cronos_format_count(guint64 count, const char *singular, const char *plural);
