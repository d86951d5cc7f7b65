/* SPDX-License-Identifier: MIT
 * zip-remains-search.c - from one signature to the next */
#include "core/zip/zip-remains-search.h"

#include "core/error.h"
#include "core/zip/sozip.h"
#include "core/zip/zip-io.h"

#define SIGNATURE_BYTES 4u
/* So much may be decoded in vain, beside so many times the file's size. */
#define ALLOWANCE_BYTES ((guint64)64 << 20)
#define ALLOWANCE_FACTOR 4u
/* Longer headers than this count as work. */
#define HEADER_BYTES_FREE 1024u

void cronos_zip_search_charge(CronosZipSearch *search, guint64 start, guint64 bytes)
{
    guint64 again = search->tried > start ? MIN(search->tried - start, bytes) : 0;

    search->gave_up |= again > search->allowance;
    search->allowance -= MIN(again, search->allowance);
    search->tried = MAX(search->tried, start + bytes);
}

static gboolean has_suffix(const CronosZipHeader *header)
{
    const gsize length = strlen(SOZIP_NAME_SUFFIX);

    return header->name_length > length &&
           memcmp(header->name + header->name_length - length, SOZIP_NAME_SUFFIX, length) == 0;
}

static gboolean is_index_of_last(const CronosZipSearch *search, const CronosZipHeader *header)
{
    gsize length;
    g_autofree char *wanted =
        cronos_sozip_index_name(search->last_name->str, search->last_name->len, &length);

    return length == header->name_length && memcmp(wanted, header->name, length) == 0;
}

/* Whether the bytes are those of an index, be its member there or not. */
static gboolean looks_like_index(const CronosZipSearch *search, const CronosZipLocal *local)
{
    guint8 index[SOZIP_HEADER_SIZE];

    if (!cronos_zip_pread_exactly(search->fd, index, sizeof index, local->data_offset, NULL))
        return FALSE;
    guint32 chunk_size = zip_get32(index + SOZIP_CHUNK_SIZE);
    guint32 width = zip_get32(index + SOZIP_OFFSET_SIZE);
    guint64 size = zip_get64(index + SOZIP_UNCOMPRESS_SIZE);
    guint64 skip = zip_get32(index + SOZIP_SKIP_BYTES);
    if (zip_get32(index + SOZIP_VERSION) != 1 || chunk_size == 0 || size == 0 ||
        (width != 4 && width != 8))
        return FALSE;
    return local->extent.size_bytes ==
           SOZIP_HEADER_SIZE + skip + (cronos_sozip_chunk_count(size, chunk_size) - 1) * width;
}

static gboolean is_hidden(const CronosZipSearch *search, const CronosZipLocal *local)
{
    return local->extent.method == ZIP_METHOD_STORED && has_suffix(&local->header) &&
           (is_index_of_last(search, &local->header) || looks_like_index(search, local));
}

static gboolean add_member(CronosZipSearch *search, const CronosZipLocal *local,
                           CronosZipCentral *guide, gboolean hidden, CronosZipVerdict *verdict,
                           GError **error)
{
    CronosZipRemain member = {
        .extent = verdict->extent,
        .central = guide != NULL ? guide->at : CRONOS_ZIP_NOWHERE,
        .header_bytes = (guint32)(local->data_offset - local->extent.header_offset),
        .name_hash = cronos_zip_name_hash(&local->header),
        .hidden = hidden,
        .reason = verdict->reason,
    };

    member.central_hash = guide != NULL ? guide->name_hash : member.name_hash;
    member.two_names = member.central_hash != member.name_hash;

    if (guide != NULL)
        guide->taken = TRUE;
    g_array_append_val(search->members, member);
    g_string_truncate(search->last_name, 0);
    g_string_append_len(search->last_name, (const char *)local->header.name,
                        (gssize)local->header.name_length);
    if (search->members->len <= CRONOS_ZIP_REMAINS_MAX)
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                "the archive has more than %u members", CRONOS_ZIP_REMAINS_MAX);
    return FALSE;
}

static void note_place(CronosZipSearch *search, guint64 at)
{
    search->gap |= search->ended || at != search->covered;
}

/* Where the directory holds, it tells what the header at @local belongs to, and where the next one
 * begins. Returns: FALSE where it is within a member. */
static gboolean consult_directory(const CronosZipSearch *search, const CronosZipLocal *local,
                                  CronosZipCentral **out_guide, guint64 *out_next)
{
    *out_guide = NULL;
    *out_next = CRONOS_ZIP_NOWHERE;
    if (!search->has_directory)
        return TRUE;
    *out_guide = cronos_zip_centrals_at(search->centrals, &local->extent,
                                        cronos_zip_name_hash(&local->header));
    gboolean within =
        cronos_zip_centrals_cover(search->centrals, local->extent.header_offset, out_next);
    return *out_guide != NULL || !within;
}

/* Looks at the local header at @io_at, if it is one, and moves on. */
static gboolean take_local(CronosZipSearch *search, guint64 *io_at, GError **error)
{
    g_auto(CronosZipLocal) local = {.bytes = NULL};
    CronosZipVerdict verdict = {.reason = NULL};
    CronosZipCentral *guide;
    guint64 at = *io_at, next;

    *io_at = at + SIGNATURE_BYTES;
    gboolean holds = cronos_zip_local_read(search->fd, at, search->limit, &local, NULL);
    if (local.data_offset > at + HEADER_BYTES_FREE)
        cronos_zip_search_charge(search, at, local.data_offset - at);
    if (!holds)
        return TRUE;
    if (!consult_directory(search, &local, &guide, &next))
        return TRUE;
    gboolean hidden = guide == NULL && is_hidden(search, &local);
    if (!cronos_zip_search_judge(search, &local, guide, next, &verdict, error))
        return FALSE;
    note_place(search, at);
    if (verdict.firm)
        search->covered = verdict.end;
    *io_at = verdict.end;
    return add_member(search, &local, guide, hidden, &verdict, error);
}

static void take_central(CronosZipSearch *search, guint64 *io_at)
{
    gboolean added = FALSE;
    gsize length = search->has_directory ? 0
                                         : cronos_zip_centrals_add(search->centrals, *io_at,
                                                                   search->limit, 0, &added);

    if (added && !search->ended) {
        note_place(search, *io_at);
        search->ended = TRUE;
    }
    *io_at += length > 0 ? length : SIGNATURE_BYTES;
}

static gboolean is_asked_to_stop(const CronosZipSearch *search, GError **error)
{
    return search->func != NULL && !search->func(NULL, 0, search->user_data, error);
}

static gboolean run(CronosZipSearch *search, GError **error)
{
    guint64 at = 0;
    guint32 signature;

    while (at < search->limit && !search->gave_up) {
        if (is_asked_to_stop(search, error))
            return FALSE;
        if (!cronos_zip_finder_next(search->finder, &at, search->limit, &signature))
            continue;
        if (signature == ZIP_CENTRAL_SIGNATURE)
            take_central(search, &at);
        else if (!take_local(search, &at, error))
            return FALSE;
        if (search->centrals->headers->len <= CRONOS_ZIP_REMAINS_MAX)
            continue;
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                    "the archive has more than %u central headers", CRONOS_ZIP_REMAINS_MAX);
        return FALSE;
    }
    return TRUE;
}

gboolean cronos_zip_search(CronosZipSearch *search, GError **error)
{
    search->finder = cronos_zip_finder_new(search->fd);
    search->measurer = cronos_zip_measurer_new(search->fd, search->func, search->user_data);
    search->last_name = g_string_new(NULL);
    search->allowance = ALLOWANCE_BYTES + ALLOWANCE_FACTOR * MIN(search->limit, G_MAXINT64 / 8);
    gboolean ok = run(search, error);
    search->continuous = search->ended && !search->gap;
    g_clear_pointer(&search->finder, cronos_zip_finder_free);
    g_clear_pointer(&search->measurer, cronos_zip_measurer_free);
    g_string_free(search->last_name, TRUE);
    search->last_name = NULL;
    return ok;
}
