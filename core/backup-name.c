/* SPDX-License-Identifier: MIT
 * backup-name.c - backup file names taken apart and put together
 *
 * Reading is lenient about <name>, since the files exist already, and strict about the rest; making
 * a name is strict throughout. A file name is read from both ends: the type from the front, known
 * types first, the time stamp from the back; what lies between is the name, underscores included.
 * Limit: a type "restore" with a name "point_x" reads back as the type "restore_point". */
#include "core/backup-name.h"

#include "core/error.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PREFIX "egos_backup_"
#define TIMESTAMP_LENGTH 15u /* YYYYMMDD_HHMMSS */
#define TYPE_MAX 32u
#define PIN_PREFIX "."
#define PIN_SUFFIX ".pin"
#define SECONDS_PER_DAY 86400

static const char *const known_types[] = {
    CRONOS_BACKUP_TYPE_RESTORE_POINT,
    CRONOS_BACKUP_TYPE_MANUAL,
    CRONOS_BACKUP_TYPE_AUTO,
};

static gboolean parse_digits(const char *text, guint count, int *out_value)
{
    int value = 0;

    for (guint i = 0; i < count; i++) {
        if (!g_ascii_isdigit(text[i]))
            return FALSE;
        value = value * 10 + (text[i] - '0');
    }
    *out_value = value;
    return TRUE;
}

static glong offset_at(gint64 seconds)
{
    time_t time = (time_t)seconds;
    struct tm tm = {0};

    return localtime_r(&time, &tm) != NULL ? tm.tm_gmtoff : 0;
}

/* Not mktime: with TZ unset it looks at /etc/localtime in each call, which a catalog of thousands
 * of backups feels, and which of two equal local times it means is hard to say. @utc: the local
 * time's fields, read as UTC. */
static gint64 earliest_epoch(gint64 utc)
{
    glong before = offset_at(utc - SECONDS_PER_DAY);
    glong after = offset_at(utc + SECONDS_PER_DAY);
    glong larger = MAX(before, after), smaller = MIN(before, after);

    if (offset_at(utc - larger) == larger)
        return utc - larger;
    if (offset_at(utc - smaller) == smaller)
        return utc - smaller;
    return utc - before; /* an hour that the clock skipped */
}

gboolean cronos_backup_timestamp_parse(const char *text, gint64 *out_created)
{
    struct tm tm = {0};
    int year, month;

    if (strnlen(text, TIMESTAMP_LENGTH) < TIMESTAMP_LENGTH || !parse_digits(text, 4, &year) ||
        !parse_digits(text + 4, 2, &month) || !parse_digits(text + 6, 2, &tm.tm_mday) ||
        text[8] != '_' || !parse_digits(text + 9, 2, &tm.tm_hour) ||
        !parse_digits(text + 11, 2, &tm.tm_min) || !parse_digits(text + 13, 2, &tm.tm_sec))
        return FALSE;
    if (year < 1 || month < 1 || month > 12 || tm.tm_mday < 1 ||
        tm.tm_mday > g_date_get_days_in_month((GDateMonth)month, (GDateYear)year) ||
        tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
        return FALSE;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    *out_created = earliest_epoch((gint64)timegm(&tm));
    return TRUE;
}

static gboolean is_type_character(char c)
{
    return g_ascii_islower(c) || g_ascii_isdigit(c) || c == '-';
}

/* Returns: the length of the type that "<type>_<name>" of @length bytes starts with, or 0. */
static gsize type_length(const char *body, gsize length)
{
    gsize end = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(known_types); i++) {
        gsize known = strlen(known_types[i]);

        if (length > known + 1 && memcmp(body, known_types[i], known) == 0 && body[known] == '_')
            return known;
    }
    while (end < length && is_type_character(body[end]))
        end++;
    return end <= TYPE_MAX && end + 1 < length && body[end] == '_' ? end : 0;
}

gboolean cronos_backup_name_parse(const char *file_name, CronosBackupName *out_name)
{
    gsize length = strlen(file_name);
    gsize tail = 1 + TIMESTAMP_LENGTH + strlen(CRONOS_BACKUP_EXTENSION);
    gint64 created;

    memset(out_name, 0, sizeof *out_name);
    if (length <= strlen(PREFIX) + tail || !g_str_has_prefix(file_name, PREFIX) ||
        !g_str_has_suffix(file_name, CRONOS_BACKUP_EXTENSION) || strchr(file_name, '/') != NULL)
        return FALSE;

    const char *body = file_name + strlen(PREFIX);
    gsize body_length = length - strlen(PREFIX) - tail;
    const char *stamp = body + body_length + 1;
    gsize type = type_length(body, body_length);

    if (type == 0 || body[body_length] != '_' || !cronos_backup_timestamp_parse(stamp, &created))
        return FALSE;
    out_name->type = g_strndup(body, type);
    out_name->name = g_strndup(body + type + 1, body_length - type - 1);
    out_name->timestamp = g_strndup(stamp, TIMESTAMP_LENGTH);
    out_name->created = created;
    return TRUE;
}

void cronos_backup_name_clear(CronosBackupName *name)
{
    g_clear_pointer(&name->type, g_free);
    g_clear_pointer(&name->name, g_free);
    g_clear_pointer(&name->timestamp, g_free);
    name->created = 0;
}

static gboolean refuse_name(const char *name, const char *reason, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(name);

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "backup name \"%s\": %s", quoted, reason);
    return FALSE;
}

static gboolean check_typed_name(const char *name, GError **error)
{
    if (*name == '\0')
        return refuse_name(name, "must not be empty", error);
    if (!g_utf8_validate(name, -1, NULL))
        return refuse_name(name, "is not valid UTF-8", error);
    if (strchr(name, '/') != NULL)
        return refuse_name(name, "must not contain \"/\"", error);

    g_autofree gunichar *characters = g_utf8_to_ucs4_fast(name, -1, NULL);
    for (const gunichar *at = characters; *at != 0; at++) {
        if (g_unichar_iscntrl(*at))
            return refuse_name(name, "must not contain control characters", error);
    }
    return TRUE;
}

char *cronos_backup_name_normalize(const char *name, GError **error)
{
    if (!check_typed_name(name, error))
        return NULL;

    g_autofree gunichar *characters = g_utf8_to_ucs4_fast(name, -1, NULL);
    g_autoptr(GString) normal = g_string_new(NULL);

    /* Character by character and not g_utf8_strdown, whose result depends on the locale: the same
     * words must give the same name everywhere. */
    for (const gunichar *at = characters; *at != 0; at++) {
        gunichar c = *at;

        if (g_unichar_isspace(c))
            g_string_append_c(normal, '_');
        else if (c == '_' || c == '-' || c == '.' || g_unichar_isalnum(c) || g_unichar_ismark(c))
            g_string_append_unichar(normal, g_unichar_tolower(c));
    }
    if (normal->len == 0)
        refuse_name(name, "has no letter, digit, \"_\" or \"-\"", error);
    else if (normal->str[0] == '.')
        refuse_name(name, "must not start with a dot", error);
    else if (normal->len > CRONOS_BACKUP_NAME_MAX)
        refuse_name(name, "is longer than " G_STRINGIFY(CRONOS_BACKUP_NAME_MAX) " bytes", error);
    else
        return g_string_free(g_steal_pointer(&normal), FALSE);
    return NULL;
}

gboolean cronos_backup_type_check(const char *type, GError **error)
{
    gsize length = strlen(type);
    gsize good = 0;

    if (strcmp(type, CRONOS_BACKUP_TYPE_RESTORE_POINT) == 0)
        return TRUE;
    while (good < length && is_type_character(type[good]))
        good++;
    if (length > 0 && good == length && length <= TYPE_MAX)
        return TRUE;

    g_autofree char *quoted = cronos_quote_path(type);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                "backup type \"%s\": must be manual, auto, restore_point, or 1 to %u characters "
                "out of a-z, 0-9 and \"-\"",
                quoted, TYPE_MAX);
    return FALSE;
}

char *cronos_backup_name_format(const char *type, const char *name, gint64 created)
{
    g_autofree char *timestamp = cronos_backup_timestamp(created);

    return g_strconcat(PREFIX, type, "_", name, "_", timestamp, CRONOS_BACKUP_EXTENSION, NULL);
}

char *cronos_backup_timestamp(gint64 created)
{
    /* Clocks can be absurdly wrong; the name has room for the years 1 to 9999 in any zone. */
    time_t seconds = (time_t)CLAMP(created, -62135510400, 253402214400);
    struct tm tm;

    tzset();
    if (localtime_r(&seconds, &tm) == NULL)
        gmtime_r(&seconds, &tm);
    return g_strdup_printf("%04d%02d%02d_%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                           tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

char *cronos_backup_pin_name(const char *file_name)
{
    return g_strconcat(PIN_PREFIX, file_name, PIN_SUFFIX, NULL);
}

char *cronos_backup_pin_target(const char *name)
{
    CronosBackupName parsed;

    if (!g_str_has_prefix(name, PIN_PREFIX PREFIX) || !g_str_has_suffix(name, PIN_SUFFIX))
        return NULL;

    gsize ends = strlen(PIN_PREFIX) + strlen(PIN_SUFFIX);
    g_autofree char *target = g_strndup(name + strlen(PIN_PREFIX), strlen(name) - ends);
    if (!cronos_backup_name_parse(target, &parsed))
        return NULL;
    cronos_backup_name_clear(&parsed);
    return g_steal_pointer(&target);
}
