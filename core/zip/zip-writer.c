/* SPDX-License-Identifier: MIT
 * zip-writer.c - members into one ZIP file, in order
 *
 * States: between members, or inside one (begin .. end or rollback).  A member inside has no
 * central entry yet, so taking it back is cutting the file where it began. */
#include "core/zip/zip-writer.h"
#include "core/error.h"
#include "core/zip/zip-directory.h"
#include "core/zip/zip-format.h"

#include <errno.h>
#include <libdeflate.h>
#include <sys/stat.h>

#define ALIGNMENT 4096u
/* Sizes from here on get room for ZIP64 when only the decoded size is known: a deflate stream can
 * be longer than its input, though never by as much as this leaves. */
#define ZIP64_ROOM_FROM 0xf0000000u

struct CronosZipWriter {
    CronosZipOutput *output;
    CronosZipDirectory *directory;
    GByteArray *header; /* scratch */

    gboolean reserved; /* the first member is, and is not in the directory yet */
    CronosZipRecord reserved_record;
    char *reserved_name;
    guint64 reserved_data;

    gboolean inside;
    CronosZipRecord record;
    char *name;
    gboolean zip64;
    guint64 data_offset;

    gboolean ended; /* the directory is written */
    guint64 directory_offset;
};

CronosZipWriter *cronos_zip_writer_new(int fd)
{
    CronosZipWriter *writer = g_new0(CronosZipWriter, 1);

    writer->output = cronos_zip_output_new(fd);
    writer->directory = cronos_zip_directory_new();
    writer->header = g_byte_array_new();
    return writer;
}

void cronos_zip_writer_free(CronosZipWriter *writer)
{
    if (writer == NULL)
        return;
    cronos_zip_output_free(writer->output);
    cronos_zip_directory_free(writer->directory);
    g_byte_array_unref(writer->header);
    g_free(writer->reserved_name);
    g_free(writer->name);
    g_free(writer);
}

guint64 cronos_zip_writer_position(const CronosZipWriter *writer)
{
    return cronos_zip_output_position(writer->output);
}

static gboolean check_name(const CronosZipMember *member, GError **error)
{
    if (member->name_length > 0 && member->name_length <= ZIP_NAME_MAX)
        return TRUE;
    cronos_error_set_system(error, ENAMETOOLONG, "can not name a member");
    return FALSE;
}

static CronosZipRecord record_of(const CronosZipWriter *writer, const CronosZipMember *member,
                                 guint16 method)
{
    return (CronosZipRecord){
        .name = member->name,
        .name_length = member->name_length,
        .info = member->info,
        .method = method,
        .header_offset = cronos_zip_writer_position(writer),
    };
}

static gboolean write_local(CronosZipWriter *writer, const CronosZipRecord *record, gboolean zip64,
                            guint align, GError **error)
{
    g_byte_array_set_size(writer->header, 0);
    cronos_zip_record_append_local(record, zip64, align, writer->header);
    return cronos_zip_output_append(writer->output, writer->header->data, writer->header->len,
                                    error);
}

gboolean cronos_zip_writer_add(CronosZipWriter *writer, const CronosZipMember *member,
                               guint16 method, guint32 crc32, const void *stored,
                               gsize stored_bytes, GError **error)
{
    CronosZipRecord record = record_of(writer, member, method);

    g_return_val_if_fail(!writer->inside, FALSE);
    if (!check_name(member, error))
        return FALSE;
    record.crc32 = crc32;
    record.info.stored_bytes = stored_bytes;
    if (!write_local(writer, &record, cronos_zip_record_needs_zip64(&record), 0, error) ||
        !cronos_zip_output_append(writer->output, stored, stored_bytes, error))
        return FALSE;
    cronos_zip_directory_add(writer->directory, &record);
    return TRUE;
}

gboolean cronos_zip_writer_begin(CronosZipWriter *writer, const CronosZipMember *member,
                                 guint16 method, gboolean aligned, GError **error)
{
    g_return_val_if_fail(!writer->inside, FALSE);
    if (!check_name(member, error))
        return FALSE;
    g_free(writer->name);
    writer->name = g_strndup(member->name, member->name_length);
    writer->record = record_of(writer, member, method);
    writer->record.name = writer->name;
    writer->record.info.stored_bytes = 0;
    writer->zip64 = member->info.size_bytes >= ZIP64_ROOM_FROM;
    if (!write_local(writer, &writer->record, writer->zip64, aligned ? ALIGNMENT : 0, error))
        return FALSE;
    writer->data_offset = cronos_zip_writer_position(writer);
    writer->inside = TRUE;
    return TRUE;
}

gboolean cronos_zip_writer_append(CronosZipWriter *writer, const void *stored, gsize stored_bytes,
                                  GError **error)
{
    g_return_val_if_fail(writer->inside, FALSE);
    return cronos_zip_output_append(writer->output, stored, stored_bytes, error);
}

gboolean cronos_zip_writer_share(CronosZipWriter *writer, int fd, guint64 offset,
                                 guint64 stored_bytes, gboolean *out_shared, GError **error)
{
    g_return_val_if_fail(writer->inside, FALSE);
    *out_shared = FALSE;
    if ((cronos_zip_writer_position(writer) | offset | stored_bytes) % ALIGNMENT != 0)
        return TRUE;
    return cronos_zip_output_share(writer->output, fd, offset, stored_bytes, out_shared, error);
}

/* Only the fields that were not known at begin are written again: the rest, and the padding after
 * it, stay as they are. */
static gboolean complete_local(CronosZipWriter *writer, GError **error)
{
    const CronosZipRecord *record = &writer->record;
    guint8 fields[12], wide[16];
    guint64 wide_at = record->header_offset + ZIP_LOCAL_SIZE + record->name_length + 4;

    zip_put32(fields, record->crc32);
    zip_put32(fields + 4, writer->zip64 ? G_MAXUINT32 : (guint32)record->info.stored_bytes);
    zip_put32(fields + 8, writer->zip64 ? G_MAXUINT32 : (guint32)record->info.size_bytes);
    if (!cronos_zip_output_patch(writer->output, record->header_offset + ZIP_LOCAL_CRC32, fields,
                                 sizeof fields, error))
        return FALSE;
    if (!writer->zip64)
        return TRUE;
    zip_put64(wide, record->info.size_bytes);
    zip_put64(wide + 8, record->info.stored_bytes);
    return cronos_zip_output_patch(writer->output, wide_at, wide, sizeof wide, error);
}

gboolean cronos_zip_writer_end(CronosZipWriter *writer, guint32 crc32, guint64 size_bytes,
                               GError **error)
{
    g_return_val_if_fail(writer->inside, FALSE);
    writer->record.crc32 = crc32;
    writer->record.info.size_bytes = size_bytes;
    writer->record.info.stored_bytes = cronos_zip_writer_position(writer) - writer->data_offset;
    if (!writer->zip64 && cronos_zip_record_needs_zip64(&writer->record)) {
        cronos_error_set_system(error, EFBIG, "a member grew beyond the size it began with");
        return FALSE;
    }
    if (!complete_local(writer, error))
        return FALSE;
    cronos_zip_directory_add(writer->directory, &writer->record);
    writer->inside = FALSE;
    return TRUE;
}

gboolean cronos_zip_writer_rollback(CronosZipWriter *writer, GError **error)
{
    g_return_val_if_fail(writer->inside, FALSE);
    writer->inside = FALSE;
    return cronos_zip_output_truncate(writer->output, writer->record.header_offset, error);
}

gboolean cronos_zip_writer_add_hidden(CronosZipWriter *writer, const char *name, gsize name_length,
                                      const void *data, gsize size, GError **error)
{
    CronosZipMember member = {
        .name = name,
        .name_length = name_length,
        .info = {.kind = CRONOS_MEMBER_FILE,
                 .size_bytes = size,
                 .stored_bytes = size,
                 .mtime_ns = writer->record.info.mtime_ns},
    };

    g_return_val_if_fail(!writer->inside, FALSE);
    if (!check_name(&member, error))
        return FALSE;
    CronosZipRecord record = record_of(writer, &member, ZIP_METHOD_STORED);
    record.crc32 = libdeflate_crc32(0, data, size);
    return write_local(writer, &record, cronos_zip_record_needs_zip64(&record), 0, error) &&
           cronos_zip_output_append(writer->output, data, size, error);
}

gboolean cronos_zip_writer_reserve(CronosZipWriter *writer, const CronosZipMember *member,
                                   gsize size, GError **error)
{
    g_return_val_if_fail(!writer->inside && !writer->reserved &&
                             cronos_zip_directory_count(writer->directory) == 0,
                         FALSE);
    if (!check_name(member, error))
        return FALSE;
    writer->reserved_name = g_strndup(member->name, member->name_length);
    writer->reserved_record = record_of(writer, member, ZIP_METHOD_STORED);
    writer->reserved_record.name = writer->reserved_name;
    writer->reserved_record.info.size_bytes = writer->reserved_record.info.stored_bytes = size;
    if (!write_local(writer, &writer->reserved_record, FALSE, 0, error))
        return FALSE;
    writer->reserved_data = cronos_zip_writer_position(writer);
    writer->reserved = TRUE;
    g_autofree guint8 *room = g_malloc0(size);
    return cronos_zip_output_append(writer->output, room, size, error);
}

gboolean cronos_zip_writer_fill_reserved(CronosZipWriter *writer, const void *data, GError **error)
{
    CronosZipRecord *record = &writer->reserved_record;
    guint8 crc[4];

    g_return_val_if_fail(writer->reserved, FALSE);
    record->crc32 = libdeflate_crc32(0, data, (gsize)record->info.size_bytes);
    zip_put32(crc, record->crc32);
    return cronos_zip_output_patch(writer->output, record->header_offset + ZIP_LOCAL_CRC32, crc,
                                   sizeof crc, error) &&
           cronos_zip_output_patch(writer->output, writer->reserved_data, data,
                                   (gsize)record->info.size_bytes, error);
}

gboolean cronos_zip_writer_write_directory(CronosZipWriter *writer, guint32 *out_crc32,
                                           GError **error)
{
    g_return_val_if_fail(!writer->inside && !writer->ended, FALSE);
    writer->ended = TRUE;
    writer->directory_offset = cronos_zip_writer_position(writer);
    g_byte_array_set_size(writer->header, 0);
    if (writer->reserved)
        cronos_zip_record_append_central(&writer->reserved_record, writer->header);
    *out_crc32 = libdeflate_crc32(0, writer->header->data, writer->header->len);
    return cronos_zip_output_append(writer->output, writer->header->data, writer->header->len,
                                    error) &&
           cronos_zip_directory_write(writer->directory, writer->output, out_crc32, error);
}

gboolean cronos_zip_writer_finish(CronosZipWriter *writer, const char *comment,
                                  gsize comment_length, GError **error)
{
    guint64 count = cronos_zip_directory_count(writer->directory) + (writer->reserved ? 1 : 0);
    guint32 crc32;

    g_return_val_if_fail(!writer->inside && comment_length <= ZIP_COMMENT_MAX, FALSE);
    if (!writer->ended && !cronos_zip_writer_write_directory(writer, &crc32, error))
        return FALSE;
    guint64 offset = writer->directory_offset;
    g_byte_array_set_size(writer->header, 0);
    cronos_zip_append_end(count, offset, cronos_zip_writer_position(writer) - offset, comment,
                          comment_length, writer->header);
    return cronos_zip_output_append(writer->output, writer->header->data, writer->header->len,
                                    error) &&
           cronos_zip_output_flush(writer->output, error);
}
