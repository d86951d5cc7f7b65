/* SPDX-License-Identifier: MIT
 * tree.c - the live directory behind the mount
 *
 * Lock order: scan_lock before lock. Slots' and the pool's locks are taken with neither held, but
 * by dropping a retired slot, which takes them below scan_lock. */
#include "fs/tree.h"

#include "core/archive.h"
#include "core/error.h"
#include "fs/node.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* Retired slots that the kernel has forgotten, kept for listings that stand on their names. */
#define RETIRED_KEPT 1024u
/* A directory changed this shortly before it was read may have changed again within the same time
 * stamp. */
#define RACY_SECONDS 2

struct CronosTree {
    char *directory;
    int directory_fd;
    CronosPool *pool;
    void (*changed)(void *data);
    void *changed_data;

    pthread_mutex_t scan_lock; /* orders scans */
    GQueue retired;            /* scan_lock; of numbers, oldest first */
    gboolean racy;             /* scan_lock; see RACY_SECONDS */

    pthread_rwlock_t lock; /* the fields below */
    CronosRoot *root;
    GHashTable *slots;   /* number to owned CronosSlot */
    GPtrArray *vanished; /* of names; NULL: nothing has changed */
};

static void slot_unref(gpointer slot)
{
    cronos_slot_unref(slot);
}

CronosTree *cronos_tree_open(const char *directory, CronosPool *pool, GError **error)
{
    g_autoptr(CronosTree) tree = g_new0(CronosTree, 1);

    tree->directory = g_strdup(directory);
    tree->pool = pool;
    tree->root = cronos_root_new();
    tree->slots = g_hash_table_new_full(NULL, NULL, NULL, slot_unref);
    pthread_mutex_init(&tree->scan_lock, NULL);
    pthread_rwlock_init(&tree->lock, NULL);
    tree->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree->directory_fd < 0) {
        cronos_error_set_system(error, errno, "can not open the backup directory \"%s\"",
                                directory);
        return NULL;
    }
    if (!cronos_tree_rescan(tree, error))
        return NULL;
    g_clear_pointer(&tree->vanished, g_ptr_array_unref);
    return g_steal_pointer(&tree);
}

void cronos_tree_free(CronosTree *tree)
{
    if (tree == NULL)
        return;
    cronos_root_unref(tree->root);
    g_hash_table_unref(tree->slots);
    g_clear_pointer(&tree->vanished, g_ptr_array_unref);
    g_queue_clear(&tree->retired);
    pthread_mutex_destroy(&tree->scan_lock);
    pthread_rwlock_destroy(&tree->lock);
    if (tree->directory_fd >= 0)
        close(tree->directory_fd);
    g_free(tree->directory);
    g_free(tree);
}

const char *cronos_tree_directory(const CronosTree *tree)
{
    return tree->directory;
}

int cronos_tree_directory_fd(const CronosTree *tree)
{
    return tree->directory_fd;
}

void cronos_tree_set_notify(CronosTree *tree, void (*changed)(void *data), void *data)
{
    tree->changed = changed;
    tree->changed_data = data;
}

static int compare_for_naming(gconstpointer left, gconstpointer right)
{
    const CronosBackup *a = *(const CronosBackup *const *)left;
    const CronosBackup *b = *(const CronosBackup *const *)right;
    gboolean a_zip = g_str_has_suffix(a->file_name, CRONOS_BACKUP_EXTENSION);
    gboolean b_zip = g_str_has_suffix(b->file_name, CRONOS_BACKUP_EXTENSION);

    return a_zip != b_zip ? b_zip - a_zip : strcmp(a->file_name, b->file_name);
}

/* Returns: (owned) folder names to (borrowed) backups. */
static GHashTable *name_folders(const GPtrArray *backups)
{
    GHashTable *folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) file_names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) ordered = g_ptr_array_sized_new(backups->len);

    for (guint i = 0; i < backups->len; i++) {
        CronosBackup *backup = g_ptr_array_index(backups, i);

        g_hash_table_add(file_names, backup->file_name);
        g_ptr_array_add(ordered, backup);
    }
    g_ptr_array_sort(ordered, compare_for_naming);
    for (guint i = 0; i < ordered->len; i++) {
        CronosBackup *backup = g_ptr_array_index(ordered, i);
        gsize stem_length = strlen(backup->file_name);

        cronos_archive_is_archive_name(backup->file_name, &stem_length);
        g_autofree char *stem = g_strndup(backup->file_name, stem_length);
        gboolean free_stem = stem_length > 0 && strcmp(stem, CRONOS_ROOT_LATEST) != 0 &&
                             !g_hash_table_contains(file_names, stem) &&
                             !g_hash_table_contains(folders, stem);
        g_hash_table_insert(
            folders, free_stem ? g_steal_pointer(&stem) : g_strdup(backup->file_name), backup);
    }
    return folders;
}

/* Returns: whether @slot shows this very file under this very name. */
static gboolean shows(const CronosSlot *slot, const char *folder, const CronosBackup *backup)
{
    return cronos_slot_matches(slot, backup) && strcmp(cronos_slot_folder(slot), folder) == 0 &&
           strcmp(cronos_slot_backup(slot)->file_name, backup->file_name) == 0;
}

static CronosSlot *new_slot(CronosTree *tree, guint32 number, const char *folder,
                            const CronosBackup *backup)
{
    CronosSlot *slot = cronos_slot_new(tree->pool, tree->directory_fd, number, backup, folder);

    pthread_rwlock_wrlock(&tree->lock);
    g_hash_table_insert(tree->slots, GUINT_TO_POINTER(number), slot);
    pthread_rwlock_unlock(&tree->lock);
    return slot;
}

/* Caller holds scan_lock, and so reads the slots without the other. Where two archives have one
 * number, the next free one is taken by the one found later.
 * Returns: (borrowed) a slot for what the root does not show so far. */
static CronosSlot *add_slot(CronosTree *tree, const char *folder, const CronosBackup *backup)
{
    guint32 number =
        (guint32)(cronos_slot_identity(backup, folder) % CRONOS_SLOT_LAST) + CRONOS_SLOT_FIRST;

    for (;; number = number % CRONOS_SLOT_LAST + CRONOS_SLOT_FIRST) {
        CronosSlot *known = g_hash_table_lookup(tree->slots, GUINT_TO_POINTER(number));

        if (known == NULL)
            return new_slot(tree, number, folder, backup);
        if (cronos_slot_is_retired(known) && shows(known, folder, backup)) {
            g_queue_remove(&tree->retired, GUINT_TO_POINTER(number));
            cronos_slot_revive(known);
            return known;
        }
    }
}

/* Caller holds scan_lock, and so reads the root without the other. @out_added: how many are new. */
static CronosRoot *build_root(CronosTree *tree, const CronosCatalog *catalog, guint *out_added)
{
    CronosRoot *root = cronos_root_new();
    const GPtrArray *backups = cronos_catalog_entries(catalog);
    const CronosBackup *latest = cronos_catalog_latest(catalog);
    g_autoptr(GHashTable) folders = name_folders(backups);
    GHashTableIter iter;
    gpointer folder, backup;

    g_hash_table_iter_init(&iter, folders);
    while (g_hash_table_iter_next(&iter, &folder, &backup)) {
        const CronosRootEntry *entry = cronos_root_find(tree->root, folder);
        CronosSlot *slot = entry != NULL ? entry->slot : NULL;

        if (slot == NULL || !shows(slot, folder, backup)) {
            slot = add_slot(tree, folder, backup);
            ++*out_added;
        }
        cronos_root_add(root, slot, backup == latest);
    }
    cronos_root_seal(root);
    return root;
}

/* @gone: takes the slots of @before that @after has no more; @vanished: their names. */
static void compare_roots(const CronosRoot *before, const CronosRoot *after, GPtrArray *gone,
                          GPtrArray *vanished)
{
    for (guint i = 0; i < before->entries->len; i++) {
        const CronosRootEntry *old = &g_array_index(before->entries, CronosRootEntry, i);

        if (old->slot == NULL)
            continue;
        const CronosRootEntry *new = cronos_root_find(after, old->name);
        if (new != NULL &&new->slot == old->slot)
            continue;
        g_ptr_array_add(gone, cronos_slot_ref(old->slot));
        g_ptr_array_add(vanished, g_strdup(old->name));
    }
    if (before->latest != NULL && before->latest != after->latest)
        g_ptr_array_add(vanished, g_strdup(CRONOS_ROOT_LATEST));
}

/* Caller holds scan_lock. @differs: from the root before; @vanished: (owned) */
static void publish(CronosTree *tree, CronosRoot *root, gboolean differs, GPtrArray *vanished)
{
    CronosRoot *before = tree->root;

    pthread_rwlock_wrlock(&tree->lock);
    tree->root = root;
    if (!differs)
        g_ptr_array_unref(vanished);
    else if (tree->vanished == NULL)
        tree->vanished = vanished;
    else
        g_ptr_array_extend_and_steal(tree->vanished, vanished);
    pthread_rwlock_unlock(&tree->lock);
    cronos_root_unref(before);
}

/* Caller holds scan_lock. Those still known to the kernel go to the end of the queue. */
static void forget_retired(CronosTree *tree)
{
    for (guint looked = g_queue_get_length(&tree->retired); looked > RETIRED_KEPT; looked--) {
        gpointer number = g_queue_pop_head(&tree->retired);
        CronosSlot *slot = g_hash_table_lookup(tree->slots, number);

        if (cronos_slot_lookups(slot) > 0) {
            g_queue_push_tail(&tree->retired, number);
            continue;
        }
        pthread_rwlock_wrlock(&tree->lock);
        g_hash_table_steal(tree->slots, number);
        pthread_rwlock_unlock(&tree->lock);
        cronos_slot_unref(slot);
    }
}

static void retire(CronosTree *tree, const GPtrArray *gone)
{
    for (guint i = 0; i < gone->len; i++) {
        CronosSlot *slot = g_ptr_array_index(gone, i);

        cronos_slot_retire(slot);
        g_queue_push_tail(&tree->retired, GUINT_TO_POINTER(cronos_slot_number(slot)));
    }
    forget_retired(tree);
}

/* Caller holds scan_lock. Returns: whether anything differs. */
static gboolean install(CronosTree *tree, const CronosCatalog *catalog,
                        const struct timespec *mtime)
{
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(slot_unref);
    GPtrArray *vanished = g_ptr_array_new_with_free_func(g_free);
    guint added = 0;
    CronosRoot *root = build_root(tree, catalog, &added);

    root->mtime = *mtime;
    compare_roots(tree->root, root, gone, vanished);
    gboolean differs = added > 0 || vanished->len > 0;
    root->generation = (tree->root->generation + (guint32)differs) & G_MAXINT32;
    publish(tree, root, differs, vanished);
    retire(tree, gone);
    return differs;
}

gboolean cronos_tree_rescan(CronosTree *tree, GError **error)
{
    struct stat status;
    gboolean differs = FALSE;

    pthread_mutex_lock(&tree->scan_lock);
    /* Before the reading: what changes meanwhile leaves a later time, and is read again. */
    gboolean known = fstat(tree->directory_fd, &status) == 0;
    int errnum = errno;
    g_autoptr(CronosCatalog) catalog =
        known ? cronos_catalog_read_at(tree->directory_fd, ".", tree->directory, error) : NULL;
    if (catalog != NULL) {
        differs = install(tree, catalog, &status.st_mtim);
        tree->racy = g_get_real_time() / G_USEC_PER_SEC - status.st_mtim.tv_sec <= RACY_SECONDS;
    }
    pthread_mutex_unlock(&tree->scan_lock);

    if (!known)
        cronos_error_set_system(error, errnum, "can not examine \"%s\"", tree->directory);
    if (differs && tree->changed != NULL)
        tree->changed(tree->changed_data);
    return catalog != NULL;
}

gboolean cronos_tree_refresh(CronosTree *tree, gboolean doubt, GError **error)
{
    struct stat status;

    if (fstat(tree->directory_fd, &status) != 0) {
        cronos_error_set_system(error, errno, "can not examine \"%s\"", tree->directory);
        return FALSE;
    }
    pthread_rwlock_rdlock(&tree->lock);
    const struct timespec *seen = &tree->root->mtime;
    gboolean same =
        seen->tv_sec == status.st_mtim.tv_sec && seen->tv_nsec == status.st_mtim.tv_nsec;
    pthread_rwlock_unlock(&tree->lock);

    if (doubt) {
        pthread_mutex_lock(&tree->scan_lock);
        same = same && !tree->racy;
        pthread_mutex_unlock(&tree->scan_lock);
    }
    return same || cronos_tree_rescan(tree, error);
}

CronosRoot *cronos_tree_root(CronosTree *tree)
{
    pthread_rwlock_rdlock(&tree->lock);
    CronosRoot *root = cronos_root_ref(tree->root);
    pthread_rwlock_unlock(&tree->lock);
    return root;
}

CronosSlot *cronos_tree_slot(CronosTree *tree, guint32 number)
{
    pthread_rwlock_rdlock(&tree->lock);
    CronosSlot *slot = g_hash_table_lookup(tree->slots, GUINT_TO_POINTER(number));
    if (slot != NULL)
        cronos_slot_ref(slot);
    pthread_rwlock_unlock(&tree->lock);
    return slot;
}

GPtrArray *cronos_tree_take_vanished(CronosTree *tree)
{
    pthread_rwlock_wrlock(&tree->lock);
    GPtrArray *vanished = g_steal_pointer(&tree->vanished);
    pthread_rwlock_unlock(&tree->lock);
    return vanished;
}
