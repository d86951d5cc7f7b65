/* SPDX-License-Identifier: MIT
 * command-list.c - cronos list */
#include "cli/backup-list.h"
#include "cli/command.h"
#include "cli/json-output.h"
#include "cli/table.h"
#include "core/error.h"

static const CronosOption options[] = {
    CRONOS_TEXT('t', "type", type, "TYPE", "backups of this type only"),
    CRONOS_FLAG(0, "all", all, "foreign archives too"),
    CRONOS_FLAG(0, "sizes", sizes, "what each backup holds, and what it alone holds"),
    CRONOS_FLAG(0, "json", json, "print a JSON array"),
    CRONOS_OPTIONS_END,
};

static CronosStyle style_of(const CronosListItem *item)
{
    return item->damage != NULL       ? CRONOS_STYLE_BAD
           : item->unreadable != NULL ? CRONOS_STYLE_WARNING
                                      : CRONOS_STYLE_PLAIN;
}

/* Returns: (owned) what the last column says. */
static char *state_of(const CronosListItem *item)
{
    const char *pinned = item->backup->pinned ? "pinned" : "";

    const char *what = item->damage != NULL ? "damaged" : "cannot be read";
    const char *why = item->damage != NULL ? item->damage : item->unreadable;

    if (why == NULL)
        return g_strdup(pinned);
    return g_strdup_printf("%s%s%s: %s", pinned, *pinned != '\0' ? ", " : "", what, why);
}

static void print_table(const GPtrArray *items)
{
    static const char *const headings[] = {"FILE", ">SIZE", "CREATED", "TYPE", "NAME", "", NULL};
    g_autoptr(CronosTable) table = cronos_table_new(headings);

    for (guint i = 0; i < items->len; i++) {
        const CronosListItem *item = g_ptr_array_index(items, i);
        const CronosBackup *backup = item->backup;
        g_autofree char *file = cronos_quote_path(backup->file_name);
        g_autofree char *size = cronos_format_size(backup->size_bytes);
        g_autofree char *time = cronos_format_time(cronos_list_item_created(item));
        g_autofree char *type = cronos_quote_path(backup->foreign ? "-" : backup->parsed.type);
        g_autofree char *name = cronos_quote_path(backup->foreign ? "-" : backup->parsed.name);
        g_autofree char *state = state_of(item);

        cronos_table_add(table, style_of(item),
                         (const char *const[]){file, size, time, type, name, state});
    }
    cronos_table_print(table);
}

static void print_sizes_table(const GPtrArray *items)
{
    static const char *const headings[] = {"FILE",    ">SIZE", ">CONTENT", ">ALONE",
                                           "CREATED", "",      NULL};
    g_autoptr(CronosTable) table = cronos_table_new(headings);

    for (guint i = 0; i < items->len; i++) {
        const CronosListItem *item = g_ptr_array_index(items, i);
        const CronosBackupSizes *sizes = item->sizes;
        g_autofree char *file = cronos_quote_path(item->backup->file_name);
        g_autofree char *size = cronos_format_size(item->backup->size_bytes);
        g_autofree char *content = sizes != NULL ? cronos_format_size(sizes->size_bytes) : NULL;
        g_autofree char *own = sizes != NULL ? cronos_format_size(sizes->own_bytes) : NULL;
        g_autofree char *time = cronos_format_time(cronos_list_item_created(item));
        g_autofree char *state = state_of(item);

        cronos_table_add(table, style_of(item),
                         (const char *const[]){file, size, content != NULL ? content : "-",
                                               own != NULL ? own : "-", time, state});
    }
    cronos_table_print(table);
}

static void print_json(const CronosCatalog *catalog, const GPtrArray *items)
{
    g_autoptr(JsonArray) root = json_array_sized_new(items->len);

    for (guint i = 0; i < items->len; i++)
        json_array_add_object_element(
            root, cronos_list_item_to_json(catalog, g_ptr_array_index(items, i)));
    cronos_json_print_array(root);
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const CronosArguments *arguments = invocation->arguments;

    if (arguments->type != NULL && !cronos_backup_type_check(arguments->type, error))
        return CRONOS_EXIT_USAGE;
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(invocation->config), error);
    if (catalog == NULL)
        return CRONOS_EXIT_FAILED;
    g_autoptr(GPtrArray) sizes = arguments->sizes ? cronos_backup_sizes_read(catalog, error) : NULL;
    if (arguments->sizes && sizes == NULL)
        return CRONOS_EXIT_FAILED;
    g_autoptr(GPtrArray) items =
        cronos_backup_list(catalog, sizes, arguments->type, arguments->all, error);
    if (items == NULL)
        return CRONOS_EXIT_FAILED;
    if (arguments->json)
        print_json(catalog, items);
    else if (arguments->sizes)
        print_sizes_table(items);
    else
        print_table(items);
    if (items->len == 0) {
        g_autofree char *directory = cronos_quote_path(cronos_catalog_directory(catalog));

        cronos_say_note("no backups%s in %s", arguments->type != NULL ? " of this type" : "",
                        directory);
    }
    return CRONOS_EXIT_DONE;
}

const CronosCommand cronos_command_list = {
    .name = "list",
    .synopsis = "",
    .summary = "List the backups, newest first",
    .details = "Columns: file name, size, creation time, type, name; then \"pinned\" for what\n"
               "\"cronos pin\" keeps, and what is damaged. With --sizes: file name, size, decoded\n"
               "size of its files, size of what no other backup holds, creation time.\n",
    .options = options,
    .needs_config = TRUE,
    .run = run,
};
