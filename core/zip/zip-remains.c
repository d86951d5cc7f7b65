/* SPDX-License-Identifier: MIT
 * zip-remains.c - the search for local headers, and what they come to when it is over */
#include "core/zip/zip-remains.h"

#include "core/error.h"
#include "core/zip/zip-remains-private.h"
#include "core/zip/zip-remains-search.h"

#include <errno.h>
#include <sys/stat.h>

struct CronosZipRemains {
    int fd;
    guint64 file_bytes;
    GArray *members;       /* of CronosZipRemain */
    GStringChunk *reasons; /* why they are lost: few, and many times the same */
    CronosZipEnd end;
    gboolean has_directory; /* .end and all it leads to holds */
    gboolean has_end;       /* .end says how many members there are */
    gboolean gave_up;
    gboolean continuous; /* up to the central directory, member follows member */
};

void cronos_zip_remains_free(CronosZipRemains *remains)
{
    if (remains == NULL)
        return;
    g_array_unref(remains->members);
    g_string_chunk_free(remains->reasons);
    cronos_zip_end_clear(&remains->end);
    g_free(remains);
}

static CronosZipRemain *member_at(const CronosZipRemains *remains, guint32 number)
{
    return &g_array_index(remains->members, CronosZipRemain, number);
}

guint32 cronos_zip_remains_count(const CronosZipRemains *remains)
{
    return remains->members->len;
}

const CronosZipRemain *cronos_zip_remains_get(const CronosZipRemains *remains, guint32 number)
{
    return member_at(remains, number);
}

/* First those whose offset is right, since others may look the same. */
static void match(CronosZipRemains *remains, const CronosZipCentrals *centrals)
{
    for (int pass = 0; pass < 2; pass++) {
        for (guint32 i = 0; i < remains->members->len; i++) {
            CronosZipRemain *member = member_at(remains, i);

            if (member->central != CRONOS_ZIP_NOWHERE)
                continue;
            CronosZipCentral *central =
                pass == 0 ? cronos_zip_centrals_at(centrals, &member->extent, member->name_hash)
                          : cronos_zip_centrals_like(centrals, member);
            if (central == NULL || central->taken)
                continue;
            central->taken = TRUE;
            member->central = central->at;
            member->central_hash = central->name_hash;
            member->two_names = member->central_hash != member->name_hash;
        }
    }
}

/* Whether @member is one at all: a directory that holds tells what is not. */
static gboolean is_member(const CronosZipRemains *remains, const CronosZipCentrals *centrals,
                          const CronosZipRemain *member)
{
    if (member->central != CRONOS_ZIP_NOWHERE)
        return TRUE;
    if (member->hidden)
        return FALSE;
    return !remains->has_directory ||
           (member->reason == NULL && !cronos_zip_centrals_know(centrals, member->name_hash));
}

static void drop_others(CronosZipRemains *remains, const CronosZipCentrals *centrals)
{
    guint32 kept = 0;

    for (guint32 i = 0; i < remains->members->len; i++) {
        const CronosZipRemain *member = member_at(remains, i);

        if (is_member(remains, centrals, member))
            *member_at(remains, kept++) = *member;
    }
    g_array_set_size(remains->members, kept);
}

static void add_unmatched(CronosZipRemains *remains, const CronosZipCentrals *centrals)
{
    for (guint32 i = 0; i < centrals->headers->len; i++) {
        const CronosZipCentral *central = &g_array_index(centrals->headers, CronosZipCentral, i);
        CronosZipRemain member = {
            .extent = {.header_offset = central->header_offset, .size_bytes = central->size_bytes},
            .central = central->at,
            .reason = "its local header is missing, damaged, or within another member",
        };

        if (!central->taken)
            g_array_append_val(remains->members, member);
    }
}

static int compare_offsets(gconstpointer a, gconstpointer b)
{
    const CronosZipRemain *left = a, *right = b;

    if (left->extent.header_offset != right->extent.header_offset)
        return left->extent.header_offset < right->extent.header_offset ? -1 : 1;
    return left->central < right->central ? -1 : left->central > right->central;
}

static int compare_hashes(gconstpointer a, gconstpointer b)
{
    guint32 left = *(const guint32 *)a, right = *(const guint32 *)b;

    return left < right ? -1 : left > right;
}

/* Of two headers, the one that bears another member's name is the damaged one: any other's two
 * agree. Where neither does, there is no telling: then it is the name that was always shown. */
static void choose_names(CronosZipRemains *remains)
{
    g_autoptr(GArray) hashes = g_array_new(FALSE, FALSE, sizeof(guint32));
    gboolean any = FALSE;

    for (guint32 i = 0; i < remains->members->len && !any; i++)
        any = member_at(remains, i)->two_names;
    if (!any)
        return;
    for (guint32 i = 0; i < remains->members->len; i++)
        if (!member_at(remains, i)->two_names && member_at(remains, i)->header_bytes > 0)
            g_array_append_val(hashes, member_at(remains, i)->name_hash);
    g_array_sort(hashes, compare_hashes);
    for (guint32 i = 0; i < remains->members->len; i++) {
        CronosZipRemain *member = member_at(remains, i);

        member->by_local = member->two_names && g_array_binary_search(hashes, &member->central_hash,
                                                                      compare_hashes, NULL);
    }
}

/* Whether there may be members of another archive behind the end record. */
static gboolean is_followed(const CronosZipRemains *remains)
{
    g_autoptr(CronosZipFinder) finder = cronos_zip_finder_new(remains->fd);
    guint64 at = remains->file_bytes - remains->end.trailing_bytes;
    guint32 signature;

    while (at < remains->file_bytes)
        if (cronos_zip_finder_next(finder, &at, remains->file_bytes, &signature))
            return TRUE;
    return FALSE;
}

static gboolean open_end(CronosZipRemains *remains, CronosZipCentrals *centrals, GError **error)
{
    GError *failure = NULL;

    if (cronos_zip_end_find(remains->fd, remains->file_bytes, &remains->end, &failure)) {
        remains->has_directory =
            !is_followed(remains) && cronos_zip_centrals_add_directory(centrals, &remains->end);
        cronos_zip_centrals_sort(centrals);
        if (!remains->has_directory)
            cronos_zip_end_clear(&remains->end);
        return TRUE;
    }
    gboolean system = failure->domain == CRONOS_SYSTEM_ERROR && failure->code != EIO;
    if (system)
        g_propagate_error(error, failure);
    else
        g_error_free(failure);
    return !system;
}

/* An end record that lies within a member is that of another archive. */
static void glimpse_end(CronosZipRemains *remains, guint64 covered)
{
    CronosZipEnd *end = &remains->end;

    if (!cronos_zip_end_glimpse(remains->fd, remains->file_bytes, end))
        return;
    remains->has_end = remains->file_bytes - ZIP_END_SIZE - end->comment_length >= covered;
    if (!remains->has_end)
        cronos_zip_end_clear(end);
}

static gboolean find(CronosZipRemains *remains, CronosZipCentrals *centrals,
                     CronosZipStoredFunc func, gpointer user_data, GError **error)
{
    if (!open_end(remains, centrals, error))
        return FALSE;
    CronosZipSearch search = {
        .fd = remains->fd,
        .limit = remains->has_directory ? remains->end.directory_offset : remains->file_bytes,
        .has_directory = remains->has_directory,
        .members = remains->members,
        .reasons = remains->reasons,
        .centrals = centrals,
        .func = func,
        .user_data = user_data,
    };
    if (!cronos_zip_search(&search, error))
        return FALSE;
    remains->gave_up = search.gave_up;
    remains->continuous = search.continuous;
    if (!remains->has_directory) {
        glimpse_end(remains, search.covered);
        cronos_zip_centrals_sort(centrals);
    }
    match(remains, centrals);
    drop_others(remains, centrals);
    add_unmatched(remains, centrals);
    g_array_sort(remains->members, compare_offsets);
    choose_names(remains);
    return TRUE;
}

CronosZipRemains *cronos_zip_remains_find(int fd, CronosZipStoredFunc func, gpointer user_data,
                                          GError **error)
{
    g_autoptr(CronosZipRemains) remains = g_new0(CronosZipRemains, 1);
    CronosZipCentrals centrals;
    struct stat st;

    remains->fd = fd;
    remains->members = g_array_new(FALSE, FALSE, sizeof(CronosZipRemain));
    remains->reasons = g_string_chunk_new(0);
    if (fstat(fd, &st) != 0) {
        cronos_error_set_system(error, errno, "reading the file's size");
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED, "not a regular file");
        return NULL;
    }
    remains->file_bytes = (guint64)st.st_size;
    cronos_zip_centrals_init(&centrals, fd, remains->file_bytes);
    gboolean found = find(remains, &centrals, func, user_data, error);
    cronos_zip_centrals_clear(&centrals);
    return found ? g_steal_pointer(&remains) : NULL;
}

static gboolean read_local(const CronosZipRemains *remains, const CronosZipRemain *member,
                           CronosZipHeader *out_header, guint8 **out_bytes, GError **error)
{
    CronosZipLocal local;

    if (!cronos_zip_local_read(remains->fd, member->extent.header_offset, remains->file_bytes,
                               &local, error))
        return FALSE;
    *out_header = local.header;
    *out_bytes = local.bytes;
    return TRUE;
}

/* Gives @header, whose name and what follows it are in @io_bytes, the name of the local one. */
static gboolean rename_header(const CronosZipRemains *remains, const CronosZipRemain *member,
                              CronosZipHeader *header, guint8 **io_bytes, GError **error)
{
    gsize rest = header->extra_length + header->comment_length;
    g_autofree guint8 *bytes = NULL;
    CronosZipHeader local;

    if (!read_local(remains, member, &local, &bytes, error))
        return FALSE;
    guint8 *joined = g_malloc(local.name_length + rest);
    memcpy(joined, local.name, local.name_length);
    memcpy(joined + local.name_length, header->name + header->name_length, rest);
    g_free(*io_bytes);
    header->name = *io_bytes = joined;
    header->name_length = local.name_length;
    return TRUE;
}

gboolean cronos_zip_remains_header(const CronosZipRemains *remains, guint32 number, gboolean local,
                                   CronosZipHeader *out_header, guint8 **out_bytes, GError **error)
{
    const CronosZipRemain *member = member_at(remains, number);
    g_autofree guint8 *bytes = NULL;

    *out_bytes = NULL;
    if (local || member->central == CRONOS_ZIP_NOWHERE)
        return read_local(remains, member, out_header, out_bytes, error);
    if (!cronos_zip_central_read(remains->fd, member->central, remains->file_bytes, out_header,
                                 &bytes, error) ||
        (member->by_local && !rename_header(remains, member, out_header, &bytes, error)))
        return FALSE;
    *out_bytes = g_steal_pointer(&bytes);
    return TRUE;
}

char *cronos_zip_remains_other_name(const CronosZipRemains *remains, guint32 number)
{
    const CronosZipRemain *member = member_at(remains, number);
    g_autofree guint8 *bytes = NULL;
    CronosZipHeader header;
    gboolean read = member->by_local
                        ? cronos_zip_central_read(remains->fd, member->central, remains->file_bytes,
                                                  &header, &bytes, NULL)
                        : read_local(remains, member, &header, &bytes, NULL);

    return g_strndup(read ? (const char *)header.name : "", read ? header.name_length : 0);
}

gboolean cronos_zip_remains_has_directory(const CronosZipRemains *remains)
{
    return remains->has_directory;
}

gboolean cronos_zip_remains_count_missing(const CronosZipRemains *remains, guint64 *out_missing)
{
    guint64 count = remains->members->len;

    *out_missing = 0;
    if (remains->gave_up)
        return FALSE;
    if (remains->has_directory)
        return TRUE;
    if (remains->has_end && count < remains->end.members)
        *out_missing = remains->end.members - count;
    return remains->has_end || remains->continuous;
}

gboolean cronos_zip_remains_gave_up(const CronosZipRemains *remains)
{
    return remains->gave_up;
}

const char *cronos_zip_remains_comment(const CronosZipRemains *remains, gsize *out_length)
{
    *out_length = remains->end.comment_length;
    return remains->end.comment_length > 0 ? remains->end.comment : NULL;
}
