/* SPDX-License-Identifier: MIT
 * options.c - tables of options, handed to GOption */
#include "cli/options.h"

#include "core/error.h"

#include <string.h>

const CronosOption cronos_global_options[] = {
    CRONOS_TEXT('C', "root", root, "ROOT", "project directory (the current one)"),
    CRONOS_TEXT('c', "config", config_file, "FILE", "configuration file, and no other"),
    CRONOS_FLAG('q', "quiet", quiet, "only errors, and warnings of the configuration"),
    CRONOS_FLAG('v', "verbose", verbose, "tell more on stderr"),
    CRONOS_TEXT(0, "color", color, "WHEN", "auto, always or never (auto)"),
    CRONOS_FLAG(0, "no-progress", no_progress, "no progress bar"),
    CRONOS_FLAG('h', "help", help, "show this help and leave"),
    CRONOS_FLAG('V', "version", version, "show the version and leave"),
    CRONOS_OPTIONS_END,
};

/* What GOption's callback works on. */
typedef struct {
    CronosArguments *arguments;
    const CronosOption *tables[2];
} OptionParser;

void cronos_arguments_init(CronosArguments *arguments)
{
    *arguments = (CronosArguments){
        .largest = -1,
        .level = -1,
        .threads = -1,
        .retention_days = -1,
        .max_backups = -1,
        .keep_daily = -1,
        .keep_weekly = -1,
        .keep_monthly = -1,
    };
}

void cronos_arguments_clear(CronosArguments *arguments)
{
    g_free(arguments->root);
    g_free(arguments->config_file);
    g_free(arguments->color);
    g_free(arguments->type);
    g_free(arguments->to);
    g_free(arguments->strategy);
    g_free(arguments->sample);
    g_free(arguments->since);
    g_free(arguments->until);
    g_free(arguments->repair_to);
    g_clear_pointer(&arguments->include, g_ptr_array_unref);
    g_clear_pointer(&arguments->exclude, g_ptr_array_unref);
    g_clear_pointer(&arguments->pairs, g_ptr_array_unref);
    g_clear_pointer(&arguments->metadata_files, g_ptr_array_unref);
    g_clear_pointer(&arguments->mount_options, g_ptr_array_unref);
    g_clear_pointer(&arguments->split, g_ptr_array_unref);
    cronos_arguments_init(arguments);
}

const char *const *cronos_arguments_strings(const GPtrArray *list)
{
    return list == NULL ? NULL : (const char *const *)list->pdata;
}

static gboolean option_is_named(const CronosOption *option, const char *written)
{
    if (written[1] == '-')
        return g_str_equal(written + 2, option->name);
    return option->letter != 0 && written[1] == option->letter;
}

static const CronosOption *option_find(const OptionParser *parser, const char *written)
{
    for (guint table = 0; table < G_N_ELEMENTS(parser->tables); table++)
        for (const CronosOption *option = parser->tables[table]; option != NULL && option->name;
             option++)
            if (option_is_named(option, written))
                return option;
    return NULL;
}

static gboolean number_parse(const CronosOption *option, const char *written, const char *value,
                             int *out_number, GError **error)
{
    gint64 number;

    if (!g_ascii_string_to_signed(value, 10, option->minimum, option->maximum, &number, NULL)) {
        g_autofree char *quoted = cronos_quote_path(value);
        g_autofree char *range =
            option->maximum == G_MAXINT
                ? g_strdup_printf("of %d or more", option->minimum)
                : g_strdup_printf("from %d to %d", option->minimum, option->maximum);

        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "%s takes a whole number %s, not \"%s\"", written, range, quoted);
        return FALSE;
    }
    *out_number = (int)number;
    return TRUE;
}

static gboolean option_store(const char *written, const char *value, gpointer data, GError **error)
{
    const OptionParser *parser = data;
    const CronosOption *option = option_find(parser, written);

    g_return_val_if_fail(option != NULL, FALSE);
    gpointer at = G_STRUCT_MEMBER_P(parser->arguments, option->offset);
    switch (option->kind) {
    case CRONOS_OPTION_FLAG:
        *(gboolean *)at = TRUE;
        return TRUE;
    case CRONOS_OPTION_TEXT:
        g_free(*(char **)at);
        *(char **)at = g_strdup(value);
        return TRUE;
    case CRONOS_OPTION_NUMBER:
        return number_parse(option, written, value, at, error);
    case CRONOS_OPTION_LIST:
        if (*(GPtrArray **)at == NULL)
            *(GPtrArray **)at = g_ptr_array_new_null_terminated(4, g_free, TRUE);
        g_ptr_array_add(*(GPtrArray **)at, g_strdup(value));
        return TRUE;
    }
    g_return_val_if_reached(FALSE);
}

static void entries_add(GArray *entries, const CronosOption *options)
{
    for (const CronosOption *option = options; option != NULL && option->name; option++) {
        GOptionEntry entry = {
            .long_name = option->name,
            .short_name = option->letter,
            .flags =
                option->kind == CRONOS_OPTION_FLAG ? G_OPTION_FLAG_NO_ARG : G_OPTION_FLAG_FILENAME,
            .arg = G_OPTION_ARG_CALLBACK,
            .arg_data = (gpointer)option_store,
            .arg_description = option->argument,
        };

        g_array_append_val(entries, entry);
    }
}

/* Returns: whether @argument is an option whose value is the next argument. */
static gboolean expects_value(const OptionParser *parser, const char *argument)
{
    gsize length = strlen(argument);
    char letter[] = {'-', length > 1 ? argument[length - 1] : '\0', '\0'};

    if (argument[0] != '-' || length < 2)
        return FALSE;
    const CronosOption *option = option_find(parser, argument[1] == '-' ? argument : letter);
    return option != NULL && option->kind != CRONOS_OPTION_FLAG;
}

/* GOption drops the value of "--flag=value" without a word. */
static gboolean check_flags(const OptionParser *parser, int argc, char **argv, GError **error)
{
    for (int i = 1; i < argc && !g_str_equal(argv[i], "--"); i++) {
        const char *equals = strchr(argv[i], '=');

        if (!g_str_has_prefix(argv[i], "--") || equals == NULL ||
            expects_value(parser, argv[i - 1]))
            continue;
        g_autofree char *written = g_strndup(argv[i], (gsize)(equals - argv[i]));
        const CronosOption *option = option_find(parser, written);
        if (option == NULL || option->kind != CRONOS_OPTION_FLAG)
            continue;
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "%s takes no value", written);
        return FALSE;
    }
    return TRUE;
}

/* Returns: where in the cluster of letters @argument ("-qtauto") the value of its last option
 * begins, or 0 where none does. */
static gsize value_in_cluster(const OptionParser *parser, const char *argument)
{
    if (argument[0] != '-' || argument[1] == '-')
        return 0;
    for (gsize i = 1; argument[i] != '\0'; i++) {
        const char written[] = {'-', argument[i], '\0'};
        const CronosOption *option = option_find(parser, written);

        if (option == NULL)
            return 0;
        if (option->kind != CRONOS_OPTION_FLAG)
            return argument[i + 1] != '\0' ? i + 1 : 0;
    }
    return 0;
}

/* GOption wants the value of a short option as an argument of its own: "-tauto" becomes "-t"
 * "auto".
 * @global: stops at the command's name. The new array and strings belong to the arguments. */
static void split_clusters(const OptionParser *parser, gboolean global, int *argc, char ***argv)
{
    GPtrArray *split = g_ptr_array_new();
    gboolean options = TRUE;

    if (parser->arguments->split == NULL)
        parser->arguments->split = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *owned = parser->arguments->split;
    for (int i = 0; i < *argc; i++) {
        char *argument = (*argv)[i];
        gboolean is_value = i > 1 && expects_value(parser, (*argv)[i - 1]);

        if (i > 0 && !is_value)
            options = options && !g_str_equal(argument, "--") && !(global && argument[0] != '-');
        gsize at = i > 0 && options && !is_value ? value_in_cluster(parser, argument) : 0;
        if (at > 0) {
            g_ptr_array_add(owned, g_strndup(argument, at));
            g_ptr_array_add(split, owned->pdata[owned->len - 1]);
            argument += at;
        }
        g_ptr_array_add(split, argument);
    }
    *argc = (int)split->len;
    g_ptr_array_add(split, NULL);
    *argv = (char **)g_ptr_array_free(split, FALSE);
    g_ptr_array_add(owned, *argv);
}

/* GOption begins its sentences with a capital; ours follow "cronos: ". */
static gboolean parse(GOptionContext *context, OptionParser *parser, GArray *entries, int *argc,
                      char ***argv, GError **error)
{
    GOptionGroup *group = g_option_group_new("main", "", "", parser, NULL);
    g_autoptr(GError) problem = NULL;

    g_option_group_add_entries(group, (const GOptionEntry *)(gpointer)entries->data);
    g_option_context_set_main_group(context, group);
    g_option_context_set_help_enabled(context, FALSE);
    if (g_option_context_parse(context, argc, argv, &problem))
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "%c%s",
                g_ascii_tolower(problem->message[0]), problem->message + 1);
    return FALSE;
}

gboolean cronos_options_parse_global(int *argc, char ***argv, CronosArguments *arguments,
                                     GError **error)
{
    OptionParser parser = {arguments, {cronos_global_options, NULL}};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GArray) entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));

    entries_add(entries, cronos_global_options);
    g_option_context_set_strict_posix(context, TRUE);
    split_clusters(&parser, TRUE, argc, argv);
    return parse(context, &parser, entries, argc, argv, error);
}

gboolean cronos_options_parse(int *argc, char ***argv, const CronosOption *options,
                              CronosArguments *arguments, char ***out_operands, GError **error)
{
    OptionParser parser = {arguments, {options, cronos_global_options}};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GArray) entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
    g_auto(GStrv) operands = NULL;
    GOptionEntry rest = {
        .long_name = G_OPTION_REMAINING,
        .arg = G_OPTION_ARG_FILENAME_ARRAY,
        .arg_data = &operands,
    };

    entries_add(entries, options);
    entries_add(entries, cronos_global_options);
    g_array_append_val(entries, rest);
    split_clusters(&parser, FALSE, argc, argv);
    if (!check_flags(&parser, *argc, *argv, error) ||
        !parse(context, &parser, entries, argc, argv, error))
        return FALSE;
    *out_operands = operands != NULL ? g_steal_pointer(&operands) : g_new0(char *, 1);
    return TRUE;
}
