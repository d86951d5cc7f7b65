/* SPDX-License-Identifier: MIT
 * below.c - removing a tree by descriptors
 *
 * Removing needs no recursion: a folder inside of a folder is first moved up to the top of the
 * tree, so that two levels are ever open, and no depth exhausts descriptors or the stack. */
#include "core/below.h"
#include "core/error.h"
#include "core/open-beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean cronos_name_is_plain(const char *name, gsize length)
{
    if (length == 0 || memchr(name, '/', length) != NULL || memchr(name, '\0', length) != NULL)
        return FALSE;
    return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

int cronos_below_open_parent(int root_fd, const char *path, const char **out_name)
{
    const char *slash = strrchr(path, '/');

    *out_name = slash == NULL ? path : slash + 1;
    if (slash == NULL)
        return cronos_open_beneath(root_fd, "", O_PATH | O_DIRECTORY);
    g_autofree char *parent = g_strndup(path, (gsize)(slash - path));
    return cronos_open_beneath(root_fd, parent, O_PATH | O_DIRECTORY);
}

/* Opens a folder of the tree that is removed for listing and changing, whatever its mode. */
static int open_for_removal(int parent_fd, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct stat status;
    int fd = openat(parent_fd, name, flags);

    if (fd < 0 && errno == EACCES && fchmodat(parent_fd, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
        fd = openat(parent_fd, name, flags);
    if (fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & S_IRWXU) != S_IRWXU)
        (void)!fchmod(fd, status.st_mode | S_IRWXU);
    return fd;
}

static gboolean is_folder(int fd, const struct dirent *item)
{
    struct stat status;

    if (item->d_type != DT_UNKNOWN)
        return item->d_type == DT_DIR;
    return fstatat(fd, item->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/* Moves the folder @name out of @from_fd up into @top_fd under a name that is free there. */
static gboolean move_up(int from_fd, const char *name, int top_fd, guint64 *serial)
{
    char moved[48];

    for (;;) {
        g_snprintf(moved, sizeof moved, ".cronos-remove-%" G_GUINT64_FORMAT, ++*serial);
        if (renameat2(from_fd, name, top_fd, moved, RENAME_NOREPLACE) == 0)
            return TRUE;
        /* A folder that may not be written can not change its "..". */
        if (errno == EACCES && fchmodat(from_fd, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0 &&
            renameat2(from_fd, name, top_fd, moved, RENAME_NOREPLACE) == 0)
            return TRUE;
        if (errno == EINVAL && faccessat(top_fd, moved, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            return renameat(from_fd, name, top_fd, moved) == 0;
        if (errno != EEXIST)
            return FALSE;
    }
}

/* Empties @fd (taken over) but for folders, which go up to @top_fd. */
static gboolean empty_folder(int fd, int top_fd, guint64 *serial)
{
    DIR *listing = fdopendir(fd);
    struct dirent *item;
    gboolean done = TRUE;
    int errnum;

    if (listing == NULL) {
        errnum = errno;
        close(fd);
        errno = errnum;
        return FALSE;
    }
    while (done && (errno = 0, item = readdir(listing)) != NULL) {
        if (!cronos_name_is_plain(item->d_name, strlen(item->d_name)))
            continue;
        done = is_folder(fd, item) ? move_up(fd, item->d_name, top_fd, serial)
                                   : unlinkat(fd, item->d_name, 0) == 0;
    }
    errnum = errno;
    closedir(listing);
    errno = errnum;
    return done && errnum == 0;
}

/* One pass over the top folder. @out_found: whether there was anything in it. */
static gboolean empty_top(int top_fd, guint64 *serial, gboolean *out_found)
{
    int listing_fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = listing_fd < 0 ? NULL : fdopendir(listing_fd);
    struct dirent *item;
    gboolean done = TRUE;

    *out_found = FALSE;
    if (listing == NULL)
        return FALSE;
    while (done && (errno = 0, item = readdir(listing)) != NULL) {
        if (!cronos_name_is_plain(item->d_name, strlen(item->d_name)))
            continue;
        *out_found = TRUE;
        if (!is_folder(top_fd, item)) {
            done = unlinkat(top_fd, item->d_name, 0) == 0;
            continue;
        }
        int fd = open_for_removal(top_fd, item->d_name);
        done = fd >= 0 && empty_folder(fd, top_fd, serial) &&
               unlinkat(top_fd, item->d_name, AT_REMOVEDIR) == 0;
    }
    int errnum = errno;
    closedir(listing);
    errno = errnum;
    return done && errnum == 0;
}

gboolean cronos_below_remove_tree(int parent_fd, const char *name, GError **error)
{
    guint64 serial = 0;
    gboolean found = TRUE;
    int top_fd = open_for_removal(parent_fd, name);
    gboolean done = top_fd >= 0;

    while (done && found)
        done = empty_top(top_fd, &serial, &found);
    if (done)
        done = unlinkat(parent_fd, name, AT_REMOVEDIR) == 0;
    int errnum = errno;
    if (top_fd >= 0)
        close(top_fd);
    if (!done) {
        g_autofree char *quoted = cronos_quote_path(name);
        cronos_error_set_system(error, errnum, "%s: cannot be removed", quoted);
    }
    return done;
}
