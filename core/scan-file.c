/* SPDX-License-Identifier: MIT
 * scan-file.c - single files below the root: what members hold of them, opening, reading links */
#include "core/error.h"
#include "core/scan-private.h"
#include "core/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NSEC_PER_SEC G_GINT64_CONSTANT(1000000000)

static gint noatime_refused; /* atomic */

static gint64 timespec_to_ns(const struct timespec *time)
{
    gint64 ns;

    if (__builtin_mul_overflow((gint64)time->tv_sec, NSEC_PER_SEC, &ns) ||
        __builtin_add_overflow(ns, (gint64)time->tv_nsec, &ns))
        return time->tv_sec < 0 ? G_MININT64 : G_MAXINT64;
    return ns;
}

static gboolean kind_from_mode(mode_t mode, CronosMemberKind *out_kind)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        *out_kind = CRONOS_MEMBER_FILE;
        return TRUE;
    case S_IFDIR:
        *out_kind = CRONOS_MEMBER_DIRECTORY;
        return TRUE;
    case S_IFLNK:
        *out_kind = CRONOS_MEMBER_SYMLINK;
        return TRUE;
    default:
        return FALSE;
    }
}

gboolean cronos_member_info_from_stat(const struct stat *status, CronosMemberInfo *out_info)
{
    CronosMemberKind kind;

    if (!kind_from_mode(status->st_mode, &kind))
        return FALSE;
    *out_info = (CronosMemberInfo){
        .kind = kind,
        .mode = status->st_mode,
        .has_mode = TRUE,
        .has_owner = TRUE,
        .uid = status->st_uid,
        .gid = status->st_gid,
        .mtime_ns = timespec_to_ns(&status->st_mtim),
        .size_bytes = kind == CRONOS_MEMBER_DIRECTORY ? 0 : (guint64)status->st_size,
        .has_identity = TRUE,
        .ctime_ns = timespec_to_ns(&status->st_ctim),
        .inode = status->st_ino,
    };
    return TRUE;
}

int cronos_open_without_atime(int dirfd, const char *path, int flags)
{
    if (!g_atomic_int_get(&noatime_refused)) {
        int fd = cronos_open_beneath(dirfd, path, flags | O_NOATIME);

        if (fd >= 0 || errno != EPERM)
            return fd;
        g_atomic_int_set(&noatime_refused, 1);
    }
    return cronos_open_beneath(dirfd, path, flags);
}

static int fail_as_changed(GError **error, const char *path, const char *what)
{
    g_autofree char *quoted = cronos_quote_path(path);

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CHANGED, "%s: no longer a %s", quoted, what);
    return -1;
}

static int fail_with_errno(GError **error, const char *path, int errnum)
{
    g_autofree char *quoted = cronos_quote_path(path);

    cronos_error_set_system(error, errnum, "%s", quoted);
    return -1;
}

/* A file under a lease (Samba, NFS) refuses O_NONBLOCK until its holder has given way. Opened once
 * more through its own descriptor, which can no longer turn into a FIFO, it may be waited for; the
 * kernel bounds the wait (fs.lease-break-time). */
static int open_leased(int root_fd, const char *path)
{
    struct stat status;
    int fd = -1;
    int handle = cronos_open_beneath(root_fd, path, O_PATH | O_NOFOLLOW);

    if (handle < 0)
        return -1;
    if (fstat(handle, &status) == 0 && S_ISREG(status.st_mode)) {
        char link[32];

        g_snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
        fd = TEMP_FAILURE_RETRY(open(link, O_RDONLY | O_NOCTTY | O_CLOEXEC));
    } else {
        errno = ELOOP;
    }
    int errnum = errno;
    close(handle);
    errno = errnum;
    return fd;
}

int cronos_scan_open_file(int root_fd, const char *path, GError **error)
{
    struct stat status;
    int fd =
        cronos_open_without_atime(root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 && errno == EWOULDBLOCK)
        fd = open_leased(root_fd, path);
    if (fd < 0)
        return errno == ELOOP || errno == ENXIO ? fail_as_changed(error, path, "regular file")
                                                : fail_with_errno(error, path, errno);
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    close(fd);
    return fail_as_changed(error, path, "regular file");
}

/* Returns: (owned) target of the link open on @fd, or NULL with errno set. */
static char *read_link(int fd, gsize *out_length)
{
    gsize room = 256;

    for (;;) {
        g_autofree char *target = g_malloc(room);
        gssize length = readlinkat(fd, "", target, room);

        if (length < 0)
            return NULL;
        if ((gsize)length < room) {
            target[length] = '\0';
            *out_length = (gsize)length;
            return g_steal_pointer(&target);
        }
        room *= 2;
    }
}

char *cronos_scan_readlink(int root_fd, const char *path, gsize *out_length, GError **error)
{
    gsize length;
    int fd = cronos_open_beneath(root_fd, path, O_PATH | O_NOFOLLOW);

    if (fd < 0) {
        fail_with_errno(error, path, errno);
        return NULL;
    }
    char *target = read_link(fd, &length);
    int errnum = errno;
    close(fd);
    if (target == NULL && (errnum == EINVAL || errnum == ENOENT))
        fail_as_changed(error, path, "symbolic link");
    else if (target == NULL)
        fail_with_errno(error, path, errnum);
    else if (out_length != NULL)
        *out_length = length;
    return target;
}
