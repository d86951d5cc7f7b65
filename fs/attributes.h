/* SPDX-License-Identifier: MIT
 * attributes.h - struct stat of everything in the mount
 *
 * A folder that stands for an archive may be entered by whoever may read the archive's file:
 * letting other users in with allow_other does not open private backups to them. */
#pragma once
#include "fs/mount.h"
#include "fs/union.h"

/* Nothing inside an archive ever changes under its node id. */
#define CRONOS_FOREVER_SECONDS 1e9
/* The root's entries and what depends on the files of the directory: changes are announced to the
 * kernel at once; this bounds the harm of an answer that was on its way meanwhile. */
#define CRONOS_LIVE_SECONDS 1.0

/* Completes @entry, whose .attr is there: what the kernel knows it by, and for how many seconds.
 * @slot: which it is of, or leads to; nullable. */
void cronos_entry_complete(struct fuse_entry_param *entry, const CronosSlot *slot, double seconds);

/* Time stamp of @root; permissions and owner of the backup directory. */
void cronos_attributes_root(const CronosMount *mount, const CronosRoot *root,
                            struct stat *out_status);
/* @slot: where the link leads. */
void cronos_attributes_latest(const CronosMount *mount, const CronosSlot *slot,
                              struct stat *out_status);
/* ".snapshots": as the root, with a time stamp that moves with each change of the backups. */
void cronos_attributes_snapshots(const CronosMount *mount, const CronosRoot *root,
                                 struct stat *out_status);
/* A link in it. */
void cronos_attributes_snapshot(const CronosMount *mount, const CronosSlot *slot,
                                struct stat *out_status);
void cronos_attributes_archive(const CronosMount *mount, CronosSlot *slot, struct stat *out_status);
/* ".versions": whoever may read every backup's file may enter. Its time stamp moves with each
 * change of the backups. */
void cronos_attributes_versions(const CronosMount *mount, const CronosRoot *root,
                                struct stat *out_status);
/* A folder in it: whoever may enter the folder of that name in every backup that has one. */
void cronos_attributes_union(const CronosMount *mount, const CronosRoot *root,
                             const CronosUnionName *name, struct stat *out_status);
/* @info: of the member @entry of @slot. */
void cronos_attributes_info(const CronosMount *mount, const CronosSlot *slot, guint32 entry,
                            const CronosMemberInfo *info, struct stat *out_status);
/* Returns: FALSE with @error when the member's facts can not be read. */
gboolean cronos_attributes_member(const CronosMount *mount, const CronosSlot *slot,
                                  const CronosArchive *archive, guint32 entry,
                                  struct stat *out_status, GError **error);
