/* SPDX-License-Identifier: MIT
 * archive-libarchive-index.c - one pass over an archive, and the tree of its members
 *
 * Names are put together in the arena of core/zip's builder; of a path whose folders are known
 * already, only the last component stays there. */
#include "core/archive-libarchive-index.h"

#include "core/archive-libarchive-input.h"
#include "core/error.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-tree-private.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)
#define SECONDS_MAX (G_MAXINT64 / NS_PER_SECOND - 1)
#define ARENA_MAX (1u << 30)
#define PATH_BYTES_MAX 65535u
#define TAR_BLOCK 512u
#define TAR_CHECKSUM 148u
#define TAR_CHECKSUM_BYTES 8u

typedef struct {
    guint32 record;
    char *path; /* what it leads to */
} HardLink;

typedef struct {
    CronosZipBuild build; /* first: notes come back by it */
    CronosLibarchiveIndex *index;
    CronosLibarchiveHandle *handle;
    int fd;
    guint64 file_bytes, decoded_max;
    GArray *records;    /* of CronosLibarchiveRecord */
    GArray *hard_links; /* of HardLink */
    guint64 link_bytes; /* in hard_links */
    guint32 record;     /* the one that is being added */
    const char *path;   /* its path */
    gsize path_length;
} Builder;

static void hard_link_clear(gpointer data)
{
    g_free(((HardLink *)data)->path);
}

/* Returns: (owned) the path of a node that was met, from the nodes above it. */
static GString *node_path(const CronosZipBuild *build, guint32 id)
{
    GString *path = g_string_new(NULL);

    for (; id != CRONOS_ENTRY_ROOT; id = build->nodes[id].parent) {
        const CronosZipNode *node = &build->nodes[id];

        g_string_prepend(path, path->len > 0 ? "/" : "");
        g_string_prepend_len(path, cronos_zip_build_name(build, node), node->name_length);
    }
    return path;
}

static void note(CronosZipBuild *build, guint32 header, const char *what)
{
    const Builder *builder = (const Builder *)build;

    if (build->repairs++ >= CRONOS_ZIP_REPAIR_NOTES)
        return;
    g_autoptr(GString) met = NULL;
    const char *path = builder->path;
    gsize length = builder->path_length;
    if (header != builder->record) {
        met =
            node_path(build, g_array_index(builder->records, CronosLibarchiveRecord, header).node);
        path = met->str;
        length = met->len;
    }
    gboolean cut = length > CRONOS_ZIP_COMPONENT_MAX;
    g_autofree char *quoted = cronos_quote_bytes(path, cut ? CRONOS_ZIP_COMPONENT_MAX : length);
    g_ptr_array_add(build->notes, g_strdup_printf("%s%s: %s", quoted, cut ? "..." : "", what));
}

static gint64 entry_time(struct archive_entry *entry)
{
    gint64 seconds = (gint64)archive_entry_mtime(entry);

    if (!archive_entry_mtime_is_set(entry))
        return 0;
    seconds = CLAMP(seconds, -SECONDS_MAX, SECONDS_MAX);
    return seconds * NS_PER_SECOND + CLAMP(archive_entry_mtime_nsec(entry), 0, NS_PER_SECOND - 1);
}

/* A header block of tar is one whose bytes add up to the sum it holds. */
static gboolean is_tar_header(const guint8 *block)
{
    guint sum = 0, stored = 0, i = TAR_CHECKSUM;

    for (guint at = 0; at < TAR_BLOCK; at++)
        sum += at - TAR_CHECKSUM < TAR_CHECKSUM_BYTES ? ' ' : block[at];
    while (i < TAR_CHECKSUM + TAR_CHECKSUM_BYTES && block[i] == ' ')
        i++;
    for (; i < TAR_CHECKSUM + TAR_CHECKSUM_BYTES && block[i] >= '0' && block[i] <= '7'; i++)
        stored = stored * 8 + (block[i] - '0');
    return sum == stored;
}

/* The data of a member of a plain tar lies behind its last header block, unless it is sparse.
 * libarchive has read just as far; that it is so is checked, since nobody promises it. */
static guint64 find_data(const Builder *builder, struct archive_entry *entry, guint64 size_bytes)
{
    struct archive *archive = cronos_libarchive_handle_archive(builder->handle);
    guint64 offset = (guint64)archive_filter_bytes(archive, 0);
    guint8 block[TAR_BLOCK];

    if ((archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_TAR ||
        cronos_libarchive_handle_is_solid(builder->handle) ||
        archive_entry_sparse_count(entry) > 0 || offset < TAR_BLOCK || offset % TAR_BLOCK != 0 ||
        offset > builder->file_bytes || size_bytes > builder->file_bytes - offset)
        return CRONOS_LIBARCHIVE_NOT_DIRECT;
    if (!cronos_zip_pread_exactly(builder->fd, block, sizeof block, offset - TAR_BLOCK, NULL) ||
        !is_tar_header(block))
        return CRONOS_LIBARCHIVE_NOT_DIRECT;
    return offset;
}

static CronosLibarchiveRecord *append_record(Builder *builder, struct archive_entry *entry)
{
    CronosLibarchiveRecord record = {
        .size_bytes = cronos_libarchive_handle_size(builder->handle),
        .place = cronos_libarchive_handle_place(builder->handle),
        .data_offset = CRONOS_LIBARCHIVE_NOT_DIRECT,
        .mtime_ns = entry_time(entry),
        .mode = (guint32)archive_entry_mode(entry),
        .uid = (guint32)archive_entry_uid(entry),
        .gid = (guint32)archive_entry_gid(entry),
        .data = builder->record,
    };

    if ((record.mode & S_IFMT) == 0)
        record.mode |= S_IFREG;
    if (record.size_bytes > 0)
        record.data_offset = find_data(builder, entry, record.size_bytes);
    g_array_append_val(builder->records, record);
    return &g_array_index(builder->records, CronosLibarchiveRecord, builder->record);
}

static const char *entry_path(struct archive_entry *entry)
{
    const char *path = archive_entry_pathname(entry);

    return path != NULL ? path : archive_entry_pathname_utf8(entry);
}

static const char *hard_link_path(struct archive_entry *entry)
{
    const char *path = archive_entry_hardlink(entry);

    return path != NULL ? path : archive_entry_hardlink_utf8(entry);
}

static const char *symlink_target(struct archive_entry *entry)
{
    const char *target = archive_entry_symlink(entry);

    if (target == NULL)
        target = archive_entry_symlink_utf8(entry);
    return target != NULL ? target : "";
}

/* One byte too many tells a reader that the target is too long. */
static void keep_target(Builder *builder, CronosLibarchiveRecord *record, const char *target)
{
    gsize length = strnlen(target, PATH_MAX + 1);

    record->target = builder->build.arena->len;
    record->target_length = (guint32)length;
    record->size_bytes = length;
    g_byte_array_append(builder->build.arena, (const guint8 *)target, (guint)length);
}

static void add_path(Builder *builder, gboolean directory)
{
    CronosZipBuild *build = &builder->build;

    build->implied_max = (guint32)MIN((guint64)build->implied_max + builder->path_length / 8,
                                      CRONOS_LIBARCHIVE_MEMBERS_MAX);
    cronos_zip_build_add_copy(build, builder->path, builder->path_length, directory, FALSE,
                              builder->record);
}

/* Returns: how much will have been decoded when the member is passed, as far as its header can be
 * believed. */
static guint64 decoded_bytes(const Builder *builder)
{
    struct archive *archive = cronos_libarchive_handle_archive(builder->handle);
    gboolean seven_zip =
        (archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_7ZIP;
    guint64 before = seven_zip ? cronos_libarchive_handle_place(builder->handle)
                               : (guint64)archive_filter_bytes(archive, 0);
    guint64 size = cronos_libarchive_handle_size(builder->handle), sum;

    if (!cronos_libarchive_handle_is_solid(builder->handle))
        return 0;
    if (archive_entry_sparse_count(cronos_libarchive_handle_entry(builder->handle)) > 0)
        size = 0;
    return __builtin_add_overflow(before, size, &sum) ? G_MAXUINT64 : sum;
}

static gboolean has_room(const Builder *builder, GError **error)
{
    const char *what = NULL;

    if (decoded_bytes(builder) > builder->decoded_max) {
        cronos_libarchive_set_too_much(error);
        return FALSE;
    }
    if (builder->record >= CRONOS_LIBARCHIVE_MEMBERS_MAX)
        what = "the archive has more than 10,000,000 members";
    else if (builder->build.arena->len + builder->link_bytes > ARENA_MAX)
        what = "the names in the archive take more than 1 GiB";
    if (what != NULL)
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED, what);
    return what == NULL;
}

static void add_hard_link(Builder *builder, const char *path)
{
    /* g_strndup alone would take the room of the longest path for each. */
    gsize length = strnlen(path, PATH_BYTES_MAX);
    HardLink link = {.record = builder->record, .path = g_strndup(path, length)};

    builder->link_bytes += sizeof link + length;
    g_array_append_val(builder->hard_links, link);
}

static void add_member(Builder *builder, struct archive_entry *entry)
{
    CronosLibarchiveRecord *record = append_record(builder, entry);
    const char *path = entry_path(entry), *leads_to = hard_link_path(entry);
    guint32 type = record->mode & S_IFMT;
    const char *why = NULL;

    builder->path = path != NULL ? path : "";
    builder->path_length = strlen(builder->path);
    if (leads_to != NULL) {
        type = S_IFREG;
        add_hard_link(builder, leads_to);
    } else if (type == S_IFLNK) {
        keep_target(builder, record, symlink_target(entry));
    }
    if (path == NULL)
        why = "left out: its name can not be read";
    else if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK)
        why = "left out: a device, FIFO or socket";
    else if (builder->path_length > PATH_BYTES_MAX)
        why = "left out: its path is too long";
    if (why != NULL) {
        note(&builder->build, builder->record, why);
        return;
    }
    add_path(builder, type == S_IFDIR);
    record->node = builder->build.count - 1;
}

/* A tar that ends without a block of zeros may have been cut between two members. In a compressed
 * one the decoder would have told. */
static void check_end(Builder *builder)
{
    struct archive *archive = cronos_libarchive_handle_archive(builder->handle);
    guint64 end = (guint64)archive_filter_bytes(archive, 0);
    guint8 block[TAR_BLOCK];

    if ((archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_TAR ||
        cronos_libarchive_handle_is_solid(builder->handle) || end < TAR_BLOCK ||
        !cronos_zip_pread_exactly(builder->fd, block, sizeof block, end - TAR_BLOCK, NULL))
        return;
    if (block[0] == 0 && memcmp(block, block + 1, sizeof block - 1) == 0)
        return;
    if (builder->build.repairs++ < CRONOS_ZIP_REPAIR_NOTES)
        g_ptr_array_add(builder->build.notes,
                        g_strdup("the mark of the archive's end is missing: it may have been cut"));
}

static gboolean read_members(Builder *builder, GError **error)
{
    CronosLibarchiveStep step;

    while ((step = cronos_libarchive_handle_next(builder->handle, error)) ==
           CRONOS_LIBARCHIVE_MEMBER) {
        builder->record = cronos_libarchive_handle_ordinal(builder->handle);
        if (!has_room(builder, error))
            return FALSE;
        locale_t before = cronos_libarchive_handle_enter(builder->handle);
        add_member(builder, cronos_libarchive_handle_entry(builder->handle));
        cronos_libarchive_handle_leave(before);
    }
    builder->record = CRONOS_LIBARCHIVE_NO_RECORD;
    if (step != CRONOS_LIBARCHIVE_END)
        return FALSE;
    check_end(builder);
    return TRUE;
}

/* Returns: the record of what @path names in the finished tree, or NO_RECORD. */
static guint32 find_record(const CronosLibarchiveIndex *index, const char *path)
{
    guint32 node = CRONOS_ENTRY_ROOT;

    while (*path != '\0' && node != CRONOS_ENTRY_NONE) {
        gsize length = strcspn(path, "/");

        if (length > 0 && (length > 1 || path[0] != '.'))
            node = cronos_zip_tree_lookup(&index->tree, NULL, node, path, length);
        path += length + (path[length] == '/');
    }
    if (node == CRONOS_ENTRY_NONE || (index->tree.nodes[node].flags & CRONOS_ZIP_NODE_DIRECTORY))
        return CRONOS_LIBARCHIVE_NO_RECORD;
    return index->tree.nodes[node].header;
}

/* Follows links that were resolved before; these never lead in a circle. Each step halves the way
 * for who comes after, or long chains would take ages. Returns: the record with the data, or
 * NO_RECORD. */
static guint32 follow(CronosLibarchiveIndex *index, guint32 record)
{
    CronosLibarchiveRecord *records = index->records;

    while (record != CRONOS_LIBARCHIVE_NO_RECORD && records[record].data != record) {
        guint32 next = records[record].data;

        if (next != CRONOS_LIBARCHIVE_NO_RECORD)
            records[record].data = records[next].data;
        record = records[record].data;
    }
    return record;
}

/* In tar, a link leads to a file that came before. In cpio, all names of a file but the last one
 * come without its data: where a link brings some, it is what it leads to that lacks them. */
static void resolve(CronosLibarchiveIndex *index, const HardLink *link)
{
    CronosLibarchiveRecord *record = &index->records[link->record];
    guint32 found = follow(index, find_record(index, link->path));

    if (found == link->record) /* by itself, or by others that lead back to it */
        found = CRONOS_LIBARCHIVE_NO_RECORD;
    if (record->size_bytes == 0) {
        record->data = found;
        if (found != CRONOS_LIBARCHIVE_NO_RECORD)
            index->records[found].shared = TRUE;
        return;
    }
    if ((record->mode & S_IFMT) != S_IFREG)
        record->mode = S_IFREG | (record->mode & 07777);
    if (found != CRONOS_LIBARCHIVE_NO_RECORD && index->records[found].size_bytes == 0 &&
        (index->records[found].mode & S_IFMT) == S_IFREG) {
        index->records[found].data = link->record;
        record->shared = TRUE;
    }
}

static void resolve_all(CronosLibarchiveIndex *index, const GArray *links)
{
    for (guint i = 0; i < links->len; i++)
        resolve(index, &g_array_index(links, HardLink, i));
    for (guint i = 0; i < links->len; i++) {
        guint32 record = g_array_index(links, HardLink, i).record;

        index->records[record].data = follow(index, record);
    }
}

static void finish(Builder *builder, gboolean ok)
{
    CronosLibarchiveIndex *index = builder->index;
    struct archive *archive =
        builder->handle != NULL ? cronos_libarchive_handle_archive(builder->handle) : NULL;

    cronos_zip_build_finish(&builder->build, ok, &index->tree);
    index->count = builder->records->len;
    index->records =
        g_renew(CronosLibarchiveRecord,
                (CronosLibarchiveRecord *)(void *)g_array_free(builder->records, FALSE),
                MAX(index->count, 1));
    index->direct = TRUE;
    for (guint32 i = 0; i < index->count; i++) {
        const CronosLibarchiveRecord *record = &index->records[i];

        index->direct &= record->size_bytes == 0 || (record->mode & S_IFMT) != S_IFREG ||
                         record->data_offset != CRONOS_LIBARCHIVE_NOT_DIRECT;
        if (__builtin_add_overflow(index->total_bytes, record->size_bytes, &index->total_bytes))
            index->total_bytes = G_MAXUINT64;
    }
    if (ok) {
        int format = archive_format(archive), base = format & ARCHIVE_FORMAT_BASE_MASK;

        resolve_all(index, builder->hard_links);
        index->solid = cronos_libarchive_handle_is_solid(builder->handle);
        index->has_owner = base == ARCHIVE_FORMAT_TAR || base == ARCHIVE_FORMAT_CPIO ||
                           format == ARCHIVE_FORMAT_ISO9660_ROCKRIDGE;
    }
    g_array_unref(builder->hard_links);
    cronos_libarchive_handle_free(builder->handle);
}

gboolean cronos_libarchive_index_build(CronosLibarchiveIndex *index, CronosLibarchiveSource *source,
                                       GError **error)
{
    Builder builder = {.index = index,
                       .fd = source->fd,
                       .file_bytes = source->end - source->start,
                       .decoded_max = source->decoded_max,
                       .record = CRONOS_LIBARCHIVE_NO_RECORD,
                       .build.note = note};
    g_autoptr(CronosZipMapping) nothing = cronos_zip_mapping_new(source->fd, 0, 0, error);

    if (nothing == NULL)
        return FALSE;
    builder.records = g_array_new(FALSE, FALSE, sizeof(CronosLibarchiveRecord));
    builder.hard_links = g_array_new(FALSE, FALSE, sizeof(HardLink));
    g_array_set_clear_func(builder.hard_links, hard_link_clear);
    cronos_zip_build_start(&builder.build, nothing, 0, 0);
    builder.handle = cronos_libarchive_handle_open(source, error);
    gboolean ok = builder.handle != NULL && read_members(&builder, error);
    finish(&builder, ok);
    if (!ok)
        cronos_libarchive_index_clear(index);
    return ok;
}

void cronos_libarchive_index_clear(CronosLibarchiveIndex *index)
{
    cronos_zip_tree_clear(&index->tree);
    g_clear_pointer(&index->records, g_free);
}
