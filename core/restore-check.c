/* SPDX-License-Identifier: MIT
 * restore-check.c - the archive is checked before the first byte is written
 *
 * Damage anywhere in it is a reason to stop, unless the restore is to keep going: then what is
 * damaged is named and left out, and everything else restored. What can not be decoded here is a
 * reason only where it is wanted, and a wrong SOZip index none: files are whole without it. */
#include "core/error.h"
#include "core/restore-private.h"
#include "core/verify-private.h"

#define DAMAGED_SHOWN 5u

static gboolean set_damaged(CronosArchive *archive, const char *backup_name, const GArray *findings,
                            guint damaged, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);
    guint shown = 0;

    for (guint i = 0; i < findings->len && shown < DAMAGED_SHOWN; i++) {
        const CronosFinding *finding = &g_array_index(findings, CronosFinding, i);
        if (finding->unsupported || finding->index_only)
            continue;
        g_autofree char *report = cronos_finding_report(archive, finding);
        g_string_append_printf(list, "%s%s", shown++ > 0 ? "; " : "", report);
    }
    if (damaged > shown)
        g_string_append_printf(list, "; and %u more", damaged - shown);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                "%s is damaged, nothing was written: %s; --keep-going restores the rest",
                backup_name, list->str);
    return FALSE;
}

/* What no entry stands for might have been wanted. */
static gboolean is_wanted(const CronosRestorePlan *plan, const CronosFinding *finding)
{
    return !finding->index_only && (finding->entry == CRONOS_ENTRY_NONE ||
                                    plan->picks[finding->entry] == CRONOS_PICK_WANTED);
}

static gboolean judge_findings(const CronosRestorePlan *plan, const char *backup_name,
                               const GArray *findings, GError **error)
{
    guint damaged = 0;

    for (guint i = 0; i < findings->len; i++) {
        const CronosFinding *finding = &g_array_index(findings, CronosFinding, i);
        damaged += !finding->unsupported && !finding->index_only;
    }
    if (damaged > 0)
        return set_damaged(plan->archive, backup_name, findings, damaged, error);
    for (guint i = 0; i < findings->len; i++) {
        const CronosFinding *finding = &g_array_index(findings, CronosFinding, i);
        if (!is_wanted(plan, finding))
            continue;
        g_autofree char *report = cronos_finding_report(plan->archive, finding);
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                    "%s, nothing was written: %s; --keep-going restores the rest", backup_name,
                    report);
        return FALSE;
    }
    return TRUE;
}

/* Takes @entry out of what is restored; its work counts as done. A folder is made all the same: of
 * it only the attributes can be wrong. */
static void leave_out(CronosRestorePlan *plan, guint32 entry, CronosTally *tally)
{
    CronosMemberInfo info = {0};

    if (cronos_archive_is_directory(plan->archive, entry))
        return;
    plan->picks[entry] = CRONOS_PICK_NONE;
    if (cronos_archive_info(plan->archive, entry, &info, NULL)) {
        plan->bytes -= MIN(plan->bytes, info.size_bytes);
        plan->stored_bytes -= MIN(plan->stored_bytes, info.stored_bytes);
    }
    cronos_tally_add(tally, info.size_bytes, 1, NULL);
}

static void drop_unpicked(CronosRestorePlan *plan)
{
    guint kept = 0;

    for (guint i = 0; i < plan->files->len; i++) {
        guint32 entry = g_array_index(plan->files, guint32, i);
        if (plan->picks[entry] != CRONOS_PICK_NONE)
            g_array_index(plan->files, guint32, kept++) = entry;
    }
    g_array_set_size(plan->files, kept);
}

static void leave_out_findings(CronosRestorePlan *plan, const GArray *findings, CronosTally *tally,
                               CronosRestoreResult *result)
{
    for (guint i = 0; i < findings->len; i++) {
        const CronosFinding *finding = &g_array_index(findings, CronosFinding, i);
        if (!is_wanted(plan, finding))
            continue;
        g_ptr_array_add(result->failed, cronos_finding_report(plan->archive, finding));
        if (finding->entry != CRONOS_ENTRY_NONE)
            leave_out(plan, finding->entry, tally);
    }
    drop_unpicked(plan);
}

gboolean cronos_restore_check_archive(CronosRestorePlan *plan, const char *backup_name,
                                      const CronosRestoreOptions *options, CronosTally *tally,
                                      CronosRestoreResult *result, GError **error)
{
    g_autoptr(GArray) findings =
        cronos_verify_members(plan->archive, options->threads, tally, error);

    if (findings == NULL)
        return FALSE;
    cronos_findings_log(plan->archive, findings, backup_name);
    if (!options->keep_going)
        return judge_findings(plan, backup_name, findings, error);
    leave_out_findings(plan, findings, tally, result);
    return TRUE;
}
