/* SPDX-License-Identifier: MIT
 * create.c - making a backup: from options to a published archive
 *
 * The archive is written under a temporary name, below the lock of the backup directory, and gets
 * its own name last; whatever fails before leaves nothing behind. */
#include "core/create.h"
#include "core/backup-directory.h"
#include "core/create-private.h"
#include "core/error.h"
#include "core/log.h"
#include "core/metadata.h"
#include "core/retention.h"
#include "core/zip/zip-format.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S G_GINT64_CONSTANT(1000000000)
#define METADATA_BYTES_MAX ((gsize)1 << 20)
#define FREE_BYTES_LEAST ((guint64)1 << 20)

/* One call of cronos_create. */
typedef struct {
    const CronosConfig *config;
    const CronosCreateOptions *options;
    GCancellable *cancellable; /* borrowed, nullable */
    CronosTally tally;
    int level;

    char *name;
    const char *type;
    GPtrArray *include, *exclude; /* of const char *, NULL-terminated, borrowed strings */
    CronosPatterns *include_patterns, *exclude_patterns;
    const char *skip[2];
    CronosScanOptions scan;
    gint64 created, started_ns;
    gboolean member; /* the metadata is a member too */

    CronosBackupDirectory *directory;
    CronosReuse *reuse; /* NULL: nothing is taken over */
    int fd;
    char *temporary;
    guint64 free_bytes; /* when it began; G_MAXUINT64: not known */
    gsize reserved_bytes;
    CronosCreateResult *result;
} Create;

void cronos_create_result_free(CronosCreateResult *result)
{
    if (result == NULL)
        return;
    g_free(result->path);
    g_free(result->file_name);
    g_free(result->declined);
    g_free(result->hook_error);
    g_ptr_array_unref(result->unreadable);
    g_ptr_array_unref(result->damaged);
    g_ptr_array_unref(result->removed);
    g_free(result);
}

static const char *root_of(const Create *create)
{
    return create->options->root != NULL ? create->options->root
                                         : cronos_config_root(create->config);
}

static CronosCreateResult *result_new(void)
{
    CronosCreateResult *result = g_new0(CronosCreateResult, 1);

    result->unreadable = g_ptr_array_new_with_free_func(g_free);
    result->damaged = g_ptr_array_new_with_free_func(g_free);
    result->removed = g_ptr_array_new_with_free_func(g_free);
    return result;
}

static void add_patterns(GPtrArray *list, const char *const *patterns)
{
    for (guint i = 0; patterns != NULL && patterns[i] != NULL; i++)
        g_ptr_array_add(list, (gpointer)(guintptr)patterns[i]);
}

/* The lists in force: as typed and configured, in this order. */
static gboolean prepare_patterns(Create *create, GError **error)
{
    const CronosCreateOptions *options = create->options;
    gboolean everything = options->include == NULL || options->include[0] == NULL;
    static const char *const all[] = {"**/*", NULL};

    create->include = g_ptr_array_new();
    create->exclude = g_ptr_array_new();
    add_patterns(create->include, everything ? all : options->include);
    if (!options->no_default_excludes)
        add_patterns(create->exclude,
                     cronos_config_strings(create->config, CRONOS_CONFIG_BACKUP_EXCLUDE_PATTERNS));
    add_patterns(create->exclude, options->exclude);
    g_ptr_array_add(create->include, NULL);
    g_ptr_array_add(create->exclude, NULL);
    if (!everything) {
        create->include_patterns =
            cronos_patterns_new((const char *const *)create->include->pdata, error);
        if (create->include_patterns == NULL)
            return FALSE;
    }
    create->exclude_patterns =
        cronos_patterns_new((const char *const *)create->exclude->pdata, error);
    return create->exclude_patterns != NULL;
}

static void prepare_scan(Create *create)
{
    create->skip[0] = cronos_config_backup_directory(create->config);
    create->scan = (CronosScanOptions){
        .root = root_of(create),
        .include = create->include_patterns,
        .exclude = create->exclude_patterns,
        .skip_directories = create->skip,
        .exclude_caches = cronos_config_bool(create->config, CRONOS_CONFIG_BACKUP_EXCLUDE_CACHES),
    };
}

/* Returns: (owned), or NULL with @error. A root named ".files" makes backups named "files". */
static char *name_of(const Create *create, GError **error)
{
    if (create->options->name != NULL)
        return cronos_backup_name_normalize(create->options->name, error);
    g_autofree char *base = g_path_get_basename(root_of(create));
    const char *visible = base + strspn(base, ".");

    return cronos_backup_name_normalize(g_str_equal(base, "/") ? "root" : visible, error);
}

static gboolean prepare(Create *create, const CronosProgress *progress, GError **error)
{
    const CronosCreateOptions *options = create->options;

    cronos_tally_init(&create->tally, progress);
    create->fd = -1;
    create->free_bytes = G_MAXUINT64;
    create->cancellable = progress == NULL ? NULL : progress->cancellable;
    create->result = result_new();
    create->type = options->type == NULL ? CRONOS_BACKUP_TYPE_MANUAL : options->type;
    create->name = name_of(create, error);
    if (create->name == NULL || !cronos_backup_type_check(create->type, error))
        return FALSE;
    if (options->metadata != NULL && !cronos_metadata_check_user(options->metadata, error))
        return FALSE;
    create->level = options->level >= 0
                        ? options->level
                        : cronos_config_int(create->config, CRONOS_CONFIG_BACKUP_COMPRESSION_LEVEL);
    if (create->level > 12) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "compression level %d is not between 0 and 12", create->level);
        return FALSE;
    }
    if (!prepare_patterns(create, error))
        return FALSE;
    prepare_scan(create);
    return TRUE;
}

static void create_clear(Create *create)
{
    if (create->temporary != NULL && create->directory != NULL)
        (void)unlinkat(cronos_backup_directory_fd(create->directory), create->temporary, 0);
    if (create->fd >= 0)
        close(create->fd);
    cronos_reuse_free(create->reuse);
    cronos_backup_directory_unlock(create->directory);
    g_free(create->temporary);
    g_free(create->name);
    g_clear_pointer(&create->include, g_ptr_array_unref);
    g_clear_pointer(&create->exclude, g_ptr_array_unref);
    cronos_patterns_free(create->include_patterns);
    cronos_patterns_free(create->exclude_patterns);
    cronos_create_result_free(create->result);
    cronos_tally_clear(&create->tally);
}

static CronosScan *open_scan(const Create *create, GError **error)
{
    return cronos_scan_open(&create->scan, error);
}

/* SOURCE_DATE_EPOCH pins every time stamp that is not a file's own; never to the future, since
 * reuse trusts files older than the start of a backup. */
static gint64 now_ns(void)
{
    const char *pinned = g_getenv("SOURCE_DATE_EPOCH");
    gint64 now = g_get_real_time() * 1000;
    gint64 seconds;

    if (pinned == NULL ||
        !g_ascii_string_to_signed(pinned, 10, 0, G_MAXINT64 / NS_PER_S, &seconds, NULL))
        return now;
    return MIN(seconds * NS_PER_S, now);
}

/* Counts what the walk gives, beside or instead of the work. @stop: atomic, nullable.
 * Returns: FALSE when stopped or cancelled. */
static gboolean count_scan(CronosScan *scan, GCancellable *cancellable, gint *stop,
                           CronosCreateResult *out_counts)
{
    const CronosScanItem *item;

    while ((item = cronos_scan_next(scan)) != NULL) {
        gboolean is_file = item->info.kind == CRONOS_MEMBER_FILE;

        if ((stop != NULL && g_atomic_int_get(stop)) || g_cancellable_is_cancelled(cancellable))
            return FALSE;
        out_counts->files += is_file;
        out_counts->directories += item->info.kind == CRONOS_MEMBER_DIRECTORY;
        out_counts->symlinks += item->info.kind == CRONOS_MEMBER_SYMLINK;
        out_counts->bytes += is_file ? item->info.size_bytes : 0;
    }
    return TRUE;
}

/* The estimate a progress display needs: a second walk, which costs little beside compression and
 * finds every inode for the first one. */
typedef struct {
    CronosScan *scan;
    Create *create;
    gint stop; /* atomic */
    GThread *thread;
} Estimate;

static gpointer estimate_main(gpointer data)
{
    Estimate *estimate = data;
    CronosCreateResult counts = {0};

    if (count_scan(estimate->scan, estimate->create->cancellable, &estimate->stop, &counts))
        cronos_tally_expect(&estimate->create->tally, counts.bytes,
                            counts.files + counts.directories + counts.symlinks);
    return NULL;
}

static void estimate_start(Estimate *estimate, Create *create)
{
    *estimate = (Estimate){.create = create};
    if (!cronos_tally_listens(&create->tally))
        return;
    estimate->scan = open_scan(create, NULL);
    if (estimate->scan != NULL)
        estimate->thread = g_thread_new("cronos-count", estimate_main, estimate);
}

static void estimate_end(Estimate *estimate)
{
    g_atomic_int_set(&estimate->stop, 1);
    if (estimate->thread != NULL)
        g_thread_join(estimate->thread);
    cronos_scan_free(estimate->scan);
}

static int compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void collect_scan(Create *create, CronosScan *scan)
{
    const GPtrArray *unreadable = cronos_scan_unreadable(scan);

    create->result->skipped = cronos_scan_skipped(scan);
    for (guint i = 0; unreadable != NULL && i < unreadable->len; i++)
        g_ptr_array_add(create->result->unreadable, g_strdup(unreadable->pdata[i]));
    g_ptr_array_sort(create->result->unreadable, compare_strings);
}

static gboolean check_root(const Create *create, GError **error)
{
    struct stat status;
    const char *root = root_of(create);

    if (stat(root, &status) != 0) {
        g_autofree char *quoted = cronos_quote_path(root);

        cronos_error_set_system(error, errno, "%s", quoted);
        return FALSE;
    }
    return TRUE;
}

/* The user's own file of that name keeps its member. */
static gboolean root_has_metadata_file(const Create *create)
{
    struct stat status;
    g_autofree char *path = g_build_filename(root_of(create), CRONOS_METADATA_MEMBER, NULL);

    if (lstat(path, &status) != 0)
        return FALSE;
    gboolean folder = S_ISDIR(status.st_mode);
    if (cronos_patterns_match(create->exclude_patterns, CRONOS_METADATA_MEMBER, folder))
        return FALSE;
    return create->include_patterns == NULL || folder ||
           cronos_patterns_match(create->include_patterns, CRONOS_METADATA_MEMBER, FALSE);
}

/* @most: as long as it can get, to reserve room. */
static char *format_metadata(const Create *create, gboolean most, gsize *out_length)
{
    const CronosCreateResult *result = create->result;
    CronosMetadataFacts facts = {
        .type = create->type,
        .name = create->name,
        .root = root_of(create),
        .created = create->created,
        .started_ns = create->started_ns,
        .level = create->level,
        .files = most ? G_MAXINT64 : result->files,
        .directories = most ? G_MAXINT64 : result->directories,
        .symlinks = most ? G_MAXINT64 : result->symlinks,
        .bytes = most ? G_MAXINT64 : result->bytes,
        .skipped = most ? G_MAXINT64 : result->skipped,
        .unreadable = most ? G_MAXINT64 : result->unreadable->len,
        .include_patterns = (const char *const *)create->include->pdata,
        .exclude_patterns = (const char *const *)create->exclude->pdata,
        .user = create->options->metadata,
        .member = create->member,
    };

    return cronos_metadata_format(&facts, out_length);
}

static gboolean reserve_metadata(Create *create, CronosZipWriter *zip, GError **error)
{
    g_autofree char *most = format_metadata(create, TRUE, &create->reserved_bytes);
    gsize limit = create->member ? METADATA_BYTES_MAX : ZIP_COMMENT_MAX;
    CronosZipMember member = {
        .name = CRONOS_METADATA_MEMBER,
        .name_length = strlen(CRONOS_METADATA_MEMBER),
        .info = {.kind = CRONOS_MEMBER_FILE,
                 .mode = S_IFREG | 0644,
                 .has_mode = TRUE,
                 .has_owner = TRUE,
                 .uid = geteuid(),
                 .gid = getegid(),
                 .mtime_ns = create->created * NS_PER_S},
    };

    if (create->reserved_bytes > limit) {
        g_set_error(
            error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
            "the metadata is too large: %" G_GSIZE_FORMAT " bytes of at most "
            "%" G_GSIZE_FORMAT "%s",
            create->reserved_bytes, limit,
            create->member ? "" : ", since the root has a " CRONOS_METADATA_MEMBER " of its own");
        return FALSE;
    }
    return !create->member ||
           cronos_zip_writer_reserve(zip, &member, create->reserved_bytes, error);
}

static gboolean finish_archive(Create *create, CronosZipWriter *zip, GError **error)
{
    gsize length = 0;
    g_autofree char *text = format_metadata(create, FALSE, &length);
    gboolean fits = length <= ZIP_COMMENT_MAX;

    if (create->member) {
        g_autofree char *padded = g_malloc(create->reserved_bytes + 1);

        if (length > create->reserved_bytes) {
            g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                                "the metadata does not fit the room kept for it");
            return FALSE;
        }
        memcpy(padded, text, length);
        memset(padded + length, ' ', create->reserved_bytes - length);
        padded[create->reserved_bytes - 1] = '\n';
        if (!cronos_zip_writer_fill_reserved(zip, padded, error))
            return FALSE;
    }
    return cronos_zip_writer_finish(zip, fits ? text : NULL, fits ? length : 0, error);
}

static gboolean write_members(Create *create, CronosZipWriter *zip, GError **error)
{
    g_autoptr(CronosScan) scan = open_scan(create, error);
    CreateWriter writer = {
        .zip = zip,
        .result = create->result,
        .tally = &create->tally,
        .reserved_name = create->member ? CRONOS_METADATA_MEMBER : NULL,
        .cancellable = create->cancellable,
        .reuse = create->reuse,
    };
    Estimate estimate;

    if (scan == NULL)
        return FALSE;
    create_worker_init(&writer.worker, cronos_scan_root_fd(scan), create->level);
    estimate_start(&estimate, create);
    gboolean ok =
        create_pipeline_run(scan, create->options->threads, create->level, &writer, error);
    estimate_end(&estimate);
    create_writer_clear(&writer);
    collect_scan(create, scan);
    return ok;
}

static gboolean write_archive(Create *create, GError **error)
{
    g_autoptr(CronosZipWriter) zip = cronos_zip_writer_new(create->fd);

    if (!reserve_metadata(create, zip, error) || !write_members(create, zip, error) ||
        !finish_archive(create, zip, error))
        return FALSE;
    create->result->archive_bytes = cronos_zip_writer_position(zip);
    return TRUE;
}

/* How much a backup will need is not known before it is compressed; that nothing fits any more is.
 */
static gboolean check_space(Create *create, GError **error)
{
    struct statvfs space;

    if (fstatvfs(cronos_backup_directory_fd(create->directory), &space) != 0)
        return TRUE;
    create->free_bytes = (guint64)space.f_bavail * space.f_frsize;
    if (create->free_bytes >= FREE_BYTES_LEAST || space.f_blocks == 0)
        return TRUE;
    g_autofree char *path = cronos_quote_path(cronos_backup_directory_path(create->directory));
    g_autofree char *left = g_format_size(create->free_bytes);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NO_SPACE, "no space for a backup in %s: %s free",
                path, left);
    return FALSE;
}

static void explain_space(const Create *create, GError **error)
{
    if (error == NULL || !g_error_matches(*error, CRONOS_SYSTEM_ERROR, ENOSPC) ||
        create->free_bytes == G_MAXUINT64)
        return;
    g_autofree char *path = cronos_quote_path(cronos_config_backup_directory(create->config));
    g_autofree char *left = g_format_size(create->free_bytes);
    g_autofree char *message = g_strdup((*error)->message);
    g_clear_error(error);
    g_set_error(error, CRONOS_SYSTEM_ERROR, ENOSPC, "%s: %s (%s were free when the backup began)",
                path, message, left);
}

static gboolean lock_directory(Create *create, GError **error)
{
    create->directory = cronos_backup_directory_lock(cronos_config_backup_directory(create->config),
                                                     create->cancellable, error);
    return create->directory != NULL;
}

static gboolean begin_archive(Create *create, GError **error)
{
    if (!check_space(create, error))
        return FALSE;
    if (!create->options->full)
        create->reuse = cronos_reuse_open(cronos_backup_directory_fd(create->directory),
                                          cronos_backup_directory_path(create->directory),
                                          root_of(create), create->level);
    create->started_ns = now_ns();
    create->created = cronos_backup_directory_free_second(
        create->directory, create->type, create->name, create->started_ns / NS_PER_S);
    create->member = !root_has_metadata_file(create);
    create->fd =
        cronos_backup_directory_create_temporary(create->directory, &create->temporary, error);
    return create->fd >= 0;
}

/* @dirfd: the backup directory. */
static gboolean is_due(Create *create, int dirfd)
{
    gboolean automatic = g_str_equal(create->type, CRONOS_BACKUP_TYPE_AUTO);
    CreateDue due = {
        .dirfd = dirfd,
        .directory = cronos_config_backup_directory(create->config),
        .root = root_of(create),
        .scan = &create->scan,
        .cancellable = create->cancellable,
        .now_ns = now_ns(),
    };

    if (automatic) {
        due.interval_hours =
            (guint)cronos_config_int(create->config, CRONOS_CONFIG_AUTO_INTERVAL_HOURS);
        due.min_changes = (guint)cronos_config_int(create->config, CRONOS_CONFIG_AUTO_MIN_CHANGES);
    }
    return !create->options->if_changed || create_is_due(&due, create->result);
}

static gboolean publish(Create *create, GError **error)
{
    g_autofree char *temporary = g_steal_pointer(&create->temporary);

    create->result->file_name =
        cronos_backup_directory_publish(create->directory, create->fd, temporary, create->type,
                                        create->name, create->created, error);
    if (create->result->file_name == NULL)
        return FALSE;
    create->result->path = g_build_filename(cronos_backup_directory_path(create->directory),
                                            create->result->file_name, NULL);
    return TRUE;
}

/* The backup stands whatever becomes of older ones: what retention can not do is told, no more. */
static void apply_retention(Create *create)
{
    CronosRetentionOptions options = {
        .retention_days = -1,
        .max_backups = -1,
        .keep_minimum = -1,
        .keep_daily = -1,
        .keep_weekly = -1,
        .keep_monthly = -1,
        .now = create->started_ns / NS_PER_S,
        .protect = create->result->file_name,
    };
    g_autoptr(CronosCatalog) catalog = NULL;
    g_autoptr(GError) error = NULL;

    if (create->options->no_retention)
        return;
    g_autoptr(GPtrArray) verdicts = cronos_retention_apply(create->config, create->directory,
                                                           &options, FALSE, &catalog, &error);
    if (verdicts == NULL) {
        cronos_log_event(CRONOS_LOG_ERROR, create->result->file_name, NULL,
                         "older backups could not be removed: %s", error->message);
        return;
    }
    for (guint i = 0; i < verdicts->len; i++) {
        const CronosRetentionVerdict *verdict = verdicts->pdata[i];

        if (verdict->remove)
            g_ptr_array_add(create->result->removed, g_strdup(verdict->backup->file_name));
    }
}

static void log_result(const Create *create)
{
    const CronosCreateResult *result = create->result;

    for (guint i = 0; i < result->unreadable->len; i++)
        cronos_log_event(CRONOS_LOG_WARNING, result->file_name, NULL, "not backed up as it is: %s",
                         (const char *)result->unreadable->pdata[i]);
    for (guint i = 0; i < result->damaged->len; i++)
        cronos_log_event(CRONOS_LOG_WARNING, result->file_name, NULL,
                         "damaged in an earlier backup, compressed afresh: %s",
                         (const char *)result->damaged->pdata[i]);
    cronos_log_event(CRONOS_LOG_INFO, result->file_name, NULL,
                     "backup made: %" G_GUINT64_FORMAT " files, %" G_GUINT64_FORMAT
                     " directories, %" G_GUINT64_FORMAT " symbolic links, %" G_GUINT64_FORMAT
                     " bytes in %" G_GUINT64_FORMAT,
                     result->files, result->directories, result->symlinks, result->bytes,
                     result->archive_bytes);
}

static gboolean write_backup(Create *create, GError **error)
{
    if (!begin_archive(create, error) || !write_archive(create, error) || !publish(create, error)) {
        explain_space(create, error);
        return FALSE;
    }
    log_result(create);
    apply_retention(create);
    return TRUE;
}

static gboolean make_backup(Create *create, GError **error)
{
    if (!check_root(create, error) || !lock_directory(create, error))
        return FALSE;
    return !is_due(create, cronos_backup_directory_fd(create->directory)) ||
           write_backup(create, error);
}

/* The same question without the lock. A directory that is not there holds nothing. */
static gboolean would_be_due(Create *create)
{
    int dirfd =
        open(cronos_config_backup_directory(create->config), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dirfd < 0)
        return TRUE;
    gboolean due = is_due(create, dirfd);
    close(dirfd);
    return due;
}

static gboolean dry_run(Create *create, GError **error)
{
    if (!would_be_due(create))
        return TRUE;
    g_autoptr(CronosScan) scan = open_scan(create, error);

    if (scan == NULL)
        return FALSE;
    if (!count_scan(scan, create->cancellable, NULL, create->result)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED, "cancelled");
        return FALSE;
    }
    collect_scan(create, scan);
    create->result->file_name =
        cronos_backup_name_format(create->type, create->name, now_ns() / NS_PER_S);
    return TRUE;
}

char *cronos_create_check(const CronosConfig *config, const CronosCreateOptions *options,
                          GError **error)
{
    Create create = {.config = config, .options = options};
    char *name = prepare(&create, NULL, error) ? g_steal_pointer(&create.name) : NULL;

    create_clear(&create);
    return name;
}

CronosCreateResult *cronos_create_find_declined(const CronosConfig *config,
                                                const CronosCreateOptions *options,
                                                const CronosProgress *progress)
{
    Create create = {.config = config, .options = options};
    CronosCreateResult *result = NULL;

    if (prepare(&create, progress, NULL) && !would_be_due(&create))
        result = g_steal_pointer(&create.result);
    create_clear(&create);
    return result;
}

CronosCreateResult *cronos_create(const CronosConfig *config, const CronosCreateOptions *options,
                                  const CronosProgress *progress, GError **error)
{
    Create create = {.config = config, .options = options};
    CronosCreateResult *result = NULL;
    GError *failure = NULL;
    gboolean ok = prepare(&create, progress, &failure) &&
                  (options->dry_run ? dry_run(&create, &failure) : make_backup(&create, &failure));

    if (ok)
        result = g_steal_pointer(&create.result);
    else
        g_propagate_error(error, failure);
    create_clear(&create);
    return result;
}
