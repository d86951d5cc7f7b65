/* SPDX-License-Identifier: MIT
 * restore-compare.c - is what lies in the target already what the backup holds
 *
 * Size and time alone are not proof: a file whose content was changed with its time kept is what a
 * restore is there to bring back. Where the inode and its change time are those that the backup
 * recorded, and that time is older than the backup's start, the kernel vouches for the file;
 * everywhere else its bytes are read. */
#include "core/file-time.h"
#include "core/open-beneath.h"
#include "core/restore-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define NSEC_PER_SEC G_GINT64_CONSTANT(1000000000)

typedef struct {
    int fd;
    guint8 *buffer; /* as large as a piece */
    gboolean differs;
} Comparison;

static gboolean time_is_same(const struct timespec *time, const CronosMemberInfo *info)
{
    struct timespec archived = cronos_restore_timespec(info->mtime_ns);

    if (time->tv_sec != archived.tv_sec)
        return FALSE;
    /* Archives of other tools mostly hold whole seconds. */
    return time->tv_nsec == archived.tv_nsec || (!info->has_identity && archived.tv_nsec == 0);
}

static gboolean owner_is_same(const CronosRestoreJob *job, const CronosMemberInfo *info,
                              const struct stat *status)
{
    return !job->set_owners || !info->has_owner ||
           (status->st_uid == info->uid && status->st_gid == info->gid);
}

static gboolean attributes_are_same(const CronosRestoreJob *job, const CronosMemberInfo *info,
                                    const struct stat *status)
{
    mode_t mask = cronos_restore_mode_mask(job);

    return (guint64)status->st_size == info->size_bytes && time_is_same(&status->st_mtim, info) &&
           owner_is_same(job, info, status) &&
           (!info->has_mode || (status->st_mode & mask) == (info->mode & mask));
}

static gboolean is_untouched(const CronosRestoreJob *job, const CronosMemberInfo *info,
                             const struct stat *status)
{
    struct timespec changed = cronos_restore_timespec(info->ctime_ns);

    return info->has_identity && (guint64)status->st_ino == info->inode &&
           status->st_ctim.tv_sec == changed.tv_sec && status->st_ctim.tv_nsec == changed.tv_nsec &&
           cronos_file_time_is_earlier(info->ctime_ns, job->started_ns);
}

static gboolean compare_piece(const guint8 *piece, gsize length, guint64 offset, gpointer user_data,
                              GError **error)
{
    Comparison *comparison = user_data;
    gsize got = 0;

    while (got < length) {
        ssize_t count =
            pread(comparison->fd, comparison->buffer + got, length - got, (off_t)(offset + got));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        got += (gsize)count;
    }
    comparison->differs = got < length || memcmp(piece, comparison->buffer, length) != 0;
    return !comparison->differs;
}

static gboolean compare_file(CronosRestoreWorker *worker, guint32 entry,
                             const CronosMemberInfo *info, int parent_fd, const char *name,
                             gboolean *out_same, GError **error)
{
    CronosRestoreJob *job = worker->job;
    /* These bytes are counted where they are written, or as unchanged. */
    CronosProgress quiet;
    Comparison comparison = {
        .fd = cronos_open_beneath(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
    CronosTally tally;

    if (comparison.fd < 0)
        return TRUE;
    comparison.buffer = cronos_piece_room(&worker->other, info->size_bytes);
    cronos_tally_init_quiet(&tally, &quiet, job->tally);
    *out_same = cronos_member_bytes(job->archive, entry, info->size_bytes, &worker->room, &tally,
                                    compare_piece, &comparison, error);
    cronos_tally_clear(&tally);
    close(comparison.fd);
    return *out_same || comparison.differs;
}

static gboolean compare_link(CronosRestoreWorker *worker, guint32 entry, int parent_fd,
                             const char *name, gboolean *out_same, GError **error)
{
    g_autofree char *archived = cronos_archive_readlink(worker->job->archive, entry, error);
    char target[PATH_MAX];

    if (archived == NULL)
        return FALSE;
    ssize_t length = readlinkat(parent_fd, name, target, sizeof target);
    *out_same = length >= 0 && (gsize)length == strlen(archived) &&
                memcmp(target, archived, (gsize)length) == 0;
    return TRUE;
}

gboolean cronos_restore_compare(CronosRestoreWorker *worker, guint32 entry,
                                const CronosMemberInfo *info, int parent_fd, const char *name,
                                const struct stat *status, gboolean *out_same, GError **error)
{
    *out_same = FALSE;
    if (info->kind == CRONOS_MEMBER_SYMLINK) {
        if (!S_ISLNK(status->st_mode) || !time_is_same(&status->st_mtim, info) ||
            !owner_is_same(worker->job, info, status))
            return TRUE;
        return compare_link(worker, entry, parent_fd, name, out_same, error);
    }
    if (!S_ISREG(status->st_mode) || !attributes_are_same(worker->job, info, status))
        return TRUE;
    *out_same = is_untouched(worker->job, info, status);
    return *out_same || compare_file(worker, entry, info, parent_fd, name, out_same, error);
}
