/* SPDX-License-Identifier: MIT
 * restore.c - the order of the steps
 *
 * Nothing is written before the archive was checked (restore.verify_integrity), and nothing is
 * overwritten before the restore point is there. A dry run takes the same way and stops short of
 * each change. */
#include "core/restore.h"
#include "core/directory-names.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/log.h"
#include "core/member-bytes.h"
#include "core/member-path.h"
#include "core/open-beneath.h"
#include "core/restore-place.h"
#include "core/restore-private.h"
#include "core/verify-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

/* One call of cronos_restore. */
typedef struct {
    const CronosConfig *config;
    const CronosBackup *backup;
    const CronosRestoreOptions *options;
    const CronosProgress *progress;
    CronosArchive *archive;
    CronosRestorePlan *plan;
    CronosTally tally;
    CronosRestoreResult *result;
} Restore;

void cronos_restore_result_free(CronosRestoreResult *result)
{
    if (result == NULL)
        return;
    g_free(result->target);
    g_free(result->restore_point);
    g_ptr_array_unref(result->failed);
    g_free(result);
}

gboolean cronos_restore_dry(const CronosRestoreJob *job)
{
    return job->options->dry_run;
}

void cronos_restore_tell(CronosRestoreJob *job, CronosRestoreAction action, const char *path)
{
    CronosRestoreResult *result = job->result;
    guint64 *const counts[] = {
        [CRONOS_RESTORE_CREATED] = &result->created,
        [CRONOS_RESTORE_REPLACED] = &result->replaced,
        [CRONOS_RESTORE_DELETED] = &result->deleted,
        [CRONOS_RESTORE_UNCHANGED] = &result->unchanged,
    };

    if (!cronos_restore_dry(job) && action == CRONOS_RESTORE_DELETED)
        cronos_log_event(CRONOS_LOG_INFO, job->backup_name, path, "deleted: not in the backup");
    if (!cronos_restore_dry(job) && action == CRONOS_RESTORE_REPLACED)
        cronos_log_event(CRONOS_LOG_INFO, job->backup_name, path, "overwritten from the backup");
    pthread_mutex_lock(&job->lock);
    ++*counts[action];
    if (job->options->on_action != NULL)
        job->options->on_action(action, path, job->options->user_data);
    pthread_mutex_unlock(&job->lock);
}

void cronos_restore_fail(CronosRestoreJob *job, const char *path, const char *reason)
{
    char *report = cronos_member_report(path, reason);

    cronos_log_event(CRONOS_LOG_WARNING, job->backup_name, path, "not restored in full: %s",
                     report);
    pthread_mutex_lock(&job->lock);
    g_ptr_array_add(job->result->failed, report);
    pthread_mutex_unlock(&job->lock);
}

/* Returns: the process's umask, read without setting it (other threads run), or 022. */
static mode_t current_umask(void)
{
    g_autofree char *status = NULL;
    unsigned mask = 022;

    if (g_file_get_contents("/proc/self/status", &status, NULL, NULL)) {
        const char *line = strstr(status, "\nUmask:");
        if (line != NULL)
            mask = (unsigned)strtoul(line + strlen("\nUmask:"), NULL, 8);
    }
    return (mode_t)(mask & 0777);
}

static void free_opened(gpointer data)
{
    CronosOpenedFolder *opened = data;

    g_free(opened->path);
    g_free(opened);
}

static void job_init(CronosRestoreJob *job, Restore *restore, int target_fd, gboolean fresh,
                     gboolean resumed)
{
    struct stat status;

    *job = (CronosRestoreJob){
        .archive = restore->archive,
        .plan = restore->plan,
        .options = restore->options,
        .backup_name = restore->backup->file_name,
        .target_fd = target_fd,
        .point_directory = cronos_config_backup_directory(restore->config),
        .fresh = fresh,
        .resumed = resumed,
        .set_owners = geteuid() == 0,
        .uid = geteuid(),
        .gid = getegid(),
        .umask = current_umask(),
        .folder_states = g_new0(guint8, MAX(cronos_archive_count(restore->archive), 1)),
        .opened = g_ptr_array_new_with_free_func(free_opened),
        .later = g_array_new(FALSE, FALSE, sizeof(guint32)),
        .folders_cleared = g_new0(guint8, MAX(cronos_archive_count(restore->archive), 1)),
        .gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .tally = &restore->tally,
        .result = restore->result,
    };
    pthread_mutex_init(&job->lock, NULL);
    if (!fresh || resumed)
        job->twins = cronos_restore_find_twins(job->plan);
    /* A default ACL or a setgid folder gives new files what the umask alone would not. */
    if (target_fd >= 0 && fstat(target_fd, &status) == 0) {
        job->plain_defaults = (status.st_mode & S_ISGID) == 0 &&
                              fgetxattr(target_fd, "system.posix_acl_default", NULL, 0) < 0;
        job->uid = status.st_uid;
        job->gid = status.st_gid;
    }
    if (!fresh)
        cronos_restore_bar(job, restore->config);
}

static void job_clear(CronosRestoreJob *job)
{
    pthread_mutex_destroy(&job->lock);
    g_clear_pointer(&job->point, cronos_archive_unref);
    g_free(job->folder_states);
    g_free(job->folders_cleared);
    g_array_unref(job->later);
    g_ptr_array_unref(job->opened);
    g_clear_pointer(&job->twins, g_hash_table_unref);
    g_clear_pointer(&job->barred, g_array_unref);
    g_hash_table_unref(job->gone);
}

static gboolean run_job(CronosRestoreJob *job, GError **error)
{
    if (!cronos_restore_make_folders(job, error) || !cronos_restore_files(job, error))
        return FALSE;
    return cronos_restore_dry(job) || cronos_restore_finish_folders(job, error);
}

static gboolean wants_check(const Restore *restore)
{
    return !restore->options->no_verify &&
           cronos_config_bool(restore->config, CRONOS_CONFIG_RESTORE_VERIFY_INTEGRITY);
}

static gboolean check_first(Restore *restore, GError **error)
{
    if (!wants_check(restore))
        return TRUE;
    return cronos_restore_check_archive(restore->plan, restore->backup->file_name, restore->options,
                                        &restore->tally, restore->result, error);
}

/* The stored size is the least that can be needed: holes cost nothing, whatever is declared; of
 * what an interrupted run has written already, nobody knows. */
static gboolean check_space(Restore *restore, const CronosRestorePlace *place, GError **error)
{
    guint64 available = cronos_restore_place_free_bytes(place);

    if (restore->plan->stored_bytes <= available || place->left_over)
        return TRUE;
    g_autofree char *quoted = cronos_quote_path(place->target);
    g_autofree char *needed =
        g_format_size_full(restore->plan->stored_bytes, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *there = g_format_size_full(available, G_FORMAT_SIZE_IEC_UNITS);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NO_SPACE,
                "%s: at least %s are needed, and %s are free", quoted, needed, there);
    return FALSE;
}

/* Returns: (owned) what tells this restore from others: what it brings back. */
static char *restore_key(const Restore *restore)
{
    const char *const *paths = restore->options->paths;
    g_autoptr(GString) key = g_string_new(restore->backup->file_name);
    guint64 device, inode, size_bytes;
    gint64 mtime_ns;

    cronos_archive_file_identity(restore->archive, &device, &inode, &size_bytes, &mtime_ns);
    g_string_append_printf(key,
                           "/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
                           "/%" G_GINT64_FORMAT "/%d",
                           device, inode, size_bytes, mtime_ns, restore->options->same_permissions);
    for (gsize i = 0; paths != NULL && paths[i] != NULL; i++) {
        g_autofree char *path = cronos_member_path(paths[i], cronos_config_root(restore->config));
        g_string_append_printf(key, "/%" G_GSIZE_FORMAT ":%s", strlen(path), path);
    }
    return g_string_free(g_steal_pointer(&key), FALSE);
}

/* Returns: the mode of a new place: that of the archive's top folder, where it has one. */
static mode_t place_mode(const CronosRestoreJob *job)
{
    CronosMemberInfo info;

    if (job->plan->whole && cronos_archive_info(job->archive, CRONOS_ENTRY_ROOT, &info, NULL) &&
        !info.implied && info.has_mode)
        return cronos_restore_mode(job, &info);
    return 0777 & ~job->umask;
}

static gboolean restore_to_new_location(Restore *restore, GError **error)
{
    g_autofree char *key = restore_key(restore);
    g_autoptr(CronosRestorePlace) place =
        cronos_restore_place_find(restore->config, restore->backup, restore->options->to,
                                  restore->options->directory, key, error);
    CronosRestoreJob job;
    int fd = -1;

    if (place == NULL)
        return FALSE;
    restore->result->target = g_strdup(place->target);
    if (!check_space(restore, place, error) || !check_first(restore, error))
        return FALSE;
    if (!restore->options->dry_run) {
        /* What is damaged must not stay half written: it is never looked for again. */
        fd = cronos_restore_place_open(place, restore->options->keep_going, error);
        if (fd < 0)
            return FALSE;
    }
    job_init(&job, restore, fd, TRUE, place->resumed);
    if (job.resumed)
        cronos_log_event(CRONOS_LOG_INFO, restore->backup->file_name, place->target,
                         "an interrupted restore goes on");
    gboolean done = run_job(&job, error);
    if (done && !restore->options->dry_run)
        done = cronos_restore_place_publish(place, place_mode(&job), error);
    job_clear(&job);
    return done;
}

/* Opens the directory whose files are to be overwritten; -1 with no @error: a dry run into one that
 * does not exist. Two restores never write into one directory at once. */
static int open_target(Restore *restore, GError **error)
{
    const char *wanted =
        restore->options->to != NULL ? restore->options->to : cronos_config_root(restore->config);
    gboolean exists;

    restore->result->target = cronos_restore_absolute_path(wanted, &exists, error);
    if (restore->result->target == NULL || (!exists && restore->options->dry_run) ||
        (!exists && !cronos_restore_make_parents(restore->result->target, NULL, error)))
        return -1;
    int fd = open(restore->result->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        g_autofree char *quoted = cronos_quote_path(restore->result->target);
        cronos_error_set_system(error, errno, "%s: cannot be restored to", quoted);
    }
    return fd;
}

static gboolean lock_target(const char *target, int fd, GError **error)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return TRUE;
    g_autofree char *quoted = cronos_quote_path(target);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s: another restore is at work there",
                quoted);
    return FALSE;
}

static gboolean is_empty(int fd)
{
    int errnum = 0;
    g_autoptr(CronosDirectoryNames) names = cronos_directory_names_list(fd, &errnum);

    return errnum == 0 && cronos_directory_names_count(names) == 0;
}

static gboolean make_point_if_wanted(Restore *restore, CronosRestoreJob *job,
                                     const CronosRecordedPatterns *patterns, GError **error)
{
    const CronosRestoreOptions *options = restore->options;

    if (options->dry_run || options->no_restore_point || is_empty(job->target_fd) ||
        !cronos_config_bool(restore->config, CRONOS_CONFIG_RESTORE_CREATE_RESTORE_POINT))
        return TRUE;
    restore->result->restore_point = cronos_restore_make_point(
        restore->config, restore->backup, restore->plan, restore->result->target, job->target_fd,
        patterns, options, restore->progress, &job->point_ns, error);
    if (restore->result->restore_point == NULL)
        return FALSE;
    cronos_log_result(CRONOS_LOG_INFO, restore->backup->file_name, NULL, "restore point made: %s",
                      restore->result->restore_point);
    return TRUE;
}

/* What was there before is not lost: the message says where it is. */
static void name_restore_point(const Restore *restore, GError **error)
{
    if (error == NULL || *error == NULL || restore->result->restore_point == NULL)
        return;
    char *message = g_strdup_printf("%s; the earlier state is in %s", (*error)->message,
                                    restore->result->restore_point);
    g_free((*error)->message);
    (*error)->message = message;
}

/* What was there is gone now: what replaces it must not be in memory alone. Fault point:
 * restore-before-sync. */
static gboolean sync_target(const CronosRestoreJob *job, const char *target, GError **error)
{
    int errnum = cronos_fault_errno("restore-before-sync");

    if (errnum == 0 && syncfs(job->target_fd) != 0)
        errnum = errno;
    if (errnum == 0)
        return TRUE;
    g_autofree char *quoted = cronos_quote_path(target);
    cronos_error_set_system(error, errnum, "%s: cannot be synced", quoted);
    return FALSE;
}

static gboolean overwrite_locked(Restore *restore, CronosRestoreJob *job, const GPtrArray *extra,
                                 GError **error)
{
    gboolean done =
        (extra == NULL || cronos_restore_delete_extra(job, extra, error)) && run_job(job, error);

    cronos_restore_close_up(job, !done);
    return done && (cronos_restore_dry(job) || sync_target(job, restore->result->target, error));
}

static gboolean overwrite(Restore *restore, int fd, GError **error)
{
    g_autoptr(CronosRecordedPatterns) patterns =
        cronos_recorded_patterns_read(restore->archive, restore->config, error);
    g_autoptr(GPtrArray) extra = NULL;
    CronosRestoreJob job;

    if (patterns == NULL)
        return FALSE;
    job_init(&job, restore, fd, FALSE, FALSE);
    job.started_ns = patterns->started_ns;
    gboolean done = fd < 0 || cronos_restore_check_parents(&job, error);
    if (done && fd >= 0 && restore->options->delete_extra) {
        extra = cronos_restore_find_extra(restore->plan, restore->result->target, patterns,
                                          restore->config, error);
        done = extra != NULL;
    }
    done = done && (fd < 0 || make_point_if_wanted(restore, &job, patterns, error)) &&
           (fd < 0 || restore->options->dry_run || lock_target(restore->result->target, fd, error));
    if (done && !overwrite_locked(restore, &job, extra, error)) {
        name_restore_point(restore, error);
        done = FALSE;
    }
    job_clear(&job);
    return done;
}

static gboolean restore_over_target(Restore *restore, GError **error)
{
    GError *failure = NULL;

    if (!check_first(restore, error))
        return FALSE;
    int fd = open_target(restore, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    /* With an error of its own to add to, whether or not the caller wants one. */
    gboolean done = overwrite(restore, fd, &failure);
    if (fd >= 0)
        close(fd);
    if (!done)
        g_propagate_error(error, failure);
    return done;
}

static gboolean wants_overwrite(const Restore *restore)
{
    if (restore->options->strategy != CRONOS_RESTORE_CONFIGURED)
        return restore->options->strategy == CRONOS_RESTORE_OVERWRITE;
    return strcmp(cronos_config_string(restore->config, CRONOS_CONFIG_RESTORE_DEFAULT_STRATEGY),
                  "overwrite") == 0;
}

static void expect_work(Restore *restore)
{
    guint64 members;
    guint64 bytes;

    cronos_tally_expect(&restore->tally, restore->plan->bytes, restore->plan->files->len);
    if (!wants_check(restore))
        return;
    cronos_verify_totals(restore->archive, &members, &bytes);
    cronos_tally_expect(&restore->tally, bytes, members);
}

static gboolean run(Restore *restore, GError **error)
{
    const char *backup_name = restore->backup->file_name;
    gboolean over = wants_overwrite(restore);

    if (restore->options->delete_extra && !over) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "deleting what is not in the backup goes with the strategy overwrite only");
        return FALSE;
    }
    expect_work(restore);
    if (!restore->options->dry_run)
        cronos_log_event(CRONOS_LOG_INFO, backup_name, NULL, "restore started (%s)",
                         over ? "overwrite" : "new_location");
    if (!(over ? restore_over_target(restore, error) : restore_to_new_location(restore, error)))
        return FALSE;
    restore->result->bytes = restore->plan->bytes;
    if (!restore->options->dry_run)
        cronos_log_result(
            CRONOS_LOG_INFO, backup_name, restore->result->target,
            "restored: %" G_GUINT64_FORMAT " created, %" G_GUINT64_FORMAT
            " replaced, %" G_GUINT64_FORMAT " deleted, %" G_GUINT64_FORMAT " unchanged, %u failed",
            restore->result->created, restore->result->replaced, restore->result->deleted,
            restore->result->unchanged, restore->result->failed->len);
    return TRUE;
}

CronosRestoreResult *cronos_restore(const CronosConfig *config, const CronosBackup *backup,
                                    const CronosRestoreOptions *options,
                                    const CronosProgress *progress, GError **error)
{
    g_autoptr(CronosArchive) archive =
        cronos_verify_open(cronos_config_backup_directory(config), backup->file_name, error);
    if (archive == NULL)
        return NULL;
    g_autoptr(CronosRestorePlan) plan = cronos_restore_plan_new(
        archive, backup->file_name, cronos_config_root(config), options, error);
    if (plan == NULL)
        return NULL;
    g_autoptr(CronosRestoreResult) result = g_new0(CronosRestoreResult, 1);
    Restore restore = {
        .config = config,
        .backup = backup,
        .options = options,
        .progress = progress,
        .archive = archive,
        .plan = plan,
        .result = result,
    };
    GError *failure = NULL;

    result->failed = g_ptr_array_new_with_free_func(g_free);
    cronos_tally_init(&restore.tally, progress);
    gboolean done = run(&restore, &failure);
    cronos_tally_clear(&restore.tally);
    if (done)
        return g_steal_pointer(&result);
    if (!options->dry_run)
        cronos_log_event(CRONOS_LOG_WARNING, backup->file_name, NULL, "restore failed: %s",
                         failure->message);
    g_propagate_error(error, failure);
    return NULL;
}
