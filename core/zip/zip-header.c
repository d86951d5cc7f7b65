/* SPDX-License-Identifier: MIT
 * zip-header.c - fixed fields, extra fields and ZIP64 of a central header */
#include "core/zip/zip-header.h"

#include "core/error.h"

#include <sys/stat.h>

#define DOS_READ_ONLY 0x01u
#define DOS_DIRECTORY 0x10u
#define NO_VALUE 0xffffffffu /* "look in ZIP64" */
#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)

gboolean cronos_zip_header_read(const guint8 *directory, gsize bytes, gsize at,
                                CronosZipHeader *out_header)
{
    if (at > bytes || bytes - at < ZIP_CENTRAL_SIZE)
        return FALSE;
    memcpy(out_header->fixed, directory + at, ZIP_CENTRAL_SIZE);
    if (zip_get32(out_header->fixed) != ZIP_CENTRAL_SIGNATURE)
        return FALSE;
    out_header->name = directory + at + ZIP_CENTRAL_SIZE;
    out_header->name_length = zip_get16(out_header->fixed + ZIP_CENTRAL_NAME_LENGTH);
    out_header->extra_length = zip_get16(out_header->fixed + ZIP_CENTRAL_EXTRA_LENGTH);
    out_header->comment_length = zip_get16(out_header->fixed + ZIP_CENTRAL_COMMENT_LENGTH);
    return cronos_zip_header_bytes(out_header) <= bytes - at;
}

gsize cronos_zip_header_bytes(const CronosZipHeader *header)
{
    return ZIP_CENTRAL_SIZE + header->name_length + header->extra_length + header->comment_length;
}

guint8 cronos_zip_header_made_by(const CronosZipHeader *header)
{
    return header->fixed[ZIP_CENTRAL_VERSION_MADE + 1];
}

guint16 cronos_zip_header_flags(const CronosZipHeader *header)
{
    return zip_get16(header->fixed + ZIP_CENTRAL_FLAGS);
}

gboolean cronos_zip_header_mode(const CronosZipHeader *header, guint32 *out_mode)
{
    guint32 mode = zip_get32(header->fixed + ZIP_CENTRAL_EXTERNAL_ATTRIBUTES) >> 16;
    guint8 made_by = cronos_zip_header_made_by(header);

    if (mode == 0)
        return FALSE;
    /* Other systems' writers are believed only where the value can be a st_mode. */
    if (made_by != ZIP_MADE_BY_UNIX && made_by != ZIP_MADE_BY_OSX && !S_ISREG(mode) &&
        !S_ISDIR(mode) && !S_ISLNK(mode))
        return FALSE;
    *out_mode = mode;
    return TRUE;
}

gboolean cronos_zip_header_says_directory(const CronosZipHeader *header)
{
    guint32 mode = 0;

    if (zip_get32(header->fixed + ZIP_CENTRAL_SIZE_BYTES) != 0)
        return FALSE;
    if (cronos_zip_header_mode(header, &mode) && (mode & S_IFMT) != 0)
        return S_ISDIR(mode);
    return (header->fixed[ZIP_CENTRAL_EXTERNAL_ATTRIBUTES] & DOS_DIRECTORY) != 0;
}

const guint8 *cronos_zip_extra_find(const guint8 *extra, gsize length, guint16 id,
                                    gsize *out_length)
{
    while (length >= 4) {
        gsize field = zip_get16(extra + 2);

        if (field > length - 4)
            return NULL;
        if (zip_get16(extra) == id) {
            *out_length = field;
            return extra + 4;
        }
        extra += 4 + field;
        length -= 4 + field;
    }
    return NULL;
}

static const guint8 *find_extra(const CronosZipHeader *header, guint16 id, gsize *out_length)
{
    return cronos_zip_extra_find(header->name + header->name_length, header->extra_length, id,
                                 out_length);
}

static gboolean take64(const guint8 **at, gsize *left, guint64 *value)
{
    if (*left < 8)
        return FALSE;
    *value = zip_get64(*at);
    *at += 8;
    *left -= 8;
    return TRUE;
}

/* The fields that are at their maximum follow each other in the ZIP64 field, in this order. Without
 * that field the values are what they are. */
static gboolean read_sizes(const CronosZipHeader *header, guint64 *out_size, guint64 *out_stored,
                           guint64 *out_offset, guint32 *out_disk, GError **error)
{
    const guint8 *fixed = header->fixed;
    gsize left = 0;

    *out_size = zip_get32(fixed + ZIP_CENTRAL_SIZE_BYTES);
    *out_stored = zip_get32(fixed + ZIP_CENTRAL_STORED_BYTES);
    *out_offset = zip_get32(fixed + ZIP_CENTRAL_LOCAL_OFFSET);
    *out_disk = zip_get16(fixed + ZIP_CENTRAL_DISK);
    if (*out_size != NO_VALUE && *out_stored != NO_VALUE && *out_offset != NO_VALUE &&
        *out_disk != 0xffff)
        return TRUE;
    const guint8 *at = find_extra(header, ZIP_EXTRA_ZIP64, &left);
    if (at == NULL)
        return TRUE;
    if ((*out_size == NO_VALUE && !take64(&at, &left, out_size)) ||
        (*out_stored == NO_VALUE && !take64(&at, &left, out_stored)) ||
        (*out_offset == NO_VALUE && !take64(&at, &left, out_offset)) ||
        (*out_disk == 0xffff && left < 4)) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                            "the ZIP64 field of the central header is too short");
        return FALSE;
    }
    if (*out_disk == 0xffff)
        *out_disk = zip_get32(at);
    return TRUE;
}

gboolean cronos_zip_header_extent(const CronosZipHeader *header, guint64 prefix_bytes,
                                  CronosZipExtent *out_extent, GError **error)
{
    guint64 offset;
    guint32 disk;

    if (!read_sizes(header, &out_extent->size_bytes, &out_extent->stored_bytes, &offset, &disk,
                    error))
        return FALSE;
    if (disk != 0) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                            "the member lies on another disk of the archive");
        return FALSE;
    }
    if (offset > G_MAXINT64 - prefix_bytes) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                            "the member's offset is beyond any file");
        return FALSE;
    }
    out_extent->header_offset = offset + prefix_bytes;
    out_extent->crc32 = zip_get32(header->fixed + ZIP_CENTRAL_CRC32);
    out_extent->method = zip_get16(header->fixed + ZIP_CENTRAL_METHOD);
    out_extent->flags = cronos_zip_header_flags(header);
    return TRUE;
}

static gint64 seconds_ns(gint64 seconds)
{
    return CLAMP(seconds, G_MININT64 / NS_PER_SECOND, G_MAXINT64 / NS_PER_SECOND - 1) *
           NS_PER_SECOND;
}

/* UT: flags, then a 32-bit time for each bit set; signed, but written unsigned by tools that count
 * on after 2038: the DOS date tells. */
static gboolean read_ut(const CronosZipHeader *header, gint64 *out_seconds)
{
    gsize length = 0;
    const guint8 *at = find_extra(header, ZIP_EXTRA_TIME, &length);
    guint year = 1980u + (zip_get16(header->fixed + ZIP_CENTRAL_DOS_DATE) >> 9);

    if (at == NULL || length < 5 || (at[0] & 1) == 0)
        return FALSE;
    *out_seconds = (gint32)zip_get32(at + 1);
    if (*out_seconds < 0 && year >= 2038)
        *out_seconds += G_GINT64_CONSTANT(1) << 32;
    return TRUE;
}

/* FILETIME: 100 ns since 1601. Attribute 1 holds mtime, atime, ctime. */
static gboolean read_ntfs(const CronosZipHeader *header, gint64 *out_ns)
{
    const guint64 epoch = G_GUINT64_CONSTANT(116444736000000000);
    gsize length = 0;
    const guint8 *at = find_extra(header, ZIP_EXTRA_NTFS, &length);

    if (at == NULL || length < 4)
        return FALSE;
    gsize size = 0;
    const guint8 *times = cronos_zip_extra_find(at + 4, length - 4, 1, &size);
    if (times == NULL || size < 8)
        return FALSE;
    guint64 filetime = zip_get64(times);
    if (filetime == 0 || filetime > epoch + G_MAXINT64 / 100 || filetime < epoch - G_MAXINT64 / 100)
        return FALSE;
    *out_ns = ((gint64)filetime - (gint64)epoch) * 100;
    return TRUE;
}

/* The private field: see zip-format.h. @have_seconds: UT's, which its nanoseconds belong to. */
static void read_identity(const CronosZipHeader *header, gboolean have_seconds, gint64 seconds,
                          CronosMemberInfo *info)
{
    gsize length = 0;
    const guint8 *at = find_extra(header, ZIP_EXTRA_IDENTITY, &length);
    guint32 nanoseconds = 0;

    if (at == NULL || length < 1)
        return;
    gsize n = at[0] & ZIP_IDENTITY_INODE_BYTES;
    gsize nanoseconds_at = 9 + n;
    gsize seconds_at = nanoseconds_at + (at[0] & ZIP_IDENTITY_NANOSECONDS ? 4 : 0);
    gsize end = seconds_at + (at[0] & ZIP_IDENTITY_SECONDS ? 8 : 0);
    if (n < 1 || n > 8 || length < end)
        return;
    if (at[0] & ZIP_IDENTITY_NANOSECONDS)
        nanoseconds = zip_get32(at + nanoseconds_at);
    if (at[0] & ZIP_IDENTITY_SECONDS) {
        seconds = (gint64)zip_get64(at + seconds_at);
        have_seconds = TRUE;
    }
    if (!have_seconds || nanoseconds >= NS_PER_SECOND)
        return;
    info->mtime_ns = seconds_ns(seconds) + nanoseconds;
    info->ctime_ns = (gint64)zip_get64(at + 1);
    info->inode = 0;
    for (gsize i = 0; i < n; i++)
        info->inode |= (guint64)at[9 + i] << (8 * i);
    info->has_identity = TRUE;
}

static void read_times(const CronosZipHeader *header, CronosMemberInfo *info)
{
    gint64 ut_seconds = 0;
    gsize length = 0;
    gboolean have_ut = read_ut(header, &ut_seconds);

    read_identity(header, have_ut, ut_seconds, info);
    if (info->has_identity || read_ntfs(header, &info->mtime_ns))
        return;
    if (have_ut) {
        info->mtime_ns = seconds_ns(ut_seconds);
        return;
    }
    const guint8 *unix1 = find_extra(header, ZIP_EXTRA_UNIX1, &length);
    if (unix1 != NULL && length >= 8) {
        info->mtime_ns = seconds_ns((gint32)zip_get32(unix1 + 4));
        return;
    }
    info->mtime_ns = cronos_zip_dos_time_ns(zip_get16(header->fixed + ZIP_CENTRAL_DOS_DATE),
                                            zip_get16(header->fixed + ZIP_CENTRAL_DOS_TIME));
}

/* Little-endian of any size; FALSE where it does not fit an id. */
static gboolean read_id(const guint8 *at, gsize size, guint32 *out_id)
{
    *out_id = 0;
    for (gsize i = 0; i < size; i++) {
        if (i >= 4 && at[i] != 0)
            return FALSE;
        if (i < 4)
            *out_id |= (guint32)at[i] << (8 * i);
    }
    return TRUE;
}

static void read_owner(const CronosZipHeader *header, CronosMemberInfo *info)
{
    gsize length = 0;
    const guint8 *at = find_extra(header, ZIP_EXTRA_OWNER, &length);

    if (at != NULL && length >= 3 && at[0] == 1) {
        gsize uid_size = at[1];

        if (uid_size > length - 3)
            return;
        gsize gid_size = at[2 + uid_size];
        if (gid_size > length - 3 - uid_size)
            return;
        info->has_owner = read_id(at + 2, uid_size, &info->uid) &&
                          read_id(at + 3 + uid_size, gid_size, &info->gid);
        return;
    }
    at = find_extra(header, ZIP_EXTRA_UNIX2, &length);
    if (at != NULL && length >= 4) {
        info->uid = zip_get16(at);
        info->gid = zip_get16(at + 2);
        info->has_owner = TRUE;
        return;
    }
    at = find_extra(header, ZIP_EXTRA_UNIX1, &length);
    if (at != NULL && length >= 12) {
        info->uid = zip_get16(at + 8);
        info->gid = zip_get16(at + 10);
        info->has_owner = TRUE;
    }
}

/* Devices, FIFOs and sockets can not be told from their bytes: they are plain files here. */
static void set_kind_and_mode(const CronosZipHeader *header, gboolean directory,
                              CronosMemberInfo *info)
{
    guint32 mode = 0;

    info->has_mode = cronos_zip_header_mode(header, &mode);
    if (directory)
        info->kind = CRONOS_MEMBER_DIRECTORY;
    else if (info->has_mode && S_ISLNK(mode))
        info->kind = CRONOS_MEMBER_SYMLINK;
    else
        info->kind = CRONOS_MEMBER_FILE;
    if (!info->has_mode) {
        gboolean read_only =
            (header->fixed[ZIP_CENTRAL_EXTERNAL_ATTRIBUTES] & DOS_READ_ONLY) != 0 && !directory;

        mode = directory ? 0755 : read_only ? 0444 : 0644;
    }
    info->mode = (mode & 07777) | (info->kind == CRONOS_MEMBER_DIRECTORY ? S_IFDIR
                                   : info->kind == CRONOS_MEMBER_SYMLINK ? S_IFLNK
                                                                         : S_IFREG);
}

gboolean cronos_zip_header_info(const CronosZipHeader *header, gboolean directory,
                                CronosMemberInfo *out_info, GError **error)
{
    guint64 offset;
    guint32 disk;

    memset(out_info, 0, sizeof *out_info);
    if (!read_sizes(header, &out_info->size_bytes, &out_info->stored_bytes, &offset, &disk, error))
        return FALSE;
    out_info->crc32 = zip_get32(header->fixed + ZIP_CENTRAL_CRC32);
    /* Members that are encrypted by AES need not have one. */
    out_info->has_crc32 =
        !directory && zip_get16(header->fixed + ZIP_CENTRAL_METHOD) != ZIP_METHOD_AES;
    if (directory)
        out_info->size_bytes = 0;
    set_kind_and_mode(header, directory, out_info);
    read_times(header, out_info);
    read_owner(header, out_info);
    return TRUE;
}

void cronos_zip_implied_info(gint64 file_mtime_ns, CronosMemberInfo *out_info)
{
    *out_info = (CronosMemberInfo){.kind = CRONOS_MEMBER_DIRECTORY,
                                   .mode = S_IFDIR | 0755,
                                   .implied = TRUE,
                                   .mtime_ns = file_mtime_ns};
}
