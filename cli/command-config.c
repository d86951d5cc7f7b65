/* SPDX-License-Identifier: MIT
 * command-config.c - cronos config: what is in force, and where it came from */
#include "cli/command.h"
#include "cli/json-output.h"
#include "cli/terminal.h"

static const CronosOption options[] = {
    CRONOS_FLAG(0, "json", json, "print a JSON object"),
    CRONOS_OPTIONS_END,
};

/* As libconfig reads it. */
static void append_string(GString *text, const char *value)
{
    g_string_append_c(text, '"');
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            g_string_append_printf(text, "\\%c", *at);
        else if (g_ascii_iscntrl(*at))
            g_string_append_printf(text, "\\x%02x", (guchar)*at);
        else
            g_string_append_c(text, *at);
    }
    g_string_append_c(text, '"');
}

static char *format_value(const CronosConfig *config, CronosConfigKey key)
{
    GString *text = g_string_new(NULL);

    switch (cronos_config_key_type(key)) {
    case CRONOS_CONFIG_TYPE_STRING:
        append_string(text, cronos_config_string(config, key));
        break;
    case CRONOS_CONFIG_TYPE_INT:
        g_string_append_printf(text, "%d", cronos_config_int(config, key));
        break;
    case CRONOS_CONFIG_TYPE_BOOL:
        g_string_append(text, cronos_config_bool(config, key) ? "true" : "false");
        break;
    case CRONOS_CONFIG_TYPE_STRINGS:
        g_string_append_c(text, '[');
        for (const char *const *at = cronos_config_strings(config, key); at && *at; at++) {
            if (at != cronos_config_strings(config, key))
                g_string_append(text, ", ");
            append_string(text, *at);
        }
        g_string_append_c(text, ']');
        break;
    }
    return g_string_free(text, FALSE);
}

static void set_value(JsonObject *object, const CronosConfig *config, CronosConfigKey key)
{
    switch (cronos_config_key_type(key)) {
    case CRONOS_CONFIG_TYPE_STRING:
        cronos_json_set_text(object, "value", cronos_config_string(config, key));
        break;
    case CRONOS_CONFIG_TYPE_INT:
        json_object_set_int_member(object, "value", cronos_config_int(config, key));
        break;
    case CRONOS_CONFIG_TYPE_BOOL:
        json_object_set_boolean_member(object, "value", cronos_config_bool(config, key));
        break;
    case CRONOS_CONFIG_TYPE_STRINGS:
        cronos_json_set_strings(object, "value", cronos_config_strings(config, key));
        break;
    }
}

static void print_json(const CronosConfig *config)
{
    g_autoptr(JsonObject) root = json_object_new();
    JsonArray *settings = json_array_sized_new(CRONOS_CONFIG_COUNT);

    cronos_json_set_text(root, "file", cronos_config_file(config));
    cronos_json_set_text(root, "root", cronos_config_root(config));
    cronos_json_set_text(root, "backup_directory", cronos_config_backup_directory(config));
    cronos_json_set_text(root, "log_file", cronos_config_log_file(config));
    for (CronosConfigKey key = 0; key < CRONOS_CONFIG_COUNT; key++) {
        JsonObject *object = json_object_new();

        cronos_json_set_text(object, "key", cronos_config_key_name(key));
        set_value(object, config, key);
        cronos_json_set_text(object, "origin", cronos_config_origin(config, key));
        json_array_add_object_element(settings, object);
    }
    json_object_set_array_member(root, "settings", settings);
    cronos_json_print_object(root);
}

static void print_text(const CronosConfig *config)
{
    for (CronosConfigKey key = 0; key < CRONOS_CONFIG_COUNT; key++) {
        g_autofree char *value = format_value(config, key);

        printf("%s = %s  # %s\n", cronos_config_key_name(key), value,
               cronos_config_origin(config, key));
    }
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const char *const refusals[] = {cronos_config_hooks_refusal(invocation->config),
                                    cronos_config_service_refusal(invocation->config)};

    (void)error;
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++)
        if (refusals[i] != NULL)
            cronos_say_warning("%s", refusals[i]);
    if (invocation->arguments->json)
        print_json(invocation->config);
    else
        print_text(invocation->config);
    return CRONOS_EXIT_DONE;
}

const CronosCommand cronos_command_config = {
    .name = "config",
    .synopsis = "",
    .summary = "Show the configuration in force",
    .details = "Each value is printed with where it came from: FILE:LINE, or \"default\".\n",
    .options = options,
    .needs_config = TRUE,
    .run = run,
};
