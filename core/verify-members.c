/* SPDX-License-Identifier: MIT
 * verify-members.c - every member of one archive, by several threads
 *
 * Three passes: structure (headers alone), overlaps (one walk over the sorted positions), bytes:
 * all of them, or a sample. Bytes of members that overlap others are not decoded: such archives are
 * made to keep a reader busy for ever. */
#include "core/error.h"
#include "core/member-chunks.h"
#include "core/parallel.h"
#include "core/verify-private.h"

#include <math.h>
#include <string.h>

#define RUN_LENGTH 32
#define INDEXED_NAME_BYTES (G_MAXUINT16 - 64u)

typedef struct {
    guint64 position, end; /* end 0: no bytes of its own */
    guint32 entry;
    gboolean unsound, left_out; /* left_out: not in the sample */
} Item;

typedef struct {
    CronosArchive *archive;
    GArray *items; /* of Item, by position */
    CronosTally *tally;
    pthread_mutex_t lock;
    GArray *findings;           /* of CronosFinding, under lock */
    CronosVerifyCounts checked; /* under lock */
    guint threads;
    gboolean ours; /* a backup as it was made: large members have a seek index */
    gint sharing;  /* atomic: a large member is being decoded by several threads */
} Check;

typedef struct {
    Check *check;
    CronosPieceRoom room;
} Worker;

static void clear_finding(gpointer data)
{
    CronosFinding *finding = data;

    g_free(finding->path);
    g_free(finding->reason);
}

static void add_finding(Check *check, CronosFinding *finding)
{
    pthread_mutex_lock(&check->lock);
    g_array_append_vals(check->findings, finding, 1);
    pthread_mutex_unlock(&check->lock);
}

static void find(Check *check, Item *item, gboolean unsupported, const char *reason)
{
    CronosFinding finding = {.entry = item->entry,
                             .position = item->position,
                             .unsupported = unsupported,
                             .reason = g_strdup(reason)};

    item->unsound = TRUE;
    add_finding(check, &finding);
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
    return worker;
}

static void worker_free(gpointer data)
{
    Worker *worker = data;

    cronos_piece_room_clear(&worker->room);
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
    if (item->unsound ||
        cronos_archive_check_structure(check->archive, item->entry, check->ours, &failure))
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

/* Decodes a member that has an index by it, a large one by several threads: but one at a time,
 * since the other threads have members of their own. */
static gboolean decode_chunks(Check *check, guint32 entry, guint64 size_bytes,
                              gboolean *out_decoded, GError **error)
{
    gboolean shares = size_bytes >= CRONOS_SHARED_MEMBER_BYTES &&
                      g_atomic_int_compare_and_exchange(&check->sharing, FALSE, TRUE);
    gboolean sound = cronos_member_chunks(check->archive, entry, shares ? check->threads : 1,
                                          check->tally, ignore_piece, NULL, out_decoded, error);

    if (shares)
        g_atomic_int_set(&check->sharing, FALSE);
    return sound;
}

static void find_index(Check *check, const Item *item, const char *reason)
{
    CronosFinding finding = {
        .entry = item->entry,
        .position = item->position,
        .index_only = TRUE,
        .reason = g_strconcat(reason, " (the member itself is whole)", NULL),
    };

    add_finding(check, &finding);
}

/* What is wrong by the index may be the index's fault alone: then it is the finding. */
static gboolean decode_without_index(Worker *worker, const Item *item, guint64 size_bytes,
                                     GError *failure, GError **error)
{
    Check *check = worker->check;
    CronosProgress quiet;
    CronosTally tally;

    if (!g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_DAMAGED)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    cronos_tally_init_quiet(&tally, &quiet, check->tally);
    gboolean whole = cronos_member_bytes(check->archive, item->entry, size_bytes, &worker->room,
                                         &tally, ignore_piece, NULL, error);
    cronos_tally_clear(&tally);
    if (whole)
        find_index(check, item, failure->message);
    g_error_free(failure);
    return whole;
}

/* A name that is too long for one more component has none. */
static gboolean lacks_index(Check *check, guint32 entry, const CronosMemberInfo *info)
{
    if (!check->ours || info->kind != CRONOS_MEMBER_FILE ||
        info->size_bytes <= CRONOS_PIECE_BYTES || info->stored_bytes >= info->size_bytes)
        return FALSE;
    g_autofree char *path = cronos_archive_path(check->archive, entry);
    return strlen(path) < INDEXED_NAME_BYTES;
}

static gboolean decode_file(Worker *worker, const Item *item, const CronosMemberInfo *info,
                            GError **error)
{
    Check *check = worker->check;
    gboolean decoded = FALSE;
    GError *failure = NULL;

    if (info->size_bytes > CRONOS_PIECE_BYTES &&
        !decode_chunks(check, item->entry, info->size_bytes, &decoded, &failure))
        return decode_without_index(worker, item, info->size_bytes, failure, error);
    if (decoded)
        return TRUE;
    if (!cronos_member_bytes(check->archive, item->entry, info->size_bytes, &worker->room,
                             check->tally, ignore_piece, NULL, error))
        return FALSE;
    if (lacks_index(check, item->entry, info))
        find_index(check, item, "its seek index is missing");
    return TRUE;
}

/* A folder is whole when its header is. */
static gboolean decode_item(Worker *worker, const Item *item, GError **error)
{
    Check *check = worker->check;
    CronosMemberInfo info = {0};

    if (!cronos_archive_is_directory(check->archive, item->entry) &&
        (!cronos_archive_info(check->archive, item->entry, &info, error) ||
         !decode_file(worker, item, &info, error)))
        return FALSE;
    pthread_mutex_lock(&check->lock);
    check->checked.members++;
    check->checked.bytes += info.size_bytes;
    pthread_mutex_unlock(&check->lock);
    return TRUE;
}

static gboolean check_bytes(gpointer data, gsize index, GError **error)
{
    Worker *worker = data;
    Check *check = worker->check;
    Item *item = &g_array_index(check->items, Item, index);
    GError *failure = NULL;

    if (!cronos_tally_check(check->tally, error))
        return FALSE;
    if (item->left_out)
        return TRUE;
    g_autofree char *path = cronos_tally_listens(check->tally)
                                ? cronos_archive_path(check->archive, item->entry)
                                : NULL;
    gboolean sound = item->unsound || decode_item(worker, item, &failure);
    cronos_tally_add(check->tally, 0, 1, path);
    return sound || settle(check, item, failure, error);
}

static guint count_files(const Check *check)
{
    guint files = 0;

    for (guint i = 0; i < check->items->len; i++)
        files += !cronos_archive_is_directory(check->archive,
                                              g_array_index(check->items, Item, i).entry);
    return files;
}

/* Leaves out all but so many files, each of them as likely as any other. Only now is it known what
 * the work will come to. */
static void choose_sample(Check *check, double percent, guint32 seed)
{
    g_autoptr(GRand) random = seed != 0 ? g_rand_new_with_seed(seed) : g_rand_new();
    guint remaining = count_files(check);
    guint needed = (guint)CLAMP(ceil(remaining * percent / 100), 1, remaining);
    CronosMemberInfo info;

    for (guint i = 0; i < check->items->len; i++) {
        Item *item = &g_array_index(check->items, Item, i);

        if (!cronos_archive_is_directory(check->archive, item->entry)) {
            item->left_out = g_rand_double(random) * remaining-- >= needed;
            needed -= !item->left_out;
        }
        if (!item->left_out && cronos_archive_info(check->archive, item->entry, &info, NULL))
            cronos_tally_expect(check->tally, info.size_bytes, 1);
    }
}

static gboolean run_passes(Check *check, const CronosVerifyOptions *options, GError **error)
{
    CronosParallel parallel = {
        .threads = cronos_archive_threads(check->archive, options->threads),
        .run_length = RUN_LENGTH,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .work = check_structure,
    };

    list_items(check);
    check->ours = cronos_verify_whole(check->archive, check->items->len, check->findings);
    if (!cronos_parallel_for(&parallel, check->items->len, check, error))
        return FALSE;
    check_overlaps(check);
    if (options->sample_percent > 0)
        choose_sample(check, options->sample_percent, options->sample_seed);
    parallel.work = check_bytes;
    return cronos_parallel_for(&parallel, check->items->len, check, error);
}

GArray *cronos_verify_chosen(CronosArchive *archive, const CronosVerifyOptions *options,
                             CronosTally *tally, CronosVerifyCounts *out_checked, GError **error)
{
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Item));
    g_autoptr(GArray) findings = g_array_new(FALSE, FALSE, sizeof(CronosFinding));
    Check check = {
        .archive = archive,
        .items = items,
        .tally = tally,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .findings = findings,
        .threads = options->threads,
    };

    g_array_set_clear_func(findings, clear_finding);
    gboolean done = run_passes(&check, options, error);
    pthread_mutex_destroy(&check.lock);
    if (!done)
        return NULL;
    if (out_checked != NULL)
        *out_checked = check.checked;
    g_array_sort(findings, compare_findings);
    return g_steal_pointer(&findings);
}

GArray *cronos_verify_members(CronosArchive *archive, guint threads, CronosTally *tally,
                              GError **error)
{
    const CronosVerifyOptions all = {.threads = threads};

    return cronos_verify_chosen(archive, &all, tally, NULL, error);
}
