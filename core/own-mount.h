/* SPDX-License-Identifier: MIT
 * own-mount.h - is a mount one of backups? */
#pragma once
#include <glib.h>
#include <sys/types.h>

/* Returns: whether @device is that of a cronosfs, also of one that this process may not enter or
 * whose daemon is gone. Reads the table of mounts. Threads: safe. */
gboolean cronos_is_own_mount(dev_t device);
/* The same of the directory open on @fd, which lies on @device: the table is read for FUSE alone.
 */
gboolean cronos_is_own_mount_fd(int fd, dev_t device);
/* The same of @name in the directory open on @dirfd, itself on the device @parent. Asks no file
 * system's daemon. */
gboolean cronos_is_own_mount_at(int dirfd, dev_t parent, const char *name);
