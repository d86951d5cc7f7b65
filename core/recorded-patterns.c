/* SPDX-License-Identifier: MIT
 * recorded-patterns.c - include_patterns and exclude_patterns of the metadata's "cronos" object */
#include "core/recorded-patterns.h"
#include "core/json-text.h"
#include "core/metadata.h"

#include <string.h>

/* Returns: (owned) the strings of @key, or NULL where it is missing or not a list of strings. */
static char **read_strings(JsonObject *object, const char *key)
{
    JsonNode *node = json_object_get_member(object, key);
    g_autoptr(GStrvBuilder) strings = NULL;

    if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node))
        return NULL;
    JsonArray *array = json_node_get_array(node);
    strings = g_strv_builder_new();
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonNode *element = json_array_get_element(array, i);
        if (!JSON_NODE_HOLDS_VALUE(element) || json_node_get_value_type(element) != G_TYPE_STRING)
            return NULL;
        g_strv_builder_add(strings, json_node_get_string(element));
    }
    return g_strv_builder_end(strings);
}

static void read_facts(CronosRecordedPatterns *patterns, JsonObject *own)
{
    JsonNode *caches = cronos_json_value(own, "exclude_caches", G_TYPE_BOOLEAN);
    JsonNode *unreadable = cronos_json_value(own, "unreadable", G_TYPE_INT64);

    patterns->unreadable = unreadable != NULL ? (guint64)MAX(json_node_get_int(unreadable), 0) : 0;
    patterns->caches_recorded = caches != NULL;
    patterns->exclude_caches = caches != NULL && json_node_get_boolean(caches);
}

/* Returns: FALSE, with no patterns set, where the metadata does not tell. */
static gboolean read_recorded(CronosRecordedPatterns *patterns, CronosArchive *archive)
{
    g_autoptr(JsonObject) metadata = cronos_metadata_from_member(archive, &patterns->failure);
    JsonObject *part = metadata != NULL ? cronos_metadata_part(metadata) : NULL;

    if (part == NULL)
        return FALSE;
    read_facts(patterns, part);
    (void)cronos_metadata_started(metadata, &patterns->started_ns);
    g_auto(GStrv) include = read_strings(part, "include_patterns");
    g_auto(GStrv) exclude = read_strings(part, "exclude_patterns");
    if (exclude == NULL)
        return FALSE;
    g_autoptr(CronosPatterns) exclude_patterns =
        cronos_patterns_new((const char *const *)exclude, NULL);
    g_autoptr(CronosPatterns) include_patterns = NULL;
    if (include != NULL && include[0] != NULL)
        include_patterns = cronos_patterns_new((const char *const *)include, NULL);
    if (exclude_patterns == NULL ||
        (include != NULL && include[0] != NULL && include_patterns == NULL))
        return FALSE;
    patterns->recorded = TRUE;
    if (include_patterns != NULL)
        patterns->include = g_steal_pointer(&include);
    patterns->exclude = g_steal_pointer(&exclude);
    patterns->include_patterns = g_steal_pointer(&include_patterns);
    patterns->exclude_patterns = g_steal_pointer(&exclude_patterns);
    return TRUE;
}

CronosRecordedPatterns *cronos_recorded_patterns_read(CronosArchive *archive,
                                                      const CronosConfig *config, GError **error)
{
    g_autoptr(CronosRecordedPatterns) patterns = g_new0(CronosRecordedPatterns, 1);

    if (read_recorded(patterns, archive))
        return g_steal_pointer(&patterns);
    const char *const *configured =
        cronos_config_strings(config, CRONOS_CONFIG_BACKUP_EXCLUDE_PATTERNS);
    patterns->exclude_patterns = cronos_patterns_new(configured, error);
    if (patterns->exclude_patterns == NULL)
        return NULL;
    patterns->exclude = g_strdupv((char **)(gpointer)(guintptr)configured);
    return g_steal_pointer(&patterns);
}

void cronos_recorded_patterns_free(CronosRecordedPatterns *patterns)
{
    if (patterns == NULL)
        return;
    g_strfreev(patterns->include);
    g_strfreev(patterns->exclude);
    cronos_patterns_free(patterns->include_patterns);
    cronos_patterns_free(patterns->exclude_patterns);
    g_clear_error(&patterns->failure);
    g_free(patterns);
}

gboolean cronos_recorded_patterns_cover(const CronosRecordedPatterns *patterns, const char *path)
{
    if (cronos_patterns_match_any_parent(patterns->exclude_patterns, path, FALSE))
        return FALSE;
    return patterns->include_patterns == NULL ||
           cronos_patterns_match_any_parent(patterns->include_patterns, path, FALSE);
}

guint32 cronos_metadata_entry(CronosArchive *archive)
{
    guint32 entry = cronos_archive_lookup(archive, CRONOS_ENTRY_ROOT, CRONOS_METADATA_MEMBER,
                                          strlen(CRONOS_METADATA_MEMBER));

    if (entry == CRONOS_ENTRY_NONE || cronos_archive_is_directory(archive, entry) ||
        !cronos_metadata_is_member(archive, entry))
        return CRONOS_ENTRY_NONE;
    return entry;
}
