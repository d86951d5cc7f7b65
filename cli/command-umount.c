/* SPDX-License-Identifier: MIT
 * command-umount.c - cronos umount: takes away a mount of cronosfs, and no other */
#include "cli/command.h"
#include "core/error.h"

#include <errno.h>
#include <gio/gunixmounts.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define CRONOSFS_TYPE "fuse.cronosfs"

/* Resolves the parent alone where the mount itself does not answer any more, as after a daemon's
 * sudden death. Returns: (owned) or NULL with errno. */
static char *resolve(const char *path)
{
    char *whole = realpath(path, NULL);

    if (whole != NULL || (errno != ENOTCONN && errno != EIO && errno != EACCES))
        return whole;
    g_autofree char *parent_name = g_path_get_dirname(path);
    g_autofree char *last = g_path_get_basename(path);
    char *parent = realpath(parent_name, NULL);
    char *resolved = parent != NULL ? g_build_filename(parent, last, NULL) : NULL;
    free(parent);
    return resolved;
}

static gboolean check_mount(const char *path, const char *shown, GError **error)
{
    g_autoptr(GUnixMountEntry) mount = g_unix_mount_at(path, NULL);

    if (mount == NULL) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s: not mounted", shown);
        return FALSE;
    }
    if (!g_str_equal(g_unix_mount_get_fs_type(mount), CRONOSFS_TYPE)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s: not a mount of cronosfs but %s",
                    shown, g_unix_mount_get_fs_type(mount));
        return FALSE;
    }
    return TRUE;
}

static void set_busy(GError **error, const char *shown)
{
    g_set_error(error, CRONOS_SYSTEM_ERROR, EBUSY,
                "%s: in use; close what is open in it, or leave it, and try again", shown);
}

static gboolean run_fusermount(const char *path, const char *shown, GError **error)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autoptr(GError) problem = NULL;
    g_autofree char *complaint = NULL;
    int status;

    g_strv_builder_add_many(builder, "fusermount3", "-u", "--", path, NULL);
    g_auto(GStrv) command = g_strv_builder_end(builder);
    if (!g_spawn_sync(NULL, command, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                      NULL, NULL, &complaint, &status, &problem)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s: can not be unmounted: %s", shown,
                    problem->message);
        return FALSE;
    }
    if (g_spawn_check_wait_status(status, NULL))
        return TRUE;
    g_strstrip(complaint);
    if (strstr(complaint, "busy") != NULL)
        set_busy(error, shown);
    else
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s: can not be unmounted: %s", shown,
                    *complaint != '\0' ? complaint : "fusermount3 failed");
    return FALSE;
}

static gboolean unmount(const char *path, const char *shown, GError **error)
{
    if (geteuid() != 0)
        return run_fusermount(path, shown, error);
    if (umount2(path, UMOUNT_NOFOLLOW) == 0)
        return TRUE;
    if (errno == EPERM)
        return run_fusermount(path, shown, error);
    if (errno == EBUSY)
        set_busy(error, shown);
    else
        cronos_error_set_system(error, errno, "%s", shown);
    return FALSE;
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const char *typed = invocation->operands[0];
    g_autofree char *shown = cronos_quote_path(typed);
    char *path = resolve(typed);

    if (path == NULL) {
        cronos_error_set_system(error, errno, "%s", shown);
        return CRONOS_EXIT_FAILED;
    }
    gboolean done = check_mount(path, shown, error) && unmount(path, shown, error);
    free(path);
    return done ? CRONOS_EXIT_DONE : CRONOS_EXIT_FAILED;
}

const CronosCommand cronos_command_umount = {
    .name = "umount",
    .synopsis = "MOUNTPOINT",
    .summary = "Take such a mount away",
    .operands_min = 1,
    .operands_max = 1,
    .operand_missing = "a MOUNTPOINT",
    .run = run,
};
