/* SPDX-License-Identifier: MIT
 * restore-finish.c - the folders' owners, modes and times, after all that is in them
 *
 * The deepest come first, since a folder that is finished may be closed to its owner. What a
 * restore that fails has opened for itself is closed again. */
#include "core/below.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/restore-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Returns: whether the folder @path is one that is given a mode by finish_folder. */
static gboolean gets_mode(const CronosRestoreJob *job, const char *path)
{
    guint32 entry = cronos_archive_lookup_path(job->archive, path);
    CronosMemberInfo info;

    return entry != CRONOS_ENTRY_NONE && job->plan->picks[entry] == CRONOS_PICK_WANTED &&
           cronos_archive_info(job->archive, entry, &info, NULL) &&
           info.kind == CRONOS_MEMBER_DIRECTORY && !info.implied && info.has_mode;
}

void cronos_restore_open_up(CronosRestoreJob *job, int parent_fd, const char *name,
                            const char *path)
{
    struct stat status;

    if (job->set_owners || fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(status.st_mode) || (status.st_mode & S_IRWXU) == S_IRWXU ||
        fchmodat(parent_fd, name, (status.st_mode & 07777) | S_IRWXU, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    CronosOpenedFolder *opened = g_new(CronosOpenedFolder, 1);
    *opened = (CronosOpenedFolder){g_strdup(path), status.st_mode & 07777, !gets_mode(job, path)};
    g_ptr_array_add(job->opened, opened);
}

void cronos_restore_close_up(CronosRestoreJob *job, gboolean all)
{
    for (guint i = job->opened->len; i-- > 0;) {
        const CronosOpenedFolder *opened = g_ptr_array_index(job->opened, i);
        const char *name;

        if (!all && !opened->stays)
            continue;
        int parent_fd = cronos_below_open_parent(job->target_fd, opened->path, &name);
        if (parent_fd < 0)
            continue;
        (void)!fchmodat(parent_fd, name, opened->mode, AT_SYMLINK_NOFOLLOW);
        close(parent_fd);
    }
}

/* Returns: the mode for the folder whose status is @status. Unless it is to be the archive's in
 * all, the setgid bit that it has, or has inherited, stays; and where the archive knows no modes,
 * that of a folder which was there is its own. */
static mode_t folder_mode(const CronosRestoreJob *job, const CronosMemberInfo *info,
                          CronosFolderState state, const struct stat *status)
{
    mode_t now = status->st_mode & 07777;

    if (!info->has_mode && state == CRONOS_FOLDER_READY)
        return now;
    if (job->options->same_permissions)
        return cronos_restore_mode(job, info);
    return cronos_restore_mode(job, info) | (now & (S_ISUID | S_ISGID));
}

/* Returns: whether the folder has what the archive says already. */
static gboolean is_finished(const CronosRestoreJob *job, const CronosMemberInfo *info, mode_t mode,
                            const struct stat *status)
{
    struct timespec time = cronos_restore_timespec(info->mtime_ns);

    return (status->st_mode & 07777) == mode &&
           (!job->set_owners || !info->has_owner ||
            (status->st_uid == info->uid && status->st_gid == info->gid)) &&
           status->st_mtim.tv_sec == time.tv_sec && status->st_mtim.tv_nsec == time.tv_nsec;
}

/* Fault point: restore-before-attributes. Returns: 0 or an errno. */
static int finish_open_folder(const CronosRestoreJob *job, int fd, const CronosMemberInfo *info,
                              CronosFolderState state)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return errno;
    mode_t mode = folder_mode(job, info, state, &status);
    if (is_finished(job, info, mode, &status))
        return 0;
    int errnum = cronos_fault_errno("restore-before-attributes");
    return errnum != 0 ? errnum
                       : cronos_restore_set_attributes(job, fd, info, mode, status.st_mode & 07777);
}

/* Takes damage to a folder's header for this folder's alone, or passes it on. */
static gboolean settle_error(CronosRestoreJob *job, guint32 entry, GError *failure, GError **error)
{
    if (!job->options->keep_going) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    g_autofree char *path = cronos_archive_path(job->archive, entry);
    cronos_restore_fail(job, path, failure->message);
    g_error_free(failure);
    return TRUE;
}

static gboolean finish_folder(CronosRestoreJob *job, CronosFolderCache *cache, guint32 entry,
                              GError **error)
{
    CronosFolderState state = (CronosFolderState)job->folder_states[entry];
    CronosMemberInfo info;
    GError *failure = NULL;

    if (state != CRONOS_FOLDER_MADE &&
        (state != CRONOS_FOLDER_READY || job->plan->picks[entry] != CRONOS_PICK_WANTED))
        return TRUE;
    if (!cronos_archive_info(job->archive, entry, &info, &failure))
        return settle_error(job, entry, failure, error);
    if (info.implied)
        return TRUE;
    int fd = cronos_folder_cache_get(cache, job, entry);
    int errnum = fd < 0 ? errno : finish_open_folder(job, fd, &info, state);
    if (errnum == 0)
        return TRUE;
    g_autofree char *path = cronos_archive_path(job->archive, entry);
    g_autofree char *reason =
        g_strdup_printf("cannot set the folder's mode and time: %s", g_strerror(errnum));
    cronos_restore_fail(job, path, reason);
    return TRUE;
}

gboolean cronos_restore_finish_folders(CronosRestoreJob *job, GError **error)
{
    CronosFolderCache cache;
    gboolean done = TRUE;

    cronos_folder_cache_init(&cache);
    for (guint i = job->plan->folders->len; done && i-- > 0;)
        done = finish_folder(job, &cache, g_array_index(job->plan->folders, guint32, i), error);
    if (done && job->plan->whole && job->fresh)
        done = finish_folder(job, &cache, CRONOS_ENTRY_ROOT, error);
    cronos_folder_cache_clear(&cache);
    return done;
}
