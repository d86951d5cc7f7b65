/* SPDX-License-Identifier: MIT
 * operations-listing.c - READDIR and READDIRPLUS
 *
 * A listing goes on where the offset says, with no state kept in between: in an archive the offset
 * is the place in the run of children; in the root it names the folder listed last, since the
 * root's folders come and go. */
#include "fs/listing.h"

#include "fs/attributes.h"
#include "fs/node.h"
#include "fs/operations.h"
#include "fs/push.h"
#include "fs/reply-buffer.h"
#include "fs/target.h"

#include <errno.h>
#include <string.h>

/* The kernel refuses a whole listing that holds a longer name. */
#define LISTED_NAME_MAX 1024u

static void slot_unref(gpointer slot)
{
    cronos_slot_unref(slot);
}

gboolean cronos_listing_add(CronosListing *listing, const char *name,
                            const struct fuse_entry_param *entry, off_t offset)
{
    char *place = listing->buffer + listing->used;
    size_t rest = listing->size - listing->used;
    size_t needed =
        listing->plus
            ? fuse_add_direntry_plus(listing->request, place, rest, name, entry, offset)
            : fuse_add_direntry(listing->request, place, rest, name, &entry->attr, offset);

    if (needed > rest)
        return FALSE;
    listing->used += needed;
    return TRUE;
}

gboolean cronos_listing_add_dots(CronosListing *listing, guint64 self, guint64 parent, off_t offset)
{
    struct fuse_entry_param entry = {0};

    entry.attr.st_mode = S_IFDIR;
    entry.attr.st_ino = self;
    if (offset < CRONOS_LISTING_DOT &&
        !cronos_listing_add(listing, ".", &entry, CRONOS_LISTING_DOT))
        return FALSE;
    entry.attr.st_ino = parent;
    return offset >= CRONOS_LISTING_DOT_DOT ||
           cronos_listing_add(listing, "..", &entry, CRONOS_LISTING_DOT_DOT);
}

/* The index keeps such names out; a map that changed under it may bring them back. */
static gboolean copy_name(const char *name, gsize length, char out_name[LISTED_NAME_MAX])
{
    if (length == 0 || length >= LISTED_NAME_MAX || memchr(name, '/', length) != NULL ||
        memchr(name, '\0', length) != NULL)
        return FALSE;
    memcpy(out_name, name, length);
    out_name[length] = '\0';
    return TRUE;
}

/* A child whose facts can not be read is listed all the same: the look-up that follows fails for it
 * alone. */
static void describe_child(const CronosListing *listing, const CronosTarget *target, guint32 child,
                           struct fuse_entry_param *out_entry)
{
    *out_entry = (struct fuse_entry_param){0};
    if (cronos_attributes_member(listing->mount, target->slot, target->archive, child,
                                 &out_entry->attr, NULL)) {
        cronos_entry_complete(out_entry, target->slot, CRONOS_FOREVER_SECONDS);
    } else {
        out_entry->attr.st_ino = cronos_node(cronos_slot_number(target->slot), child);
    }
}

/* What tells of the backup is no part of it: left out, the folder compares equal to its source. A
 * look-up by name finds it. */
static guint32 hidden_child(const CronosTarget *target)
{
    return target->entry == CRONOS_ENTRY_ROOT
               ? cronos_slot_metadata_entry(target->slot, target->archive)
               : CRONOS_ENTRY_NONE;
}

static void add_children(CronosListing *listing, const CronosTarget *target, off_t offset)
{
    guint32 first, count;
    char name[LISTED_NAME_MAX];
    struct fuse_entry_param entry;
    guint32 hidden = hidden_child(target);

    cronos_archive_children(target->archive, target->entry, &first, &count);
    for (guint64 i = MAX(offset, CRONOS_LISTING_DOT_DOT) - CRONOS_LISTING_DOT_DOT; i < count; i++) {
        guint32 child = first + (guint32)i;
        gsize length;
        const char *bytes = cronos_archive_name(target->archive, child, &length);

        if (child == hidden || !copy_name(bytes, length, name))
            continue;
        describe_child(listing, target, child, &entry);
        if (!cronos_listing_add(listing, name, &entry, (off_t)(i + 1 + CRONOS_LISTING_DOT_DOT)))
            return;
        listing->archive_lookups += entry.ino != 0;
    }
}

static int list_archive(CronosListing *listing, guint64 node, off_t offset)
{
    CronosTarget *folder = &listing->folder;
    int errnum = cronos_target_open(listing->mount, node, FALSE, folder);

    if (errnum != 0)
        return errnum;
    if (!cronos_archive_is_directory(folder->archive, folder->entry))
        return ENOTDIR;
    guint32 slot = cronos_slot_number(folder->slot);
    guint64 parent = folder->entry == CRONOS_ENTRY_ROOT
                         ? CRONOS_NODE_ROOT
                         : cronos_node(slot, cronos_archive_parent(folder->archive, folder->entry));
    if (cronos_listing_add_dots(listing, node, parent, offset))
        add_children(listing, folder, offset);
    return 0;
}

/* Returns: the index of the first folder to list. */
static guint root_position(const CronosListing *listing, const CronosRoot *root, off_t offset)
{
    if (offset < CRONOS_ROOT_COOKIE_LATEST)
        return 0;
    if (offset == CRONOS_ROOT_COOKIE_LATEST)
        return cronos_root_after(root, CRONOS_ROOT_LATEST);
    g_autoptr(CronosSlot) last =
        cronos_tree_slot(listing->mount->tree, (guint32)(offset - CRONOS_ROOT_COOKIE_LATEST));
    return last != NULL ? cronos_root_after(root, cronos_slot_folder(last)) : root->entries->len;
}

/* ".snapshots" and ".versions". Returns: FALSE when the reply is full. */
static gboolean add_hidden(CronosListing *listing, const CronosRoot *root, off_t offset)
{
    struct fuse_entry_param entry;

    if (listing->mount->options->versions != CRONOS_FS_VERSIONS_VISIBLE)
        return TRUE;
    cronos_snapshots_describe_top(listing->mount, root, &entry);
    if (offset < CRONOS_ROOT_COOKIE_SNAPSHOTS &&
        !cronos_listing_add(listing, CRONOS_ROOT_SNAPSHOTS, &entry, CRONOS_ROOT_COOKIE_SNAPSHOTS))
        return FALSE;
    cronos_versions_describe_top(listing->mount, root, &entry);
    return offset >= CRONOS_ROOT_COOKIE_VERSIONS ||
           cronos_listing_add(listing, CRONOS_ROOT_VERSIONS, &entry, CRONOS_ROOT_COOKIE_VERSIONS);
}

static int list_root(CronosListing *listing, off_t offset)
{
    struct fuse_entry_param entry;

    if (offset == 0)
        cronos_tree_refresh(listing->mount->tree, FALSE, NULL);
    g_autoptr(CronosRoot) root = cronos_tree_root(listing->mount->tree);
    if (!cronos_listing_add_dots(listing, CRONOS_NODE_ROOT, CRONOS_NODE_ROOT, offset) ||
        !add_hidden(listing, root, offset))
        return 0;
    for (guint i = root_position(listing, root, offset); i < root->entries->len; i++) {
        const CronosRootEntry *folder = &g_array_index(root->entries, CronosRootEntry, i);
        guint64 cookie = folder->slot == NULL
                             ? CRONOS_ROOT_COOKIE_LATEST
                             : CRONOS_ROOT_COOKIE_SLOT(cronos_slot_number(folder->slot));

        cronos_root_describe(listing->mount, root, folder, &entry);
        if (!cronos_listing_add(listing, folder->name, &entry, (off_t)cookie))
            break;
        if (folder->slot != NULL)
            g_ptr_array_add(listing->slots, cronos_slot_ref(folder->slot));
    }
    return 0;
}

/* @known: the kernel will know of the nodes listed; FALSE takes that back. */
static void count_lookups(const CronosListing *listing, gboolean known)
{
    if (!listing->plus)
        return;
    if (listing->folder.slot != NULL && known)
        cronos_slot_count_lookups(listing->folder.slot, listing->archive_lookups);
    else if (listing->folder.slot != NULL)
        cronos_slot_forget(listing->folder.slot, listing->archive_lookups);
    for (guint i = 0; i < listing->slots->len; i++) {
        CronosSlot *slot = g_ptr_array_index(listing->slots, i);

        if (known)
            cronos_slot_count_lookups(slot, 1);
        else
            cronos_slot_forget(slot, 1);
    }
}

static int list_folder(CronosListing *listing, guint64 node, off_t offset)
{
    if (node == CRONOS_NODE_ROOT)
        return list_root(listing, offset);
    if (node == CRONOS_NODE_SNAPSHOTS)
        return cronos_snapshots_list(listing, offset);
    if (cronos_node_is_versions(node))
        return cronos_versions_list(listing, node, offset);
    return list_archive(listing, node, offset);
}

static void reply(CronosListing *listing)
{
    CronosPush *push = listing->mount->push;
    CronosPushing pushing = {0};

    /* The kernel asks once more at the end of a folder; by then it knows the files. */
    if (listing->plus && listing->used == 0 && listing->folder.slot != NULL)
        cronos_push_begin_listed(push, &listing->folder, fuse_req_ctx(listing->request)->pid,
                                 listing->buffer + listing->size, &pushing);
    count_lookups(listing, TRUE);
    if (fuse_reply_buf(listing->request, listing->buffer, listing->used) != 0)
        count_lookups(listing, FALSE);
    cronos_push_end(&pushing);
}

static void list(fuse_req_t request, guint64 node, size_t size, off_t offset, gboolean plus)
{
    CronosListing listing = {.request = request, .plus = plus, .size = size};
    int errnum = ENOMEM;

    listing.mount = fuse_req_userdata(request);
    listing.buffer = cronos_reply_buffer(size + CRONOS_PUSH_BUFFER_BYTES);
    listing.slots = g_ptr_array_new_with_free_func(slot_unref);
    if (listing.buffer != NULL && offset >= 0)
        errnum = list_folder(&listing, node, offset);
    if (errnum != 0)
        fuse_reply_err(request, errnum);
    else
        reply(&listing);
    cronos_target_clear(&listing.folder);
    g_ptr_array_unref(listing.slots);
}

void cronos_op_opendir(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    const CronosMount *mount = fuse_req_userdata(request);

    if (mount->no_opendir) {
        fuse_reply_err(request, ENOSYS);
        return;
    }
    file->keep_cache = 1;
    file->cache_readdir = 1;
    fuse_reply_open(request, file);
}

void cronos_op_readdir(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                       struct fuse_file_info *file)
{
    list(request, node, size, offset, FALSE);
}

void cronos_op_readdirplus(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                           struct fuse_file_info *file)
{
    list(request, node, size, offset, TRUE);
}
