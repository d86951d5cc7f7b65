/* SPDX-License-Identifier: MIT
 * verify-members.c - every member of one archive, by several threads
 *
 * Three passes: structure (headers alone), overlaps (one walk over the sorted positions), bytes.
 * Bytes of members that overlap others are not decoded: such archives are made to keep a reader
 * busy for ever. */
#include "core/error.h"
#include "core/member-bytes.h"
#include "core/parallel.h"
#include "core/verify-private.h"

#include <errno.h>

#define RUN_LENGTH 32

typedef struct {
    guint64 position, end; /* end 0: no bytes of its own */
    guint32 entry;
    gboolean unsound;
} Item;

typedef struct {
    CronosArchive *archive;
    GArray *items; /* of Item, by position */
    CronosTally *tally;
    pthread_mutex_t lock;
    GArray *findings; /* of CronosFinding, under lock */
} Check;

typedef struct {
    Check *check;
    void *buffer;
} Worker;

static void clear_finding(gpointer data)
{
    g_free(((CronosFinding *)data)->reason);
}

static void find(Check *check, Item *item, gboolean unsupported, const char *reason)
{
    CronosFinding finding = {item->entry, item->position, unsupported, g_strdup(reason)};

    item->unsound = TRUE;
    pthread_mutex_lock(&check->lock);
    g_array_append_val(check->findings, finding);
    pthread_mutex_unlock(&check->lock);
}

static int compare_items(const void *a, const void *b)
{
    const Item *first = a;
    const Item *second = b;

    if (first->position != second->position)
        return first->position < second->position ? -1 : 1;
    return first->entry < second->entry ? -1 : first->entry > second->entry;
}

static int compare_findings(const void *a, const void *b)
{
    const CronosFinding *first = a;
    const CronosFinding *second = b;

    if (first->position != second->position)
        return first->position < second->position ? -1 : 1;
    return first->entry < second->entry ? -1 : first->entry > second->entry;
}

void cronos_verify_totals(CronosArchive *archive, guint64 *out_members, guint64 *out_bytes)
{
    guint32 count = cronos_archive_count(archive);
    CronosMemberInfo info;

    *out_members = *out_bytes = 0;
    for (guint32 entry = 1; entry < count; entry++) {
        if (!cronos_archive_info(archive, entry, &info, NULL)) {
            ++*out_members;
        } else if (!info.implied) {
            ++*out_members;
            if (__builtin_add_overflow(*out_bytes, info.size_bytes, out_bytes))
                *out_bytes = G_MAXUINT64;
        }
    }
}

static void list_items(Check *check)
{
    guint32 count = cronos_archive_count(check->archive);

    for (guint32 entry = 1; entry < count; entry++) {
        g_autoptr(GError) error = NULL;
        CronosMemberInfo info = {0};
        Item item = {.position = cronos_archive_position(check->archive, entry), .entry = entry};

        if (!cronos_archive_info(check->archive, entry, &info, &error))
            find(check, &item, FALSE, error->message);
        else if (info.implied)
            continue;
        g_array_append_val(check->items, item);
    }
    g_array_sort(check->items, compare_items);
}

static gpointer worker_new(gpointer shared)
{
    Worker *worker = g_new0(Worker, 1);

    worker->check = shared;
    worker->buffer = g_malloc(CRONOS_PIECE_BYTES);
    return worker;
}

static void worker_free(gpointer data)
{
    Worker *worker = data;

    g_free(worker->buffer);
    g_free(worker);
}

/* Takes what is wrong with one member as a finding; only a wish to stop is an error. */
static gboolean settle(Check *check, Item *item, GError *failure, GError **error)
{
    if (g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_CANCELLED)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    find(check, item, g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED),
         failure->message);
    g_error_free(failure);
    return TRUE;
}

static gboolean check_structure(gpointer data, gsize index, GError **error)
{
    Check *check = ((Worker *)data)->check;
    Item *item = &g_array_index(check->items, Item, index);
    GError *failure = NULL;

    if (!cronos_tally_check(check->tally, error))
        return FALSE;
    item->end = cronos_archive_end_position(check->archive, item->entry);
    if (item->unsound || cronos_archive_check_structure(check->archive, item->entry, &failure))
        return TRUE;
    return settle(check, item, failure, error);
}

static void check_overlaps(Check *check)
{
    guint64 end = 0;
    guint32 owner = CRONOS_ENTRY_NONE;

    for (guint i = 0; i < check->items->len; i++) {
        Item *item = &g_array_index(check->items, Item, i);

        if (item->end == 0)
            continue;
        if (item->position < end) {
            g_autofree char *path = cronos_archive_path(check->archive, owner);
            g_autofree char *quoted = cronos_quote_path(path);
            g_autofree char *reason = g_strdup_printf("its bytes overlap those of %s", quoted);
            if (!item->unsound)
                find(check, item, FALSE, reason);
        }
        if (item->end > end) {
            end = item->end;
            owner = item->entry;
        }
    }
}

static gboolean ignore_piece(const guint8 *piece, gsize length, guint64 offset, gpointer user_data,
                             GError **error)
{
    return TRUE;
}

static gboolean check_bytes(gpointer data, gsize index, GError **error)
{
    Worker *worker = data;
    Check *check = worker->check;
    Item *item = &g_array_index(check->items, Item, index);
    g_autofree char *path = cronos_tally_listens(check->tally)
                                ? cronos_archive_path(check->archive, item->entry)
                                : NULL;
    CronosMemberInfo info;
    GError *failure = NULL;
    gboolean sound = item->unsound || cronos_archive_is_directory(check->archive, item->entry);

    if (!cronos_tally_check(check->tally, error))
        return FALSE;
    if (!sound)
        sound = cronos_archive_info(check->archive, item->entry, &info, &failure) &&
                cronos_member_bytes(check->archive, item->entry, info.size_bytes, worker->buffer,
                                    check->tally, ignore_piece, NULL, &failure);
    cronos_tally_add(check->tally, 0, 1, path);
    return sound || settle(check, item, failure, error);
}

GArray *cronos_verify_members(CronosArchive *archive, guint threads, CronosTally *tally,
                              GError **error)
{
    CronosParallel parallel = {
        .threads = threads,
        .run_length = RUN_LENGTH,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .work = check_structure,
    };
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Item));
    g_autoptr(GArray) findings = g_array_new(FALSE, FALSE, sizeof(CronosFinding));
    Check check = {archive, items, tally, PTHREAD_MUTEX_INITIALIZER, findings};

    g_array_set_clear_func(findings, clear_finding);
    list_items(&check);
    gboolean done = cronos_parallel_for(&parallel, items->len, &check, error);
    if (done) {
        check_overlaps(&check);
        parallel.work = check_bytes;
        done = cronos_parallel_for(&parallel, items->len, &check, error);
    }
    pthread_mutex_destroy(&check.lock);
    if (!done)
        return NULL;
    g_array_sort(findings, compare_findings);
    return g_steal_pointer(&findings);
}
