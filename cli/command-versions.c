/* SPDX-License-Identifier: MIT
 * command-versions.c - cronos versions */
#include "cli/command.h"
#include "cli/json-output.h"
#include "cli/table.h"
#include "core/error.h"
#include "core/history.h"
#include "core/member-path.h"

static const CronosOption options[] = {
    CRONOS_FLAG(0, "json", json, "print a JSON array"),
    CRONOS_OPTIONS_END,
};

static const char *event_word(const CronosVersion *version)
{
    static const char *const events[] = {
        [CRONOS_VERSION_ADDED] = "added",
        [CRONOS_VERSION_CHANGED] = "changed",
        [CRONOS_VERSION_REMOVED] = "removed",
    };

    return events[version->event];
}

/* Returns: what happened, for people. */
static const char *event_text(const CronosVersion *version)
{
    static const char *const kinds[] = {
        [CRONOS_MEMBER_FILE] = "became a file",
        [CRONOS_MEMBER_DIRECTORY] = "became a folder",
        [CRONOS_MEMBER_SYMLINK] = "became a link",
    };

    return version->new_kind ? kinds[version->info.kind] : event_word(version);
}

static void print_table(const GArray *versions)
{
    static const char *const headings[] = {"BACKUP",   "EVENT",    "KIND", ">SIZE",
                                           "MODIFIED", ">BACKUPS", NULL};
    g_autoptr(CronosTable) table = cronos_table_new(headings);

    for (guint i = versions->len; i-- > 0;) {
        const CronosVersion *version = &g_array_index(versions, CronosVersion, i);
        const CronosMemberInfo *info = &version->info;
        gboolean removed = version->event == CRONOS_VERSION_REMOVED;
        gboolean sized = !removed && info->kind != CRONOS_MEMBER_DIRECTORY;
        g_autofree char *backup = cronos_quote_path(version->backup->file_name);
        g_autofree char *size = sized ? cronos_format_size(info->size_bytes) : NULL;
        g_autofree char *time =
            removed ? NULL : cronos_format_time(cronos_seconds_of(info->mtime_ns));
        g_autofree char *count = g_strdup_printf("%u", version->backups);

        cronos_table_add(table, CRONOS_STYLE_PLAIN,
                         (const char *const[]){backup, event_text(version),
                                               removed ? NULL : cronos_kind_word(info->kind), size,
                                               time, count});
    }
    cronos_table_print(table);
}

static void print_json(const GArray *versions)
{
    g_autoptr(JsonArray) root = json_array_sized_new(versions->len);

    for (guint i = versions->len; i-- > 0;) {
        const CronosVersion *version = &g_array_index(versions, CronosVersion, i);
        gboolean removed = version->event == CRONOS_VERSION_REMOVED;
        JsonObject *object = json_object_new();

        cronos_json_set_text(object, "backup", version->backup->file_name);
        cronos_json_set_text(object, "created_at", version->backup->parsed.timestamp);
        cronos_json_set_text(object, "event", event_word(version));
        cronos_json_set_member(object, removed ? NULL : &version->info);
        cronos_json_set_count(object, "backups", version->backups);
        json_array_add_object_element(root, object);
    }
    cronos_json_print_array(root);
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const char *typed = invocation->operands[0];
    g_autofree char *path = cronos_member_path(typed, cronos_config_root(invocation->config));
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(invocation->config), error);

    if (catalog == NULL)
        return CRONOS_EXIT_FAILED;
    g_autoptr(CronosHistory) history = cronos_history_read(catalog, path, 0, error);
    if (history == NULL)
        return CRONOS_EXIT_FAILED;
    for (guint i = 0; i < history->damaged->len; i++)
        cronos_say_error("%s", (const char *)g_ptr_array_index(history->damaged, i));
    if (history->versions->len == 0) {
        g_autofree char *quoted = cronos_quote_path(typed);
        g_autofree char *absence = cronos_describe_absence(catalog);

        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND, "no backup holds \"%s\"%s%s",
                    quoted, absence != NULL ? ": " : "", absence != NULL ? absence : "");
        return CRONOS_EXIT_FAILED;
    }
    if (invocation->arguments->json)
        print_json(history->versions);
    else
        print_table(history->versions);
    return history->damaged->len > 0 ? CRONOS_EXIT_INCOMPLETE : CRONOS_EXIT_DONE;
}

const CronosCommand cronos_command_versions = {
    .name = "versions",
    .synopsis = "PATH",
    .summary = "List the versions of a file in all backups",
    .details = "Newest first: the first backup that has the version, what happened, kind, size,\n"
               "modification time, and how many backups in a row have it. Content is the same\n"
               "where size and checksum are. The exit status is 3 where a backup is damaged.\n",
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .operand_missing = "the PATH of a file or folder",
    .needs_config = TRUE,
    .run = run,
};
