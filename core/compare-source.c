/* SPDX-License-Identifier: MIT
 * compare-source.c - walk the root, look each path up, then compare bytes by several threads */
#include "core/compare-source.h"
#include "core/below.h"
#include "core/error.h"
#include "core/member-bytes.h"
#include "core/metadata.h"
#include "core/parallel.h"
#include "core/recorded-patterns.h"
#include "core/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_LENGTH 32

typedef enum {
    SOURCE_UNSEEN,
    SOURCE_SEEN,
    SOURCE_GONE,
    SOURCE_UNREADABLE,
} SourceState;

typedef struct {
    CronosArchive *archive;
    CronosTally *tally;
    CronosVerifyResult *result; /* under lock */
    GPtrArray *undecoded;       /* the same; nullable */
    pthread_mutex_t lock;
    int root_fd;
    guint32 metadata;
    guint8 *states;  /* SourceState by entry */
    GArray *pending; /* of guint32: same kind and size, contents to be compared */
} Source;

typedef struct {
    Source *source;
    CronosPieceRoom room, other;
    int fd;
    gboolean differs;
} Worker;

/* @list: nullable. @path: taken over. */
static void add_path(Source *source, GPtrArray *list, char *path)
{
    if (list == NULL) {
        g_free(path);
        return;
    }
    pthread_mutex_lock(&source->lock);
    g_ptr_array_add(list, path);
    pthread_mutex_unlock(&source->lock);
}

/* A file without a size may have contents all the same: those of /proc do. */
static gboolean may_be_same_size(const CronosMemberInfo *info, const CronosMemberInfo *there)
{
    return info->size_bytes == there->size_bytes ||
           (there->kind == CRONOS_MEMBER_FILE && there->size_bytes == 0);
}

/* Holds what is there against the index, and notes what needs its bytes compared. */
static void compare_info(Source *source, guint32 entry, const char *path,
                         const CronosMemberInfo *there)
{
    g_autoptr(GError) error = NULL;
    CronosMemberInfo info;

    source->states[entry] = SOURCE_SEEN;
    if (!cronos_archive_info(source->archive, entry, &info, &error)) {
        add_path(source, source->undecoded, cronos_member_report(path, error->message));
        return;
    }
    if (info.kind != there->kind ||
        (info.kind != CRONOS_MEMBER_DIRECTORY && !may_be_same_size(&info, there))) {
        add_path(source, source->result->changed, g_strdup(path));
        return;
    }
    if (info.kind == CRONOS_MEMBER_DIRECTORY ||
        (info.kind == CRONOS_MEMBER_SYMLINK && info.size_bytes == 0))
        return;
    g_array_append_val(source->pending, entry);
    cronos_tally_expect(source->tally, info.size_bytes, 1);
}

static gboolean walk(Source *source, CronosScan *scan, GError **error)
{
    const CronosScanItem *item;

    while ((item = cronos_scan_next(scan)) != NULL) {
        if (!cronos_tally_check(source->tally, error))
            return FALSE;
        guint32 entry = cronos_archive_lookup_path(source->archive, item->path);
        if (entry == CRONOS_ENTRY_NONE || entry == source->metadata)
            add_path(source, source->result->added, g_strndup(item->path, item->path_length));
        else
            compare_info(source, entry, item->path, &item->info);
    }
    const GPtrArray *unreadable = cronos_scan_unreadable(scan);
    for (guint i = 0; i < unreadable->len; i++)
        add_path(source, source->result->unreadable, g_strdup(g_ptr_array_index(unreadable, i)));
    return TRUE;
}

/* A link in the way means gone, too: what is behind it is not the root's. */
static gboolean means_gone(int errnum)
{
    return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP || errnum == ENAMETOOLONG;
}

/* @path: taken over. */
static void note_absent(Source *source, guint32 entry, SourceState state, char *path, int errnum)
{
    source->states[entry] = (guint8)state;
    if (state == SOURCE_GONE) {
        add_path(source, source->result->missing, path);
        return;
    }
    add_path(source, source->result->unreadable, cronos_member_report(path, g_strerror(errnum)));
    g_free(path);
}

/* A member that the walk did not pass: the patterns may leave it out and it may still be there. */
static void look_for(Source *source, guint32 entry)
{
    g_autofree char *path = cronos_archive_path(source->archive, entry);
    const char *name;
    struct stat status;
    CronosMemberInfo there;
    int parent_fd = cronos_below_open_parent(source->root_fd, path, &name);
    gboolean found = parent_fd >= 0 && fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    int errnum = found ? 0 : errno;

    if (parent_fd >= 0)
        close(parent_fd);
    if (!found) {
        note_absent(source, entry, means_gone(errnum) ? SOURCE_GONE : SOURCE_UNREADABLE,
                    g_steal_pointer(&path), errnum);
    } else if (cronos_member_info_from_stat(&status, &there)) {
        compare_info(source, entry, path, &there);
    } else {
        source->states[entry] = SOURCE_SEEN;
        add_path(source, source->result->changed, g_steal_pointer(&path));
    }
}

static gboolean find_missing(Source *source, GError **error)
{
    guint32 count = cronos_archive_count(source->archive);

    for (guint32 entry = 1; entry < count; entry++) {
        if (source->states[entry] != SOURCE_UNSEEN || entry == source->metadata)
            continue;
        if (!cronos_tally_check(source->tally, error))
            return FALSE;
        SourceState above = source->states[cronos_archive_parent(source->archive, entry)];
        if (above == SOURCE_GONE || above == SOURCE_UNREADABLE)
            note_absent(source, entry, above, cronos_archive_path(source->archive, entry), EACCES);
        else
            look_for(source, entry);
    }
    return TRUE;
}

static gpointer worker_new(gpointer shared)
{
    Worker *worker = g_new0(Worker, 1);

    worker->source = shared;
    return worker;
}

static void worker_free(gpointer data)
{
    Worker *worker = data;

    cronos_piece_room_clear(&worker->room);
    cronos_piece_room_clear(&worker->other);
    g_free(worker);
}

static gboolean compare_piece(const guint8 *piece, gsize length, guint64 offset, gpointer user_data,
                              GError **error)
{
    Worker *worker = user_data;
    guint8 *other = cronos_piece_room(&worker->other, length);
    gsize got = 0;

    while (got < length) {
        ssize_t count = pread(worker->fd, other + got, length - got, (off_t)(offset + got));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            cronos_error_set_system(error, errno, "cannot be read");
            return FALSE;
        }
        if (count == 0)
            break;
        got += (gsize)count;
    }
    worker->differs = got < length || memcmp(piece, other, length) != 0;
    return !worker->differs;
}

static gboolean ends_at(int fd, guint64 size_bytes)
{
    guint8 byte;

    return TEMP_FAILURE_RETRY(pread(fd, &byte, 1, (off_t)size_bytes)) <= 0;
}

static gboolean compare_file(Worker *worker, guint32 entry, const char *path, guint64 size_bytes)
{
    Source *source = worker->source;
    g_autoptr(GError) error = NULL;

    worker->differs = FALSE;
    worker->fd = cronos_scan_open_file(source->root_fd, path, &error);
    if (worker->fd < 0) {
        add_path(source, source->result->unreadable, cronos_member_report(path, error->message));
        return TRUE;
    }
    gboolean same = cronos_member_bytes(source->archive, entry, size_bytes, &worker->room,
                                        source->tally, compare_piece, worker, &error);
    worker->differs |= same && !ends_at(worker->fd, size_bytes);
    close(worker->fd);
    if (worker->differs)
        add_path(source, source->result->changed, g_strdup(path));
    else if (!same && error->domain == CRONOS_SYSTEM_ERROR)
        add_path(source, source->result->unreadable, cronos_member_report(path, error->message));
    else if (!same && !g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED))
        add_path(source, source->undecoded, cronos_member_report(path, error->message));
    return TRUE;
}

static void compare_link(Source *source, guint32 entry, const char *path)
{
    gsize length;
    g_autofree char *there = cronos_scan_readlink(source->root_fd, path, &length, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *archived = cronos_archive_readlink(source->archive, entry, &error);

    if (archived == NULL)
        add_path(source, source->undecoded, cronos_member_report(path, error->message));
    if (archived != NULL &&
        (there == NULL || length != strlen(archived) || memcmp(there, archived, length) != 0))
        add_path(source, source->result->changed, g_strdup(path));
    cronos_tally_add(source->tally, archived == NULL ? 0 : strlen(archived), 0, NULL);
}

static gboolean compare_one(gpointer data, gsize index, GError **error)
{
    Worker *worker = data;
    Source *source = worker->source;
    guint32 entry = g_array_index(source->pending, guint32, index);
    g_autofree char *path = cronos_archive_path(source->archive, entry);
    CronosMemberInfo info;

    if (!cronos_tally_check(source->tally, error))
        return FALSE;
    if (!cronos_archive_info(source->archive, entry, &info, NULL))
        return TRUE;
    if (info.kind == CRONOS_MEMBER_SYMLINK)
        compare_link(source, entry, path);
    else
        compare_file(worker, entry, path, info.size_bytes);
    cronos_tally_add(source->tally, 0, 1, path);
    return cronos_tally_check(source->tally, error);
}

static int compare_positions(gconstpointer a, gconstpointer b, gpointer data)
{
    const Source *source = data;
    guint64 left = cronos_archive_position(source->archive, *(const guint32 *)a);
    guint64 right = cronos_archive_position(source->archive, *(const guint32 *)b);

    return left != right ? (left < right ? -1 : 1) : 0;
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean compare_all(Source *source, CronosScan *scan, guint threads, GError **error)
{
    const CronosParallel parallel = {
        .threads = cronos_archive_threads(source->archive, threads),
        .run_length = RUN_LENGTH,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .work = compare_one,
    };

    if (!walk(source, scan, error) || !find_missing(source, error))
        return FALSE;
    if (cronos_archive_is_sequential(source->archive))
        g_array_sort_with_data(source->pending, compare_positions, source);
    if (!cronos_parallel_for(&parallel, source->pending->len, source, error))
        return FALSE;
    g_ptr_array_sort(source->result->changed, compare_paths);
    g_ptr_array_sort(source->result->missing, compare_paths);
    g_ptr_array_sort(source->result->added, compare_paths);
    g_ptr_array_sort(source->result->unreadable, compare_paths);
    return TRUE;
}

gboolean cronos_compare_source(const CronosConfig *config, CronosArchive *archive, guint threads,
                               CronosTally *tally, GPtrArray *undecoded, CronosVerifyResult *result,
                               GError **error)
{
    const char *const skip[] = {cronos_config_backup_directory(config), NULL};
    const char *const skip_files[] = {cronos_config_log_file(config), NULL};
    g_autoptr(CronosRecordedPatterns) patterns =
        cronos_recorded_patterns_read(archive, config, error);
    if (patterns == NULL)
        return FALSE;
    const CronosScanOptions options = {
        .root = cronos_config_root(config),
        .include = patterns->include_patterns,
        .exclude = patterns->exclude_patterns,
        .skip_directories = skip,
        .skip_files = skip_files,
        .exclude_caches = patterns->caches_recorded
                              ? patterns->exclude_caches
                              : cronos_config_bool(config, CRONOS_CONFIG_BACKUP_EXCLUDE_CACHES),
    };
    g_autoptr(CronosScan) scan = cronos_scan_open(&options, error);
    if (scan == NULL)
        return FALSE;
    g_autofree guint8 *states = g_new0(guint8, MAX(cronos_archive_count(archive), 1));
    g_autoptr(GArray) pending = g_array_new(FALSE, FALSE, sizeof(guint32));
    Source source = {
        .archive = archive,
        .tally = tally,
        .result = result,
        .undecoded = undecoded,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .root_fd = cronos_scan_root_fd(scan),
        .metadata = cronos_metadata_entry(archive),
        .states = states,
        .pending = pending,
    };
    gboolean done = compare_all(&source, scan, threads, error);
    pthread_mutex_destroy(&source.lock);
    return done;
}
