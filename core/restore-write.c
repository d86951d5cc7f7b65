/* SPDX-License-Identifier: MIT
 * restore-write.c - one file or symbolic link under a name that is free
 *
 * A small member is decoded and checked before its file is made; a large one is written as it is
 * decoded, by several threads where it can be, and removed again when its last byte shows that it
 * is damaged. */
#include "core/error.h"
#include "core/fault.h"
#include "core/log.h"
#include "core/member-chunks.h"
#include "core/restore-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES ((gsize)4096)
#define HOLE_BYTES ((gsize)64 * 1024) /* zeros in a row that are worth a hole */
#define NSEC_PER_SEC G_GINT64_CONSTANT(1000000000)

typedef struct {
    CronosRestoreWorker *worker;
    guint32 entry;
    const CronosMemberInfo *info;
    int parent_fd;
    const char *name;
    int fd;              /* -1: not made yet */
    guint64 written_end; /* atomic: where the last byte written ends; a hole may follow */
} Output;

mode_t cronos_restore_mode_mask(const CronosRestoreJob *job)
{
    return job->options->same_permissions ? 07777 : 01777;
}

mode_t cronos_restore_mode(const CronosRestoreJob *job, const CronosMemberInfo *info)
{
    if (info->has_mode)
        return info->mode & cronos_restore_mode_mask(job);
    return (info->kind == CRONOS_MEMBER_DIRECTORY ? 0777 : 0666) & ~job->umask;
}

struct timespec cronos_restore_timespec(gint64 ns)
{
    gint64 seconds = ns / NSEC_PER_SEC;
    gint64 rest = ns % NSEC_PER_SEC;

    if (rest < 0) {
        rest += NSEC_PER_SEC;
        seconds--;
    }
    return (struct timespec){.tv_sec = seconds, .tv_nsec = rest};
}

static gboolean owner_is_set_already(const CronosRestoreJob *job, const CronosMemberInfo *info)
{
    return job->fresh && !job->resumed && job->plain_defaults && info->uid == job->uid &&
           info->gid == job->gid;
}

int cronos_restore_set_attributes(const CronosRestoreJob *job, int fd, const CronosMemberInfo *info,
                                  mode_t mode, mode_t now)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, cronos_restore_timespec(info->mtime_ns)};

    /* The owner first: changing it takes setuid and setgid away. Who has not become the owner's
     * gets neither. */
    if (job->set_owners && info->has_owner && !owner_is_set_already(job, info)) {
        if (fchown(fd, info->uid, info->gid) != 0)
            mode &= now == CRONOS_MODE_UNKNOWN ? 01777 : 01777 | now;
        else if ((now & 07000) != 0)
            now = CRONOS_MODE_UNKNOWN;
    }
    int errnum = now != mode && fchmod(fd, mode) != 0 ? errno : 0;
    return futimens(fd, times) != 0 ? errno : errnum;
}

static gboolean set_write_error(const Output *output, int errnum, GError **error)
{
    const CronosRestoreJob *job = output->worker->job;
    g_autofree char *path = cronos_archive_path(job->archive, output->entry);
    g_autofree char *quoted = cronos_quote_path(path);

    cronos_error_set_system(error, errnum, "%s: cannot be written", quoted);
    return FALSE;
}

/* Fault point: restore-before-write. Makes the file; nothing that has its name is ever taken away
 * here. @out_made: the mode it has, where that is known. */
static int make_file(Output *output, mode_t *out_made)
{
    const CronosRestoreJob *job = output->worker->job;
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    mode_t mode = job->fresh ? cronos_restore_mode(job, output->info) & 0777 : 0600;

    int errnum = cronos_fault_errno("restore-before-write");

    *out_made = job->fresh && job->plain_defaults ? mode & ~job->umask : CRONOS_MODE_UNKNOWN;
    if (errnum != 0) {
        errno = errnum;
        return -1;
    }
    return openat(output->parent_fd, output->name, flags, mode);
}

static void raise_end(Output *output, guint64 end)
{
    guint64 before = __atomic_load_n(&output->written_end, __ATOMIC_RELAXED);

    while (before < end && !__atomic_compare_exchange_n(&output->written_end, &before, end, TRUE,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static gboolean write_all(Output *output, const guint8 *bytes, gsize length, guint64 offset)
{
    while (length > 0) {
        ssize_t written = pwrite(output->fd, bytes, length, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            if (written == 0)
                errno = ENOSPC;
            return FALSE;
        }
        bytes += written;
        length -= (gsize)written;
        offset += (guint64)written;
    }
    raise_end(output, offset);
    return TRUE;
}

static gboolean is_zero(const guint8 *bytes, gsize length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* Returns: bytes of zeros at @bytes, in whole blocks. */
static gsize zero_run(const guint8 *bytes, gsize length)
{
    gsize run = 0;

    while (length - run >= BLOCK_BYTES && is_zero(bytes + run, BLOCK_BYTES))
        run += BLOCK_BYTES;
    return run;
}

/* Writes all of a piece but its long runs of zeros. */
static gboolean write_around_holes(Output *output, const guint8 *piece, gsize length,
                                   guint64 offset)
{
    gsize start = 0; /* of what is to be written */
    gsize at = 0;

    while (length - at >= HOLE_BYTES) {
        gsize run = zero_run(piece + at, length - at);
        if (run < HOLE_BYTES) {
            at += run + BLOCK_BYTES;
            if (at > length)
                at = length;
            continue;
        }
        if (at > start && !write_all(output, piece + start, at - start, offset + start))
            return FALSE;
        at += run;
        start = at;
    }
    return start == length || write_all(output, piece + start, length - start, offset + start);
}

static gboolean write_piece(const guint8 *piece, gsize length, guint64 offset, gpointer user_data,
                            GError **error)
{
    Output *output = user_data;

    return write_around_holes(output, piece, length, offset) ||
           set_write_error(output, errno, error);
}

/* The bytes are there, and worth more than a mode or a time that the file system does not take.
 * Returns: 0, or @errnum where it ends the restore. */
static int settle_attributes(const Output *output, int errnum)
{
    CronosRestoreJob *job = output->worker->job;

    if (errnum == 0 || cronos_restore_errno_is_fatal(job, errnum))
        return errnum;
    g_autofree char *path = cronos_archive_path(job->archive, output->entry);
    g_autofree char *reason =
        g_strdup_printf("its mode and time cannot be set: %s", g_strerror(errnum));
    cronos_restore_fail(job, path, reason);
    return 0;
}

/* Ends the file where a hole is last, and gives it its attributes. Returns: 0 or an errno. */
static int complete_file(Output *output, mode_t made)
{
    if (output->written_end < output->info->size_bytes &&
        ftruncate(output->fd, (off_t)output->info->size_bytes) != 0)
        return errno;
    const CronosRestoreJob *job = output->worker->job;
    int errnum = cronos_restore_set_attributes(job, output->fd, output->info,
                                               cronos_restore_mode(job, output->info), made);
    return settle_attributes(output, errnum);
}

/* Closes and, unless @keep, removes the file. Fault point: restore-after-write. */
static gboolean end_file(Output *output, gboolean keep, int errnum, GError **error)
{
    if (keep && errnum == 0)
        errnum = cronos_fault_errno("restore-after-write");
    if (close(output->fd) != 0 && errno != EINTR && keep && errnum == 0)
        errnum = errno;
    if (keep && errnum == 0)
        return TRUE;
    unlinkat(output->parent_fd, output->name, 0);
    return keep ? set_write_error(output, errnum, error) : FALSE;
}

static gboolean write_small(Output *output, GError **error)
{
    CronosRestoreJob *job = output->worker->job;
    gsize size = (gsize)output->info->size_bytes;
    mode_t made;

    if (!cronos_tally_check(job->tally, error))
        return FALSE;
    guint8 *buffer = cronos_piece_room(&output->worker->room, size);
    gssize length = cronos_archive_read(job->archive, output->entry, 0, buffer, size, error);
    if (length < 0)
        return FALSE;
    if ((gsize)length != size) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "is shorter than the archive says");
        return FALSE;
    }
    output->fd = make_file(output, &made);
    if (output->fd < 0)
        return set_write_error(output, errno, error);
    int errnum = write_around_holes(output, buffer, size, 0) ? 0 : errno;
    if (errnum == 0)
        errnum = complete_file(output, made);
    if (!end_file(output, TRUE, errnum, error))
        return FALSE;
    cronos_tally_add(job->tally, size, 0, NULL);
    return TRUE;
}

static gboolean write_in_order(Output *output, CronosTally *tally, GError **error)
{
    return cronos_member_bytes(output->worker->job->archive, output->entry,
                               output->info->size_bytes, &output->worker->room, tally, write_piece,
                               output, error);
}

/* The bytes of a member whose index is wrong were counted, as far as they came. */
static gboolean write_uncounted(Output *output, GError **error)
{
    CronosProgress quiet;
    CronosTally tally;

    cronos_tally_init_quiet(&tally, &quiet, output->worker->job->tally);
    gboolean whole = write_in_order(output, &tally, error);
    cronos_tally_clear(&tally);
    return whole;
}

/* Writes a large member by several threads, one such member at a time. @out_written: FALSE where
 * that is not to be had. */
static gboolean write_shared(Output *output, gboolean *out_written, GError **error)
{
    CronosRestoreJob *job = output->worker->job;
    g_autoptr(GError) failure = NULL;

    *out_written = FALSE;
    if (output->info->size_bytes < CRONOS_SHARED_MEMBER_BYTES ||
        !g_atomic_int_compare_and_exchange(&job->sharing, FALSE, TRUE))
        return TRUE;
    gboolean whole = cronos_member_chunks(job->archive, output->entry, job->options->threads,
                                          job->tally, write_piece, output, out_written, &failure);
    g_atomic_int_set(&job->sharing, FALSE);
    if (whole)
        return TRUE;
    if (!g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_DAMAGED)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    cronos_log_event(CRONOS_LOG_WARNING, job->backup_name, NULL, "%s", failure->message);
    output->written_end = 0;
    *out_written = TRUE;
    if (ftruncate(output->fd, 0) != 0)
        return set_write_error(output, errno, error);
    return write_uncounted(output, error);
}

static gboolean write_streamed(Output *output, GError **error)
{
    gboolean written = FALSE;
    mode_t made;

    output->fd = make_file(output, &made);
    if (output->fd < 0)
        return set_write_error(output, errno, error);
    gboolean whole = write_shared(output, &written, error) &&
                     (written || write_in_order(output, output->worker->job->tally, error));
    return end_file(output, whole, whole ? complete_file(output, made) : 0, error);
}

gboolean cronos_restore_write_file(CronosRestoreWorker *worker, guint32 entry,
                                   const CronosMemberInfo *info, int parent_fd, const char *name,
                                   GError **error)
{
    Output output = {worker, entry, info, parent_fd, name, -1, 0};

    if (info->size_bytes > G_MAXINT64)
        return set_write_error(&output, EFBIG, error);
    if (info->size_bytes <= CRONOS_PIECE_BYTES)
        return write_small(&output, error);
    return write_streamed(&output, error);
}

/* Gives the link @name, just made, its owner and time. Who may write in the folder can have put
 * another file in its place, which root must not give away: the owner is set by a descriptor that
 * is known to be of a link. Returns: 0 or an errno. */
static int set_link_attributes(const CronosRestoreJob *job, const CronosMemberInfo *info,
                               int parent_fd, const char *name)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, cronos_restore_timespec(info->mtime_ns)};
    struct stat status;

    if (!job->set_owners || !info->has_owner || owner_is_set_already(job, info))
        return utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) != 0 ? errno : 0;
    int fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int errnum = fd < 0 || fstat(fd, &status) != 0 ? errno : S_ISLNK(status.st_mode) ? 0 : EEXIST;
    if (errnum == 0) {
        (void)!fchownat(fd, "", info->uid, info->gid, AT_EMPTY_PATH);
        errnum = utimensat(fd, "", times, AT_EMPTY_PATH) != 0 ? errno : 0;
        /* Linux before 5.8 takes no descriptor here; of a time, nobody has any use. */
        if (errnum == EINVAL)
            errnum = utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) != 0 ? errno : 0;
    }
    if (fd >= 0)
        close(fd);
    return errnum;
}

/* Fault point: restore-after-symlink. */
gboolean cronos_restore_write_symlink(CronosRestoreWorker *worker, guint32 entry,
                                      const CronosMemberInfo *info, int parent_fd, const char *name,
                                      GError **error)
{
    const CronosRestoreJob *job = worker->job;
    Output output = {worker, entry, info, parent_fd, name, -1, 0};
    g_autofree char *link = cronos_archive_readlink(job->archive, entry, error);

    if (link == NULL)
        return FALSE;
    if (symlinkat(link, parent_fd, name) != 0)
        return set_write_error(&output, errno, error);
    int errnum = cronos_fault_errno("restore-after-symlink");
    if (errnum == 0)
        errnum = set_link_attributes(job, info, parent_fd, name);
    if (errnum != EEXIST)
        errnum = settle_attributes(&output, errnum);
    if (errnum != 0) {
        unlinkat(parent_fd, name, 0);
        return set_write_error(&output, errnum, error);
    }
    cronos_tally_add(job->tally, info->size_bytes, 0, NULL);
    return TRUE;
}
