/* SPDX-License-Identifier: MIT
 * config-value.c - types and ranges of cronos.conf, and what is said where they do not hold */
#include "core/config-value.h"

#include "core/error.h"
#include "core/pattern.h"

#include <string.h>

char *cronos_config_source_path(const char *file, const char *included)
{
    g_autofree char *directory = g_path_get_dirname(file);

    return included != NULL ? g_canonicalize_filename(included, directory) : g_strdup(file);
}

char *cronos_config_location(const char *file, const char *included, guint line)
{
    g_autofree char *path = cronos_config_source_path(file, included);
    g_autofree char *quoted = cronos_quote_path(path);

    return g_strdup_printf("%s:%u", quoted, line);
}

char *cronos_config_setting_location(const char *file, const config_setting_t *setting)
{
    return cronos_config_location(file, config_setting_source_file(setting),
                                  config_setting_source_line(setting));
}

void cronos_config_setting_error(GError **error, const char *file, const config_setting_t *setting,
                                 const char *format, ...)
{
    va_list args;
    g_autofree char *where = cronos_config_setting_location(file, setting);

    va_start(args, format);
    g_autofree char *reason = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG, "%s: %s", where, reason);
}

/* Returns: (owned) a value as it would stand in the file, for "must be ..., not ...". */
static char *describe(const config_setting_t *setting)
{
    g_autofree char *quoted = NULL;

    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return g_strdup_printf("%lld", config_setting_get_int64(setting));
    case CONFIG_TYPE_FLOAT:
        return g_strdup_printf("%g", config_setting_get_float(setting));
    case CONFIG_TYPE_BOOL:
        return g_strdup(config_setting_get_bool(setting) ? "true" : "false");
    case CONFIG_TYPE_STRING:
        quoted = cronos_quote_path(config_setting_get_string(setting));
        return g_strdup_printf("\"%s\"", quoted);
    case CONFIG_TYPE_GROUP:
        return g_strdup("a group");
    default:
        return g_strdup("a list");
    }
}

/* Returns: (owned) what the key takes, for "must be ...". */
static char *describe_wanted(const CronosConfigRow *row)
{
    switch (row->type) {
    case CRONOS_CONFIG_TYPE_INT:
        return row->maximum == G_MAXINT
                   ? g_strdup_printf("a whole number of %d or more", row->minimum)
                   : g_strdup_printf("a whole number from %d to %d", row->minimum, row->maximum);
    case CRONOS_CONFIG_TYPE_BOOL:
        return g_strdup("true or false");
    case CRONOS_CONFIG_TYPE_STRINGS:
        return g_strdup("a list of strings: [ \"...\", \"...\" ]");
    case CRONOS_CONFIG_TYPE_STRING:
        break;
    }
    if (row->kind == TEXT_ANY)
        return g_strdup("a string in quotes");
    if (row->kind != TEXT_WORD)
        return g_strdup("a path in quotes");

    g_autoptr(GString) words = g_string_new("one of");
    for (guint i = 0; row->words[i] != NULL; i++)
        g_string_append_printf(words, "%s \"%s\"", i > 0 ? "," : "", row->words[i]);
    return g_string_free(g_steal_pointer(&words), FALSE);
}

static gboolean refuse(const CronosConfigRow *row, const char *file,
                       const config_setting_t *setting, GError **error)
{
    g_autofree char *wanted = describe_wanted(row);
    g_autofree char *found = describe(setting);
    gboolean too_large = row->type == CRONOS_CONFIG_TYPE_INT && row->maximum == G_MAXINT &&
                         config_setting_get_int64(setting) > G_MAXINT;

    cronos_config_setting_error(error, file, setting, "%s: must be %s%s, not %s", row->name, wanted,
                                too_large ? " and at most 2147483647" : "", found);
    return FALSE;
}

static gboolean take_number(CronosConfigValue *value, const CronosConfigRow *row, const char *file,
                            const config_setting_t *setting, GError **error)
{
    int type = config_setting_type(setting);
    long long number = config_setting_get_int64(setting);

    if ((type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) || number < row->minimum ||
        number > row->maximum)
        return refuse(row, file, setting, error);
    value->number = (int)number;
    return TRUE;
}

static gboolean take_bool(CronosConfigValue *value, const CronosConfigRow *row, const char *file,
                          const config_setting_t *setting, GError **error)
{
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
        return refuse(row, file, setting, error);
    value->number = config_setting_get_bool(setting) ? TRUE : FALSE;
    return TRUE;
}

static gboolean is_acceptable_text(const CronosConfigRow *row, const char *text)
{
    if (row->kind == TEXT_WORD)
        return g_strv_contains(row->words, text);
    return *text != '\0' || row->kind == TEXT_PATH_OR_EMPTY || row->kind == TEXT_ANY;
}

static gboolean take_string(CronosConfigValue *value, const CronosConfigRow *row, const char *file,
                            const config_setting_t *setting, GError **error)
{
    if (config_setting_type(setting) != CONFIG_TYPE_STRING ||
        !is_acceptable_text(row, config_setting_get_string(setting)))
        return refuse(row, file, setting, error);
    g_free(value->text);
    value->text = g_strdup(config_setting_get_string(setting));
    return TRUE;
}

/* Patterns are tried out here, where the line that holds them is still known. */
static gboolean check_element(const CronosConfigRow *row, const char *file,
                              const config_setting_t *element, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (config_setting_type(element) != CONFIG_TYPE_STRING)
        return refuse(row, file, element, error);

    const char *pattern[] = {config_setting_get_string(element), NULL};
    g_autoptr(CronosPatterns) compiled = cronos_patterns_new(pattern, &local);
    if (compiled == NULL)
        cronos_config_setting_error(error, file, element, "%s: %s", row->name, local->message);
    return compiled != NULL;
}

static gboolean take_strings(CronosConfigValue *value, const CronosConfigRow *row, const char *file,
                             const config_setting_t *setting, GError **error)
{
    int type = config_setting_type(setting);
    int count = config_setting_length(setting);
    g_autoptr(GStrvBuilder) texts = g_strv_builder_new();

    if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST)
        return refuse(row, file, setting, error);
    for (int i = 0; i < count; i++) {
        const config_setting_t *element = config_setting_get_elem(setting, (unsigned int)i);

        if (!check_element(row, file, element, error))
            return FALSE;
        g_strv_builder_add(texts, config_setting_get_string(element));
    }
    g_strfreev(value->texts);
    value->texts = g_strv_builder_end(texts);
    return TRUE;
}

gboolean cronos_config_value_take(CronosConfigValue *value, const CronosConfigRow *row,
                                  const char *file, const config_setting_t *setting, GError **error)
{
    static gboolean (*const takers[])(CronosConfigValue *, const CronosConfigRow *, const char *,
                                      const config_setting_t *, GError **) = {
        [CRONOS_CONFIG_TYPE_STRING] = take_string,
        [CRONOS_CONFIG_TYPE_INT] = take_number,
        [CRONOS_CONFIG_TYPE_BOOL] = take_bool,
        [CRONOS_CONFIG_TYPE_STRINGS] = take_strings,
    };

    if (!takers[row->type](value, row, file, setting, error))
        return FALSE;
    g_free(value->origin);
    g_free(value->file);
    value->origin = cronos_config_setting_location(file, setting);
    value->file = cronos_config_source_path(file, config_setting_source_file(setting));
    return TRUE;
}
