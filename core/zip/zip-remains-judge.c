/* SPDX-License-Identifier: MIT
 * zip-remains-judge.c - does a local header tell the truth?
 *
 * Cheap evidence first: sizes behind which another header begins are believed, and so are those
 * that the central header confirms; whether the bytes between are right will show when they are
 * copied. Otherwise the bytes are decoded here. */
#include "core/zip/zip-remains-search.h"

#include "core/error.h"
#include "core/zip/zip-reader.h"

#define SIGNATURE_BYTES 4u
/* What it costs at least to try. */
#define TRIAL_BYTES 4096u

/* One local header on trial. */
typedef struct {
    CronosZipSearch *search;
    const CronosZipLocal *local;
    const CronosZipCentral *guide;
    guint64 limit; /* where its bytes end at the latest */
    guint64 next;
    CronosZipVerdict *verdict;
} Trial;

static gboolean hold(Trial *trial, guint64 end)
{
    trial->verdict->end = end;
    trial->verdict->firm = TRUE;
    return TRUE;
}

static gboolean lose(Trial *trial, const char *reason)
{
    trial->verdict->reason = g_string_chunk_insert_const(trial->search->reasons, reason);
    return TRUE;
}

/* Where nothing says that another member begins before, all up to the limit is this one's. */
static gboolean lose_cut(Trial *trial)
{
    if (trial->guide == NULL)
        hold(trial, trial->limit);
    return lose(trial, trial->limit == trial->search->limit
                           ? "the file ends before the member does"
                           : "another member begins before it ends");
}

static guint64 room(const Trial *trial)
{
    return trial->limit - trial->local->data_offset;
}

static gboolean ends_well(const Trial *trial, guint64 stored_bytes)
{
    return stored_bytes <= room(trial) &&
           cronos_zip_finder_begins(trial->search->finder,
                                    trial->local->data_offset + stored_bytes);
}

static gboolean agrees(const CronosZipCentral *guide, const CronosZipExtent *extent)
{
    return guide != NULL && guide->crc32 == extent->crc32 &&
           guide->size_bytes == extent->size_bytes && guide->stored_bytes == extent->stored_bytes;
}

/* Takes what was measured for the member's sizes. */
static void take_measure(Trial *trial, const CronosZipMeasure *measure)
{
    CronosZipExtent *extent = &trial->verdict->extent;

    extent->stored_bytes = measure->stored_bytes;
    extent->size_bytes = measure->size_bytes;
    extent->crc32 = measure->crc32;
}

/* What is wrong with the bytes is no error, and left in @why; all else ends the search. */
static gboolean settle(Trial *trial, const CronosZipMeasure *found, GError **why, GError **error)
{
    cronos_zip_search_charge(trial->search, trial->local->data_offset,
                             MAX(found->stored_bytes, TRIAL_BYTES));
    if (*why == NULL || g_error_matches(*why, CRONOS_ERROR, CRONOS_ERROR_DAMAGED) ||
        (*why)->domain == CRONOS_SYSTEM_ERROR)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(why));
    return FALSE;
}

static gboolean measure(Trial *trial, guint64 stored_max, CronosZipMeasure *out_measure,
                        gboolean *out_cut, GError **out_why, GError **error)
{
    const CronosZipLocal *local = trial->local;

    (void)cronos_zip_measurer_run(trial->search->measurer, local->data_offset, stored_max,
                                  local->extent.method, out_measure, out_cut, out_why);
    return settle(trial, out_measure, out_why, error);
}

static gboolean is_checksum(const Trial *trial, guint32 crc32)
{
    return crc32 == trial->local->extent.crc32 ||
           (trial->guide != NULL && crc32 == trial->guide->crc32);
}

/* A deflate stream has an end of its own: only the checksum must be right. */
static gboolean judge_deflated(Trial *trial, gboolean described, GError **error)
{
    CronosZipMeasure found;
    g_autoptr(GError) why = NULL;
    gboolean cut;

    if (!measure(trial, room(trial), &found, &cut, &why, error))
        return FALSE;
    if (why != NULL && cut && (described || trial->local->extent.stored_bytes > room(trial)))
        return lose_cut(trial);
    if (why != NULL)
        return lose(trial, why->message);
    guint64 end = trial->local->data_offset + found.stored_bytes;
    gsize descriptor = described ? cronos_zip_descriptor_length(trial->search->fd, end, &found) : 0;
    if (described ? descriptor > 0 : is_checksum(trial, found.crc32)) {
        take_measure(trial, &found);
        return hold(trial, end + descriptor);
    }
    if (cronos_zip_finder_begins(trial->search->finder, end))
        hold(trial, end);
    return lose(trial, described ? "its data descriptor does not agree with its bytes"
                                 : "checksum mismatch");
}

/* @stored_bytes: what one of the headers says. */
static gboolean try_stored(Trial *trial, guint64 stored_bytes, gboolean *out_held, GError **error)
{
    CronosZipMeasure found;
    g_autoptr(GError) why = NULL;
    gboolean cut;

    *out_held = FALSE;
    if (stored_bytes > room(trial))
        return TRUE;
    if (!measure(trial, stored_bytes, &found, &cut, &why, error))
        return FALSE;
    *out_held = why == NULL && is_checksum(trial, found.crc32);
    if (*out_held) {
        take_measure(trial, &found);
        hold(trial, trial->local->data_offset + stored_bytes);
    }
    return TRUE;
}

/* Tries all that the headers say, if that may be; each is tried once. */
static gboolean judge_stored(Trial *trial, GError **error)
{
    const CronosZipExtent *extent = &trial->local->extent;
    const CronosZipCentral *guide = trial->guide;
    guint64 sizes[] = {extent->stored_bytes, extent->size_bytes,
                       guide != NULL ? guide->stored_bytes : extent->stored_bytes};
    gboolean held = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(sizes) && !held; i++) {
        if ((i > 0 && sizes[i] == sizes[0]) || (i > 1 && sizes[i] == sizes[1]))
            continue;
        if (!try_stored(trial, sizes[i], &held, error))
            return FALSE;
    }
    if (held)
        return TRUE;
    return MIN(sizes[0], sizes[1]) > room(trial) ? lose_cut(trial)
                                                 : lose(trial, "checksum mismatch");
}

static gboolean judge_described_stored(Trial *trial, GError **error)
{
    CronosZipSearch *search = trial->search;
    guint64 start = trial->local->data_offset;
    CronosZipMeasure found;
    g_autoptr(GError) why = NULL;

    (void)cronos_zip_measurer_run_to_descriptor(search->measurer, start, room(trial), &found, &why);
    if (!settle(trial, &found, &why, error))
        return FALSE;
    if (why != NULL)
        return lose(trial, why->message);
    take_measure(trial, &found);
    start += found.stored_bytes;
    return hold(trial, start + cronos_zip_descriptor_length(search->fd, start, &found));
}

static gboolean is_nothing(const CronosZipExtent *extent)
{
    return extent->stored_bytes == 0 && extent->size_bytes == 0 && extent->crc32 == 0;
}

/* Where a header's own length is wrong, its bytes seem to reach into the next member. */
static gboolean is_believed(const Trial *trial)
{
    const CronosZipExtent *extent = &trial->verdict->extent;
    guint64 start = trial->local->data_offset;

    if (extent->stored_bytes > room(trial) ||
        (extent->method == ZIP_METHOD_STORED && extent->stored_bytes != extent->size_bytes &&
         (extent->flags & ZIP_FLAG_ENCRYPTED) == 0))
        return FALSE;
    if (trial->guide != NULL)
        return agrees(trial->guide, extent) && start + extent->stored_bytes <= trial->next;
    return ends_well(trial, extent->stored_bytes);
}

/* Bytes that are not decoded here: their end must be believed. */
static void judge_foreign(Trial *trial, gboolean known, const char *reason)
{
    if (known && is_believed(trial))
        hold(trial, trial->local->data_offset + trial->verdict->extent.stored_bytes);
    lose(trial, reason);
}

/* Sizes that stand in a data descriptor are those of the central header, where there is one. */
static void take_described(Trial *trial)
{
    CronosZipExtent *extent = &trial->verdict->extent;
    const CronosZipCentral *guide = trial->guide;

    extent->stored_bytes = guide != NULL ? guide->stored_bytes : 0;
    extent->size_bytes = guide != NULL ? guide->size_bytes : 0;
    extent->crc32 = guide != NULL ? guide->crc32 : 0;
}

gboolean cronos_zip_search_judge(CronosZipSearch *search, const CronosZipLocal *local,
                                 const CronosZipCentral *guide, guint64 next,
                                 CronosZipVerdict *out_verdict, GError **error)
{
    Trial trial = {
        .search = search,
        .local = local,
        .guide = guide,
        .limit = guide != NULL ? search->limit : MIN(search->limit, next),
        .next = next,
        .verdict = out_verdict,
    };
    gboolean described = (local->extent.flags & ZIP_FLAG_DESCRIPTOR) != 0;
    g_autoptr(GError) unreadable = NULL;

    *out_verdict = (CronosZipVerdict){
        .extent = local->extent,
        .end = local->extent.header_offset + SIGNATURE_BYTES,
    };
    if (local->data_offset > trial.limit)
        return lose_cut(&trial);
    if (described)
        take_described(&trial);
    gboolean known = !described || guide != NULL;
    if (!cronos_zip_check_readable(&out_verdict->extent, &unreadable) &&
        !g_error_matches(unreadable, CRONOS_ERROR, CRONOS_ERROR_DAMAGED)) {
        judge_foreign(&trial, known, unreadable->message);
        return TRUE;
    }
    if (known && is_believed(&trial))
        return hold(&trial, local->data_offset + out_verdict->extent.stored_bytes);
    if (known && is_nothing(&out_verdict->extent))
        return TRUE;
    if (local->extent.method == ZIP_METHOD_DEFLATED)
        return judge_deflated(&trial, described, error);
    return described ? judge_described_stored(&trial, error) : judge_stored(&trial, error);
}
