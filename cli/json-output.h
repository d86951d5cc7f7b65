/* SPDX-License-Identifier: MIT
 * json-output.h - results for programs
 *
 * Keys are snake_case and stable; a key is always there, null where it does not apply. Texts that
 * are not UTF-8 are written as cronos_quote_path writes them. */
#pragma once
#include "core/member.h"

#include <json-glib/json-glib.h>

/* Prints @root on stdout, indented by two blanks, with a final newline. */
void cronos_json_print_object(JsonObject *root);
void cronos_json_print_array(JsonArray *root);

/* An array too long to be held: its elements (owned), one a line, as they come. */
typedef struct {
    gboolean begun;
} CronosJsonStream;
void cronos_json_stream_add(CronosJsonStream *stream, JsonObject *element);
void cronos_json_stream_end(CronosJsonStream *stream);

/* @text: NULL becomes null. */
void cronos_json_set_text(JsonObject *object, const char *key, const char *text);
void cronos_json_set_count(JsonObject *object, const char *key, guint64 count);
/* @texts: array of char *; NULL: an empty array. */
void cronos_json_set_texts(JsonObject *object, const char *key, const GPtrArray *texts);
/* The same of a NULL-terminated array. */
void cronos_json_set_strings(JsonObject *object, const char *key, const char *const *strings);
/* @value: taken a reference of; NULL becomes null. */
void cronos_json_set_object(JsonObject *object, const char *key, JsonObject *value);
/* What every command tells of a member: kind ("file", "folder" or "link"), size_bytes (null: a
 * folder), mtime_utc, crc32 (eight hexadecimal digits; null: the archive stores none). @info: NULL:
 * all are null. */
void cronos_json_set_member(JsonObject *object, const CronosMemberInfo *info);
/* RFC 3339 in UTC. */
void cronos_json_set_time(JsonObject *object, const char *key, gint64 seconds);
