/* SPDX-License-Identifier: MIT
 * command-clean.c - cronos clean */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json-output.h"
#include "cli/result-json.h"
#include "cli/table.h"
#include "core/clean.h"
#include "core/error.h"

static const CronosOption options[] = {
    CRONOS_NUMBER(0, "retention-days", retention_days, "N",
                  "remove older ones; 0: no limit (as configured)", 0, G_MAXINT),
    CRONOS_NUMBER(0, "max-backups", max_backups, "N",
                  "remove beyond N; 0: no limit (as configured)", 0, G_MAXINT),
    CRONOS_NUMBER(0, "keep-daily", keep_daily, "N",
                  "keep the newest of each of N days (as configured)", 0, G_MAXINT),
    CRONOS_NUMBER(0, "keep-weekly", keep_weekly, "N",
                  "keep the newest of each of N weeks (as configured)", 0, G_MAXINT),
    CRONOS_NUMBER(0, "keep-monthly", keep_monthly, "N",
                  "keep the newest of each of N months (as configured)", 0, G_MAXINT),
    CRONOS_FLAG('n', "dry-run", dry_run, "print what would go, remove nothing"),
    CRONOS_FLAG(0, "json", json, "print a JSON array"),
    CRONOS_OPTIONS_END,
};

static const char *verdict_word(const CronosRetentionVerdict *verdict, gboolean dry_run)
{
    if (!verdict->remove)
        return "keep";
    return dry_run ? "would remove" : "removed";
}

static void print_table(const GPtrArray *verdicts, gboolean dry_run)
{
    static const char *const headings[] = {"FILE", "", "RULE", NULL};
    g_autoptr(CronosTable) table = cronos_table_new(headings);

    for (guint i = 0; i < verdicts->len; i++) {
        const CronosRetentionVerdict *verdict = g_ptr_array_index(verdicts, i);
        g_autofree char *file = cronos_quote_path(verdict->backup->file_name);

        cronos_table_add(
            table, verdict->remove ? CRONOS_STYLE_WARNING : CRONOS_STYLE_PLAIN,
            (const char *const[]){file, verdict_word(verdict, dry_run), verdict->rule});
    }
    cronos_table_print(table);
}

static void print_json(const GPtrArray *verdicts, gboolean dry_run)
{
    g_autoptr(JsonArray) root = cronos_result_of_clean(verdicts, dry_run);

    cronos_json_print_array(root);
}

static void summarize(const CronosConfig *config, const CronosCleanResult *result, gboolean dry_run)
{
    const char *done = dry_run ? "would be removed" : "removed";
    g_autofree char *size = cronos_format_size(result->removed_bytes);
    g_autofree char *backups = cronos_format_count(result->removed, "backup", "backups");
    g_autofree char *pins = cronos_format_count(result->orphan_pins, "pin", "pins");

    if (result->verdicts->len == 0) {
        g_autofree char *directory = cronos_quote_path(cronos_config_backup_directory(config));

        cronos_say_note("no backups in %s", directory);
    } else {
        cronos_say_note("%s (%s) %s, %u kept", backups, size, done,
                        result->verdicts->len - result->removed);
    }
    if (result->orphan_pins > 0)
        cronos_say_note("%s of backups that are gone %s", pins, done);
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const CronosArguments *arguments = invocation->arguments;
    CronosRetentionOptions retention = {
        .retention_days = arguments->retention_days,
        .max_backups = arguments->max_backups,
        .keep_minimum = -1,
        .keep_daily = arguments->keep_daily,
        .keep_weekly = arguments->keep_weekly,
        .keep_monthly = arguments->keep_monthly,
        .now = g_get_real_time() / G_USEC_PER_SEC,
    };
    g_autoptr(CronosCleanResult) result = cronos_clean(
        invocation->config, &retention, arguments->dry_run, cronos_interrupt_start(), error);

    if (result == NULL)
        return CRONOS_EXIT_FAILED;
    if (arguments->json)
        print_json(result->verdicts, arguments->dry_run);
    else
        print_table(result->verdicts, arguments->dry_run);
    summarize(invocation->config, result, arguments->dry_run);
    return CRONOS_EXIT_DONE;
}

const CronosCommand cronos_command_clean = {
    .name = "clean",
    .synopsis = "",
    .summary = "Remove backups that retention does not keep",
    .details = "Prints each backup with the rule that keeps or removes it. Pinned backups are\n"
               "kept, and those that a --keep option names, whatever their age and number.\n"
               "Days, weeks and months without a backup do not count. Archives that are no\n"
               "backups are never touched.\n",
    .options = options,
    .needs_config = TRUE,
    .run = run,
};
