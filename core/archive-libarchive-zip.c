/* SPDX-License-Identifier: MIT
 * archive-libarchive-zip.c - one member of a ZIP file, made an archive that libarchive can read */
#include "core/archive-libarchive-zip.h"

#include "core/archive-libarchive-dictionary.h"
#include "core/archive-libarchive-read.h"
#include "core/error.h"
#include "core/passphrase.h"
#include "core/read-cache.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-header.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"

#define METHOD_BZIP2 12u
#define METHOD_LZMA 14u
#define METHOD_ZSTD_OLD 20u
#define METHOD_ZSTD 93u
#define METHOD_XZ 95u
#define METHOD_PPMD 98u

#define FLAG_STRONG_ENCRYPTION 0x0040u
#define FLAGS_KEPT 0x0007u /* encryption, and what LZMA says by bits 1 and 2 */
#define EXTRA_AES 0x9901u
#define EXTRA_AES_BYTES 7u
#define AES_VERSION_WITHOUT_CRC 2u
#define NAME "m"

struct CronosLibarchiveZip {
    int fd;
    const CronosZipIndex *index;
    guint64 owner;
};

CronosLibarchiveZip *cronos_libarchive_zip_new(int fd, const CronosZipIndex *index)
{
    CronosLibarchiveZip *zip = g_new0(CronosLibarchiveZip, 1);

    zip->fd = fd;
    zip->index = index;
    zip->owner = cronos_read_cache_new_owner();
    return zip;
}

void cronos_libarchive_zip_free(CronosLibarchiveZip *zip)
{
    if (zip == NULL)
        return;
    cronos_libarchive_forget(zip->owner);
    g_free(zip);
}

gboolean cronos_libarchive_zip_wants(const CronosZipExtent *extent)
{
    return (extent->flags & ZIP_FLAG_ENCRYPTED) != 0 ||
           (extent->method != ZIP_METHOD_STORED && extent->method != ZIP_METHOD_DEFLATED);
}

/* APPNOTE 4.4.5. Returns: NULL for a method that has no name. */
static const char *method_name(guint method)
{
    static const struct {
        guint method;
        const char *name;
    } names[] = {
        {1, "Shrink"},           {2, "Reduce"},
        {3, "Reduce"},           {4, "Reduce"},
        {5, "Reduce"},           {6, "Implode"},
        {9, "Deflate64"},        {10, "PKWARE DCL Implode"},
        {METHOD_BZIP2, "bzip2"}, {METHOD_LZMA, "LZMA"},
        {16, "IBM CMPSC"},       {18, "IBM TERSE"},
        {19, "IBM LZ77"},        {METHOD_ZSTD_OLD, "zstd"},
        {METHOD_ZSTD, "zstd"},   {94, "MP3"},
        {METHOD_XZ, "XZ"},       {96, "JPEG"},
        {97, "WavPack"},         {METHOD_PPMD, "PPMd"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].method == method)
            return names[i].name;
    }
    return NULL;
}

static gboolean refuse_method(guint method, const char *when, GError **error)
{
    const char *name = method_name(method);

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                "compression method %u%s%s%s is not supported%s", method, name != NULL ? " (" : "",
                name != NULL ? name : "", name != NULL ? ")" : "", when);
    return FALSE;
}

/* Returns: (owned) the member's local header with name and extra fields, or NULL with @error. */
static guint8 *read_local(int fd, guint64 offset, gsize *out_name_length, gsize *out_extra_length,
                          GError **error)
{
    guint8 fixed[ZIP_LOCAL_SIZE];

    if (!cronos_zip_pread_exactly(fd, fixed, sizeof fixed, offset, error))
        return NULL;
    *out_name_length = zip_get16(fixed + ZIP_LOCAL_NAME_LENGTH);
    *out_extra_length = zip_get16(fixed + ZIP_LOCAL_EXTRA_LENGTH);
    gsize whole = sizeof fixed + *out_name_length + *out_extra_length;
    g_autofree guint8 *local = g_malloc(whole);
    if (!cronos_zip_pread_exactly(fd, local, whole, offset, error))
        return NULL;
    memcpy(local, fixed, sizeof fixed); /* the lengths that were believed */
    return g_steal_pointer(&local);
}

static void append_extra(GByteArray *out, guint16 id, const guint8 *payload, guint16 length)
{
    guint8 head[4];

    zip_put16(head, id);
    zip_put16(head + 2, length);
    g_byte_array_append(out, head, sizeof head);
    g_byte_array_append(out, payload, length);
}

static void append_sizes(GByteArray *out, const CronosZipExtent *extent)
{
    guint8 sizes[16];

    zip_put64(sizes, extent->size_bytes);
    zip_put64(sizes + 8, extent->stored_bytes);
    append_extra(out, ZIP_EXTRA_ZIP64, sizes, sizeof sizes);
}

/* The traditional cipher shows by one byte whether the passphrase is right: of the checksum, or of
 * the time where the checksum follows the data. libarchive, which is told that nothing follows,
 * takes it from the checksum's place; the checksum itself is held against by us. */
static guint8 check_byte(const guint8 *local, const CronosZipExtent *extent)
{
    if (extent->flags & ZIP_FLAG_DESCRIPTOR)
        return local[ZIP_LOCAL_DOS_TIME + 1];
    return (guint8)(extent->crc32 >> 24);
}

/* @aes: the payload of the AES field, or NULL. */
static void make_head(const guint8 *local, const CronosZipExtent *extent, const guint8 *aes,
                      CronosLibarchiveSource *source)
{
    g_autoptr(GByteArray) head = g_byte_array_new();
    gboolean large = extent->size_bytes >= G_MAXUINT32 || extent->stored_bytes >= G_MAXUINT32;

    g_byte_array_append(head, local, ZIP_LOCAL_SIZE);
    g_byte_array_append(head, (const guint8 *)NAME, strlen(NAME));
    if (large)
        append_sizes(head, extent);
    if (aes != NULL)
        append_extra(head, EXTRA_AES, aes, EXTRA_AES_BYTES);
    guint8 *at = head->data;
    zip_put16(at + ZIP_LOCAL_VERSION_NEEDED, 20);
    zip_put16(at + ZIP_LOCAL_FLAGS, extent->flags & FLAGS_KEPT);
    zip_put16(at + ZIP_LOCAL_METHOD, extent->method);
    zip_put32(at + ZIP_LOCAL_CRC32, (guint32)check_byte(local, extent) << 24);
    zip_put32(at + ZIP_LOCAL_STORED_BYTES, large ? G_MAXUINT32 : (guint32)extent->stored_bytes);
    zip_put32(at + ZIP_LOCAL_SIZE_BYTES, large ? G_MAXUINT32 : (guint32)extent->size_bytes);
    zip_put16(at + ZIP_LOCAL_NAME_LENGTH, strlen(NAME));
    zip_put16(at + ZIP_LOCAL_EXTRA_LENGTH, (guint16)(head->len - ZIP_LOCAL_SIZE - strlen(NAME)));
    source->head_bytes = head->len;
    source->head = g_byte_array_free(g_steal_pointer(&head), FALSE);
    source->format = CRONOS_LIBARCHIVE_ZIP_MEMBER;
}

static gboolean make_encrypted(const CronosLibarchiveZip *zip, const CronosZipExtent *extent,
                               CronosLibarchiveSource *source, GError **error)
{
    gsize name_length, extra_length, length = 0;
    const guint8 *aes = NULL;
    guint method = extent->method;

    if (extent->flags & FLAG_STRONG_ENCRYPTION) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                            "PKWARE's strong encryption is not supported");
        return FALSE;
    }
    g_autofree guint8 *local =
        read_local(zip->fd, extent->header_offset, &name_length, &extra_length, error);
    if (local == NULL)
        return FALSE;
    if (method == ZIP_METHOD_AES) {
        aes = cronos_zip_extra_find(local + ZIP_LOCAL_SIZE + name_length, extra_length, EXTRA_AES,
                                    &length);
        if (aes == NULL || length < EXTRA_AES_BYTES) {
            g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                                "the AES field of the member is missing");
            return FALSE;
        }
        method = zip_get16(aes + 5);
        source->has_crc32 = zip_get16(aes) != AES_VERSION_WITHOUT_CRC;
    }
    if (method != ZIP_METHOD_STORED && method != ZIP_METHOD_DEFLATED)
        return refuse_method(method, " in an encrypted member", error);
    source->passphrase = cronos_passphrase_get(error);
    if (source->passphrase == NULL)
        return FALSE;
    make_head(local, extent, aes, source);
    return TRUE;
}

static gboolean make_plain(const CronosLibarchiveZip *zip, const CronosZipExtent *extent,
                           CronosLibarchiveSource *source, GError **error)
{
    gsize name_length, extra_length;

    switch (extent->method) {
    case METHOD_BZIP2:
    case METHOD_ZSTD:
    case METHOD_ZSTD_OLD:
        source->format = CRONOS_LIBARCHIVE_RAW;
        return TRUE;
    case METHOD_XZ:
        source->format = CRONOS_LIBARCHIVE_RAW;
        return cronos_libarchive_fit_xz(source, error);
    case METHOD_LZMA:
    case METHOD_PPMD:
        break;
    default:
        return refuse_method(extent->method, "", error);
    }
    g_autofree guint8 *local =
        read_local(zip->fd, extent->header_offset, &name_length, &extra_length, error);
    if (local == NULL)
        return FALSE;
    make_head(local, extent, NULL, source);
    return extent->method != METHOD_LZMA || cronos_libarchive_fit_lzma(source, error);
}

static gboolean make_source(gpointer data, guint32 entry, CronosLibarchiveSource *out_source,
                            GError **error)
{
    const CronosLibarchiveZip *zip = data;
    CronosZipExtent extent;
    guint64 data_offset;

    if (!cronos_zip_index_extent(zip->index, entry, &extent, error) ||
        !cronos_zip_locate(zip->fd, &extent, cronos_zip_index_directory_offset(zip->index),
                           &data_offset, error))
        return FALSE;
    *out_source = (CronosLibarchiveSource){
        .fd = zip->fd,
        .start = data_offset,
        .end = data_offset + extent.stored_bytes,
        .one_member = TRUE,
        .size_bytes = extent.size_bytes,
        .has_crc32 = TRUE,
        .crc32 = extent.crc32,
    };
    return extent.flags & ZIP_FLAG_ENCRYPTED ? make_encrypted(zip, &extent, out_source, error)
                                             : make_plain(zip, &extent, out_source, error);
}

/* An empty member is read without a handle: what can not be decoded is told of all the same. */
static gboolean check_empty(CronosLibarchiveZip *zip, guint32 entry, GError **error)
{
    CronosLibarchiveSource source = {0};
    gboolean ok = make_source(zip, entry, &source, error);

    cronos_libarchive_source_clear(&source);
    return ok;
}

gssize cronos_libarchive_zip_read(CronosLibarchiveZip *zip, guint32 entry, guint64 offset,
                                  void *buffer, gsize size, GError **error)
{
    CronosZipExtent extent;

    if (!cronos_zip_index_extent(zip->index, entry, &extent, error))
        return -1;
    if (extent.size_bytes == 0)
        return check_empty(zip, entry, error) ? 0 : -1;
    const CronosLibarchiveTarget target = {
        .owner = zip->owner,
        .group = entry,
        .size_bytes = extent.size_bytes,
        .make_source = make_source,
        .data = zip,
    };
    return cronos_libarchive_read(&target, offset, buffer, size, FALSE, error);
}
