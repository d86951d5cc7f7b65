/* SPDX-License-Identifier: MIT
 * operations-file.c - attributes, links, file data */
#include "fs/operations.h"

#include "fs/attributes.h"
#include "fs/node.h"
#include "fs/push.h"
#include "fs/reply-buffer.h"
#include "fs/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/statvfs.h>

#define BLOCK_BYTES 4096u

/* Returns: (owned) where the mount's own link @node leads, or NULL. */
static CronosSlot *linked_slot(const CronosMount *mount, guint64 node)
{
    return cronos_tree_slot(mount->tree, cronos_node_is_snapshot(node)
                                             ? cronos_node_snapshot_slot(node)
                                             : cronos_node_latest_slot(node));
}

static int getattr_link(const CronosMount *mount, guint64 node, struct stat *out_status)
{
    g_autoptr(CronosSlot) slot = linked_slot(mount, node);

    if (slot == NULL)
        return ESTALE;
    if (cronos_node_is_snapshot(node))
        cronos_attributes_snapshot(mount, slot, out_status);
    else
        cronos_attributes_latest(mount, slot, out_status);
    return 0;
}

/* Opens no archive. */
static int getattr_archive(const CronosMount *mount, guint64 node, struct stat *out_status)
{
    g_autoptr(CronosSlot) slot = cronos_tree_slot(mount->tree, cronos_node_slot(node));

    if (slot == NULL)
        return ESTALE;
    cronos_attributes_archive(mount, slot, out_status);
    return 0;
}

static int getattr_member(const CronosMount *mount, guint64 node, struct stat *out_status)
{
    g_auto(CronosTarget) target = {0};
    g_autoptr(GError) error = NULL;
    int errnum = cronos_target_open(mount, node, FALSE, &target);

    if (errnum != 0)
        return errnum;
    if (cronos_attributes_member(mount, target.slot, target.archive, target.entry, out_status,
                                 &error))
        return 0;
    return cronos_target_report(mount, &target, error);
}

static int getattr_top(const CronosMount *mount, guint64 node, struct stat *out_status)
{
    cronos_tree_refresh(mount->tree, FALSE, NULL);
    g_autoptr(CronosRoot) root = cronos_tree_root(mount->tree);

    if (node == CRONOS_NODE_ROOT)
        cronos_attributes_root(mount, root, out_status);
    else
        cronos_attributes_snapshots(mount, root, out_status);
    return 0;
}

int cronos_node_stat(const CronosMount *mount, guint64 node, struct stat *out_status,
                     gboolean *out_live)
{
    *out_live = TRUE;
    if (node == CRONOS_NODE_ROOT || node == CRONOS_NODE_SNAPSHOTS)
        return getattr_top(mount, node, out_status);
    if (cronos_node_is_versions(node))
        return cronos_versions_getattr(mount, node, out_status);
    if (cronos_node_slot(node) == CRONOS_SLOT_MOUNT)
        return getattr_link(mount, node, out_status);
    if (cronos_node_entry(node) == CRONOS_ENTRY_ROOT)
        return getattr_archive(mount, node, out_status);
    *out_live = FALSE;
    return getattr_member(mount, node, out_status);
}

void cronos_op_getattr(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    struct stat status;
    gboolean live;
    int errnum = cronos_node_stat(fuse_req_userdata(request), node, &status, &live);

    if (errnum != 0)
        fuse_reply_err(request, errnum);
    else
        fuse_reply_attr(request, &status, live ? CRONOS_LIVE_SECONDS : CRONOS_FOREVER_SECONDS);
}

static int readlink_own(const CronosMount *mount, guint64 node, char **out_target)
{
    g_autoptr(CronosSlot) slot = linked_slot(mount, node);

    if (slot == NULL)
        return ESTALE;
    *out_target = g_strconcat(cronos_node_is_snapshot(node) ? CRONOS_SNAPSHOT_TARGET_PREFIX : "",
                              cronos_slot_folder(slot), NULL);
    return 0;
}

static int readlink_member(const CronosMount *mount, guint64 node, char **out_target)
{
    g_auto(CronosTarget) target = {0};
    g_autoptr(GError) error = NULL;
    int errnum = cronos_target_open(mount, node, TRUE, &target);

    if (errnum != 0)
        return errnum;
    *out_target = cronos_archive_readlink(target.archive, target.entry, &error);
    return *out_target != NULL ? 0 : cronos_target_report(mount, &target, error);
}

void cronos_op_readlink(fuse_req_t request, fuse_ino_t node)
{
    const CronosMount *mount = fuse_req_userdata(request);
    g_autofree char *target = NULL;
    int errnum = cronos_node_is_latest(node) || cronos_node_is_snapshot(node)
                     ? readlink_own(mount, node, &target)
                     : readlink_member(mount, node, &target);

    if (errnum != 0)
        fuse_reply_err(request, errnum);
    else
        fuse_reply_readlink(request, target);
}

void cronos_op_open(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    const CronosMount *mount = fuse_req_userdata(request);

    if ((file->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(request, EROFS);
    } else if (mount->no_open) {
        fuse_reply_err(request, ENOSYS);
    } else {
        file->keep_cache = 1;
        file->noflush = 1;
        fuse_reply_open(request, file);
    }
}

/* @out_target: the caller's to clear. Returns: the errno; @out_got: bytes put into @buffer. */
static int read_member(const CronosMount *mount, guint64 node, void *buffer, size_t size,
                       off_t offset, CronosTarget *out_target, size_t *out_got)
{
    g_autoptr(GError) error = NULL;
    int errnum = cronos_target_open(mount, node, TRUE, out_target);

    if (errnum != 0)
        return errnum;
    gssize got = cronos_archive_read(out_target->archive, out_target->entry, (guint64)offset,
                                     buffer, size, &error);
    if (got < 0)
        return cronos_target_report(mount, out_target, error);
    *out_got = (size_t)got;
    return 0;
}

void cronos_op_read(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                    struct fuse_file_info *file)
{
    const CronosMount *mount = fuse_req_userdata(request);
    g_auto(CronosTarget) target = {0};
    CronosPushing pushing = {0};
    char *buffer = cronos_reply_buffer(size + CRONOS_PUSH_BUFFER_BYTES);
    size_t got = 0;
    int errnum = buffer == NULL ? ENOMEM
                 : offset < 0   ? EINVAL
                                : read_member(mount, node, buffer, size, offset, &target, &got);

    if (errnum != 0) {
        fuse_reply_err(request, errnum);
        return;
    }
    if (offset == 0)
        cronos_push_begin(mount->push, &target, fuse_req_ctx(request)->pid, got, buffer + size,
                          &pushing);
    fuse_reply_buf(request, buffer, got);
    cronos_push_end(&pushing);
}

void cronos_op_statfs(fuse_req_t request, fuse_ino_t node)
{
    const CronosMount *mount = fuse_req_userdata(request);
    g_autoptr(CronosRoot) root = cronos_tree_root(mount->tree);
    struct statvfs status = {
        .f_bsize = BLOCK_BYTES,
        .f_frsize = BLOCK_BYTES,
        .f_blocks = (root->total_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES,
        .f_files = root->entries->len,
        .f_flag = ST_RDONLY,
        .f_namemax = NAME_MAX,
    };

    fuse_reply_statfs(request, &status);
}
