/* SPDX-License-Identifier: MIT
 * operations-handle.c - LOOKUP of "." and "..": how the kernel finds a node again by its number
 *
 * Asked for what a file handle names (open_by_handle_at, a client of NFS) and the kernel has
 * forgotten. The number is the node's in every mount of the directory; the generation, which the
 * kernel compares, tells apart what might have the number in its stead. */
#include "fs/operations.h"

#include "fs/attributes.h"
#include "fs/node.h"
#include "fs/target.h"

#include <errno.h>

/* Returns: which archive @node, one of the mount's own links included, is of. */
static guint32 slot_of(guint64 node)
{
    if (cronos_node_is_latest(node))
        return cronos_node_latest_slot(node);
    return cronos_node_is_snapshot(node) ? cronos_node_snapshot_slot(node) : cronos_node_slot(node);
}

/* What is removed is there as long as something of it is in use.
 * Returns: 0, or ESTALE. @out_slot: (owned) NULL for what belongs to no archive. */
static int find_slot(const CronosMount *mount, guint64 node, CronosSlot **out_slot)
{
    guint32 number = slot_of(node);
    g_autoptr(CronosSlot) slot =
        number != CRONOS_SLOT_MOUNT ? cronos_tree_slot(mount->tree, number) : NULL;

    if ((node == CRONOS_NODE_SNAPSHOTS || cronos_node_is_snapshot(node)) &&
        !cronos_snapshots_are_shown(mount))
        return ESTALE;
    if (number != CRONOS_SLOT_MOUNT && slot == NULL)
        return ESTALE;
    if (slot != NULL && cronos_slot_is_retired(slot) && cronos_slot_lookups(slot) == 0)
        return ESTALE;
    *out_slot = g_steal_pointer(&slot);
    return 0;
}

int cronos_handle_lookup(const CronosMount *mount, guint64 node, struct fuse_entry_param *out_entry,
                         CronosSlot **out_slot)
{
    g_autoptr(CronosSlot) slot = NULL;
    gboolean live;

    /* A handle is the first that is heard of an archive that has just been put there. */
    cronos_tree_refresh(mount->tree, FALSE, NULL);
    int errnum = find_slot(mount, node, &slot);
    if (errnum == 0)
        errnum = cronos_node_stat(mount, node, &out_entry->attr, &live);
    /* Its file went away just now. */
    if (errnum == ENOENT)
        return ESTALE;
    if (errnum != 0)
        return errnum;
    cronos_entry_complete(out_entry, slot, live ? CRONOS_LIVE_SECONDS : CRONOS_FOREVER_SECONDS);
    if (cronos_node_slot(node) != CRONOS_SLOT_MOUNT)
        *out_slot = g_steal_pointer(&slot);
    return 0;
}

static int parent_of(const CronosMount *mount, guint64 node, guint64 *out_parent)
{
    g_auto(CronosTarget) target = {0};

    *out_parent = CRONOS_NODE_ROOT;
    if (cronos_node_is_versions(node) && node != CRONOS_NODE_VERSIONS)
        return cronos_versions_parent(mount, node, out_parent);
    if (node == CRONOS_NODE_VERSIONS || cronos_node_slot(node) == CRONOS_SLOT_MOUNT ||
        cronos_node_entry(node) == CRONOS_ENTRY_ROOT)
        return 0;
    int errnum = cronos_target_open(mount, node, FALSE, &target);
    if (errnum == 0)
        *out_parent = cronos_node(cronos_node_slot(node),
                                  cronos_archive_parent(target.archive, target.entry));
    return errnum;
}

int cronos_handle_lookup_parent(const CronosMount *mount, guint64 node,
                                struct fuse_entry_param *out_entry, CronosSlot **out_slot)
{
    guint64 parent;
    int errnum = parent_of(mount, node, &parent);

    return errnum == 0 ? cronos_handle_lookup(mount, parent, out_entry, out_slot) : errnum;
}
