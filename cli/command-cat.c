/* SPDX-License-Identifier: MIT
 * command-cat.c - cronos cat
 *
 * Signals are left as they are: there is nothing to clean up. */
#include "cli/command.h"
#include "core/error.h"
#include "core/member-bytes.h"
#include "core/member-path.h"

#include <errno.h>
#include <unistd.h>

static const CronosOption options[] = {
    CRONOS_OPTIONS_END,
};

static gboolean write_piece(const guint8 *piece, gsize length, guint64 offset, gpointer user_data,
                            GError **error)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, piece, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            cronos_error_set_system(error, errno, "standard output");
            return FALSE;
        }
        piece += written;
        length -= (gsize)written;
    }
    return TRUE;
}

static gboolean refuse_link(CronosArchive *archive, guint32 entry, const char *quoted,
                            GError **error)
{
    g_autofree char *target = cronos_archive_readlink(archive, entry, error);

    if (target == NULL)
        return FALSE;
    g_autofree char *quoted_target = cronos_quote_path(target);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "\"%s\" is a symbolic link to \"%s\"",
                quoted, quoted_target);
    return FALSE;
}

/* Returns: whether @typed names a file; else @error says what it names. */
static gboolean find_file(CronosArchive *archive, const char *file_name, const char *typed,
                          const char *root, guint32 *out_entry, CronosMemberInfo *out_info,
                          GError **error)
{
    g_autofree char *path = cronos_member_path(typed, root);
    g_autofree char *quoted = cronos_quote_path(typed);

    *out_entry = cronos_archive_lookup_path(archive, path);
    if (*out_entry == CRONOS_ENTRY_NONE) {
        g_autofree char *quoted_name = cronos_quote_path(file_name);

        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND, "\"%s\" is not in %s", quoted,
                    quoted_name);
        return FALSE;
    }
    if (!cronos_archive_info(archive, *out_entry, out_info, error))
        return FALSE;
    if (out_info->kind == CRONOS_MEMBER_SYMLINK)
        return refuse_link(archive, *out_entry, quoted, error);
    if (out_info->kind == CRONOS_MEMBER_FILE)
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "\"%s\" is a folder", quoted);
    return FALSE;
}

static gboolean write_member(CronosArchive *archive, guint32 entry, guint64 size_bytes,
                             GError **error)
{
    CronosPieceRoom room = {0};
    CronosTally tally;

    cronos_tally_init(&tally, NULL);
    gboolean written =
        cronos_member_bytes(archive, entry, size_bytes, &room, &tally, write_piece, NULL, error);
    cronos_tally_clear(&tally);
    cronos_piece_room_clear(&room);
    return written;
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const char *root = cronos_config_root(invocation->config);
    g_autoptr(GError) failure = NULL;
    CronosMemberInfo info;
    guint32 entry;
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(invocation->config), error);

    if (catalog == NULL)
        return CRONOS_EXIT_FAILED;
    const CronosBackup *backup = cronos_choose_backup(catalog, invocation->operands[0], error);
    if (backup == NULL)
        return CRONOS_EXIT_FAILED;
    g_autoptr(CronosArchive) archive = cronos_open_backup(catalog, backup, error);
    if (archive == NULL ||
        !find_file(archive, backup->file_name, invocation->operands[1], root, &entry, &info, error))
        return CRONOS_EXIT_FAILED;
    if (write_member(archive, entry, info.size_bytes, &failure))
        return CRONOS_EXIT_DONE;
    /* A reader who has seen enough needs no message. */
    if (!g_error_matches(failure, CRONOS_SYSTEM_ERROR, EPIPE))
        g_propagate_error(error, g_steal_pointer(&failure));
    return CRONOS_EXIT_FAILED;
}

const CronosCommand cronos_command_cat = {
    .name = "cat",
    .synopsis = "ID PATH",
    .summary = "Print a file as a backup has it",
    .details = "PATH: relative to the project directory, or an absolute path below it. A file\n"
               "whose checksum is wrong is not printed; of one over 1 MiB the last piece is not.\n",
    .options = options,
    .operands_min = 2,
    .operands_max = 2,
    .operand_missing = "the ID of a backup and the PATH of a file in it",
    .needs_config = TRUE,
    .run = run,
};
