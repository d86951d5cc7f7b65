/* SPDX-License-Identifier: MIT
 * open-beneath.c - see open-beneath.h
 *
 * A step is the longest run of components that the kernel takes at once; every step but the last
 * yields an O_PATH descriptor that the next one starts from. */
#include "core/open-beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STEP_BYTES_MAX ((gsize)PATH_MAX - 1)

static gint openat2_missing; /* atomic; set once the kernel has said so */

static gboolean is_plain_component(const char *name)
{
    return *name != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static int open_component(int dirfd, const char *name, int flags)
{
    if (!is_plain_component(name)) {
        errno = EXDEV;
        return -1;
    }
    return TEMP_FAILURE_RETRY(openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC));
}

static int open_step(int dirfd, const char *path, int flags)
{
    struct open_how how = {
        .flags = (guint64)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    if (g_atomic_int_get(&openat2_missing))
        return open_component(dirfd, path, flags);
    return (int)TEMP_FAILURE_RETRY(syscall(SYS_openat2, dirfd, path, &how, sizeof how));
}

/* Returns: bytes of @path for the next step, or 0 where no step fits. */
static gsize step_length(const char *path, gsize length)
{
    const char *slash;

    if (g_atomic_int_get(&openat2_missing)) {
        slash = memchr(path, '/', length);
        return slash == NULL ? length : (gsize)(slash - path);
    }
    if (length <= STEP_BYTES_MAX)
        return length;
    slash = memrchr(path, '/', STEP_BYTES_MAX + 1);
    return slash == NULL ? 0 : (gsize)(slash - path);
}

static void close_keeping_errno(int fd)
{
    int saved = errno;

    close(fd);
    errno = saved;
}

static int open_in_steps(int dirfd, const char *path, int flags)
{
    gsize length = strlen(path);
    gsize step;
    int at = dirfd;

    while ((step = step_length(path, length)) != length) {
        g_autofree char *part = g_strndup(path, step);
        int next = -1;

        if (step == 0)
            errno = *path == '/' ? EXDEV : ENAMETOOLONG;
        else
            next = open_step(at, part, O_PATH | O_DIRECTORY);
        if (at != dirfd)
            close_keeping_errno(at);
        if (next < 0)
            return -1;
        at = next;
        path += step + 1;
        length -= step + 1;
    }
    int fd = open_step(at, path, flags);
    if (at != dirfd)
        close_keeping_errno(at);
    return fd;
}

int cronos_open_beneath(int dirfd, const char *path, int flags)
{
    if (*path == '\0')
        return TEMP_FAILURE_RETRY(openat(dirfd, ".", flags | O_CLOEXEC));

    int fd = open_in_steps(dirfd, path, flags);
    if (fd >= 0 || errno != ENOSYS || g_atomic_int_get(&openat2_missing))
        return fd;
    g_atomic_int_set(&openat2_missing, 1);
    return open_in_steps(dirfd, path, flags);
}
