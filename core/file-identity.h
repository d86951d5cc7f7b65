/* SPDX-License-Identifier: MIT
 * file-identity.h - which file it is, whatever its name: by device and inode */
#pragma once
#include <glib.h>
#include <sys/stat.h>

gboolean cronos_is_same_file(const struct stat *a, const struct stat *b);
/* Returns: whether both paths, symbolic links followed, are there and lead to the same file. */
gboolean cronos_is_same_path(const char *a, const char *b);
/* Returns: whether @path, symbolic links followed, leads to the file that is open on @fd. */
gboolean cronos_is_open_file(int fd, const char *path);

/* Returns: (owned) a list of some files, which is gone through from its start. */
GArray *cronos_file_identities_new(void);
void cronos_file_identities_add(GArray *identities, const struct stat *status);
gboolean cronos_file_identities_contain(const GArray *identities, const struct stat *status);
