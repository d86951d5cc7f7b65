/* SPDX-License-Identifier: MIT
 * push-run.c - which processes read through which folders */
#include "fs/push-run.h"

#include <pthread.h>

/* Processes and folders that are told apart; a depth-first walk needs one for each level. */
#define RUNS 32u
/* Files read one after another before anything is pushed. */
#define LENGTH_LEAST 2u
#define WINDOW_FIRST 8u
#define WINDOW_MAX 64u
/* Threads that push one run: a second one where the reader is faster than the first. */
#define PUSHERS_MAX 2u
/* Folders to be taken for read through before one shows it. */
#define CREDITS 8u
/* Entries between two files that one read after the other. */
#define GAP_MAX 256u

struct CronosPushRun {
    pid_t reader;
    guint32 slot, folder;
    guint32 last;    /* entry of the last READ */
    guint32 next;    /* the first entry that was neither read nor pushed */
    guint32 awaited; /* left out of the window: its READ is to come; CRONOS_ENTRY_NONE: none */
    guint length;    /* files read one after another */
    guint window;    /* files to push next time */
    guint credits;   /* folders to be taken for read through before one shows it */
    guint64 used;    /* for replacement */
    guint pushers;   /* threads that are at it: the run is not replaced */
    gboolean stop;   /* the reader is elsewhere */
};

struct CronosPushRuns {
    pthread_mutex_t lock; /* the fields below */
    pthread_cond_t idle;  /* pushers became 0 */
    CronosPushRun runs[RUNS];
    guint64 clock;
    guint pushers, pushers_max;
    gboolean halted;
};

CronosPushRuns *cronos_push_runs_new(guint pushers_max)
{
    CronosPushRuns *runs = g_new0(CronosPushRuns, 1);

    runs->pushers_max = pushers_max;
    pthread_mutex_init(&runs->lock, NULL);
    pthread_cond_init(&runs->idle, NULL);
    return runs;
}

void cronos_push_runs_free(CronosPushRuns *runs)
{
    if (runs == NULL)
        return;
    pthread_cond_destroy(&runs->idle);
    pthread_mutex_destroy(&runs->lock);
    g_free(runs);
}

void cronos_push_runs_halt(CronosPushRuns *runs)
{
    pthread_mutex_lock(&runs->lock);
    runs->halted = TRUE;
    while (runs->pushers > 0)
        pthread_cond_wait(&runs->idle, &runs->lock);
    pthread_mutex_unlock(&runs->lock);
}

/* Caller holds the lock. What the reader was at elsewhere ends. Returns: its run in the folder, new
 * where @out_known is FALSE; or NULL. */
static CronosPushRun *find_run(CronosPushRuns *runs, const CronosPushRun *key, gboolean *out_known)
{
    CronosPushRun *found = NULL, *oldest = NULL, *before = NULL;

    for (guint i = 0; i < RUNS; i++) {
        CronosPushRun *run = &runs->runs[i];

        if (run->reader == key->reader) {
            if (run->slot == key->slot && run->folder == key->folder)
                found = run;
            else
                run->stop = TRUE;
            if (before == NULL || run->used > before->used)
                before = run;
        }
        if (run->pushers == 0 && (oldest == NULL || run->used < oldest->used))
            oldest = run;
    }
    *out_known = found != NULL;
    if (found != NULL || oldest == NULL)
        return found;
    guint credits = before != NULL ? before->credits : 0;
    *oldest = *key;
    oldest->credits = credits > 0 ? credits - 1 : 0;
    oldest->length = credits > 0 ? LENGTH_LEAST : 1;
    oldest->window = credits > 0 ? WINDOW_MAX : WINDOW_FIRST;
    return oldest;
}

gboolean cronos_push_is_readable_file(const CronosArchive *archive, guint32 entry,
                                      guint64 *out_size)
{
    CronosMemberInfo info;

    if (cronos_archive_is_directory(archive, entry) ||
        !cronos_archive_info(archive, entry, &info, NULL) || info.kind != CRONOS_MEMBER_FILE)
        return FALSE;
    *out_size = info.size_bytes;
    return info.size_bytes > 0;
}

/* Returns: whether nothing lies between @from and @to that the reader passed over. */
static gboolean is_next_file(const CronosArchive *archive, guint32 from, guint32 to)
{
    guint64 size;

    if (to < from || to - from > GAP_MAX)
        return FALSE;
    for (guint32 entry = from; entry < to; entry++)
        if (cronos_push_is_readable_file(archive, entry, &size))
            return FALSE;
    return TRUE;
}

/* Caller holds the lock. */
static void advance(CronosPushRun *run, const CronosArchive *archive, guint32 entry)
{
    gboolean goes_on = entry == run->awaited || (run->pushers > 0 && entry > run->last) ||
                       is_next_file(archive, run->next, entry);

    if (goes_on) {
        run->length++;
        run->credits = CREDITS;
        run->next = MAX(run->next, entry + 1);
    } else {
        run->length = 1;
        run->credits = 0;
        run->window = WINDOW_FIRST;
        run->next = entry + 1;
    }
    run->stop = !goes_on;
}

/* Caller holds the lock. Returns: whether the caller is to push. */
static gboolean begin_if_due(CronosPushRuns *runs, CronosPushRun *run, guint32 last)
{
    run->last = last;
    run->awaited = CRONOS_ENTRY_NONE;
    run->used = ++runs->clock;
    gboolean due = run->length >= LENGTH_LEAST && run->pushers < PUSHERS_MAX && !runs->halted &&
                   runs->pushers < runs->pushers_max;
    run->pushers += due;
    runs->pushers += due;
    return due;
}

/* Caller holds the lock. Returns: whether @reader has shown lately that it reads what it lists. */
static gboolean has_credits(const CronosPushRuns *runs, pid_t reader)
{
    const CronosPushRun *last = NULL;

    for (guint i = 0; i < RUNS; i++)
        if (runs->runs[i].reader == reader && (last == NULL || runs->runs[i].used > last->used))
            last = &runs->runs[i];
    return last != NULL && last->credits > 0;
}

CronosPushRun *cronos_push_runs_note_read(CronosPushRuns *runs, const CronosTarget *target,
                                          pid_t reader, gboolean *out_helps)
{
    CronosPushRun key = {.reader = reader,
                         .slot = cronos_slot_number(target->slot),
                         .folder = cronos_archive_parent(target->archive, target->entry),
                         .next = target->entry + 1};
    gboolean known, due = FALSE;

    pthread_mutex_lock(&runs->lock);
    CronosPushRun *run = find_run(runs, &key, &known);
    if (run != NULL) {
        if (known)
            advance(run, target->archive, target->entry);
        *out_helps = run->pushers > 0;
        due = begin_if_due(runs, run, target->entry);
    }
    pthread_mutex_unlock(&runs->lock);
    return due ? run : NULL;
}

/* A run begins only where the reader has shown lately that it reads what it lists, and is not known
 * in the folder. */
CronosPushRun *cronos_push_runs_note_listed(CronosPushRuns *runs, const CronosTarget *folder,
                                            pid_t reader)
{
    guint32 first, count;

    cronos_archive_children(folder->archive, folder->entry, &first, &count);
    if (count == 0)
        return NULL;
    CronosPushRun key = {.reader = reader,
                         .slot = cronos_slot_number(folder->slot),
                         .folder = folder->entry,
                         .next = first};
    CronosPushRun *begun = NULL;
    gboolean known;

    pthread_mutex_lock(&runs->lock);
    if (has_credits(runs, reader)) {
        CronosPushRun *run = find_run(runs, &key, &known);

        if (run != NULL && !known && begin_if_due(runs, run, first - 1))
            begun = run;
    }
    pthread_mutex_unlock(&runs->lock);
    return begun;
}

guint32 cronos_push_run_folder(const CronosPushRun *run)
{
    return run->folder;
}

guint cronos_push_runs_window(CronosPushRuns *runs, const CronosPushRun *run)
{
    pthread_mutex_lock(&runs->lock);
    guint window = run->window;
    pthread_mutex_unlock(&runs->lock);
    return window;
}

gboolean cronos_push_runs_claim(CronosPushRuns *runs, CronosPushRun *run, guint32 end,
                                guint32 *out_entry)
{
    pthread_mutex_lock(&runs->lock);
    *out_entry = MAX(run->next, run->last + 1);
    gboolean more = !runs->halted && !run->stop && *out_entry < end;
    if (more)
        run->next = *out_entry + 1;
    pthread_mutex_unlock(&runs->lock);
    return more;
}

void cronos_push_runs_end(CronosPushRuns *runs, CronosPushRun *run, guint32 awaited)
{
    pthread_mutex_lock(&runs->lock);
    run->pushers--;
    run->window = MIN(run->window * 2, WINDOW_MAX);
    if (awaited != CRONOS_ENTRY_NONE && awaited > run->last)
        run->awaited = awaited;
    runs->pushers--;
    if (runs->pushers == 0)
        pthread_cond_broadcast(&runs->idle);
    pthread_mutex_unlock(&runs->lock);
}
