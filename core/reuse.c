/* SPDX-License-Identifier: MIT
 * reuse.c - which members can be taken over, and taking small ones over, many at a time */
#include "core/error.h"
#include "core/file-time.h"
#include "core/reuse-private.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-reader.h"

#include <string.h>

/* Members this near to each other are read at once, with what lies between them. */
#define GAP_BYTES_MAX 4096u
#define RUN_BYTES_MAX ((gsize)4 << 20)
/* Extra fields of our local headers: a time, ZIP64, padding before large members. */
#define EXTRA_GUESS 64u

CronosReuseReader *cronos_reuse_reader_new(const CronosReuse *reuse)
{
    CronosReuseReader *reader = g_new0(CronosReuseReader, 1);

    reader->reuse = reuse;
    reader->decompressor = libdeflate_alloc_decompressor();
    if (reader->decompressor == NULL)
        g_error("out of memory for a deflate decompressor");
    reader->folder = g_string_new(NULL);
    reader->entry = CRONOS_ENTRY_ROOT;
    return reader;
}

void cronos_reuse_reader_free(CronosReuseReader *reader)
{
    if (reader == NULL)
        return;
    libdeflate_free_decompressor(reader->decompressor);
    g_string_free(reader->folder, TRUE);
    g_free(reader->decoded);
    g_free(reader);
}

guint8 *cronos_reuse_reader_room(CronosReuseReader *reader, gsize size, GError **error)
{
    if (reader->decoded_room >= size && reader->decoded != NULL)
        return reader->decoded;
    g_free(reader->decoded);
    reader->decoded_room = MAX(size, (gsize)64 << 10);
    reader->decoded = g_try_malloc(reader->decoded_room);
    if (reader->decoded == NULL) {
        reader->decoded_room = 0;
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                            "not enough memory to check the member");
    }
    return reader->decoded;
}

/* Has reader->entry be the folder that holds the last component of @path, which is not "".
 * Returns: that component. */
static const char *enter_folder(CronosReuseReader *reader, const char *path, gsize path_length)
{
    const CronosZipIndex *index = reader->reuse->index;
    const char *slash = memrchr(path, '/', path_length);
    gsize folder_length = slash == NULL ? 0 : (gsize)(slash - path);

    if (reader->folder->len != folder_length ||
        memcmp(reader->folder->str, path, folder_length) != 0) {
        g_string_truncate(reader->folder, 0);
        g_string_append_len(reader->folder, path, (gssize)folder_length);
        reader->entry = CRONOS_ENTRY_ROOT;
        for (gsize at = 0; at < folder_length && reader->entry != CRONOS_ENTRY_NONE;) {
            const char *next = memchr(path + at, '/', folder_length - at);
            gsize end = next == NULL ? folder_length : (gsize)(next - path);

            reader->entry = cronos_zip_index_lookup(index, reader->entry, path + at, end - at);
            at = end + 1;
        }
    }
    return slash == NULL ? path : slash + 1;
}

static guint32 look_up(CronosReuseReader *reader, const char *path, gsize path_length)
{
    const char *name = enter_folder(reader, path, path_length);

    if (reader->entry == CRONOS_ENTRY_NONE)
        return CRONOS_ENTRY_NONE;
    return cronos_zip_index_lookup(reader->reuse->index, reader->entry, name,
                                   path_length - (gsize)(name - path));
}

/* A modification time beyond now is what somebody set it to, and what that leaves of a later change
 * is its ctime; one in the past is heeded for file systems that know no ctime. */
static gboolean is_settled(const CronosReuse *reuse, const CronosMemberInfo *walked)
{
    return cronos_file_time_is_earlier(walked->ctime_ns, reuse->started_ns) &&
           (cronos_file_time_is_earlier(walked->mtime_ns, reuse->started_ns) ||
            walked->mtime_ns > reuse->opened_ns);
}

static gboolean is_unchanged(const CronosReuse *reuse, const CronosMemberInfo *recorded,
                             const CronosMemberInfo *walked)
{
    return recorded->has_identity && walked->has_identity && recorded->kind == walked->kind &&
           recorded->size_bytes == walked->size_bytes && recorded->inode == walked->inode &&
           recorded->mtime_ns == walked->mtime_ns && recorded->ctime_ns == walked->ctime_ns &&
           is_settled(reuse, walked);
}

gboolean cronos_reuse_find(CronosReuseReader *reader, const char *path, gsize path_length,
                           const CronosMemberInfo *info, CronosZipExtent *out_extent)
{
    const CronosReuse *reuse = reader->reuse;
    CronosMemberInfo recorded;

    if (info->kind != CRONOS_MEMBER_FILE)
        return FALSE;
    guint32 entry = look_up(reader, path, path_length);
    if (entry == CRONOS_ENTRY_NONE ||
        !cronos_zip_index_info(reuse->index, entry, &recorded, NULL) ||
        !is_unchanged(reuse, &recorded, info) ||
        !cronos_zip_index_extent(reuse->index, entry, out_extent, NULL))
        return FALSE;
    return cronos_zip_check_readable(out_extent, NULL) &&
           out_extent->size_bytes == info->size_bytes &&
           out_extent->stored_bytes <= out_extent->size_bytes;
}

CronosReuseState cronos_reuse_compare(CronosReuseReader *reader, const char *path,
                                      gsize path_length, const CronosMemberInfo *info)
{
    const CronosReuse *reuse = reader->reuse;
    guint32 entry = look_up(reader, path, path_length);
    gboolean folder = info->kind == CRONOS_MEMBER_DIRECTORY;
    CronosMemberInfo recorded;

    if (entry == CRONOS_ENTRY_NONE || cronos_zip_index_is_directory(reuse->index, entry) != folder)
        return CRONOS_REUSE_ABSENT;
    if (!cronos_zip_index_info(reuse->index, entry, &recorded, NULL) || recorded.implied ||
        recorded.mode != info->mode || recorded.uid != info->uid || recorded.gid != info->gid)
        return CRONOS_REUSE_CHANGED;
    return folder || is_unchanged(reuse, &recorded, info) ? CRONOS_REUSE_HELD
                                                          : CRONOS_REUSE_CHANGED;
}

static gboolean damaged(GError **error, const char *what)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return FALSE;
}

static gboolean check_bytes(CronosReuseReader *reader, const CronosZipExtent *extent,
                            const guint8 *stored, GError **error)
{
    gsize stored_bytes = (gsize)extent->stored_bytes, consumed = 0;
    gsize size = (gsize)extent->size_bytes;
    const guint8 *decoded = stored;

    if (extent->method == ZIP_METHOD_DEFLATED) {
        guint8 *room = cronos_reuse_reader_room(reader, size, error);

        if (room == NULL)
            return FALSE;
        if (libdeflate_deflate_decompress_ex(reader->decompressor, stored, stored_bytes, room, size,
                                             &consumed, NULL) != LIBDEFLATE_SUCCESS ||
            consumed != stored_bytes)
            return damaged(error, "the compressed bytes are damaged");
        decoded = room;
    }
    return libdeflate_crc32(0, decoded, size) == extent->crc32 ||
           damaged(error, "checksum mismatch");
}

/* Members that one read brings in: a part of the array given to cronos_reuse_take. */
typedef struct {
    CronosReuseMember *members;
    guint count;
    guint64 start; /* in the file */
    gsize bytes;
    gsize offset; /* in the array */
} Run;

/* Where @member will be over at the latest, if its extra fields are as ours are. */
static guint64 expected_end(const CronosReuse *reuse, const CronosReuseMember *member,
                            const CronosReuseMember *next)
{
    const CronosZipExtent *extent = &member->extent;
    guint64 end =
        extent->header_offset + ZIP_LOCAL_SIZE + member->name_length + extent->stored_bytes;

    if (next != NULL && next->extent.header_offset >= end &&
        next->extent.header_offset - end <= GAP_BYTES_MAX)
        return next->extent.header_offset;
    return MIN(end + EXTRA_GUESS, reuse->limit);
}

/* Takes as many of @members as lie one behind the other. */
static void plan_run(const CronosReuse *reuse, CronosReuseMember *members, guint count, Run *run)
{
    guint64 end = 0;

    *run = (Run){.members = members, .start = members->extent.header_offset};
    while (run->count < count) {
        CronosReuseMember *member = members + run->count;
        CronosReuseMember *next = run->count + 1 < count ? member + 1 : NULL;

        if (run->count > 0 && (member->extent.header_offset != end || end >= reuse->limit))
            break;
        guint64 after = expected_end(reuse, member, next);
        if (run->count > 0 && after - run->start > RUN_BYTES_MAX)
            break;
        end = after;
        run->count++;
    }
    run->bytes = (gsize)(end - run->start);
}

/* Finds the stored bytes of @member among those of @run, or reads them by themselves. */
static gboolean place_member(CronosReuseReader *reader, const Run *run, CronosReuseMember *member,
                             GByteArray *out, GError **error)
{
    const CronosReuse *reuse = reader->reuse;
    const CronosZipExtent *extent = &member->extent;
    gsize lead = (gsize)(extent->header_offset - run->start);
    guint64 data_offset;

    if (lead >= run->bytes)
        return damaged(error, "the file ends before the member");
    if (!cronos_zip_locate_in(reuse->fd, out->data + run->offset + lead, run->bytes - lead, extent,
                              reuse->limit, &data_offset, error))
        return FALSE;
    if (data_offset + extent->stored_bytes <= run->start + run->bytes) {
        member->offset = run->offset + (gsize)(data_offset - run->start);
        return TRUE;
    }
    member->offset = out->len;
    g_byte_array_set_size(out, out->len + (guint)extent->stored_bytes);
    return cronos_zip_pread_exactly(reuse->fd, out->data + member->offset,
                                    (gsize)extent->stored_bytes, data_offset, error);
}

static gboolean read_run(CronosReuseReader *reader, Run *run, GByteArray *out, GError **error)
{
    run->offset = out->len;
    g_byte_array_set_size(out, out->len + (guint)run->bytes);
    gssize got =
        cronos_zip_pread(reader->reuse->fd, out->data + run->offset, run->bytes, run->start, error);
    run->bytes = got < 0 ? 0 : (gsize)got;
    g_byte_array_set_size(out, (guint)(run->offset + run->bytes));
    return got >= 0;
}

static void take_run(CronosReuseReader *reader, Run *run, GByteArray *out)
{
    g_autoptr(GError) error = NULL;

    if (!read_run(reader, run, out, &error)) {
        if (run->count == 1)
            run->members->error = g_steal_pointer(&error);
        /* What ails one place of the disk shall not cost its neighbours. */
        for (guint i = 0; run->count > 1 && i < run->count; i++)
            cronos_reuse_take(reader, run->members + i, 1, out);
        return;
    }
    for (guint i = 0; i < run->count; i++) {
        CronosReuseMember *member = run->members + i;

        if (place_member(reader, run, member, out, &member->error))
            check_bytes(reader, &member->extent, out->data + member->offset, &member->error);
    }
}

void cronos_reuse_take(CronosReuseReader *reader, CronosReuseMember *members, guint count,
                       GByteArray *out)
{
    for (guint i = 0; i < count;) {
        Run run;

        members[i].error = NULL;
        if (members[i].extent.header_offset >= reader->reuse->limit) {
            damaged(&members[i].error, "the member's offset lies behind the other members");
            i++;
            continue;
        }
        plan_run(reader->reuse, members + i, count - i, &run);
        for (guint j = 0; j < run.count; j++)
            run.members[j].error = NULL;
        take_run(reader, &run, out);
        i += run.count;
    }
}
