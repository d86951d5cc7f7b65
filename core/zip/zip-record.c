/* SPDX-License-Identifier: MIT
 * zip-record.c - encoding local headers, central entries and end records
 *
 * Lean on purpose: a tree of small files pays for every byte twice eighty thousand times.  The
 * local header carries the modification time alone, which is what unzip restores; owner and
 * identity stand in the central directory. */
#include "core/zip/zip-record.h"
#include "core/zip/zip-format.h"

#include <sys/stat.h>
#include <time.h>

#define VERSION_MADE 30u
#define VERSION_NEEDED 20u
#define VERSION_NEEDED_ZIP64 45u
#define DOS_ATTRIBUTE_DIRECTORY 0x10u
#define DOS_DATE_FIRST 0x0021u /* 1980-01-01 */
#define DOS_DATE_LAST 0xff9fu  /* 2107-12-31 */
#define DOS_TIME_LAST 0xbf7du  /* 23:59:58 */
#define TIME_FIELD_MTIME 0x01u
#define NS_PER_S G_GINT64_CONSTANT(1000000000)
#define ALIGN_FIELD_LEAST 6u

static void append16(GByteArray *out, guint16 value)
{
    guint8 bytes[2];

    zip_put16(bytes, value);
    g_byte_array_append(out, bytes, sizeof bytes);
}

static void append32(GByteArray *out, guint32 value)
{
    guint8 bytes[4];

    zip_put32(bytes, value);
    g_byte_array_append(out, bytes, sizeof bytes);
}

static void append64(GByteArray *out, guint64 value)
{
    guint8 bytes[8];

    zip_put64(bytes, value);
    g_byte_array_append(out, bytes, sizeof bytes);
}

static guint32 saturate32(guint64 value)
{
    return (guint32)MIN(value, G_MAXUINT32);
}

static gint64 floor_seconds(gint64 ns, guint32 *out_nanoseconds)
{
    gint64 seconds = ns / NS_PER_S - (ns % NS_PER_S < 0);

    *out_nanoseconds = (guint32)(ns - seconds * NS_PER_S);
    return seconds;
}

static void dos_time(gint64 mtime_ns, guint16 *out_time, guint16 *out_date)
{
    guint32 nanoseconds;
    time_t seconds = (time_t)floor_seconds(mtime_ns, &nanoseconds);
    struct tm local;

    *out_time = 0;
    *out_date = DOS_DATE_FIRST;
    if (localtime_r(&seconds, &local) == NULL || local.tm_year < 80)
        return;
    if (local.tm_year > 207) {
        *out_time = DOS_TIME_LAST;
        *out_date = DOS_DATE_LAST;
        return;
    }
    *out_time = (guint16)(local.tm_hour << 11 | local.tm_min << 5 | MIN(local.tm_sec, 59) / 2);
    *out_date = (guint16)((local.tm_year - 80) << 9 | (local.tm_mon + 1) << 5 | local.tm_mday);
}

static gboolean is_directory(const CronosZipRecord *record)
{
    return record->info.kind == CRONOS_MEMBER_DIRECTORY;
}

/* Pure ASCII needs no flag; a name that is not UTF-8 must not carry it. */
static guint16 name_flags(const char *name, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if ((name[i] & 0x80) != 0)
            return g_utf8_validate(name, (gssize)length, NULL) ? ZIP_FLAG_UTF8 : 0;
    return 0;
}

gboolean cronos_zip_record_needs_zip64(const CronosZipRecord *record)
{
    return record->info.size_bytes >= G_MAXUINT32 || record->info.stored_bytes >= G_MAXUINT32;
}

static gboolean fits_time_field(gint64 seconds)
{
    return seconds >= G_MININT32 && seconds <= G_MAXINT32;
}

static void append_time_field(const CronosZipRecord *record, GByteArray *out)
{
    guint32 nanoseconds;
    gint64 seconds = floor_seconds(record->info.mtime_ns, &nanoseconds);

    if (!fits_time_field(seconds))
        return;
    append16(out, ZIP_EXTRA_TIME);
    append16(out, 5);
    g_byte_array_append(out, (const guint8[]){TIME_FIELD_MTIME}, 1);
    append32(out, (guint32)(gint32)seconds);
}

static void append_owner_field(const CronosZipRecord *record, GByteArray *out)
{
    gboolean narrow = record->info.uid <= G_MAXUINT16 && record->info.gid <= G_MAXUINT16;
    guint8 width = narrow ? 2 : 4;

    if (!record->info.has_owner)
        return;
    append16(out, ZIP_EXTRA_OWNER);
    append16(out, (guint16)(3 + 2 * width));
    g_byte_array_append(out, (const guint8[]){1, width}, 2);
    if (narrow)
        append16(out, (guint16)record->info.uid);
    else
        append32(out, record->info.uid);
    g_byte_array_append(out, &width, 1);
    if (narrow)
        append16(out, (guint16)record->info.gid);
    else
        append32(out, record->info.gid);
}

static void append_identity_field(const CronosZipRecord *record, GByteArray *out)
{
    guint32 nanoseconds;
    gint64 seconds = floor_seconds(record->info.mtime_ns, &nanoseconds);
    gboolean wide = !fits_time_field(seconds);
    guint8 inode[8];
    guint8 inode_bytes = 8;

    if (!record->info.has_identity)
        return;
    zip_put64(inode, record->info.inode);
    while (inode_bytes > 1 && inode[inode_bytes - 1] == 0)
        inode_bytes--;
    guint8 head = inode_bytes | (nanoseconds != 0 ? ZIP_IDENTITY_NANOSECONDS : 0) |
                  (wide ? ZIP_IDENTITY_SECONDS : 0);
    append16(out, ZIP_EXTRA_IDENTITY);
    append16(out, (guint16)(9 + inode_bytes + (nanoseconds != 0 ? 4 : 0) + (wide ? 8 : 0)));
    g_byte_array_append(out, &head, 1);
    append64(out, (guint64)record->info.ctime_ns);
    g_byte_array_append(out, inode, inode_bytes);
    if (nanoseconds != 0)
        append32(out, nanoseconds);
    if (wide)
        append64(out, (guint64)seconds);
}

/* The padding field: two bytes name the alignment, the rest is zeros. */
static void append_align_field(guint align, guint64 data_offset, GByteArray *out)
{
    guint64 least = data_offset + ALIGN_FIELD_LEAST;
    guint padding =
        data_offset % align == 0 ? 0 : ALIGN_FIELD_LEAST + (guint)((align - least % align) % align);

    if (padding == 0)
        return;
    append16(out, ZIP_EXTRA_ALIGN);
    append16(out, (guint16)(padding - 4));
    append16(out, (guint16)align);
    guint end = out->len + padding - ALIGN_FIELD_LEAST;
    guint old = out->len;
    g_byte_array_set_size(out, end);
    memset(out->data + old, 0, end - old);
}

static void append_name(const CronosZipRecord *record, GByteArray *out)
{
    g_byte_array_append(out, (const guint8 *)record->name, (guint)record->name_length);
    if (is_directory(record))
        g_byte_array_append(out, (const guint8 *)"/", 1);
}

void cronos_zip_record_append_local(const CronosZipRecord *record, gboolean zip64, guint align,
                                    GByteArray *out)
{
    guint8 header[ZIP_LOCAL_SIZE] = {0};
    guint start = out->len;
    guint16 time, date;

    dos_time(record->info.mtime_ns, &time, &date);
    zip_put32(header, ZIP_LOCAL_SIGNATURE);
    zip_put16(header + ZIP_LOCAL_VERSION_NEEDED, zip64 ? VERSION_NEEDED_ZIP64 : VERSION_NEEDED);
    zip_put16(header + ZIP_LOCAL_FLAGS, name_flags(record->name, record->name_length));
    zip_put16(header + ZIP_LOCAL_METHOD, record->method);
    zip_put16(header + ZIP_LOCAL_DOS_TIME, time);
    zip_put16(header + ZIP_LOCAL_DOS_DATE, date);
    zip_put32(header + ZIP_LOCAL_CRC32, record->crc32);
    zip_put32(header + ZIP_LOCAL_STORED_BYTES,
              zip64 ? G_MAXUINT32 : (guint32)record->info.stored_bytes);
    zip_put32(header + ZIP_LOCAL_SIZE_BYTES,
              zip64 ? G_MAXUINT32 : (guint32)record->info.size_bytes);
    zip_put16(header + ZIP_LOCAL_NAME_LENGTH,
              (guint16)(record->name_length + is_directory(record)));
    g_byte_array_append(out, header, sizeof header);
    append_name(record, out);
    guint extra = out->len;
    if (zip64) {
        append16(out, ZIP_EXTRA_ZIP64);
        append16(out, 16);
        append64(out, record->info.size_bytes);
        append64(out, record->info.stored_bytes);
    }
    append_time_field(record, out);
    if (align > 1)
        append_align_field(align, record->header_offset + (out->len - start), out);
    zip_put16(out->data + start + ZIP_LOCAL_EXTRA_LENGTH, (guint16)(out->len - extra));
}

/* Only what does not fit 32 bits is there, in this order. */
static void append_central_zip64(const CronosZipRecord *record, GByteArray *out)
{
    const guint64 values[] = {record->info.size_bytes, record->info.stored_bytes,
                              record->header_offset};
    guint16 length = 0;

    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        length += values[i] >= G_MAXUINT32 ? 8 : 0;
    if (length == 0)
        return;
    append16(out, ZIP_EXTRA_ZIP64);
    append16(out, length);
    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        if (values[i] >= G_MAXUINT32)
            append64(out, values[i]);
}

void cronos_zip_record_append_central(const CronosZipRecord *record, GByteArray *out)
{
    guint8 header[ZIP_CENTRAL_SIZE] = {0};
    guint start = out->len;
    gboolean zip64 = cronos_zip_record_needs_zip64(record) || record->header_offset >= G_MAXUINT32;
    guint16 time, date;

    dos_time(record->info.mtime_ns, &time, &date);
    zip_put32(header, ZIP_CENTRAL_SIGNATURE);
    zip_put16(header + ZIP_CENTRAL_VERSION_MADE,
              ZIP_MADE_BY_UNIX << 8 | (zip64 ? VERSION_NEEDED_ZIP64 : VERSION_MADE));
    zip_put16(header + ZIP_CENTRAL_VERSION_NEEDED, zip64 ? VERSION_NEEDED_ZIP64 : VERSION_NEEDED);
    zip_put16(header + ZIP_CENTRAL_FLAGS, name_flags(record->name, record->name_length));
    zip_put16(header + ZIP_CENTRAL_METHOD, record->method);
    zip_put16(header + ZIP_CENTRAL_DOS_TIME, time);
    zip_put16(header + ZIP_CENTRAL_DOS_DATE, date);
    zip_put32(header + ZIP_CENTRAL_CRC32, record->crc32);
    zip_put32(header + ZIP_CENTRAL_STORED_BYTES, saturate32(record->info.stored_bytes));
    zip_put32(header + ZIP_CENTRAL_SIZE_BYTES, saturate32(record->info.size_bytes));
    zip_put16(header + ZIP_CENTRAL_NAME_LENGTH,
              (guint16)(record->name_length + is_directory(record)));
    zip_put32(header + ZIP_CENTRAL_EXTERNAL_ATTRIBUTES,
              (record->info.mode & 0xffffu) << 16 |
                  (is_directory(record) ? DOS_ATTRIBUTE_DIRECTORY : 0));
    zip_put32(header + ZIP_CENTRAL_LOCAL_OFFSET, saturate32(record->header_offset));
    g_byte_array_append(out, header, sizeof header);
    append_name(record, out);
    guint extra = out->len;
    append_central_zip64(record, out);
    append_time_field(record, out);
    append_owner_field(record, out);
    append_identity_field(record, out);
    zip_put16(out->data + start + ZIP_CENTRAL_EXTRA_LENGTH, (guint16)(out->len - extra));
}

static void append_zip64_end(guint64 count, guint64 directory_offset, guint64 directory_bytes,
                             GByteArray *out)
{
    append32(out, ZIP64_END_SIGNATURE);
    append64(out, ZIP64_END_SIZE - 12);
    append16(out, ZIP_MADE_BY_UNIX << 8 | VERSION_NEEDED_ZIP64);
    append16(out, VERSION_NEEDED_ZIP64);
    append32(out, 0);
    append32(out, 0);
    append64(out, count);
    append64(out, count);
    append64(out, directory_bytes);
    append64(out, directory_offset);
    append32(out, ZIP64_LOCATOR_SIGNATURE);
    append32(out, 0);
    append64(out, directory_offset + directory_bytes);
    append32(out, 1);
}

void cronos_zip_append_end(guint64 count, guint64 directory_offset, guint64 directory_bytes,
                           const char *comment, gsize comment_length, GByteArray *out)
{
    if (count >= G_MAXUINT16 || directory_offset >= G_MAXUINT32 || directory_bytes >= G_MAXUINT32)
        append_zip64_end(count, directory_offset, directory_bytes, out);
    append32(out, ZIP_END_SIGNATURE);
    append16(out, 0);
    append16(out, 0);
    append16(out, (guint16)MIN(count, G_MAXUINT16));
    append16(out, (guint16)MIN(count, G_MAXUINT16));
    append32(out, saturate32(directory_bytes));
    append32(out, saturate32(directory_offset));
    append16(out, (guint16)comment_length);
    g_byte_array_append(out, (const guint8 *)comment, (guint)comment_length);
}
