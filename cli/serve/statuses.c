/* SPDX-License-Identifier: MIT
 * statuses.c - replies, statuses and events as JSON
 *
 * A server takes messages of a bounded size: arrays in details are cut to DETAILS_MAX elements, and
 * "cut" says how many of each were left out; details that are too long even so are left out as a
 * whole. */
#include "cli/serve/statuses.h"

#include "cli/json-output.h"
#include "core/error.h"
#include "core/json-text.h"

#include <string.h>

#define DETAILS_MAX 100u
#define DETAILS_BYTES_MAX (256u * 1024u)
#define MESSAGE_MAX 2000u    /* bytes */
#define REST_BYTES_MAX 8192u /* of a message, besides its details */

struct CronosStatuses {
    char *status_subjects[CRONOS_REQUEST_KINDS]; /* NULL: has none */
    char *event_subjects[CRONOS_REQUEST_KINDS];  /* the same, without the last word */
    CronosOutbox *outbox;
};

CronosStatuses *cronos_statuses_new(const char *prefix, CronosOutbox *outbox)
{
    CronosStatuses *statuses = g_new0(CronosStatuses, 1);
    const char *dot = *prefix != '\0' ? "." : "";

    statuses->outbox = outbox;
    for (guint kind = 0; kind < CRONOS_REQUEST_KINDS; kind++) {
        const char *word = cronos_request_kind_word(kind);

        if (kind == CRONOS_REQUEST_LIST)
            continue;
        statuses->status_subjects[kind] =
            g_strdup_printf("%s%sstatus.cronos.%s", prefix, dot, word);
        statuses->event_subjects[kind] = g_strdup_printf("%s%sevent.cronos.%s", prefix, dot, word);
    }
    return statuses;
}

void cronos_statuses_free(CronosStatuses *statuses)
{
    if (statuses == NULL)
        return;
    for (guint kind = 0; kind < CRONOS_REQUEST_KINDS; kind++) {
        g_free(statuses->status_subjects[kind]);
        g_free(statuses->event_subjects[kind]);
    }
    g_free(statuses);
}

/* Returns: (owned) @object on one line. */
static char *to_text(JsonObject *object)
{
    g_autoptr(JsonNode) node = cronos_json_node_of(object);

    return g_strchomp(cronos_json_to_text(node, FALSE));
}

/* Returns: (owned) the start of @array. */
static JsonArray *start_of(JsonArray *array)
{
    JsonArray *start = json_array_sized_new(DETAILS_MAX);

    for (guint i = 0; i < DETAILS_MAX; i++)
        json_array_add_element(start, json_node_copy(json_array_get_element(array, i)));
    return start;
}

/* Shortens the arrays of @details. Returns: whether they fit into a message now. */
static gboolean cut_details(JsonObject *details, gsize payload_max)
{
    g_autoptr(GList) names = json_object_get_members(details);
    g_autoptr(JsonObject) cut = json_object_new();

    for (const GList *at = names; at != NULL; at = at->next) {
        JsonNode *node = json_object_get_member(details, at->data);
        JsonArray *array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
        guint length = array != NULL ? json_array_get_length(array) : 0;

        if (length <= DETAILS_MAX)
            continue;
        cronos_json_set_count(cut, at->data, length - DETAILS_MAX);
        json_object_set_array_member(details, at->data, start_of(array));
    }
    if (json_object_get_size(cut) > 0)
        cronos_json_set_object(details, "cut", cut);
    g_autofree char *text = to_text(details);
    return strlen(text) <= DETAILS_BYTES_MAX && strlen(text) + REST_BYTES_MAX <= payload_max;
}

static void set_message(JsonObject *object, const char *message)
{
    g_autofree char *valid = g_utf8_make_valid(message, -1);

    if (strlen(valid) > MESSAGE_MAX)
        *g_utf8_find_prev_char(valid, valid + MESSAGE_MAX) = '\0';
    json_object_set_string_member(object, "message", valid);
}

/* Returns: (owned) a message about @request. */
static JsonObject *describe(CronosRequest *request, const char *status, const char *message)
{
    JsonObject *object = json_object_new();

    cronos_json_set_text(object, "request_id", request->id);
    cronos_json_set_count(object, "sequence", ++request->sequence);
    cronos_json_set_text(object, "operation", cronos_request_kind_word(request->kind));
    cronos_json_set_text(object, "host", g_get_host_name());
    cronos_json_set_text(object, "status", status);
    json_object_set_null_member(object, "progress");
    cronos_json_set_text(object, "path", NULL);
    cronos_json_set_text(object, "code", NULL);
    set_message(object, message);
    json_object_set_null_member(object, "details");
    cronos_json_set_time(object, "time", g_get_real_time() / G_USEC_PER_SEC);
    return object;
}

static void publish_status(CronosStatuses *statuses, const CronosRequest *request,
                           CronosOutboxManner manner, JsonObject *object)
{
    g_autofree char *text = to_text(object);

    cronos_outbox_push(statuses->outbox, manner, statuses->status_subjects[request->kind], text);
}

static void publish_event(CronosStatuses *statuses, const CronosRequest *request, const char *word,
                          JsonObject *object)
{
    const char *start = statuses->event_subjects[request->kind];

    if (start == NULL)
        return;
    g_autofree char *subject = g_strdup_printf("%s.%s", start, word);
    g_autofree char *status = g_strdup(json_object_get_string_member(object, "status"));

    cronos_json_set_text(object, "status", word);
    g_autofree char *text = to_text(object);
    cronos_json_set_text(object, "status", status);
    cronos_outbox_push(statuses->outbox, CRONOS_OUTBOX_AT_ONCE, subject, text);
}

/* The last one: who is answered may rely on it that everyone else has been told, too. */
static void answer(CronosStatuses *statuses, const CronosRequest *request,
                   CronosOutboxManner manner, JsonObject *object)
{
    g_autofree char *text = to_text(object);

    cronos_outbox_push(statuses->outbox, manner, request->reply_to, text);
}

void cronos_statuses_accepted(CronosStatuses *statuses, CronosRequest *request, guint ahead)
{
    g_autofree char *message =
        ahead == 0 ? g_strdup("waiting to be next") : g_strdup_printf("waiting behind %u", ahead);
    g_autoptr(JsonObject) object = describe(request, "accepted", message);

    publish_status(statuses, request, CRONOS_OUTBOX_PATIENT, object);
    answer(statuses, request, CRONOS_OUTBOX_PATIENT, object);
}

void cronos_statuses_refused(CronosStatuses *statuses, CronosRequest *request,
                             CronosOutboxManner manner, const char *code, const char *message)
{
    g_autoptr(JsonObject) object = describe(request, "error", message);

    cronos_json_set_text(object, "code", code);
    publish_status(statuses, request, manner, object);
    answer(statuses, request, manner, object);
}

void cronos_statuses_started(CronosStatuses *statuses, CronosRequest *request)
{
    g_autoptr(JsonObject) object = describe(request, "progress", "begun");

    json_object_set_int_member(object, "progress", 0);
    publish_status(statuses, request, CRONOS_OUTBOX_AT_ONCE, object);
    publish_event(statuses, request, "started", object);
}

void cronos_statuses_progress(CronosStatuses *statuses, CronosRequest *request,
                              const CronosProgressState *state)
{
    g_autofree char *current = state->current != NULL ? cronos_quote_path(state->current) : NULL;
    g_autoptr(JsonObject) object = describe(request, "progress", current != NULL ? current : "");

    if (state->bytes_total > 0) {
        double share = (double)state->bytes_done / (double)state->bytes_total;

        json_object_set_int_member(object, "progress", (gint64)(MIN(share, 1.0) * 100));
    }
    publish_status(statuses, request, CRONOS_OUTBOX_PASSING, object);
}

void cronos_statuses_succeeded(CronosStatuses *statuses, CronosRequest *request,
                               const CronosJobResult *result, gsize payload_max)
{
    g_autoptr(JsonObject) object = describe(request, "success", result->message);

    json_object_set_int_member(object, "progress", 100);
    cronos_json_set_text(object, "path", result->path);
    /* Whoever made a list has held it against the size of a message already. */
    if (result->details != NULL &&
        (request->kind == CRONOS_REQUEST_LIST || cut_details(result->details, payload_max)))
        cronos_json_set_object(object, "details", result->details);
    publish_status(statuses, request, CRONOS_OUTBOX_AT_ONCE, object);
    publish_event(statuses, request, "completed", object);
    answer(statuses, request, CRONOS_OUTBOX_AT_ONCE, object);
}

static const char *code_of(const GError *error)
{
    static const char *const words[] = {
        [CRONOS_ERROR_FAILED] = "failed",      [CRONOS_ERROR_USAGE] = "invalid_request",
        [CRONOS_ERROR_CONFIG] = "failed",      [CRONOS_ERROR_NOT_FOUND] = "not_found",
        [CRONOS_ERROR_DAMAGED] = "damaged",    [CRONOS_ERROR_UNSUPPORTED] = "unsupported",
        [CRONOS_ERROR_UNSAFE] = "not_allowed", [CRONOS_ERROR_NOT_EMPTY] = "not_empty",
        [CRONOS_ERROR_NO_SPACE] = "no_space",  [CRONOS_ERROR_CHANGED] = "failed",
        [CRONOS_ERROR_CANCELLED] = "failed",
    };

    if (error->domain == CRONOS_ERROR && (guint)error->code < G_N_ELEMENTS(words))
        return words[error->code];
    return error->domain == CRONOS_SYSTEM_ERROR ? "system" : "failed";
}

void cronos_statuses_failed(CronosStatuses *statuses, CronosRequest *request, const GError *error)
{
    g_autoptr(JsonObject) object = describe(request, "error", error->message);

    cronos_json_set_text(object, "code", code_of(error));
    publish_status(statuses, request, CRONOS_OUTBOX_AT_ONCE, object);
    publish_event(statuses, request, "failed", object);
    answer(statuses, request, CRONOS_OUTBOX_AT_ONCE, object);
}
