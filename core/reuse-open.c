/* SPDX-License-Identifier: MIT
 * reuse-open.c - which earlier backup members are taken from
 *
 * What a backup says about itself is read from its tail; only the one that fits is indexed. */
#include "core/catalog.h"
#include "core/error.h"
#include "core/json-text.h"
#include "core/log.h"
#include "core/metadata.h"
#include "core/reuse-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void cronos_reuse_free(CronosReuse *reuse)
{
    if (reuse == NULL)
        return;
    cronos_zip_index_free(reuse->index);
    if (reuse->fd >= 0)
        close(reuse->fd);
    g_free(reuse->file_name);
    g_free(reuse);
}

const char *cronos_reuse_file_name(const CronosReuse *reuse)
{
    return reuse->file_name;
}

int cronos_reuse_fd(const CronosReuse *reuse)
{
    return reuse->fd;
}

guint64 cronos_reuse_member_count(const CronosReuse *reuse)
{
    return (guint64)cronos_zip_index_count(reuse->index) - 1 - (reuse->has_metadata_member ? 1 : 0);
}

guint64 cronos_reuse_file_count(const CronosReuse *reuse)
{
    guint32 count = cronos_zip_index_count(reuse->index);
    guint64 files = 0;

    for (guint32 entry = 1; entry < count; entry++)
        files += cronos_zip_index_is_directory(reuse->index, entry) ? 0 : 1;
    return files - (reuse->has_metadata_member ? 1 : 0);
}

/* Takes what matters from @metadata. Returns: whether it tells of a backup of @root at @level. */
static gboolean take_metadata(CronosReuse *reuse, JsonObject *metadata, const char *root, int level)
{
    JsonObject *own = cronos_metadata_part(metadata);
    g_autofree char *valid_root = g_utf8_make_valid(root, -1);

    if (own == NULL)
        return FALSE;
    JsonNode *root_node = cronos_json_value(own, "root", G_TYPE_STRING);
    JsonNode *level_node = cronos_json_value(own, "level", G_TYPE_INT64);
    if (root_node == NULL || strcmp(json_node_get_string(root_node), valid_root) != 0 ||
        !cronos_metadata_started(metadata, &reuse->started_ns))
        return FALSE;
    reuse->has_metadata_member = cronos_metadata_is(own, "member", TRUE);
    return level < 0 || (level_node != NULL && json_node_get_int(level_node) == level);
}

static gboolean open_archive(CronosReuse *reuse, int dirfd, const char *file_name, GError **error)
{
    reuse->fd = openat(dirfd, file_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (reuse->fd < 0) {
        cronos_error_set_system(error, errno, "can not open");
        return FALSE;
    }
    reuse->index = cronos_zip_index_open(reuse->fd, error);
    if (reuse->index == NULL)
        return FALSE;
    reuse->limit = cronos_zip_index_directory_offset(reuse->index);
    /* It is read from front to end, by whichever thread comes first. */
    (void)posix_fadvise(reuse->fd, 0, (off_t)reuse->limit, POSIX_FADV_SEQUENTIAL);
    reuse->file_name = g_strdup(file_name);
    return TRUE;
}

/* Returns: (owned), or NULL: with @error where the archive can not be read. */
static CronosReuse *try_backup(int dirfd, const char *file_name, const char *root, int level,
                               GError **error)
{
    g_autoptr(JsonObject) metadata = cronos_metadata_read(dirfd, file_name, error);

    if (metadata == NULL)
        return NULL;
    g_autoptr(CronosReuse) reuse = g_new0(CronosReuse, 1);
    reuse->fd = -1;
    reuse->opened_ns = g_get_real_time() * 1000;
    if (!take_metadata(reuse, metadata, root, level) ||
        !open_archive(reuse, dirfd, file_name, error))
        return NULL;
    return g_steal_pointer(&reuse);
}

CronosReuse *cronos_reuse_open(int dirfd, const char *directory, const char *root, int level)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read_at(dirfd, ".", directory, &failure);

    if (catalog == NULL) {
        cronos_log_event(CRONOS_LOG_WARNING, NULL, NULL, "nothing can be taken over: %s",
                         failure->message);
        return NULL;
    }
    const GPtrArray *entries = cronos_catalog_entries(catalog);
    for (guint i = 0; i < entries->len; i++) {
        const CronosBackup *backup = entries->pdata[i];
        g_autoptr(GError) error = NULL;

        if (backup->foreign)
            break;
        CronosReuse *reuse = try_backup(dirfd, backup->file_name, root, level, &error);
        if (reuse != NULL)
            return reuse;
        if (error != NULL)
            cronos_log_event(CRONOS_LOG_WARNING, backup->file_name, NULL,
                             "nothing can be taken over from this backup: %s", error->message);
    }
    return NULL;
}

char *cronos_reuse_find_start(int dirfd, const char *directory, const char *root, const char *type,
                              gint64 *out_started_ns)
{
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read_at(dirfd, ".", directory, NULL);
    const GPtrArray *entries = catalog == NULL ? NULL : cronos_catalog_entries(catalog);

    for (guint i = 0; entries != NULL && i < entries->len; i++) {
        const CronosBackup *backup = entries->pdata[i];
        CronosReuse facts = {0};

        if (backup->foreign)
            break;
        if (strcmp(backup->parsed.type, type) != 0)
            continue;
        g_autoptr(JsonObject) metadata = cronos_metadata_read(dirfd, backup->file_name, NULL);
        if (metadata == NULL || !take_metadata(&facts, metadata, root, -1))
            continue;
        *out_started_ns = facts.started_ns;
        return g_strdup(backup->file_name);
    }
    return NULL;
}
