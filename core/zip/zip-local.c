/* SPDX-License-Identifier: MIT
 * zip-local.c - headers read one by one, and whether they can be meant */
#include "core/zip/zip-local.h"

#include "core/error.h"
#include "core/zip/zip-io.h"

/* A byte of deflate decodes to no more than this. */
#define RATIO_MAX 1032u
#define METHODS_FIRST_MAX 20u /* 4.4.5: two ranges of numbers are in use */
#define METHODS_SECOND_LEAST 93u
#define METHODS_SECOND_MAX 99u
/* The two headers have these fields in the same order, one behind the other. */
#define COMMON_BYTES (ZIP_LOCAL_SIZE - ZIP_LOCAL_VERSION_NEEDED)
#define NAME_FIRST_BYTES 512u

static gboolean refuse(GError **error)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "there is no header");
    return FALSE;
}

static gboolean is_method(guint16 method)
{
    return method <= METHODS_FIRST_MAX ||
           (method >= METHODS_SECOND_LEAST && method <= METHODS_SECOND_MAX);
}

/* No name holds a NUL, and none the start of another member: such a name is none, and the headers
 * of no two names that pass overlap. */
static gboolean is_name(const guint8 *name, gsize length)
{
    static const guint8 signature[] = {'P', 'K', 3, 4};

    return memchr(name, '\0', length) == NULL &&
           memmem(name, length, signature, sizeof signature) == NULL;
}

/* Where the two sizes of a stored member differ, one of them is wrong, but maybe not the other. */
static gboolean are_sizes(const CronosZipExtent *extent)
{
    return (extent->flags & (ZIP_FLAG_DESCRIPTOR | ZIP_FLAG_ENCRYPTED)) != 0 ||
           extent->method != ZIP_METHOD_DEFLATED ||
           extent->size_bytes / RATIO_MAX <= extent->stored_bytes;
}

/* Reads what follows the fixed part, most of it only if it begins like a name. */
static guint8 *read_tail(int fd, const CronosZipHeader *header, guint64 offset, guint64 limit,
                         GError **error)
{
    gsize length = header->name_length + header->extra_length + header->comment_length;
    gsize first = MIN(length, NAME_FIRST_BYTES);

    if (header->name_length == 0 || offset > limit || length > limit - offset) {
        refuse(error);
        return NULL;
    }
    g_autofree guint8 *bytes = g_malloc(first);
    if (!cronos_zip_pread_exactly(fd, bytes, first, offset, error))
        return NULL;
    if (!is_name(bytes, MIN(header->name_length, first))) {
        refuse(error);
        return NULL;
    }
    bytes = g_realloc(bytes, length);
    if (!cronos_zip_pread_exactly(fd, bytes + first, length - first, offset + first, error))
        return NULL;
    if (!is_name(bytes, header->name_length)) {
        refuse(error);
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

static void take_fixed(CronosZipHeader *header, const guint8 *local)
{
    memset(header, 0, sizeof *header);
    zip_put32(header->fixed, ZIP_CENTRAL_SIGNATURE);
    zip_put16(header->fixed + ZIP_CENTRAL_VERSION_MADE, ZIP_MADE_BY_UNIX << 8);
    memcpy(header->fixed + ZIP_CENTRAL_VERSION_NEEDED, local + ZIP_LOCAL_VERSION_NEEDED,
           COMMON_BYTES);
    header->name_length = zip_get16(local + ZIP_LOCAL_NAME_LENGTH);
    header->extra_length = zip_get16(local + ZIP_LOCAL_EXTRA_LENGTH);
}

gboolean cronos_zip_local_read(int fd, guint64 offset, guint64 limit, CronosZipLocal *out_local,
                               GError **error)
{
    CronosZipHeader *header = &out_local->header;
    guint8 fixed[ZIP_LOCAL_SIZE];

    if (offset > limit || limit - offset < sizeof fixed)
        return refuse(error);
    if (!cronos_zip_pread_exactly(fd, fixed, sizeof fixed, offset, error))
        return FALSE;
    if (zip_get32(fixed) != ZIP_LOCAL_SIGNATURE || !is_method(zip_get16(fixed + ZIP_LOCAL_METHOD)))
        return refuse(error);
    take_fixed(header, fixed);
    g_autofree guint8 *bytes = read_tail(fd, header, offset + sizeof fixed, limit, error);
    if (bytes == NULL)
        return FALSE;
    header->name = bytes;
    out_local->data_offset = offset + sizeof fixed + header->name_length + header->extra_length;
    if (!cronos_zip_header_extent(header, offset, &out_local->extent, error))
        return FALSE;
    if (!are_sizes(&out_local->extent))
        return refuse(error);
    out_local->bytes = g_steal_pointer(&bytes);
    return TRUE;
}

void cronos_zip_local_clear(CronosZipLocal *local)
{
    g_clear_pointer(&local->bytes, g_free);
}

gboolean cronos_zip_central_read(int fd, guint64 offset, guint64 limit, CronosZipHeader *out_header,
                                 guint8 **out_bytes, GError **error)
{
    guint8 *fixed = out_header->fixed;

    *out_bytes = NULL;
    if (offset > limit || limit - offset < ZIP_CENTRAL_SIZE)
        return refuse(error);
    if (!cronos_zip_pread_exactly(fd, fixed, ZIP_CENTRAL_SIZE, offset, error))
        return FALSE;
    if (zip_get32(fixed) != ZIP_CENTRAL_SIGNATURE ||
        !is_method(zip_get16(fixed + ZIP_CENTRAL_METHOD)))
        return refuse(error);
    out_header->name_length = zip_get16(fixed + ZIP_CENTRAL_NAME_LENGTH);
    out_header->extra_length = zip_get16(fixed + ZIP_CENTRAL_EXTRA_LENGTH);
    out_header->comment_length = zip_get16(fixed + ZIP_CENTRAL_COMMENT_LENGTH);
    out_header->name = *out_bytes =
        read_tail(fd, out_header, offset + ZIP_CENTRAL_SIZE, limit, error);
    return *out_bytes != NULL;
}
