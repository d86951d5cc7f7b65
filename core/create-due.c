/* SPDX-License-Identifier: MIT
 * create-due.c - is a backup called for, or does the newest one hold enough of the tree already?
 *
 * A walk that stops as soon as it has seen enough. What can not be read is in no backup, and calls
 * for none as long as it was not in the newest one either. No file is read, and only those that the
 * newest backup has not are opened. */
#include "core/create-private.h"
#include "core/error.h"
#include "core/log.h"
#include "core/member-bytes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_HOUR (G_GINT64_CONSTANT(3600) * 1000000000)

/* What one walk found. */
typedef struct {
    guint64 present, present_files; /* of what the backup holds; files: all but directories */
    guint64 files;                  /* added or changed ones */
    gboolean differs;               /* something was added or changed, a directory, too */
    GPtrArray *unreadable;          /* of char *: "PATH: reason" */
} Walk;

static void count_item(CronosCreateResult *counts, const CronosMemberInfo *info)
{
    gboolean is_file = info->kind == CRONOS_MEMBER_FILE;

    counts->files += is_file;
    counts->directories += info->kind == CRONOS_MEMBER_DIRECTORY;
    counts->symlinks += info->kind == CRONOS_MEMBER_SYMLINK;
    counts->bytes += is_file ? info->size_bytes : 0;
}

/* Returns: (owned) why the new @item would not be in a backup either, or NULL: it would. What has
 * vanished by now is news. */
static char *find_problem(const CronosScan *scan, const CronosScanItem *item)
{
    gboolean folder = item->info.kind == CRONOS_MEMBER_DIRECTORY;
    const char *refusal = create_refusal(item->path, item->path_length, folder);
    g_autoptr(GError) error = NULL;

    if (refusal != NULL)
        return cronos_member_report(item->path, refusal);
    if (item->info.kind != CRONOS_MEMBER_FILE)
        return NULL;
    int fd = cronos_scan_open_file(cronos_scan_root_fd(scan), item->path, &error);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || error->domain != CRONOS_SYSTEM_ERROR || error->code == ENOENT
               ? NULL
               : create_problem(item->path, error);
}

static void compare_item(Walk *walk, CronosReuseReader *reader, const CronosScan *scan,
                         const CronosScanItem *item, CronosCreateResult *counts)
{
    CronosReuseState state =
        cronos_reuse_compare(reader, item->path, item->path_length, &item->info);
    gboolean is_file = item->info.kind != CRONOS_MEMBER_DIRECTORY;
    char *problem = state == CRONOS_REUSE_ABSENT ? find_problem(scan, item) : NULL;

    if (problem != NULL) {
        g_ptr_array_add(walk->unreadable, problem);
        return;
    }
    walk->present += state != CRONOS_REUSE_ABSENT;
    walk->present_files += state != CRONOS_REUSE_ABSENT && is_file;
    walk->files += state != CRONOS_REUSE_HELD && is_file;
    walk->differs |= state != CRONOS_REUSE_HELD;
    count_item(counts, &item->info);
}

static gboolean is_enough(const CreateDue *due, const Walk *walk)
{
    return due->min_changes > 1 ? walk->files >= due->min_changes : walk->differs;
}

/* Returns: whether enough has changed, or the work was cancelled. @walk: empty; becomes what was
 * seen till then, to the end where not enough has. */
static gboolean walk_tree(const CreateDue *due, const CronosReuse *newest, CronosScan *scan,
                          CronosCreateResult *counts, Walk *walk)
{
    g_autoptr(CronosReuseReader) reader = cronos_reuse_reader_new(newest);
    const CronosScanItem *item;

    while ((item = cronos_scan_next(scan)) != NULL) {
        if (g_cancellable_is_cancelled(due->cancellable))
            return TRUE;
        compare_item(walk, reader, scan, item, counts);
        if (is_enough(due, walk))
            return TRUE;
    }
    const GPtrArray *unlisted = cronos_scan_unreadable(scan);
    for (guint i = 0; i < unlisted->len; i++)
        g_ptr_array_add(walk->unreadable, g_strdup(unlisted->pdata[i]));
    walk->differs |= walk->present != cronos_reuse_member_count(newest);
    walk->files += cronos_reuse_file_count(newest) - walk->present_files;
    return is_enough(due, walk);
}

static void decline(CronosCreateResult *result, const char *file_name, char *why)
{
    result->declined = why;
    cronos_log_result(CRONOS_LOG_INFO, file_name, NULL, "no backup made: %s", why);
}

/* The newest backup is the result. @scan: at its end. */
static void take_newest(const CreateDue *due, const char *file_name, const CronosScan *scan,
                        const CronosCreateResult *counts, CronosCreateResult *result)
{
    result->unchanged = TRUE;
    result->file_name = g_strdup(file_name);
    result->path = g_build_filename(due->directory, file_name, NULL);
    result->files = counts->files;
    result->directories = counts->directories;
    result->symlinks = counts->symlinks;
    result->bytes = counts->bytes;
    result->skipped = cronos_scan_skipped(scan);
    result->excluded = cronos_scan_excluded(scan);
    result->mounts = cronos_scan_mounts(scan);
    decline(result, file_name, g_strdup_printf("nothing has changed since %s", file_name));
}

static void take_unreadable(const char *file_name, const Walk *walk, CronosCreateResult *result)
{
    for (guint i = 0; i < walk->unreadable->len; i++) {
        const char *problem = walk->unreadable->pdata[i];

        cronos_log_event(CRONOS_LOG_WARNING, file_name, NULL, "not backed up as it is: %s",
                         problem);
        g_ptr_array_add(result->unreadable, g_strdup(problem));
    }
    create_sort_problems(result->unreadable);
}

static gboolean has_changed(const CreateDue *due, CronosCreateResult *result)
{
    g_autoptr(CronosReuse) newest = cronos_reuse_open(due->dirfd, due->directory, due->root, -1);
    g_autoptr(CronosScan) scan = newest == NULL ? NULL : cronos_scan_open(due->scan, NULL);
    g_autoptr(GPtrArray) unreadable = g_ptr_array_new_with_free_func(g_free);
    CronosCreateResult counts = {0};
    Walk walk = {.unreadable = unreadable};

    if (scan == NULL || walk_tree(due, newest, scan, &counts, &walk))
        return TRUE;
    const char *file_name = cronos_reuse_file_name(newest);
    if (!walk.differs)
        take_newest(due, file_name, scan, &counts, result);
    else
        decline(result, file_name,
                g_strdup_printf("%" G_GUINT64_FORMAT " %s changed since %s, fewer than %u",
                                walk.files, walk.files == 1 ? "file has" : "files have", file_name,
                                due->min_changes));
    take_unreadable(file_name, &walk, result);
    return FALSE;
}

/* A last one in the future is a clock's mistake, and no reason to wait for it. */
static gboolean has_waited(const CreateDue *due, CronosCreateResult *result)
{
    gint64 started_ns;

    if (due->interval_hours == 0)
        return TRUE;
    g_autofree char *last = cronos_reuse_find_start(due->dirfd, due->directory, due->root,
                                                    CRONOS_BACKUP_TYPE_AUTO, &started_ns);
    if (last == NULL || started_ns > due->now_ns ||
        due->now_ns - started_ns >= due->interval_hours * NS_PER_HOUR)
        return TRUE;
    decline(result, last,
            g_strdup_printf("the last automatic backup, %s, is not %u %s old yet", last,
                            due->interval_hours, due->interval_hours == 1 ? "hour" : "hours"));
    return FALSE;
}

gboolean create_is_due(const CreateDue *due, CronosCreateResult *result)
{
    return has_waited(due, result) && has_changed(due, result);
}
