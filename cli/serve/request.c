/* SPDX-License-Identifier: MIT
 * request.c - a table of fields, and what each of them may hold */
#include "cli/serve/request.h"

#include "core/error.h"
#include "core/json-text.h"
#include "core/metadata.h"
#include "core/nearest.h"
#include "core/pattern.h"

#include <string.h>

#define QUOTED_MAX 64u /* bytes of the sender's text that go into a message */

#define OF(kind) (1u << CRONOS_REQUEST_##kind)
#define OF_ALL ((1u << CRONOS_REQUEST_KINDS) - 1)

typedef struct Field Field;
struct Field {
    const char *name;
    guint kinds; /* of requests that may have it */
    gboolean (*take)(gpointer value, const Field *field, JsonNode *node, GError **error);
    gsize offset; /* of the value in CronosRequest */
    guint maximum;
};

/* Returns: (owned) the start of @text, fit for a message. */
static char *quote_start(const char *text)
{
    gsize length = strlen(text);
    const char *end =
        length <= QUOTED_MAX ? text + length : g_utf8_find_prev_char(text, text + QUOTED_MAX);
    g_autofree char *start = cronos_quote_bytes(text, (gsize)(end - text));

    return g_strdup_printf("\"%s%s\"", start, *end != '\0' ? "..." : "");
}

static void G_GNUC_PRINTF(2, 3) refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, message);
}

/* Names what core refuses by its field. Core quotes the whole text: its middle is not passed on. */
static gboolean pass_refusal(const char *field, GError *refusal, GError **error)
{
    const char *message = refusal->message;
    gsize length = strlen(message);

    if (length <= 4 * QUOTED_MAX) {
        refuse(error, "%s: %s", field, message);
    } else {
        const char *head_end = g_utf8_find_prev_char(message, message + 2 * QUOTED_MAX);
        const char *tail = g_utf8_find_next_char(message + length - 2 * QUOTED_MAX, NULL);

        refuse(error, "%s: %.*s...%s", field, (int)(head_end - message), message, tail);
    }
    g_error_free(refusal);
    return FALSE;
}

static gboolean take_text(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    const char *text =
        JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
            ? json_node_get_string(node)
            : NULL;

    if (text == NULL || *text == '\0') {
        refuse(error, "%s: must be a string that is not empty", field->name);
        return FALSE;
    }
    if (strlen(text) > field->maximum) {
        refuse(error, "%s: longer than %u bytes", field->name, field->maximum);
        return FALSE;
    }
    g_free(*(char **)value);
    *(char **)value = g_strdup(text);
    return TRUE;
}

static gboolean take_patterns(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    JsonArray *array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    GError *refusal = NULL;

    if (array == NULL || json_array_get_length(array) > field->maximum) {
        refuse(error, "%s: must be an array of at most %u strings", field->name, field->maximum);
        return FALSE;
    }
    guint count = json_array_get_length(array);
    g_auto(GStrv) texts = g_new0(char *, count + 1);
    const Field element = {.name = field->name, .maximum = CRONOS_REQUEST_TEXT_MAX};
    for (guint i = 0; i < count; i++)
        if (!take_text(&texts[i], &element, json_array_get_element(array, i), error))
            return FALSE;
    g_autoptr(CronosPatterns) patterns = cronos_patterns_new((const char *const *)texts, &refusal);
    if (patterns == NULL)
        return pass_refusal(field->name, refusal, error);
    g_strfreev(*(char ***)value);
    *(char ***)value = g_steal_pointer(&texts);
    return TRUE;
}

static gboolean take_metadata(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    GError *refusal = NULL;

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        refuse(error, "%s: must be an object", field->name);
        return FALSE;
    }
    if (!cronos_metadata_check_user(json_node_get_object(node), &refusal))
        return pass_refusal(field->name, refusal, error);
    g_clear_pointer((JsonObject **)value, json_object_unref);
    *(JsonObject **)value = json_object_ref(json_node_get_object(node));
    return TRUE;
}

static gboolean take_bool(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN) {
        refuse(error, "%s: must be true or false", field->name);
        return FALSE;
    }
    *(gboolean *)value = json_node_get_boolean(node);
    return TRUE;
}

static gboolean take_number(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    gboolean is_number =
        JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64;

    if (!is_number || json_node_get_int(node) < 1 || json_node_get_int(node) > field->maximum) {
        refuse(error, "%s: must be a whole number from 1 to %u", field->name, field->maximum);
        return FALSE;
    }
    *(int *)value = (int)json_node_get_int(node);
    return TRUE;
}

static gboolean take_name(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    GError *refusal = NULL;

    if (!take_text(value, field, node, error))
        return FALSE;
    g_autofree char *normalized = cronos_backup_name_normalize(*(char **)value, &refusal);
    return normalized != NULL || pass_refusal(field->name, refusal, error);
}

static gboolean take_type(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    GError *refusal = NULL;

    if (!take_text(value, field, node, error))
        return FALSE;
    return cronos_backup_type_check(*(char **)value, &refusal) ||
           pass_refusal(field->name, refusal, error);
}

/* No file name holds a slash: whoever sends one means a path, and none is taken. */
static gboolean take_identifier(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    if (!take_text(value, field, node, error))
        return FALSE;
    if (strchr(*(char **)value, '/') == NULL)
        return TRUE;
    refuse(error, "%s: must name a backup, not a path", field->name);
    return FALSE;
}

static gboolean take_target(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    if (!take_text(value, field, node, error))
        return FALSE;
    g_auto(GStrv) components = g_strsplit(*(char **)value, "/", -1);
    if (!g_strv_contains((const char *const *)components, ".."))
        return TRUE;
    refuse(error, "%s: must not hold \"..\"", field->name);
    return FALSE;
}

static gboolean take_strategy(gpointer value, const Field *field, JsonNode *node, GError **error)
{
    CronosRestoreStrategy *strategy = value;
    g_autofree char *word = NULL;

    if (!take_text(&word, field, node, error))
        return FALSE;
    if (g_str_equal(word, "new_location"))
        *strategy = CRONOS_RESTORE_NEW_LOCATION;
    else if (g_str_equal(word, "overwrite"))
        *strategy = CRONOS_RESTORE_OVERWRITE;
    else
        refuse(error, "%s: must be \"new_location\" or \"overwrite\"", field->name);
    return *strategy != CRONOS_RESTORE_CONFIGURED;
}

#define FIELD(name, kinds, take, member, maximum)                                                  \
    {                                                                                              \
        name, kinds, take, G_STRUCT_OFFSET(CronosRequest, member), maximum                         \
    }

static const Field fields[] = {
    FIELD("request_id", OF_ALL, take_text, id, CRONOS_REQUEST_ID_MAX),
    FIELD("name", OF(BACKUP), take_name, name, CRONOS_REQUEST_TEXT_MAX),
    FIELD("type", OF(BACKUP) | OF(LIST), take_type, type, CRONOS_REQUEST_TEXT_MAX),
    FIELD("include_patterns", OF(BACKUP), take_patterns, include, CRONOS_REQUEST_PATTERNS_MAX),
    FIELD("exclude_patterns", OF(BACKUP), take_patterns, exclude, CRONOS_REQUEST_PATTERNS_MAX),
    FIELD("metadata", OF(BACKUP), take_metadata, metadata, 0),
    FIELD("backup_identifier", OF(RESTORE), take_identifier, identifier, CRONOS_REQUEST_TEXT_MAX),
    FIELD("target_path", OF(RESTORE), take_target, target, CRONOS_REQUEST_TEXT_MAX),
    FIELD("strategy", OF(RESTORE), take_strategy, strategy, CRONOS_REQUEST_TEXT_MAX),
    FIELD("all", OF(LIST), take_bool, all, 0),
    FIELD("limit", OF(LIST), take_number, limit, G_MAXINT),
    FIELD("dry_run", OF(CLEAN), take_bool, dry_run, 0),
};

CronosRequest *cronos_request_new(CronosRequestKind kind, const char *reply_to)
{
    CronosRequest *request = g_new0(CronosRequest, 1);

    request->kind = kind;
    request->id = g_uuid_string_random();
    request->reply_to = g_strdup(reply_to);
    return request;
}

void cronos_request_free(CronosRequest *request)
{
    if (request == NULL)
        return;
    g_free(request->id);
    g_free(request->reply_to);
    g_free(request->name);
    g_free(request->type);
    g_strfreev(request->include);
    g_strfreev(request->exclude);
    g_clear_pointer(&request->metadata, json_object_unref);
    g_free(request->identifier);
    g_free(request->target);
    g_free(request);
}

static gboolean take_field(CronosRequest *request, const Field *field, JsonNode *node,
                           GError **error)
{
    return JSON_NODE_HOLDS_NULL(node) ||
           field->take(G_STRUCT_MEMBER_P(request, field->offset), field, node, error);
}

static void refuse_unknown(const CronosRequest *request, const char *name, GError **error)
{
    g_autofree char *quoted = quote_start(name);
    const char *nearest = NULL;
    guint least = G_MAXUINT;

    for (guint i = 0; i < G_N_ELEMENTS(fields) && strlen(name) <= QUOTED_MAX; i++) {
        guint distance = cronos_nearest_distance(name, fields[i].name);

        if ((fields[i].kinds & (1u << request->kind)) != 0 && distance < least) {
            least = distance;
            nearest = fields[i].name;
        }
    }
    if (nearest != NULL && cronos_nearest_is_close(name, least))
        refuse(error, "unknown field %s, did you mean \"%s\"?", quoted, nearest);
    else
        refuse(error, "unknown field %s", quoted);
}

static gboolean take_fields(CronosRequest *request, JsonObject *object, GError **error)
{
    g_autoptr(GList) names = json_object_get_members(object);

    /* The id first: refusals of the others are to carry it. */
    if (json_object_has_member(object, fields[0].name) &&
        !take_field(request, &fields[0], json_object_get_member(object, fields[0].name), error))
        return FALSE;
    for (const GList *at = names; at != NULL; at = at->next) {
        guint i = 0;

        while (i < G_N_ELEMENTS(fields) && ((fields[i].kinds & (1u << request->kind)) == 0 ||
                                            !g_str_equal(fields[i].name, at->data)))
            i++;
        if (i == G_N_ELEMENTS(fields)) {
            refuse_unknown(request, at->data, error);
            return FALSE;
        }
        if (!take_field(request, &fields[i], json_object_get_member(object, at->data), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_complete(const CronosRequest *request, GError **error)
{
    if (request->kind == CRONOS_REQUEST_BACKUP && request->name == NULL)
        refuse(error, "name is missing: what the backup is to be called");
    else if (request->kind == CRONOS_REQUEST_RESTORE && request->identifier == NULL)
        refuse(error, "backup_identifier is missing: which backup to restore");
    else
        return TRUE;
    return FALSE;
}

gboolean cronos_request_parse(CronosRequest *request, const char *text, gsize length,
                              GError **error)
{
    g_autoptr(GError) local = NULL;

    if (length > CRONOS_REQUEST_BYTES_MAX) {
        refuse(error, "longer than %u KiB", CRONOS_REQUEST_BYTES_MAX / 1024);
        return FALSE;
    }
    if (length == 0)
        return check_complete(request, error);
    g_autoptr(JsonNode) root = cronos_json_parse(text, length, &local);
    if (root == NULL) {
        refuse(error, "not JSON: %s", local->message);
        return FALSE;
    }
    if (!JSON_NODE_HOLDS_OBJECT(root)) {
        refuse(error, "not a JSON object");
        return FALSE;
    }
    return take_fields(request, json_node_get_object(root), error) &&
           check_complete(request, error);
}

const char *cronos_request_kind_word(CronosRequestKind kind)
{
    static const char *const words[] = {
        [CRONOS_REQUEST_BACKUP] = "backup",
        [CRONOS_REQUEST_RESTORE] = "restore",
        [CRONOS_REQUEST_LIST] = "list",
        [CRONOS_REQUEST_CLEAN] = "clean",
    };

    return words[kind];
}
