/* SPDX-License-Identifier: MIT
 * archive-libarchive-handle.h - one pass of libarchive over an archive, from front to back
 *
 * A handle stands in a member, at an offset of its decoded bytes; it goes forward only. What it
 * reads is a part of a file, which may have made-up bytes before it: so a single member of a ZIP
 * file can be given to libarchive as an archive of its own.
 *
 * Names: the formats whose names are bytes are read under the locale "C", where libarchive leaves
 * them alone; those of 7z and ISO 9660 under "C.UTF-8".
 *
 * Memory: libarchive's own, foremost the decoder's dictionary (gzip 32 KiB, bzip2 4 MiB, and as the
 * archive was made zstd up to 128 MiB, xz and 7z up to 4 GiB), and 64 KiB. */
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <glib.h>
#include <locale.h>

typedef enum {
    CRONOS_LIBARCHIVE_TAR, /* as it is, or in one of gzip, bzip2, xz, zstd */
    CRONOS_LIBARCHIVE_CPIO,
    CRONOS_LIBARCHIVE_7Z,
    CRONOS_LIBARCHIVE_ISO,
    CRONOS_LIBARCHIVE_ZIP_MEMBER, /* a local header and its data */
    CRONOS_LIBARCHIVE_RAW,        /* compressed bytes: one member without a name */
} CronosLibarchiveFormat;

typedef struct {
    int fd; /* borrowed */
    CronosLibarchiveFormat format;
    guint64 start, end; /* the part of the file */
    guint8 *head;       /* (owned, nullable) made-up bytes before it */
    gsize head_bytes;
    guint64 decoded_max;    /* of a tar, cpio or 7z that is compressed; 0: no limit */
    const char *passphrase; /* (borrowed, nullable) lives as long as the process */
    gboolean one_member;    /* its decoded size is known, and may be its checksum: */
    guint64 size_bytes;
    gboolean has_crc32;
    guint32 crc32;
} CronosLibarchiveSource;

void cronos_libarchive_source_clear(CronosLibarchiveSource *source);

typedef struct CronosLibarchiveHandle CronosLibarchiveHandle;

/* @source: taken over (its contents), also on failure. Returns: (owned) standing before the first
 * member; or NULL with @error. */
CronosLibarchiveHandle *cronos_libarchive_handle_open(CronosLibarchiveSource *source,
                                                      GError **error);
void cronos_libarchive_handle_free(CronosLibarchiveHandle *handle); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosLibarchiveHandle, cronos_libarchive_handle_free)

typedef enum {
    CRONOS_LIBARCHIVE_MEMBER,
    CRONOS_LIBARCHIVE_END,
    CRONOS_LIBARCHIVE_FAILED,
} CronosLibarchiveStep;

/* Goes to the start of the next member. FAILED with @error: DAMAGED, UNSUPPORTED or a system error;
 * the handle can only be freed then. */
CronosLibarchiveStep cronos_libarchive_handle_next(CronosLibarchiveHandle *handle, GError **error);

/* Of the member that the handle stands in, counted from 0 in the archive's order. */
guint32 cronos_libarchive_handle_ordinal(const CronosLibarchiveHandle *handle);
/* Returns: how far into the archive that member begins: what was decoded before, about. */
guint64 cronos_libarchive_handle_place(const CronosLibarchiveHandle *handle);
guint64 cronos_libarchive_handle_size(const CronosLibarchiveHandle *handle);
guint64 cronos_libarchive_handle_offset(const CronosLibarchiveHandle *handle);
/* (borrowed) until the next member; to be asked under cronos_libarchive_handle_enter. */
struct archive_entry *cronos_libarchive_handle_entry(const CronosLibarchiveHandle *handle);
struct archive *cronos_libarchive_handle_archive(const CronosLibarchiveHandle *handle);
/* Returns: whether going on means decoding what is passed over. */
gboolean cronos_libarchive_handle_is_solid(const CronosLibarchiveHandle *handle);

/* Goes towards @offset in steps of @step bytes without decoding, for as long as a hole lasts.
 * Returns: FALSE with @error, as reading there would. */
gboolean cronos_libarchive_handle_leap(CronosLibarchiveHandle *handle, guint64 offset, gsize step,
                                       GError **error);
/* Decodes the next @size bytes, fewer at the member's end. The call that delivers the last one
 * holds the member against its checksum, where there is one, and against its size.
 * Returns: bytes, or -1 with @error; the handle may then go on to the next member or be freed. */
gssize cronos_libarchive_handle_read(CronosLibarchiveHandle *handle, void *buffer, gsize size,
                                     GError **error);

/* Loads what names need (locales, conversions), for a process that will not be able to later. */
void cronos_libarchive_prepare(void);
/* The calling thread's locale becomes that of the handle's names. Returns: what to leave with. */
locale_t cronos_libarchive_handle_enter(const CronosLibarchiveHandle *handle);
void cronos_libarchive_handle_leave(locale_t before);
