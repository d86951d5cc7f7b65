/* SPDX-License-Identifier: MIT
 * create-metadata.c - what an archive tells of its backup: a member, and the archive's comment
 *
 * The facts are known when all else is written, but their member stands first: room is reserved for
 * it, and filled last. */
#include "core/create-run.h"
#include "core/error.h"
#include "core/metadata.h"
#include "core/zip/zip-format.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S G_GINT64_CONSTANT(1000000000)
#define METADATA_BYTES_MAX ((gsize)1 << 20)

/* The user's own file of that name keeps its member. */
gboolean create_root_has_metadata(const CreateRun *run)
{
    struct stat status;
    g_autofree char *path = g_build_filename(create_run_root(run), CRONOS_METADATA_MEMBER, NULL);

    if (lstat(path, &status) != 0)
        return FALSE;
    gboolean folder = S_ISDIR(status.st_mode);
    if (cronos_patterns_match(run->exclude_patterns, CRONOS_METADATA_MEMBER, folder))
        return FALSE;
    return run->include_patterns == NULL || folder ||
           cronos_patterns_match(run->include_patterns, CRONOS_METADATA_MEMBER, FALSE);
}

/* @most: as long as it can get, to reserve room. */
static char *format_metadata(const CreateRun *run, gboolean most, gsize *out_length)
{
    const CronosCreateResult *result = run->result;
    CronosMetadataFacts facts = {
        .type = run->type,
        .name = run->name,
        .root = create_run_root(run),
        .created = run->created,
        .started_ns = run->started_ns,
        .level = run->level,
        .files = most ? G_MAXINT64 : result->files,
        .directories = most ? G_MAXINT64 : result->directories,
        .symlinks = most ? G_MAXINT64 : result->symlinks,
        .bytes = most ? G_MAXINT64 : result->bytes,
        .skipped = most ? G_MAXINT64 : result->skipped,
        .unreadable = most ? G_MAXINT64 : result->unreadable->len,
        .include_patterns = (const char *const *)run->include->pdata,
        .exclude_patterns = (const char *const *)run->exclude->pdata,
        .exclude_caches = !most && run->scan.exclude_caches, /* "false" is longer */
        .user = run->options->metadata,
        .member = run->member,
    };

    return cronos_metadata_format(&facts, out_length);
}

gboolean create_metadata_reserve(CreateRun *run, CronosZipWriter *zip, GError **error)
{
    g_autofree char *most = format_metadata(run, TRUE, &run->reserved_bytes);
    gsize limit = run->member ? METADATA_BYTES_MAX : ZIP_COMMENT_MAX;
    CronosZipMember member = {
        .name = CRONOS_METADATA_MEMBER,
        .name_length = strlen(CRONOS_METADATA_MEMBER),
        .info = {.kind = CRONOS_MEMBER_FILE,
                 .mode = S_IFREG | 0644,
                 .has_mode = TRUE,
                 .has_owner = TRUE,
                 .uid = geteuid(),
                 .gid = getegid(),
                 .mtime_ns = run->created * NS_PER_S},
    };

    if (run->reserved_bytes > limit) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "the metadata is too large: %" G_GSIZE_FORMAT " bytes of at most "
                    "%" G_GSIZE_FORMAT "%s",
                    run->reserved_bytes, limit,
                    run->member ? ""
                                : ", since the root has a " CRONOS_METADATA_MEMBER " of its own");
        return FALSE;
    }
    return !run->member || cronos_zip_writer_reserve(zip, &member, run->reserved_bytes, error);
}

gboolean create_metadata_finish(CreateRun *run, CronosZipWriter *zip, GError **error)
{
    gsize length = 0;
    g_autofree char *text = format_metadata(run, FALSE, &length);
    gboolean fits = length <= ZIP_COMMENT_MAX;
    guint32 directory_crc32;

    if (run->member) {
        g_autofree char *padded = g_malloc(run->reserved_bytes + 1);

        if (length > run->reserved_bytes) {
            g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                                "the metadata does not fit the room kept for it");
            return FALSE;
        }
        memcpy(padded, text, length);
        memset(padded + length, ' ', run->reserved_bytes - length);
        padded[run->reserved_bytes - 1] = '\n';
        if (!cronos_zip_writer_fill_reserved(zip, padded, error))
            return FALSE;
    }
    if (!cronos_zip_writer_write_directory(zip, &directory_crc32, error))
        return FALSE;
    g_autofree char *comment =
        cronos_metadata_seal(fits ? text : NULL, fits ? length : 0, directory_crc32, &length);
    return cronos_zip_writer_finish(zip, comment, length, error);
}
