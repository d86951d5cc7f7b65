/* SPDX-License-Identifier: MIT
 * push.c - small files, handed to the kernel before it asks for them
 *
 * Files that were pushed are not heard of again; one of each window is left out, so that the READ
 * of it tells that the process is still there, while there is enough to keep it busy. */
#include "fs/push.h"

#include "fs/node.h"
#include "fs/options.h"

#define WINDOW_BYTES (2u << 20)
/* Files pushed before the answer: what the reader has to do while the others follow. */
#define FILES_AT_ONCE 4u
/* Entries looked over. */
#define ENTRIES_MAX 512u
/* Files between two looks at whether the archive is still what it was. */
#define CHECK_EVERY 16u

struct CronosPush {
    struct fuse_session *session;
    CronosPushRuns *runs;
};

CronosPush *cronos_push_new(struct fuse_session *session, guint threads)
{
    CronosPush *push = g_new0(CronosPush, 1);

    push->session = session;
    push->runs = cronos_push_runs_new(threads < 3 ? 0 : MIN(threads - 2, g_get_num_processors()));
    return push;
}

void cronos_push_free(CronosPush *push)
{
    if (push == NULL)
        return;
    cronos_push_runs_free(push->runs);
    g_free(push);
}

void cronos_push_halt(CronosPush *push)
{
    cronos_push_runs_halt(push->runs);
}

/* Stores @size bytes of the member, from @offset on, that were decoded into the buffer. */
static gboolean store(const CronosPushing *pushing, guint32 entry, guint64 offset, gsize size)
{
    guint64 node = cronos_node(cronos_slot_number(pushing->target->slot), entry);
    struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);

    data.buf[0].mem = pushing->buffer;
    return fuse_lowlevel_notify_store(pushing->push->session, node, (off_t)offset, &data, 0) == 0;
}

/* What is checked at every READ. */
static gboolean is_unchanged(const CronosPushing *pushing)
{
    const CronosTarget *target = pushing->target;
    g_autoptr(CronosArchive) unchanged = cronos_slot_open_data(target->slot, NULL);

    return unchanged == target->archive;
}

static gboolean push_member(const CronosPushing *pushing, guint32 entry, guint64 offset, gsize size)
{
    const CronosTarget *target = pushing->target;

    return !cronos_slot_is_retired(target->slot) &&
           cronos_archive_read(target->archive, entry, offset, pushing->buffer, size, NULL) ==
               (gssize)size &&
           store(pushing, entry, offset, size);
}

/* Returns: FALSE when there is no point in going on. */
static gboolean push_next(CronosPushing *pushing)
{
    guint32 entry;
    guint64 size;

    if (pushing->entries == ENTRIES_MAX ||
        !cronos_push_runs_claim(pushing->push->runs, pushing->run, pushing->end, &entry))
        return FALSE;
    pushing->entries++;
    if (!cronos_push_is_readable_file(pushing->target->archive, entry, &size) ||
        size > CRONOS_PUSH_BUFFER_BYTES)
        return TRUE;
    if (pushing->bytes + size > WINDOW_BYTES)
        return FALSE;
    pushing->bytes += size;
    if (++pushing->files % CHECK_EVERY == 0 && !is_unchanged(pushing))
        return FALSE;
    if (pushing->files == pushing->files_max / 2 && !pushing->helps) {
        pushing->awaited = entry;
        return TRUE;
    }
    return push_member(pushing, entry, 0, (gsize)size);
}

static void push_files(CronosPushing *pushing, guint files)
{
    while (pushing->files < files)
        if (!push_next(pushing)) {
            pushing->files = pushing->files_max;
            return;
        }
}

/* @run: NULL: nothing to push. */
static void begin(CronosPush *push, CronosPushRun *run, const CronosTarget *target, void *buffer,
                  CronosPushing *out_pushing)
{
    guint32 first, count;

    *out_pushing = (CronosPushing){
        .push = push, .run = run, .target = target, .buffer = buffer, .awaited = CRONOS_ENTRY_NONE};
    if (run == NULL)
        return;
    cronos_archive_children(target->archive, cronos_push_run_folder(run), &first, &count);
    out_pushing->end = first + count;
    out_pushing->files_max = cronos_push_runs_window(push->runs, run);
}

void cronos_push_begin(CronosPush *push, const CronosTarget *target, pid_t reader, gsize got,
                       void *buffer, CronosPushing *out_pushing)
{
    gboolean helps = FALSE;
    guint64 size;

    begin(push, cronos_push_runs_note_read(push->runs, target, reader, &helps), target, buffer,
          out_pushing);
    if (out_pushing->run == NULL)
        return;
    if (cronos_push_is_readable_file(target->archive, target->entry, &size) && size > got &&
        size <= CRONOS_PUSH_BUFFER_BYTES)
        push_member(out_pushing, target->entry, got, (gsize)(size - got));
    out_pushing->helps = helps;
    if (!helps)
        push_files(out_pushing, FILES_AT_ONCE);
}

void cronos_push_begin_listed(CronosPush *push, const CronosTarget *folder, pid_t reader,
                              void *buffer, CronosPushing *out_pushing)
{
    begin(push, cronos_push_runs_note_listed(push->runs, folder, reader), folder, buffer,
          out_pushing);
    if (out_pushing->run != NULL && is_unchanged(out_pushing))
        push_files(out_pushing, FILES_AT_ONCE);
}

void cronos_push_end(CronosPushing *pushing)
{
    if (pushing->run == NULL)
        return;
    push_files(pushing, pushing->files_max);
    cronos_push_runs_end(pushing->push->runs, pushing->run, pushing->awaited);
}
