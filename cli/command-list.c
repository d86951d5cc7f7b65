/* SPDX-License-Identifier: MIT
 * command-list.c - cronos list
 *
 * Damage is told from each archive's tail alone, so that a directory of thousands lists at once:
 * what a look into every member would find is verify's business. Only --sizes reads the central
 * directories, too. */
#include "cli/command.h"
#include "cli/json-output.h"
#include "cli/table.h"
#include "core/backup-sizes.h"
#include "core/error.h"
#include "core/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const CronosOption options[] = {
    CRONOS_TEXT('t', "type", type, "TYPE", "backups of this type only"),
    CRONOS_FLAG(0, "all", all, "foreign archives too"),
    CRONOS_FLAG(0, "sizes", sizes, "what each backup holds, and what it alone holds"),
    CRONOS_FLAG(0, "json", json, "print a JSON array"),
    CRONOS_OPTIONS_END,
};

/* One line of the list. */
typedef struct {
    const CronosBackup *backup;
    const CronosBackupSizes *sizes; /* borrowed; NULL: not known, or not asked for */
    char *damage;                   /* owned; NULL: none seen */
} Item;

static void item_free(gpointer data)
{
    Item *item = data;

    g_free(item->damage);
    g_free(item);
}

static gboolean is_wanted(const CronosBackup *backup, const CronosArguments *arguments)
{
    if (arguments->type != NULL)
        return !backup->foreign && g_str_equal(backup->parsed.type, arguments->type);
    return !backup->foreign || arguments->all;
}

/* Returns: (borrowed) @message without the archive's name, which stands in the line already. */
static const char *without_name(const char *message, const char *file_name)
{
    g_autofree char *quoted = cronos_quote_path(file_name);
    gsize length = strlen(quoted);
    const char *at = message + (*message == '"');

    if (strncmp(at, quoted, length) != 0)
        return message;
    at += length;
    at += *message == '"' && *at == '"';
    return g_str_has_prefix(at, ": ") ? at + 2 : message;
}

/* Returns: (owned) why the archive can not be read, or NULL. One that went away in the meantime is
 * no damage. */
static char *probe(int dirfd, const CronosBackup *backup, gboolean *out_gone)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) metadata = cronos_metadata_read(dirfd, backup->file_name, &error);

    *out_gone = g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOENT);
    return error != NULL && !*out_gone ? g_strdup(without_name(error->message, backup->file_name))
                                       : NULL;
}

static Item *item_new(const CronosBackup *backup, const CronosBackupSizes *sizes, char *damage)
{
    Item *item = g_new0(Item, 1);

    item->backup = backup;
    item->sizes = sizes != NULL && sizes->known ? sizes : NULL;
    item->damage = damage;
    if (damage == NULL && sizes != NULL && sizes->error != NULL)
        item->damage = g_strdup(without_name(sizes->error, backup->file_name));
    return item;
}

/* @sizes: nullable; borrowed by the items. */
static GPtrArray *collect(const CronosCatalog *catalog, const GPtrArray *sizes,
                          const CronosArguments *arguments, GError **error)
{
    const GPtrArray *entries = cronos_catalog_entries(catalog);
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(item_free);

    if (entries->len == 0)
        return g_steal_pointer(&items);
    int dirfd = open(cronos_catalog_directory(catalog), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0) {
        cronos_error_set_system(error, errno, "%s", cronos_catalog_directory(catalog));
        return NULL;
    }
    for (guint i = 0; i < entries->len; i++) {
        const CronosBackup *backup = g_ptr_array_index(entries, i);
        gboolean gone = FALSE;

        if (!is_wanted(backup, arguments))
            continue;
        g_autofree char *damage = probe(dirfd, backup, &gone);
        if (!gone)
            g_ptr_array_add(items,
                            item_new(backup, sizes != NULL ? g_ptr_array_index(sizes, i) : NULL,
                                     g_steal_pointer(&damage)));
    }
    close(dirfd);
    return g_steal_pointer(&items);
}

static gint64 created(const CronosBackup *backup)
{
    return backup->foreign ? backup->mtime_ns / 1000000000 : backup->parsed.created;
}

static CronosStyle style_of(const Item *item)
{
    return item->damage != NULL ? CRONOS_STYLE_BAD : CRONOS_STYLE_PLAIN;
}

/* Returns: (owned) what the last column says. */
static char *state_of(const Item *item)
{
    const char *pinned = item->backup->pinned ? "pinned" : "";

    if (item->damage == NULL)
        return g_strdup(pinned);
    return g_strdup_printf("%s%sdamaged: %s", pinned, *pinned != '\0' ? ", " : "", item->damage);
}

static void print_table(const GPtrArray *items)
{
    static const char *const headings[] = {"FILE", ">SIZE", "CREATED", "TYPE", "NAME", "", NULL};
    g_autoptr(CronosTable) table = cronos_table_new(headings);

    for (guint i = 0; i < items->len; i++) {
        const Item *item = g_ptr_array_index(items, i);
        const CronosBackup *backup = item->backup;
        g_autofree char *file = cronos_quote_path(backup->file_name);
        g_autofree char *size = cronos_format_size(backup->size_bytes);
        g_autofree char *time = cronos_format_time(created(backup));
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
        const Item *item = g_ptr_array_index(items, i);
        const CronosBackupSizes *sizes = item->sizes;
        g_autofree char *file = cronos_quote_path(item->backup->file_name);
        g_autofree char *size = cronos_format_size(item->backup->size_bytes);
        g_autofree char *content = sizes != NULL ? cronos_format_size(sizes->size_bytes) : NULL;
        g_autofree char *own = sizes != NULL ? cronos_format_size(sizes->own_bytes) : NULL;
        g_autofree char *time = cronos_format_time(created(item->backup));
        g_autofree char *state = state_of(item);

        cronos_table_add(table, style_of(item),
                         (const char *const[]){file, size, content != NULL ? content : "-",
                                               own != NULL ? own : "-", time, state});
    }
    cronos_table_print(table);
}

static void set_size(JsonObject *object, const char *key, const CronosBackupSizes *sizes,
                     guint64 bytes)
{
    if (sizes != NULL)
        cronos_json_set_count(object, key, bytes);
    else
        json_object_set_null_member(object, key);
}

static void print_json(const CronosCatalog *catalog, const GPtrArray *items)
{
    g_autoptr(JsonArray) root = json_array_sized_new(items->len);

    for (guint i = 0; i < items->len; i++) {
        const Item *item = g_ptr_array_index(items, i);
        const CronosBackup *backup = item->backup;
        const CronosBackupSizes *sizes = item->sizes;
        g_autofree char *path =
            g_build_filename(cronos_catalog_directory(catalog), backup->file_name, NULL);
        JsonObject *object = json_object_new();

        cronos_json_set_text(object, "file_name", backup->file_name);
        cronos_json_set_text(object, "path", path);
        cronos_json_set_count(object, "size_bytes", backup->size_bytes);
        set_size(object, "bytes", sizes, sizes != NULL ? sizes->size_bytes : 0);
        set_size(object, "own_bytes", sizes, sizes != NULL ? sizes->own_bytes : 0);
        cronos_json_set_text(object, "created_at", backup->parsed.timestamp);
        cronos_json_set_time(object, "created_utc", created(backup));
        cronos_json_set_text(object, "type", backup->parsed.type);
        cronos_json_set_text(object, "name", backup->parsed.name);
        json_object_set_boolean_member(object, "foreign", backup->foreign);
        json_object_set_boolean_member(object, "pinned", backup->pinned);
        json_object_set_boolean_member(object, "damaged", item->damage != NULL);
        cronos_json_set_text(object, "error", item->damage);
        json_array_add_object_element(root, object);
    }
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
    g_autoptr(GPtrArray) items = collect(catalog, sizes, arguments, error);
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
