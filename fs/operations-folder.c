/* SPDX-License-Identifier: MIT
 * operations-folder.c - look-up and forget */
#include "fs/operations.h"

#include "core/log.h"
#include "fs/attributes.h"
#include "fs/node.h"
#include "fs/target.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* A node that does not exist, known for good: what archives lack they never get. */
static void set_absent(struct fuse_entry_param *entry)
{
    entry->ino = 0;
    entry->entry_timeout = CRONOS_FOREVER_SECONDS;
}

void cronos_root_describe(const CronosMount *mount, const CronosRoot *root,
                          const CronosRootEntry *folder, struct fuse_entry_param *out_entry)
{
    *out_entry = (struct fuse_entry_param){0};
    if (folder->slot == NULL)
        cronos_attributes_latest(mount, root->latest, &out_entry->attr);
    else
        cronos_attributes_archive(mount, folder->slot, &out_entry->attr);
    cronos_entry_complete(out_entry, folder->slot != NULL ? folder->slot : root->latest,
                          CRONOS_LIVE_SECONDS);
}

/* @out_slot: (owned) whose look-up the answer will be; NULL for what is not counted. */
static int lookup_in_root(const CronosMount *mount, const char *name,
                          struct fuse_entry_param *out_entry, CronosSlot **out_slot)
{
    /* A directory that can not be read now still has what was seen last. */
    cronos_tree_refresh(mount->tree, FALSE, NULL);
    g_autoptr(CronosRoot) root = cronos_tree_root(mount->tree);
    if (mount->versions != NULL && strcmp(name, CRONOS_ROOT_VERSIONS) == 0) {
        cronos_versions_describe_top(mount, root, out_entry);
        return 0;
    }
    if (cronos_snapshots_are_shown(mount) && strcmp(name, CRONOS_ROOT_SNAPSHOTS) == 0) {
        cronos_snapshots_describe_top(mount, root, out_entry);
        return 0;
    }
    const CronosRootEntry *found = cronos_root_find(root, name);

    if (found == NULL)
        return strlen(name) > NAME_MAX ? ENAMETOOLONG : ENOENT;
    cronos_root_describe(mount, root, found, out_entry);
    if (found->slot != NULL)
        *out_slot = cronos_slot_ref(found->slot);
    return 0;
}

static int lookup_in_archive(const CronosMount *mount, guint64 parent, const char *name,
                             struct fuse_entry_param *out_entry, CronosSlot **out_slot)
{
    g_auto(CronosTarget) target = {0};
    g_autoptr(GError) error = NULL;
    gsize length = strlen(name);
    int errnum = cronos_target_open(mount, parent, FALSE, &target);

    if (errnum != 0)
        return errnum;
    guint32 found = cronos_archive_lookup(target.archive, target.entry, name, length);
    if (found == CRONOS_ENTRY_NONE) {
        set_absent(out_entry);
        return length > NAME_MAX ? ENAMETOOLONG : 0;
    }
    target.entry = found;
    if (!cronos_attributes_member(mount, target.slot, target.archive, found, &out_entry->attr,
                                  &error))
        return cronos_target_report(mount, &target, error);
    cronos_entry_complete(out_entry, target.slot, CRONOS_FOREVER_SECONDS);
    *out_slot = g_steal_pointer(&target.slot);
    return 0;
}

static int lookup_by_name(const CronosMount *mount, guint64 parent, const char *name,
                          struct fuse_entry_param *out_entry, CronosSlot **out_slot)
{
    if (strcmp(name, ".") == 0)
        return cronos_handle_lookup(mount, parent, out_entry, out_slot);
    if (strcmp(name, "..") == 0)
        return cronos_handle_lookup_parent(mount, parent, out_entry, out_slot);
    if (parent == CRONOS_NODE_ROOT)
        return lookup_in_root(mount, name, out_entry, out_slot);
    if (parent == CRONOS_NODE_SNAPSHOTS)
        return cronos_snapshots_lookup(mount, name, out_entry);
    if (cronos_node_is_versions(parent))
        return cronos_versions_lookup(mount, parent, name, out_entry, out_slot);
    return lookup_in_archive(mount, parent, name, out_entry, out_slot);
}

void cronos_op_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    const CronosMount *mount = fuse_req_userdata(request);
    struct fuse_entry_param entry = {0};
    g_autoptr(CronosSlot) slot = NULL;
    int errnum = lookup_by_name(mount, parent, name, &entry, &slot);

    if (errnum != 0) {
        fuse_reply_err(request, errnum);
        return;
    }
    /* Counted first: FORGET may overtake us. A reply that did not arrive was no look-up. */
    if (slot != NULL)
        cronos_slot_count_lookups(slot, 1);
    if (fuse_reply_entry(request, &entry) != 0 && slot != NULL)
        cronos_slot_forget(slot, 1);
}

static void forget(const CronosMount *mount, guint64 node, guint64 lookups)
{
    g_autoptr(CronosSlot) slot = cronos_tree_slot(mount->tree, cronos_node_slot(node));

    if (slot != NULL)
        cronos_slot_forget(slot, lookups);
}

void cronos_op_forget(fuse_req_t request, fuse_ino_t node, uint64_t lookups)
{
    forget(fuse_req_userdata(request), node, lookups);
    fuse_reply_none(request);
}

void cronos_op_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
    const CronosMount *mount = fuse_req_userdata(request);

    for (size_t i = 0; i < count;) {
        guint32 slot = cronos_node_slot(forgets[i].ino);
        guint64 node = forgets[i].ino, lookups = 0;

        /* They come by the thousand from one archive. */
        for (; i < count && cronos_node_slot(forgets[i].ino) == slot; i++)
            lookups += forgets[i].nlookup;
        forget(mount, node, lookups);
    }
    fuse_reply_none(request);
}
