/* SPDX-License-Identifier: MIT
 * archive-libarchive.c - archives of other formats, behind the face of core/archive.h */
#include "core/archive-libarchive.h"

#include "core/archive-libarchive-index.h"
#include "core/archive-libarchive-read.h"
#include "core/error.h"
#include "core/read-cache.h"
#include "core/zip/zip-io.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)

typedef struct {
    int fd; /* the archive's */
    CronosLibarchiveFormat format;
    guint64 file_bytes;
    gint64 file_mtime_ns; /* for implied folders */
    guint64 owner;        /* of what is cached */
    CronosLibarchiveIndex index;
} Archive;

typedef struct {
    Archive *archive;
    guint32 entry;
    guint64 offset;
} Stream;

static gboolean make_source(gpointer data, guint32 group, CronosLibarchiveSource *out_source,
                            GError **error)
{
    const Archive *archive = data;

    *out_source = (CronosLibarchiveSource){
        .fd = archive->fd,
        .format = archive->format,
        .end = archive->file_bytes,
        .decoded_max =
            MAX(archive->file_bytes * CRONOS_LIBARCHIVE_RATIO_MAX, CRONOS_LIBARCHIVE_FREE_BYTES),
    };
    return TRUE;
}

static void archive_close(gpointer data)
{
    Archive *archive = data;

    cronos_libarchive_forget(archive->owner);
    cronos_libarchive_index_clear(&archive->index);
    g_free(archive);
}

static gpointer archive_open(int fd, CronosLibarchiveFormat format, GError **error)
{
    CronosLibarchiveSource source;
    struct stat st;

    if (fstat(fd, &st) < 0) {
        cronos_error_set_system(error, errno, "reading the file's size");
        return NULL;
    }
    Archive *archive = g_new0(Archive, 1);
    archive->fd = fd;
    archive->format = format;
    archive->file_bytes = (guint64)st.st_size;
    archive->file_mtime_ns = st.st_mtim.tv_sec * NS_PER_SECOND + st.st_mtim.tv_nsec;
    archive->owner = cronos_read_cache_new_owner();
    make_source(archive, 0, &source, error);
    if (cronos_libarchive_index_build(&archive->index, &source, error))
        return archive;
    g_free(archive);
    return NULL;
}

static gpointer tar_open(int fd, GError **error)
{
    return archive_open(fd, CRONOS_LIBARCHIVE_TAR, error);
}

static gpointer cpio_open(int fd, GError **error)
{
    return archive_open(fd, CRONOS_LIBARCHIVE_CPIO, error);
}

static gpointer seven_zip_open(int fd, GError **error)
{
    return archive_open(fd, CRONOS_LIBARCHIVE_7Z, error);
}

static gpointer iso_open(int fd, GError **error)
{
    return archive_open(fd, CRONOS_LIBARCHIVE_ISO, error);
}

static const CronosZipTree *tree_of(gconstpointer data)
{
    return &((const Archive *)data)->index.tree;
}

static guint32 archive_count(gconstpointer data)
{
    return tree_of(data)->count;
}

static gsize archive_memory_bytes(gconstpointer data)
{
    const Archive *archive = data;

    return sizeof *archive + ((gsize)archive->index.tree.count + 1) * sizeof(CronosZipNode) +
           archive->index.tree.arena_bytes +
           (gsize)archive->index.count * sizeof(CronosLibarchiveRecord);
}

static guint32 archive_parent(gconstpointer data, guint32 entry)
{
    g_return_val_if_fail(entry < tree_of(data)->count, CRONOS_ENTRY_ROOT);
    return tree_of(data)->nodes[entry].parent;
}

static void archive_children(gconstpointer data, guint32 entry, guint32 *out_first,
                             guint32 *out_count)
{
    const CronosZipTree *tree = tree_of(data);

    *out_first = *out_count = 0;
    g_return_if_fail(entry < tree->count);
    *out_first = tree->nodes[entry].first_child;
    *out_count = tree->nodes[entry + 1].first_child - *out_first;
}

static guint32 archive_lookup(gconstpointer data, guint32 folder, const char *name, gsize length)
{
    g_return_val_if_fail(folder < tree_of(data)->count, CRONOS_ENTRY_NONE);
    return cronos_zip_tree_lookup(tree_of(data), NULL, folder, name, length);
}

static const char *archive_name(gconstpointer data, guint32 entry, gsize *out_length)
{
    const CronosZipTree *tree = tree_of(data);

    *out_length = 0;
    g_return_val_if_fail(entry < tree->count, "");
    *out_length = tree->nodes[entry].name_length;
    return cronos_zip_node_name(tree, (const guint8 *)"", &tree->nodes[entry]);
}

static gboolean archive_is_directory(gconstpointer data, guint32 entry)
{
    g_return_val_if_fail(entry < tree_of(data)->count, FALSE);
    return (tree_of(data)->nodes[entry].flags & CRONOS_ZIP_NODE_DIRECTORY) != 0;
}

/* Returns: the record that has the entry's data and attributes; NULL: an implied folder, or, with
 * @error, a hard link that leads nowhere. */
static const CronosLibarchiveRecord *find_record(const Archive *archive, guint32 entry,
                                                 GError **error)
{
    const CronosLibarchiveRecord *records = archive->index.records;
    guint32 at = archive->index.tree.nodes[entry].header;

    if (at == CRONOS_ZIP_NO_HEADER)
        return NULL;
    if (records[at].data != CRONOS_LIBARCHIVE_NO_RECORD)
        return &records[records[at].data];
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                        "is a hard link to a file that the archive does not hold");
    return NULL;
}

/* In a compressed stream a member has no place of its own: it is given its share. */
static guint64 stored_share(const Archive *archive, const CronosLibarchiveRecord *record)
{
    const CronosLibarchiveIndex *index = &archive->index;

    if (!index->solid || index->total_bytes <= archive->file_bytes)
        return record->size_bytes;
    return (guint64)((double)record->size_bytes * (double)archive->file_bytes /
                     (double)index->total_bytes);
}

static gboolean archive_info(gconstpointer data, guint32 entry, CronosMemberInfo *out_info,
                             GError **error)
{
    const Archive *archive = data;
    GError *failure = NULL;

    g_return_val_if_fail(entry < tree_of(data)->count, FALSE);
    gboolean directory = archive_is_directory(data, entry);
    const CronosLibarchiveRecord *record = find_record(archive, entry, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    *out_info = (CronosMemberInfo){.kind = CRONOS_MEMBER_DIRECTORY,
                                   .mode = S_IFDIR | 0755,
                                   .implied = record == NULL,
                                   .mtime_ns = archive->file_mtime_ns};
    if (record == NULL)
        return TRUE;
    out_info->kind = directory                            ? CRONOS_MEMBER_DIRECTORY
                     : (record->mode & S_IFMT) == S_IFLNK ? CRONOS_MEMBER_SYMLINK
                                                          : CRONOS_MEMBER_FILE;
    out_info->mode = record->mode;
    if (directory)
        out_info->mode = S_IFDIR | (record->mode & 07777);
    out_info->has_mode = TRUE;
    out_info->has_owner = archive->index.has_owner;
    out_info->uid = record->uid;
    out_info->gid = record->gid;
    out_info->mtime_ns = record->mtime_ns;
    out_info->size_bytes = directory ? 0 : record->size_bytes;
    out_info->stored_bytes = directory ? 0 : stored_share(archive, record);
    return TRUE;
}

static const char *archive_comment(gconstpointer data, gsize *out_length)
{
    *out_length = 0;
    return NULL;
}

static guint64 archive_repairs(gconstpointer data, const GPtrArray **out_first)
{
    if (out_first != NULL)
        *out_first = tree_of(data)->notes;
    return tree_of(data)->repairs;
}

static gssize copy_target(const Archive *archive, const CronosLibarchiveRecord *record,
                          guint64 offset, void *buffer, gsize size)
{
    if (offset >= record->target_length)
        return 0;
    size = (gsize)MIN(size, record->target_length - offset);
    memcpy(buffer, archive->index.tree.arena + record->target + offset, size);
    return (gssize)size;
}

static gssize read_direct(const Archive *archive, const CronosLibarchiveRecord *record,
                          guint64 offset, void *buffer, gsize size, GError **error)
{
    if (offset >= record->size_bytes)
        return 0;
    size = (gsize)MIN(size, record->size_bytes - offset);
    if (!cronos_zip_pread_exactly(archive->fd, buffer, size, record->data_offset + offset, error))
        return -1;
    return (gssize)size;
}

static gssize archive_read(gpointer data, guint32 entry, guint64 offset, void *buffer, gsize size,
                           GError **error)
{
    Archive *archive = data;
    GError *failure = NULL;
    const CronosLibarchiveRecord *record = find_record(archive, entry, &failure);

    if (failure != NULL) {
        g_propagate_error(error, failure);
        return -1;
    }
    if (record == NULL)
        return 0;
    if ((record->mode & S_IFMT) == S_IFLNK)
        return copy_target(archive, record, offset, buffer, size);
    if (record->data_offset != CRONOS_LIBARCHIVE_NOT_DIRECT)
        return read_direct(archive, record, offset, buffer, size, error);
    const CronosLibarchiveTarget target = {
        .owner = archive->owner,
        .ordinal = record->data,
        .place = record->place,
        .size_bytes = record->size_bytes,
        .make_source = make_source,
        .data = archive,
    };
    return cronos_libarchive_read(&target, offset, buffer, size, record->shared, error);
}

static gpointer archive_stream_open(gpointer data, guint32 entry, GError **error)
{
    Stream *stream = g_new0(Stream, 1);

    stream->archive = data;
    stream->entry = entry;
    return stream;
}

static gssize archive_stream_read(gpointer data, void *buffer, gsize size, GError **error)
{
    Stream *stream = data;
    gssize n = archive_read(stream->archive, stream->entry, stream->offset, buffer, size, error);

    if (n > 0)
        stream->offset += (guint64)n;
    return n;
}

static void archive_stream_free(gpointer stream)
{
    g_free(stream);
}

static guint64 archive_position(gconstpointer data, guint32 entry)
{
    const CronosLibarchiveRecord *record = find_record(data, entry, NULL);

    return record != NULL ? record->place : G_MAXUINT64;
}

static guint64 archive_end_position(gpointer data, guint32 entry)
{
    return 0;
}

static gboolean archive_check_structure(gpointer data, guint32 entry, gboolean ours, GError **error)
{
    GError *failure = NULL;

    find_record(data, entry, &failure);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

static gboolean archive_is_sequential(gconstpointer data)
{
    return !((const Archive *)data)->index.direct;
}

#define FORMAT(open_function)                                                                      \
    {                                                                                              \
        .open = open_function, .close = archive_close, .count = archive_count,                     \
        .memory_bytes = archive_memory_bytes, .parent = archive_parent,                            \
        .children = archive_children, .lookup = archive_lookup, .name = archive_name,              \
        .is_directory = archive_is_directory, .info = archive_info, .comment = archive_comment,    \
        .repairs = archive_repairs, .read = archive_read, .stream_open = archive_stream_open,      \
        .stream_read = archive_stream_read, .stream_free = archive_stream_free,                    \
        .position = archive_position, .end_position = archive_end_position,                        \
        .check_structure = archive_check_structure, .is_sequential = archive_is_sequential         \
    }

const CronosArchiveFormat cronos_archive_format_tar = FORMAT(tar_open);
const CronosArchiveFormat cronos_archive_format_cpio = FORMAT(cpio_open);
const CronosArchiveFormat cronos_archive_format_7z = FORMAT(seven_zip_open);
const CronosArchiveFormat cronos_archive_format_iso = FORMAT(iso_open);
