/* SPDX-License-Identifier: MIT
 * listing.h - one reply to READDIR or READDIRPLUS while it is made
 *
 * Offsets 1 and 2 stand behind "." and ".."; what stands behind the others depends on the folder.
 */
#pragma once
#include "fs/target.h"

#define CRONOS_LISTING_DOT 1
#define CRONOS_LISTING_DOT_DOT 2

typedef struct {
    fuse_req_t request;
    const CronosMount *mount;
    gboolean plus;
    char *buffer;
    size_t size, used;
    CronosTarget folder; /* of an archive; cleared by who makes the listing */
    /* Look-ups that the kernel counts once the reply has arrived. */
    guint64 archive_lookups; /* of .folder's archive */
    GPtrArray *slots;        /* of owned CronosSlot, one look-up each */
} CronosListing;

/* @entry: attr.st_ino and the type in attr.st_mode at least; a zero ino tells the kernel to look it
 * up itself. Returns: FALSE when the reply is full. */
gboolean cronos_listing_add(CronosListing *listing, const char *name,
                            const struct fuse_entry_param *entry, off_t offset);
gboolean cronos_listing_add_dots(CronosListing *listing, guint64 self, guint64 parent,
                                 off_t offset);
