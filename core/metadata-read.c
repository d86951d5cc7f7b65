/* SPDX-License-Identifier: MIT
 * metadata-read.c - what a backup says about itself, read from the archive
 *
 * Nothing is trusted: text that is no JSON object, too long or nested too deep is no metadata, and
 * no error either; errors are for archives that can not be read. The comment is believed before the
 * member, since the member may be a user's file of the same name and costs a read; where files
 * depend on it, cronos_metadata_from_member has the member's checksum vouch for what it says. */
#include "core/metadata.h"

#include "core/error.h"
#include "core/json-text.h"
#include "core/zip/zip-index.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S G_GINT64_CONSTANT(1000000000)
#define SECONDS_LENGTH 19u /* of "YYYY-MM-DDTHH:MM:SS" */

JsonObject *cronos_metadata_parse(const char *text, gsize length)
{
    if (text == NULL || length > CRONOS_METADATA_BYTES_MAX)
        return NULL;

    g_autoptr(JsonNode) node = cronos_json_parse(text, length, NULL);

    return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_dup_object(node) : NULL;
}

JsonObject *cronos_metadata_part(JsonObject *metadata)
{
    JsonNode *node = json_object_get_member(metadata, "cronos");

    return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

gboolean cronos_metadata_is(JsonObject *part, const char *key, gboolean value)
{
    JsonNode *node = cronos_json_value(part, key, G_TYPE_BOOLEAN);

    return node != NULL && json_node_get_boolean(node) == value;
}

/* Returns: (borrowed), or NULL. @object: nullable. */
static const char *text_of(JsonObject *object, const char *key)
{
    JsonNode *node = cronos_json_value(object, key, G_TYPE_STRING);

    return node != NULL ? json_node_get_string(node) : NULL;
}

gboolean cronos_metadata_created(JsonObject *metadata, const char *timestamp, gint64 *out_seconds)
{
    JsonObject *part = metadata != NULL ? cronos_metadata_part(metadata) : NULL;
    const char *text = text_of(part, "created_utc");

    if (text == NULL || g_strcmp0(text_of(metadata, "created_at"), timestamp) != 0)
        return FALSE;
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
    if (time != NULL)
        *out_seconds = g_date_time_to_unix(time);
    return time != NULL;
}

/* Comments of other tools may be JSON, too: only what looks like metadata is. */
JsonObject *cronos_metadata_of_comment(const char *comment, gsize length)
{
    g_autoptr(JsonObject) object = cronos_metadata_parse(comment, length);

    if (object == NULL ||
        (cronos_metadata_part(object) == NULL && !json_object_has_member(object, "created_at")))
        return NULL;
    return g_steal_pointer(&object);
}

static JsonObject *archive_comment(CronosArchive *archive)
{
    gsize length = 0;
    const char *comment = cronos_archive_comment(archive, &length);

    return cronos_metadata_of_comment(comment, length);
}

/* Returns: (owned) what is in a file, or NULL: with @error where it can not be read, without where
 * it is too long for metadata. */
static char *read_text(CronosArchive *archive, guint32 entry, gsize *out_length, GError **error)
{
    CronosMemberInfo info;

    *out_length = 0;
    if (entry == CRONOS_ENTRY_NONE)
        return NULL;
    if (!cronos_archive_info(archive, entry, &info, error))
        return NULL;
    if (info.kind != CRONOS_MEMBER_FILE || info.size_bytes > CRONOS_METADATA_BYTES_MAX)
        return NULL;

    *out_length = (gsize)info.size_bytes;
    g_autofree char *text = g_malloc(*out_length + 1);
    gssize got = cronos_archive_read(archive, entry, 0, text, *out_length, error);

    return got == (gssize)*out_length ? g_steal_pointer(&text) : NULL;
}

/* Returns: (owned) the object in a member, or NULL: with @error where it can not be read, without
 * where it is no metadata. */
static JsonObject *parse_member(CronosArchive *archive, guint32 entry, GError **error)
{
    gsize length;
    g_autofree char *text = read_text(archive, entry, &length, error);

    return text != NULL ? cronos_metadata_parse(text, length) : NULL;
}

static guint32 metadata_entry(CronosArchive *archive)
{
    return cronos_archive_lookup(archive, CRONOS_ENTRY_ROOT, CRONOS_METADATA_MEMBER,
                                 strlen(CRONOS_METADATA_MEMBER));
}

char *cronos_metadata_member_text(CronosArchive *archive, gsize *out_length)
{
    return read_text(archive, metadata_entry(archive), out_length, NULL);
}

JsonObject *cronos_metadata_from_archive(CronosArchive *archive, GError **error)
{
    JsonObject *comment = archive_comment(archive);

    return comment != NULL ? comment : parse_member(archive, metadata_entry(archive), error);
}

JsonObject *cronos_metadata_from_member(CronosArchive *archive, GError **error)
{
    g_autoptr(JsonObject) comment = archive_comment(archive);
    JsonObject *part = comment != NULL ? cronos_metadata_part(comment) : NULL;
    GError *failure = NULL;

    if (cronos_metadata_is(part, "member", FALSE))
        return g_steal_pointer(&comment);
    g_autoptr(JsonObject) member = parse_member(archive, metadata_entry(archive), &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return NULL;
    }
    part = member != NULL ? cronos_metadata_part(member) : NULL;
    if (comment == NULL || cronos_metadata_is(part, "member", TRUE))
        return g_steal_pointer(&member);
    return g_steal_pointer(&comment);
}

/* Returns: FALSE with @error where the file's tail shows that it is damaged. @out_metadata: (owned)
 * or NULL where the comment is none. */
static gboolean read_tail(int fd, JsonObject **out_metadata, GError **error)
{
    gsize length = 0;
    guint64 members;
    g_autofree char *comment = cronos_zip_read_comment(fd, &length, &members, error);

    *out_metadata = NULL;
    if (comment == NULL)
        return FALSE;

    *out_metadata = cronos_metadata_of_comment(comment, length);
    return TRUE;
}

JsonObject *cronos_metadata_read(int dirfd, const char *file_name, GError **error)
{
    JsonObject *metadata = NULL;
    g_autofree char *quoted = cronos_quote_path(file_name);
    int fd = openat(dirfd, file_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        cronos_error_set_system(error, errno, "can not open \"%s\"", quoted);
        return NULL;
    }
    /* Only a ZIP file is looked into at little cost. */
    gboolean zip = cronos_archive_is_zip_name(file_name);
    gboolean readable = !zip || read_tail(fd, &metadata, error);
    if (!readable)
        g_prefix_error(error, "%s: ", quoted);
    if (!zip || !readable || metadata != NULL) {
        close(fd);
        return metadata;
    }

    g_autoptr(CronosArchive) archive = cronos_archive_open_fd(fd, file_name, error);

    return archive != NULL ? cronos_metadata_from_archive(archive, error) : NULL;
}

gboolean cronos_metadata_comment_tells(const char *comment, gsize length, gboolean *out_is_member)
{
    g_autoptr(JsonObject) object = cronos_metadata_of_comment(comment, length);
    JsonObject *part = object != NULL ? cronos_metadata_part(object) : NULL;

    *out_is_member = cronos_metadata_is(part, "member", TRUE);
    return part != NULL;
}

gboolean cronos_metadata_is_member(CronosArchive *archive, guint32 entry)
{
    gboolean is_member;
    gsize length = 0;

    if (entry == CRONOS_ENTRY_NONE || entry != metadata_entry(archive))
        return FALSE;
    const char *comment = cronos_archive_comment(archive, &length);
    if (cronos_metadata_comment_tells(comment, length, &is_member))
        return is_member;

    g_autoptr(JsonObject) member = parse_member(archive, entry, NULL);
    JsonObject *part = member != NULL ? cronos_metadata_part(member) : NULL;
    return cronos_metadata_is(part, "member", TRUE);
}

/* created_utc, of which GDateTime would lose the nanoseconds. */
static gboolean parse_started(const char *text, gint64 *out_ns)
{
    gint64 nanoseconds;
    char *end;

    if (strlen(text) <= SECONDS_LENGTH + 1 || text[SECONDS_LENGTH] != '.')
        return FALSE;
    g_autofree char *seconds = g_strdup_printf("%.*sZ", (int)SECONDS_LENGTH, text);
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(seconds, NULL);
    const char *fraction = text + SECONDS_LENGTH + 1;
    nanoseconds = g_ascii_strtoll(fraction, &end, 10);
    if (time == NULL || end != fraction + 9 || strcmp(end, "Z") != 0 || nanoseconds < 0)
        return FALSE;
    gint64 since_epoch = g_date_time_to_unix(time);
    if (since_epoch < 0 || since_epoch >= G_MAXINT64 / NS_PER_S)
        return FALSE;
    *out_ns = since_epoch * NS_PER_S + nanoseconds;
    return TRUE;
}

gboolean cronos_metadata_started(JsonObject *metadata, gint64 *out_ns)
{
    const char *text = text_of(cronos_metadata_part(metadata), "created_utc");

    return text != NULL && parse_started(text, out_ns);
}

static gboolean add_count(JsonObject *part, const char *key, guint64 *io_sum)
{
    JsonNode *node = cronos_json_value(part, key, G_TYPE_INT64);

    if (node == NULL || json_node_get_int(node) < 0 || json_node_get_int(node) > G_MAXINT32)
        return FALSE;
    *io_sum += (guint64)json_node_get_int(node);
    return TRUE;
}

gboolean cronos_metadata_count_members(JsonObject *metadata, guint64 *out_members)
{
    JsonObject *part = cronos_metadata_part(metadata);

    *out_members = cronos_metadata_is(part, "member", TRUE);
    return part != NULL && add_count(part, "files", out_members) &&
           add_count(part, "directories", out_members) && add_count(part, "symlinks", out_members);
}

gboolean cronos_metadata_is_salvaged(JsonObject *metadata)
{
    JsonObject *part = cronos_metadata_part(metadata);

    return cronos_metadata_is(part, "salvaged", TRUE);
}
