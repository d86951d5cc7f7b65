/* SPDX-License-Identifier: MIT
 * restore-barred.c - what lies in the target and is no part of the project: the backup directory,
 * the symbolic links that its configured path leads through, and the log file
 *
 * They are known by device and inode, under whatever name the target has them. */
#include "core/file-identity.h"
#include "core/restore-private.h"

#include <string.h>

#define LINKS_DEPTH 4 /* of links to links that are followed */

/* Adds the links that @path, absolute, leads through, and those that they lead through, as far as
 * @depth goes. */
static void add_links(GArray *barred, const char *path, guint depth)
{
    const char *end = path;
    struct stat status;

    do {
        end = strchrnul(end + 1, '/');
        g_autofree char *part = g_strndup(path, (gsize)(end - path));
        g_autofree char *target = g_file_read_link(part, NULL);
        if (target == NULL || lstat(part, &status) != 0)
            continue;
        cronos_file_identities_add(barred, &status);
        g_autofree char *above = g_path_get_dirname(part);
        g_autofree char *next =
            target[0] == '/' ? g_strdup(target) : g_build_filename(above, target, NULL);
        if (depth > 0)
            add_links(barred, next, depth - 1);
    } while (*end != '\0');
}

void cronos_restore_bar(CronosRestoreJob *job, const CronosConfig *config)
{
    const char *directory = cronos_config_backup_directory(config);
    const char *log = cronos_config_log_file(config);
    struct stat status;

    job->barred = cronos_file_identities_new();
    if (stat(directory, &status) == 0)
        cronos_file_identities_add(job->barred, &status);
    add_links(job->barred, directory, LINKS_DEPTH);
    if (log != NULL && lstat(log, &status) == 0 && !S_ISDIR(status.st_mode))
        job->log = status;
}

gboolean cronos_restore_is_barred(const CronosRestoreJob *job, const struct stat *status)
{
    return job->barred != NULL && cronos_file_identities_contain(job->barred, status);
}

gboolean cronos_restore_is_log(const CronosRestoreJob *job, const struct stat *status)
{
    return job->log.st_ino != 0 && cronos_is_same_file(&job->log, status);
}
