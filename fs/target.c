/* SPDX-License-Identifier: MIT
 * target.c - the archive and entry that a node id stands for */
#include "fs/target.h"

#include "core/error.h"
#include "core/log.h"
#include "fs/error-errno.h"
#include "fs/node.h"

#include <errno.h>

/* The directory has gone on, and nobody told: look, so that the next look-up finds what is there.
 */
static void catch_up(const CronosMount *mount, const CronosSlot *slot)
{
    g_autoptr(GError) error = NULL;

    if (!cronos_slot_is_retired(slot) && !cronos_tree_rescan(mount->tree, &error))
        cronos_log_event(CRONOS_LOG_WARNING, NULL, NULL, "%s", error->message);
}

static int report(const CronosMount *mount, const CronosSlot *slot, const CronosArchive *archive,
                  guint32 entry, const GError *error)
{
    gboolean moved_on = g_error_matches(error, CRONOS_SYSTEM_ERROR, ESTALE) ||
                        g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOENT);

    if (!moved_on)
        return cronos_report_error(slot, archive, entry, error);
    catch_up(mount, slot);
    return cronos_errno_from_error(error);
}

int cronos_target_open(const CronosMount *mount, guint64 node, gboolean for_data,
                       CronosTarget *out_target)
{
    g_auto(CronosTarget) target = {0};
    g_autoptr(GError) error = NULL;

    *out_target = target;
    if (cronos_node_is_versions(node))
        return ESTALE;
    target.entry = cronos_node_entry(node);
    if (cronos_node_slot(node) != CRONOS_SLOT_MOUNT)
        target.slot = cronos_tree_slot(mount->tree, cronos_node_slot(node));
    if (target.slot == NULL)
        return ESTALE;
    target.archive = for_data ? cronos_slot_open_data(target.slot, &error)
                              : cronos_slot_open(target.slot, &error);
    if (target.archive == NULL)
        return report(mount, target.slot, NULL, CRONOS_ENTRY_ROOT, error);
    if (target.entry >= cronos_archive_count(target.archive))
        return ESTALE;
    *out_target = target;
    target = (CronosTarget){0};
    return 0;
}

int cronos_target_report_archive(const CronosMount *mount, const CronosSlot *slot,
                                 const GError *error)
{
    return report(mount, slot, NULL, CRONOS_ENTRY_ROOT, error);
}

void cronos_target_clear(CronosTarget *target)
{
    g_clear_pointer(&target->archive, cronos_archive_unref);
    g_clear_pointer(&target->slot, cronos_slot_unref);
}

int cronos_target_report(const CronosMount *mount, const CronosTarget *target, const GError *error)
{
    return report(mount, target->slot, target->archive, target->entry, error);
}
