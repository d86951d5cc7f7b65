/* SPDX-License-Identifier: MIT
 * root.c - the mount's root at one moment */
#include "fs/root.h"

#include <string.h>

static void clear_entry(gpointer data)
{
    CronosRootEntry *entry = data;

    cronos_slot_unref(entry->slot);
}

CronosRoot *cronos_root_new(void)
{
    CronosRoot *root = g_new0(CronosRoot, 1);

    root->references = 1;
    root->entries = g_array_new(FALSE, FALSE, sizeof(CronosRootEntry));
    g_array_set_clear_func(root->entries, clear_entry);
    root->backups = g_ptr_array_new();
    root->snapshots = g_ptr_array_new();
    return root;
}

CronosRoot *cronos_root_ref(CronosRoot *root)
{
    g_atomic_int_inc(&root->references);
    return root;
}

void cronos_root_unref(CronosRoot *root)
{
    if (root == NULL || !g_atomic_int_dec_and_test(&root->references))
        return;
    g_array_unref(root->entries);
    g_ptr_array_unref(root->backups);
    g_ptr_array_unref(root->snapshots);
    cronos_slot_unref(root->latest);
    g_free(root);
}

void cronos_root_add(CronosRoot *root, CronosSlot *slot, gboolean latest)
{
    CronosRootEntry entry = {cronos_slot_folder(slot), cronos_slot_ref(slot)};

    g_array_append_val(root->entries, entry);
    root->total_bytes += cronos_slot_backup(slot)->size_bytes;
    if (latest && root->latest == NULL)
        root->latest = cronos_slot_ref(slot);
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    return strcmp(((const CronosRootEntry *)a)->name, ((const CronosRootEntry *)b)->name);
}

static int compare_backups(gconstpointer a, gconstpointer b)
{
    return cronos_backup_compare(cronos_slot_backup(*(CronosSlot *const *)b),
                                 cronos_slot_backup(*(CronosSlot *const *)a));
}

static gint64 created(gconstpointer slot)
{
    return cronos_slot_backup(slot)->parsed.created;
}

/* The clock of the time stamps may be put forward; that of the snapshots is UTC. */
static int compare_snapshots(gconstpointer a, gconstpointer b)
{
    gint64 time_a = created(*(CronosSlot *const *)a), time_b = created(*(CronosSlot *const *)b);

    return time_a != time_b ? (time_a > time_b) - (time_a < time_b) : compare_backups(a, b);
}

static void list_snapshots(CronosRoot *root)
{
    g_autoptr(GPtrArray) ordered = g_ptr_array_copy(root->backups, NULL, NULL);

    g_ptr_array_sort(ordered, compare_snapshots);
    for (guint i = 0; i < ordered->len; i++) {
        gpointer slot = g_ptr_array_index(ordered, i);
        gpointer next = i + 1 < ordered->len ? g_ptr_array_index(ordered, i + 1) : NULL;

        if (next == NULL || created(next) != created(slot))
            g_ptr_array_add(root->snapshots, slot);
    }
}

void cronos_root_seal(CronosRoot *root)
{
    CronosRootEntry latest = {CRONOS_ROOT_LATEST, NULL};

    for (guint i = 0; i < root->entries->len; i++) {
        CronosSlot *slot = g_array_index(root->entries, CronosRootEntry, i).slot;

        if (!cronos_slot_backup(slot)->foreign)
            g_ptr_array_add(root->backups, slot);
    }
    g_ptr_array_sort(root->backups, compare_backups);
    list_snapshots(root);
    if (root->latest != NULL)
        g_array_append_val(root->entries, latest);
    g_array_sort(root->entries, compare_entries);
}

guint cronos_root_after(const CronosRoot *root, const char *name)
{
    guint low = 0, high = root->entries->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (strcmp(g_array_index(root->entries, CronosRootEntry, middle).name, name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const CronosRootEntry *cronos_root_find(const CronosRoot *root, const char *name)
{
    guint after = cronos_root_after(root, name);

    if (after == 0)
        return NULL;
    const CronosRootEntry *entry = &g_array_index(root->entries, CronosRootEntry, after - 1);
    return strcmp(entry->name, name) == 0 ? entry : NULL;
}

guint cronos_root_snapshot_after(const CronosRoot *root, gint64 time)
{
    guint low = 0, high = root->snapshots->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (created(g_ptr_array_index(root->snapshots, middle)) <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

CronosSlot *cronos_root_find_snapshot(const CronosRoot *root, gint64 time)
{
    guint after = cronos_root_snapshot_after(root, time);

    if (after == 0)
        return NULL;
    CronosSlot *slot = g_ptr_array_index(root->snapshots, after - 1);
    return created(slot) == time ? slot : NULL;
}
