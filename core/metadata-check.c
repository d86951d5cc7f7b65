/* SPDX-License-Identifier: MIT
 * metadata-check.c - what an archive tells of itself twice, held against each other
 *
 * The comment is believed before the member, since it is had at less cost; but it is the member
 * that has a checksum. */
#include "core/metadata.h"

#include "core/zip/zip-format.h"

#include <string.h>
#include <zlib.h>

#define SEAL_KEY "\"seal\" : \""
#define SEAL_DIGITS 8u
#define NO_SEAL "00000000"

/* What the comment's "cronos" object alone has. */
static const char *const comment_keys[] = {"salvaged", "seal", NULL};

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

/* @comment: changed. */
static gboolean agree(JsonObject *comment, JsonObject *member)
{
    JsonObject *of_comment = cronos_metadata_part(comment);
    JsonObject *of_member = cronos_metadata_part(member);

    for (guint i = 0; comment_keys[i] != NULL; i++)
        json_object_remove_member(of_comment, comment_keys[i]);
    if (!is_part_of(of_comment, of_member) ||
        json_object_get_size(of_comment) != json_object_get_size(of_member))
        return FALSE;
    json_object_remove_member(comment, "cronos");
    return is_part_of(comment, member) &&
           json_object_get_size(comment) + 1 == json_object_get_size(member);
}

static gboolean has(const char *comment, gsize length, const char *text)
{
    return memmem(comment, length, text, strlen(text)) != NULL;
}

/* A comment that has no "cronos" object may be what became of one that had, or somebody's own
 * words: one changed byte leaves one of these. */
static gboolean was_metadata(const char *comment, gsize length)
{
    return length > 0 && (has(comment, length, "\"cronos\" : {") ||
                          has(comment, length, "\"include_patterns\" : ["));
}

/* The same for one that was cut short. */
static gboolean is_alike(const char *comment, gsize length, const char *text, gsize text_length)
{
    gsize same = 0;

    for (gsize i = 0; i < MIN(length, text_length); i++)
        same += comment[i] == text[i];
    return length > 0 && same >= length / 2;
}

/* Returns: (owned) the metadata in @text, if that is the member's own, or NULL. @text: nullable. */
static JsonObject *own_member(const char *text, gsize length)
{
    g_autoptr(JsonObject) member = cronos_metadata_parse(text, length);
    JsonObject *part = member != NULL ? cronos_metadata_part(member) : NULL;

    return cronos_metadata_is(part, "member", TRUE) ? g_steal_pointer(&member) : NULL;
}

/* @text: of the member, nullable. */
static const char *find_problem(const char *comment, gsize length, const char *text,
                                gsize text_length)
{
    g_autoptr(JsonObject) told = cronos_metadata_of_comment(comment, length);
    JsonObject *part = told != NULL ? cronos_metadata_part(told) : NULL;

    if (part == NULL && was_metadata(comment, length))
        return "it is no longer the metadata that it was";
    if (cronos_metadata_is(part, "member", FALSE))
        return NULL;
    g_autoptr(JsonObject) member = own_member(text, text_length);
    if (member == NULL ||
        (part != NULL ? agree(told, member) : !is_alike(comment, length, text, text_length)))
        return NULL;
    return "it does not agree with " CRONOS_METADATA_MEMBER;
}

const char *cronos_metadata_check_comment(CronosArchive *archive)
{
    gsize length = 0, text_length = 0;
    const char *comment = cronos_archive_comment(archive, &length);
    g_autofree char *text = cronos_metadata_member_text(archive, &text_length);

    return find_problem(comment, length, text, text_length);
}

/* Returns: (owned) @comment, if it is no metadata, or metadata that tells of salvage. */
static char *mark_salvaged(const char *comment, gsize length, gsize *out_length)
{
    g_autoptr(JsonObject) metadata = cronos_metadata_of_comment(comment, length);
    JsonObject *part = metadata != NULL ? cronos_metadata_part(metadata) : NULL;

    *out_length = length;
    if (part == NULL)
        return comment != NULL ? g_memdup2(comment, length) : NULL;
    json_object_set_boolean_member(part, "salvaged", TRUE);
    json_object_remove_member(part, "seal");
    g_autofree char *text = cronos_metadata_to_text(metadata, TRUE);
    g_autofree char *lines = g_strconcat(text, "\n", NULL);
    gsize lines_length = strlen(lines);
    *out_length = lines_length <= ZIP_COMMENT_MAX ? lines_length : 0;
    return lines_length <= ZIP_COMMENT_MAX ? g_steal_pointer(&lines) : NULL;
}

char *cronos_metadata_salvaged_comment(const char *comment, gsize length, const char *text,
                                       gsize text_length, gsize *out_length)
{
    if (find_problem(comment, length, text, text_length) == NULL)
        return mark_salvaged(comment, length, out_length);
    g_autoptr(JsonObject) member = own_member(text, text_length);
    return mark_salvaged(member != NULL ? text : NULL, member != NULL ? text_length : 0,
                         out_length);
}

/* The last one in the text is ours: the "cronos" object is the last of all keys.
 * Returns: (borrowed) where the seal's digits are, or NULL. */
static char *find_seal(char *text, gsize length)
{
    const gsize key = strlen(SEAL_KEY);

    for (gsize at = length; at-- > 0;)
        if (length - at >= key + SEAL_DIGITS && memcmp(text + at, SEAL_KEY, key) == 0)
            return text + at + key;
    return NULL;
}

static void put_seal(char *text, gsize length, char *seal, guint32 directory_crc32)
{
    char digits[SEAL_DIGITS + 1];

    memcpy(seal, NO_SEAL, SEAL_DIGITS);
    g_snprintf(digits, sizeof digits, "%08x",
               (guint32)crc32(directory_crc32, (const Bytef *)text, (uInt)length));
    memcpy(seal, digits, SEAL_DIGITS);
}

char *cronos_metadata_seal(const char *comment, gsize length, guint32 directory_crc32,
                           gsize *out_length)
{
    g_autoptr(JsonObject) metadata = cronos_metadata_of_comment(comment, length);
    JsonObject *part = metadata != NULL ? cronos_metadata_part(metadata) : NULL;

    *out_length = length;
    if (part == NULL)
        return comment != NULL ? g_memdup2(comment, length) : NULL;
    json_object_set_string_member(part, "seal", NO_SEAL);
    g_autofree char *text = cronos_metadata_to_text(metadata, TRUE);
    g_autofree char *lines = g_strconcat(text, "\n", NULL);
    gsize lines_length = strlen(lines);
    char *seal = find_seal(lines, lines_length);
    if (seal == NULL || lines_length > ZIP_COMMENT_MAX)
        return g_memdup2(comment, length);
    put_seal(lines, lines_length, seal, directory_crc32);
    *out_length = lines_length;
    return g_steal_pointer(&lines);
}

gboolean cronos_metadata_check_seal(CronosArchive *archive)
{
    gsize length = 0;
    const char *comment = cronos_archive_comment(archive, &length);
    g_autoptr(JsonObject) told = cronos_metadata_of_comment(comment, length);
    JsonObject *part = told != NULL ? cronos_metadata_part(told) : NULL;
    guint32 directory_crc32;

    if (part == NULL || !json_object_has_member(part, "seal") ||
        !cronos_archive_directory_crc32(archive, &directory_crc32))
        return TRUE;
    g_autofree char *copy = g_memdup2(comment, length);
    char *seal = find_seal(copy, length);
    if (seal == NULL)
        return FALSE;
    put_seal(copy, length, seal, directory_crc32);
    return memcmp(copy, comment, length) == 0;
}
