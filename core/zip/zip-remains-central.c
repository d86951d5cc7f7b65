/* SPDX-License-Identifier: MIT
 * zip-remains-central.c - central headers, by the offset they name and by the name they bear
 *
 * Many headers may be alike in an archive that is made for it: of such, no more than a few are
 * looked at. */
#include "core/zip/zip-remains-private.h"

#include "core/zip/zip-io.h"
#include "core/zip/zip-local.h"

#include <libdeflate.h>

#define DIGITAL_SIGNATURE 0x05054b50u /* 4.3.13, may end the directory */
#define ALIKE_MAX 64u

void cronos_zip_centrals_init(CronosZipCentrals *centrals, int fd, guint64 file_bytes)
{
    *centrals = (CronosZipCentrals){
        .fd = fd,
        .file_bytes = file_bytes,
        .headers = g_array_new(FALSE, FALSE, sizeof(CronosZipCentral)),
    };
}

void cronos_zip_centrals_clear(CronosZipCentrals *centrals)
{
    g_clear_pointer(&centrals->headers, g_array_unref);
    g_clear_pointer(&centrals->by_hash, g_free);
}

guint32 cronos_zip_name_hash(const CronosZipHeader *header)
{
    return libdeflate_crc32((guint32)header->name_length, header->name, header->name_length);
}

gsize cronos_zip_centrals_add(CronosZipCentrals *centrals, guint64 at, guint64 limit,
                              guint64 prefix_bytes, gboolean *out_added)
{
    g_autofree guint8 *bytes = NULL;
    CronosZipHeader header;
    CronosZipExtent extent;

    *out_added = FALSE;
    if (!cronos_zip_central_read(centrals->fd, at, limit, &header, &bytes, NULL))
        return 0;
    if (!cronos_zip_header_extent(&header, prefix_bytes, &extent, NULL))
        return cronos_zip_header_bytes(&header);
    CronosZipCentral central = {
        .at = at,
        .header_offset = extent.header_offset,
        .stored_bytes = extent.stored_bytes,
        .size_bytes = extent.size_bytes,
        .crc32 = extent.crc32,
        .name_hash = cronos_zip_name_hash(&header),
        .name_length = (guint16)header.name_length,
    };
    g_array_append_val(centrals->headers, central);
    *out_added = TRUE;
    return cronos_zip_header_bytes(&header);
}

static gboolean ends_with_directory(const CronosZipCentrals *centrals, guint64 at, guint64 end)
{
    guint8 signature[4];

    return at == end ||
           (end - at >= sizeof signature &&
            cronos_zip_pread_exactly(centrals->fd, signature, sizeof signature, at, NULL) &&
            zip_get32(signature) == DIGITAL_SIGNATURE);
}

gboolean cronos_zip_centrals_add_directory(CronosZipCentrals *centrals, const CronosZipEnd *end)
{
    guint64 limit = end->directory_offset + end->directory_bytes, at = end->directory_offset;
    guint64 members = 0;
    gboolean added = TRUE;

    while (at < limit && members < CRONOS_ZIP_REMAINS_MAX) {
        gsize length = cronos_zip_centrals_add(centrals, at, limit, end->prefix_bytes, &added);

        if (!added)
            break;
        at += length;
        members++;
    }
    if (ends_with_directory(centrals, at, limit) &&
        (end->members_exact ? members : members & 0xffff) == end->members)
        return TRUE;
    g_array_set_size(centrals->headers, 0);
    return FALSE;
}

static CronosZipCentral *header_at(const CronosZipCentrals *centrals, guint32 number)
{
    return &g_array_index(centrals->headers, CronosZipCentral, number);
}

static int compare_offsets(gconstpointer a, gconstpointer b)
{
    const CronosZipCentral *left = a, *right = b;

    if (left->header_offset != right->header_offset)
        return left->header_offset < right->header_offset ? -1 : 1;
    return left->at < right->at ? -1 : left->at > right->at;
}

static int compare_hashes(gconstpointer a, gconstpointer b, gpointer user_data)
{
    const CronosZipCentrals *centrals = user_data;
    guint32 left = *(const guint32 *)a, right = *(const guint32 *)b;
    guint32 left_hash = header_at(centrals, left)->name_hash;
    guint32 right_hash = header_at(centrals, right)->name_hash;

    if (left_hash != right_hash)
        return left_hash < right_hash ? -1 : 1;
    return left < right ? -1 : left > right;
}

void cronos_zip_centrals_sort(CronosZipCentrals *centrals)
{
    guint32 count = centrals->headers->len;
    guint64 reach = 0;

    g_array_sort(centrals->headers, compare_offsets);
    g_free(centrals->by_hash);
    centrals->by_hash = g_new(guint32, MAX(count, 1));
    for (guint32 i = 0; i < count; i++) {
        CronosZipCentral *central = header_at(centrals, i);
        guint64 end = central->header_offset + ZIP_LOCAL_SIZE + central->name_length;

        end = central->stored_bytes > G_MAXINT64 - MIN(end, G_MAXINT64)
                  ? G_MAXINT64
                  : end + central->stored_bytes;
        central->reach = reach = MAX(reach, end);
        centrals->by_hash[i] = i;
    }
    g_qsort_with_data(centrals->by_hash, (gint)count, sizeof *centrals->by_hash, compare_hashes,
                      centrals);
}

/* Returns: the first header whose offset is beyond @offset. */
static guint32 first_beyond(const CronosZipCentrals *centrals, guint64 offset)
{
    guint32 low = 0, high = centrals->headers->len;

    while (low < high) {
        guint32 middle = low + (high - low) / 2;

        if (header_at(centrals, middle)->header_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Returns: the first place in by_hash whose hash is beyond @name_hash. */
static guint32 first_hash_beyond(const CronosZipCentrals *centrals, guint32 name_hash)
{
    guint32 low = 0, high = centrals->headers->len;

    while (low < high) {
        guint32 middle = low + (high - low) / 2;

        if (header_at(centrals, centrals->by_hash[middle])->name_hash <= name_hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static gboolean same_content(const CronosZipCentral *central, const CronosZipExtent *extent)
{
    return central->crc32 == extent->crc32 && central->size_bytes == extent->size_bytes &&
           central->stored_bytes == extent->stored_bytes;
}

CronosZipCentral *cronos_zip_centrals_at(const CronosZipCentrals *centrals,
                                         const CronosZipExtent *extent, guint32 name_hash)
{
    guint32 end = first_beyond(centrals, extent->header_offset);
    CronosZipCentral *alike = NULL;

    for (guint32 i = end; i > 0 && end - i < ALIKE_MAX; i--) {
        CronosZipCentral *central = header_at(centrals, i - 1);

        if (central->header_offset != extent->header_offset)
            break;
        if (central->name_hash == name_hash)
            return central;
        if (alike == NULL && extent->size_bytes > 0 && same_content(central, extent))
            alike = central;
    }
    return alike;
}

CronosZipCentral *cronos_zip_centrals_like(const CronosZipCentrals *centrals,
                                           const CronosZipRemain *remain)
{
    guint32 end = first_hash_beyond(centrals, remain->name_hash);

    for (guint32 i = end; i > 0 && end - i < ALIKE_MAX; i--) {
        CronosZipCentral *central = header_at(centrals, centrals->by_hash[i - 1]);

        if (central->name_hash != remain->name_hash)
            break;
        if (!central->taken && same_content(central, &remain->extent))
            return central;
    }
    return NULL;
}

gboolean cronos_zip_centrals_know(const CronosZipCentrals *centrals, guint32 name_hash)
{
    guint32 end = first_hash_beyond(centrals, name_hash);

    return end > 0 && header_at(centrals, centrals->by_hash[end - 1])->name_hash == name_hash;
}

gboolean cronos_zip_centrals_cover(const CronosZipCentrals *centrals, guint64 offset,
                                   guint64 *out_next)
{
    guint32 beyond = first_beyond(centrals, offset);

    *out_next = beyond < centrals->headers->len ? header_at(centrals, beyond)->header_offset
                                                : CRONOS_ZIP_NOWHERE;
    return beyond > 0 && header_at(centrals, beyond - 1)->reach > offset;
}
