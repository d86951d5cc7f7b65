/* SPDX-License-Identifier: MIT
 * metadata-check.c - what an archive tells of itself twice, held against each other
 *
 * The comment is believed before the member, since it is had at less cost; but it is the member
 * that has a checksum. */
#include "core/metadata.h"

#include <string.h>

/* What the comment's "cronos" object alone has. */
static const char *const comment_keys[] = {"salvaged", "abridged", NULL};

/* Returns: whether all that @part has is the same in @whole. */
static gboolean is_part_of(JsonObject *part, JsonObject *whole)
{
    JsonObjectIter iter;
    const char *key;
    JsonNode *value;

    json_object_iter_init(&iter, part);
    while (json_object_iter_next(&iter, &key, &value)) {
        JsonNode *other = json_object_get_member(whole, key);

        if (other == NULL || !json_node_equal(value, other))
            return FALSE;
    }
    return TRUE;
}

/* An abridged comment leaves keys out. @comment: changed. */
static gboolean agree(JsonObject *comment, JsonObject *member)
{
    JsonObject *of_comment = cronos_metadata_part(comment);
    JsonObject *of_member = cronos_metadata_part(member);
    gboolean abridged = cronos_metadata_is_true(of_comment, "abridged");

    for (guint i = 0; comment_keys[i] != NULL; i++)
        json_object_remove_member(of_comment, comment_keys[i]);
    if (!is_part_of(of_comment, of_member) ||
        (!abridged && json_object_get_size(of_comment) != json_object_get_size(of_member)))
        return FALSE;
    json_object_remove_member(comment, "cronos");
    return is_part_of(comment, member) &&
           (abridged || json_object_get_size(comment) + 1 == json_object_get_size(member));
}

/* A comment that is no metadata may be what became of it, or somebody's own words. */
static gboolean is_alike(const char *comment, gsize length, const char *text, gsize text_length)
{
    gsize same = 0;

    for (gsize i = 0; i < MIN(length, text_length); i++)
        same += comment[i] == text[i];
    return length > 0 && same >= length / 2;
}

static gboolean is_false(JsonObject *part, const char *key)
{
    JsonNode *node = part != NULL ? json_object_get_member(part, key) : NULL;

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) == G_TYPE_BOOLEAN && !json_node_get_boolean(node);
}

const char *cronos_metadata_check_comment(CronosArchive *archive)
{
    gsize length = 0, text_length = 0;
    const char *comment = cronos_archive_comment(archive, &length);
    g_autoptr(JsonObject) told = cronos_metadata_of_comment(comment, length);
    JsonObject *part = told != NULL ? cronos_metadata_part(told) : NULL;

    if (is_false(part, "member"))
        return NULL;
    g_autofree char *text = cronos_metadata_member_text(archive, &text_length);
    g_autoptr(JsonObject) member = text != NULL ? cronos_metadata_parse(text, text_length) : NULL;
    JsonObject *own = member != NULL ? cronos_metadata_part(member) : NULL;
    if (own == NULL || !cronos_metadata_is_true(own, "member"))
        return NULL;
    if (part != NULL ? agree(told, member) : !is_alike(comment, length, text, text_length))
        return NULL;
    return "it does not agree with " CRONOS_METADATA_MEMBER;
}
