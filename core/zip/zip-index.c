/* SPDX-License-Identifier: MIT
 * zip-index.c - the members of one ZIP file as a tree: look-up over the finished table
 *
 * What was read from the map when the table was built (where names lie, how long they are) stays
 * fixed; what the bytes say may change if the file is written to, and is checked when it is used.
 */
#include "core/zip/zip-index.h"

#include "core/error.h"
#include "core/zip/zip-header.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"
#include "core/zip/zip-tree.h"

#include <libdeflate.h>

#define CRC_STEP_BYTES ((gsize)256 << 10)
/* The field of the modification time is the first, or follows one of ZIP64. */
#define TWIN_EXTRA_BYTES 32u

struct CronosZipIndex {
    CronosZipMapping *mapping;
    const guint8 *directory;
    CronosZipEnd end;
    CronosZipTree tree;
    gint64 file_mtime_ns; /* for implied folders */
};

/* Returns: (owned) the central directory of the file open on @fd, or NULL with @error. */
static CronosZipMapping *hold_directory(int fd, const CronosZipEnd *end, GError **error)
{
    gsize length = (gsize)end->directory_bytes;

    if (length == 0 || length > CRONOS_ZIP_END_DIRECTORY_MAX)
        return cronos_zip_mapping_new(fd, end->directory_offset, length, error);
    g_autofree guint8 *bytes = g_malloc(length);
    if (!cronos_zip_end_read(end, fd, bytes, length, end->directory_offset, error))
        return NULL;
    return cronos_zip_mapping_of(g_steal_pointer(&bytes), length);
}

CronosZipIndex *cronos_zip_index_open(int fd, GError **error)
{
    g_autoptr(CronosZipIndex) index = g_new0(CronosZipIndex, 1);

    if (!cronos_zip_end_open(fd, &index->end, &index->file_mtime_ns, error))
        return NULL;
    index->mapping = hold_directory(fd, &index->end, error);
    if (index->mapping == NULL)
        return NULL;
    cronos_zip_end_drop_tail(&index->end);
    index->directory = cronos_zip_mapping_bytes(index->mapping);
    gboolean built = cronos_zip_tree_build(index->mapping, &index->end, &index->tree, error);
    if (cronos_zip_mapping_is_damaged(index->mapping)) {
        g_clear_error(error);
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                            "the file could not be read to its end, or shrank meanwhile");
        return NULL;
    }
    cronos_zip_mapping_trim(index->mapping);
    return built ? g_steal_pointer(&index) : NULL;
}

void cronos_zip_index_free(CronosZipIndex *index)
{
    if (index == NULL)
        return;
    cronos_zip_tree_clear(&index->tree);
    cronos_zip_mapping_free(index->mapping);
    cronos_zip_end_clear(&index->end);
    g_free(index);
}

guint32 cronos_zip_index_count(const CronosZipIndex *index)
{
    return index->tree.count;
}

gsize cronos_zip_index_memory_bytes(const CronosZipIndex *index)
{
    return sizeof *index + ((gsize)index->tree.count + 1) * sizeof *index->tree.nodes +
           index->tree.arena_bytes + index->end.comment_length +
           cronos_zip_mapping_memory_bytes(index->mapping);
}

guint32 cronos_zip_index_parent(const CronosZipIndex *index, guint32 entry)
{
    g_return_val_if_fail(entry < index->tree.count, CRONOS_ENTRY_ROOT);
    return index->tree.nodes[entry].parent;
}

void cronos_zip_index_children(const CronosZipIndex *index, guint32 entry, guint32 *out_first,
                               guint32 *out_count)
{
    *out_first = *out_count = 0;
    g_return_if_fail(entry < index->tree.count);
    *out_first = index->tree.nodes[entry].first_child;
    *out_count = index->tree.nodes[entry + 1].first_child - *out_first;
}

guint32 cronos_zip_index_lookup(const CronosZipIndex *index, guint32 folder, const char *name,
                                gsize length)
{
    g_return_val_if_fail(folder < index->tree.count, CRONOS_ENTRY_NONE);
    return cronos_zip_tree_lookup(&index->tree, index->directory, folder, name, length);
}

const char *cronos_zip_index_name(const CronosZipIndex *index, guint32 entry, gsize *out_length)
{
    *out_length = 0;
    g_return_val_if_fail(entry < index->tree.count, "");
    *out_length = index->tree.nodes[entry].name_length;
    return cronos_zip_node_name(&index->tree, index->directory, &index->tree.nodes[entry]);
}

gboolean cronos_zip_index_is_directory(const CronosZipIndex *index, guint32 entry)
{
    g_return_val_if_fail(entry < index->tree.count, FALSE);
    return (index->tree.nodes[entry].flags & CRONOS_ZIP_NODE_DIRECTORY) != 0;
}

static gboolean read_header(const CronosZipIndex *index, const CronosZipNode *node,
                            CronosZipHeader *out_header, GError **error)
{
    if (!cronos_zip_header_read(index->directory, (gsize)index->end.directory_bytes, node->header,
                                out_header)) {
        g_set_error_literal(
            error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
            "the archive's central directory changed or shrank since it was opened");
        return FALSE;
    }
    cronos_zip_mapping_touch(index->mapping, node->header);
    return TRUE;
}

gboolean cronos_zip_index_info(const CronosZipIndex *index, guint32 entry,
                               CronosMemberInfo *out_info, GError **error)
{
    CronosZipHeader header;

    g_return_val_if_fail(entry < index->tree.count, FALSE);
    const CronosZipNode *node = &index->tree.nodes[entry];
    gboolean directory = (node->flags & CRONOS_ZIP_NODE_DIRECTORY) != 0;
    if (node->header == CRONOS_ZIP_NO_HEADER) {
        cronos_zip_implied_info(index->file_mtime_ns, out_info);
        return TRUE;
    }
    return read_header(index, node, &header, error) &&
           cronos_zip_header_info(&header, directory, out_info, error);
}

/* Fails for implied folders. */
static gboolean read_member_header(const CronosZipIndex *index, guint32 entry,
                                   CronosZipHeader *out_header, GError **error)
{
    const CronosZipNode *node = &index->tree.nodes[entry];

    if (node->header == CRONOS_ZIP_NO_HEADER) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND,
                            "the archive has no member for this folder");
        return FALSE;
    }
    return read_header(index, node, out_header, error);
}

gboolean cronos_zip_index_extent(const CronosZipIndex *index, guint32 entry,
                                 CronosZipExtent *out_extent, GError **error)
{
    CronosZipHeader header;

    g_return_val_if_fail(entry < index->tree.count, FALSE);
    return read_member_header(index, entry, &header, error) &&
           cronos_zip_header_extent(&header, index->end.prefix_bytes, out_extent, error);
}

static gboolean differ(GError **error, const char *what)
{
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                "local header and central directory differ in the %s", what);
    return FALSE;
}

/* Returns: whether the two headers, of which the local one and the first @length bytes behind its
 * name are in @local, agree in what the writer of this project puts into both. */
static gboolean is_twin(const guint8 *local, gsize length, const CronosZipHeader *header)
{
    const guint8 *extra = header->name + header->name_length;
    const guint8 *tail = local + ZIP_LOCAL_SIZE + header->name_length;
    gsize central_bytes = 0, local_bytes = 0;
    const guint8 *central_time =
        cronos_zip_extra_find(extra, header->extra_length, ZIP_EXTRA_TIME, &central_bytes);
    const guint8 *local_time = cronos_zip_extra_find(
        tail, MIN(length, zip_get16(local + ZIP_LOCAL_EXTRA_LENGTH)), ZIP_EXTRA_TIME, &local_bytes);

    return memcmp(local + ZIP_LOCAL_FLAGS, header->fixed + ZIP_CENTRAL_FLAGS,
                  ZIP_LOCAL_CRC32 - ZIP_LOCAL_FLAGS) == 0 &&
           (central_time == NULL) == (local_time == NULL) && central_bytes == local_bytes &&
           (central_time == NULL || memcmp(central_time, local_time, central_bytes) == 0);
}

static gboolean check_name(const CronosZipIndex *index, int fd, const CronosZipHeader *header,
                           const CronosZipExtent *extent, gboolean twins, GError **error)
{
    gsize length = ZIP_LOCAL_SIZE + header->name_length;
    guint64 room =
        index->end.directory_offset - MIN(extent->header_offset, index->end.directory_offset);
    gsize wanted = length + (twins ? TWIN_EXTRA_BYTES : 0);
    g_autofree guint8 *local = g_malloc(wanted);
    gssize n = cronos_zip_pread(fd, local, (gsize)MIN(wanted, room), extent->header_offset, error);

    if (n < 0)
        return FALSE;
    if ((gsize)n < length || zip_get16(local + ZIP_LOCAL_NAME_LENGTH) != header->name_length ||
        memcmp(local + ZIP_LOCAL_SIZE, header->name, header->name_length) != 0)
        return differ(error, "name");
    return !twins || is_twin(local, (gsize)n - length, header) ||
           differ(error, "flags or the time");
}

gboolean cronos_zip_index_check_name(const CronosZipIndex *index, int fd, guint32 entry,
                                     gboolean twins, GError **error)
{
    CronosZipHeader header;
    CronosZipExtent extent;

    g_return_val_if_fail(entry < index->tree.count, FALSE);
    if (index->tree.nodes[entry].header == CRONOS_ZIP_NO_HEADER)
        return TRUE;
    return read_member_header(index, entry, &header, error) &&
           cronos_zip_header_extent(&header, index->end.prefix_bytes, &extent, error) &&
           check_name(index, fd, &header, &extent, twins, error);
}

static int compare_numbers(gconstpointer a, gconstpointer b)
{
    guint32 left = *(const guint32 *)a, right = *(const guint32 *)b;

    return left < right ? -1 : left > right;
}

/* Returns: (owned) array of guint32, where the headers of all nodes are, in their order. */
static GArray *listed_headers(const CronosZipTree *tree)
{
    GArray *headers = g_array_sized_new(FALSE, FALSE, sizeof(guint32), tree->count);

    for (guint32 entry = 0; entry < tree->count; entry++)
        if (tree->nodes[entry].header != CRONOS_ZIP_NO_HEADER)
            g_array_append_val(headers, tree->nodes[entry].header);
    g_array_sort(headers, compare_numbers);
    return headers;
}

static void tell_unlisted(const CronosZipIndex *index, int fd, const CronosZipHeader *header,
                          CronosZipUnlistedFunc func, gpointer user_data)
{
    g_autoptr(GError) problem = NULL;
    CronosZipExtent extent = {0};
    guint64 data_offset;

    (void)(cronos_zip_header_extent(header, index->end.prefix_bytes, &extent, &problem) &&
           cronos_zip_locate(fd, &extent, index->end.directory_offset, &data_offset, &problem) &&
           check_name(index, fd, header, &extent, FALSE, &problem));
    func((const char *)header->name, header->name_length, extent.header_offset, problem, user_data);
}

void cronos_zip_index_check_unlisted(const CronosZipIndex *index, int fd,
                                     CronosZipUnlistedFunc func, gpointer user_data)
{
    gsize bytes = (gsize)index->end.directory_bytes, at = 0;
    CronosZipHeader header;
    guint listed = 0;

    if (index->tree.repairs == 0)
        return;
    g_autoptr(GArray) headers = listed_headers(&index->tree);
    for (; cronos_zip_header_read(index->directory, bytes, at, &header);
         at += cronos_zip_header_bytes(&header)) {
        cronos_zip_mapping_touch(index->mapping, (guint32)at);
        if (listed < headers->len && g_array_index(headers, guint32, listed) == at)
            listed++;
        else
            tell_unlisted(index, fd, &header, func, user_data);
    }
}

const char *cronos_zip_index_comment(const CronosZipIndex *index, gsize *out_length)
{
    *out_length = index->end.comment_length;
    return index->end.comment_length > 0 ? index->end.comment : NULL;
}

guint64 cronos_zip_index_repairs(const CronosZipIndex *index, const GPtrArray **out_first)
{
    if (out_first != NULL)
        *out_first = index->tree.notes;
    return index->tree.repairs;
}

guint64 cronos_zip_index_directory_offset(const CronosZipIndex *index)
{
    return index->end.directory_offset;
}

guint32 cronos_zip_index_directory_crc32(const CronosZipIndex *index)
{
    gsize bytes = (gsize)index->end.directory_bytes;
    guint32 crc32 = 0;

    for (gsize at = 0; at < bytes; at += CRC_STEP_BYTES) {
        cronos_zip_mapping_touch(index->mapping, (guint32)at);
        crc32 = libdeflate_crc32(crc32, index->directory + at, MIN(bytes - at, CRC_STEP_BYTES));
    }
    return crc32;
}
