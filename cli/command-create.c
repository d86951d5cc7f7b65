/* SPDX-License-Identifier: MIT
 * command-create.c - cronos create */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json-output.h"
#include "cli/progress.h"
#include "cli/result-json.h"
#include "cli/terminal.h"
#include "core/backup-name.h"
#include "core/backup-run.h"
#include "core/error.h"
#include "core/metadata.h"

#include <stdio.h>

static const CronosOption options[] = {
    CRONOS_TEXT('t', "type", type, "TYPE", "manual, auto, restore_point or a word (manual)"),
    CRONOS_LIST('i', "include", include, "PATTERN", "back up what matches, and nothing else"),
    CRONOS_LIST('e', "exclude", exclude, "PATTERN", "leave out what matches"),
    CRONOS_FLAG(0, "no-default-excludes", no_default_excludes,
                "leave in what the configuration excludes"),
    CRONOS_LIST('m', "set", pairs, "KEY=VALUE", "add to the backup's metadata"),
    CRONOS_LIST(0, "metadata", metadata_files, "FILE", "add the JSON object in FILE to it"),
    CRONOS_NUMBER('l', "level", level, "LEVEL", "compression, 0 to 12 (as configured)", 0, 12),
    CRONOS_NUMBER('j', "threads", threads, "THREADS", "0: one a processor (0)", 0, 1024),
    CRONOS_FLAG(0, "full", full, "take nothing over from the earlier backup"),
    CRONOS_FLAG(0, "if-changed", if_changed, "only if enough has changed since the newest backup"),
    CRONOS_FLAG('n', "dry-run", dry_run, "walk and count, write nothing"),
    CRONOS_FLAG(0, "json", json, "print the result as JSON"),
    CRONOS_OPTIONS_END,
};

/* A file that can not be read is wrong usage as much as one that holds something else. */
static gboolean add_file(JsonObject *user, const char *path, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (cronos_metadata_add_file(user, path, &failure))
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, failure->message);
    return FALSE;
}

static JsonObject *collect_metadata(const CronosArguments *arguments, GError **error)
{
    g_autoptr(JsonObject) user = json_object_new();

    for (guint i = 0; arguments->metadata_files != NULL && i < arguments->metadata_files->len; i++)
        if (!add_file(user, g_ptr_array_index(arguments->metadata_files, i), error))
            return NULL;
    for (guint i = 0; arguments->pairs != NULL && i < arguments->pairs->len; i++)
        if (!cronos_metadata_add_pair(user, g_ptr_array_index(arguments->pairs, i), error))
            return NULL;
    if (!cronos_metadata_check_user(user, error))
        return NULL;
    return g_steal_pointer(&user);
}

static void print_json(const CronosInvocation *invocation, const CronosCreateResult *result,
                       double seconds)
{
    g_autoptr(JsonObject) root =
        cronos_result_of_create(result, invocation->arguments->dry_run, seconds);

    cronos_json_print_object(root);
}

static gboolean is_automatic(const CronosArguments *arguments)
{
    return g_strcmp0(arguments->type, CRONOS_BACKUP_TYPE_AUTO) == 0;
}

/* Whoever starts automatic backups waits for new ones alone. */
static void print_path(const CronosInvocation *invocation, const CronosCreateResult *result)
{
    if (result->declined != NULL && is_automatic(invocation->arguments))
        return;
    if (result->path != NULL) {
        puts(result->path);
        return;
    }
    g_autofree char *path = g_build_filename(cronos_config_backup_directory(invocation->config),
                                             result->file_name, NULL);
    puts(path);
}

static void report_damaged(const CronosCreateResult *result)
{
    /* --verbose shows the log, which says it already. */
    if (cronos_terminal_is_verbose())
        return;
    for (guint i = 0; i < result->damaged->len; i++)
        cronos_say_warning("damaged in an earlier backup, compressed afresh: %s",
                           (const char *)g_ptr_array_index(result->damaged, i));
}

static void say_left_out(guint64 count, const char *one, const char *many)
{
    g_autofree char *text = cronos_format_count(count, one, many);

    if (count > 0)
        cronos_say_note("left out %s", text);
}

static void say_excluded(const CronosCreateResult *result)
{
    g_autofree char *paths = cronos_format_count(result->excluded, "path", "paths");

    for (guint i = 0; i < result->excluded_paths->len; i++)
        cronos_say_note("left out by a pattern: %s",
                        (const char *)g_ptr_array_index(result->excluded_paths, i));
    if (result->excluded > 0)
        cronos_say_note("left out %s by patterns%s", paths,
                        result->excluded_paths->len == 0 ? " (-v names them)" : "");
}

static void warn_of_unmatched(const CronosCreateResult *result)
{
    for (guint i = 0; i < result->unmatched->len; i++)
        cronos_say_warning("nothing matches the pattern '%s'",
                           (const char *)g_ptr_array_index(result->unmatched, i));
}

static void summarize(const CronosCreateResult *result, gboolean dry_run, double seconds)
{
    g_autofree char *files = cronos_format_count(result->files, "file", "files");
    g_autofree char *folders = cronos_format_count(result->directories, "folder", "folders");
    g_autofree char *links = cronos_format_count(result->symlinks, "link", "links");
    g_autofree char *bytes = cronos_format_size(result->bytes);
    g_autofree char *stored = cronos_format_size(result->archive_bytes);

    if (result->declined != NULL) {
        cronos_say_note("%s: no backup made", result->declined);
        return;
    }
    if (dry_run)
        cronos_say_note("would back up %s, %s, %s: %s", files, folders, links, bytes);
    else
        cronos_say_note("%s, %s, %s: %s in an archive of %s, %.1f s", files, folders, links, bytes,
                        stored, seconds);
    if (result->reused_members > 0) {
        g_autofree char *members = cronos_format_count(result->reused_members, "member", "members");
        g_autofree char *reused = cronos_format_size(result->reused_bytes);

        cronos_say_note("%s (%s) taken over from the earlier backup", members, reused);
    }
    say_excluded(result);
    say_left_out(result->skipped, "socket, FIFO or device", "sockets, FIFOs and devices");
    say_left_out(result->mounts, "mount of backups", "mounts of backups");
    for (guint i = 0; result->removed != NULL && i < result->removed->len; i++)
        cronos_say_note("retention removed %s",
                        (const char *)g_ptr_array_index(result->removed, i));
}

static int report(const CronosInvocation *invocation, const CronosCreateResult *result,
                  double seconds)
{
    const CronosArguments *arguments = invocation->arguments;

    if (arguments->json)
        print_json(invocation, result, seconds);
    else
        print_path(invocation, result);
    summarize(result, arguments->dry_run, seconds);
    warn_of_unmatched(result);
    report_damaged(result);
    if (result->hook_error != NULL)
        cronos_say_error("%s%s", result->hook_error,
                         result->declined == NULL ? "; the backup is made" : "");
    if (result->unreadable == NULL || result->unreadable->len == 0)
        return result->hook_error != NULL ? CRONOS_EXIT_INCOMPLETE : CRONOS_EXIT_DONE;
    cronos_say_logged(NULL, result->unreadable);
    g_autofree char *files = cronos_format_count(result->unreadable->len, "path", "paths");
    cronos_say_error(
        "%s could not be read%s", files,
        result->path != NULL || arguments->dry_run ? "; the backup holds everything else" : "");
    return CRONOS_EXIT_INCOMPLETE;
}

static gboolean check_name(const CronosInvocation *invocation, GError **error)
{
    if (invocation->operand_count > 0 || is_automatic(invocation->arguments))
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                        "create needs a NAME for the backup, unless its type is auto");
    return FALSE;
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const CronosArguments *arguments = invocation->arguments;

    if (!check_name(invocation, error))
        return CRONOS_EXIT_USAGE;
    g_autoptr(JsonObject) metadata = collect_metadata(arguments, error);
    CronosCreateOptions create = {
        .name = invocation->operands[0],
        .type = arguments->type,
        .include = cronos_arguments_strings(arguments->include),
        .exclude = cronos_arguments_strings(arguments->exclude),
        .typed_patterns = TRUE,
        .no_default_excludes = arguments->no_default_excludes,
        .metadata = metadata,
        .level = arguments->level,
        .threads = (guint)MAX(arguments->threads, 0),
        .name_excluded = cronos_terminal_is_verbose(),
        .full = arguments->full,
        .if_changed = arguments->if_changed,
        .dry_run = arguments->dry_run,
    };

    if (metadata == NULL)
        return CRONOS_EXIT_USAGE;
    gint64 started = g_get_monotonic_time();
    CronosProgressBar *bar = cronos_progress_bar_new("creating", arguments->no_progress);
    CronosProgress progress = cronos_progress_bar_hook(bar, cronos_interrupt_start());
    g_autoptr(CronosCreateResult) result =
        cronos_backup_run(invocation->config, &create, &progress, error);
    cronos_progress_bar_free(bar);
    if (result == NULL)
        return CRONOS_EXIT_FAILED;
    return report(invocation, result, (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC);
}

const CronosCommand cronos_command_create = {
    .name = "create",
    .synopsis = "[NAME]",
    .summary = "Make a backup of the project directory",
    .details = "Prints the archive's path. Patterns are those of gitignore(5); -i, -e, -m and\n"
               "--metadata may be given several times. Exclusion wins over inclusion. Files that\n"
               "have not changed since the newest backup are taken over from it, checked; every\n"
               "archive is complete all the same. A backup of type auto needs no NAME: the\n"
               "directory's is taken.\n",
    .options = options,
    .operands_max = 1,
    .needs_config = TRUE,
    .run = run,
};
