/* SPDX-License-Identifier: MIT
 * zip-format.h - the ZIP format on disk (PKWARE APPNOTE.TXT 6.3.10)
 *
 *   [prefix, e.g. a self-extractor]
 *   [local header | name | extra | data | (data descriptor)] ...
 *   [central header | name | extra | comment] ...           the central directory ("CD")
 *   [ZIP64 end record | ZIP64 locator]                      only where needed
 *   [end of central directory record | archive comment]     "EOCD"
 *
 * All integers are little-endian and unaligned: read with the getters below. */
#pragma once
#include <glib.h>
#include <string.h>

#define ZIP_LOCAL_SIGNATURE 0x04034b50u      /* 4.3.7 */
#define ZIP_CENTRAL_SIGNATURE 0x02014b50u    /* 4.3.12 */
#define ZIP_DESCRIPTOR_SIGNATURE 0x08074b50u /* 4.3.9 */
#define ZIP_END_SIGNATURE 0x06054b50u        /* 4.3.16 */
#define ZIP64_END_SIGNATURE 0x06064b50u      /* 4.3.14 */
#define ZIP64_LOCATOR_SIGNATURE 0x07064b50u  /* 4.3.15 */

#define ZIP_LOCAL_SIZE 30u
#define ZIP_CENTRAL_SIZE 46u
#define ZIP_END_SIZE 22u
#define ZIP64_END_SIZE 56u
#define ZIP64_LOCATOR_SIZE 20u
#define ZIP_COMMENT_MAX 65535u

/* 4.3.7, offsets in the local header */
enum {
    ZIP_LOCAL_VERSION_NEEDED = 4,
    ZIP_LOCAL_FLAGS = 6,
    ZIP_LOCAL_METHOD = 8,
    ZIP_LOCAL_DOS_TIME = 10,
    ZIP_LOCAL_DOS_DATE = 12,
    ZIP_LOCAL_CRC32 = 14,
    ZIP_LOCAL_STORED_BYTES = 18,
    ZIP_LOCAL_SIZE_BYTES = 22,
    ZIP_LOCAL_NAME_LENGTH = 26,
    ZIP_LOCAL_EXTRA_LENGTH = 28,
};

/* 4.3.12, offsets in the central header */
enum {
    ZIP_CENTRAL_VERSION_MADE = 4,
    ZIP_CENTRAL_VERSION_NEEDED = 6,
    ZIP_CENTRAL_FLAGS = 8,
    ZIP_CENTRAL_METHOD = 10,
    ZIP_CENTRAL_DOS_TIME = 12,
    ZIP_CENTRAL_DOS_DATE = 14,
    ZIP_CENTRAL_CRC32 = 16,
    ZIP_CENTRAL_STORED_BYTES = 20,
    ZIP_CENTRAL_SIZE_BYTES = 24,
    ZIP_CENTRAL_NAME_LENGTH = 28,
    ZIP_CENTRAL_EXTRA_LENGTH = 30,
    ZIP_CENTRAL_COMMENT_LENGTH = 32,
    ZIP_CENTRAL_DISK = 34,
    ZIP_CENTRAL_INTERNAL_ATTRIBUTES = 36,
    ZIP_CENTRAL_EXTERNAL_ATTRIBUTES = 38,
    ZIP_CENTRAL_LOCAL_OFFSET = 42,
};

#define ZIP_FLAG_ENCRYPTED 0x0001u  /* 4.4.4, bit 0 */
#define ZIP_FLAG_DESCRIPTOR 0x0008u /* bit 3: CRC and sizes follow the data */
#define ZIP_FLAG_UTF8 0x0800u       /* bit 11: name and comment are UTF-8 */

#define ZIP_METHOD_STORED 0u
#define ZIP_METHOD_DEFLATED 8u
#define ZIP_METHOD_AES 99u /* the real one is in an extra field */

#define ZIP_MADE_BY_DOS 0u
#define ZIP_MADE_BY_UNIX 3u
#define ZIP_MADE_BY_NTFS 10u
#define ZIP_MADE_BY_VFAT 14u
#define ZIP_MADE_BY_OSX 19u

/* Extra fields: id, length, payload (4.5.1) */
#define ZIP_EXTRA_ZIP64 0x0001u /* 4.5.3 */
#define ZIP_EXTRA_NTFS 0x000au  /* 4.5.5: FILETIMEs */
#define ZIP_EXTRA_TIME 0x5455u  /* "UT", Info-ZIP extended timestamp */
#define ZIP_EXTRA_UNIX1 0x5855u /* "UX", Info-ZIP Unix, first form: atime mtime uid gid */
#define ZIP_EXTRA_UNIX2 0x7855u /* "Ux", Info-ZIP Unix, second form: uid16 gid16, local only */
#define ZIP_EXTRA_OWNER 0x7875u /* "ux", Info-ZIP Unix, third form: sized uid and gid */
#define ZIP_EXTRA_UNICODE_PATH 0x7075u /* "up", 4.6.9 */
#define ZIP_EXTRA_ALIGN 0xd935u        /* alignment padding, as Android's zipalign writes it */
#define ZIP_EXTRA_IDENTITY 0x5243u     /* "CR", private; described below */
#define ZIP_IDENTITY_INODE_BYTES 0x0fu
#define ZIP_IDENTITY_NANOSECONDS 0x10u
#define ZIP_IDENTITY_SECONDS 0x20u
#define ZIP_EXTRA_SOZIP 0x564bu /* "KV" key-value field named by the SOZip specification */

/* "CR", in central headers alone:
 *   u8     bits 0-3: n, bytes of the inode number, 1 to 8; the ZIP_IDENTITY bits announce what
 *          stands in brackets below
 *   i64    ctime, nanoseconds since the epoch
 *   u8[n]  inode number, little-endian, without its leading zero bytes
 *   [u32   nanoseconds of mtime, where they are not 0; its seconds are those of UT, or below]
 *   [i64   seconds of mtime, where they do not fit UT's 32 signed bits]
 * Unknown trailing bytes are ignored. */

static inline guint16 zip_get16(const void *at)
{
    guint16 value;
    memcpy(&value, at, sizeof value);
    return GUINT16_FROM_LE(value);
}

static inline guint32 zip_get32(const void *at)
{
    guint32 value;
    memcpy(&value, at, sizeof value);
    return GUINT32_FROM_LE(value);
}

static inline guint64 zip_get64(const void *at)
{
    guint64 value;
    memcpy(&value, at, sizeof value);
    return GUINT64_FROM_LE(value);
}

static inline void zip_put16(void *at, guint16 value)
{
    value = GUINT16_TO_LE(value);
    memcpy(at, &value, sizeof value);
}

static inline void zip_put32(void *at, guint32 value)
{
    value = GUINT32_TO_LE(value);
    memcpy(at, &value, sizeof value);
}

static inline void zip_put64(void *at, guint64 value)
{
    value = GUINT64_TO_LE(value);
    memcpy(at, &value, sizeof value);
}
