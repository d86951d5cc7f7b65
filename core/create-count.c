/* SPDX-License-Identifier: MIT
 * create-count.c - walking the tree for what is in it */
#include "core/create-run.h"

#include <string.h>

CronosScan *create_run_scan(const CreateRun *run, GError **error)
{
    return cronos_scan_open(&run->scan, error);
}

gboolean create_count(CronosScan *scan, GCancellable *cancellable, gint *stop, GPtrArray *matches,
                      CronosCreateResult *out_counts)
{
    const CronosScanItem *item;

    while ((item = cronos_scan_next(scan)) != NULL) {
        gboolean is_file = item->info.kind == CRONOS_MEMBER_FILE;

        if ((stop != NULL && g_atomic_int_get(stop)) || g_cancellable_is_cancelled(cancellable))
            return FALSE;
        create_matches_note(matches, item);
        out_counts->files += is_file;
        out_counts->directories += item->info.kind == CRONOS_MEMBER_DIRECTORY;
        out_counts->symlinks += item->info.kind == CRONOS_MEMBER_SYMLINK;
        out_counts->bytes += is_file ? item->info.size_bytes : 0;
    }
    return TRUE;
}

static int compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void create_sort_problems(GPtrArray *problems)
{
    g_ptr_array_sort(problems, compare_strings);
}

void create_run_collect(CreateRun *run, CronosScan *scan)
{
    const GPtrArray *unreadable = cronos_scan_unreadable(scan);
    const GPtrArray *excluded = cronos_scan_excluded_paths(scan);

    run->result->skipped = cronos_scan_skipped(scan);
    run->result->excluded = cronos_scan_excluded(scan);
    for (guint i = 0; i < excluded->len; i++)
        g_ptr_array_add(run->result->excluded_paths, g_strdup(excluded->pdata[i]));
    run->result->mounts = cronos_scan_mounts(scan);
    for (guint i = 0; unreadable != NULL && i < unreadable->len; i++)
        g_ptr_array_add(run->result->unreadable, g_strdup(unreadable->pdata[i]));
    create_sort_problems(run->result->unreadable);
}

static gpointer estimate_main(gpointer data)
{
    CreateEstimate *estimate = data;
    CronosCreateResult counts = {0};

    if (create_count(estimate->scan, estimate->run->cancellable, &estimate->stop, NULL, &counts))
        cronos_tally_expect(&estimate->run->tally, counts.bytes,
                            counts.files + counts.directories + counts.symlinks);
    return NULL;
}

void create_estimate_start(CreateEstimate *estimate, CreateRun *run)
{
    *estimate = (CreateEstimate){.run = run};
    if (!cronos_tally_listens(&run->tally))
        return;
    estimate->scan = create_run_scan(run, NULL);
    if (estimate->scan != NULL)
        estimate->thread = g_thread_new("cronos-count", estimate_main, estimate);
}

void create_estimate_end(CreateEstimate *estimate)
{
    g_atomic_int_set(&estimate->stop, 1);
    if (estimate->thread != NULL)
        g_thread_join(estimate->thread);
    cronos_scan_free(estimate->scan);
}
