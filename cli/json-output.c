/* SPDX-License-Identifier: MIT
 * json-output.c - JSON on stdout */
#include "cli/json-output.h"

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

void cronos_json_set_time(JsonObject *object, const char *key, gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    g_autofree char *text = time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : NULL;

    cronos_json_set_text(object, key, text);
}
