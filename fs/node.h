/* SPDX-License-Identifier: MIT
 * node.h - node ids: what the kernel calls a file of the mount by
 *
 * A node id is (slot << 32) | entry, computed both ways, so that there is no inode table. Slots
 * from 1 are archives, numbered by what tells the archive's file from others, so that each mount of
 * a directory has the same; entry is the archive's own number. Slot 0 is the mount's: entry 1
 * (FUSE_ROOT_ID) is its root, and a higher entry N, below 2^31, is the link "latest" as it leads to
 * slot N - 1: when it leads elsewhere it is another node, and nothing the kernel has cached of it
 * can be wrong. Entry 2^31 is ".snapshots", and 2^31 + N the link in it that leads to slot N.
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
/* The highest bit is taken; "latest" takes one more. */
#define CRONOS_SLOT_LAST ((guint32)G_MAXINT32 - 1)
#define CRONOS_NODE_SNAPSHOTS (G_GUINT64_CONSTANT(1) << 31)
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
    return node > CRONOS_NODE_ROOT && node < CRONOS_NODE_SNAPSHOTS;
}

static inline guint32 cronos_node_latest_slot(guint64 node)
{
    return cronos_node_entry(node) - 1;
}

/* The node of the link in ".snapshots" that leads to @slot. */
static inline guint64 cronos_node_snapshot(guint32 slot)
{
    return CRONOS_NODE_SNAPSHOTS | slot;
}

static inline gboolean cronos_node_is_snapshot(guint64 node)
{
    return node > CRONOS_NODE_SNAPSHOTS && node <= cronos_node_snapshot(CRONOS_SLOT_LAST);
}

static inline guint32 cronos_node_snapshot_slot(guint64 node)
{
    return (guint32)(node - CRONOS_NODE_SNAPSHOTS);
}
