/* SPDX-License-Identifier: MIT
 * union.c - one folder of ".versions", put together from the oldest backup to the newest
 *
 * While it is built, each name remembers what the last backup had under it; a run ends where a
 * backup has something else there, or nothing. */
#include "fs/union.h"

#include "core/version.h"

#include <string.h>

#define NO_RUN G_MAXUINT32

/* A name while the union is built. */
typedef struct {
    CronosUnionName name;
    guint32 last_run;      /* NO_RUN: none yet */
    guint last_backup;     /* counting those that can be read: where it was seen last, from 1 */
    CronosMemberInfo last; /* as what */
} Draft;

typedef struct {
    CronosUnionRun run;
    guint32 next; /* of the same name; NO_RUN: the last one */
} DraftRun;

typedef struct {
    CronosUnion *folder;
    GHashTable *places; /* name to its draft's place and 1 */
    GArray *drafts;     /* of Draft */
    GArray *runs;       /* of DraftRun */
    const CronosOutline *outline;
    guint32 backup; /* that is being gone through */
    guint ordinal;  /* of it, among those that can be read, from 1 */
} Build;

static void add_run(Build *build, Draft *draft, const CronosOutlinePlace *place)
{
    DraftRun run = {{build->backup, place->entry, place->header}, NO_RUN};
    guint32 number = build->runs->len;

    g_array_append_val(build->runs, run);
    if (draft->last_run == NO_RUN)
        draft->name.first_run = number;
    else
        g_array_index(build->runs, DraftRun, draft->last_run).next = number;
    draft->last_run = number;
    draft->name.runs++;
}

static void add_folder(CronosUnionName *name, const CronosMemberInfo *info)
{
    gboolean first = !name->folder;

    if (first) {
        name->folder = TRUE;
        name->mode = 0777;
        name->has_owner = info->has_owner;
        name->uid = info->uid;
        name->gid = info->gid;
    }
    name->mode &= info->mode;
    name->mixed = name->mixed || name->has_owner != info->has_owner || name->uid != info->uid ||
                  name->gid != info->gid;
}

/* Returns: (borrowed, until the next one is made) the draft of @name. */
static Draft *find_draft(Build *build, const char *name, const CronosOutlinePlace *place)
{
    guint known = GPOINTER_TO_UINT(g_hash_table_lookup(build->places, name));

    if (known > 0)
        return &g_array_index(build->drafts, Draft, known - 1);
    Draft draft = {.name = {.name = g_string_chunk_insert(build->folder->room, name),
                            .backup = build->backup,
                            .entry = place->entry},
                   .last_run = NO_RUN};
    build->folder->memory_bytes += strlen(name) + 1;
    g_array_append_val(build->drafts, draft);
    g_hash_table_insert(build->places, (gpointer)(guintptr)draft.name.name,
                        GUINT_TO_POINTER(build->drafts->len));
    return &g_array_index(build->drafts, Draft, build->drafts->len - 1);
}

/* A member whose facts can not be read is not there: where it lies, it is an error. */
static gboolean take_child(const CronosOutlinePlace *place, const char *name, gpointer user_data)
{
    Build *build = user_data;
    CronosMemberInfo info;

    if (!cronos_outline_info(build->outline, place, &info, NULL))
        return TRUE;
    Draft *draft = find_draft(build, name, place);
    gboolean goes_on = draft->last_backup > 0 && draft->last_backup + 1 == build->ordinal &&
                       cronos_version_is_same(&draft->last, &info);
    if (info.kind == CRONOS_MEMBER_DIRECTORY)
        add_folder(&draft->name, &info);
    else if (!goes_on)
        add_run(build, draft, place);
    draft->last_backup = build->ordinal;
    draft->last = info;
    return TRUE;
}

/* What can not be read of a backup is not there: who looks at that backup is told. */
static void take_backup(Build *build, const CronosOutline *outline, guint32 backup)
{
    build->outline = outline;
    build->backup = backup;
    build->ordinal++;
    cronos_outline_children(outline, build->folder->path, take_child, build, NULL);
}

static int compare_drafts(gconstpointer a, gconstpointer b)
{
    return strcmp(((const Draft *)a)->name.name, ((const Draft *)b)->name.name);
}

/* Puts the names in order, and the runs of each together. */
static void finish(Build *build)
{
    CronosUnion *folder = build->folder;

    g_array_sort(build->drafts, compare_drafts);
    g_array_set_size(folder->names, build->drafts->len);
    for (guint i = 0; i < build->drafts->len; i++) {
        CronosUnionName *name = &g_array_index(folder->names, CronosUnionName, i);
        guint32 run = NO_RUN;

        *name = g_array_index(build->drafts, Draft, i).name;
        if (name->runs > 0)
            run = name->first_run;
        name->first_run = folder->runs->len;
        for (; run != NO_RUN; run = g_array_index(build->runs, DraftRun, run).next)
            g_array_append_val(folder->runs, g_array_index(build->runs, DraftRun, run).run);
    }
    folder->memory_bytes += sizeof *folder + strlen(folder->path) +
                            folder->names->len * sizeof(CronosUnionName) +
                            folder->runs->len * sizeof(CronosUnionRun);
}

CronosUnion *cronos_union_new(CronosRoot *root, CronosOutline *const *outlines, const char *path)
{
    CronosUnion *folder = g_new0(CronosUnion, 1);
    g_autoptr(GHashTable) places = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GArray) drafts = g_array_new(FALSE, FALSE, sizeof(Draft));
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(DraftRun));
    Build build = {.folder = folder, .places = places, .drafts = drafts, .runs = runs};

    folder->references = 1;
    folder->root = cronos_root_ref(root);
    folder->path = g_strdup(path);
    folder->names = g_array_new(FALSE, FALSE, sizeof(CronosUnionName));
    folder->runs = g_array_new(FALSE, FALSE, sizeof(CronosUnionRun));
    folder->room = g_string_chunk_new(1024);
    for (guint32 i = 0; i < root->backups->len; i++)
        if (outlines[i] != NULL)
            take_backup(&build, outlines[i], i);
    finish(&build);
    return folder;
}

CronosUnion *cronos_union_ref(CronosUnion *folder)
{
    g_atomic_int_inc(&folder->references);
    return folder;
}

void cronos_union_unref(CronosUnion *folder)
{
    if (folder == NULL || !g_atomic_int_dec_and_test(&folder->references))
        return;
    cronos_root_unref(folder->root);
    g_array_unref(folder->names);
    g_array_unref(folder->runs);
    g_string_chunk_free(folder->room);
    g_free(folder->path);
    g_free(folder);
}

const CronosUnionName *cronos_union_find(const CronosUnion *folder, const char *name)
{
    guint low = 0, high = folder->names->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const CronosUnionName *there = &g_array_index(folder->names, CronosUnionName, middle);
        int order = strcmp(there->name, name);

        if (order == 0)
            return there;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

GPtrArray *cronos_union_version_names(const CronosUnion *above, const CronosUnionName *self,
                                      const CronosUnion *below)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) taken = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint32 i = 0; i < self->runs; i++) {
        const CronosUnionRun *run =
            &g_array_index(above->runs, CronosUnionRun, self->first_run + i);
        const CronosSlot *slot = g_ptr_array_index(above->root->backups, run->backup);
        const char *timestamp = cronos_slot_backup(slot)->parsed.timestamp;
        char *name = cronos_version_name(self->name, timestamp, 0);

        for (guint number = 1;
             g_hash_table_contains(taken, name) || cronos_union_find(below, name) != NULL;
             number++) {
            g_free(name);
            name = cronos_version_name(self->name, timestamp, number);
        }
        g_hash_table_add(taken, name);
        g_ptr_array_add(names, name);
    }
    return names;
}
