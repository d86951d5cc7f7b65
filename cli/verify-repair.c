/* SPDX-License-Identifier: MIT
 * verify-repair.c - cronos verify --repair-to */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json-output.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/salvage.h"

static void print_json(const CronosBackup *backup, const CronosSalvageResult *result)
{
    g_autoptr(JsonObject) root = json_object_new();

    cronos_json_set_text(root, "file_name", backup->file_name);
    cronos_json_set_text(root, "path", result->path);
    json_object_set_boolean_member(root, "complete", cronos_salvage_result_is_complete(result));
    cronos_json_set_count(root, "salvaged", result->members);
    cronos_json_set_count(root, "bytes", result->bytes);
    cronos_json_set_count(root, "archive_bytes", result->archive_bytes);
    cronos_json_set_texts(root, "lost", result->lost);
    cronos_json_set_count(root, "unnamed_lost", result->unnamed_lost);
    json_object_set_boolean_member(root, "uncertain", result->uncertain);
    cronos_json_set_texts(root, "notes", result->notes);
    cronos_json_print_object(root);
}

static void report_losses(const char *name, const CronosSalvageResult *result)
{
    cronos_say_logged(name, result->lost);
    if (result->unnamed_lost > 0)
        cronos_say_error("%s: of %" G_GUINT64_FORMAT " more members nothing is left", name,
                         result->unnamed_lost);
    if (result->uncertain)
        cronos_say_error("%s: whether there were more members can not be told", name);
}

static void summarize(const char *name, const CronosSalvageResult *result)
{
    g_autofree char *members = cronos_format_count(result->members, "member", "members");
    g_autofree char *size = cronos_format_size(result->bytes);

    for (guint i = 0; i < result->notes->len; i++)
        cronos_say_note("%s: %s", name, (const char *)g_ptr_array_index(result->notes, i));
    cronos_say_note("%s: %s salvaged, %s", name, members, size);
}

static int report(const CronosBackup *backup, const CronosSalvageResult *result, gboolean json)
{
    g_autofree char *name = cronos_quote_path(backup->file_name);

    if (json)
        print_json(backup, result);
    else if (result->path != NULL)
        puts(result->path);
    report_losses(name, result);
    if (result->path == NULL) {
        cronos_say_error("%s: nothing could be salvaged", name);
        return CRONOS_EXIT_FAILED;
    }
    summarize(name, result);
    return cronos_salvage_result_is_complete(result) ? CRONOS_EXIT_DONE : CRONOS_EXIT_INCOMPLETE;
}

int cronos_verify_repair(const CronosInvocation *invocation, const CronosCatalog *catalog,
                         const CronosBackup *backup, GError **error)
{
    const CronosArguments *arguments = invocation->arguments;
    CronosProgressBar *bar = cronos_progress_bar_new("repairing", arguments->no_progress);
    CronosProgress progress = cronos_progress_bar_hook(bar, cronos_interrupt_start());
    g_autoptr(CronosSalvageResult) result = cronos_salvage(
        backup, cronos_catalog_directory(catalog), arguments->repair_to, &progress, error);

    cronos_progress_bar_free(bar);
    return result != NULL ? report(backup, result, arguments->json) : CRONOS_EXIT_FAILED;
}
