/* SPDX-License-Identifier: MIT
 * metadata.c - what a backup says about itself, put together
 *
 * The same facts give the same bytes. The user's keys have a limit of their own, so that only
 * patterns can make the text longer than its readers accept. */
#include "core/metadata.h"

#include "core/backup-name.h"
#include "core/error.h"
#include "core/json-text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S G_GINT64_CONSTANT(1000000000)

#define USER_BYTES_MAX (CRONOS_METADATA_BYTES_MAX / 4)

static const char *const reserved_keys[] = {"created_at", "backup_type", "name", "cronos", NULL};

/* Returns: (owned) RFC 3339 in UTC, nanoseconds kept. */
static char *format_utc(gint64 ns)
{
    /* 64 bits of nanoseconds end in the year 2262: GDateTime always has room. */
    gint64 seconds = ns / NS_PER_S - (ns % NS_PER_S < 0);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    gint64 rest = ns % NS_PER_S;

    return g_strdup_printf("%s.%09dZ", text, (int)(rest < 0 ? rest + NS_PER_S : rest));
}

static void set_count(JsonObject *object, const char *key, guint64 count)
{
    json_object_set_int_member(object, key, (gint64)MIN(count, (guint64)G_MAXINT64));
}

static void set_text(JsonObject *object, const char *key, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    json_object_set_string_member(object, key, valid);
}

/* Returns: (owned) @pattern as UTF-8 that matches at least what it matched: each byte that JSON can
 * not hold becomes "?". Readers use recorded patterns to leave things alone. */
static char *recordable_pattern(const char *pattern)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *end;

    while (!g_utf8_validate(pattern, -1, &end)) {
        g_string_append_len(text, pattern, end - pattern);
        g_string_append_c(text, '?');
        pattern = end + 1;
    }
    g_string_append(text, pattern);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void set_patterns(JsonObject *object, const char *key, const char *const *patterns)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; patterns != NULL && patterns[i] != NULL; i++) {
        g_autofree char *pattern = recordable_pattern(patterns[i]);
        json_array_add_string_element(array, pattern);
    }
    json_object_set_array_member(object, key, array);
}

static JsonObject *cronos_object(const CronosMetadataFacts *facts)
{
    JsonObject *object = json_object_new();
    g_autofree char *started = format_utc(facts->started_ns);

    json_object_set_string_member(object, "version", CRONOS_VERSION);
    set_text(object, "host", g_get_host_name());
    set_text(object, "root", facts->root);
    json_object_set_string_member(object, "created_utc", started);
    json_object_set_int_member(object, "level", facts->level);
    set_count(object, "files", facts->files);
    set_count(object, "directories", facts->directories);
    set_count(object, "symlinks", facts->symlinks);
    set_count(object, "bytes", facts->bytes);
    set_count(object, "skipped", facts->skipped);
    set_count(object, "unreadable", facts->unreadable);
    set_patterns(object, "include_patterns", facts->include_patterns);
    set_patterns(object, "exclude_patterns", facts->exclude_patterns);
    json_object_set_boolean_member(object, "exclude_caches", facts->exclude_caches);
    json_object_set_boolean_member(object, "member", facts->member);
    return object;
}

static void copy_members(JsonObject *from, JsonObject *to)
{
    JsonObjectIter iter;
    const char *key;
    JsonNode *value;

    json_object_iter_init_ordered(&iter, from);
    while (json_object_iter_next_ordered(&iter, &key, &value))
        json_object_set_member(to, key, json_node_copy(value));
}

char *cronos_metadata_format(const CronosMetadataFacts *facts, gsize *out_length)
{
    g_autoptr(JsonObject) object = json_object_new();
    g_autofree char *timestamp = cronos_backup_timestamp(facts->created);

    if (facts->user != NULL)
        copy_members(facts->user, object);
    json_object_set_string_member(object, "created_at", timestamp);
    set_text(object, "backup_type", facts->type);
    set_text(object, "name", facts->name);
    json_object_set_object_member(object, "cronos", cronos_object(facts));

    g_autofree char *text = cronos_metadata_to_text(object, TRUE);
    char *lines = g_strconcat(text, "\n", NULL);
    *out_length = strlen(lines);
    return lines;
}

char *cronos_metadata_to_text(JsonObject *metadata, gboolean pretty)
{
    g_autoptr(JsonNode) node = cronos_json_node_of(metadata);

    return cronos_json_to_text(node, pretty);
}

gboolean cronos_metadata_check_user(JsonObject *user, GError **error)
{
    for (guint i = 0; reserved_keys[i] != NULL; i++) {
        if (!json_object_has_member(user, reserved_keys[i]))
            continue;
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "metadata key \"%s\": reserved for cronos itself", reserved_keys[i]);
        return FALSE;
    }

    g_autofree char *text = cronos_metadata_to_text(user, TRUE);
    if (strlen(text) <= USER_BYTES_MAX)
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "metadata larger than %u KiB",
                USER_BYTES_MAX / 1024u);
    return FALSE;
}

gboolean cronos_metadata_add_pair(JsonObject *user, const char *pair, GError **error)
{
    const char *equals = strchr(pair, '=');

    if (equals == NULL || equals == pair || !g_utf8_validate(pair, -1, NULL)) {
        g_autofree char *quoted = cronos_quote_path(pair);
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "metadata \"%s\": %s", quoted,
                    equals == NULL || equals == pair ? "must be KEY=VALUE" : "is not valid UTF-8");
        return FALSE;
    }

    g_autofree char *key = g_strndup(pair, (gsize)(equals - pair));
    JsonNode *value = cronos_json_parse(equals + 1, strlen(equals + 1), NULL);

    if (value != NULL)
        json_object_set_member(user, key, value);
    else
        json_object_set_string_member(user, key, equals + 1);
    return TRUE;
}

/* Returns: (owned) the file's bytes, at most @room of them; NULL with a system error. */
static char *read_file(const char *path, gsize room, gsize *out_length, GError **error)
{
    g_autofree char *bytes = g_malloc(room);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    gssize got = fd < 0 ? -1 : 1;

    *out_length = 0;
    while (got > 0 && *out_length < room) {
        got = read(fd, bytes + *out_length, room - *out_length);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            *out_length += (gsize)got;
    }
    if (got < 0) {
        int errnum = errno;
        g_autofree char *quoted = cronos_quote_path(path);
        cronos_error_set_system(error, errnum, "can not read the metadata file \"%s\"", quoted);
    }
    if (fd >= 0)
        close(fd);
    return got < 0 ? NULL : g_steal_pointer(&bytes);
}

gboolean cronos_metadata_add_file(JsonObject *user, const char *path, GError **error)
{
    gsize length;
    g_autofree char *quoted = cronos_quote_path(path);
    g_autofree char *text = read_file(path, USER_BYTES_MAX + 1, &length, error);
    g_autoptr(GError) local = NULL;

    if (text == NULL)
        return FALSE;
    if (length > USER_BYTES_MAX) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "metadata file \"%s\": larger than %u KiB", quoted, USER_BYTES_MAX / 1024u);
        return FALSE;
    }

    g_autoptr(JsonNode) node = cronos_json_parse(text, length, &local);
    if (node != NULL && JSON_NODE_HOLDS_OBJECT(node)) {
        copy_members(json_node_get_object(node), user);
        return TRUE;
    }
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "metadata file \"%s\": %s", quoted,
                local != NULL ? local->message : "must hold a JSON object");
    return FALSE;
}
