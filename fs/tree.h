/* SPDX-License-Identifier: MIT
 * tree.h - the live directory behind the mount: its present root, and every slot the kernel knows
 *
 * The tree reads the backup directory when it is told that something may have changed, and gives
 * each state of each archive file a slot. What vanished on the way is kept for the one who tells
 * the kernel (fs/watch.h): never a request handler, which could block on itself.
 *
 * Folders are named by the archive's file name less its extension. Where two archives would share
 * a folder, or a folder be called "latest" or as another archive's file, the archive keeps its full
 * file name; a ZIP comes before the others, then byte order decides.
 *
 * Threads: all functions are safe. */
#pragma once
#include "fs/root.h"

typedef struct CronosTree CronosTree;

/* Opens @directory, an absolute path, and reads it.
 * Returns: (owned), or NULL with a system error. */
CronosTree *cronos_tree_open(const char *directory, CronosPool *pool, GError **error);
void cronos_tree_free(CronosTree *tree); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosTree, cronos_tree_free)

const char *cronos_tree_directory(const CronosTree *tree);
int cronos_tree_directory_fd(const CronosTree *tree); /* borrowed */

/* Reads the directory again. Returns: FALSE with a system error; the root stays as it was. */
gboolean cronos_tree_rescan(CronosTree *tree, GError **error);
/* The same where the directory's own time stamp has moved: cheap when it has not. @doubt: also
 * while the stamp is too young to tell two changes apart. */
gboolean cronos_tree_refresh(CronosTree *tree, gboolean doubt, GError **error);

/* Returns: (owned) the present root. */
CronosRoot *cronos_tree_root(CronosTree *tree);
/* Returns: (owned) the slot, or NULL when it is known no more. */
CronosSlot *cronos_tree_slot(CronosTree *tree, guint32 number);

/* Returns: (owned) the names (char *) that since the last call came to stand for something else or
 * for nothing; NULL when the root is as it was then; empty when there are only new names. */
GPtrArray *cronos_tree_take_vanished(CronosTree *tree);
/* @changed: called, without a lock held, when there is something to take. Set before threads
 * start. */
void cronos_tree_set_notify(CronosTree *tree, void (*changed)(void *data), void *data);
