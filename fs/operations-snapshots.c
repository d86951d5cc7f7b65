/* SPDX-License-Identifier: MIT
 * operations-snapshots.c - look-up and listing of ".snapshots"
 *
 * It holds a link for each backup, named by the time of its creation in UTC as Samba's shadow_copy2
 * names snapshots. Links, since the kernel knows a folder under one path only. They come from the
 * file names: no archive is opened. */
#include "fs/operations.h"

#include "fs/attributes.h"
#include "fs/listing.h"
#include "fs/node.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#define NAME_FORMAT "@GMT-%Y.%m.%d-%H.%M.%S"
/* The calendar's years have four digits, and what it makes of others is in no file name. */
#define NAME_BYTES 64

gboolean cronos_snapshots_are_shown(const CronosMount *mount)
{
    return mount->options->versions != CRONOS_FS_VERSIONS_OFF;
}

void cronos_snapshots_describe_top(const CronosMount *mount, const CronosRoot *root,
                                   struct fuse_entry_param *out_entry)
{
    *out_entry = (struct fuse_entry_param){0};
    cronos_attributes_snapshots(mount, root, &out_entry->attr);
    cronos_entry_complete(out_entry, NULL, CRONOS_LIVE_SECONDS);
}

static void describe_snapshot(const CronosMount *mount, const CronosSlot *slot,
                              struct fuse_entry_param *out_entry)
{
    *out_entry = (struct fuse_entry_param){0};
    cronos_attributes_snapshot(mount, slot, &out_entry->attr);
    cronos_entry_complete(out_entry, slot, CRONOS_LIVE_SECONDS);
}

static void format_name(gint64 created, char out_name[NAME_BYTES])
{
    time_t seconds = (time_t)created;
    struct tm time;

    if (gmtime_r(&seconds, &time) == NULL ||
        strftime(out_name, NAME_BYTES, NAME_FORMAT, &time) == 0)
        out_name[0] = '\0';
}

/* Returns: whether it is the one way to write a time. */
static gboolean parse_name(const char *name, gint64 *out_created)
{
    struct tm time = {0};
    char again[NAME_BYTES];
    const char *end = strptime(name, NAME_FORMAT, &time);

    if (end == NULL || *end != '\0')
        return FALSE;
    *out_created = (gint64)timegm(&time);
    format_name(*out_created, again);
    return strcmp(name, again) == 0;
}

int cronos_snapshots_lookup(const CronosMount *mount, const char *name,
                            struct fuse_entry_param *out_entry)
{
    CronosSlot *slot = NULL;
    gint64 created;

    cronos_tree_refresh(mount->tree, FALSE, NULL);
    g_autoptr(CronosRoot) root = cronos_tree_root(mount->tree);
    if (parse_name(name, &created))
        slot = cronos_root_find_snapshot(root, created);
    if (slot == NULL)
        return strlen(name) > NAME_MAX ? ENAMETOOLONG : ENOENT;
    describe_snapshot(mount, slot, out_entry);
    return 0;
}

/* Returns: the index of the first snapshot to list. */
static guint position(const CronosListing *listing, const CronosRoot *root, off_t offset)
{
    if (offset <= CRONOS_ROOT_COOKIE_LATEST)
        return 0;
    g_autoptr(CronosSlot) last =
        cronos_tree_slot(listing->mount->tree, (guint32)(offset - CRONOS_ROOT_COOKIE_LATEST));
    return last != NULL ? cronos_root_snapshot_after(root, cronos_slot_backup(last)->parsed.created)
                        : root->snapshots->len;
}

int cronos_snapshots_list(CronosListing *listing, off_t offset)
{
    struct fuse_entry_param entry;
    char name[NAME_BYTES];

    if (offset == 0)
        cronos_tree_refresh(listing->mount->tree, FALSE, NULL);
    g_autoptr(CronosRoot) root = cronos_tree_root(listing->mount->tree);
    if (!cronos_listing_add_dots(listing, CRONOS_NODE_SNAPSHOTS, CRONOS_NODE_ROOT, offset))
        return 0;
    for (guint i = position(listing, root, offset); i < root->snapshots->len; i++) {
        const CronosSlot *slot = g_ptr_array_index(root->snapshots, i);
        guint64 cookie = CRONOS_ROOT_COOKIE_SLOT(cronos_slot_number(slot));

        format_name(cronos_slot_backup(slot)->parsed.created, name);
        describe_snapshot(listing->mount, slot, &entry);
        if (!cronos_listing_add(listing, name, &entry, (off_t)cookie))
            break;
    }
    return 0;
}
