/* SPDX-License-Identifier: MIT
 * read-ahead-size.c - how far the kernel reads ahead in files of the mount
 *
 * The size is a property of the mount's "backing device", which sysfs knows by the number that
 * stat(2) gives as the device of its files (see sysfs-class-bdi in the kernel's ABI documents). */
#include "fs/read-ahead-size.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void cronos_read_ahead_size_raise(const char *mount_point)
{
    char path[64], size[16];
    struct statx status;

    /* What is known already: nobody answers requests yet. */
    if (statx(AT_FDCWD, mount_point, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &status) != 0)
        return;
    snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", status.stx_dev_major,
             status.stx_dev_minor);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    int length = snprintf(size, sizeof size, "%u", CRONOS_READ_AHEAD_BYTES / 1024);
    (void)!write(fd, size, (size_t)length);
    close(fd);
}
