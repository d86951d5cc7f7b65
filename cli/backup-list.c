/* SPDX-License-Identifier: MIT
 * backup-list.c - what lies in the backup directory, and what is seen of it at once
 *
 * Damage is told from each archive's tail alone, so that a directory of thousands lists at once:
 * what a look into every member would find is verify's business. Only --sizes reads the central
 * directories, too. */
#include "cli/backup-list.h"

#include "cli/json-output.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/metadata.h"
#include "core/parallel.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void item_free(gpointer data)
{
    CronosListItem *item = data;

    g_free(item->damage);
    g_free(item->unreadable);
    g_free(item);
}

static gboolean is_wanted(const CronosBackup *backup, const char *type, gboolean all)
{
    if (type != NULL)
        return !backup->foreign && g_str_equal(backup->parsed.type, type);
    return !backup->foreign || all;
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

/* What one look into each archive has shown, in the catalog's order. */
typedef struct {
    const GPtrArray *entries;
    const char *type;
    gboolean all;
    int dirfd;
    GError **failures; /* owned, one an archive: why it can not be read, or NULL */
    gboolean *gone;    /* or not wanted */
    gint64 *created;   /* seconds since the epoch */
} Probes;

static gint64 created_by_name(const CronosBackup *backup)
{
    return backup->foreign ? cronos_seconds_of(backup->mtime_ns) : backup->parsed.created;
}

static gboolean probe_one(gpointer worker, gsize index, GError **error)
{
    const Probes *probes = worker;
    const CronosBackup *backup = g_ptr_array_index(probes->entries, index);

    probes->gone[index] = !is_wanted(backup, probes->type, probes->all);
    if (probes->gone[index])
        return TRUE;
    g_autoptr(JsonObject) metadata =
        cronos_metadata_read(probes->dirfd, backup->file_name, &probes->failures[index]);
    /* One that went away in the meantime is no damage. */
    probes->gone[index] = g_error_matches(probes->failures[index], CRONOS_SYSTEM_ERROR, ENOENT);
    probes->created[index] = created_by_name(backup);
    cronos_metadata_created(metadata, backup->parsed.timestamp, &probes->created[index]);
    return TRUE;
}

/* What the kernel refuses says nothing of the archive. */
static CronosListItem *item_new(const CronosBackup *backup, const CronosBackupSizes *sizes,
                                const GError *failure, gint64 created_utc)
{
    CronosListItem *item = g_new0(CronosListItem, 1);

    item->backup = backup;
    item->sizes = sizes != NULL && sizes->known ? sizes : NULL;
    item->created_utc = created_utc;
    if (failure != NULL && failure->domain == CRONOS_SYSTEM_ERROR)
        item->unreadable = g_strdup(g_strerror(failure->code));
    else if (failure != NULL)
        item->damage = g_strdup(without_name(failure->message, backup->file_name));
    else if (sizes != NULL && sizes->error != NULL)
        item->damage = g_strdup(without_name(sizes->error, backup->file_name));
    return item;
}

GPtrArray *cronos_backup_list(const CronosCatalog *catalog, const GPtrArray *sizes,
                              const char *type, gboolean all, GError **error)
{
    const CronosParallel parallel = {.threads = 1, .waits = TRUE, .work = probe_one};
    const GPtrArray *entries = cronos_catalog_entries(catalog);
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(item_free);

    if (entries->len == 0)
        return g_steal_pointer(&items);
    int dirfd = cronos_catalog_open_directory(catalog, error);
    if (dirfd < 0)
        return NULL;
    g_autofree GError **failures = g_new0(GError *, entries->len);
    g_autofree gboolean *gone = g_new0(gboolean, entries->len);
    g_autofree gint64 *created = g_new0(gint64, entries->len);
    Probes probes = {entries, type, all, dirfd, failures, gone, created};
    cronos_parallel_for(&parallel, entries->len, &probes, NULL); /* which can not fail */
    close(dirfd);
    for (guint i = 0; i < entries->len; i++) {
        if (!gone[i])
            g_ptr_array_add(items, item_new(g_ptr_array_index(entries, i),
                                            sizes != NULL ? g_ptr_array_index(sizes, i) : NULL,
                                            failures[i], created[i]));
        g_clear_error(&failures[i]);
    }
    return g_steal_pointer(&items);
}

gint64 cronos_list_item_created(const CronosListItem *item)
{
    return created_by_name(item->backup);
}

static void set_size(JsonObject *object, const char *key, const CronosBackupSizes *sizes,
                     guint64 bytes)
{
    if (sizes != NULL)
        cronos_json_set_count(object, key, bytes);
    else
        json_object_set_null_member(object, key);
}

JsonObject *cronos_list_item_to_json(const CronosCatalog *catalog, const CronosListItem *item)
{
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
    cronos_json_set_time(object, "created_utc", item->created_utc);
    cronos_json_set_text(object, "type", backup->parsed.type);
    cronos_json_set_text(object, "name", backup->parsed.name);
    json_object_set_boolean_member(object, "foreign", backup->foreign);
    json_object_set_boolean_member(object, "pinned", backup->pinned);
    json_object_set_boolean_member(object, "damaged", item->damage != NULL);
    cronos_json_set_text(object, "error", item->damage != NULL ? item->damage : item->unreadable);
    return object;
}
