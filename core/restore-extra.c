/* SPDX-License-Identifier: MIT
 * restore-extra.c - --delete: what lies in the target and not in the backup
 *
 * Only what a backup with the recorded patterns would hold is looked at: what they leave out (.git,
 * node_modules, ...) is missing from the backup by intent, and stays; so do caches, unless the
 * backup is known to hold them, the backup directory, the links to it, the log file, and every
 * folder that holds anything that stays. */
#include "core/below.h"
#include "core/directory-names.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/metadata.h"
#include "core/open-beneath.h"
#include "core/restore-private.h"
#include "core/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Returns: whether @path is not in the backup, below a folder that is to be restored. */
static gboolean is_extra(const CronosRestorePlan *plan, const char *path)
{
    guint32 folder = CRONOS_ENTRY_ROOT;
    const char *at = path;

    for (;;) {
        const char *slash = strchrnul(at, '/');
        guint32 entry = cronos_archive_lookup(plan->archive, folder, at, (gsize)(slash - at));

        if (entry == CRONOS_ENTRY_NONE || entry == plan->metadata)
            return plan->picks[folder] == CRONOS_PICK_WANTED;
        if (*slash == '\0')
            return FALSE;
        /* A file of the backup where the target has a folder: what is in it is not in the backup.
         */
        if (!cronos_archive_is_directory(plan->archive, entry))
            return plan->picks[entry] == CRONOS_PICK_WANTED;
        folder = entry;
        at = slash + 1;
    }
}

/* Returns: FALSE with @error where what the backup lacks may be missing for another reason than
 * that it was not there. */
static gboolean check_deletable(const CronosRecordedPatterns *patterns, GError **error)
{
    if (patterns->failure != NULL)
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                    "%s: %s, so that nobody knows what the backup was to leave out; nothing was "
                    "changed, a restore without --delete deletes nothing",
                    CRONOS_METADATA_MEMBER, patterns->failure->message);
    else if (patterns->unreadable > 0)
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "the backup lacks what could not be read when it was made (%" G_GUINT64_FORMAT
                    "), and --delete would delete that; nothing was changed, a restore without "
                    "--delete deletes nothing",
                    patterns->unreadable);
    return patterns->failure == NULL && patterns->unreadable == 0;
}

GPtrArray *cronos_restore_find_extra(const CronosRestorePlan *plan, const char *target,
                                     const CronosRecordedPatterns *patterns,
                                     const CronosConfig *config, GError **error)
{
    const char *const skip[] = {cronos_config_backup_directory(config), NULL};
    const char *const skip_files[] = {cronos_config_log_file(config), NULL};
    const CronosScanOptions options = {
        .root = target,
        .include = patterns->include_patterns,
        .exclude = patterns->exclude_patterns,
        .skip_directories = skip,
        .skip_files = skip_files,
        .exclude_caches = !patterns->caches_recorded || patterns->exclude_caches,
    };
    g_autoptr(GPtrArray) extra = g_ptr_array_new_with_free_func(g_free);
    const CronosScanItem *item;

    if (!check_deletable(patterns, error))
        return NULL;
    g_autoptr(CronosScan) scan = cronos_scan_open(&options, error);
    if (scan == NULL)
        return NULL;
    while ((item = cronos_scan_next(scan)) != NULL)
        if (is_extra(plan, item->path))
            g_ptr_array_add(extra, g_strndup(item->path, item->path_length));
    return g_steal_pointer(&extra);
}

gboolean cronos_restore_will_be_empty(const CronosRestoreJob *job, const char *path)
{
    int fd = cronos_open_beneath(job->target_fd, path, O_RDONLY | O_DIRECTORY);
    gboolean empty = fd >= 0;
    int errnum = 0;

    if (fd < 0)
        return FALSE;
    g_autoptr(CronosDirectoryNames) names = cronos_directory_names_read(fd, &errnum);
    for (gsize i = 0; empty && i < cronos_directory_names_count(names); i++) {
        unsigned char type;
        const char *name = cronos_directory_names_get(names, i, &type);
        g_autofree char *inside = g_strconcat(path, "/", name, NULL);
        empty = job->gone != NULL && g_hash_table_contains(job->gone, inside);
    }
    close(fd);
    return empty && errnum == 0;
}

/* Deletes @path. Returns: 0, ENOTEMPTY for what stays and a folder that holds such, EEXIST for what
 * the restore point does not hold, or another errno. */
static int delete_path(CronosRestoreJob *job, const char *path)
{
    const char *name;
    struct stat status;
    int errnum = 0;
    int parent_fd = cronos_below_open_parent(job->target_fd, path, &name);

    if (parent_fd < 0)
        return errno;
    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        errnum = errno;
    else if (cronos_restore_is_barred(job, &status) || cronos_restore_is_log(job, &status))
        errnum = ENOTEMPTY;
    else if (!cronos_restore_is_kept(job, path, &status))
        errnum = EEXIST;
    else if (cronos_restore_dry(job) && S_ISDIR(status.st_mode) &&
             !cronos_restore_will_be_empty(job, path))
        errnum = ENOTEMPTY;
    else if (!cronos_restore_dry(job) &&
             unlinkat(parent_fd, name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0) != 0)
        errnum = errno == EEXIST ? ENOTEMPTY : errno;
    close(parent_fd);
    return errnum;
}

/* Has the folder that @path is in writable for its owner, as those are that something is restored
 * in. */
static void open_parent_up(CronosRestoreJob *job, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name;

    if (slash == NULL)
        return;
    g_autofree char *parent = g_strndup(path, (gsize)(slash - path));
    int above_fd = cronos_below_open_parent(job->target_fd, parent, &name);
    if (above_fd < 0)
        return;
    cronos_restore_open_up(job, above_fd, name, parent);
    close(above_fd);
}

gboolean cronos_restore_delete_extra(CronosRestoreJob *job, const GPtrArray *extra, GError **error)
{
    /* The walk gave folders before their contents; deleting goes the other way. */
    for (guint i = extra->len; i-- > 0;) {
        char *path = g_ptr_array_index(extra, i);
        if (!cronos_tally_check(job->tally, error) ||
            !cronos_fault_point("restore-before-delete", error))
            return FALSE;
        int errnum = delete_path(job, path);
        if (errnum == EACCES && !cronos_restore_dry(job)) {
            open_parent_up(job, path);
            errnum = delete_path(job, path);
        }
        if (errnum == 0 && !cronos_restore_dry(job) &&
            !cronos_fault_point("restore-after-delete", error))
            return FALSE;
        if (errnum == 0 && cronos_restore_dry(job))
            g_hash_table_add(job->gone, g_strdup(path));
        if (errnum == 0)
            cronos_restore_tell(job, CRONOS_RESTORE_DELETED, path);
        else if (errnum != ENOTEMPTY && errnum != ENOENT)
            cronos_restore_fail(job, path,
                                errnum == EEXIST ? CRONOS_RESTORE_NOT_KEPT : g_strerror(errnum));
    }
    return TRUE;
}
