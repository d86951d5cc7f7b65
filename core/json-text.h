/* SPDX-License-Identifier: MIT
 * json-text.h - JSON from files and archives, which may hold anything (shared inside core) */
#pragma once
#include <json-glib/json-glib.h>

#define CRONOS_JSON_DEPTH_MAX 64

/* Parses @text as strict JSON (RFC 8259), nested at most CRONOS_JSON_DEPTH_MAX deep. What json-glib
 * would garble is made harmless: numbers that fit neither 64 signed bits nor a finite double become
 * strings, NUL and lone surrogates in strings become U+FFFD.
 * Returns: (owned) the root node, never NULL without @error: USAGE, "line N: reason". */
JsonNode *cronos_json_parse(const char *text, gsize length, GError **error);
/* Returns: (owned) @node as JSON on one line, or indented by two, fit for a terminal: characters
 * that disguise (core/error.h) are escaped. */
char *cronos_json_to_text(JsonNode *node, gboolean pretty);
/* Returns: (borrowed) the value @key of @object, if it is one of @type (G_TYPE_BOOLEAN,
 * G_TYPE_INT64, G_TYPE_DOUBLE, G_TYPE_STRING); or NULL. @object: nullable. */
JsonNode *cronos_json_value(JsonObject *object, const char *key, GType type);
/* Returns: (owned) a node that holds @object, which it references. */
JsonNode *cronos_json_node_of(JsonObject *object);
