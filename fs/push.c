/* SPDX-License-Identifier: MIT
 * push.c - small files, handed to the kernel before it asks for them
 *
 * A run is one process going through one folder: the entry it read last, and how far the pushing
 * went. Files that were pushed are not heard of again; one of each window is left out, so that the
 * READ of it tells that the process is still there, while there is enough to keep it busy.
 *
 * A walk through many folders need not prove itself in each: what one folder showed is credit for
 * some more. */
#include "fs/push.h"

#include "fs/node.h"
#include "fs/options.h"

#include <pthread.h>

/* Processes and folders that are told apart; a depth-first walk needs one for each level. */
#define RUNS 32u
/* Files read one after another before anything is pushed. */
#define LENGTH_LEAST 2u
#define WINDOW_FIRST 8u
#define WINDOW_MAX 64u
#define WINDOW_BYTES (2u << 20)
/* The part of a window that is pushed before the answer. */
#define FIRST_PART 4u
#define CREDITS 8u
/* Entries looked over for one file to push. */
#define GAP_MAX 256u

struct CronosPushRun {
    pid_t reader;
    guint32 slot, folder;
    guint32 last;     /* entry of the last READ */
    guint32 next;     /* the first entry that was neither read nor pushed */
    guint32 awaited;  /* left out of the window: its READ is to come; CRONOS_ENTRY_NONE: none */
    guint length;     /* files read one after another */
    guint window;     /* files to push next time */
    guint credits;    /* folders to be taken for read through before one shows it */
    guint64 used;     /* for replacement */
    gboolean pushing; /* a thread is at it: the run is not replaced */
    gboolean stop;    /* the reader is elsewhere */
};

struct CronosPush {
    struct fuse_session *session;
    pthread_mutex_t lock; /* the fields below */
    pthread_cond_t idle;  /* pushers became 0 */
    CronosPushRun runs[RUNS];
    guint64 clock;
    guint pushers, pushers_max;
    gboolean halted;
};

CronosPush *cronos_push_new(struct fuse_session *session, guint threads)
{
    CronosPush *push = g_new0(CronosPush, 1);

    push->session = session;
    push->pushers_max = threads < 3 ? 0 : MIN(threads - 2, g_get_num_processors());
    pthread_mutex_init(&push->lock, NULL);
    pthread_cond_init(&push->idle, NULL);
    return push;
}

void cronos_push_free(CronosPush *push)
{
    if (push == NULL)
        return;
    pthread_cond_destroy(&push->idle);
    pthread_mutex_destroy(&push->lock);
    g_free(push);
}

void cronos_push_halt(CronosPush *push)
{
    pthread_mutex_lock(&push->lock);
    push->halted = TRUE;
    while (push->pushers > 0)
        pthread_cond_wait(&push->idle, &push->lock);
    pthread_mutex_unlock(&push->lock);
}

/* Caller holds the lock. What the reader was at elsewhere ends. Returns: its run in the folder, new
 * where @out_known is FALSE; or NULL. */
static CronosPushRun *find_run(CronosPush *push, const CronosPushRun *key, gboolean *out_known)
{
    CronosPushRun *found = NULL, *oldest = NULL, *before = NULL;

    for (guint i = 0; i < RUNS; i++) {
        CronosPushRun *run = &push->runs[i];

        if (run->reader == key->reader) {
            if (run->slot == key->slot && run->folder == key->folder)
                found = run;
            else
                run->stop = TRUE;
            if (before == NULL || run->used > before->used)
                before = run;
        }
        if (!run->pushing && (oldest == NULL || run->used < oldest->used))
            oldest = run;
    }
    *out_known = found != NULL;
    if (found != NULL || oldest == NULL)
        return found;
    guint credits = before != NULL ? before->credits : 0;
    *oldest = *key;
    oldest->credits = credits > 0 ? credits - 1 : 0;
    oldest->length = credits > 0 ? LENGTH_LEAST : 1;
    return oldest;
}

/* Returns: whether @entry is a file that one who reads all files would read. */
static gboolean is_readable_file(const CronosArchive *archive, guint32 entry, guint64 *out_size)
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
        if (is_readable_file(archive, entry, &size))
            return FALSE;
    return TRUE;
}

/* Caller holds the lock. */
static void advance(CronosPushRun *run, const CronosArchive *archive, guint32 entry)
{
    gboolean goes_on = entry == run->awaited || (run->pushing && entry > run->last) ||
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

/* Notes the READ. Returns: (borrowed) the run that the caller is to push, or NULL. */
static CronosPushRun *note(CronosPush *push, const CronosTarget *target, pid_t reader)
{
    CronosPushRun key = {.reader = reader,
                         .slot = cronos_slot_number(target->slot),
                         .folder = cronos_archive_parent(target->archive, target->entry),
                         .next = target->entry + 1,
                         .window = WINDOW_FIRST};
    gboolean known, due = FALSE;

    pthread_mutex_lock(&push->lock);
    CronosPushRun *run = find_run(push, &key, &known);
    if (run != NULL) {
        if (known)
            advance(run, target->archive, target->entry);
        run->last = target->entry;
        run->awaited = CRONOS_ENTRY_NONE;
        run->used = ++push->clock;
        due = run->length >= LENGTH_LEAST && !run->pushing && !push->halted &&
              push->pushers < push->pushers_max;
        run->pushing |= due;
        push->pushers += due;
    }
    pthread_mutex_unlock(&push->lock);
    return due ? run : NULL;
}

/* Takes the reader into account, who may be further than the pushing. Returns: FALSE when there is
 * no point in going on. */
static gboolean catch_up(CronosPushing *pushing)
{
    CronosPush *push = pushing->push;
    CronosPushRun *run = pushing->run;

    pthread_mutex_lock(&push->lock);
    gboolean stop = push->halted || run->stop;
    if (!stop)
        run->next = pushing->entry = MAX(pushing->entry, run->last + 1);
    pthread_mutex_unlock(&push->lock);
    return !stop && pushing->entry < pushing->end;
}

/* Stores @size bytes of the member, from @offset on, that were decoded into the buffer. */
static gboolean store(const CronosPushing *pushing, guint32 entry, guint64 offset, gsize size)
{
    guint64 node = cronos_node(cronos_slot_number(pushing->target->slot), entry);
    struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);

    data.buf[0].mem = pushing->buffer;
    return fuse_lowlevel_notify_store(pushing->push->session, node, (off_t)offset, &data, 0) == 0;
}

static gboolean push_member(const CronosPushing *pushing, guint32 entry, guint64 offset, gsize size)
{
    const CronosTarget *target = pushing->target;
    g_autoptr(CronosArchive) unchanged = cronos_slot_open_data(target->slot, NULL);

    return unchanged == target->archive && !cronos_slot_is_retired(target->slot) &&
           cronos_archive_read(target->archive, entry, offset, pushing->buffer, size, NULL) ==
               (gssize)size &&
           store(pushing, entry, offset, size);
}

/* Returns: FALSE when there is no point in going on. */
static gboolean push_next(CronosPushing *pushing)
{
    guint64 size;

    if (!catch_up(pushing))
        return FALSE;
    guint32 entry = pushing->entry++;
    if (!is_readable_file(pushing->target->archive, entry, &size) ||
        size > CRONOS_PUSH_BUFFER_BYTES)
        return TRUE;
    if (pushing->bytes + size > WINDOW_BYTES)
        return FALSE;
    pushing->bytes += size;
    pushing->files++;
    if (pushing->files == pushing->files_max / 2) {
        pushing->awaited = entry;
        return TRUE;
    }
    return push_member(pushing, entry, 0, (gsize)size);
}

static void push_files(CronosPushing *pushing, guint files)
{
    guint32 limit = pushing->entry + GAP_MAX;

    while (pushing->files < files && pushing->entry < limit)
        if (!push_next(pushing)) {
            pushing->files = pushing->files_max;
            return;
        }
}

void cronos_push_begin(CronosPush *push, const CronosTarget *target, pid_t reader, gsize got,
                       void *buffer, CronosPushing *out_pushing)
{
    guint32 first, count;
    guint64 size;

    *out_pushing = (CronosPushing){.push = push,
                                   .run = note(push, target, reader),
                                   .target = target,
                                   .buffer = buffer,
                                   .entry = target->entry + 1,
                                   .awaited = CRONOS_ENTRY_NONE};
    if (out_pushing->run == NULL)
        return;
    cronos_archive_children(target->archive, out_pushing->run->folder, &first, &count);
    out_pushing->end = first + count;
    out_pushing->files_max = out_pushing->run->window;
    if (is_readable_file(target->archive, target->entry, &size) && size > got &&
        size <= CRONOS_PUSH_BUFFER_BYTES)
        push_member(out_pushing, target->entry, got, (gsize)(size - got));
    push_files(out_pushing, out_pushing->files_max / FIRST_PART);
}

void cronos_push_end(CronosPushing *pushing)
{
    CronosPush *push = pushing->push;
    CronosPushRun *run = pushing->run;

    if (run == NULL)
        return;
    push_files(pushing, pushing->files_max);
    pthread_mutex_lock(&push->lock);
    run->pushing = FALSE;
    run->window = MIN(run->window * 2, WINDOW_MAX);
    if (pushing->awaited != CRONOS_ENTRY_NONE && pushing->awaited > run->last)
        run->awaited = pushing->awaited;
    push->pushers--;
    if (push->pushers == 0)
        pthread_cond_broadcast(&push->idle);
    pthread_mutex_unlock(&push->lock);
}
