/* SPDX-License-Identifier: MIT
 * progress-tally.c - counting for a progress callback, one call at a time */
#include "core/progress-tally.h"
#include "core/error.h"

void cronos_tally_init(CronosTally *tally, const CronosProgress *progress)
{
    *tally = (CronosTally){.progress = progress};
    pthread_mutex_init(&tally->lock, NULL);
}

void cronos_tally_init_quiet(CronosTally *tally, CronosProgress *quiet, const CronosTally *of)
{
    *quiet =
        (CronosProgress){.cancellable = of->progress == NULL ? NULL : of->progress->cancellable};
    cronos_tally_init(tally, quiet);
}

void cronos_tally_clear(CronosTally *tally)
{
    pthread_mutex_destroy(&tally->lock);
}

void cronos_tally_expect(CronosTally *tally, guint64 bytes, guint64 members)
{
    pthread_mutex_lock(&tally->lock);
    tally->state.bytes_total += bytes;
    tally->state.members_total += members;
    pthread_mutex_unlock(&tally->lock);
}

gboolean cronos_tally_listens(const CronosTally *tally)
{
    return tally->progress != NULL && tally->progress->callback != NULL;
}

void cronos_tally_add(CronosTally *tally, guint64 bytes, guint64 members, const char *current)
{
    if (!cronos_tally_listens(tally))
        return;
    pthread_mutex_lock(&tally->lock);
    tally->state.bytes_done += bytes;
    tally->state.members_done += members;
    tally->state.current = current;
    tally->progress->callback(&tally->state, tally->progress->user_data);
    tally->state.current = NULL;
    pthread_mutex_unlock(&tally->lock);
}

gboolean cronos_tally_check(const CronosTally *tally, GError **error)
{
    if (tally->progress == NULL || !g_cancellable_is_cancelled(tally->progress->cancellable))
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED, "cancelled");
    return FALSE;
}
