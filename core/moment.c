/* SPDX-License-Identifier: MIT
 * moment.c - points in time as people type them */
#include "core/moment.h"

#include "core/backup-name.h"
#include "core/error.h"

#include <string.h>

#define TIMESTAMP_LENGTH 15u /* YYYYMMDD_HHMMSS */
#define DATE_LENGTH 10u      /* YYYY-MM-DD */

static gboolean parse_timestamp(const char *text, gint64 *out_seconds)
{
    return strlen(text) == TIMESTAMP_LENGTH && cronos_backup_timestamp_parse(text, out_seconds);
}

static gboolean parse_date(const char *text, gboolean last, gint64 *out_seconds)
{
    if (strlen(text) != DATE_LENGTH || text[4] != '-' || text[7] != '-')
        return FALSE;
    g_autofree char *timestamp =
        g_strdup_printf("%.4s%.2s%.2s_%s", text, text + 5, text + 8, last ? "235959" : "000000");
    return parse_timestamp(timestamp, out_seconds);
}

static gint64 unit_seconds(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 7 * 86400;
    default:
        return 0;
    }
}

static gboolean parse_age(const char *text, gint64 now, gint64 *out_seconds)
{
    gsize digits = strspn(text, "0123456789");
    gint64 number, seconds = unit_seconds(text[digits]);
    g_autofree char *count = g_strndup(text, digits);

    if (seconds == 0 || text[digits + 1] != '\0' ||
        !g_ascii_string_to_signed(count, 10, 0, G_MAXINT32, &number, NULL))
        return FALSE;
    *out_seconds = now - number * seconds;
    return TRUE;
}

gboolean cronos_moment_parse(const char *text, gint64 now, gboolean last, gint64 *out_seconds,
                             GError **error)
{
    if (parse_timestamp(text, out_seconds) || parse_date(text, last, out_seconds) ||
        parse_age(text, now, out_seconds))
        return TRUE;
    g_autofree char *quoted = cronos_quote_path(text);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                "\"%s\" is no time: YYYY-MM-DD, YYYYMMDD_HHMMSS, or how long ago, as 7d or 12h",
                quoted);
    return FALSE;
}
