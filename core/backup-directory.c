/* SPDX-License-Identifier: MIT
 * backup-directory.c - the lock, temporaries, and the step that makes a backup exist
 *
 * Invariants: an archive gets its final name only when its bytes are on the disk; no name is ever
 * taken over from another file; a temporary seen while the lock is held belongs to a dead process,
 * since its maker would hold the lock. Limit: flock does not reach other hosts on a network file
 * system; there RENAME_NOREPLACE alone keeps creates apart. */
#include "core/backup-directory.h"

#include "core/backup-name.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/file-identity.h"
#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUEST_PREFIX CRONOS_TEMPORARY_PREFIX "repair-"
#define LOCK_POLL_MS 50
#define TEMPORARY_ATTEMPTS 100
#define SECONDS_TRIED 100000 /* a name's seconds in a row that may be taken */

struct CronosBackupDirectory {
    int fd;
    char *path;
    char *quoted;       /* the path as messages show it */
    const char *prefix; /* of its temporaries' names */
};

/* Opening has no object yet: path and messages' path travel together. */
typedef struct {
    const char *path, *quoted;
} Place;

static gboolean set_cancelled(const Place *place, GError **error)
{
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED,
                "cancelled while waiting for the lock on \"%s\"", place->quoted);
    return FALSE;
}

/* Sleeps for one polling interval, or less when @cancellable is cancelled meanwhile. */
static void wait_interval(GCancellable *cancellable)
{
    GPollFD pollfd;

    if (g_cancellable_make_pollfd(cancellable, &pollfd)) {
        g_poll(&pollfd, 1, LOCK_POLL_MS);
        g_cancellable_release_fd(cancellable);
    } else {
        g_usleep(LOCK_POLL_MS * 1000);
    }
}

static gboolean take_lock(int fd, const Place *place, GCancellable *cancellable, GError **error)
{
    gboolean told = FALSE;

    for (;;) {
        if (g_cancellable_is_cancelled(cancellable))
            return set_cancelled(place, error);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return TRUE;
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK) {
            cronos_error_set_system(error, errno, "can not lock \"%s\"", place->quoted);
            return FALSE;
        }
        if (!told)
            cronos_log_event(CRONOS_LOG_INFO, NULL, place->path,
                             "waiting for another process that changes the backup directory");
        told = TRUE;
        wait_interval(cancellable);
    }
}

static int open_locked(const Place *place, GCancellable *cancellable, GError **error)
{
    for (;;) {
        if (g_mkdir_with_parents(place->path, 0777) != 0) {
            cronos_error_set_system(error, errno, "can not make the backup directory \"%s\"",
                                    place->quoted);
            return -1;
        }

        int fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0) {
            cronos_error_set_system(error, errno, "can not open the backup directory \"%s\"",
                                    place->quoted);
            return -1;
        }
        gboolean locked = take_lock(fd, place, cancellable, error);
        /* It may have been removed, or replaced, by the one whose lock was waited for. */
        if (locked && cronos_is_open_file(fd, place->path))
            return fd;
        close(fd);
        if (!locked)
            return -1;
    }
}

static gboolean is_temporary_name(const CronosBackupDirectory *directory, const char *name)
{
    return g_str_has_prefix(name, directory->prefix) &&
           g_str_has_suffix(name, CRONOS_TEMPORARY_SUFFIX);
}

/* Fault points: before-clear, after-clear. Returns: 0 or an errno. */
static int remove_leftover(CronosBackupDirectory *directory, const char *name)
{
    int errnum = cronos_fault_errno("before-clear");

    if (errnum == 0 && unlinkat(directory->fd, name, 0) != 0)
        errnum = errno;
    return errnum != 0 ? errnum : cronos_fault_errno("after-clear");
}

/* What can not be listed or removed is no reason to make no backup. */
static void remove_leftovers(CronosBackupDirectory *directory)
{
    int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *item;

    if (stream == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((item = readdir(stream)) != NULL) {
        if (!is_temporary_name(directory, item->d_name))
            continue;
        int errnum = remove_leftover(directory, item->d_name);
        if (errnum == 0)
            cronos_log_event(CRONOS_LOG_INFO, NULL, item->d_name,
                             "removed what an interrupted run left behind");
        else if (errnum != ENOENT)
            cronos_log_event(CRONOS_LOG_ERROR, NULL, item->d_name,
                             "can not remove what an interrupted run left behind: %s",
                             g_strerror(errnum));
    }
    closedir(stream);
}

static CronosBackupDirectory *lock(const char *path, const char *prefix, GCancellable *cancellable,
                                   GError **error)
{
    g_autofree char *quoted = cronos_quote_path(path);
    const Place place = {path, quoted};
    int fd = open_locked(&place, cancellable, error);
    if (fd < 0)
        return NULL;

    CronosBackupDirectory *directory = g_new0(CronosBackupDirectory, 1);
    directory->fd = fd;
    directory->path = g_strdup(path);
    directory->quoted = g_steal_pointer(&quoted);
    directory->prefix = prefix;
    return directory;
}

CronosBackupDirectory *
cronos_backup_directory_lock_to_look(const char *path, GCancellable *cancellable, GError **error)
{
    return lock(path, CRONOS_TEMPORARY_PREFIX, cancellable, error);
}

static CronosBackupDirectory *lock_and_clear(const char *path, const char *prefix,
                                             GCancellable *cancellable, GError **error)
{
    CronosBackupDirectory *directory = lock(path, prefix, cancellable, error);

    if (directory != NULL)
        remove_leftovers(directory);
    return directory;
}

CronosBackupDirectory *cronos_backup_directory_lock(const char *path, GCancellable *cancellable,
                                                    GError **error)
{
    return lock_and_clear(path, CRONOS_TEMPORARY_PREFIX, cancellable, error);
}

CronosBackupDirectory *cronos_backup_directory_lock_guest(const char *path,
                                                          GCancellable *cancellable, GError **error)
{
    return lock_and_clear(path, GUEST_PREFIX, cancellable, error);
}

void cronos_backup_directory_unlock(CronosBackupDirectory *directory)
{
    if (directory == NULL)
        return;
    /* Explicitly, since a child process may have inherited the descriptor and so the lock. */
    flock(directory->fd, LOCK_UN);
    close(directory->fd);
    g_free(directory->path);
    g_free(directory->quoted);
    g_free(directory);
}

int cronos_backup_directory_fd(const CronosBackupDirectory *directory)
{
    return directory->fd;
}

const char *cronos_backup_directory_path(const CronosBackupDirectory *directory)
{
    return directory->path;
}

/* Fault points: before-create, after-create. */
int cronos_backup_directory_create_temporary(CronosBackupDirectory *directory, char **out_name,
                                             GError **error)
{
    int errnum = EEXIST;

    *out_name = NULL;
    if (!cronos_fault_point("before-create", error))
        return -1;
    for (int attempt = 0; attempt < TEMPORARY_ATTEMPTS; attempt++) {
        g_autofree char *name = g_strdup_printf("%s%d-%08x" CRONOS_TEMPORARY_SUFFIX,
                                                directory->prefix, (int)getpid(), g_random_int());
        int fd =
            openat(directory->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);

        if (fd >= 0 && !cronos_fault_point("after-create", error)) {
            unlinkat(directory->fd, name, 0);
            close(fd);
            return -1;
        }
        if (fd >= 0) {
            *out_name = g_steal_pointer(&name);
            return fd;
        }
        errnum = errno;
        if (errnum != EEXIST && errnum != EINTR)
            break;
    }
    cronos_error_set_system(error, errnum, "can not make a file in \"%s\"", directory->quoted);
    return -1;
}

static gboolean is_taken(CronosBackupDirectory *directory, const char *name)
{
    struct stat status;

    return fstatat(directory->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* For file systems that know neither RENAME_NOREPLACE nor hard links (FAT, some network and FUSE
 * ones): looking first is all that is left. The lock keeps our own creates apart. */
static int rename_after_look(CronosBackupDirectory *directory, const char *from, const char *to)
{
    if (is_taken(directory, to))
        return EEXIST;
    return renameat(directory->fd, from, directory->fd, to) == 0 ? 0 : errno;
}

/* Returns: 0 or an errno value; EEXIST where @to is taken. */
static int rename_without_replacing(CronosBackupDirectory *directory, const char *from,
                                    const char *to)
{
    if (renameat2(directory->fd, from, directory->fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return errno;
    if (linkat(directory->fd, from, directory->fd, to, 0) == 0) {
        unlinkat(directory->fd, from, 0); /* if it fails: the next run clears it away */
        return 0;
    }
    return errno == EEXIST ? EEXIST : rename_after_look(directory, from, to);
}

static gboolean sync_fd(int fd, const char *what, GError **error)
{
    while (fsync(fd) != 0) {
        /* EINVAL, EROFS: this kind of file system has nothing to sync there. */
        if (errno == EINVAL || errno == EROFS)
            return TRUE;
        if (errno == EINTR)
            continue;
        cronos_error_set_system(error, errno, "can not sync \"%s\"", what);
        return FALSE;
    }
    return TRUE;
}

/* Returns: (owned) the name that was free, or NULL. */
static char *rename_to_free_second(CronosBackupDirectory *directory, const char *temporary,
                                   const char *type, const char *name, gint64 created,
                                   GError **error)
{
    int errnum = EEXIST;

    for (int i = 0; i < SECONDS_TRIED && (errnum == EEXIST || errnum == EINTR); i++) {
        g_autofree char *final = cronos_backup_name_format(type, name, created + i);

        errnum = rename_without_replacing(directory, temporary, final);
        if (errnum == 0)
            return g_steal_pointer(&final);
    }
    cronos_error_set_system(error, errnum, "can not name the new backup of \"%s\" in \"%s\"", name,
                            directory->quoted);
    return NULL;
}

/* Fault points: before-sync, before-rename. */
static gboolean prepare_name(int fd, const char *temporary, GError **error)
{
    return cronos_fault_point("before-sync", error) && sync_fd(fd, temporary, error) &&
           cronos_fault_point("before-rename", error);
}

/* From here on the backup is there and whole, and is left there whatever happens: that its name may
 * not outlive a power cut is no reason to take it away. Fault points: after-rename, after-sync. */
static gboolean secure_name(CronosBackupDirectory *directory, const char *final, GError **error)
{
    if (cronos_fault_point("after-rename", error) &&
        sync_fd(directory->fd, directory->quoted, error) && cronos_fault_point("after-sync", error))
        return TRUE;
    g_prefix_error(error, "\"%s\" was written, but may not outlive a power cut: ", final);
    return FALSE;
}

char *cronos_backup_directory_publish(CronosBackupDirectory *directory, int fd,
                                      const char *temporary, const char *type, const char *name,
                                      gint64 created, GError **error)
{
    g_autofree char *final = NULL;

    if (prepare_name(fd, temporary, error))
        final = rename_to_free_second(directory, temporary, type, name, created, error);
    if (final == NULL) {
        unlinkat(directory->fd, temporary, 0);
        return NULL;
    }
    return secure_name(directory, final, error) ? g_steal_pointer(&final) : NULL;
}

gboolean cronos_backup_directory_publish_as(CronosBackupDirectory *directory, int fd,
                                            const char *temporary, const char *file_name,
                                            GError **error)
{
    g_autofree char *quoted = cronos_quote_path(file_name);
    gboolean prepared = prepare_name(fd, temporary, error);
    int errnum = prepared ? rename_without_replacing(directory, temporary, file_name) : 0;

    if (errnum != 0)
        cronos_error_set_system(error, errnum, "can not name the new archive \"%s/%s\"",
                                directory->quoted, quoted);
    if (!prepared || errnum != 0) {
        unlinkat(directory->fd, temporary, 0);
        return FALSE;
    }
    return secure_name(directory, quoted, error);
}

gint64 cronos_backup_directory_free_second(CronosBackupDirectory *directory, const char *type,
                                           const char *name, gint64 created)
{
    for (int i = 0; i < SECONDS_TRIED; i++) {
        g_autofree char *file_name = cronos_backup_name_format(type, name, created + i);

        if (!is_taken(directory, file_name))
            return created + i;
    }
    return created; /* publish says that none is free */
}

static gboolean write_text(int fd, const char *text, GError **error)
{
    for (gsize left = strlen(text); left > 0;) {
        gssize done = TEMP_FAILURE_RETRY(write(fd, text, left));

        if (done < 0) {
            cronos_error_set_system(error, errno, "can not write");
            return FALSE;
        }
        text += done;
        left -= (gsize)done;
    }
    return TRUE;
}

/* Fault points: before-rename, after-rename, after-sync. */
static gboolean take_name(CronosBackupDirectory *directory, const char *temporary, const char *name,
                          GError **error)
{
    if (!cronos_fault_point("before-rename", error))
        return FALSE;
    if (renameat(directory->fd, temporary, directory->fd, name) != 0) {
        cronos_error_set_system(error, errno, "can not name \"%s/%s\"", directory->quoted, name);
        return FALSE;
    }
    return cronos_fault_point("after-rename", error) &&
           sync_fd(directory->fd, directory->quoted, error) &&
           cronos_fault_point("after-sync", error);
}

/* Fault points: those of create_temporary and take_name, and before-sync. */
gboolean cronos_backup_directory_put(CronosBackupDirectory *directory, const char *name,
                                     const char *text, GError **error)
{
    g_autofree char *temporary = NULL;
    int fd = cronos_backup_directory_create_temporary(directory, &temporary, error);
    if (fd < 0)
        return FALSE;

    gboolean ok = write_text(fd, text, error) && cronos_fault_point("before-sync", error) &&
                  sync_fd(fd, temporary, error);
    close(fd);
    ok = ok && take_name(directory, temporary, name, error);
    if (!ok)
        unlinkat(directory->fd, temporary, 0); /* not there any more where it got its name */
    return ok;
}

/* A mark that stays behind says nothing, and is cleared away by the next clean. */
static void remove_pin(CronosBackupDirectory *directory, const char *file_name)
{
    g_autofree char *pin = cronos_backup_pin_name(file_name);

    unlinkat(directory->fd, pin, 0);
}

/* Fault points: before-remove, after-remove. */
gboolean cronos_backup_directory_remove(CronosBackupDirectory *directory, const char *file_name,
                                        const char *why, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(file_name);

    if (*file_name == '\0' || strchr(file_name, '/') != NULL || strcmp(file_name, ".") == 0 ||
        strcmp(file_name, "..") == 0) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "\"%s\" is not a file name", quoted);
        return FALSE;
    }
    if (!cronos_fault_point("before-remove", error))
        return FALSE;
    if (unlinkat(directory->fd, file_name, 0) != 0) {
        cronos_error_set_system(error, errno, "can not remove \"%s/%s\"", directory->quoted,
                                quoted);
        return FALSE;
    }
    cronos_log_event(CRONOS_LOG_INFO, file_name, NULL, "removed: %s", why);
    remove_pin(directory, file_name);
    return cronos_fault_point("after-remove", error);
}
