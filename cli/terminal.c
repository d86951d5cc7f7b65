/* SPDX-License-Identifier: MIT
 * terminal.c - messages, colours, widths, numbers for people */
#include "cli/terminal.h"

#include "core/error.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)

static int line_drawn;    /* atomic */
static int output_errnum; /* the same: of the first write to stdout that failed */

/* Written by cronos_terminal_start alone. */
static struct {
    gboolean quiet, verbose, color_stdout, color_stderr;
} settings;

static gboolean color_by_itself(int fd)
{
    const char *no_color = g_getenv("NO_COLOR");
    const char *term = g_getenv("TERM");

    return isatty(fd) && (no_color == NULL || *no_color == '\0') && g_strcmp0(term, "dumb") != 0;
}

gboolean cronos_terminal_start(const char *color, gboolean quiet, gboolean verbose, GError **error)
{
    settings.quiet = quiet;
    settings.verbose = verbose && !quiet;
    if (color == NULL || g_str_equal(color, "auto")) {
        settings.color_stdout = color_by_itself(STDOUT_FILENO);
        settings.color_stderr = color_by_itself(STDERR_FILENO);
        return TRUE;
    }
    if (!g_str_equal(color, "always") && !g_str_equal(color, "never")) {
        g_autofree char *quoted = cronos_quote_path(color);

        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "--color takes auto, always or never, not \"%s\"", quoted);
        return FALSE;
    }
    settings.color_stdout = settings.color_stderr = g_str_equal(color, "always");
    return TRUE;
}

gboolean cronos_terminal_is_quiet(void)
{
    return settings.quiet;
}

gboolean cronos_terminal_is_verbose(void)
{
    return settings.verbose;
}

static gboolean is_colored(FILE *stream)
{
    return stream == stdout ? settings.color_stdout : settings.color_stderr;
}

const char *cronos_style_begin(FILE *stream, CronosStyle style)
{
    static const char *const sequences[] = {
        [CRONOS_STYLE_PLAIN] = "",         [CRONOS_STYLE_HEADING] = "\033[1m",
        [CRONOS_STYLE_GOOD] = "\033[32m",  [CRONOS_STYLE_WARNING] = "\033[33m",
        [CRONOS_STYLE_BAD] = "\033[1;31m",
    };

    return is_colored(stream) ? sequences[style] : "";
}

const char *cronos_style_end(FILE *stream, CronosStyle style)
{
    return is_colored(stream) && style != CRONOS_STYLE_PLAIN ? "\033[0m" : "";
}

static void put(const char *text, gsize length)
{
    while (length > 0) {
        ssize_t done = write(STDERR_FILENO, text, length);

        if (done < 0 && errno != EINTR)
            return;
        if (done > 0) {
            text += done;
            length -= (gsize)done;
        }
    }
}

void cronos_terminal_draw_line(const char *text)
{
    g_autofree char *line = g_strdup_printf("\r%s\033[K", text);

    g_atomic_int_set(&line_drawn, TRUE);
    put(line, strlen(line));
}

void cronos_terminal_clear_line(void)
{
    if (g_atomic_int_compare_and_exchange(&line_drawn, TRUE, FALSE))
        put("\r\033[K", 4);
}

int cronos_terminal_flush_output(void)
{
    if (fflush(stdout) != 0)
        g_atomic_int_compare_and_exchange(&output_errnum, 0, errno);
    return g_atomic_int_get(&output_errnum);
}

static void say(CronosStyle style, const char *label, const char *format, va_list args)
    G_GNUC_PRINTF(3, 0);

static void say(CronosStyle style, const char *label, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);

    for (char *at = text; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at))
            *at = '?';
    cronos_terminal_flush_output();
    cronos_terminal_clear_line();
    fprintf(stderr, "%scronos:%s %s%s\n", cronos_style_begin(stderr, style),
            cronos_style_end(stderr, style), label, text);
}

void cronos_say_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(CRONOS_STYLE_BAD, "", format, args);
    va_end(args);
}

static void say_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void say_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(CRONOS_STYLE_WARNING, "warning: ", format, args);
    va_end(args);
}

void cronos_say_config_warning(const char *warning)
{
    say_warning("%s", warning);
}

void cronos_say_warning(const char *format, ...)
{
    va_list args;

    if (settings.quiet)
        return;
    va_start(args, format);
    say(CRONOS_STYLE_WARNING, "warning: ", format, args);
    va_end(args);
}

void cronos_say_note(const char *format, ...)
{
    va_list args;

    if (settings.quiet)
        return;
    va_start(args, format);
    say(CRONOS_STYLE_PLAIN, "", format, args);
    va_end(args);
}

void cronos_say_logged(const char *prefix, const GPtrArray *lines)
{
    if (settings.verbose)
        return;
    for (guint i = 0; lines != NULL && i < lines->len; i++)
        cronos_say_error("%s%s%s", prefix != NULL ? prefix : "", prefix != NULL ? ": " : "",
                         (const char *)g_ptr_array_index(lines, i));
}

guint cronos_terminal_columns(int fd)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

guint cronos_text_columns(const char *text)
{
    guint columns = 0;

    for (const char *at = text; *at != '\0'; at += g_utf8_skip[(guchar)*at]) {
        gunichar c = g_utf8_get_char(at);

        if (!g_unichar_iszerowidth(c))
            columns += g_unichar_iswide(c) ? 2 : 1;
    }
    return columns;
}

char *cronos_format_size(guint64 bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    guint unit = 0;
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    if (bytes < 1024)
        return g_strdup_printf("%" G_GUINT64_FORMAT " B", bytes);
    /* 1023.95 would be rounded to 1024.0 of the smaller unit. */
    for (value /= 1024; value >= 1023.95 && unit + 1 < G_N_ELEMENTS(units); unit++)
        value /= 1024;
    return g_strdup_printf("%s %s", g_ascii_formatd(number, sizeof number, "%.1f", value),
                           units[unit]);
}

char *cronos_format_time(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);

    if (time == NULL)
        return g_strdup_printf("@%" G_GINT64_FORMAT, seconds);
    return g_date_time_format(time, "%Y-%m-%d %H:%M:%S");
}

gint64 cronos_seconds_of(gint64 ns)
{
    return ns / NS_PER_SECOND - (ns % NS_PER_SECOND < 0);
}

const char *cronos_kind_word(CronosMemberKind kind)
{
    static const char *const words[] = {
        [CRONOS_MEMBER_FILE] = "file",
        [CRONOS_MEMBER_DIRECTORY] = "folder",
        [CRONOS_MEMBER_SYMLINK] = "link",
    };

    return words[kind];
}

char *cronos_format_count(guint64 count, const char *singular, const char *plural)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT " %s", count, count == 1 ? singular : plural);
}
