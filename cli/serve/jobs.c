/* SPDX-License-Identifier: MIT
 * jobs.c - backup, restore, list and clean for a request */
#include "cli/serve/jobs.h"

#include "cli/backup-list.h"
#include "cli/result-json.h"
#include "cli/serve/restore-target.h"
#include "cli/terminal.h"
#include "core/backup-run.h"
#include "core/clean.h"
#include "core/error.h"
#include "core/json-text.h"

#include <string.h>

#define ANSWER_ROOM 4096u /* bytes that an answer has besides its list */

static CronosJobResult *result_new(const char *path, char *message, JsonObject *details)
{
    CronosJobResult *result = g_new0(CronosJobResult, 1);

    result->path = g_strdup(path);
    result->message = message;
    result->details = details;
    return result;
}

void cronos_job_result_free(CronosJobResult *result)
{
    if (result == NULL)
        return;
    g_free(result->path);
    g_free(result->message);
    g_clear_pointer(&result->details, json_object_unref);
    g_free(result);
}

static double seconds_since(gint64 started_us)
{
    return (double)(g_get_monotonic_time() - started_us) / G_USEC_PER_SEC;
}

static char *backup_message(const CronosCreateResult *created)
{
    g_autofree char *files = cronos_format_count(created->files, "file", "files");
    g_autofree char *bytes = cronos_format_size(created->archive_bytes);
    GString *message = g_string_new(NULL);

    g_string_printf(message, "%s in an archive of %s", files, bytes);
    if (created->unreadable != NULL && created->unreadable->len > 0)
        g_string_append_printf(message, "; %u could not be read", created->unreadable->len);
    if (created->hook_error != NULL)
        g_string_append_printf(message, "; %s", created->hook_error);
    return g_string_free(message, FALSE);
}

static CronosJobResult *run_backup(const CronosConfig *config, const CronosRequest *request,
                                   const CronosProgress *progress, GError **error)
{
    const CronosCreateOptions options = {
        .name = request->name,
        .type = request->type,
        .include = (const char *const *)request->include,
        .exclude = (const char *const *)request->exclude,
        .typed_patterns = TRUE,
        .metadata = request->metadata,
        .level = -1,
    };
    gint64 started_us = g_get_monotonic_time();
    g_autoptr(CronosCreateResult) created = cronos_backup_run(config, &options, progress, error);

    if (created == NULL)
        return NULL;
    return result_new(created->path, backup_message(created),
                      cronos_result_of_create(created, FALSE, seconds_since(started_us)));
}

char *cronos_job_restore_directory(const CronosConfig *config)
{
    const char *configured = cronos_config_string(config, CRONOS_CONFIG_SERVICE_RESTORE_DIRECTORY);

    return *configured != '\0' ? g_strdup(configured)
                               : g_build_filename(cronos_config_backup_directory(config),
                                                  CRONOS_RESTORES_FOLDER, NULL);
}

/* What is not asked for by name overwrites only where both the owner's default and leave say so. */
static gboolean choose_strategy(const CronosConfig *config, const CronosRequest *request,
                                CronosRestoreStrategy *out_strategy, GError **error)
{
    gboolean allowed = cronos_config_bool(config, CRONOS_CONFIG_SERVICE_ALLOW_OVERWRITE);
    const char *configured = cronos_config_string(config, CRONOS_CONFIG_RESTORE_DEFAULT_STRATEGY);
    gboolean by_default = request->strategy == CRONOS_RESTORE_CONFIGURED &&
                          request->target == NULL && allowed &&
                          g_str_equal(configured, "overwrite");

    *out_strategy = request->strategy == CRONOS_RESTORE_OVERWRITE || by_default
                        ? CRONOS_RESTORE_OVERWRITE
                        : CRONOS_RESTORE_NEW_LOCATION;
    if (*out_strategy != CRONOS_RESTORE_OVERWRITE || allowed)
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSAFE,
                "strategy: overwriting is not allowed here (service.allow_overwrite)");
    return FALSE;
}

static CronosJobResult *restore(const CronosConfig *config, const CronosBackup *backup,
                                const CronosRestoreOptions *options, const CronosProgress *progress,
                                GError **error)
{
    gint64 started_us = g_get_monotonic_time();
    g_autoptr(CronosRestoreResult) restored =
        cronos_restore(config, backup, options, progress, error);

    if (restored == NULL)
        return NULL;
    guint failed = restored->failed != NULL ? restored->failed->len : 0;
    g_autofree char *more =
        failed > 0 ? g_strdup_printf("; %u could not be restored in full", failed) : g_strdup("");
    char *message = g_strdup_printf("%s: %" G_GUINT64_FORMAT " created, %" G_GUINT64_FORMAT
                                    " replaced, %" G_GUINT64_FORMAT " unchanged%s",
                                    backup->file_name, restored->created, restored->replaced,
                                    restored->unchanged, more);

    return result_new(restored->target, message,
                      cronos_result_of_restore(backup, restored, NULL, seconds_since(started_us)));
}

static CronosJobResult *run_restore(const CronosConfig *config, const CronosRequest *request,
                                    const CronosProgress *progress, GError **error)
{
    g_autofree char *directory = cronos_job_restore_directory(config);
    g_autofree char *target = NULL;
    CronosRestoreOptions options = {.directory = directory};

    if (!choose_strategy(config, request, &options.strategy, error))
        return NULL;
    if (request->target != NULL) {
        target = cronos_restore_target_find(directory, request->target, error);
        if (target == NULL)
            return NULL;
        options.to = target;
    }
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(config), error);
    if (catalog == NULL)
        return NULL;
    const CronosBackup *backup = cronos_catalog_find(catalog, request->identifier, NULL, error);
    return backup != NULL ? restore(config, backup, &options, progress, error) : NULL;
}

/* Returns: (owned) as many of @items, the newest ones, as fit into @bytes_max. */
static JsonArray *list_of(const CronosCatalog *catalog, const GPtrArray *items, guint limit,
                          gsize bytes_max)
{
    JsonArray *array = json_array_new();
    gsize bytes = 0;

    for (guint i = 0; i < items->len && (limit == 0 || i < limit); i++) {
        JsonObject *object = cronos_list_item_to_json(catalog, g_ptr_array_index(items, i));
        g_autoptr(JsonNode) node = cronos_json_node_of(object);
        g_autofree char *text = cronos_json_to_text(node, FALSE);

        bytes += strlen(text) + 1;
        if (bytes > bytes_max) {
            json_object_unref(object);
            break;
        }
        json_array_add_object_element(array, object);
    }
    return array;
}

static CronosJobResult *run_list(const CronosConfig *config, const CronosRequest *request,
                                 gsize payload_max, GError **error)
{
    const char *directory = cronos_config_backup_directory(config);
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(directory, error);

    if (catalog == NULL)
        return NULL;
    g_autoptr(GPtrArray) items =
        cronos_backup_list(catalog, NULL, request->type, request->all, error);
    if (items == NULL)
        return NULL;
    JsonArray *backups = list_of(catalog, items, (guint)request->limit,
                                 payload_max > ANSWER_ROOM ? payload_max - ANSWER_ROOM : 0);
    JsonObject *details = json_object_new();

    cronos_json_set_count(details, "left_out", items->len - json_array_get_length(backups));
    json_object_set_array_member(details, "backups", backups);
    return result_new(directory, cronos_format_count(items->len, "backup", "backups"), details);
}

/* Returns: (owned) @verdicts' removals. */
static JsonArray *removals_of(const GPtrArray *verdicts, gboolean dry_run)
{
    g_autoptr(GPtrArray) removals = g_ptr_array_new();

    for (guint i = 0; i < verdicts->len; i++) {
        CronosRetentionVerdict *verdict = g_ptr_array_index(verdicts, i);

        if (verdict->remove)
            g_ptr_array_add(removals, verdict);
    }
    return cronos_result_of_clean(removals, dry_run);
}

static CronosJobResult *run_clean(const CronosConfig *config, const CronosRequest *request,
                                  const CronosProgress *progress, GError **error)
{
    const CronosRetentionOptions options =
        cronos_retention_as_configured(g_get_real_time() / G_USEC_PER_SEC);
    g_autoptr(CronosCleanResult) result = cronos_clean(
        config, &options, request->dry_run, progress != NULL ? progress->cancellable : NULL, error);

    if (result == NULL)
        return NULL;
    guint kept = result->verdicts->len - result->removed;
    g_autofree char *backups = cronos_format_count(result->removed, "backup", "backups");
    JsonObject *details = json_object_new();

    json_object_set_boolean_member(details, "dry_run", request->dry_run);
    cronos_json_set_count(details, "kept", kept);
    json_object_set_array_member(details, "removed",
                                 removals_of(result->verdicts, request->dry_run));
    return result_new(cronos_config_backup_directory(config),
                      g_strdup_printf("%s %s, %u kept", backups,
                                      request->dry_run ? "would be removed" : "removed", kept),
                      details);
}

CronosJobResult *cronos_job_run(const CronosConfig *config, const CronosRequest *request,
                                gsize payload_max, const CronosProgress *progress, GError **error)
{
    switch (request->kind) {
    case CRONOS_REQUEST_BACKUP:
        return run_backup(config, request, progress, error);
    case CRONOS_REQUEST_RESTORE:
        return run_restore(config, request, progress, error);
    case CRONOS_REQUEST_LIST:
        return run_list(config, request, payload_max, error);
    case CRONOS_REQUEST_CLEAN:
    case CRONOS_REQUEST_KINDS:
        break;
    }
    return run_clean(config, request, progress, error);
}
