/* SPDX-License-Identifier: MIT
 * metadata.h - backup_metadata.json: the first member, and the archive comment
 *
 *   { <the user's keys>..., "created_at": "YYYYMMDD_HHMMSS", "backup_type": ..., "name": ...,
 *     "cronos": { "version", "host", "root", "created_utc" (RFC 3339, nanoseconds), "level",
 * "files", "directories", "symlinks", "bytes", "skipped", "unreadable", "include_patterns",
 * "exclude_patterns", "exclude_caches", "member" } }
 *
 * The comment's "cronos" object has a "seal", too: eight hexadecimal digits, the CRC-32 of the
 * central directory and, behind it, the comment with zeros in their place.
 *
 * Bytes that are not UTF-8 read U+FFFD in the root, and "?" (any one character) in patterns. */
#pragma once
#include "core/archive.h"

#include <json-glib/json-glib.h>

#define CRONOS_METADATA_MEMBER "backup_metadata.json"
#define CRONOS_METADATA_BYTES_MAX                                                                  \
    (1024u * 1024u) /* of the text; what is longer is not metadata                                 \
                     */

typedef struct {
    const char *type, *name; /* borrowed by the call */
    const char *root;
    gint64 created;    /* seconds: the name's time stamp */
    gint64 started_ns; /* when the walk began, since the epoch */
    int level;         /* of compression: a later backup at the same one may take members over */
    guint64 files, directories, symlinks, bytes, skipped, unreadable;
    const char *const *include_patterns, *const *exclude_patterns;
    gboolean exclude_caches;
    JsonObject *user; /* nullable; its keys may not be the four reserved ones */
    gboolean member;  /* FALSE: the root has a file of that name; comment alone */
} CronosMetadataFacts;

/* Returns: (owned) pretty-printed JSON text ending in a newline, keys in a fixed order. With very
 * many patterns it can be longer than CRONOS_METADATA_BYTES_MAX: callers check. */
char *cronos_metadata_format(const CronosMetadataFacts *facts, gsize *out_length);
/* Returns: FALSE with @error USAGE when @user holds a reserved key (created_at, backup_type, name,
 * cronos) or is longer than 256 KiB as text. */
gboolean cronos_metadata_check_user(JsonObject *user, GError **error);
/* Parses "KEY=VALUE"; a VALUE that is JSON (number, true, false, null, object, array, "string") is
 * taken as such, anything else is a string. Adds it to @user. */
gboolean cronos_metadata_add_pair(JsonObject *user, const char *pair, GError **error);
/* Reads a JSON object from a file, of at most 256 KiB, and merges it into @user: its keys win.
 * Returns: FALSE with @error USAGE (file and line) or a system error. */
gboolean cronos_metadata_add_file(JsonObject *user, const char *path, GError **error);

/* Reads the metadata of the archive file @file_name in @dirfd: its comment (only the tail of the
 * file is read), else its first member. Returns: (owned) a JSON object, or NULL: with @error where
 * the archive is damaged, without where it simply has none. Archives of other formats than ZIP are
 * not looked into here, since that could mean to decode all of them. */
JsonObject *cronos_metadata_read(int dirfd, const char *file_name, GError **error);
/* The same from an open archive. Bounded: a member over 1 MiB is not metadata. */
JsonObject *cronos_metadata_from_archive(CronosArchive *archive, GError **error);
/* The same from the member that create added, where there is one: its checksum vouches for it, as
 * nothing does for the comment. */
JsonObject *cronos_metadata_from_member(CronosArchive *archive, GError **error);
/* Returns: (owned) the metadata that the archive comment is, or NULL where it is none. */
JsonObject *cronos_metadata_of_comment(const char *comment, gsize length);
/* Puts the seal into @comment, if that is metadata: the CRC-32 of the central directory, whose own
 * is
 * @directory_crc32, and of the comment itself. Returns: (owned) @comment with it, or as it was
 * where it is none, or would become too long; NULL for NULL. */
char *cronos_metadata_seal(const char *comment, gsize length, guint32 directory_crc32,
                           gsize *out_length);
/* Returns: whether the comment has no seal, or that is right. */
gboolean cronos_metadata_check_seal(CronosArchive *archive);
/* Looks whether the archive comment is damaged metadata, and holds it against the metadata member,
 * where that is ours: the same facts. Returns: (static) what is wrong with it, or NULL. */
const char *cronos_metadata_check_comment(CronosArchive *archive);
/* Returns: whether @metadata tells of how many members the archive was made, its own with them. */
gboolean cronos_metadata_count_members(JsonObject *metadata, guint64 *out_members);
/* Returns: (owned) what the comment of an archive salvaged from one with @comment is to be:
 * metadata with "salvaged" true in its "cronos" object, since members may be missing, or else
 * @comment. One that is damaged is made of the metadata member's @text (nullable); NULL where it
 * can not be. */
char *cronos_metadata_salvaged_comment(const char *comment, gsize length, const char *text,
                                       gsize text_length, gsize *out_length);
/* Returns: whether @metadata tells that. */
gboolean cronos_metadata_is_salvaged(JsonObject *metadata);
/* Returns: whether @entry is the metadata member that create added (not a user's file of that
 * name): the comment or the member itself says so by its "cronos" object with "member" true. */
gboolean cronos_metadata_is_member(CronosArchive *archive, guint32 entry);
/* Returns: whether the archive comment tells if create added that member; @out_is_member: whether
 * it did. */
gboolean cronos_metadata_comment_tells(const char *comment, gsize length, gboolean *out_is_member);
/* When the backup with @timestamp in its name began, by @metadata (nullable): the name's local time
 * is that of another zone than ours, maybe. Metadata of another time stamp, as in a copy that was
 * given another name, does not tell. Returns: whether it tells; @out_seconds: since the epoch. */
gboolean cronos_metadata_created(JsonObject *metadata, const char *timestamp, gint64 *out_seconds);
/* Takes from @metadata when the backup began (created_utc), in nanoseconds since the epoch.
 * Returns: FALSE where it does not tell. */
gboolean cronos_metadata_started(JsonObject *metadata, gint64 *out_ns);
/* Returns: (owned) the JSON object that is all of @text, or NULL where that is none, or too long.
 */
JsonObject *cronos_metadata_parse(const char *text, gsize length);
/* Returns: (borrowed) the "cronos" object in @metadata, or NULL. */
JsonObject *cronos_metadata_part(JsonObject *metadata);
/* Returns: whether @key of @part (nullable) is the boolean @value. */
gboolean cronos_metadata_is(JsonObject *part, const char *key, gboolean value);
/* Returns: (owned) what the member of the metadata's name holds, whoever made it, or NULL. */
char *cronos_metadata_member_text(CronosArchive *archive, gsize *out_length);
/* Returns: (owned) one line of JSON, or pretty where asked. */
char *cronos_metadata_to_text(JsonObject *metadata, gboolean pretty);
