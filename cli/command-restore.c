/* SPDX-License-Identifier: MIT
 * command-restore.c - cronos restore */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json-output.h"
#include "cli/progress.h"
#include "cli/result-json.h"
#include "cli/terminal.h"
#include "core/error.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const CronosOption options[] = {
    CRONOS_TEXT(0, "to", to, "DIR", "restore into DIR"),
    CRONOS_TEXT(0, "strategy", strategy, "STRATEGY", "new_location or overwrite"),
    CRONOS_FLAG(0, "delete", delete_extra, "overwrite: remove what the backup does not hold"),
    CRONOS_FLAG('y', "yes", yes, "do not ask before overwriting"),
    CRONOS_FLAG('n', "dry-run", dry_run, "print what would change, change nothing"),
    CRONOS_FLAG('k', "keep-going", keep_going, "leave out what is damaged, restore the rest"),
    CRONOS_FLAG(0, "no-verify", no_verify, "do not check the whole archive first"),
    CRONOS_FLAG(0, "no-restore-point", no_restore_point, "overwrite: no restore point first"),
    CRONOS_FLAG(0, "same-permissions", same_permissions, "setuid and setgid bits too"),
    CRONOS_FLAG(0, "json", json, "print the result as JSON"),
    CRONOS_OPTIONS_END,
};

/* What the callback of core is told of. */
typedef struct {
    gboolean dry_run, json;
    JsonArray *actions; /* with json and dry_run */
} ActionReport;

static const char *action_word(CronosRestoreAction action)
{
    static const char *const words[] = {
        [CRONOS_RESTORE_CREATED] = "create",
        [CRONOS_RESTORE_REPLACED] = "replace",
        [CRONOS_RESTORE_DELETED] = "delete",
        [CRONOS_RESTORE_UNCHANGED] = "unchanged",
    };

    return words[action];
}

/* What is replaced or deleted is logged, and so is shown by --verbose anyhow. */
static gboolean is_shown(const ActionReport *report, CronosRestoreAction action)
{
    if (!report->dry_run)
        return cronos_terminal_is_verbose() &&
               (action == CRONOS_RESTORE_CREATED || action == CRONOS_RESTORE_UNCHANGED);
    return action != CRONOS_RESTORE_UNCHANGED || cronos_terminal_is_verbose() || report->json;
}

static void on_action(CronosRestoreAction action, const char *path, gpointer user_data)
{
    ActionReport *report = user_data;

    if (!is_shown(report, action))
        return;
    g_autofree char *quoted = cronos_quote_path(path);
    if (!report->dry_run) {
        cronos_say_note("%s %s", action_word(action), quoted);
    } else if (report->json) {
        JsonObject *object = json_object_new();

        cronos_json_set_text(object, "action", action_word(action));
        cronos_json_set_text(object, "path", path);
        json_array_add_object_element(report->actions, object);
    } else {
        printf("%s %s\n", action_word(action), quoted);
    }
}

static gboolean choose_strategy(const CronosArguments *arguments, const CronosConfig *config,
                                CronosRestoreStrategy *out_strategy, GError **error)
{
    const char *word = arguments->strategy;

    /* DIR given and nothing else said: whoever configured overwrite meant the root. */
    if (word == NULL)
        word = arguments->to != NULL
                   ? "new_location"
                   : cronos_config_string(config, CRONOS_CONFIG_RESTORE_DEFAULT_STRATEGY);
    if (!g_str_equal(word, "new_location") && !g_str_equal(word, "overwrite")) {
        g_autofree char *quoted = cronos_quote_path(word);

        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "--strategy takes new_location or overwrite, not \"%s\"", quoted);
        return FALSE;
    }
    *out_strategy =
        g_str_equal(word, "overwrite") ? CRONOS_RESTORE_OVERWRITE : CRONOS_RESTORE_NEW_LOCATION;
    if (*out_strategy == CRONOS_RESTORE_NEW_LOCATION && arguments->delete_extra) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "--delete goes with --strategy=overwrite alone");
        return FALSE;
    }
    return TRUE;
}

/* Returns: whether to go on. Nobody is asked where nobody could answer. */
static gboolean confirm_overwrite(const CronosInvocation *invocation)
{
    const CronosArguments *arguments = invocation->arguments;
    const char *target =
        arguments->to != NULL ? arguments->to : cronos_config_root(invocation->config);
    char answer[64];

    if (arguments->yes || arguments->dry_run || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return TRUE;
    g_autofree char *quoted = cronos_quote_path(target);
    fprintf(stderr, "Overwrite files in %s%s? [y/N] ", quoted,
            arguments->delete_extra ? ", and delete what the backup does not hold" : "");
    fflush(stderr);
    if (fgets(answer, sizeof answer, stdin) == NULL) {
        putc('\n', stderr);
        return FALSE;
    }
    g_strstrip(answer);
    return g_ascii_strcasecmp(answer, "y") == 0 || g_ascii_strcasecmp(answer, "yes") == 0;
}

static void print_json(const CronosBackup *backup, const CronosRestoreResult *result,
                       const ActionReport *report, double seconds)
{
    g_autoptr(JsonObject) root =
        cronos_result_of_restore(backup, result, report->dry_run ? report->actions : NULL, seconds);

    cronos_json_print_object(root);
}

static void summarize(const CronosRestoreResult *result, gboolean dry_run, double seconds)
{
    g_autofree char *bytes = cronos_format_size(result->bytes);

    if (result->restore_point != NULL)
        cronos_say_note("restore point: %s", result->restore_point);
    cronos_say_note("%s%" G_GUINT64_FORMAT " created, %" G_GUINT64_FORMAT
                    " replaced, %" G_GUINT64_FORMAT " deleted, %" G_GUINT64_FORMAT
                    " unchanged: %s, %.1f s",
                    dry_run ? "would be: " : "", result->created, result->replaced, result->deleted,
                    result->unchanged, bytes, seconds);
}

static int report_result(const CronosBackup *backup, const CronosRestoreResult *result,
                         const ActionReport *report, double seconds)
{
    if (report->json)
        print_json(backup, result, report, seconds);
    else if (!report->dry_run)
        puts(result->target);
    summarize(result, report->dry_run, seconds);
    if (result->failed == NULL || result->failed->len == 0)
        return CRONOS_EXIT_DONE;
    cronos_say_logged(NULL, result->failed);
    g_autofree char *paths = cronos_format_count(result->failed->len, "path", "paths");
    cronos_say_error("%s could not be restored in full", paths);
    return CRONOS_EXIT_INCOMPLETE;
}

static int restore(const CronosInvocation *invocation, const CronosBackup *backup,
                   CronosRestoreStrategy strategy, GError **error)
{
    const CronosArguments *arguments = invocation->arguments;
    g_autoptr(JsonArray) actions = json_array_new();
    ActionReport report = {arguments->dry_run, arguments->json, actions};
    CronosRestoreOptions restore_options = {
        .strategy = strategy,
        .to = arguments->to,
        .paths = invocation->operands + 1,
        .delete_extra = arguments->delete_extra,
        .dry_run = arguments->dry_run,
        .keep_going = arguments->keep_going,
        .no_verify = arguments->no_verify,
        .no_restore_point = arguments->no_restore_point,
        .same_permissions = arguments->same_permissions,
        .on_action = on_action,
        .user_data = &report,
    };
    gint64 started = g_get_monotonic_time();
    /* A bar would tear the list that a dry run prints. */
    CronosProgressBar *bar =
        cronos_progress_bar_new("restoring", arguments->no_progress || arguments->dry_run);
    CronosProgress progress = cronos_progress_bar_hook(bar, cronos_interrupt_start());
    g_autoptr(CronosRestoreResult) result =
        cronos_restore(invocation->config, backup, &restore_options, &progress, error);

    cronos_progress_bar_free(bar);
    if (result == NULL)
        return CRONOS_EXIT_FAILED;
    return report_result(backup, result, &report,
                         (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC);
}

static int run(const CronosInvocation *invocation, GError **error)
{
    CronosRestoreStrategy strategy;

    if (!choose_strategy(invocation->arguments, invocation->config, &strategy, error))
        return CRONOS_EXIT_USAGE;
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(invocation->config), error);
    if (catalog == NULL)
        return CRONOS_EXIT_FAILED;
    const CronosBackup *backup = cronos_choose_backup(catalog, invocation->operands[0], error);
    if (backup == NULL)
        return CRONOS_EXIT_FAILED;
    if (strategy == CRONOS_RESTORE_OVERWRITE && !confirm_overwrite(invocation)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "nothing restored, as you wished");
        return CRONOS_EXIT_FAILED;
    }
    return restore(invocation, backup, strategy, error);
}

const CronosCommand cronos_command_restore = {
    .name = "restore",
    .synopsis = "ID [PATH]...",
    .summary = "Bring files back from a backup",
    .details = "Prints where they are. Without PATH everything is restored, else these files and\n"
               "folders. The strategy new_location needs a DIR that is empty or does not exist;\n"
               "overwrite replaces files in the project directory, or in DIR.\n",
    .options = options,
    .operands_min = 1,
    .operands_max = G_MAXUINT,
    .operand_missing = "the ID of a backup",
    .needs_config = TRUE,
    .run = run,
};
