/* SPDX-License-Identifier: MIT
 * differences.c - two trees gone through side by side
 *
 * Folders that only one side has are gone through as well, with nothing beside them. What only its
 * bytes can tell waits until the trees are through: then each archive is read from front to back,
 * which a compressed tar needs. */
#include "core/differences.h"

#include "core/differences-private.h"
#include "core/error.h"
#include "core/member-bytes.h"
#include "core/recorded-patterns.h"
#include "core/version.h"

#include <libdeflate.h>
#include <string.h>

/* One archive. */
typedef struct {
    CronosArchive *archive;
    guint32 metadata;
} Side;

/* A run of siblings on one side that are still to come. */
typedef struct {
    guint32 next, end;
} Run;

/* One folder, on the way down. */
typedef struct {
    Run before, after;
} Level;

/* A file that is on both sides, and of one size. */
typedef struct {
    guint difference; /* its place in the list, where it stands as changed until it is known */
    guint32 before, after;
    gboolean failed;
} Doubt;

typedef struct {
    Side before, after;
    CronosDifferences *result;
    GArray *levels; /* of Level */
    GArray *doubts; /* of Doubt */
    CronosTally tally;
    CronosPieceRoom room;
} Comparison;

static void difference_clear(gpointer data)
{
    CronosDifference *difference = data;

    g_free(difference->path);
}

CronosDifferences *cronos_differences_new(void)
{
    CronosDifferences *differences = g_new0(CronosDifferences, 1);

    differences->differences = g_array_new(FALSE, FALSE, sizeof(CronosDifference));
    g_array_set_clear_func(differences->differences, difference_clear);
    differences->unreadable = g_ptr_array_new_with_free_func(g_free);
    return differences;
}

void cronos_differences_free(CronosDifferences *differences)
{
    if (differences == NULL)
        return;
    g_array_unref(differences->differences);
    g_ptr_array_unref(differences->unreadable);
    g_free(differences);
}

CronosDifference *cronos_differences_add(CronosDifferences *differences, CronosDifferenceKind kind,
                                         char *path, const CronosMemberInfo *before,
                                         const CronosMemberInfo *after)
{
    CronosDifference difference = {
        .kind = kind, .path = path, .has_before = before != NULL, .has_after = after != NULL};

    if (before != NULL)
        difference.before = *before;
    if (after != NULL)
        difference.after = *after;
    g_array_append_val(differences->differences, difference);
    return &g_array_index(differences->differences, CronosDifference,
                          differences->differences->len - 1);
}

static Run children_of(const Side *side, guint32 entry)
{
    guint32 first, count;

    cronos_archive_children(side->archive, entry, &first, &count);
    return (Run){first, first + count};
}

/* Returns: whether the facts of @entry can be read; reports why not. */
static gboolean read_info(Comparison *comparison, const Side *side, guint32 entry,
                          CronosMemberInfo *out_info)
{
    g_autoptr(GError) error = NULL;

    if (cronos_archive_info(side->archive, entry, out_info, &error))
        return TRUE;
    g_autofree char *path = cronos_archive_path(side->archive, entry);
    g_ptr_array_add(comparison->result->unreadable, cronos_member_report(path, error->message));
    return FALSE;
}

static void take_lone(Comparison *comparison, const Side *side, guint32 entry)
{
    gboolean removed = side == &comparison->before;
    CronosMemberInfo info;

    if (!read_info(comparison, side, entry, &info))
        return;
    cronos_differences_add(
        comparison->result, removed ? CRONOS_DIFFERENCE_REMOVED : CRONOS_DIFFERENCE_ADDED,
        cronos_archive_path(side->archive, entry), removed ? &info : NULL, removed ? NULL : &info);
}

static gboolean is_in_doubt(const CronosMemberInfo *before, const CronosMemberInfo *after)
{
    return before->kind == after->kind && before->kind != CRONOS_MEMBER_DIRECTORY &&
           before->size_bytes == after->size_bytes && !(before->has_crc32 && after->has_crc32);
}

static void take_pair(Comparison *comparison, guint32 before, guint32 after)
{
    CronosMemberInfo was, is;

    if (!read_info(comparison, &comparison->before, before, &was) ||
        !read_info(comparison, &comparison->after, after, &is))
        return;
    gboolean doubt = is_in_doubt(&was, &is);
    if (!doubt && cronos_version_is_same(&was, &is))
        return;
    cronos_differences_add(comparison->result, CRONOS_DIFFERENCE_CHANGED,
                           cronos_archive_path(comparison->before.archive, before), &was, &is);
    if (doubt) {
        Doubt noted = {comparison->result->differences->len - 1, before, after, FALSE};

        g_array_append_val(comparison->doubts, noted);
    }
}

static void skip_metadata(const Side *side, Run *run)
{
    if (run->next < run->end && run->next == side->metadata)
        run->next++;
}

/* Returns: as memcmp, which side's next sibling comes first; a side that has none comes last. */
static int compare_next(const Comparison *comparison, const Level *level)
{
    gsize before_length, after_length;

    if (level->before.next == level->before.end)
        return 1;
    if (level->after.next == level->after.end)
        return -1;
    const char *before =
        cronos_archive_name(comparison->before.archive, level->before.next, &before_length);
    const char *after =
        cronos_archive_name(comparison->after.archive, level->after.next, &after_length);
    int order = memcmp(before, after, MIN(before_length, after_length));
    return order != 0 ? order : (before_length > after_length) - (before_length < after_length);
}

/* Takes the next sibling of the last level, and goes down into it. */
static void take_next(Comparison *comparison)
{
    Level *level = &g_array_index(comparison->levels, Level, comparison->levels->len - 1);
    int order = compare_next(comparison, level);
    Level below = {{0, 0}, {0, 0}};
    guint32 before = CRONOS_ENTRY_NONE, after = CRONOS_ENTRY_NONE;

    if (order <= 0) {
        before = level->before.next++;
        below.before = children_of(&comparison->before, before);
    }
    if (order >= 0) {
        after = level->after.next++;
        below.after = children_of(&comparison->after, after);
    }
    if (order < 0)
        take_lone(comparison, &comparison->before, before);
    else if (order > 0)
        take_lone(comparison, &comparison->after, after);
    else
        take_pair(comparison, before, after);
    g_array_append_val(comparison->levels, below);
}

static gboolean go_through(Comparison *comparison, GError **error)
{
    Level top = {children_of(&comparison->before, CRONOS_ENTRY_ROOT),
                 children_of(&comparison->after, CRONOS_ENTRY_ROOT)};

    g_array_append_val(comparison->levels, top);
    while (comparison->levels->len > 0) {
        Level *level = &g_array_index(comparison->levels, Level, comparison->levels->len - 1);

        if (!cronos_tally_check(&comparison->tally, error))
            return FALSE;
        skip_metadata(&comparison->before, &level->before);
        skip_metadata(&comparison->after, &level->after);
        if (level->before.next < level->before.end || level->after.next < level->after.end)
            take_next(comparison);
        else
            g_array_set_size(comparison->levels, comparison->levels->len - 1);
    }
    return TRUE;
}

static gboolean add_to_crc(const guint8 *piece, gsize length, guint64 offset, gpointer user_data,
                           GError **error)
{
    guint32 *crc32 = user_data;

    *crc32 = libdeflate_crc32(*crc32, piece, length);
    return TRUE;
}

/* Computes a checksum that the archive does not store. Returns: FALSE with @error CANCELLED. */
static gboolean compute_crc(Comparison *comparison, const Side *side, Doubt *doubt, guint32 entry,
                            CronosMemberInfo *info, GError **error)
{
    GError *failure = NULL;

    if (info->has_crc32 || doubt->failed)
        return TRUE;
    info->crc32 = libdeflate_crc32(0, NULL, 0);
    info->has_crc32 = cronos_member_bytes(side->archive, entry, info->size_bytes, &comparison->room,
                                          &comparison->tally, add_to_crc, &info->crc32, &failure);
    if (info->has_crc32)
        return TRUE;
    if (g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_CANCELLED)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    g_autofree char *path = cronos_archive_path(side->archive, entry);
    g_ptr_array_add(comparison->result->unreadable, cronos_member_report(path, failure->message));
    g_error_free(failure);
    doubt->failed = TRUE;
    return TRUE;
}

static int compare_positions(gconstpointer a, gconstpointer b, gpointer data)
{
    const Comparison *comparison = data;
    const Doubt *left = a, *right = b;
    guint64 left_at = cronos_archive_position(comparison->before.archive, left->before);
    guint64 right_at = cronos_archive_position(comparison->before.archive, right->before);

    if (left_at == right_at) {
        left_at = cronos_archive_position(comparison->after.archive, left->after);
        right_at = cronos_archive_position(comparison->after.archive, right->after);
    }
    return left_at < right_at ? -1 : left_at > right_at;
}

static int compare_positions_after(gconstpointer a, gconstpointer b, gpointer data)
{
    const Comparison *comparison = data;
    guint64 left = cronos_archive_position(comparison->after.archive, ((const Doubt *)a)->after);
    guint64 right = cronos_archive_position(comparison->after.archive, ((const Doubt *)b)->after);

    return left < right ? -1 : left > right;
}

static gboolean compute_all(Comparison *comparison, gboolean before, GError **error)
{
    const Side *side = before ? &comparison->before : &comparison->after;

    g_array_sort_with_data(comparison->doubts, before ? compare_positions : compare_positions_after,
                           comparison);
    for (guint i = 0; i < comparison->doubts->len; i++) {
        Doubt *doubt = &g_array_index(comparison->doubts, Doubt, i);
        CronosDifference *difference =
            &g_array_index(comparison->result->differences, CronosDifference, doubt->difference);

        if (!compute_crc(comparison, side, doubt, before ? doubt->before : doubt->after,
                         before ? &difference->before : &difference->after, error))
            return FALSE;
    }
    return TRUE;
}

/* Takes out what turned out to be the same, or can not be told. */
static void drop_settled(Comparison *comparison)
{
    GArray *differences = comparison->result->differences;
    g_autofree guint8 *settled = g_new0(guint8, differences->len + 1);
    guint kept = 0;

    for (guint i = 0; i < comparison->doubts->len; i++) {
        const Doubt *doubt = &g_array_index(comparison->doubts, Doubt, i);
        const CronosDifference *difference =
            &g_array_index(differences, CronosDifference, doubt->difference);

        settled[doubt->difference] =
            doubt->failed || cronos_version_is_same(&difference->before, &difference->after);
    }
    for (guint i = 0; i < differences->len; i++) {
        CronosDifference *from = &g_array_index(differences, CronosDifference, i);
        CronosDifference *to = &g_array_index(differences, CronosDifference, kept);

        if (settled[i])
            continue;
        CronosDifference moved = *to;
        *to = *from;
        *from = moved;
        kept++;
    }
    g_array_set_size(differences, kept);
}

static gboolean settle_doubts(Comparison *comparison, GError **error)
{
    for (guint i = 0; i < comparison->doubts->len; i++) {
        const Doubt *doubt = &g_array_index(comparison->doubts, Doubt, i);
        const CronosDifference *difference =
            &g_array_index(comparison->result->differences, CronosDifference, doubt->difference);
        guint sides = !difference->before.has_crc32 + !difference->after.has_crc32;

        cronos_tally_expect(&comparison->tally, difference->before.size_bytes * sides, sides);
    }
    if (!compute_all(comparison, TRUE, error) || !compute_all(comparison, FALSE, error))
        return FALSE;
    drop_settled(comparison);
    return TRUE;
}

CronosDifferences *cronos_differences_between(CronosArchive *before, CronosArchive *after,
                                              const CronosProgress *progress, GError **error)
{
    g_autoptr(CronosDifferences) result = cronos_differences_new();
    g_autoptr(GArray) levels = g_array_new(FALSE, FALSE, sizeof(Level));
    g_autoptr(GArray) doubts = g_array_new(FALSE, FALSE, sizeof(Doubt));
    Comparison comparison = {.before = {before, cronos_metadata_entry(before)},
                             .after = {after, cronos_metadata_entry(after)},
                             .result = result,
                             .levels = levels,
                             .doubts = doubts};

    cronos_tally_init(&comparison.tally, progress);
    gboolean done =
        go_through(&comparison, error) && (doubts->len == 0 || settle_doubts(&comparison, error));
    cronos_tally_clear(&comparison.tally);
    cronos_piece_room_clear(&comparison.room);
    return done ? g_steal_pointer(&result) : NULL;
}
