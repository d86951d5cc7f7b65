/* SPDX-License-Identifier: MIT
 * operations-refused.c - everything that writes
 *
 * The mount is read-only, and the kernel refuses most of these by itself; a remount for writing
 * does not change what an archive is. */
#include "fs/operations.h"

#include <errno.h>

void cronos_op_setattr(fuse_req_t request, fuse_ino_t node, struct stat *attributes, int which,
                       struct fuse_file_info *file)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                     dev_t device)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_rename(fuse_req_t request, fuse_ino_t parent, const char *name,
                      fuse_ino_t new_parent, const char *new_name, unsigned int flags)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_link(fuse_req_t request, fuse_ino_t node, fuse_ino_t new_parent,
                    const char *new_name)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_write(fuse_req_t request, fuse_ino_t node, const char *bytes, size_t size,
                     off_t offset, struct fuse_file_info *file)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *file)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_setxattr(fuse_req_t request, fuse_ino_t node, const char *name, const char *value,
                        size_t size, int flags)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_removexattr(fuse_req_t request, fuse_ino_t node, const char *name)
{
    fuse_reply_err(request, EROFS);
}

void cronos_op_fallocate(fuse_req_t request, fuse_ino_t node, int mode, off_t offset, off_t length,
                         struct fuse_file_info *file)
{
    fuse_reply_err(request, EROFS);
}
