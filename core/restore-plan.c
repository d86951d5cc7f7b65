/* SPDX-License-Identifier: MIT
 * restore-plan.c - picking members, and the order they are restored in */
#include "core/below.h"
#include "core/error.h"
#include "core/member-path.h"
#include "core/restore-private.h"

#include <string.h>

typedef struct {
    guint64 position;
    guint32 entry;
} Placed;

void cronos_restore_plan_free(CronosRestorePlan *plan)
{
    if (plan == NULL)
        return;
    g_free(plan->picks);
    if (plan->folders != NULL)
        g_array_unref(plan->folders);
    if (plan->files != NULL)
        g_array_unref(plan->files);
    g_free(plan);
}

static gboolean pick_path(CronosRestorePlan *plan, const char *backup_name, const char *root,
                          const char *path, GError **error)
{
    g_autofree char *relative = cronos_member_path(path, root);
    guint32 entry = cronos_archive_lookup_path(plan->archive, relative);

    if (entry == CRONOS_ENTRY_NONE || entry == plan->metadata) {
        g_autofree char *quoted = cronos_quote_path(path);
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND, "%s: not in %s", quoted,
                    backup_name);
        return FALSE;
    }
    plan->picks[entry] = CRONOS_PICK_WANTED;
    return TRUE;
}

/* Passes the pick of a folder on to all below it, and marks the folders above. */
static gboolean spread_picks(CronosRestorePlan *plan, GError **error)
{
    guint32 count = cronos_archive_count(plan->archive);

    for (guint32 entry = 1; entry < count; entry++) {
        guint32 parent = cronos_archive_parent(plan->archive, entry);
        if (parent >= entry) {
            g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                        "the archive's folders can not be put in order");
            return FALSE;
        }
        if (plan->picks[parent] == CRONOS_PICK_WANTED)
            plan->picks[entry] = CRONOS_PICK_WANTED;
    }
    if (plan->metadata != CRONOS_ENTRY_NONE)
        plan->picks[plan->metadata] = CRONOS_PICK_NONE;
    for (guint32 entry = count; entry-- > 1;) {
        guint8 *parent = &plan->picks[cronos_archive_parent(plan->archive, entry)];
        if (plan->picks[entry] != CRONOS_PICK_NONE && *parent == CRONOS_PICK_NONE)
            *parent = CRONOS_PICK_PARENT;
    }
    return TRUE;
}

static gboolean check_name(CronosArchive *archive, guint32 entry, GError **error)
{
    gsize length;
    const char *name = cronos_archive_name(archive, entry, &length);

    if (name != NULL && cronos_name_is_plain(name, length))
        return TRUE;
    g_autofree char *quoted = cronos_quote_bytes(name == NULL ? "" : name, name ? length : 0);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSAFE,
                "member %u: the name \"%s\" could lead out of the target", entry, quoted);
    return FALSE;
}

static int compare_placed(const void *a, const void *b)
{
    const Placed *first = a;
    const Placed *second = b;

    if (first->position != second->position)
        return first->position < second->position ? -1 : 1;
    return first->entry < second->entry ? -1 : first->entry > second->entry;
}

/* Reading the archive from front to back is sequential. */
static void sort_files(CronosRestorePlan *plan, GArray *placed)
{
    g_array_sort(placed, compare_placed);
    for (guint i = 0; i < placed->len; i++)
        g_array_append_val(plan->files, g_array_index(placed, Placed, i).entry);
}

static gboolean list_members(CronosRestorePlan *plan, gboolean keep_going, GError **error)
{
    guint32 count = cronos_archive_count(plan->archive);
    g_autoptr(GArray) placed = g_array_new(FALSE, FALSE, sizeof(Placed));

    for (guint32 entry = 1; entry < count; entry++) {
        CronosMemberInfo info;

        if (plan->picks[entry] == CRONOS_PICK_NONE)
            continue;
        if (!check_name(plan->archive, entry, error))
            return FALSE;
        if (cronos_archive_is_directory(plan->archive, entry)) {
            g_array_append_val(plan->folders, entry);
            continue;
        }
        if (!cronos_archive_info(plan->archive, entry, &info, keep_going ? NULL : error)) {
            if (!keep_going)
                return FALSE;
            info = (CronosMemberInfo){0}; /* it fails again, and is named, when its turn comes */
        }
        Placed place = {cronos_archive_position(plan->archive, entry), entry};
        g_array_append_val(placed, place);
        if (__builtin_add_overflow(plan->bytes, info.size_bytes, &plan->bytes))
            plan->bytes = G_MAXUINT64;
        if (__builtin_add_overflow(plan->stored_bytes, info.stored_bytes, &plan->stored_bytes))
            plan->stored_bytes = G_MAXUINT64;
    }
    sort_files(plan, placed);
    return TRUE;
}

CronosRestorePlan *cronos_restore_plan_new(CronosArchive *archive, const char *backup_name,
                                           const char *root, const CronosRestoreOptions *options,
                                           GError **error)
{
    const char *const *paths = options->paths;
    g_autoptr(CronosRestorePlan) plan = g_new0(CronosRestorePlan, 1);

    plan->archive = archive;
    plan->picks = g_new0(guint8, MAX(cronos_archive_count(archive), 1));
    plan->folders = g_array_new(FALSE, FALSE, sizeof(guint32));
    plan->files = g_array_new(FALSE, FALSE, sizeof(guint32));
    plan->metadata = cronos_metadata_entry(archive);
    if (paths == NULL || paths[0] == NULL)
        plan->picks[CRONOS_ENTRY_ROOT] = CRONOS_PICK_WANTED;
    for (gsize i = 0; paths != NULL && paths[i] != NULL; i++)
        if (!pick_path(plan, backup_name, root, paths[i], error))
            return NULL;
    plan->whole = plan->picks[CRONOS_ENTRY_ROOT] == CRONOS_PICK_WANTED;
    if (!spread_picks(plan, error) || !list_members(plan, options->keep_going, error))
        return NULL;
    return g_steal_pointer(&plan);
}
