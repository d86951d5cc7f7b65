/* SPDX-License-Identifier: MIT
 * versions.c - the folders of ".versions", put together when they are asked for
 *
 * One folder is put together at a time, which is quick once the outlines are there. Lock order:
 * building before lock; slots' locks are taken with building held. */
#include "fs/versions.h"

#include "core/parallel.h"
#include "fs/node.h"
#include "fs/target.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Folders kept, whatever their size. */
#define KEPT_LEAST 8u
#define KEPT_MOST 4096u
#define RUN_LENGTH 4u

struct CronosVersions {
    gsize memory_bytes_max;

    pthread_mutex_t building; /* orders the putting together; the next field */
    guint32 outlined;         /* the generation whose outlines were all taken, and 1 */

    pthread_mutex_t lock; /* the fields below */
    GHashTable *kept;     /* "GENERATION/PATH" to its link in .order */
    GQueue order;         /* of owned CronosUnion, used last first */
    gsize memory_bytes;
    guint32 newest; /* the highest generation of which a folder was kept */
};

CronosVersions *cronos_versions_new(gsize memory_bytes)
{
    CronosVersions *versions = g_new0(CronosVersions, 1);

    versions->memory_bytes_max = memory_bytes;
    versions->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    pthread_mutex_init(&versions->building, NULL);
    pthread_mutex_init(&versions->lock, NULL);
    return versions;
}

static void union_unref(gpointer folder)
{
    cronos_union_unref(folder);
}

void cronos_versions_free(CronosVersions *versions)
{
    if (versions == NULL)
        return;
    g_hash_table_unref(versions->kept);
    g_queue_clear_full(&versions->order, union_unref);
    pthread_mutex_destroy(&versions->building);
    pthread_mutex_destroy(&versions->lock);
    g_free(versions);
}

static char *key_of(guint32 generation, const char *path)
{
    return g_strdup_printf("%u/%s", generation, path);
}

/* Returns: (owned) what is kept, marked as used, or NULL. */
static CronosUnion *find_kept(CronosVersions *versions, guint32 generation, const char *path)
{
    g_autofree char *key = key_of(generation, path);
    CronosUnion *found = NULL;

    pthread_mutex_lock(&versions->lock);
    GList *link = g_hash_table_lookup(versions->kept, key);
    if (link != NULL) {
        g_queue_unlink(&versions->order, link);
        g_queue_push_head_link(&versions->order, link);
        found = cronos_union_ref(link->data);
    }
    pthread_mutex_unlock(&versions->lock);
    return found;
}

/* Caller holds the lock. Returns: (owned) the folder at @link, which is kept no more. */
static CronosUnion *take(CronosVersions *versions, GList *link)
{
    CronosUnion *folder = link->data;
    g_autofree char *key = key_of(folder->root->generation, folder->path);

    g_hash_table_remove(versions->kept, key);
    g_queue_delete_link(&versions->order, link);
    versions->memory_bytes -= folder->memory_bytes;
    return folder;
}

/* Caller holds the lock. Where the backups have changed, what is of the state before may be in a
 * listing that goes on; what is older only keeps that root, and backups that are gone. */
static void take_outdated(CronosVersions *versions, guint32 generation, GPtrArray *taken)
{
    if (generation <= versions->newest)
        return;
    versions->newest = generation;
    for (GList *link = versions->order.head, *next; link != NULL; link = next) {
        const CronosUnion *folder = link->data;

        next = link->next;
        if (folder->root->generation + 1 < generation)
            g_ptr_array_add(taken, take(versions, link));
    }
}

static void keep(CronosVersions *versions, CronosUnion *folder)
{
    g_autoptr(GPtrArray) surplus = g_ptr_array_new_with_free_func(union_unref);

    pthread_mutex_lock(&versions->lock);
    take_outdated(versions, folder->root->generation, surplus);
    g_queue_push_head(&versions->order, cronos_union_ref(folder));
    g_hash_table_insert(versions->kept, key_of(folder->root->generation, folder->path),
                        versions->order.head);
    versions->memory_bytes += folder->memory_bytes;
    while (versions->order.length > KEPT_MOST ||
           (versions->order.length > KEPT_LEAST &&
            versions->memory_bytes > versions->memory_bytes_max))
        g_ptr_array_add(surplus, take(versions, versions->order.tail));
    pthread_mutex_unlock(&versions->lock);
}

/* What threads take outlines with. */
typedef struct {
    const CronosMount *mount;
    const CronosRoot *root;
    CronosOutline **outlines; /* one a backup */
} Outlining;

static gboolean take_outline(gpointer worker, gsize index, GError **error)
{
    const Outlining *outlining = worker;
    CronosSlot *slot = g_ptr_array_index(outlining->root->backups, index);
    g_autoptr(GError) failure = NULL;

    outlining->outlines[index] = cronos_slot_outline(slot, &failure);
    if (failure != NULL)
        cronos_target_report_archive(outlining->mount, slot, failure);
    return TRUE;
}

/* Caller holds building. Later on a loop is quicker than a thread is made. */
static void take_outlines(const CronosMount *mount, CronosRoot *root, CronosOutline **outlines)
{
    CronosVersions *versions = mount->versions;
    Outlining outlining = {mount, root, outlines};
    const CronosParallel parallel = {.threads = versions->outlined == root->generation + 1 ? 1 : 0,
                                     .run_length = RUN_LENGTH,
                                     .waits = TRUE,
                                     .work = take_outline};

    cronos_parallel_for(&parallel, root->backups->len, &outlining, NULL);
    versions->outlined = root->generation + 1;
}

/* Returns: (owned) the folder at @path, as the backups of @root have it. */
static CronosUnion *get_union(const CronosMount *mount, CronosRoot *root, const char *path)
{
    CronosVersions *versions = mount->versions;
    CronosUnion *folder = find_kept(versions, root->generation, path);

    if (folder != NULL)
        return folder;
    pthread_mutex_lock(&versions->building);
    folder = find_kept(versions, root->generation, path);
    if (folder == NULL) {
        g_autofree CronosOutline **outlines = g_new0(CronosOutline *, root->backups->len + 1);

        take_outlines(mount, root, outlines);
        folder = cronos_union_new(root, outlines, path);
        for (guint i = 0; i < root->backups->len; i++)
            cronos_outline_unref(outlines[i]);
        keep(versions, folder);
    }
    pthread_mutex_unlock(&versions->building);
    return folder;
}

/* Returns: 0, or an errno. @out_path: (owned) the path that the folder @node stands for. */
static int path_of(const CronosMount *mount, guint64 node, char **out_path)
{
    g_autoptr(GError) error = NULL;

    if (node == CRONOS_NODE_VERSIONS) {
        *out_path = g_strdup("");
        return 0;
    }
    g_autoptr(CronosSlot) slot = cronos_tree_slot(mount->tree, cronos_node_slot(node));
    if (slot == NULL)
        return ESTALE;
    g_autoptr(CronosOutline) outline = cronos_slot_outline(slot, &error);
    if (outline == NULL)
        return cronos_target_report_archive(mount, slot, error);
    *out_path = cronos_outline_path(outline, cronos_node_entry(node), &error);
    if (*out_path != NULL)
        return 0;
    return error != NULL ? cronos_target_report_archive(mount, slot, error) : ESTALE;
}

/* Returns: (owned) what @path is in; @out_name: (borrowed) what it is there. */
static char *split_path(const char *path, const char **out_name)
{
    const char *slash = strrchr(path, '/');

    *out_name = slash != NULL ? slash + 1 : path;
    return slash != NULL ? g_strndup(path, (gsize)(slash - path)) : g_strdup("");
}

/* Returns: (owned) the root of @generation, where the folder at @path or @parent is kept as it was
 * then; else that of now. */
static CronosRoot *root_of(const CronosMount *mount, guint32 generation, const char *path,
                           const char *parent)
{
    if (generation == CRONOS_VERSIONS_NOW)
        return cronos_tree_root(mount->tree);
    g_autoptr(CronosUnion) kept = find_kept(mount->versions, generation, path);
    if (kept == NULL)
        kept = find_kept(mount->versions, generation, parent);
    return kept != NULL ? cronos_root_ref(kept->root) : cronos_tree_root(mount->tree);
}

int cronos_versions_open(const CronosMount *mount, guint64 node, guint32 generation,
                         CronosVersionsFolder *out_folder)
{
    const char *name;

    *out_folder = (CronosVersionsFolder){0};
    if (mount->versions == NULL)
        return ESTALE;
    int errnum = path_of(mount, node, &out_folder->path);
    if (errnum != 0)
        return errnum;
    g_autofree char *parent = split_path(out_folder->path, &name);
    out_folder->root = root_of(mount, generation, out_folder->path, parent);
    if (node == CRONOS_NODE_VERSIONS)
        return 0;
    out_folder->above = get_union(mount, out_folder->root, parent);
    out_folder->self = cronos_union_find(out_folder->above, name);
    return 0;
}

void cronos_versions_folder_clear(CronosVersionsFolder *folder)
{
    g_clear_pointer(&folder->below, cronos_union_unref);
    g_clear_pointer(&folder->above, cronos_union_unref);
    g_clear_pointer(&folder->path, g_free);
    g_clear_pointer(&folder->root, cronos_root_unref);
}

/* Returns: (owned) a folder that holds nothing. */
static CronosUnion *empty_union(CronosRoot *root, const char *path)
{
    g_autofree CronosOutline **none = g_new0(CronosOutline *, root->backups->len + 1);

    return cronos_union_new(root, none, path);
}

const CronosUnion *cronos_versions_below(const CronosMount *mount, CronosVersionsFolder *folder)
{
    gboolean is_folder = folder->above == NULL || (folder->self != NULL && folder->self->folder);

    /* Most paths are only ever files: no need to ask every backup for their children. */
    if (folder->below == NULL)
        folder->below = is_folder ? get_union(mount, folder->root, folder->path)
                                  : empty_union(folder->root, folder->path);
    return folder->below;
}

GPtrArray *cronos_versions_names(const CronosMount *mount, CronosVersionsFolder *folder)
{
    if (folder->self == NULL)
        return g_ptr_array_new_with_free_func(g_free);
    return cronos_union_version_names(folder->above, folder->self,
                                      cronos_versions_below(mount, folder));
}
