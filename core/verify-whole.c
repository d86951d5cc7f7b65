/* SPDX-License-Identifier: MIT
 * verify-whole.c - what no entry stands for: members that have none, and what an archive tells of
 * itself */
#include "core/error.h"
#include "core/metadata.h"
#include "core/verify-private.h"

typedef struct {
    GArray *findings;
    guint64 unlisted;
} Whole;

static void add_finding(GArray *findings, const char *path, guint64 position, gboolean unsupported,
                        char *reason)
{
    CronosFinding finding = {.entry = CRONOS_ENTRY_NONE,
                             .position = position,
                             .unsupported = unsupported,
                             .path = g_strdup(path),
                             .reason = reason};

    g_array_append_val(findings, finding);
}

/* A name that became that of another member leaves one of them without an entry: then its local
 * header has the old one. An archive that holds a name twice has it in both headers. */
static void take_unlisted(const char *path, guint64 position, const GError *problem,
                          gpointer user_data)
{
    Whole *whole = user_data;

    whole->unlisted++;
    if (problem != NULL)
        add_finding(whole->findings, path, position,
                    g_error_matches(problem, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED),
                    g_strdup(problem->message));
}

static void check_count(guint64 members, JsonObject *metadata, GArray *findings)
{
    guint64 told;

    if (cronos_metadata_count_members(metadata, &told) && told != members)
        add_finding(findings, "central directory", G_MAXUINT64, FALSE,
                    g_strdup_printf("it names %" G_GUINT64_FORMAT " members, and the backup was "
                                    "made of %" G_GUINT64_FORMAT,
                                    members, told));
}

gboolean cronos_verify_whole(CronosArchive *archive, guint64 listed, GArray *findings)
{
    Whole whole = {findings, 0};
    gsize length = 0;
    const char *comment = cronos_archive_comment(archive, &length);
    g_autoptr(JsonObject) metadata = cronos_metadata_of_comment(comment, length);

    const char *problem = cronos_metadata_check_comment(archive);

    cronos_archive_check_unlisted(archive, take_unlisted, &whole);
    if (problem != NULL)
        add_finding(findings, "archive comment", G_MAXUINT64, FALSE, g_strdup(problem));
    if (!cronos_metadata_check_seal(archive))
        add_finding(findings, "central directory", G_MAXUINT64, FALSE,
                    g_strdup("checksum mismatch: names, modes, times or owners, or the archive "
                             "comment, are not those that were written"));
    if (metadata == NULL || cronos_metadata_part(metadata) == NULL ||
        cronos_metadata_is_salvaged(metadata))
        return FALSE;
    check_count(listed + whole.unlisted, metadata, findings);
    return TRUE;
}
