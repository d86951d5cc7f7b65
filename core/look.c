/* SPDX-License-Identifier: MIT
 * look.c - one look into each of many backups, by several threads */
#include "core/look.h"

#include "core/error.h"
#include "core/metadata.h"
#include "core/parallel.h"

#include <errno.h>

typedef struct {
    const CronosLook *look;
    guint first;
    GError **failures; /* one a backup; NULL: it could be read */
} Work;

typedef struct {
    const GPtrArray *entries;
    int directory_fd;
} Tails;

GPtrArray *cronos_look_choose(const CronosCatalog *catalog, gint64 since, gint64 until)
{
    const GPtrArray *entries = cronos_catalog_entries(catalog);
    GPtrArray *chosen = g_ptr_array_new();

    for (guint i = 0; i < entries->len; i++) {
        CronosBackup *backup = g_ptr_array_index(entries, i);

        if (!backup->foreign && backup->parsed.created >= since && backup->parsed.created <= until)
            g_ptr_array_add(chosen, backup);
    }
    return chosen;
}

static gboolean look_at_tail(gpointer worker, gsize index, GError **error)
{
    const Tails *tails = worker;
    CronosBackup *backup = g_ptr_array_index(tails->entries, index);
    g_autoptr(GError) failure = NULL;

    if (backup->foreign)
        return TRUE;
    g_autoptr(JsonObject) metadata =
        cronos_metadata_read(tails->directory_fd, backup->file_name, &failure);
    backup->damaged = g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_DAMAGED);
    return TRUE;
}

void cronos_look_at_tails(const CronosCatalog *catalog, int directory_fd)
{
    const CronosParallel parallel = {.threads = 1, .waits = TRUE, .work = look_at_tail};
    Tails tails = {cronos_catalog_entries(catalog), directory_fd};

    cronos_parallel_for(&parallel, tails.entries->len, &tails, NULL); /* which can not fail */
}

static gboolean look_into_one(gpointer worker, gsize index, GError **error)
{
    const Work *work = worker;
    const CronosLook *look = work->look;
    guint number = work->first + (guint)index;
    const CronosBackup *backup = g_ptr_array_index(look->backups, number);

    g_autoptr(CronosOutline) outline =
        cronos_outline_open(look->directory_fd, backup->file_name, &work->failures[index]);
    if (outline != NULL)
        look->func(outline, number, look->user_data, &work->failures[index]);
    return TRUE;
}

static void report(GError *failure, GPtrArray *damaged)
{
    if (!g_error_matches(failure, CRONOS_SYSTEM_ERROR, ENOENT))
        g_ptr_array_add(damaged, g_strdup(failure->message));
    g_error_free(failure);
}

void cronos_look_into(const CronosLook *look, guint first, guint end, GPtrArray *damaged)
{
    const CronosParallel parallel = {
        .threads = look->threads, .waits = TRUE, .work = look_into_one};
    g_autofree GError **failures = g_new0(GError *, end - first + 1);
    Work work = {look, first, failures};

    cronos_parallel_for(&parallel, end - first, &work, NULL); /* which can not fail */
    for (guint i = 0; i < end - first; i++)
        if (failures[i] != NULL)
            report(failures[i], damaged);
}
