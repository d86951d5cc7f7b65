/* SPDX-License-Identifier: MIT
 * command-find.c - cronos find */
#include "cli/command.h"
#include "cli/json-output.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/find.h"
#include "core/moment.h"

#include <string.h>

static const CronosOption options[] = {
    CRONOS_TEXT(0, "since", since, "TIME", "in backups made at TIME or later"),
    CRONOS_TEXT(0, "until", until, "TIME", "in backups made at TIME or earlier"),
    CRONOS_FLAG(0, "json", json, "print a JSON array"),
    CRONOS_OPTIONS_END,
};

typedef struct {
    gboolean json;
    CronosJsonStream stream;
    guint64 count;
} Report;

static void on_match(const CronosBackup *backup, const char *path, const CronosMemberInfo *info,
                     gpointer user_data)
{
    Report *report = user_data;

    report->count++;
    if (report->json) {
        JsonObject *object = json_object_new();

        cronos_json_set_text(object, "backup", backup->file_name);
        cronos_json_set_text(object, "created_at", backup->parsed.timestamp);
        cronos_json_set_text(object, "path", path);
        cronos_json_set_member(object, info);
        cronos_json_stream_add(&report->stream, object);
        return;
    }
    g_autofree char *name = cronos_quote_path(backup->file_name);
    g_autofree char *quoted = cronos_quote_path(path);
    printf("%s  %s\n", name, quoted);
}

static gboolean parse_times(const CronosArguments *arguments, CronosFindOptions *find,
                            GError **error)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    find->since = G_MININT64;
    find->until = G_MAXINT64;
    if (arguments->since != NULL &&
        !cronos_moment_parse(arguments->since, now, FALSE, &find->since, error)) {
        g_prefix_error(error, "--since: ");
        return FALSE;
    }
    if (arguments->until != NULL &&
        !cronos_moment_parse(arguments->until, now, TRUE, &find->until, error)) {
        g_prefix_error(error, "--until: ");
        return FALSE;
    }
    return TRUE;
}

/* Absolute paths are taken as by versions and cat, and so are patterns that begin with one.
 * Returns: (borrowed) the pattern from the top of the project. */
static const char *below_root(const char *pattern, const char *root)
{
    gsize length = strlen(root);

    return strncmp(pattern, root, length) == 0 && pattern[length] == '/' &&
                   pattern[length + 1] != '\0'
               ? pattern + length
               : pattern;
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const char *const globs[] = {
        below_root(invocation->operands[0], cronos_config_root(invocation->config)), NULL};
    g_autoptr(GPtrArray) damaged = g_ptr_array_new_with_free_func(g_free);
    Report report = {.json = invocation->arguments->json};
    CronosFindOptions find = {0};

    if (!parse_times(invocation->arguments, &find, error))
        return CRONOS_EXIT_USAGE;
    g_autoptr(CronosPatterns) patterns = cronos_patterns_new(globs, error);
    if (patterns == NULL)
        return CRONOS_EXIT_USAGE;
    find.patterns = patterns;
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(invocation->config), error);
    if (catalog == NULL || !cronos_find(catalog, &find, on_match, &report, damaged, error))
        return CRONOS_EXIT_FAILED;
    if (report.json)
        cronos_json_stream_end(&report.stream);
    for (guint i = 0; i < damaged->len; i++)
        cronos_say_error("%s", (const char *)g_ptr_array_index(damaged, i));
    if (report.count == 0) {
        g_autofree char *absence = cronos_describe_absence(catalog);

        cronos_say_note("nothing matches%s%s", absence != NULL ? ": " : "",
                        absence != NULL ? absence : "");
    }
    return damaged->len > 0 ? CRONOS_EXIT_INCOMPLETE : CRONOS_EXIT_DONE;
}

const CronosCommand cronos_command_find = {
    .name = "find",
    .synopsis = "PATTERN",
    .summary = "Tell which backups hold what matches",
    .details = "Prints backup and path, the newest backup first. PATTERN is as in gitignore(5):\n"
               "a name at any depth, or, with a slash, a path from the top; or an absolute path\n"
               "below the project directory. TIME: YYYY-MM-DD, YYYYMMDD_HHMMSS, or how long ago,\n"
               "as 7d or 12h (units: s, m, h, d, w).\n",
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .operand_missing = "a PATTERN",
    .needs_config = TRUE,
    .run = run,
};
