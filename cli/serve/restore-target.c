/* SPDX-License-Identifier: MIT
 * restore-target.c - a target held against the place it must be below */
#include "cli/serve/restore-target.h"

#include "core/error.h"
#include "core/open-beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *refuse(const char *path, const char *directory, const char *why, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(path);
    g_autofree char *place = cronos_quote_path(directory);

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSAFE, "%s: %s; restores go below %s", quoted,
                why, place);
    return NULL;
}

/* Returns: (owned) @path relative to @directory, or NULL where it is not below. */
static char *relative_path(const char *directory, const char *path)
{
    g_autofree char *top = g_canonicalize_filename(directory, "/");
    g_autofree char *absolute = g_canonicalize_filename(path, top);
    gsize length = strcmp(top, "/") == 0 ? 0 : strlen(top);

    if (strncmp(absolute, top, length) != 0 || absolute[length] != '/' ||
        absolute[length + 1] == '\0')
        return NULL;
    return g_strdup(absolute + length + 1);
}

/* Whether what there is of @relative already are folders, and no links to them. */
static gboolean is_plain(int dirfd, const char *relative)
{
    g_autofree char *part = g_strdup(relative);

    for (;;) {
        int fd = cronos_open_beneath(dirfd, part, O_PATH | O_DIRECTORY);
        char *slash = strrchr(part, '/');

        if (fd >= 0)
            close(fd);
        if (fd >= 0 || errno != ENOENT || slash == NULL)
            return fd >= 0 || errno == ENOENT;
        *slash = '\0';
    }
}

char *cronos_restore_target_find(const char *directory, const char *path, GError **error)
{
    g_auto(GStrv) components = g_strsplit(path, "/", -1);
    g_autofree char *relative = relative_path(directory, path);

    if (relative == NULL || g_strv_contains((const char *const *)components, ".."))
        return refuse(path, directory, "is outside", error);
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT) {
        g_autofree char *quoted = cronos_quote_path(directory);

        cronos_error_set_system(error, errno, "%s", quoted);
        return NULL;
    }
    gboolean plain = fd < 0 || is_plain(fd, relative);
    if (fd >= 0)
        close(fd);
    if (!plain)
        return refuse(path, directory, "leads through what is no folder", error);
    return g_build_filename(directory, relative, NULL);
}
