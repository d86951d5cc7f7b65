/* SPDX-License-Identifier: MIT
 * restore-hidden.c - finding, taking over, making and clearing hidden folders */
#include "core/restore-hidden.h"
#include "core/below.h"
#include "core/directory-names.h"
#include "core/fault.h"
#include "core/file-identity.h"
#include "core/log.h"
#include "core/restore-temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_TRIES 100

static char *digest(const char *text, int digits)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

    return g_strndup(sum, (gsize)digits);
}

void cronos_hidden_name_init(CronosHiddenName *name, const char *place, const char *restore)
{
    g_autofree char *first = digest(place, CRONOS_RESTORE_TEMPORARY_FIRST_DIGITS);
    g_autofree char *second = digest(restore, CRONOS_RESTORE_TEMPORARY_SECOND_DIGITS);

    name->prefix = g_strconcat(CRONOS_RESTORE_TEMPORARY_PREFIX, first, "-", NULL);
    name->name = g_strconcat(name->prefix, second, NULL);
}

void cronos_hidden_name_clear(CronosHiddenName *name)
{
    g_clear_pointer(&name->prefix, g_free);
    g_clear_pointer(&name->name, g_free);
}

gboolean cronos_hidden_name_matches(const CronosHiddenName *name, const char *file_name)
{
    return g_str_has_prefix(file_name, name->prefix) && cronos_restore_temporary_is_name(file_name);
}

/* Returns: whether @file_name still is what is open on @fd: it may have got its place, or gone,
 * before the lock was had. */
static gboolean is_there(int above_fd, const char *file_name, int fd)
{
    struct stat open_status, named_status;

    return fstat(fd, &open_status) == 0 &&
           fstatat(above_fd, file_name, &named_status, AT_SYMLINK_NOFOLLOW) == 0 &&
           cronos_is_same_file(&open_status, &named_status);
}

/* What belongs to others, or what they can write in, may hold what they want restored. */
static gboolean is_ours(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_uid == geteuid() &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Returns: 0, or EWOULDBLOCK where a process is at work in the folder. Some file systems know no
 * locks. */
static int lock_folder(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK ? EWOULDBLOCK : 0;
}

/* Opens and locks the folder @file_name, which was there. Returns: (owned) descriptor, or -1 with
 * errno: EWOULDBLOCK where a process is at work in it, EPERM where it is not ours, ENOENT. */
static int open_locked(int above_fd, const char *file_name)
{
    int fd = openat(above_fd, file_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int errnum = 0;

    if (fd < 0)
        return -1;
    errnum = is_ours(fd) ? lock_folder(fd) : EPERM;
    if (errnum == 0 && !is_there(above_fd, file_name, fd))
        errnum = ENOENT;
    if (errnum == 0)
        return fd;
    close(fd);
    errno = errnum;
    return -1;
}

/* Returns: 0, or EWOULDBLOCK where a process is at work in the folder. What can not be removed is
 * no reason to restore nothing. */
static int clear_one(int above_fd, const char *file_name)
{
    g_autoptr(GError) error = NULL;
    int fd = open_locked(above_fd, file_name);

    if (fd < 0)
        return errno == EWOULDBLOCK ? EWOULDBLOCK : 0;
    if (cronos_below_remove_tree(above_fd, file_name, &error))
        cronos_log_event(CRONOS_LOG_INFO, NULL, file_name,
                         "removed what an interrupted restore left behind");
    else
        cronos_log_event(CRONOS_LOG_ERROR, NULL, file_name,
                         "cannot remove what an interrupted restore left behind: %s",
                         error->message);
    close(fd);
    return 0;
}

void cronos_hidden_clear_all(int above_fd)
{
    int unlisted = 0;
    g_autoptr(CronosDirectoryNames) names = cronos_directory_names_list(above_fd, &unlisted);

    for (gsize i = 0; i < cronos_directory_names_count(names); i++) {
        unsigned char type;
        const char *found = cronos_directory_names_get(names, i, &type);

        if (cronos_restore_temporary_is_name(found))
            clear_one(above_fd, found);
    }
}

/* Removes what dead restores to this place left, but for @keep (nullable). Returns: as above. */
static int clear_others(int above_fd, const CronosHiddenName *name, const char *keep)
{
    int errnum = 0, unlisted = 0;
    g_autoptr(CronosDirectoryNames) names = cronos_directory_names_list(above_fd, &unlisted);

    for (gsize i = 0; errnum == 0 && i < cronos_directory_names_count(names); i++) {
        unsigned char type;
        const char *found = cronos_directory_names_get(names, i, &type);

        if (cronos_hidden_name_matches(name, found) && g_strcmp0(found, keep) != 0)
            errnum = clear_one(above_fd, found);
    }
    return errnum;
}

/* Returns: whether what we make in the folder @fd belongs to another user, as everything does where
 * the file system was told an owner. */
static gboolean owner_is_given(int fd)
{
    char name[CRONOS_RESTORE_TEMPORARY_NAME_BYTES];
    struct stat status;

    cronos_restore_temporary_make_name(name);
    int file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    gboolean given = file >= 0 && fstat(file, &status) == 0 && status.st_uid != geteuid();
    if (file >= 0) {
        close(file);
        unlinkat(fd, name, 0);
    }
    return given;
}

/* Returns: whether the folder that was made is what is open on @fd, and nothing that another user
 * has put in its place. */
static gboolean is_own_work(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && (status.st_uid == geteuid() || owner_is_given(fd));
}

/* Opens and locks the folder @file_name, just made. Who may write in it is for the file system to
 * say. Returns: (owned) descriptor, or -1 with errno. */
static int open_new(int above_fd, const char *file_name)
{
    int fd = openat(above_fd, file_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int errnum = fd < 0 ? errno : is_own_work(fd) ? lock_folder(fd) : EPERM;

    if (errnum == 0 && !is_there(above_fd, file_name, fd))
        errnum = ENOENT;
    if (errnum == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    /* Another restore may have taken the folder over. */
    if (errnum != EWOULDBLOCK)
        unlinkat(above_fd, file_name, AT_REMOVEDIR);
    errno = errnum;
    return -1;
}

/* Where a name is taken by what is not ours, another will do. */
static int make_new(int above_fd, const CronosHiddenName *name, char **out_name)
{
    g_autofree char *file_name = g_strdup(name->name);

    for (guint i = 0; i < NAME_TRIES; i++) {
        if (mkdirat(above_fd, file_name, S_IRWXU) == 0) {
            int fd = open_new(above_fd, file_name);
            if (fd >= 0)
                *out_name = g_steal_pointer(&file_name);
            if (fd >= 0 || (errno != EWOULDBLOCK && errno != ENOENT))
                return fd;
            /* A clean has taken it for a dead one's before it was locked. */
        } else if (errno != EEXIST) {
            return -1;
        }
        g_free(file_name);
        file_name = g_strdup_printf("%s%08x%08x", name->prefix, g_random_int(), g_random_int());
    }
    return -1;
}

int cronos_hidden_open(int above_fd, const CronosHiddenName *name, gboolean anew, char **out_name,
                       gboolean *out_resumed)
{
    int errnum = cronos_fault_errno("restore-before-place");
    int fd = errnum != 0 || anew ? -1 : open_locked(above_fd, name->name);

    if (errnum == 0 && !anew && fd < 0 && errno == EWOULDBLOCK)
        errnum = EWOULDBLOCK;
    *out_resumed = fd >= 0;
    if (errnum == 0)
        errnum = clear_others(above_fd, name, fd >= 0 ? name->name : NULL);
    if (errnum == 0 && fd >= 0)
        *out_name = g_strdup(name->name);
    else if (errnum == 0 && (fd = make_new(above_fd, name, out_name)) < 0)
        errnum = errno;
    if (errnum == 0)
        errnum = cronos_fault_errno("restore-after-place");
    if (errnum == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    errno = errnum;
    return -1;
}
