/* SPDX-License-Identifier: MIT
 * salvage-copy.c - from the damaged archive into the new one, member by member
 *
 * Small members are decoded whole, large ones by the chunks of their seek index, which gives a new
 * index at the same time, or else as one stream. What turns out not to be whole is taken back. */
#include "core/error.h"
#include "core/log.h"
#include "core/member-bytes.h"
#include "core/metadata.h"
#include "core/salvage-private.h"
#include "core/zip/sozip-chunks.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"
#include "core/zip/zip-writer.h"

#include <libdeflate.h>
#include <sys/stat.h>

#define WHOLE_BYTES ((guint64)1 << 20)
/* No sane encoder makes a small member grow by more. */
#define WHOLE_STORED_BYTES (WHOLE_BYTES + (64u << 10))
/* Smaller members have no index that is worth looking for. */
#define INDEXED_FROM_BYTES ((guint64)32 << 10)

typedef struct {
    int fd; /* the damaged archive */
    guint64 file_bytes;
    const CronosSalvagePlan *plan;
    CronosZipWriter *zip;
    CronosTally *tally;
    CronosSalvageResult *result;
    struct libdeflate_decompressor *decompressor;
    CronosZipMeasurer *measurer;
    GByteArray *stored, *decoded;
    GByteArray *metadata;  /* what the member of its name holds */
    const char *path;      /* of the member at hand, in the new archive */
    gboolean write_failed; /* an error that came through the reading functions is the new file's */
} Copy;

/* A member on its way. */
typedef struct {
    guint32 number;
    const CronosZipRemain *remain;
    CronosZipMember member;
    guint64 data_offset;
    gboolean taken;  /* it is in the new archive */
    GError *problem; /* owned: why it is not */
} Item;

static gboolean damaged(GError **error, const char *what)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return FALSE;
}

static guint8 *room(GByteArray *array, gsize size)
{
    if (array->len < size)
        g_byte_array_set_size(array, (guint)size);
    return array->data;
}

/* Returns: whether the @stored_bytes at hand are the member, and in @out_consumed how many of them.
 */
static gboolean check_whole(Copy *copy, const CronosZipExtent *extent, const guint8 *stored,
                            gsize *out_consumed, GError **error)
{
    gsize size = (gsize)extent->size_bytes;
    const guint8 *decoded = stored;

    *out_consumed = (gsize)extent->stored_bytes;
    if (extent->method == ZIP_METHOD_DEFLATED) {
        guint8 *out = room(copy->decoded, size + 1);

        if (libdeflate_deflate_decompress_ex(copy->decompressor, stored, *out_consumed, out, size,
                                             out_consumed, NULL) != LIBDEFLATE_SUCCESS)
            return damaged(error, "the compressed bytes are damaged");
        decoded = out;
    }
    return libdeflate_crc32(0, decoded, size) == extent->crc32 ||
           damaged(error, "checksum mismatch");
}

static gboolean copy_whole(Copy *copy, Item *item, GError **error)
{
    const CronosZipExtent *extent = &item->remain->extent;
    guint8 *stored = room(copy->stored, (gsize)extent->stored_bytes + 1);
    gsize consumed;

    if (!cronos_zip_pread_exactly(copy->fd, stored, (gsize)extent->stored_bytes, item->data_offset,
                                  &item->problem) ||
        !check_whole(copy, extent, stored, &consumed, &item->problem))
        return TRUE;
    item->taken = TRUE;
    if (extent->method == ZIP_METHOD_STORED && g_str_equal(copy->path, CRONOS_METADATA_MEMBER))
        g_byte_array_append(copy->metadata, stored, (guint)consumed);
    return cronos_zip_writer_add(copy->zip, &item->member, extent->method, extent->crc32, stored,
                                 consumed, error);
}

static gboolean is_empty(const CronosZipExtent *extent)
{
    return extent->size_bytes == 0 && extent->stored_bytes == 0 && extent->crc32 == 0;
}

/* Folders, and files that are empty without a byte of deflate to say so. */
static gboolean copy_empty(Copy *copy, Item *item, GError **error)
{
    item->member.info.size_bytes = 0;
    item->taken = TRUE;
    return cronos_zip_writer_add(copy->zip, &item->member, ZIP_METHOD_STORED, 0, NULL, 0, error);
}

static gboolean begin(Copy *copy, const Item *item, GError **error)
{
    const CronosZipExtent *extent = &item->remain->extent;

    return cronos_zip_writer_begin(copy->zip, &item->member, extent->method,
                                   extent->size_bytes >= CRONOS_ZIP_ALIGNED_FROM_BYTES, error);
}

static gboolean append_stored(const guint8 *stored, gsize length, gpointer user_data,
                              GError **error)
{
    Copy *copy = user_data;

    cronos_tally_add(copy->tally, length, 0, copy->path);
    copy->write_failed = !cronos_tally_check(copy->tally, error) ||
                         !cronos_zip_writer_append(copy->zip, stored, length, error);
    return !copy->write_failed;
}

static gboolean copy_stream(Copy *copy, Item *item, GError **error)
{
    const CronosZipExtent *extent = &item->remain->extent;
    CronosZipMeasure measure;
    gboolean cut;

    if (!begin(copy, item, error))
        return FALSE;
    gboolean whole =
        cronos_zip_measurer_run(copy->measurer, item->data_offset, extent->stored_bytes,
                                extent->method, &measure, &cut, &item->problem);
    if (copy->write_failed) {
        g_propagate_error(error, g_steal_pointer(&item->problem));
        return FALSE;
    }
    if (whole && (measure.crc32 != extent->crc32 || measure.size_bytes != extent->size_bytes))
        whole = damaged(&item->problem, "checksum mismatch");
    item->taken = whole;
    return whole ? cronos_zip_writer_end(copy->zip, measure.crc32, measure.size_bytes, error)
                 : cronos_zip_writer_rollback(copy->zip, error);
}

/* Returns: (owned) the member's index as it lies in the damaged archive, or NULL. @out_problem:
 * what is wrong with it. */
static CronosSozipTable *load_index(Copy *copy, const Item *item, GError **out_problem)
{
    const CronosZipExtent *extent = &item->remain->extent;
    g_autofree guint8 *bytes = NULL;
    CronosZipHeader header = {0};
    guint64 data_offset;

    if (extent->method != ZIP_METHOD_DEFLATED || extent->size_bytes < INDEXED_FROM_BYTES ||
        !cronos_zip_locate(copy->fd, extent, copy->file_bytes, &data_offset, NULL) ||
        !cronos_zip_remains_header(copy->plan->remains, item->number, TRUE, &header, &bytes, NULL))
        return NULL;
    return cronos_sozip_table_load(copy->fd, extent, copy->file_bytes, (const char *)header.name,
                                   header.name_length, out_problem);
}

static gboolean read_chunk(Copy *copy, const Item *item, const CronosSozipChunk *chunk,
                           GError **error)
{
    if (chunk->size_bytes > CRONOS_SOZIP_CHUNK_MOST ||
        chunk->stored_bytes > 2 * (guint64)chunk->size_bytes + 65536)
        return damaged(error, "a chunk is too large");
    guint8 *stored = room(copy->stored, (gsize)chunk->stored_bytes + CRONOS_SOZIP_TAIL_BYTES);
    guint8 *decoded = room(copy->decoded, chunk->size_bytes);
    return cronos_zip_pread_exactly(copy->fd, stored, (gsize)chunk->stored_bytes,
                                    item->data_offset + chunk->stored_offset, error) &&
           cronos_sozip_decode_chunk(copy->decompressor, chunk, stored, decoded, error);
}

/* Copies all chunks. @out_builder: the new index. Returns: FALSE with @error, or with item->problem
 * where a chunk, or their sum, is not what it must be. */
static gboolean copy_chunks(Copy *copy, Item *item, const CronosSozipTable *table,
                            CronosSozipBuilder *builder, GError **error)
{
    const CronosZipExtent *extent = &item->remain->extent;
    guint32 crc32 = 0;

    for (guint64 i = 0; i < cronos_sozip_table_count(table); i++) {
        CronosSozipChunk chunk;

        cronos_sozip_table_chunk(table, i, &chunk);
        if (!read_chunk(copy, item, &chunk, &item->problem) ||
            !append_stored(copy->stored->data, (gsize)chunk.stored_bytes, copy, error))
            return FALSE;
        const guint8 *decoded = copy->decoded->data;
        cronos_sozip_builder_add(builder, (gsize)chunk.stored_bytes,
                                 libdeflate_crc32(0, decoded, chunk.size_bytes));
        crc32 = libdeflate_crc32(crc32, decoded, chunk.size_bytes);
    }
    return crc32 == extent->crc32 || damaged(&item->problem, "checksum mismatch");
}

static gboolean add_index(Copy *copy, const Item *item, CronosSozipBuilder *builder, GError **error)
{
    gsize size = 0, length = 0;
    g_autofree guint8 *index =
        cronos_sozip_builder_finish(builder, item->remain->extent.size_bytes, &size);
    g_autofree char *name =
        cronos_sozip_index_name(item->member.name, item->member.name_length, &length);

    return index == NULL || length >= G_MAXUINT16 ||
           cronos_zip_writer_add_hidden(copy->zip, name, length, index, size, error);
}

/* Leaves the item where it was if the chunks are not the member. */
static gboolean copy_indexed(Copy *copy, Item *item, const CronosSozipTable *table, GError **error)
{
    const CronosZipExtent *extent = &item->remain->extent;
    g_autoptr(CronosSozipBuilder) builder =
        cronos_sozip_builder_new(cronos_sozip_table_chunk_size(table));

    if (!begin(copy, item, error))
        return FALSE;
    if (!copy_chunks(copy, item, table, builder, error))
        return item->problem != NULL && cronos_zip_writer_rollback(copy->zip, error);
    item->taken = TRUE;
    return cronos_zip_writer_end(copy->zip, extent->crc32, extent->size_bytes, error) &&
           add_index(copy, item, builder, error);
}

static void note_index(Copy *copy, const GError *problem)
{
    g_autofree char *reason = g_strdup_printf(
        "left without its seek index (the member itself is whole): %s", problem->message);

    g_ptr_array_add(copy->result->notes, cronos_member_report(copy->path, reason));
}

static gboolean copy_file(Copy *copy, Item *item, GError **error)
{
    const CronosZipExtent *extent = &item->remain->extent;
    g_autoptr(GError) problem = NULL;
    g_autoptr(CronosSozipTable) table = load_index(copy, item, &problem);

    if (table != NULL && !copy_indexed(copy, item, table, error))
        return FALSE;
    if (item->taken)
        return TRUE;
    if (item->problem != NULL)
        problem = g_steal_pointer(&item->problem);
    gboolean small =
        extent->size_bytes <= WHOLE_BYTES && extent->stored_bytes <= WHOLE_STORED_BYTES;
    if (!(small ? copy_whole(copy, item, error) : copy_stream(copy, item, error)))
        return FALSE;
    if (small)
        cronos_tally_add(copy->tally, extent->stored_bytes, 0, copy->path);
    if (item->taken && problem != NULL)
        note_index(copy, problem);
    return TRUE;
}

static gboolean copy_item(Copy *copy, Item *item, gboolean directory, GError **error)
{
    g_autofree guint8 *bytes = NULL;
    CronosZipHeader header;

    if (!cronos_zip_remains_header(copy->plan->remains, item->number, FALSE, &header, &bytes,
                                   &item->problem) ||
        !cronos_zip_header_info(&header, directory, &item->member.info, &item->problem))
        return TRUE;
    item->member.info.size_bytes = item->remain->extent.size_bytes;
    if (item->member.name_length >= G_MAXUINT16)
        return damaged(&item->problem, "path too long for the format") || TRUE;
    if (directory || is_empty(&item->remain->extent))
        return copy_empty(copy, item, error);
    return copy_file(copy, item, error);
}

static gboolean copy_member(Copy *copy, guint32 number, guint32 node, GError **error)
{
    const CronosZipRemain *remain = cronos_zip_remains_get(copy->plan->remains, number);
    g_autofree char *reason = NULL;
    GString *path = cronos_salvage_plan_path(copy->plan, node);
    Item item = {
        .number = number,
        .remain = remain,
        .member = {.name = path->str, .name_length = path->len},
        .data_offset = remain->extent.header_offset + remain->header_bytes,
    };
    gboolean directory = (copy->plan->tree.nodes[node].flags & CRONOS_ZIP_NODE_DIRECTORY) != 0;

    copy->path = path->str;
    gboolean ok = copy_item(copy, &item, directory, error);
    if (ok && item.taken) {
        copy->result->members++;
        copy->result->bytes += item.member.info.size_bytes;
    } else if (ok) {
        g_ptr_array_add(copy->result->lost, cronos_member_report(path->str, item.problem->message));
    }
    cronos_tally_add(copy->tally, 0, 1, path->str);
    copy->path = NULL;
    g_clear_error(&item.problem);
    g_string_free(path, TRUE);
    return ok;
}

static void report_lost(Copy *copy, guint32 number, const char *reason)
{
    GString *name = cronos_salvage_name(copy->plan->remains, number);

    g_ptr_array_add(copy->result->lost, cronos_member_report(name->str, reason));
    g_string_free(name, TRUE);
}

/* Whether the member's name is one that an index would have. */
static gboolean is_index_name(const CronosSalvagePlan *plan, guint32 number)
{
    const gsize suffix = strlen(SOZIP_NAME_SUFFIX);

    if (plan->nodes[number] == CRONOS_ENTRY_NONE)
        return FALSE;
    const CronosZipNode *node = &plan->tree.nodes[plan->nodes[number]];
    return node->name_length > suffix &&
           memcmp(cronos_zip_node_name(&plan->tree, (const guint8 *)"", node) + node->name_length -
                      suffix,
                  SOZIP_NAME_SUFFIX, suffix) == 0;
}

static int compare_name_lengths(gconstpointer a, gconstpointer b, gpointer user_data)
{
    const CronosSalvagePlan *plan = user_data;
    guint32 left = *(const guint32 *)a, right = *(const guint32 *)b;
    guint16 left_length = plan->tree.nodes[plan->nodes[left]].name_length;
    guint16 right_length = plan->tree.nodes[plan->nodes[right]].name_length;

    if (left_length != right_length)
        return left_length > right_length ? -1 : 1;
    return left < right ? -1 : left > right;
}

/* Members that are named as an index is, and are none, must not come to lie right behind the member
 * that they would be the index of: they go first, longer names before shorter ones.
 * Returns: (owned) array of guint32, the numbers of all members. */
static GArray *order_members(const CronosSalvagePlan *plan)
{
    guint32 count = cronos_zip_remains_count(plan->remains);
    GArray *order = g_array_sized_new(FALSE, FALSE, sizeof(guint32), count);

    for (guint32 i = 0; i < count; i++)
        if (is_index_name(plan, i))
            g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_name_lengths, (gpointer)(guintptr)plan);
    for (guint32 i = 0; i < count; i++)
        if (!is_index_name(plan, i))
            g_array_append_val(order, i);
    return order;
}

static gboolean copy_members(Copy *copy, GError **error)
{
    g_autoptr(GArray) order = order_members(copy->plan);

    for (guint i = 0; i < order->len; i++) {
        guint32 number = g_array_index(order, guint32, i);
        const char *reason = cronos_zip_remains_get(copy->plan->remains, number)->reason;
        guint32 node = copy->plan->nodes[number];

        if (!cronos_tally_check(copy->tally, error))
            return FALSE;
        if (reason != NULL)
            report_lost(copy, number, reason);
        else if (node != CRONOS_ENTRY_NONE && !copy_member(copy, number, node, error))
            return FALSE;
    }
    return TRUE;
}

static void expect(const Copy *copy)
{
    const CronosZipRemains *remains = copy->plan->remains;

    for (guint32 i = 0; i < cronos_zip_remains_count(remains); i++)
        if (copy->plan->nodes[i] != CRONOS_ENTRY_NONE)
            cronos_tally_expect(copy->tally,
                                cronos_zip_remains_get(remains, i)->extent.stored_bytes, 1);
}

static gboolean finish(Copy *copy, GError **error)
{
    gsize length = 0;
    guint32 directory_crc32;
    const char *told = cronos_zip_remains_comment(copy->plan->remains, &length);
    g_autofree char *salvaged = cronos_metadata_salvaged_comment(
        told, length, (const char *)copy->metadata->data, copy->metadata->len, &length);

    if (!cronos_zip_writer_write_directory(copy->zip, &directory_crc32, error))
        return FALSE;
    g_autofree char *comment = cronos_metadata_seal(salvaged, length, directory_crc32, &length);
    return cronos_zip_writer_finish(copy->zip, comment, length, error);
}

gboolean cronos_salvage_copy(int fd, int out_fd, const CronosSalvagePlan *plan, CronosTally *tally,
                             CronosSalvageResult *result, GError **error)
{
    g_autoptr(CronosZipWriter) zip = cronos_zip_writer_new(out_fd);
    g_autoptr(GByteArray) stored = g_byte_array_new();
    g_autoptr(GByteArray) decoded = g_byte_array_new();
    g_autoptr(GByteArray) metadata = g_byte_array_new();
    struct stat st;
    Copy copy = {
        .fd = fd,
        .plan = plan,
        .zip = zip,
        .tally = tally,
        .result = result,
        .decompressor = libdeflate_alloc_decompressor(),
        .stored = stored,
        .decoded = decoded,
        .metadata = metadata,
    };

    if (copy.decompressor == NULL)
        g_error("out of memory for a deflate decompressor");
    copy.measurer = cronos_zip_measurer_new(fd, append_stored, &copy);
    copy.file_bytes = fstat(fd, &st) == 0 ? (guint64)st.st_size : 0;
    expect(&copy);
    gboolean ok = copy_members(&copy, error) && finish(&copy, error);
    libdeflate_free_decompressor(copy.decompressor);
    cronos_zip_measurer_free(copy.measurer);
    result->archive_bytes = cronos_zip_writer_position(zip);
    return ok;
}
