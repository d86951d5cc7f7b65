/* SPDX-License-Identifier: MIT
 * node.h - node ids: what the kernel calls a file of the mount by
 *
 * A node id is (slot << 32) | entry, computed both ways, so that there is no inode table. Slots
 * from 1 are archives, numbered as they are found and never reused while mounted; entry is the
 * archive's own number. Slot 0 is the mount's: entry 1 (FUSE_ROOT_ID) is its root, and a higher
 * entry N is the link "latest" as it leads to slot N - 1: when it leads elsewhere it is another
 * node, and nothing the kernel has cached of it can be wrong.
 *
 * With the highest bit set it is a folder of ".versions": the one of the path that this entry of
 * this slot has, whichever backups hold that path besides. The slot is that of the oldest of them:
 * the id stays while that backup does. Entry 0 of slot 0 is ".versions" itself. The versions in it
 * are the backups' own members, under their own ids. */
#pragma once
#include <glib.h>

#define CRONOS_NODE_ROOT G_GUINT64_CONSTANT(1)
#define CRONOS_SLOT_MOUNT 0u
#define CRONOS_SLOT_FIRST 1u
/* The highest bit is taken. */
#define CRONOS_SLOT_LAST ((guint32)G_MAXINT32)
#define CRONOS_NODE_VERSIONS (G_GUINT64_CONSTANT(1) << 63)

static inline guint64 cronos_node(guint32 slot, guint32 entry)
{
    return (guint64)slot << 32 | entry;
}

/* The folder of ".versions" whose path the member @entry of @slot has. */
static inline guint64 cronos_node_versions(guint32 slot, guint32 entry)
{
    return CRONOS_NODE_VERSIONS | cronos_node(slot, entry);
}

static inline gboolean cronos_node_is_versions(guint64 node)
{
    return (node & CRONOS_NODE_VERSIONS) != 0;
}

static inline guint32 cronos_node_slot(guint64 node)
{
    return (guint32)((node & ~CRONOS_NODE_VERSIONS) >> 32);
}

static inline guint32 cronos_node_entry(guint64 node)
{
    return (guint32)node;
}

/* The node of "latest" while it leads to @slot. */
static inline guint64 cronos_node_latest(guint32 slot)
{
    return cronos_node(CRONOS_SLOT_MOUNT, slot + 1);
}

static inline gboolean cronos_node_is_latest(guint64 node)
{
    return cronos_node_slot(node) == CRONOS_SLOT_MOUNT && node > CRONOS_NODE_ROOT &&
           !cronos_node_is_versions(node);
}

static inline guint32 cronos_node_latest_slot(guint64 node)
{
    return cronos_node_entry(node) - 1;
}
