/* SPDX-License-Identifier: MIT
 * operations.c - what is agreed with the kernel at the start, and the table of requests
 *
 * There is no open file and no open directory on our side: once told ENOSYS the kernel sends no
 * OPEN, RELEASE, FLUSH or OPENDIR, and keeps what it has read. Every listing comes with attributes.
 */
#include "fs/operations.h"

#include "fs/read-ahead-size.h"

/* Read-ahead requests in flight: several readers of large files at once. */
#define BACKGROUND_REQUESTS 64u
#define CONGESTED_REQUESTS 48u

static void op_init(void *data, struct fuse_conn_info *connection)
{
    CronosMount *mount = data;
    unsigned wanted = FUSE_CAP_READDIRPLUS | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS |
                      FUSE_CAP_ASYNC_READ | FUSE_CAP_EXPORT_SUPPORT;

    connection->want |= wanted & connection->capable;
    connection->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
    connection->max_readahead = MAX(connection->max_readahead, CRONOS_READ_AHEAD_BYTES);
    connection->max_background = BACKGROUND_REQUESTS;
    connection->congestion_threshold = CONGESTED_REQUESTS;
    mount->no_open = (connection->capable & FUSE_CAP_NO_OPEN_SUPPORT) != 0;
    mount->no_opendir = (connection->capable & FUSE_CAP_NO_OPENDIR_SUPPORT) != 0;
    cronos_readiness_announce(mount->readiness);
}

const struct fuse_lowlevel_ops cronos_operations = {
    .init = op_init,
    .lookup = cronos_op_lookup,
    .forget = cronos_op_forget,
    .forget_multi = cronos_op_forget_multi,
    .getattr = cronos_op_getattr,
    .readlink = cronos_op_readlink,
    .open = cronos_op_open,
    .read = cronos_op_read,
    .opendir = cronos_op_opendir,
    .readdir = cronos_op_readdir,
    .readdirplus = cronos_op_readdirplus,
    .statfs = cronos_op_statfs,
    .getxattr = cronos_op_getxattr,
    .listxattr = cronos_op_listxattr,
    .setattr = cronos_op_setattr,
    .mknod = cronos_op_mknod,
    .mkdir = cronos_op_mkdir,
    .unlink = cronos_op_unlink,
    .rmdir = cronos_op_unlink,
    .symlink = cronos_op_symlink,
    .rename = cronos_op_rename,
    .link = cronos_op_link,
    .write = cronos_op_write,
    .create = cronos_op_create,
    .setxattr = cronos_op_setxattr,
    .removexattr = cronos_op_removexattr,
    .fallocate = cronos_op_fallocate,
};
