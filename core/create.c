/* SPDX-License-Identifier: MIT
 * create.c - making a backup: from options to a published archive
 *
 * The archive is written under a temporary name, below the lock of the backup directory, and gets
 * its own name last; whatever fails before leaves nothing behind. */
#include "core/create.h"
#include "core/create-run.h"
#include "core/error.h"
#include "core/log.h"
#include "core/metadata.h"
#include "core/retention.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NS_PER_S G_GINT64_CONSTANT(1000000000)
#define FREE_BYTES_LEAST ((guint64)1 << 20)

static gboolean check_root(const CreateRun *run, GError **error)
{
    struct stat status;
    const char *root = create_run_root(run);

    if (stat(root, &status) != 0) {
        g_autofree char *quoted = cronos_quote_path(root);

        cronos_error_set_system(error, errno, "%s", quoted);
        return FALSE;
    }
    return TRUE;
}

static gboolean write_members(CreateRun *run, CronosZipWriter *zip, GError **error)
{
    g_autoptr(CronosScan) scan = create_run_scan(run, error);
    CreateWriter writer = {
        .zip = zip,
        .result = run->result,
        .tally = &run->tally,
        .reserved_name = run->member ? CRONOS_METADATA_MEMBER : NULL,
        .cancellable = run->cancellable,
        .reuse = run->reuse,
        .matches = run->matches,
    };
    CreateEstimate estimate;

    if (scan == NULL)
        return FALSE;
    create_worker_init(&writer.worker, cronos_scan_root_fd(scan), run->level);
    create_estimate_start(&estimate, run);
    gboolean ok = create_pipeline_run(scan, run->options->threads, run->level, &writer, error);
    create_estimate_end(&estimate);
    create_writer_clear(&writer);
    create_run_collect(run, scan);
    return ok;
}

static gboolean write_archive(CreateRun *run, GError **error)
{
    g_autoptr(CronosZipWriter) zip = cronos_zip_writer_new(run->fd);

    if (!create_metadata_reserve(run, zip, error) || !write_members(run, zip, error) ||
        !create_metadata_finish(run, zip, error))
        return FALSE;
    run->result->archive_bytes = cronos_zip_writer_position(zip);
    return TRUE;
}

/* How much a backup will need is not known before it is compressed; that nothing fits any more is.
 */
static gboolean check_space(CreateRun *run, GError **error)
{
    struct statvfs space;

    if (fstatvfs(cronos_backup_directory_fd(run->directory), &space) != 0)
        return TRUE;
    run->free_bytes = (guint64)space.f_bavail * space.f_frsize;
    if (run->free_bytes >= FREE_BYTES_LEAST || space.f_blocks == 0)
        return TRUE;
    g_autofree char *path = cronos_quote_path(cronos_backup_directory_path(run->directory));
    g_autofree char *left = g_format_size_full(run->free_bytes, G_FORMAT_SIZE_IEC_UNITS);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NO_SPACE, "no space for a backup in %s: %s free",
                path, left);
    return FALSE;
}

static void explain_space(const CreateRun *run, GError **error)
{
    if (error == NULL || !g_error_matches(*error, CRONOS_SYSTEM_ERROR, ENOSPC) ||
        run->free_bytes == G_MAXUINT64)
        return;
    g_autofree char *path = cronos_quote_path(cronos_config_backup_directory(run->config));
    g_autofree char *left = g_format_size_full(run->free_bytes, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *message = g_strdup((*error)->message);
    g_clear_error(error);
    g_set_error(error, CRONOS_SYSTEM_ERROR, ENOSPC, "%s: %s (%s were free when the backup began)",
                path, message, left);
}

static gboolean lock_directory(CreateRun *run, GError **error)
{
    run->directory = cronos_backup_directory_lock(cronos_config_backup_directory(run->config),
                                                  run->cancellable, error);
    return run->directory != NULL;
}

/* Changes in the root are stamped by the clock of its file system, which on a file server may be
 * behind ours. The archive just made bears its time, too, where both lie on one device. */
static void heed_slower_clock(CreateRun *run)
{
    struct stat root, archive;
    CronosMemberInfo made;

    if (stat(create_run_root(run), &root) == 0 && fstat(run->fd, &archive) == 0 &&
        root.st_dev == archive.st_dev && cronos_member_info_from_stat(&archive, &made))
        run->started_ns = MIN(run->started_ns, made.mtime_ns);
}

static gboolean begin_archive(CreateRun *run, GError **error)
{
    if (!check_space(run, error))
        return FALSE;
    if (!run->options->full)
        run->reuse = cronos_reuse_open(cronos_backup_directory_fd(run->directory),
                                       cronos_backup_directory_path(run->directory),
                                       create_run_root(run), run->level);
    run->started_ns = create_now_ns();
    run->result->walked_ns = g_get_real_time() * 1000;
    run->created = cronos_backup_directory_free_second(run->directory, run->type, run->name,
                                                       run->started_ns / NS_PER_S);
    run->member = !create_root_has_metadata(run);
    run->fd = cronos_backup_directory_create_temporary(run->directory, &run->temporary, error);
    if (run->fd < 0)
        return FALSE;
    heed_slower_clock(run);
    return TRUE;
}

/* @dirfd: the backup directory. */
static gboolean is_due(CreateRun *run, int dirfd)
{
    gboolean automatic = g_str_equal(run->type, CRONOS_BACKUP_TYPE_AUTO);
    CreateDue due = {
        .dirfd = dirfd,
        .directory = cronos_config_backup_directory(run->config),
        .root = create_run_root(run),
        .scan = &run->scan,
        .cancellable = run->cancellable,
        .now_ns = create_now_ns(),
    };

    if (automatic) {
        due.interval_hours =
            (guint)cronos_config_int(run->config, CRONOS_CONFIG_AUTO_INTERVAL_HOURS);
        due.min_changes = (guint)cronos_config_int(run->config, CRONOS_CONFIG_AUTO_MIN_CHANGES);
    }
    return !run->options->if_changed || create_is_due(&due, run->result);
}

static gboolean publish(CreateRun *run, GError **error)
{
    g_autofree char *temporary = g_steal_pointer(&run->temporary);

    run->result->file_name = cronos_backup_directory_publish(
        run->directory, run->fd, temporary, run->type, run->name, run->created, error);
    if (run->result->file_name == NULL)
        return FALSE;
    run->result->path = g_build_filename(cronos_backup_directory_path(run->directory),
                                         run->result->file_name, NULL);
    return TRUE;
}

/* The backup stands whatever becomes of older ones: what retention can not do is told, no more. */
static void apply_retention(CreateRun *run)
{
    CronosRetentionOptions options = cronos_retention_as_configured(run->started_ns / NS_PER_S);
    g_autoptr(CronosCatalog) catalog = NULL;
    g_autoptr(GError) error = NULL;

    options.protect = run->result->file_name;
    if (run->options->no_retention)
        return;
    g_autoptr(GPtrArray) verdicts =
        cronos_retention_apply(run->config, run->directory, &options, FALSE, &catalog, &error);
    if (verdicts == NULL) {
        cronos_log_event(CRONOS_LOG_ERROR, run->result->file_name, NULL,
                         "older backups could not be removed: %s", error->message);
        return;
    }
    for (guint i = 0; i < verdicts->len; i++) {
        const CronosRetentionVerdict *verdict = verdicts->pdata[i];

        if (verdict->remove)
            g_ptr_array_add(run->result->removed, g_strdup(verdict->backup->file_name));
    }
}

static void log_result(const CreateRun *run)
{
    const CronosCreateResult *result = run->result;

    for (guint i = 0; i < result->unreadable->len; i++)
        cronos_log_event(CRONOS_LOG_WARNING, result->file_name, NULL, "not backed up as it is: %s",
                         (const char *)result->unreadable->pdata[i]);
    for (guint i = 0; i < result->damaged->len; i++)
        cronos_log_event(CRONOS_LOG_WARNING, result->file_name, NULL,
                         "damaged in an earlier backup, compressed afresh: %s",
                         (const char *)result->damaged->pdata[i]);
    cronos_log_result(CRONOS_LOG_INFO, result->file_name, NULL,
                      "backup made: %" G_GUINT64_FORMAT " files, %" G_GUINT64_FORMAT
                      " directories, %" G_GUINT64_FORMAT " symbolic links, %" G_GUINT64_FORMAT
                      " bytes in %" G_GUINT64_FORMAT,
                      result->files, result->directories, result->symlinks, result->bytes,
                      result->archive_bytes);
}

static gboolean write_backup(CreateRun *run, GError **error)
{
    if (!begin_archive(run, error) || !write_archive(run, error) ||
        !create_matches_finish(run, error) || !publish(run, error)) {
        explain_space(run, error);
        return FALSE;
    }
    log_result(run);
    apply_retention(run);
    return TRUE;
}

static gboolean make_backup(CreateRun *run, GError **error)
{
    if (!check_root(run, error) || !lock_directory(run, error))
        return FALSE;
    return !is_due(run, cronos_backup_directory_fd(run->directory)) || write_backup(run, error);
}

/* The same question without the lock. A directory that is not there holds nothing. */
static gboolean would_be_due(CreateRun *run)
{
    int dirfd =
        open(cronos_config_backup_directory(run->config), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dirfd < 0)
        return TRUE;
    gboolean due = is_due(run, dirfd);
    close(dirfd);
    return due;
}

static gboolean dry_run(CreateRun *run, GError **error)
{
    if (!would_be_due(run))
        return TRUE;
    g_autoptr(CronosScan) scan = create_run_scan(run, error);

    if (scan == NULL)
        return FALSE;
    if (!create_count(scan, run->cancellable, NULL, run->matches, run->result)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED, "cancelled");
        return FALSE;
    }
    create_run_collect(run, scan);
    if (!create_matches_finish(run, error))
        return FALSE;
    run->result->file_name =
        cronos_backup_name_format(run->type, run->name, create_now_ns() / NS_PER_S);
    return TRUE;
}

char *cronos_create_check(const CronosConfig *config, const CronosCreateOptions *options,
                          GError **error)
{
    CreateRun run = {.config = config, .options = options};
    char *name = create_run_prepare(&run, NULL, error) ? g_steal_pointer(&run.name) : NULL;

    create_run_clear(&run);
    return name;
}

CronosCreateResult *cronos_create_find_declined(const CronosConfig *config,
                                                const CronosCreateOptions *options,
                                                const CronosProgress *progress)
{
    CreateRun run = {.config = config, .options = options};
    CronosCreateResult *result = NULL;

    if (create_run_prepare(&run, progress, NULL) && !would_be_due(&run))
        result = g_steal_pointer(&run.result);
    create_run_clear(&run);
    return result;
}

CronosCreateResult *cronos_create(const CronosConfig *config, const CronosCreateOptions *options,
                                  const CronosProgress *progress, GError **error)
{
    CreateRun run = {.config = config, .options = options};
    CronosCreateResult *result = NULL;
    GError *failure = NULL;
    gboolean ok = create_run_prepare(&run, progress, &failure) &&
                  (options->dry_run ? dry_run(&run, &failure) : make_backup(&run, &failure));

    if (ok)
        result = g_steal_pointer(&run.result);
    else
        g_propagate_error(error, failure);
    create_run_clear(&run);
    return result;
}
