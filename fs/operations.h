/* SPDX-License-Identifier: MIT
 * operations.h - the requests of the kernel
 *
 * Each handler calls a worker that returns an errno, and replies once. Handlers run in any number
 * of threads; none ever tells the kernel to invalidate anything (fs/watch.h does): that could wait
 * for the very request it is called from.
 *
 * The kernel counts each node it is told of by look-up or READDIRPLUS, and gives the counts back by
 * FORGET; here they are summed up by archive. */
#pragma once
#include "fs/listing.h"

extern const struct fuse_lowlevel_ops cronos_operations;

/* operations-folder.c */
void cronos_op_lookup(fuse_req_t request, fuse_ino_t parent, const char *name);
/* Describes @folder of @root. */
void cronos_root_describe(const CronosMount *mount, const CronosRoot *root,
                          const CronosRootEntry *folder, struct fuse_entry_param *out_entry);
void cronos_op_forget(fuse_req_t request, fuse_ino_t node, uint64_t lookups);
void cronos_op_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets);
/* operations-listing.c */
void cronos_op_opendir(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file);
void cronos_op_readdir(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                       struct fuse_file_info *file);
void cronos_op_readdirplus(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                           struct fuse_file_info *file);
/* operations-file.c */
void cronos_op_getattr(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file);
/* Returns: 0, or an errno. @out_live: it may change. */
int cronos_node_stat(const CronosMount *mount, guint64 node, struct stat *out_status,
                     gboolean *out_live);
void cronos_op_readlink(fuse_req_t request, fuse_ino_t node);
void cronos_op_open(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file);
void cronos_op_read(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                    struct fuse_file_info *file);
void cronos_op_statfs(fuse_req_t request, fuse_ino_t node);
/* operations-versions.c: parts of the above, for the folders of ".versions". Return 0, or an errno.
 */
int cronos_versions_lookup(const CronosMount *mount, guint64 parent, const char *name,
                           struct fuse_entry_param *out_entry, CronosSlot **out_slot);
int cronos_versions_getattr(const CronosMount *mount, guint64 node, struct stat *out_status);
/* @out_parent: the folder that the folder @node is in, as long as it is not ".versions" itself. */
int cronos_versions_parent(const CronosMount *mount, guint64 node, guint64 *out_parent);
int cronos_versions_list(CronosListing *listing, guint64 node, off_t offset);
void cronos_versions_describe_top(const CronosMount *mount, const CronosRoot *root,
                                  struct fuse_entry_param *out_entry);
/* operations-snapshots.c: the same for ".snapshots" */
gboolean cronos_snapshots_are_shown(const CronosMount *mount);
void cronos_snapshots_describe_top(const CronosMount *mount, const CronosRoot *root,
                                   struct fuse_entry_param *out_entry);
int cronos_snapshots_lookup(const CronosMount *mount, const char *name,
                            struct fuse_entry_param *out_entry);
int cronos_snapshots_list(CronosListing *listing, off_t offset);
/* operations-handle.c: LOOKUP of "." and "..". @out_slot: (owned) whose look-up it is; NULL for
 * what is not counted. Return 0, or an errno: ESTALE for what is no more. */
int cronos_handle_lookup(const CronosMount *mount, guint64 node, struct fuse_entry_param *out_entry,
                         CronosSlot **out_slot);
int cronos_handle_lookup_parent(const CronosMount *mount, guint64 node,
                                struct fuse_entry_param *out_entry, CronosSlot **out_slot);
/* xattr.c */
void cronos_op_getxattr(fuse_req_t request, fuse_ino_t node, const char *name, size_t size);
void cronos_op_listxattr(fuse_req_t request, fuse_ino_t node, size_t size);
/* operations-refused.c: everything that writes is EROFS. */
void cronos_op_setattr(fuse_req_t request, fuse_ino_t node, struct stat *attributes, int which,
                       struct fuse_file_info *file);
void cronos_op_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                     dev_t device);
void cronos_op_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode);
void cronos_op_unlink(fuse_req_t request, fuse_ino_t parent, const char *name);
void cronos_op_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name);
void cronos_op_rename(fuse_req_t request, fuse_ino_t parent, const char *name,
                      fuse_ino_t new_parent, const char *new_name, unsigned int flags);
void cronos_op_link(fuse_req_t request, fuse_ino_t node, fuse_ino_t new_parent,
                    const char *new_name);
void cronos_op_write(fuse_req_t request, fuse_ino_t node, const char *bytes, size_t size,
                     off_t offset, struct fuse_file_info *file);
void cronos_op_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *file);
void cronos_op_setxattr(fuse_req_t request, fuse_ino_t node, const char *name, const char *value,
                        size_t size, int flags);
void cronos_op_removexattr(fuse_req_t request, fuse_ino_t node, const char *name);
void cronos_op_fallocate(fuse_req_t request, fuse_ino_t node, int mode, off_t offset, off_t length,
                         struct fuse_file_info *file);
