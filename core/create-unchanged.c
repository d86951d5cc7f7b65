/* SPDX-License-Identifier: MIT
 * create-unchanged.c - does the newest backup hold the tree as it is already?
 *
 * A walk that stops at the first difference. What can not be seen counts as one: a backup is then
 * made, and says what is missing in it. */
#include "core/create-private.h"

static void count_item(CronosCreateResult *counts, const CronosMemberInfo *info)
{
    gboolean is_file = info->kind == CRONOS_MEMBER_FILE;

    counts->files += is_file;
    counts->directories += info->kind == CRONOS_MEMBER_DIRECTORY;
    counts->symlinks += info->kind == CRONOS_MEMBER_SYMLINK;
    counts->bytes += is_file ? info->size_bytes : 0;
}

gboolean create_is_unchanged(const CronosReuse *reuse, CronosScan *scan, GCancellable *cancellable,
                             CronosCreateResult *out_counts)
{
    g_autoptr(CronosReuseReader) reader = cronos_reuse_reader_new(reuse);
    const CronosScanItem *item;
    guint64 held = 0;

    while ((item = cronos_scan_next(scan)) != NULL) {
        if (g_cancellable_is_cancelled(cancellable) ||
            !cronos_reuse_holds(reader, item->path, item->path_length, &item->info))
            return FALSE;
        count_item(out_counts, &item->info);
        held++;
    }
    return held == cronos_reuse_member_count(reuse) && cronos_scan_unreadable(scan)->len == 0;
}
