/* SPDX-License-Identifier: MIT
 * restore-files.c - files and symbolic links, in the archive's order, by several threads
 *
 * What one file can not have (permission, name too long, a folder in its way) is reported by name
 * and the others go on; what no file can have (space, a working disk) ends the restore. */
#include "core/error.h"
#include "core/fault.h"
#include "core/member-bytes.h"
#include "core/parallel.h"
#include "core/restore-private.h"
#include "core/restore-temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Neighbours in the archive are neighbours in a folder: a run keeps them in one thread, so that
 * threads rarely wait for the same folder's lock in the kernel. */
#define RUN_LENGTH 64
#define NAME_TRIES 100

/* Below a target that can be written, something else may be mounted. */
static gboolean is_read_only(const CronosRestoreJob *job)
{
    struct statvfs status;

    return fstatvfs(job->target_fd, &status) != 0 || (status.f_flag & ST_RDONLY) != 0;
}

gboolean cronos_restore_errno_is_fatal(const CronosRestoreJob *job, int errnum)
{
    switch (errnum) {
    case EROFS:
        return is_read_only(job);
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENODEV:
    case ENOTCONN:
    case ESTALE:
        return TRUE;
    default:
        return FALSE;
    }
}

static gpointer worker_new(gpointer shared)
{
    CronosRestoreWorker *worker = g_new0(CronosRestoreWorker, 1);

    worker->job = shared;
    cronos_folder_cache_init(&worker->folders);
    return worker;
}

static void worker_free(gpointer data)
{
    CronosRestoreWorker *worker = data;

    cronos_folder_cache_clear(&worker->folders);
    cronos_piece_room_clear(&worker->room);
    cronos_piece_room_clear(&worker->other);
    g_free(worker);
}

/* Returns: (owned) the path, or NULL where nobody would see it. */
static char *path_to_tell(const CronosRestoreJob *job, guint32 entry, CronosRestoreAction action)
{
    if (job->options->on_action == NULL && !cronos_tally_listens(job->tally) &&
        action != CRONOS_RESTORE_REPLACED)
        return NULL;
    return cronos_archive_path(job->archive, entry);
}

static gboolean tell(CronosRestoreJob *job, guint32 entry, CronosRestoreAction action,
                     guint64 further_bytes)
{
    g_autofree char *path = path_to_tell(job, entry, action);

    cronos_restore_tell(job, action, path);
    cronos_tally_add(job->tally, further_bytes, 1, path);
    return TRUE;
}

static gboolean fail(CronosRestoreJob *job, guint32 entry, const char *reason)
{
    g_autofree char *path = cronos_archive_path(job->archive, entry);

    cronos_restore_fail(job, path, reason);
    return TRUE;
}

static gboolean fail_errno(CronosRestoreJob *job, guint32 entry, int errnum, GError **error)
{
    if (!cronos_restore_errno_is_fatal(job, errnum))
        return fail(job, entry, g_strerror(errnum));
    g_autofree char *path = cronos_archive_path(job->archive, entry);
    g_autofree char *quoted = cronos_quote_path(path);
    cronos_error_set_system(error, errnum, "%s: cannot be restored", quoted);
    return FALSE;
}

/* Returns: whether @failure is the member's alone: what the kernel refuses for this one file, and,
 * for those who keep going, what its bytes in the archive are to blame for. A bad sector under them
 * is an I/O error. */
static gboolean is_own_failure(const CronosRestoreJob *job, const GError *failure)
{
    if (failure->domain == CRONOS_SYSTEM_ERROR)
        return !cronos_restore_errno_is_fatal(job, failure->code) ||
               (job->options->keep_going && failure->code == EIO);
    return job->options->keep_going && failure->code != CRONOS_ERROR_CANCELLED;
}

/* Puts the member's name before the message, and the way out behind it. */
static void name_member(const CronosRestoreJob *job, guint32 entry, GError *failure)
{
    gboolean rest_can_be_had =
        failure->code == CRONOS_ERROR_DAMAGED || failure->code == CRONOS_ERROR_UNSUPPORTED;
    g_autofree char *path = cronos_archive_path(job->archive, entry);
    g_autofree char *report = cronos_member_report(path, failure->message);

    g_free(failure->message);
    failure->message =
        g_strconcat(report, rest_can_be_had ? "; --keep-going restores the rest" : NULL, NULL);
}

/* Takes a failure for this member's alone, or passes it on. */
static gboolean settle_error(CronosRestoreJob *job, guint32 entry, GError *failure, GError **error)
{
    if (is_own_failure(job, failure)) {
        fail(job, entry, failure->message);
        g_error_free(failure);
        return TRUE;
    }
    if (failure->domain == CRONOS_ERROR && failure->code != CRONOS_ERROR_CANCELLED)
        name_member(job, entry, failure);
    g_propagate_error(error, failure);
    return FALSE;
}

static gboolean write_member(CronosRestoreWorker *worker, guint32 entry,
                             const CronosMemberInfo *info, int parent_fd, const char *name,
                             GError **error)
{
    if (info->kind == CRONOS_MEMBER_SYMLINK)
        return cronos_restore_write_symlink(worker, entry, info, parent_fd, name, error);
    return cronos_restore_write_file(worker, entry, info, parent_fd, name, error);
}

static gboolean write_fresh(CronosRestoreWorker *worker, guint32 entry,
                            const CronosMemberInfo *info, int parent_fd, const char *name,
                            GError **error)
{
    GError *failure = NULL;

    if (!write_member(worker, entry, info, parent_fd, name, &failure)) {
        if (g_error_matches(failure, CRONOS_SYSTEM_ERROR, EEXIST)) {
            g_error_free(failure);
            return fail(worker->job, entry, CRONOS_RESTORE_TAKEN);
        }
        return settle_error(worker->job, entry, failure, error);
    }
    return tell(worker->job, entry, CRONOS_RESTORE_CREATED, 0);
}

/* Puts the finished temporary in the place of whatever is at @name. Returns: 0 or an errno. Fault
 * points: restore-before-rename, restore-after-rename. */
static int put_in_place(int parent_fd, const char *temporary, const char *name, gboolean folder)
{
    int errnum = cronos_fault_errno("restore-before-rename");

    if (errnum == 0 && ((folder && unlinkat(parent_fd, name, AT_REMOVEDIR) != 0) ||
                        renameat(parent_fd, temporary, parent_fd, name) != 0))
        errnum = errno;
    if (errnum != 0) {
        unlinkat(parent_fd, temporary, 0);
        return errnum;
    }
    return cronos_fault_errno("restore-after-rename");
}

typedef struct {
    const CronosArchive *archive;
    guint32 folder;
} Folder;

static gboolean is_member(const char *name, gpointer user_data)
{
    const Folder *folder = user_data;

    return cronos_archive_lookup(folder->archive, folder->folder, name, strlen(name)) !=
           CRONOS_ENTRY_NONE;
}

/* A killed run was about to replace a file, which the next run replaces: what it left is found in
 * the folders that something is written to, each looked through once. */
static void clear_left_overs(CronosRestoreJob *job, guint32 entry, int parent_fd)
{
    Folder folder = {job->archive, cronos_archive_parent(job->archive, entry)};

    if (__atomic_exchange_n(&job->folders_cleared[folder.folder], TRUE, __ATOMIC_RELAXED) == FALSE)
        cronos_restore_temporary_clear(parent_fd, is_member, &folder);
}

/* Writes the member under a name that nothing has. */
static gboolean write_temporary(CronosRestoreWorker *worker, guint32 entry,
                                const CronosMemberInfo *info, int parent_fd,
                                char name[CRONOS_RESTORE_TEMPORARY_NAME_BYTES], GError **error)
{
    GError *failure = NULL;

    clear_left_overs(worker->job, entry, parent_fd);
    for (guint i = 0; i < NAME_TRIES; i++) {
        g_clear_error(&failure);
        cronos_restore_temporary_make_name(name);
        if (write_member(worker, entry, info, parent_fd, name, &failure))
            return TRUE;
        if (!g_error_matches(failure, CRONOS_SYSTEM_ERROR, EEXIST))
            break;
    }
    g_propagate_error(error, failure);
    return FALSE;
}

static gboolean replace(CronosRestoreWorker *worker, guint32 entry, const CronosMemberInfo *info,
                        int parent_fd, const char *name, CronosRestoreAction action,
                        gboolean folder, GError **error)
{
    CronosRestoreJob *job = worker->job;
    GError *failure = NULL;
    char temporary[CRONOS_RESTORE_TEMPORARY_NAME_BYTES];

    if (!write_temporary(worker, entry, info, parent_fd, temporary, &failure))
        return settle_error(job, entry, failure, error);
    int errnum = put_in_place(parent_fd, temporary, name, folder);
    if (errnum == ENOTEMPTY || errnum == EEXIST)
        return fail(job, entry, "a folder that is not empty is in the way");
    if (errnum != 0)
        return fail_errno(job, entry, errnum, error);
    return tell(job, entry, action, 0);
}

/* Returns: whether a file may take the place of the folder that is there. */
static gboolean folder_can_go(const CronosRestoreJob *job, guint32 entry, const struct stat *status)
{
    g_autofree char *path = cronos_archive_path(job->archive, entry);

    return !cronos_restore_is_barred(job, status) && cronos_restore_will_be_empty(job, path);
}

/* What the archive does not know of a file, the one that it replaces tells: a private file is not
 * open to all once a DOS archive has been restored over it. */
static CronosMemberInfo take_over(const CronosMemberInfo *info, const struct stat *status)
{
    CronosMemberInfo taken = *info;

    if (!S_ISREG(status->st_mode) || info->kind != CRONOS_MEMBER_FILE || info->has_mode)
        return taken;
    taken.has_mode = TRUE;
    taken.mode = status->st_mode & 0777;
    if (!info->has_owner) {
        taken.has_owner = TRUE;
        taken.uid = status->st_uid;
        taken.gid = status->st_gid;
    }
    return taken;
}

static gboolean is_kept(CronosRestoreJob *job, guint32 entry, const struct stat *status)
{
    g_autofree char *path = cronos_archive_path(job->archive, entry);

    return cronos_restore_is_kept(job, path, status);
}

static gboolean restore_over(CronosRestoreWorker *worker, guint32 entry,
                             const CronosMemberInfo *info, int parent_fd, const char *name,
                             GError **error)
{
    CronosRestoreJob *job = worker->job;
    CronosRestoreAction action = CRONOS_RESTORE_CREATED;
    struct stat status = {0};
    gboolean same = FALSE;

    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        GError *failure = NULL;
        action = CRONOS_RESTORE_REPLACED;
        if (!cronos_restore_compare(worker, entry, info, parent_fd, name, &status, &same, &failure))
            return settle_error(job, entry, failure, error);
    } else if (errno != ENOENT) {
        return fail_errno(job, entry, errno, error);
    }
    /* The log of this very restore is not overwritten by an older one. */
    if (same || cronos_restore_is_log(job, &status))
        return tell(job, entry, CRONOS_RESTORE_UNCHANGED, info->size_bytes);
    if (S_ISLNK(status.st_mode) && cronos_restore_is_barred(job, &status))
        return fail(job, entry, "leads to the backup directory, which a restore leaves alone");
    if (action == CRONOS_RESTORE_REPLACED &&
        cronos_restore_is_taken(job, entry, parent_fd, &status))
        return fail(job, entry, CRONOS_RESTORE_TAKEN);
    if (action == CRONOS_RESTORE_REPLACED && !is_kept(job, entry, &status))
        return fail(job, entry, CRONOS_RESTORE_NOT_KEPT);
    gboolean folder = S_ISDIR(status.st_mode);
    if (folder && !folder_can_go(job, entry, &status))
        return fail(job, entry, "a folder that is not empty is in the way");
    if (cronos_restore_dry(job))
        return tell(job, entry, action, info->size_bytes);
    CronosMemberInfo taken = take_over(info, &status);
    return replace(worker, entry, &taken, parent_fd, name, action, folder, error);
}

/* In what a killed run of the same restore left: nobody else sees it yet, so that what is not right
 * is simply made anew. */
static gboolean restore_again(CronosRestoreWorker *worker, guint32 entry,
                              const CronosMemberInfo *info, int parent_fd, const char *name,
                              GError **error)
{
    CronosRestoreJob *job = worker->job;
    GError *failure = NULL;
    struct stat status;
    gboolean same = FALSE;

    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? write_fresh(worker, entry, info, parent_fd, name, error)
                               : fail_errno(job, entry, errno, error);
    if (!cronos_restore_compare(worker, entry, info, parent_fd, name, &status, &same, &failure))
        return settle_error(job, entry, failure, error);
    if (same)
        return tell(job, entry, CRONOS_RESTORE_UNCHANGED, info->size_bytes);
    if (cronos_restore_is_taken(job, entry, parent_fd, &status))
        return fail(job, entry, CRONOS_RESTORE_TAKEN);
    if (unlinkat(parent_fd, name, 0) != 0)
        return fail_errno(job, entry, errno, error);
    return write_fresh(worker, entry, info, parent_fd, name, error);
}

static gboolean restore_member(CronosRestoreWorker *worker, guint32 entry, GError **error)
{
    CronosRestoreJob *job = worker->job;
    guint32 parent = cronos_archive_parent(job->archive, entry);
    CronosMemberInfo info;
    char name[NAME_MAX + 1];

    GError *failure = NULL;

    if (!cronos_tally_check(job->tally, error))
        return FALSE;
    if (!cronos_archive_info(job->archive, entry, &info, &failure))
        return settle_error(job, entry, failure, error);
    switch ((CronosFolderState)job->folder_states[parent]) {
    case CRONOS_FOLDER_FAILED:
        return fail(job, entry, "its folder could not be made");
    case CRONOS_FOLDER_BARRED:
        return fail(job, entry, "lies in the backup directory, which a restore leaves alone");
    case CRONOS_FOLDER_ABSENT:
        return tell(job, entry, CRONOS_RESTORE_CREATED, info.size_bytes);
    default:
        break;
    }
    if (!cronos_restore_name(job->archive, entry, name))
        return fail_errno(job, entry, errno, error);
    int parent_fd = cronos_folder_cache_get(&worker->folders, job, parent);
    if (parent_fd < 0)
        return fail_errno(job, entry, errno, error);
    if (job->resumed)
        return restore_again(worker, entry, &info, parent_fd, name, error);
    if (job->fresh)
        return write_fresh(worker, entry, &info, parent_fd, name, error);
    return restore_over(worker, entry, &info, parent_fd, name, error);
}

static gboolean restore_one(gpointer data, gsize index, GError **error)
{
    CronosRestoreWorker *worker = data;
    CronosRestoreJob *job = worker->job;
    guint32 entry = g_array_index(job->plan->files, guint32, index);

    if (!cronos_restore_has_twin(job, entry))
        return restore_member(worker, entry, error);
    pthread_mutex_lock(&job->lock);
    g_array_append_val(job->later, entry);
    pthread_mutex_unlock(&job->lock);
    return TRUE;
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    guint32 first = *(const guint32 *)a;
    guint32 second = *(const guint32 *)b;

    return first < second ? -1 : first > second;
}

/* One after the other, always in the same order: whose name is whose must not be left to chance. */
static gboolean restore_later(CronosRestoreJob *job, GError **error)
{
    CronosRestoreWorker *worker = worker_new(job);
    gboolean done = TRUE;

    g_array_sort(job->later, compare_entries);
    for (guint i = 0; done && i < job->later->len; i++)
        done = restore_member(worker, g_array_index(job->later, guint32, i), error);
    worker_free(worker);
    return done;
}

gboolean cronos_restore_files(CronosRestoreJob *job, GError **error)
{
    const CronosParallel parallel = {
        .threads = cronos_archive_threads(job->archive, job->options->threads),
        .run_length = RUN_LENGTH,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .work = restore_one,
    };

    return cronos_parallel_for(&parallel, job->plan->files->len, job, error) &&
           restore_later(job, error);
}
