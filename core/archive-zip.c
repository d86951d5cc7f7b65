/* SPDX-License-Identifier: MIT
 * archive-zip.c - ZIP files behind the face of core/archive.h */
#include "core/archive-libarchive-zip.h"
#include "core/archive-private.h"
#include "core/error.h"
#include "core/read-engine.h"
#include "core/zip/sozip-chunks.h"
#include "core/zip/zip-index.h"
#include "core/zip/zip-reader.h"

typedef struct {
    int fd; /* the archive's */
    CronosZipIndex *index;
    CronosReadEngine *engine;
    CronosLibarchiveZip *others; /* members of other methods, encrypted ones */
} Zip;

/* A pass over a member: by core/zip's stream, or, where that is NULL, piece by piece. */
typedef struct {
    Zip *zip;
    guint32 entry;
    CronosZipStream *stream;
    guint64 offset;
} Stream;

static void zip_close(gpointer data)
{
    Zip *zip = data;

    cronos_libarchive_zip_free(zip->others);
    cronos_read_engine_free(zip->engine);
    cronos_zip_index_free(zip->index);
    g_free(zip);
}

static gpointer zip_open(int fd, GError **error)
{
    CronosZipIndex *index = cronos_zip_index_open(fd, error);

    if (index == NULL)
        return NULL;
    Zip *zip = g_new0(Zip, 1);
    zip->fd = fd;
    zip->index = index;
    zip->engine = cronos_read_engine_new(fd, index);
    zip->others = cronos_libarchive_zip_new(fd, index);
    return zip;
}

static const CronosZipIndex *index_of(gconstpointer data)
{
    return ((const Zip *)data)->index;
}

static guint32 zip_count(gconstpointer data)
{
    return cronos_zip_index_count(index_of(data));
}

static gsize zip_memory_bytes(gconstpointer data)
{
    return sizeof(Zip) + cronos_zip_index_memory_bytes(index_of(data));
}

static guint32 zip_parent(gconstpointer data, guint32 entry)
{
    return cronos_zip_index_parent(index_of(data), entry);
}

static void zip_children(gconstpointer data, guint32 entry, guint32 *out_first, guint32 *out_count)
{
    cronos_zip_index_children(index_of(data), entry, out_first, out_count);
}

static guint32 zip_lookup(gconstpointer data, guint32 folder, const char *name, gsize length)
{
    return cronos_zip_index_lookup(index_of(data), folder, name, length);
}

static const char *zip_name(gconstpointer data, guint32 entry, gsize *out_length)
{
    return cronos_zip_index_name(index_of(data), entry, out_length);
}

static gboolean zip_is_directory(gconstpointer data, guint32 entry)
{
    return cronos_zip_index_is_directory(index_of(data), entry);
}

static gboolean zip_info(gconstpointer data, guint32 entry, CronosMemberInfo *out_info,
                         GError **error)
{
    return cronos_zip_index_info(index_of(data), entry, out_info, error);
}

static const char *zip_comment(gconstpointer data, gsize *out_length)
{
    return cronos_zip_index_comment(index_of(data), out_length);
}

static guint32 zip_directory_crc32(gconstpointer data)
{
    return cronos_zip_index_directory_crc32(index_of(data));
}

static guint64 zip_repairs(gconstpointer data, const GPtrArray **out_first)
{
    return cronos_zip_index_repairs(index_of(data), out_first);
}

static gboolean is_for_others(const Zip *zip, guint32 entry)
{
    CronosZipExtent extent;

    return cronos_zip_index_extent(zip->index, entry, &extent, NULL) &&
           cronos_libarchive_zip_wants(&extent);
}

static gssize zip_read(gpointer data, guint32 entry, guint64 offset, void *buffer, gsize size,
                       GError **error)
{
    Zip *zip = data;
    GError *failure = NULL;
    gssize n = cronos_read_engine_read(zip->engine, entry, offset, buffer, size, &failure);

    if (n >= 0)
        return n;
    if (g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED) &&
        is_for_others(zip, entry)) {
        g_error_free(failure);
        return cronos_libarchive_zip_read(zip->others, entry, offset, buffer, size, error);
    }
    g_propagate_error(error, failure);
    return -1;
}

static gpointer zip_stream_open(gpointer data, guint32 entry, GError **error)
{
    Zip *zip = data;
    CronosZipExtent extent;
    CronosZipStream *inner = NULL;

    if (!cronos_zip_index_extent(zip->index, entry, &extent, error))
        return NULL;
    if (!cronos_libarchive_zip_wants(&extent)) {
        inner = cronos_zip_stream_open(zip->fd, &extent,
                                       cronos_zip_index_directory_offset(zip->index), error);
        if (inner == NULL)
            return NULL;
    }
    Stream *stream = g_new0(Stream, 1);
    stream->zip = zip;
    stream->entry = entry;
    stream->stream = inner;
    return stream;
}

static gssize zip_stream_read(gpointer data, void *buffer, gsize size, GError **error)
{
    Stream *stream = data;

    if (stream->stream != NULL)
        return cronos_zip_stream_read(stream->stream, buffer, size, error);
    gssize n = cronos_libarchive_zip_read(stream->zip->others, stream->entry, stream->offset,
                                          buffer, size, error);
    if (n > 0)
        stream->offset += (guint64)n;
    return n;
}

static void zip_stream_free(gpointer data)
{
    Stream *stream = data;

    cronos_zip_stream_free(stream->stream);
    g_free(stream);
}

static CronosSozipChunks *zip_chunks_open(gpointer data, guint32 entry, GError **error)
{
    Zip *zip = data;
    CronosZipExtent extent;

    if (!cronos_zip_index_extent(zip->index, entry, &extent, error))
        return NULL;
    return cronos_sozip_chunks_open(zip->fd, &extent, cronos_zip_index_directory_offset(zip->index),
                                    error);
}

static guint64 zip_position(gconstpointer data, guint32 entry)
{
    CronosZipExtent extent;

    return cronos_zip_index_extent(index_of(data), entry, &extent, NULL) ? extent.header_offset
                                                                         : G_MAXUINT64;
}

/* Returns: FALSE without @error where there is no member. */
static gboolean locate(Zip *zip, guint32 entry, CronosZipExtent *extent, guint64 *out_data_offset,
                       GError **error)
{
    g_autoptr(GError) local = NULL;

    if (!cronos_zip_index_extent(zip->index, entry, extent, &local)) {
        if (!g_error_matches(local, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND))
            g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    return cronos_zip_locate(zip->fd, extent, cronos_zip_index_directory_offset(zip->index),
                             out_data_offset, error);
}

static guint64 zip_end_position(gpointer data, guint32 entry)
{
    CronosZipExtent extent;
    guint64 data_offset;

    return locate(data, entry, &extent, &data_offset, NULL) ? data_offset + extent.stored_bytes : 0;
}

static gboolean zip_check_structure(gpointer data, guint32 entry, gboolean ours, GError **error)
{
    CronosZipExtent extent;
    guint64 data_offset;
    GError *local = NULL;

    if (locate(data, entry, &extent, &data_offset, &local) || local == NULL)
        return cronos_zip_index_check_name(index_of(data), ((const Zip *)data)->fd, entry, ours,
                                           error);
    g_propagate_error(error, local);
    return FALSE;
}

typedef struct {
    CronosArchiveUnlistedFunc func;
    gpointer user_data;
} Unlisted;

static void tell_unlisted(const char *name, gsize length, guint64 position, const GError *problem,
                          gpointer user_data)
{
    const Unlisted *unlisted = user_data;
    g_autofree char *path = g_strndup(name, length);

    unlisted->func(path, position, problem, unlisted->user_data);
}

static void zip_check_unlisted(gpointer data, CronosArchiveUnlistedFunc func, gpointer user_data)
{
    Unlisted unlisted = {func, user_data};

    cronos_zip_index_check_unlisted(index_of(data), ((const Zip *)data)->fd, tell_unlisted,
                                    &unlisted);
}

const CronosArchiveFormat cronos_archive_format_zip = {
    .open = zip_open,
    .close = zip_close,
    .count = zip_count,
    .memory_bytes = zip_memory_bytes,
    .parent = zip_parent,
    .children = zip_children,
    .lookup = zip_lookup,
    .name = zip_name,
    .is_directory = zip_is_directory,
    .info = zip_info,
    .comment = zip_comment,
    .directory_crc32 = zip_directory_crc32,
    .repairs = zip_repairs,
    .read = zip_read,
    .stream_open = zip_stream_open,
    .stream_read = zip_stream_read,
    .stream_free = zip_stream_free,
    .chunks_open = zip_chunks_open,
    .position = zip_position,
    .end_position = zip_end_position,
    .check_structure = zip_check_structure,
    .check_unlisted = zip_check_unlisted,
};
