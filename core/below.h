/* SPDX-License-Identifier: MIT
 * below.h - names and folders below a directory: checking, opening, removing
 *
 * Nothing here follows a symbolic link or leaves the directory it was given. Threads: all safe. */
#pragma once
#include <glib.h>

/* Returns: whether @name is one plain path component: not empty, "." or "..", without '/' or NUL.
 */
gboolean cronos_name_is_plain(const char *name, gsize length);

/* Opens the directory that holds @path's last component, as cronos_open_beneath.
 * @out_name: (borrowed) that component, inside of @path.
 * Returns: (owned) fd (O_PATH), or -1 with errno. */
int cronos_below_open_parent(int root_fd, const char *path, const char **out_name);

/* Removes @name in @parent_fd with all below it: links are removed, never followed; read-only
 * folders are made writable first. Three descriptors whatever the depth; the order is not that of
 * the tree. Returns: FALSE with a system error at the first thing that stays. */
gboolean cronos_below_remove_tree(int parent_fd, const char *name, GError **error);
