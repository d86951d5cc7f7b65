/* SPDX-License-Identifier: MIT
 * result-json.c - results of core as JSON */
#include "cli/result-json.h"

JsonObject *cronos_result_of_create(const CronosCreateResult *result, gboolean dry_run,
                                    double seconds)
{
    JsonObject *root = json_object_new();

    cronos_json_set_text(root, "path", result->path);
    cronos_json_set_text(root, "file_name", result->file_name);
    json_object_set_boolean_member(root, "dry_run", dry_run);
    json_object_set_boolean_member(root, "unchanged", result->unchanged);
    cronos_json_set_text(root, "declined", result->declined);
    cronos_json_set_count(root, "files", result->files);
    cronos_json_set_count(root, "directories", result->directories);
    cronos_json_set_count(root, "symlinks", result->symlinks);
    cronos_json_set_count(root, "bytes", result->bytes);
    cronos_json_set_count(root, "archive_bytes", result->archive_bytes);
    cronos_json_set_count(root, "reused_members", result->reused_members);
    cronos_json_set_count(root, "reused_bytes", result->reused_bytes);
    cronos_json_set_count(root, "skipped", result->skipped);
    cronos_json_set_count(root, "excluded", result->excluded);
    cronos_json_set_count(root, "mounts", result->mounts);
    cronos_json_set_texts(root, "unreadable", result->unreadable);
    cronos_json_set_texts(root, "damaged", result->damaged);
    cronos_json_set_texts(root, "unmatched", result->unmatched);
    cronos_json_set_texts(root, "removed", result->removed);
    cronos_json_set_text(root, "hook_error", result->hook_error);
    cronos_json_set_count(root, "duration_ms", (guint64)(seconds * 1000));
    return root;
}

JsonObject *cronos_result_of_restore(const CronosBackup *backup, const CronosRestoreResult *result,
                                     JsonArray *actions, double seconds)
{
    JsonObject *root = json_object_new();

    cronos_json_set_text(root, "backup", backup->file_name);
    cronos_json_set_text(root, "target", result->target);
    cronos_json_set_text(root, "restore_point", result->restore_point);
    json_object_set_boolean_member(root, "dry_run", actions != NULL);
    cronos_json_set_count(root, "created", result->created);
    cronos_json_set_count(root, "replaced", result->replaced);
    cronos_json_set_count(root, "deleted", result->deleted);
    cronos_json_set_count(root, "unchanged", result->unchanged);
    cronos_json_set_count(root, "bytes", result->bytes);
    cronos_json_set_texts(root, "failed", result->failed);
    if (actions != NULL)
        json_object_set_array_member(root, "actions", json_array_ref(actions));
    else
        json_object_set_null_member(root, "actions");
    cronos_json_set_count(root, "duration_ms", (guint64)(seconds * 1000));
    return root;
}

JsonArray *cronos_result_of_clean(const GPtrArray *verdicts, gboolean dry_run)
{
    JsonArray *root = json_array_sized_new(verdicts->len);

    for (guint i = 0; i < verdicts->len; i++) {
        const CronosRetentionVerdict *verdict = g_ptr_array_index(verdicts, i);
        JsonObject *object = json_object_new();

        cronos_json_set_text(object, "file_name", verdict->backup->file_name);
        cronos_json_set_count(object, "size_bytes", verdict->backup->size_bytes);
        cronos_json_set_text(object, "created_at", verdict->backup->parsed.timestamp);
        json_object_set_boolean_member(object, "remove", verdict->remove);
        json_object_set_boolean_member(object, "dry_run", dry_run);
        cronos_json_set_text(object, "rule", verdict->rule);
        json_array_add_object_element(root, object);
    }
    return root;
}
