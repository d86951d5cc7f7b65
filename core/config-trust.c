/* SPDX-License-Identifier: MIT
 * config-trust.c - who can have written a configuration file */
#include "core/config-trust.h"

#include "core/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *check_one(const char *path)
{
    g_autofree char *quoted = cronos_quote_path(path);
    struct stat status;

    if (stat(path, &status) != 0)
        return g_strdup_printf("%s can not be examined: %s", quoted, g_strerror(errno));
    if (status.st_uid != 0 && status.st_uid != geteuid())
        return g_strdup_printf("%s belongs to the user %u", quoted, (guint)status.st_uid);
    if (S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0)
        return NULL;
    if ((status.st_mode & S_IWOTH) != 0)
        return g_strdup_printf("%s can be written by everybody", quoted);
    if ((status.st_mode & S_IWGRP) != 0)
        return g_strdup_printf("%s can be written by its group", quoted);
    return NULL;
}

/* @path: absolute, without symbolic links. */
static char *check_upwards(const char *path)
{
    g_autofree char *at = g_strdup(path);

    for (;;) {
        char *problem = check_one(at);

        if (problem != NULL || strcmp(at, "/") == 0)
            return problem;
        char *parent = g_path_get_dirname(at);
        g_free(at);
        at = parent;
    }
}

static char *check_resolved(const char *path)
{
    char *resolved = realpath(path, NULL);
    char *problem = resolved != NULL
                        ? check_upwards(resolved)
                        : g_strdup_printf("it can not be resolved: %s", g_strerror(errno));

    free(resolved);
    return problem;
}

/* Where the file is a symbolic link, both ends matter. */
char *cronos_config_trust_problem(const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path);
    char *problem = check_resolved(path);

    return problem != NULL ? problem : check_resolved(directory);
}
