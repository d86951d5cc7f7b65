/* SPDX-License-Identifier: MIT
 * json-output.c - JSON on stdout */
#include "cli/json-output.h"

#include "cli/terminal.h"
#include "core/error.h"
#include "core/json-text.h"

#include <stdio.h>

static void print(JsonNode *root)
{
    g_autofree char *text = cronos_json_to_text(root, TRUE);

    puts(text);
}

void cronos_json_print_object(JsonObject *root)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), root);

    print(node);
}

void cronos_json_print_array(JsonArray *root)
{
    g_autoptr(JsonNode) node = json_node_init_array(json_node_alloc(), root);

    print(node);
}

void cronos_json_stream_add(CronosJsonStream *stream, JsonObject *element)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), element);
    g_autofree char *text = cronos_json_to_text(node, FALSE);

    json_object_unref(element);
    g_strchomp(text);
    printf("%s%s", stream->begun ? ",\n  " : "[\n  ", text);
    stream->begun = TRUE;
}

void cronos_json_stream_end(CronosJsonStream *stream)
{
    puts(stream->begun ? "\n]" : "[]");
}

static char *valid_text(const char *text)
{
    return g_utf8_validate(text, -1, NULL) ? g_strdup(text) : cronos_quote_path(text);
}

void cronos_json_set_text(JsonObject *object, const char *key, const char *text)
{
    if (text == NULL) {
        json_object_set_null_member(object, key);
        return;
    }
    g_autofree char *valid = valid_text(text);
    json_object_set_string_member(object, key, valid);
}

void cronos_json_set_count(JsonObject *object, const char *key, guint64 count)
{
    json_object_set_int_member(object, key, (gint64)MIN(count, (guint64)G_MAXINT64));
}

void cronos_json_set_texts(JsonObject *object, const char *key, const GPtrArray *texts)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; texts != NULL && i < texts->len; i++) {
        g_autofree char *valid = valid_text(g_ptr_array_index(texts, i));

        json_array_add_string_element(array, valid);
    }
    json_object_set_array_member(object, key, array);
}

void cronos_json_set_strings(JsonObject *object, const char *key, const char *const *strings)
{
    JsonArray *array = json_array_new();

    for (; strings != NULL && *strings != NULL; strings++) {
        g_autofree char *valid = valid_text(*strings);

        json_array_add_string_element(array, valid);
    }
    json_object_set_array_member(object, key, array);
}

void cronos_json_set_object(JsonObject *object, const char *key, JsonObject *value)
{
    if (value == NULL)
        json_object_set_null_member(object, key);
    else
        json_object_set_object_member(object, key, json_object_ref(value));
}

void cronos_json_set_member(JsonObject *object, const CronosMemberInfo *info)
{
    gboolean sized = info != NULL && info->kind != CRONOS_MEMBER_DIRECTORY;
    g_autofree char *crc32 =
        info != NULL && info->has_crc32 ? g_strdup_printf("%08x", info->crc32) : NULL;

    cronos_json_set_text(object, "kind", info != NULL ? cronos_kind_word(info->kind) : NULL);
    if (sized)
        cronos_json_set_count(object, "size_bytes", info->size_bytes);
    else
        json_object_set_null_member(object, "size_bytes");
    if (info != NULL)
        cronos_json_set_time(object, "mtime_utc", cronos_seconds_of(info->mtime_ns));
    else
        json_object_set_null_member(object, "mtime_utc");
    cronos_json_set_text(object, "crc32", crc32);
}

void cronos_json_set_time(JsonObject *object, const char *key, gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    g_autofree char *text = time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : NULL;

    cronos_json_set_text(object, key, text);
}
