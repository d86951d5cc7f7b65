/* SPDX-License-Identifier: MIT
 * directory-names.h - the names in one directory, read at once and sorted as bytes
 *
 * "." and ".." are left out; a name that the file system reports twice (it may, when names change
 * while it is read) is kept once. Memory: the names and 8 bytes each. */
#pragma once
#include <glib.h>

typedef struct CronosDirectoryNames CronosDirectoryNames;

/* Reads the directory open on @fd (borrowed, at its start).
 * @out_errnum: 0, or the errno with which reading ended early: the names found so far are kept.
 * Returns: (owned), never NULL. */
CronosDirectoryNames *cronos_directory_names_read(int fd, int *out_errnum);
/* The same of the directory that @fd (borrowed) is of, which need not be at its start, and may have
 * been opened by O_PATH: it is opened once more. @out_errnum: also why that failed; there are no
 * names then. */
CronosDirectoryNames *cronos_directory_names_list(int fd, int *out_errnum);
void cronos_directory_names_free(CronosDirectoryNames *names); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosDirectoryNames, cronos_directory_names_free)

gsize cronos_directory_names_count(const CronosDirectoryNames *names);
/* Returns: (borrowed) the name at @index; @out_type: its DT_ constant, DT_UNKNOWN where the file
 * system does not tell. */
const char *cronos_directory_names_get(const CronosDirectoryNames *names, gsize index,
                                       unsigned char *out_type);
gboolean cronos_directory_names_contain(const CronosDirectoryNames *names, const char *name);
