/* SPDX-License-Identifier: MIT
 * restore-place.c - finding, filling and naming a new place */
#include "core/restore-place.h"
#include "core/archive.h"
#include "core/below.h"
#include "core/directory-names.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/file-identity.h"
#include "core/log.h"
#include "core/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static gboolean set_path_error(GError **error, int errnum, const char *path, const char *what)
{
    g_autofree char *quoted = cronos_quote_path(path);

    cronos_error_set_system(error, errnum, "%s: %s", quoted, what);
    return FALSE;
}

static gboolean set_not_empty(GError **error, const char *path, const char *why)
{
    g_autofree char *quoted = cronos_quote_path(path);

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_EMPTY,
                "%s: %s; choose a place that does not exist or is an empty folder", quoted, why);
    return FALSE;
}

/* Returns: (owned) the longest part of the absolute @path that exists, resolved, or NULL with
 * errno;
 * @out_rest: (borrowed) what is missing behind it. */
static char *resolve_head(const char *path, const char **out_rest)
{
    g_autofree char *head = g_strdup(path);
    char *resolved = NULL;

    while ((resolved = realpath(head, NULL)) == NULL && errno == ENOENT) {
        char *slash = strrchr(head, '/');
        while (slash != NULL && slash > head && slash[1] == '\0') {
            *slash = '\0';
            slash = strrchr(head, '/');
        }
        if (slash == NULL)
            return NULL;
        slash[slash == head] = '\0';
    }
    *out_rest = path + strlen(head);
    return resolved;
}

/* As the kernel would go: what exists is resolved first, since ".." behind a symbolic link leads
 * out of the link's target. Behind what is missing it leads nowhere. */
static char *absolute_missing(const char *path, GError **error)
{
    g_autofree char *here = g_get_current_dir();
    g_autofree char *whole = path[0] == '/' ? g_strdup(path) : g_strconcat(here, "/", path, NULL);
    const char *rest = NULL;
    char *head = resolve_head(whole, &rest);

    if (head == NULL) {
        set_path_error(error, errno, path, "cannot be restored to");
        return NULL;
    }
    g_autoptr(GString) absolute = g_string_new(strcmp(head, "/") == 0 ? "" : head);
    free(head);
    g_auto(GStrv) parts = g_strsplit(rest, "/", -1);
    for (gsize i = 0; parts[i] != NULL; i++) {
        if (strcmp(parts[i], "..") == 0) {
            set_path_error(error, ENOENT, path, "cannot be restored to");
            return NULL;
        }
        if (*parts[i] != '\0' && strcmp(parts[i], ".") != 0)
            g_string_append_printf(absolute, "/%s", parts[i]);
    }
    return g_string_free(g_steal_pointer(&absolute), FALSE);
}

char *cronos_restore_absolute_path(const char *path, gboolean *out_exists, GError **error)
{
    char *resolved = realpath(path, NULL);

    *out_exists = resolved != NULL;
    if (resolved != NULL)
        return resolved;
    if (errno != ENOENT || path[0] == '\0') {
        set_path_error(error, path[0] == '\0' ? ENOENT : errno, path, "cannot be restored to");
        return NULL;
    }
    return absolute_missing(path, error);
}

gboolean cronos_restore_make_parents(const char *path, GPtrArray *made, GError **error)
{
    g_autofree char *part = g_strdup(path);

    for (char *slash = part + 1; slash != NULL;) {
        slash = strchr(slash, '/');
        if (slash != NULL)
            *slash = '\0';
        int errnum = mkdir(part, 0777) == 0 ? 0 : errno;
        if (errnum == 0 && made != NULL)
            g_ptr_array_add(made, g_strdup(part));
        if (errnum != 0 && errnum != EEXIST && access(part, F_OK) != 0)
            return set_path_error(error, errnum, part, "cannot make the folder");
        if (slash != NULL)
            *slash++ = '/';
    }
    return TRUE;
}

/* Returns: (owned) <directory>/restore_<name>_<timestamp>, or the next that is free. */
static char *default_target(const CronosConfig *config, const CronosBackup *backup,
                            const char *directory)
{
    g_autofree char *own =
        g_build_filename(cronos_config_backup_directory(config), CRONOS_RESTORES_FOLDER, NULL);
    g_autofree char *stem = NULL;
    struct stat status;
    gsize length = strlen(backup->file_name);

    if (backup->foreign) {
        g_autofree char *now = cronos_backup_timestamp(g_get_real_time() / G_USEC_PER_SEC);
        cronos_archive_is_archive_name(backup->file_name, &length);
        stem = g_strdup_printf("restore_%.*s_%s", (int)length, backup->file_name, now);
    } else {
        stem = g_strdup_printf("restore_%s_%s", backup->parsed.name, backup->parsed.timestamp);
    }
    g_autofree char *first = g_build_filename(directory != NULL ? directory : own, stem, NULL);
    if (lstat(first, &status) != 0)
        return g_steal_pointer(&first);
    for (guint serial = 2;; serial++) {
        g_autofree char *next = g_strdup_printf("%s_%u", first, serial);
        if (lstat(next, &status) != 0)
            return g_steal_pointer(&next);
    }
}

/* Returns: whether all of @names are what killed restores to this place left. */
static gboolean is_left_over(const CronosRestorePlace *place, const CronosDirectoryNames *names)
{
    unsigned char type;

    for (gsize i = 0; i < cronos_directory_names_count(names); i++)
        if (!cronos_hidden_name_matches(&place->hidden_name,
                                        cronos_directory_names_get(names, i, &type)))
            return FALSE;
    return TRUE;
}

static gboolean check_empty(CronosRestorePlace *place, GError **error)
{
    int errnum = 0;
    int fd = open(place->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOTDIR)
        return set_not_empty(error, place->target, "exists and is no folder");
    if (fd < 0 || fstat(fd, &place->status) != 0) {
        errnum = errno;
        if (fd >= 0)
            close(fd);
        return set_path_error(error, errnum, place->target, "cannot be examined");
    }
    g_autoptr(CronosDirectoryNames) names = cronos_directory_names_read(fd, &errnum);
    close(fd);
    if (errnum != 0)
        return set_path_error(error, errnum, place->target, "cannot be listed");
    if (!is_left_over(place, names))
        return set_not_empty(error, place->target, "is not empty");
    place->left_inside = cronos_directory_names_count(names) > 0;
    return TRUE;
}

/* The default place of a foreign archive has the time of day in its name: not what a second run
 * could find it by. */
static void name_hidden(CronosRestorePlace *place, const CronosBackup *backup, const char *to,
                        const char *restore)
{
    g_autofree char *name = to == NULL && backup->foreign ? g_strdup(backup->file_name)
                                                          : g_path_get_basename(place->target);

    cronos_hidden_name_init(&place->hidden_name, name, restore);
}

/* Looks beside the place; what is in it was found already. */
static gboolean find_left_over(const CronosRestorePlace *place)
{
    g_autofree char *beside = g_build_filename(place->parent, place->hidden_name.name, NULL);
    struct stat status;

    return place->left_inside || lstat(beside, &status) == 0;
}

CronosRestorePlace *cronos_restore_place_find(const CronosConfig *config,
                                              const CronosBackup *backup, const char *to,
                                              const char *directory, const char *restore,
                                              GError **error)
{
    g_autoptr(CronosRestorePlace) place = g_new0(CronosRestorePlace, 1);
    struct stat status;

    place->fd = place->above_fd = -1;
    place->made = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *wanted = to != NULL ? g_strdup(to) : default_target(config, backup, directory);
    place->target = cronos_restore_absolute_path(wanted, &place->exists, error);
    if (place->target == NULL)
        return NULL;
    place->parent = g_path_get_dirname(place->target);
    name_hidden(place, backup, to, restore);
    if (place->exists && !check_empty(place, error))
        return NULL;
    /* A symbolic link that leads nowhere is something, too. */
    if (!place->exists && lstat(place->target, &status) == 0) {
        set_not_empty(error, place->target, "is a symbolic link that leads nowhere");
        return NULL;
    }
    place->left_over = find_left_over(place);
    return g_steal_pointer(&place);
}

guint64 cronos_restore_place_free_bytes(const CronosRestorePlace *place)
{
    g_autofree char *path = g_strdup(place->exists ? place->target : place->parent);
    struct statvfs status;
    guint64 bytes;

    while (statvfs(path, &status) != 0) {
        if (errno != ENOENT || strcmp(path, "/") == 0)
            return G_MAXUINT64;
        char *above = g_path_get_dirname(path);
        g_free(path);
        path = above;
    }
    if (status.f_blocks == 0 ||
        __builtin_mul_overflow((guint64)status.f_bavail, (guint64)status.f_frsize, &bytes))
        return G_MAXUINT64;
    return bytes;
}

/* Returns: whether renaming over the existing, empty target would fail or pull the ground away. */
static gboolean must_stay(const CronosRestorePlace *place)
{
    struct stat above;
    struct stat here;
    struct statx mount;

    if (!place->exists)
        return FALSE;
    if (place->left_inside)
        return TRUE;
    if (statx(AT_FDCWD, place->target, AT_SYMLINK_NOFOLLOW, 0, &mount) == 0 &&
        (mount.stx_attributes & mount.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
        return TRUE;
    if (lstat(place->parent, &above) == 0 && above.st_dev != place->status.st_dev)
        return TRUE;
    return stat(".", &here) == 0 && cronos_is_same_file(&here, &place->status);
}

/* Opens the hidden folder in @path. Returns: 0 or an errno. */
static int open_hidden(CronosRestorePlace *place, const char *path, gboolean anew)
{
    place->above_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->above_fd < 0)
        return errno;
    place->fd = cronos_hidden_open(place->above_fd, &place->hidden_name, anew, &place->hidden,
                                   &place->resumed);
    if (place->fd >= 0)
        return 0;
    int errnum = errno;
    close(place->above_fd);
    place->above_fd = -1;
    return errnum;
}

static gboolean set_busy(GError **error, const char *path)
{
    g_autofree char *quoted = cronos_quote_path(path);

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s: another restore is at work there",
                quoted);
    return FALSE;
}

int cronos_restore_place_open(CronosRestorePlace *place, gboolean anew, GError **error)
{
    int errnum = EACCES;

    if (!place->exists && !cronos_restore_make_parents(place->parent, place->made, error))
        return -1;
    place->inside = must_stay(place);
    if (!place->inside) {
        errnum = open_hidden(place, place->parent, anew);
        place->inside = place->exists && (errnum == EACCES || errnum == EPERM || errnum == EROFS);
    }
    if (place->inside)
        errnum = open_hidden(place, place->target, anew);
    if (errnum == EWOULDBLOCK)
        set_busy(error, place->target);
    else if (errnum != 0)
        set_path_error(error, errnum, place->inside ? place->target : place->parent,
                       "cannot make a folder to restore into");
    return place->fd;
}

/* Renames @from to @to unless there is something. Some file systems can not do that at once.
 * Returns: 0 or an errno. */
static int rename_new(int from_fd, const char *from, int to_fd, const char *to)
{
    if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (faccessat(to_fd, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    return renameat(from_fd, from, to_fd, to) == 0 ? 0 : errno;
}

/* A folder that its owner may not write can not be given another parent. */
static int move(int from_fd, int to_fd, const char *name)
{
    struct stat status;
    int errnum = rename_new(from_fd, name, to_fd, name);

    if (errnum != EACCES || fstatat(from_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(status.st_mode))
        return errnum;
    if (fchmodat(from_fd, name, (status.st_mode & 07777) | S_IRWXU, AT_SYMLINK_NOFOLLOW) != 0)
        return errno;
    errnum = rename_new(from_fd, name, to_fd, name);
    (void)!fchmodat(errnum == 0 ? to_fd : from_fd, name, status.st_mode & 07777,
                    AT_SYMLINK_NOFOLLOW);
    return errnum;
}

static int publish_inside(CronosRestorePlace *place)
{
    unsigned char type;
    int errnum = 0;
    /* It has the mode of the archive's top folder by now. */
    (void)!fchmod(place->fd, S_IRWXU);
    g_autoptr(CronosDirectoryNames) names = cronos_directory_names_list(place->fd, &errnum);
    gsize count = cronos_directory_names_count(names);
    gsize moved = 0;
    while (errnum == 0 && moved < count) {
        errnum = move(place->fd, place->above_fd, cronos_directory_names_get(names, moved, &type));
        moved += errnum == 0;
    }
    /* Not a part of it is left behind: what came up goes down again, and away with the rest. */
    while (errnum != 0 && moved-- > 0)
        (void)move(place->above_fd, place->fd, cronos_directory_names_get(names, moved, &type));
    if (errnum == 0 && unlinkat(place->above_fd, place->hidden, AT_REMOVEDIR) != 0)
        errnum = errno;
    return errnum;
}

/* Returns: whether @errnum is what a file system says that has owners and modes of its own. */
static gboolean is_given(int errnum)
{
    return errnum == EPERM || errnum == EOPNOTSUPP || errnum == ENOSYS;
}

/* The folder that was there gives its owner and mode to the one that takes its place. */
static int publish_beside(CronosRestorePlace *place, mode_t mode)
{
    g_autofree char *name = g_path_get_basename(place->target);
    struct stat status;

    if (place->exists)
        mode = place->status.st_mode & 07777;
    else if (fstat(place->fd, &status) == 0)
        mode |= status.st_mode & S_ISGID;
    if (place->exists && geteuid() == 0 &&
        fchown(place->fd, place->status.st_uid, place->status.st_gid) != 0 && !is_given(errno))
        return errno;
    if (fchmod(place->fd, mode) != 0 && !is_given(errno))
        return errno;
    /* Renaming over a folder succeeds only while that is empty. */
    if (place->exists)
        return renameat(place->above_fd, place->hidden, place->above_fd, name) == 0 ? 0 : errno;
    return rename_new(place->above_fd, place->hidden, place->above_fd, name);
}

gboolean cronos_restore_place_publish(CronosRestorePlace *place, mode_t mode, GError **error)
{
    if (!cronos_fault_point("restore-before-rename", error))
        return FALSE;
    int errnum = place->inside ? publish_inside(place) : publish_beside(place, mode);
    if (errnum == ENOTEMPTY || errnum == EEXIST || errnum == ENOTDIR)
        return set_not_empty(error, place->target, "something was put there meanwhile");
    if (errnum != 0)
        return set_path_error(error, errnum, place->target,
                              "the restored files cannot be put there");
    g_clear_pointer(&place->hidden, g_free);
    g_ptr_array_set_size(place->made, 0);
    return cronos_fault_point("restore-after-rename", error);
}

void cronos_restore_place_free(CronosRestorePlace *place)
{
    g_autoptr(GError) error = NULL;

    if (place == NULL)
        return;
    if (place->hidden != NULL && !cronos_below_remove_tree(place->above_fd, place->hidden, &error))
        cronos_log_event(CRONOS_LOG_ERROR, NULL, place->target,
                         "an unfinished restore is left behind: %s", error->message);
    for (guint i = place->made->len; i-- > 0;)
        rmdir(g_ptr_array_index(place->made, i));
    if (place->fd >= 0)
        close(place->fd);
    if (place->above_fd >= 0)
        close(place->above_fd);
    g_ptr_array_unref(place->made);
    cronos_hidden_name_clear(&place->hidden_name);
    g_free(place->hidden);
    g_free(place->target);
    g_free(place->parent);
    g_free(place);
}
