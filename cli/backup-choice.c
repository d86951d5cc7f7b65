/* SPDX-License-Identifier: MIT
 * backup-choice.c - from what a user typed to a backup, and to its archive */
#include "cli/command.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/file-identity.h"

#include <string.h>
#include <unistd.h>

#define OTHERS_NAMED 3u

static void note_others(const char *identifier, const CronosBackup *chosen, const GPtrArray *others)
{
    GString *names = g_string_new(NULL);
    g_autofree char *typed = cronos_quote_path(identifier);
    g_autofree char *taken = cronos_quote_path(chosen->file_name);

    for (guint i = 0; i < MIN(others->len, OTHERS_NAMED); i++) {
        const CronosBackup *other = g_ptr_array_index(others, i);
        g_autofree char *name = cronos_quote_path(other->file_name);

        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", name);
    }
    if (others->len > OTHERS_NAMED)
        g_string_append_printf(names, " and %u more", others->len - OTHERS_NAMED);
    cronos_say_note("\"%s\" is taken as %s; it also matches %s", typed, taken, names->str);
    g_string_free(names, TRUE);
}

/* What create prints is a path. Returns: (borrowed) where the name begins in @typed; or NULL with
 * @error where it is a path to somewhere else. */
static const char *skip_directory(const CronosCatalog *catalog, const char *typed, GError **error)
{
    const char *slash = strrchr(typed, '/');

    if (slash == NULL)
        return typed;
    g_autofree char *folder = g_strndup(typed, (gsize)(slash - typed) + 1);
    if (cronos_is_same_path(folder, cronos_catalog_directory(catalog)))
        return slash + 1;
    g_autofree char *quoted = cronos_quote_path(typed);
    g_autofree char *directory = cronos_quote_path(cronos_catalog_directory(catalog));
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND,
                "\"%s\" does not lie in the backup directory \"%s\"", quoted, directory);
    return NULL;
}

const CronosBackup *cronos_choose_backup(const CronosCatalog *catalog, const char *typed,
                                         GError **error)
{
    g_autoptr(GPtrArray) others = NULL;
    const char *identifier = skip_directory(catalog, typed, error);
    if (identifier == NULL)
        return NULL;
    const CronosBackup *backup = cronos_catalog_find(catalog, identifier, &others, error);

    if (backup != NULL && others != NULL && others->len > 0 && !g_str_equal(identifier, "latest"))
        note_others(identifier, backup, others);
    return backup;
}

char *cronos_describe_absence(const CronosCatalog *catalog)
{
    if (cronos_catalog_latest(catalog) != NULL)
        return NULL;
    g_autofree char *directory = cronos_quote_path(cronos_catalog_directory(catalog));
    return g_strconcat("no backups in ", directory, NULL);
}

CronosArchive *cronos_open_backup(const CronosCatalog *catalog, const CronosBackup *backup,
                                  GError **error)
{
    int dirfd = cronos_catalog_open_directory(catalog, error);

    if (dirfd < 0)
        return NULL;
    CronosArchive *archive = cronos_archive_open(dirfd, backup->file_name, error);
    close(dirfd);
    return archive;
}
