/* SPDX-License-Identifier: MIT
 * command-verify.c - cronos verify */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json-output.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "core/archive.h"
#include "core/error.h"
#include "core/metrics.h"
#include "core/verify.h"

#include <string.h>

static const CronosOption options[] = {
    CRONOS_FLAG(0, "all", all, "every backup"),
    CRONOS_FLAG(0, "against-source", against_source, "compare with the project directory too"),
    CRONOS_TEXT(0, "sample", sample, "N%", "decode N % of the members, chosen at random"),
    CRONOS_TEXT(0, "repair-to", repair_to, "NEW.zip", "salvage what is whole into a new archive"),
    CRONOS_FLAG(0, "json", json, "print a JSON array; of a repair, an object"),
    CRONOS_OPTIONS_END,
};

/* One run over one or more backups. */
typedef struct {
    const CronosInvocation *invocation;
    CronosVerifyOptions verify;
    const CronosCatalog *catalog;
    GCancellable *cancellable;
    JsonArray *array; /* with --json */
    int status;
    gboolean repairable; /* one of them was damaged, and a ZIP archive */
    guint damaged;       /* how many were not found whole */
} Run;

/* Returns: (owned) array of const CronosBackup *, borrowed from @catalog. */
static GArray *choose(const CronosInvocation *invocation, const CronosCatalog *catalog,
                      GError **error)
{
    g_autoptr(GArray) chosen = g_array_new(FALSE, FALSE, sizeof(const CronosBackup *));
    const GPtrArray *entries = cronos_catalog_entries(catalog);
    const CronosBackup *backup;

    for (guint i = 0; invocation->arguments->all && i < entries->len; i++) {
        backup = g_ptr_array_index(entries, i);
        if (!backup->foreign)
            g_array_append_val(chosen, backup);
    }
    if (invocation->arguments->all)
        return g_steal_pointer(&chosen);
    for (guint i = 0; i < MAX(invocation->operand_count, 1); i++) {
        const char *identifier = invocation->operand_count > 0 ? invocation->operands[i] : "latest";

        backup = cronos_choose_backup(catalog, identifier, error);
        if (backup == NULL)
            return NULL;
        g_array_append_val(chosen, backup);
    }
    return g_steal_pointer(&chosen);
}

static gboolean is_different(const CronosVerifyResult *result)
{
    return (result->changed != NULL && result->changed->len > 0) ||
           (result->missing != NULL && result->missing->len > 0) ||
           (result->added != NULL && result->added->len > 0);
}

/* Damage and difference are failures, what could not be checked or compared is incomplete. */
static int result_status(const CronosVerifyResult *result)
{
    if (!cronos_verify_result_is_whole(result) || is_different(result))
        return CRONOS_EXIT_FAILED;
    if ((result->unsupported != NULL && result->unsupported->len > 0) ||
        (result->unreadable != NULL && result->unreadable->len > 0))
        return CRONOS_EXIT_INCOMPLETE;
    return CRONOS_EXIT_DONE;
}

static void status_merge(int *status, int other)
{
    if (*status == CRONOS_EXIT_DONE || other == CRONOS_EXIT_FAILED)
        *status = other;
}

static void print_verdict(const char *name, CronosStyle style, const char *verdict)
{
    printf("%s: %s%s%s", name, cronos_style_begin(stdout, style), verdict,
           cronos_style_end(stdout, style));
}

static void print_differences(const char *what, const GPtrArray *paths)
{
    for (guint i = 0; paths != NULL && i < paths->len; i++) {
        g_autofree char *quoted = cronos_quote_path(g_ptr_array_index(paths, i));

        printf("%s %s\n", what, quoted);
    }
}

static void print_text(const char *name, const CronosVerifyResult *result, gboolean sample)
{
    g_autofree char *members = cronos_format_count(result->members, "member", "members");
    g_autofree char *size = cronos_format_size(result->checked_bytes);

    if (cronos_verify_result_is_whole(result)) {
        print_verdict(name, CRONOS_STYLE_GOOD, "OK");
        if (sample)
            printf(" (%" G_GUINT64_FORMAT " of ", result->checked_members);
        printf("%s%s, %s)\n", sample ? "" : " (", members, size);
    } else {
        print_verdict(name, CRONOS_STYLE_BAD, "DAMAGED");
        printf(" (%u of %s)\n", result->damaged->len, members);
    }
    print_differences("changed", result->changed);
    print_differences("missing", result->missing);
    print_differences("added", result->added);
}

static JsonObject *result_json(const CronosBackup *backup, const CronosVerifyResult *result,
                               const GError *problem)
{
    JsonObject *object = json_object_new();
    gboolean whole = result != NULL && cronos_verify_result_is_whole(result);

    cronos_json_set_text(object, "file_name", backup->file_name);
    json_object_set_boolean_member(object, "ok", whole);
    cronos_json_set_text(object, "error", problem != NULL ? problem->message : NULL);
    cronos_json_set_count(object, "members", result != NULL ? result->members : 0);
    cronos_json_set_count(object, "bytes", result != NULL ? result->bytes : 0);
    cronos_json_set_count(object, "checked_members", result != NULL ? result->checked_members : 0);
    cronos_json_set_count(object, "checked_bytes", result != NULL ? result->checked_bytes : 0);
    cronos_json_set_texts(object, "damaged", result != NULL ? result->damaged : NULL);
    cronos_json_set_texts(object, "unsupported", result != NULL ? result->unsupported : NULL);
    cronos_json_set_texts(object, "repairs", result != NULL ? result->repairs : NULL);
    cronos_json_set_texts(object, "changed", result != NULL ? result->changed : NULL);
    cronos_json_set_texts(object, "missing", result != NULL ? result->missing : NULL);
    cronos_json_set_texts(object, "added", result != NULL ? result->added : NULL);
    cronos_json_set_texts(object, "unreadable", result != NULL ? result->unreadable : NULL);
    return object;
}

/* What can not be checked here at all is not known to be. */
static gboolean is_damaged(const CronosVerifyResult *result, const GError *problem)
{
    return result != NULL ? !cronos_verify_result_is_whole(result)
                          : !g_error_matches(problem, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED);
}

static void report(Run *run, const CronosBackup *backup, const CronosVerifyResult *result,
                   const GError *problem)
{
    g_autofree char *name = cronos_quote_path(backup->file_name);

    gboolean damaged = result != NULL
                           ? !cronos_verify_result_is_whole(result)
                           : g_error_matches(problem, CRONOS_ERROR, CRONOS_ERROR_DAMAGED);

    run->repairable |= damaged && cronos_archive_is_zip_name(backup->file_name);
    run->damaged += is_damaged(result, problem) ? 1 : 0;
    status_merge(&run->status, result != NULL ? result_status(result) : CRONOS_EXIT_FAILED);
    if (run->array != NULL)
        json_array_add_object_element(run->array, result_json(backup, result, problem));
    else if (result != NULL)
        print_text(name, result, run->verify.sample_percent > 0);
    else if (g_error_matches(problem, CRONOS_ERROR, CRONOS_ERROR_DAMAGED)) {
        print_verdict(name, CRONOS_STYLE_BAD, "DAMAGED");
        putchar('\n');
    }
    if (problem != NULL)
        cronos_say_error("%s", problem->message);
    if (result == NULL)
        return;
    cronos_say_logged(name, result->damaged);
    cronos_say_logged(name, result->unsupported);
    for (guint i = 0; result->unreadable != NULL && i < result->unreadable->len; i++)
        cronos_say_error("%s: not compared: %s", name,
                         (const char *)g_ptr_array_index(result->unreadable, i));
    for (guint i = 0; result->repairs != NULL && i < result->repairs->len; i++)
        cronos_say_note("%s: %s", name, (const char *)g_ptr_array_index(result->repairs, i));
}

/* Returns: FALSE with @error when the work was cancelled; every other problem is reported, and the
 * next backup's turn comes. */
static gboolean verify_one(Run *run, const CronosBackup *backup, GError **error)
{
    g_autoptr(GError) problem = NULL;
    CronosProgressBar *bar =
        cronos_progress_bar_new("verifying", run->invocation->arguments->no_progress);
    CronosProgress progress = cronos_progress_bar_hook(bar, run->cancellable);
    g_autoptr(CronosVerifyResult) result =
        cronos_verify(run->invocation->config, backup, cronos_catalog_directory(run->catalog),
                      &run->verify, &progress, &problem);

    cronos_progress_bar_free(bar);
    if (g_error_matches(problem, CRONOS_ERROR, CRONOS_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    report(run, backup, result, problem);
    return TRUE;
}

/* "5%", "0.1%", also without the sign. */
static gboolean parse_sample(const char *text, double *out_percent, GError **error)
{
    gsize digits = strspn(text, "0123456789.");
    char *end = NULL;

    *out_percent = g_ascii_strtod(text, &end);
    if (digits > 0 && end == text + digits && (g_str_equal(end, "") || g_str_equal(end, "%")) &&
        *out_percent > 0 && *out_percent <= 100)
        return TRUE;
    g_autofree char *quoted = cronos_quote_path(text);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                "--sample takes more than 0%% and at most 100%%, not \"%s\"", quoted);
    return FALSE;
}

static gboolean check_arguments(const CronosInvocation *invocation, CronosVerifyOptions *out_verify,
                                GError **error)
{
    const CronosArguments *arguments = invocation->arguments;
    gboolean repairs = arguments->repair_to != NULL;
    const char *clash = NULL;

    *out_verify = (CronosVerifyOptions){.against_source = arguments->against_source};
    if (arguments->all && invocation->operand_count > 0)
        clash = "--all and an ID exclude each other";
    else if (arguments->sample != NULL && arguments->against_source)
        clash = "--sample and --against-source exclude each other";
    else if (repairs && (arguments->all || arguments->sample != NULL || arguments->against_source))
        clash = "--repair-to goes with neither --all, --sample nor --against-source";
    else if (repairs && invocation->operand_count > 1)
        clash = "--repair-to takes one ID";
    if (clash != NULL) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, clash);
        return FALSE;
    }
    return arguments->sample == NULL ||
           parse_sample(arguments->sample, &out_verify->sample_percent, error);
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const CronosArguments *arguments = invocation->arguments;
    CronosVerifyOptions verify;

    if (!check_arguments(invocation, &verify, error))
        return CRONOS_EXIT_USAGE;
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(invocation->config), error);
    if (catalog == NULL)
        return CRONOS_EXIT_FAILED;
    g_autoptr(GArray) chosen = choose(invocation, catalog, error);
    if (chosen == NULL)
        return CRONOS_EXIT_FAILED;
    if (arguments->repair_to != NULL)
        return cronos_verify_repair(invocation, catalog,
                                    g_array_index(chosen, const CronosBackup *, 0), error);
    g_autoptr(JsonArray) array = arguments->json ? json_array_new() : NULL;
    Run all = {invocation, verify,           catalog, cronos_interrupt_start(),
               array,      CRONOS_EXIT_DONE, FALSE,   0};
    for (guint i = 0; i < chosen->len; i++)
        if (!verify_one(&all, g_array_index(chosen, const CronosBackup *, i), error))
            return CRONOS_EXIT_FAILED;
    cronos_metrics_note_verify(invocation->config, chosen->len, all.damaged);
    if (array != NULL)
        cronos_json_print_array(array);
    if (chosen->len == 0)
        cronos_say_note("no backups to verify");
    if (all.repairable)
        cronos_say_note("what is whole in a damaged archive, --repair-to NEW.zip salvages");
    return all.status;
}

const CronosCommand cronos_command_verify = {
    .name = "verify",
    .synopsis = "[ID]...",
    .summary = "Check that backups are whole",
    .details = "Without ID: the latest backup. Every member is decoded and held against its\n"
               "checksum and structure. "
               "The exit status is 1 for damage, and for differences\n"
               "from the source, and 3 where something could not be checked or compared.\n"
               "--repair-to leaves the damaged archive as it is; the exit status is 3 where\n"
               "members are lost.\n",
    .options = options,
    .operands_max = G_MAXUINT,
    .needs_config = TRUE,
    .run = run,
};
