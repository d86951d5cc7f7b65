/* SPDX-License-Identifier: MIT
 * temporary.h - temporary directories for tests, removed with all that is in them */
#pragma once
#include <fcntl.h>
#include <ftw.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns: (owned) the path of a new directory, without symbolic links. */
static inline char *temporary_new(void)
{
    g_autofree char *path = g_dir_make_tmp("cronos-test-XXXXXX", NULL);
    char *resolved = path != NULL ? realpath(path, NULL) : NULL;

    if (resolved == NULL)
        g_error("can not make a temporary directory");
    return resolved;
}

static inline int temporary_remove_one(const char *path, const struct stat *status, int type,
                                       struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Removes the directory, and frees @path. */
static inline void temporary_free(char *path)
{
    nftw(path, temporary_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

/* Writes a ZIP file without members: a backup as whole as one can be. */
static inline void temporary_write_zip(const char *directory, const char *name)
{
    static const char empty[22] = "PK\5\6";
    g_autofree char *path = g_build_filename(directory, name, NULL);

    if (!g_file_set_contents(path, empty, sizeof empty, NULL))
        g_error("can not write %s", path);
}

/* Writes a file below @directory, whose parent exists. */
static inline void temporary_write(const char *directory, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    if (!g_file_set_contents(path, text, -1, NULL))
        g_error("can not write %s", path);
}
