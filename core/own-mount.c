/* SPDX-License-Identifier: MIT
 * own-mount.c - mounts of backups, by the kernel's table */
#include "core/own-mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define MOUNT_TABLE "/proc/self/mountinfo"
/* Blanks in the fields before it are escaped. */
#define OWN_TYPE " - fuse.cronosfs "

gboolean cronos_is_own_mount(dev_t device)
{
    g_autofree char *table = NULL;
    gboolean own = FALSE;

    if (!g_file_get_contents(MOUNT_TABLE, &table, NULL, NULL))
        return FALSE;
    g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
    for (char **line = lines; *line != NULL && !own; line++) {
        unsigned major_number, minor_number;

        own = sscanf(*line, "%*u %*u %u:%u", &major_number, &minor_number) == 2 &&
              makedev(major_number, minor_number) == device && strstr(*line, OWN_TYPE) != NULL;
    }
    return own;
}

gboolean cronos_is_own_mount_fd(int fd, dev_t device)
{
    struct statfs system;

    return fstatfs(fd, &system) == 0 && system.f_type == FUSE_SUPER_MAGIC &&
           cronos_is_own_mount(device);
}

gboolean cronos_is_own_mount_at(int dirfd, dev_t parent, const char *name)
{
    const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
    struct statx status;

    if (statx(dirfd, name, flags, 0, &status) != 0)
        return FALSE;
    dev_t device = makedev(status.stx_dev_major, status.stx_dev_minor);
    return device != parent && cronos_is_own_mount(device);
}
