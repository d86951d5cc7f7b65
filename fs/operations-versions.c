/* SPDX-License-Identifier: MIT
 * operations-versions.c - look-up, attributes and listing of the folders of ".versions"
 *
 * A folder stands for one path. It holds a folder for each name that any backup has there; then,
 * where the path is a file or a link in some backups, its versions, which are those backups' own
 * members. Folders of it and versions are told apart by their kind.
 *
 * A listing goes on where its offset says: which generation of the root it is of, and the place in
 * it, so that one that has begun is finished as it began. */
#include "fs/operations.h"

#include "fs/attributes.h"
#include "fs/listing.h"
#include "fs/node.h"
#include "fs/target.h"
#include "fs/versions.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define PLACE_BITS 32

void cronos_versions_describe_top(const CronosMount *mount, const CronosRoot *root,
                                  struct fuse_entry_param *out_entry)
{
    *out_entry = (struct fuse_entry_param){0};
    cronos_attributes_versions(mount, root, &out_entry->attr);
    cronos_entry_complete(out_entry, NULL, CRONOS_LIVE_SECONDS);
}

/* Returns: (borrowed) whose look-up it is. */
static CronosSlot *describe_name(const CronosMount *mount, CronosRoot *root,
                                 const CronosUnionName *name, struct fuse_entry_param *out_entry)
{
    CronosSlot *slot = g_ptr_array_index(root->backups, name->backup);

    *out_entry = (struct fuse_entry_param){0};
    cronos_attributes_union(mount, root, name, &out_entry->attr);
    cronos_entry_complete(out_entry, slot, CRONOS_LIVE_SECONDS);
    return slot;
}

/* Which backup's member it is may change with the backups; the member does not.
 * Returns: 0, or an errno: then the kernel is told the number alone. @out_slot: (borrowed) whose
 * look-up it is. */
static int describe_version(const CronosMount *mount, const CronosUnion *above, guint32 run,
                            struct fuse_entry_param *out_entry, CronosSlot **out_slot)
{
    const CronosUnionRun *version = &g_array_index(above->runs, CronosUnionRun, run);
    CronosSlot *slot = g_ptr_array_index(above->root->backups, version->backup);
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosOutline) outline = cronos_slot_outline(slot, &error);
    CronosOutlinePlace place = {.entry = version->entry, .header = version->header};
    CronosMemberInfo info;

    *out_entry = (struct fuse_entry_param){0};
    out_entry->attr.st_mode = S_IFREG;
    out_entry->attr.st_ino = cronos_node(cronos_slot_number(slot), version->entry);
    if (outline == NULL || !cronos_outline_info(outline, &place, &info, &error))
        return cronos_target_report_archive(mount, slot, error);
    cronos_attributes_info(mount, slot, version->entry, &info, &out_entry->attr);
    cronos_entry_complete(out_entry, slot, CRONOS_LIVE_SECONDS);
    out_entry->attr_timeout = CRONOS_FOREVER_SECONDS;
    *out_slot = slot;
    return 0;
}

int cronos_versions_lookup(const CronosMount *mount, guint64 parent, const char *name,
                           struct fuse_entry_param *out_entry, CronosSlot **out_slot)
{
    g_auto(CronosVersionsFolder) folder = {0};
    CronosSlot *slot = NULL;
    int errnum = cronos_versions_open(mount, parent, CRONOS_VERSIONS_NOW, &folder);

    if (errnum != 0)
        return errnum;
    const CronosUnionName *found = cronos_union_find(cronos_versions_below(mount, &folder), name);
    if (found != NULL) {
        slot = describe_name(mount, folder.root, found, out_entry);
    } else {
        g_autoptr(GPtrArray) names = cronos_versions_names(mount, &folder);
        guint at;

        if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, &at))
            return strlen(name) > NAME_MAX ? ENAMETOOLONG : ENOENT;
        errnum =
            describe_version(mount, folder.above, folder.self->first_run + at, out_entry, &slot);
    }
    if (errnum == 0)
        *out_slot = cronos_slot_ref(slot);
    return errnum;
}

int cronos_versions_parent(const CronosMount *mount, guint64 node, guint64 *out_parent)
{
    g_auto(CronosVersionsFolder) folder = {0};
    int errnum = cronos_versions_open(mount, node, CRONOS_VERSIONS_NOW, &folder);

    *out_parent = CRONOS_NODE_VERSIONS;
    if (errnum != 0)
        return errnum;
    g_auto(GStrv) names = g_strsplit(folder.path, "/", -1);
    /* From the top, since a folder's number is its oldest backup's. */
    for (char **name = names; *name != NULL && name[1] != NULL && errnum == 0; name++) {
        g_autoptr(CronosSlot) slot = NULL;
        struct fuse_entry_param entry = {0};

        errnum = cronos_versions_lookup(mount, *out_parent, *name, &entry, &slot);
        *out_parent = entry.ino;
    }
    return errnum;
}

int cronos_versions_getattr(const CronosMount *mount, guint64 node, struct stat *out_status)
{
    g_auto(CronosVersionsFolder) folder = {0};
    int errnum = cronos_versions_open(mount, node, CRONOS_VERSIONS_NOW, &folder);

    if (errnum != 0)
        return errnum;
    if (folder.above == NULL) {
        cronos_attributes_versions(mount, folder.root, out_status);
        return 0;
    }
    if (folder.self == NULL)
        return ESTALE;
    cronos_attributes_union(mount, folder.root, folder.self, out_status);
    /* The oldest backup may be another one by now; the kernel goes by the node it has. */
    out_status->st_ino = node;
    return 0;
}

/* Returns: FALSE when the reply is full. */
static gboolean add_names(CronosListing *listing, CronosVersionsFolder *folder, guint64 place)
{
    const CronosUnion *below = cronos_versions_below(listing->mount, folder);
    guint64 generation = folder->root->generation;
    struct fuse_entry_param entry;

    for (guint64 i = place; i < below->names->len; i++) {
        const CronosUnionName *name = &g_array_index(below->names, CronosUnionName, i);
        CronosSlot *slot = describe_name(listing->mount, folder->root, name, &entry);
        guint64 offset = generation << PLACE_BITS | (i + 1 + CRONOS_LISTING_DOT_DOT);

        if (!cronos_listing_add(listing, name->name, &entry, (off_t)offset))
            return FALSE;
        g_ptr_array_add(listing->slots, cronos_slot_ref(slot));
    }
    return TRUE;
}

/* A version whose facts can not be read is listed all the same: the look-up that follows fails. */
static void add_versions(CronosListing *listing, CronosVersionsFolder *folder, guint64 place)
{
    guint64 before = cronos_versions_below(listing->mount, folder)->names->len;
    guint64 generation = folder->root->generation;
    g_autoptr(GPtrArray) names = cronos_versions_names(listing->mount, folder);
    struct fuse_entry_param entry;

    for (guint64 i = MAX(place, before) - before; i < names->len; i++) {
        guint32 run = folder->self->first_run + (guint32)i;
        guint64 offset = generation << PLACE_BITS | (before + i + 1 + CRONOS_LISTING_DOT_DOT);
        CronosSlot *slot = NULL;

        describe_version(listing->mount, folder->above, run, &entry, &slot);
        if (!cronos_listing_add(listing, g_ptr_array_index(names, i), &entry, (off_t)offset))
            return;
        if (slot != NULL)
            g_ptr_array_add(listing->slots, cronos_slot_ref(slot));
    }
}

static guint64 node_above(const CronosVersionsFolder *folder)
{
    return folder->above == NULL ? CRONOS_NODE_ROOT : CRONOS_NODE_VERSIONS;
}

int cronos_versions_list(CronosListing *listing, guint64 node, off_t offset)
{
    g_auto(CronosVersionsFolder) folder = {0};
    guint64 behind = (guint64)offset & (((guint64)1 << PLACE_BITS) - 1);
    guint32 generation = behind > CRONOS_LISTING_DOT_DOT ? (guint32)((guint64)offset >> PLACE_BITS)
                                                         : CRONOS_VERSIONS_NOW;
    guint64 place = MAX(behind, CRONOS_LISTING_DOT_DOT) - CRONOS_LISTING_DOT_DOT;

    if (behind == 0)
        cronos_tree_refresh(listing->mount->tree, FALSE, NULL);
    int errnum = cronos_versions_open(listing->mount, node, generation, &folder);
    if (errnum != 0)
        return errnum;
    if (cronos_listing_add_dots(listing, node, node_above(&folder), (off_t)behind) &&
        add_names(listing, &folder, place))
        add_versions(listing, &folder, place);
    return 0;
}
