/* SPDX-License-Identifier: MIT
 * slot.c - one archive of the mount */
#include "fs/slot.h"

#include "core/error.h"
#include "core/metadata.h"
#include "fs/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)
#define IDENTITY_DIGITS 16 /* hexadecimal */

struct CronosSlot {
    gint references; /* atomic */
    guint32 number, generation;
    int directory_fd;
    CronosPool *pool;
    CronosBackup backup;
    char *folder;
    guint64 lookups;   /* atomic */
    gint retired;      /* atomic */
    guint64 last_used; /* atomic; the pool's clock */
    guint32 metadata;  /* atomic; its entry; CRONOS_ENTRY_ROOT: not looked for yet */

    pthread_mutex_t outline_lock; /* the next two; held while the outline is taken; before .lock */
    CronosOutline *outline;
    gboolean needs_index; /* it has none */

    pthread_mutex_t lock; /* the fields below; held while the archive is indexed */
    int fd;               /* -1: not open */
    int outline_fd;       /* the outline's, while there is one; else -1 */
    CronosArchive *archive;
    GError *failure; /* DAMAGED or UNSUPPORTED: the file will not get better */
};

guint64 cronos_slot_identity(const CronosBackup *backup, const char *folder)
{
    g_autofree char *text = g_strdup_printf(
        "%s/%s/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "/%" G_GINT64_FORMAT, folder,
        backup->file_name, backup->inode, backup->size_bytes, backup->mtime_ns);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

    digest[IDENTITY_DIGITS] = '\0';
    return g_ascii_strtoull(digest, NULL, 16);
}

CronosSlot *cronos_slot_new(CronosPool *pool, int directory_fd, guint32 number,
                            const CronosBackup *backup, const char *folder)
{
    CronosSlot *slot = g_new0(CronosSlot, 1);

    slot->references = 1;
    slot->number = number;
    slot->generation = (guint32)(cronos_slot_identity(backup, folder) >> 32);
    slot->directory_fd = directory_fd;
    slot->pool = pool;
    slot->backup = *backup;
    slot->backup.file_name = g_strdup(backup->file_name);
    slot->backup.parsed.type = g_strdup(backup->parsed.type);
    slot->backup.parsed.name = g_strdup(backup->parsed.name);
    slot->backup.parsed.timestamp = g_strdup(backup->parsed.timestamp);
    slot->folder = g_strdup(folder);
    slot->fd = slot->outline_fd = -1;
    pthread_mutex_init(&slot->outline_lock, NULL);
    pthread_mutex_init(&slot->lock, NULL);
    return slot;
}

CronosSlot *cronos_slot_ref(CronosSlot *slot)
{
    g_atomic_int_inc(&slot->references);
    return slot;
}

static void drop_outline(CronosSlot *slot)
{
    pthread_mutex_lock(&slot->outline_lock);
    CronosOutline *outline = g_steal_pointer(&slot->outline);
    pthread_mutex_lock(&slot->lock);
    slot->outline_fd = -1;
    pthread_mutex_unlock(&slot->lock);
    pthread_mutex_unlock(&slot->outline_lock);
    if (outline != NULL)
        cronos_pool_count_descriptor(slot->pool, -1);
    cronos_outline_unref(outline);
}

void cronos_slot_unref(CronosSlot *slot)
{
    if (slot == NULL || !g_atomic_int_dec_and_test(&slot->references))
        return;
    cronos_slot_drop(slot, FALSE);
    drop_outline(slot);
    pthread_mutex_destroy(&slot->outline_lock);
    pthread_mutex_destroy(&slot->lock);
    g_clear_error(&slot->failure);
    cronos_backup_name_clear(&slot->backup.parsed);
    g_free(slot->backup.file_name);
    g_free(slot->folder);
    g_free(slot);
}

guint32 cronos_slot_number(const CronosSlot *slot)
{
    return slot->number;
}

guint32 cronos_slot_generation(const CronosSlot *slot)
{
    return slot->generation;
}

const char *cronos_slot_folder(const CronosSlot *slot)
{
    return slot->folder;
}

const CronosBackup *cronos_slot_backup(const CronosSlot *slot)
{
    return &slot->backup;
}

gboolean cronos_slot_matches(const CronosSlot *slot, const CronosBackup *backup)
{
    return slot->backup.device == backup->device && slot->backup.inode == backup->inode &&
           slot->backup.size_bytes == backup->size_bytes &&
           slot->backup.mtime_ns == backup->mtime_ns;
}

static gboolean status_matches(const CronosSlot *slot, const struct stat *status)
{
    return slot->backup.device == status->st_dev && slot->backup.inode == status->st_ino &&
           slot->backup.size_bytes == (guint64)status->st_size &&
           slot->backup.mtime_ns ==
               (gint64)status->st_mtim.tv_sec * NS_PER_SECOND + status->st_mtim.tv_nsec;
}

/* @fd: of the archive. */
static gboolean check_unchanged(const CronosSlot *slot, int fd, GError **error)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && status_matches(slot, &status))
        return TRUE;
    cronos_error_set_system(error, ESTALE, "%s: replaced or written over while mounted",
                            slot->backup.file_name);
    return FALSE;
}

static void close_fd(CronosSlot *slot)
{
    if (slot->fd < 0)
        return;
    close(slot->fd);
    slot->fd = -1;
    cronos_pool_count_descriptor(slot->pool, -1);
}

/* Returns: (owned) a descriptor of the archive under its name, or -1 with @error. */
static int open_by_name(const CronosSlot *slot, GError **error)
{
    int fd = openat(slot->directory_fd, slot->backup.file_name,
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        cronos_error_set_system(error, errno, "can not open %s", slot->backup.file_name);
        return -1;
    }
    if (check_unchanged(slot, fd, error))
        return fd;
    close(fd);
    return -1;
}

/* Returns: (owned) a copy of @fd, a descriptor of the slot, or -1 with @error. */
static int copy_fd(const CronosSlot *slot, int fd, GError **error)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        cronos_error_set_system(error, errno, "can not open %s", slot->backup.file_name);
    return copy;
}

/* Caller holds the lock. */
static gboolean ensure_fd(CronosSlot *slot, GError **error)
{
    if (slot->fd < 0) {
        /* The file may have lost its name since its outline was taken. */
        slot->fd = slot->outline_fd >= 0 ? copy_fd(slot, slot->outline_fd, error)
                                         : open_by_name(slot, error);
        if (slot->fd < 0)
            return FALSE;
        cronos_pool_count_descriptor(slot->pool, 1);
    }
    return check_unchanged(slot, slot->fd, error);
}

/* Caller holds the lock. What is wrong with the file for good is remembered. */
static void note_failure(CronosSlot *slot, const GError *failure)
{
    if (slot->failure == NULL && (g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_DAMAGED) ||
                                  g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED)))
        slot->failure = g_error_copy(failure);
}

/* Caller holds the lock. */
static gboolean ensure_archive(CronosSlot *slot, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (!ensure_fd(slot, error))
        return FALSE;
    int fd = copy_fd(slot, slot->fd, error);
    if (fd < 0)
        return FALSE;
    slot->archive = cronos_archive_open_fd(fd, slot->backup.file_name, &failure);
    if (slot->archive != NULL)
        return TRUE;
    note_failure(slot, failure);
    if (slot->failure != NULL)
        close_fd(slot);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static void mark_used(CronosSlot *slot)
{
    guint64 now = cronos_pool_now(slot->pool);

    /* Seldom true: the cache line stays shared between readers. */
    if (__atomic_load_n(&slot->last_used, __ATOMIC_RELAXED) != now)
        __atomic_store_n(&slot->last_used, now, __ATOMIC_RELAXED);
}

/* Caller holds the lock. @out_opened: the archive was opened just now. */
static gboolean ensure_usable(CronosSlot *slot, gboolean for_data, gboolean *out_opened,
                              GError **error)
{
    if (slot->failure != NULL) {
        g_propagate_error(error, g_error_copy(slot->failure));
        return FALSE;
    }
    if (slot->archive != NULL)
        return !for_data || check_unchanged(slot, slot->fd, error);
    *out_opened = ensure_archive(slot, error);
    return *out_opened;
}

static CronosArchive *slot_open(CronosSlot *slot, gboolean for_data, GError **error)
{
    CronosArchive *archive = NULL;
    gboolean opened = FALSE;

    mark_used(slot);
    pthread_mutex_lock(&slot->lock);
    if (ensure_usable(slot, for_data, &opened, error))
        archive = cronos_archive_ref(slot->archive);
    pthread_mutex_unlock(&slot->lock);

    if (!opened)
        return archive;
    cronos_pool_tick(slot->pool);
    mark_used(slot);
    cronos_pool_add(slot->pool, slot, cronos_archive_memory_bytes(archive));
    return archive;
}

CronosArchive *cronos_slot_open(CronosSlot *slot, GError **error)
{
    return slot_open(slot, FALSE, error);
}

CronosArchive *cronos_slot_open_data(CronosSlot *slot, GError **error)
{
    return slot_open(slot, TRUE, error);
}

/* Returns: (owned) a descriptor to take the outline from, or -1 with @error. */
static int open_for_outline(CronosSlot *slot, GError **error)
{
    int fd = -1;

    pthread_mutex_lock(&slot->lock);
    if (slot->failure != NULL)
        g_propagate_error(error, g_error_copy(slot->failure));
    else if (slot->fd >= 0)
        fd = check_unchanged(slot, slot->fd, error) ? copy_fd(slot, slot->fd, error) : -1;
    else
        fd = open_by_name(slot, error);
    pthread_mutex_unlock(&slot->lock);
    return fd;
}

/* Caller holds outline_lock. */
static void take_outline(CronosSlot *slot, GError **error)
{
    g_autoptr(GError) failure = NULL;
    int fd = open_for_outline(slot, error);

    if (fd < 0)
        return;
    slot->outline = cronos_outline_open_fd(fd, slot->backup.file_name, &failure);
    slot->needs_index = slot->outline == NULL && failure == NULL;
    pthread_mutex_lock(&slot->lock);
    if (slot->outline != NULL)
        slot->outline_fd = fd;
    else if (failure != NULL)
        note_failure(slot, failure);
    pthread_mutex_unlock(&slot->lock);
    if (slot->outline != NULL)
        cronos_pool_count_descriptor(slot->pool, 1);
    else
        close(fd);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
}

CronosOutline *cronos_slot_outline(CronosSlot *slot, GError **error)
{
    CronosOutline *outline = NULL;

    pthread_mutex_lock(&slot->outline_lock);
    gboolean needs_index = slot->needs_index;
    if (slot->outline == NULL && !needs_index) {
        needs_index = !cronos_pool_has_descriptors(slot->pool);
        if (!needs_index)
            take_outline(slot, error);
        needs_index = needs_index || slot->needs_index;
    }
    if (slot->outline != NULL)
        outline = cronos_outline_ref(slot->outline);
    pthread_mutex_unlock(&slot->outline_lock);

    if (!needs_index)
        return outline;
    g_autoptr(CronosArchive) archive = cronos_slot_open(slot, error);
    return archive != NULL
               ? cronos_outline_of_archive(archive, cronos_slot_metadata_entry(slot, archive))
               : NULL;
}

void cronos_slot_drop(CronosSlot *slot, gboolean keep_fd)
{
    pthread_mutex_lock(&slot->lock);
    CronosArchive *archive = g_steal_pointer(&slot->archive);
    if (!keep_fd)
        close_fd(slot);
    pthread_mutex_unlock(&slot->lock);
    cronos_archive_unref(archive);
}

guint32 cronos_slot_metadata_entry(CronosSlot *slot, CronosArchive *archive)
{
    guint32 entry = __atomic_load_n(&slot->metadata, __ATOMIC_RELAXED);

    if (entry != CRONOS_ENTRY_ROOT)
        return entry;
    entry = cronos_archive_lookup(archive, CRONOS_ENTRY_ROOT, CRONOS_METADATA_MEMBER,
                                  strlen(CRONOS_METADATA_MEMBER));
    if (entry != CRONOS_ENTRY_NONE && !cronos_metadata_is_member(archive, entry))
        entry = CRONOS_ENTRY_NONE;
    __atomic_store_n(&slot->metadata, entry, __ATOMIC_RELAXED);
    return entry;
}

/* Caller holds the lock. */
static gboolean stat_open_locked(const CronosSlot *slot, struct stat *out_status)
{
    return slot->fd >= 0 && fstat(slot->fd, out_status) == 0;
}

static gboolean stat_by_name(const CronosSlot *slot, struct stat *out_status)
{
    return fstatat(slot->directory_fd, slot->backup.file_name, out_status, AT_SYMLINK_NOFOLLOW) ==
               0 &&
           status_matches(slot, out_status);
}

/* Does not wait for an index, unless the file has lost its name meanwhile. */
gboolean cronos_slot_stat(CronosSlot *slot, struct stat *out_status)
{
    gboolean locked = pthread_mutex_trylock(&slot->lock) == 0, known = FALSE;

    if (!locked) {
        if (stat_by_name(slot, out_status))
            return TRUE;
        pthread_mutex_lock(&slot->lock);
    }
    known = stat_open_locked(slot, out_status);
    pthread_mutex_unlock(&slot->lock);
    return known || (locked && stat_by_name(slot, out_status));
}

gboolean cronos_slot_is_settled(CronosSlot *slot)
{
    gboolean settled = FALSE;

    if (pthread_mutex_trylock(&slot->lock) != 0)
        return FALSE;
    settled = slot->archive != NULL || slot->failure != NULL;
    pthread_mutex_unlock(&slot->lock);
    return settled;
}

JsonObject *cronos_slot_read_metadata(CronosSlot *slot, GError **error)
{
    struct stat status;

    if (stat_by_name(slot, &status))
        return cronos_metadata_read(slot->directory_fd, slot->backup.file_name, error);
    cronos_error_set_system(error, ESTALE, "%s: no longer there", slot->backup.file_name);
    return NULL;
}

void cronos_slot_count_lookups(CronosSlot *slot, guint64 lookups)
{
    __atomic_add_fetch(&slot->lookups, lookups, __ATOMIC_SEQ_CST);
}

static void release_if_unknown(CronosSlot *slot)
{
    if (!cronos_slot_is_retired(slot) || cronos_slot_lookups(slot) != 0)
        return;
    cronos_pool_remove(slot->pool, slot);
    cronos_slot_drop(slot, FALSE);
    drop_outline(slot);
}

void cronos_slot_forget(CronosSlot *slot, guint64 lookups)
{
    if (__atomic_sub_fetch(&slot->lookups, lookups, __ATOMIC_SEQ_CST) == 0)
        release_if_unknown(slot);
}

guint64 cronos_slot_lookups(const CronosSlot *slot)
{
    return __atomic_load_n(&slot->lookups, __ATOMIC_SEQ_CST);
}

void cronos_slot_retire(CronosSlot *slot)
{
    __atomic_store_n(&slot->retired, 1, __ATOMIC_SEQ_CST);
    release_if_unknown(slot);
}

gboolean cronos_slot_is_retired(const CronosSlot *slot)
{
    return __atomic_load_n(&slot->retired, __ATOMIC_SEQ_CST) != 0;
}

void cronos_slot_revive(CronosSlot *slot)
{
    __atomic_store_n(&slot->retired, 0, __ATOMIC_SEQ_CST);
}

guint64 cronos_slot_last_used(const CronosSlot *slot)
{
    return __atomic_load_n(&slot->last_used, __ATOMIC_RELAXED);
}
