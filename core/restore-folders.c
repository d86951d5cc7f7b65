/* SPDX-License-Identifier: MIT
 * restore-folders.c - folders before their contents
 *
 * Folders are made in the order of their entries, parents first, so that each is one mkdirat below
 * a descriptor that is open already. A folder is made writable for its owner; its own mode comes
 * with its times at the end, the deepest first. */
#include "core/error.h"
#include "core/fault.h"
#include "core/open-beneath.h"
#include "core/restore-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TAKEN ENOTUNIQ /* for errno: no file system says so of a folder */

void cronos_folder_cache_init(CronosFolderCache *cache)
{
    cache->clock = 0;
    for (guint i = 0; i < CRONOS_FOLDER_SLOTS; i++)
        cache->slots[i] = (CronosFolderSlot){CRONOS_ENTRY_NONE, -1, 0};
}

void cronos_folder_cache_clear(CronosFolderCache *cache)
{
    for (guint i = 0; i < CRONOS_FOLDER_SLOTS; i++)
        if (cache->slots[i].fd >= 0)
            close(cache->slots[i].fd);
    cronos_folder_cache_init(cache);
}

static CronosFolderSlot *find_slot(CronosFolderCache *cache, guint32 entry)
{
    for (guint i = 0; i < CRONOS_FOLDER_SLOTS; i++)
        if (cache->slots[i].entry == entry)
            return &cache->slots[i];
    return NULL;
}

/* From the parent where it is open, since a deep path costs as many steps as it has components. */
static int open_folder(CronosFolderCache *cache, CronosRestoreJob *job, guint32 entry)
{
    const int flags = O_RDONLY | O_DIRECTORY;
    CronosFolderSlot *parent = find_slot(cache, cronos_archive_parent(job->archive, entry));
    char name[NAME_MAX + 1];

    if (parent != NULL && cronos_restore_name(job->archive, entry, name))
        return cronos_open_beneath(parent->fd, name, flags);
    g_autofree char *path = cronos_archive_path(job->archive, entry);
    return cronos_open_beneath(job->target_fd, path, flags);
}

int cronos_folder_cache_get(CronosFolderCache *cache, CronosRestoreJob *job, guint32 entry)
{
    if (entry == CRONOS_ENTRY_ROOT)
        return job->target_fd;
    CronosFolderSlot *slot = find_slot(cache, entry);
    if (slot == NULL) {
        int fd = open_folder(cache, job, entry);
        if (fd < 0)
            return -1;
        slot = &cache->slots[0];
        for (guint i = 1; i < CRONOS_FOLDER_SLOTS; i++)
            if (cache->slots[i].used < slot->used)
                slot = &cache->slots[i];
        if (slot->fd >= 0)
            close(slot->fd);
        slot->entry = entry;
        slot->fd = fd;
    }
    slot->used = ++cache->clock;
    return slot->fd;
}

gboolean cronos_restore_name(CronosArchive *archive, guint32 entry, char name[NAME_MAX + 1])
{
    gsize length;
    const char *bytes = cronos_archive_name(archive, entry, &length);

    if (bytes == NULL || length > NAME_MAX) {
        errno = ENAMETOOLONG;
        return FALSE;
    }
    memcpy(name, bytes, length);
    name[length] = '\0';
    return TRUE;
}

/* An existing folder of ours that its owner may not write is opened up until the end. */
static void open_up(CronosRestoreJob *job, guint32 entry, int parent_fd, const char *name)
{
    g_autofree char *path = cronos_archive_path(job->archive, entry);

    if (job->plan->picks[entry] == CRONOS_PICK_WANTED)
        cronos_restore_open_up(job, parent_fd, name, path);
}

/* Returns: whether the armed fault point @name lets the work go on; FALSE with errno. */
static gboolean passes(const char *name)
{
    int errnum = cronos_fault_errno(name);

    if (errnum != 0)
        errno = errnum;
    return errnum == 0;
}

/* Gives a folder that is not just made with @mode that one, and the setgid bit it has inherited. */
static void make_usable(const CronosRestoreJob *job, int parent_fd, const char *name, mode_t mode)
{
    struct stat status;

    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        (void)!fchmodat(parent_fd, name,
                        (mode & ~job->umask) | S_IRWXU | (status.st_mode & S_ISGID),
                        AT_SYMLINK_NOFOLLOW);
}

/* Returns: whether the folder @name of a fresh target is another member's. */
static gboolean is_taken(const CronosRestoreJob *job, guint32 entry, int parent_fd,
                         const char *name)
{
    struct stat status;

    return !job->resumed || (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                             cronos_restore_is_taken(job, entry, parent_fd, &status));
}

/* Returns: what became of @name, with errno for FAILED. Fault points: restore-before-folder,
 * restore-after-folder. */
static CronosFolderState make_new(CronosRestoreJob *job, guint32 entry, int parent_fd,
                                  const char *name)
{
    CronosMemberInfo info = {0};
    mode_t mode = 0777;

    if (!passes("restore-before-folder"))
        return CRONOS_FOLDER_FAILED;
    if (cronos_archive_info(job->archive, entry, &info, NULL) && info.has_mode && !info.implied)
        mode = (info.mode & 0777) | S_IRWXU;
    gboolean there = mkdirat(parent_fd, name, mode) != 0;
    if (there && errno == EEXIST && job->fresh && is_taken(job, entry, parent_fd, name))
        errno = TAKEN;
    if (there && (errno != EEXIST || !job->resumed))
        return CRONOS_FOLDER_FAILED;
    if (there || (job->umask & S_IRWXU) != 0)
        make_usable(job, parent_fd, name, mode);
    return passes("restore-after-folder") ? CRONOS_FOLDER_MADE : CRONOS_FOLDER_FAILED;
}

/* Takes away what is no folder, where one has to be. Returns: FALSE with errno; 0 where the failure
 * was told. */
static gboolean clear_way(CronosRestoreJob *job, guint32 entry, int parent_fd, const char *name,
                          const struct stat *status)
{
    g_autofree char *path = cronos_archive_path(job->archive, entry);

    if (cronos_restore_is_kept(job, path, status))
        return cronos_restore_dry(job) || unlinkat(parent_fd, name, 0) == 0;
    cronos_restore_fail(job, path, CRONOS_RESTORE_NOT_KEPT);
    errno = 0;
    return FALSE;
}

/* Makes the folder @name, or finds it. @out_action: what to tell. Returns: FAILED with errno; 0
 * where that was told. */
static CronosFolderState settle(CronosRestoreJob *job, guint32 entry, int parent_fd,
                                const char *name, CronosRestoreAction *out_action)
{
    struct stat status;

    *out_action = CRONOS_RESTORE_CREATED;
    if (job->fresh)
        return make_new(job, entry, parent_fd, name);
    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (cronos_restore_is_barred(job, &status))
            return CRONOS_FOLDER_BARRED;
        if (cronos_restore_is_taken(job, entry, parent_fd, &status)) {
            errno = TAKEN;
            return CRONOS_FOLDER_FAILED;
        }
        if (S_ISDIR(status.st_mode)) {
            *out_action = CRONOS_RESTORE_UNCHANGED;
            if (!cronos_restore_dry(job) && !job->set_owners &&
                (status.st_mode & S_IRWXU) != S_IRWXU)
                open_up(job, entry, parent_fd, name);
            return CRONOS_FOLDER_READY;
        }
        *out_action = CRONOS_RESTORE_REPLACED;
        if (!clear_way(job, entry, parent_fd, name, &status))
            return CRONOS_FOLDER_FAILED;
    } else if (errno != ENOENT) {
        return CRONOS_FOLDER_FAILED;
    }
    return cronos_restore_dry(job) ? CRONOS_FOLDER_ABSENT : make_new(job, entry, parent_fd, name);
}

/* Tells of a folder that could not be made. Returns: FALSE with @error where that is the end. */
static gboolean report_failure(CronosRestoreJob *job, const char *path, int errnum, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(path);

    if (errnum == TAKEN) {
        cronos_restore_fail(job, path, CRONOS_RESTORE_TAKEN);
        return TRUE;
    }
    if (cronos_restore_errno_is_fatal(job, errnum)) {
        cronos_error_set_system(error, errnum, "%s: cannot make the folder", quoted);
        return FALSE;
    }
    g_autofree char *reason = g_strdup_printf("cannot make the folder: %s", g_strerror(errnum));
    cronos_restore_fail(job, path, reason);
    return TRUE;
}

static gboolean make_folder(CronosRestoreJob *job, CronosFolderCache *cache, guint32 entry,
                            GError **error)
{
    guint32 parent = cronos_archive_parent(job->archive, entry);
    guint8 *state = &job->folder_states[entry];
    CronosRestoreAction action = CRONOS_RESTORE_CREATED;
    g_autofree char *path = cronos_archive_path(job->archive, entry);
    char name[NAME_MAX + 1];

    *state = job->folder_states[parent];
    if (*state == CRONOS_FOLDER_FAILED || *state == CRONOS_FOLDER_BARRED)
        return TRUE;
    if (*state != CRONOS_FOLDER_ABSENT) {
        int parent_fd = cronos_folder_cache_get(cache, job, parent);
        *state = CRONOS_FOLDER_FAILED;
        if (parent_fd >= 0 && cronos_restore_name(job->archive, entry, name))
            *state = settle(job, entry, parent_fd, name, &action);
        if (*state == CRONOS_FOLDER_FAILED)
            return errno == 0 || report_failure(job, path, errno, error);
        if (*state == CRONOS_FOLDER_BARRED) {
            cronos_restore_fail(job, path, "is the backup directory, which a restore leaves alone");
            return TRUE;
        }
    }
    if (job->plan->picks[entry] == CRONOS_PICK_WANTED || action != CRONOS_RESTORE_UNCHANGED)
        cronos_restore_tell(job, action, path);
    return TRUE;
}

gboolean cronos_restore_make_folders(CronosRestoreJob *job, GError **error)
{
    CronosFolderCache cache;
    struct stat status;
    gboolean done = TRUE;

    cronos_folder_cache_init(&cache);
    job->folder_states[CRONOS_ENTRY_ROOT] =
        job->target_fd < 0 ? CRONOS_FOLDER_ABSENT : CRONOS_FOLDER_READY;
    if (job->target_fd >= 0 && !job->fresh && fstat(job->target_fd, &status) == 0 &&
        cronos_restore_is_barred(job, &status)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSAFE,
                    "the target is the backup directory, which a restore leaves alone");
        return FALSE;
    }
    for (guint i = 0; done && i < job->plan->folders->len; i++) {
        guint32 entry = g_array_index(job->plan->folders, guint32, i);
        done = cronos_tally_check(job->tally, error) && make_folder(job, &cache, entry, error);
    }
    cronos_folder_cache_clear(&cache);
    return done;
}

gboolean cronos_restore_check_parents(CronosRestoreJob *job, GError **error)
{
    for (guint i = 0; i < job->plan->folders->len; i++) {
        guint32 entry = g_array_index(job->plan->folders, guint32, i);

        if (job->plan->picks[entry] != CRONOS_PICK_PARENT)
            continue;
        g_autofree char *path = cronos_archive_path(job->archive, entry);
        int fd = cronos_open_beneath(job->target_fd, path, O_PATH | O_NOFOLLOW);
        struct stat status;
        gboolean link =
            fd < 0 ? errno == ELOOP : fstat(fd, &status) == 0 && S_ISLNK(status.st_mode);
        if (fd >= 0)
            close(fd);
        if (link) {
            g_autofree char *quoted = cronos_quote_path(path);
            g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSAFE,
                        "%s: a symbolic link in the target, where the backup has a folder; "
                        "restoring through it could lead anywhere",
                        quoted);
            return FALSE;
        }
    }
    return TRUE;
}
