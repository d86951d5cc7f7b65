/* SPDX-License-Identifier: MIT
 * archive-libarchive-handle.c - one pass of libarchive over an archive
 *
 * The format is not guessed by libarchive among all that it knows: the name of the file says it. */
#include "core/archive-libarchive-handle.h"

#include "core/archive-libarchive-input.h"
#include "core/error.h"

#include <errno.h>
#include <libdeflate.h>
#include <locale.h>
#include <string.h>

/* What a member takes beside its data, for the measure of how far into the archive it is. */
#define HEADER_PLACE 512u
/* libarchive may deliver nothing and yet go on, but not for ever. */
#define EMPTY_BLOCKS_MAX 4096u
#define NO_MEMBER G_MAXUINT32

struct CronosLibarchiveHandle {
    CronosLibarchiveSource source;
    struct archive *archive;
    struct archive_entry *entry;
    CronosLibarchiveInput *input;

    guint32 ordinal;
    guint64 place, size;
    gboolean locked;     /* the member is encrypted, and libarchive has no means against it */
    guint64 offset;      /* decoded bytes delivered */
    const guint8 *block; /* libarchive's, at block_offset */
    gsize block_bytes;
    guint64 block_offset;
    gboolean ended;     /* the member's last block was delivered */
    guint64 end_offset; /* then: a hole reaches up to here */
    guint32 crc32;
};

void cronos_libarchive_source_clear(CronosLibarchiveSource *source)
{
    g_clear_pointer(&source->head, g_free);
}

/* Made once and kept: threads are in them. */
static locale_t name_locale(gboolean utf8)
{
    static gsize made[2];
    static locale_t locales[2];

    if (g_once_init_enter(&made[utf8])) {
        locales[utf8] = newlocale(LC_CTYPE_MASK, utf8 ? "C.UTF-8" : "C", (locale_t)0);
        g_once_init_leave(&made[utf8], 1);
    }
    return locales[utf8];
}

void cronos_libarchive_prepare(void)
{
    GIConv conversion = g_iconv_open("UTF-8", "UTF-16LE");

    name_locale(FALSE);
    name_locale(TRUE);
    if (conversion != (GIConv)-1)
        g_iconv_close(conversion);
}

locale_t cronos_libarchive_handle_enter(const CronosLibarchiveHandle *handle)
{
    gboolean utf8 = handle->source.format == CRONOS_LIBARCHIVE_7Z ||
                    handle->source.format == CRONOS_LIBARCHIVE_ISO;
    locale_t locale = name_locale(utf8);

    return uselocale(locale); /* 0, where it could not be made, changes nothing */
}

void cronos_libarchive_handle_leave(locale_t before)
{
    uselocale(before);
}

static gboolean damaged(GError **error, const char *what)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return FALSE;
}

typedef int (*Support)(struct archive *archive);

static gboolean choose_format(CronosLibarchiveHandle *handle, GError **error)
{
    static const Support supports[] = {
        [CRONOS_LIBARCHIVE_TAR] = archive_read_support_format_tar,
        [CRONOS_LIBARCHIVE_CPIO] = archive_read_support_format_cpio,
        [CRONOS_LIBARCHIVE_7Z] = archive_read_support_format_7zip,
        [CRONOS_LIBARCHIVE_ISO] = archive_read_support_format_iso9660,
        [CRONOS_LIBARCHIVE_ZIP_MEMBER] = archive_read_support_format_zip_streamable,
        [CRONOS_LIBARCHIVE_RAW] = archive_read_support_format_raw,
    };

    /* The checksum is held against what the central directory says, by us. */
    if (supports[handle->source.format](handle->archive) < ARCHIVE_WARN ||
        (handle->source.format == CRONOS_LIBARCHIVE_ZIP_MEMBER &&
         archive_read_set_options(handle->archive, "zip:ignorecrc32") != ARCHIVE_OK) ||
        (handle->source.passphrase != NULL &&
         archive_read_add_passphrase(handle->archive, handle->source.passphrase) != ARCHIVE_OK)) {
        cronos_libarchive_input_set_error(handle->input, handle->archive, error);
        return FALSE;
    }
    return TRUE;
}

static gboolean start(CronosLibarchiveHandle *handle, GError **error)
{
    if (handle->archive == NULL) {
        cronos_error_set_system(error, ENOMEM, "reading the archive");
        return FALSE;
    }
    handle->input = cronos_libarchive_input_new(&handle->source, handle->archive, error);
    if (handle->input == NULL || !choose_format(handle, error))
        return FALSE;
    locale_t before = cronos_libarchive_handle_enter(handle);
    int result = archive_read_open1(handle->archive);
    cronos_libarchive_handle_leave(before);
    if (result < ARCHIVE_WARN)
        cronos_libarchive_input_set_error(handle->input, handle->archive, error);
    return result >= ARCHIVE_WARN;
}

CronosLibarchiveHandle *cronos_libarchive_handle_open(CronosLibarchiveSource *source,
                                                      GError **error)
{
    g_autoptr(CronosLibarchiveHandle) handle = g_new0(CronosLibarchiveHandle, 1);

    handle->source = *source;
    source->head = NULL;
    handle->archive = archive_read_new();
    handle->ordinal = NO_MEMBER;
    return start(handle, error) ? g_steal_pointer(&handle) : NULL;
}

void cronos_libarchive_handle_free(CronosLibarchiveHandle *handle)
{
    if (handle == NULL)
        return;
    if (handle->archive != NULL)
        archive_read_free(handle->archive);
    cronos_libarchive_input_free(handle->input);
    cronos_libarchive_source_clear(&handle->source);
    g_free(handle);
}

/* Returns: the bytes that the member decodes to: what is not a regular file has none. */
static guint64 data_size(const CronosLibarchiveHandle *handle)
{
    la_int64_t size = archive_entry_size(handle->entry);
    unsigned type = archive_entry_filetype(handle->entry);

    if (handle->source.one_member)
        return handle->source.size_bytes;
    return size < 0 || (type != 0 && type != AE_IFREG) ? 0 : (guint64)size;
}

static void begin_member(CronosLibarchiveHandle *handle)
{
    if (handle->ordinal != NO_MEMBER)
        handle->place += handle->size + HEADER_PLACE;
    handle->ordinal++;
    handle->size = data_size(handle);
    handle->offset = handle->block_offset = handle->end_offset = 0;
    handle->block_bytes = 0;
    handle->ended = FALSE;
    handle->locked = handle->source.format == CRONOS_LIBARCHIVE_7Z &&
                     archive_entry_is_data_encrypted(handle->entry) > 0;
    handle->crc32 = 0;
}

/* Tar alone has headers of any length. What is left of the member before would count as one. */
static int next_header(CronosLibarchiveHandle *handle)
{
    int result = ARCHIVE_OK;

    if (handle->source.format != CRONOS_LIBARCHIVE_TAR)
        return archive_read_next_header(handle->archive, &handle->entry);
    if (handle->ordinal != NO_MEMBER)
        result = archive_read_data_skip(handle->archive);
    if (result == ARCHIVE_FATAL)
        return result;
    cronos_libarchive_input_begin_header(handle->input);
    result = archive_read_next_header(handle->archive, &handle->entry);
    cronos_libarchive_input_end_header(handle->input);
    return result;
}

CronosLibarchiveStep cronos_libarchive_handle_next(CronosLibarchiveHandle *handle, GError **error)
{
    locale_t before = cronos_libarchive_handle_enter(handle);
    int result = next_header(handle);

    cronos_libarchive_handle_leave(before);
    if (result == ARCHIVE_EOF && !cronos_libarchive_input_has_failed(handle->input))
        return CRONOS_LIBARCHIVE_END;
    /* A warning is about an attribute that could not be taken as it is. */
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) {
        begin_member(handle);
        return CRONOS_LIBARCHIVE_MEMBER;
    }
    cronos_libarchive_input_set_error(handle->input, handle->archive, error);
    return CRONOS_LIBARCHIVE_FAILED;
}

guint32 cronos_libarchive_handle_ordinal(const CronosLibarchiveHandle *handle)
{
    return handle->ordinal;
}

guint64 cronos_libarchive_handle_place(const CronosLibarchiveHandle *handle)
{
    return handle->place;
}

guint64 cronos_libarchive_handle_size(const CronosLibarchiveHandle *handle)
{
    return handle->size;
}

guint64 cronos_libarchive_handle_offset(const CronosLibarchiveHandle *handle)
{
    return handle->offset;
}

struct archive_entry *cronos_libarchive_handle_entry(const CronosLibarchiveHandle *handle)
{
    return handle->entry;
}

struct archive *cronos_libarchive_handle_archive(const CronosLibarchiveHandle *handle)
{
    return handle->archive;
}

gboolean cronos_libarchive_handle_is_solid(const CronosLibarchiveHandle *handle)
{
    return cronos_libarchive_input_is_filtered(handle->input) ||
           handle->source.format == CRONOS_LIBARCHIVE_7Z;
}

/* Takes libarchive's next block. Returns: FALSE with @error. */
static gboolean fetch(CronosLibarchiveHandle *handle, GError **error)
{
    const void *bytes = NULL;
    size_t length = 0;
    la_int64_t offset = 0;
    int result = ARCHIVE_OK;

    for (guint i = 0; i < EMPTY_BLOCKS_MAX && result == ARCHIVE_OK && length == 0; i++)
        result = archive_read_data_block(handle->archive, &bytes, &length, &offset);
    if (result == ARCHIVE_EOF) {
        handle->ended = TRUE;
        handle->end_offset = offset < 0 ? 0 : (guint64)offset;
        return TRUE;
    }
    if (result != ARCHIVE_OK) {
        cronos_libarchive_input_set_error(handle->input, handle->archive, error);
        return FALSE;
    }
    if (length == 0)
        return damaged(error, "the data does not go on");
    if (offset < 0 || (guint64)offset < handle->offset)
        return damaged(error, "parts of the data overlap");
    if ((guint64)offset > handle->size || length > handle->size - (guint64)offset)
        return damaged(error, "is longer than the archive says");
    handle->block = bytes;
    handle->block_bytes = length;
    handle->block_offset = (guint64)offset;
    return TRUE;
}

/* Returns: where the hole ends that the handle stands in, as far as that is known. */
static guint64 hole_end(const CronosLibarchiveHandle *handle)
{
    if (handle->block_bytes > 0)
        return handle->block_offset;
    return handle->ended ? MIN(handle->end_offset, handle->size) : 0;
}

gboolean cronos_libarchive_handle_leap(CronosLibarchiveHandle *handle, guint64 offset, gsize step,
                                       GError **error)
{
    /* A checksum is of all bytes. */
    if (handle->locked || handle->source.has_crc32)
        return TRUE;
    if (handle->block_bytes == 0 && !handle->ended && !fetch(handle, error))
        return FALSE;
    guint64 end = MIN(offset, hole_end(handle));
    if (end > handle->offset)
        handle->offset += (end - handle->offset) / step * step;
    return TRUE;
}

/* Delivers from what is at hand: a hole, or a block. Returns: bytes; 0: fetch. */
static gsize deliver(CronosLibarchiveHandle *handle, guint8 *buffer, gsize size)
{
    guint64 end = hole_end(handle);
    gsize n = 0;

    if (end > handle->offset) {
        n = (gsize)MIN(size, end - handle->offset);
        memset(buffer, 0, n);
    } else if (handle->block_bytes > 0) {
        n = MIN(size, handle->block_bytes);
        memcpy(buffer, handle->block, n);
        handle->block += n;
        handle->block_bytes -= n;
        handle->block_offset += n;
    }
    handle->offset += n;
    return n;
}

/* The last byte was delivered: the archive must say so too. */
static gboolean finish(CronosLibarchiveHandle *handle, GError **error)
{
    if (handle->block_bytes > 0)
        return damaged(error, "is longer than the archive says");
    if (!handle->ended && !fetch(handle, error))
        return FALSE;
    if (!handle->ended)
        return damaged(error, "is longer than the archive says");
    if (handle->source.has_crc32 && handle->crc32 != handle->source.crc32)
        return damaged(error, "the checksum of the decoded data is wrong");
    return TRUE;
}

gssize cronos_libarchive_handle_read(CronosLibarchiveHandle *handle, void *buffer, gsize size,
                                     GError **error)
{
    guint8 *at = buffer;
    gsize done = 0;

    /* Trying would spoil what follows, too. */
    if (handle->locked) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                            "is encrypted, which is not supported in 7z archives");
        return -1;
    }
    size = (gsize)MIN(size, handle->size - handle->offset);
    while (done < size) {
        gsize n = deliver(handle, at + done, size - done);

        if (n == 0 && handle->ended) {
            damaged(error, "is shorter than the archive says");
            return -1;
        }
        if (n == 0 && !fetch(handle, error))
            return -1;
        done += n;
    }
    if (handle->source.has_crc32)
        handle->crc32 = libdeflate_crc32(handle->crc32, buffer, size);
    if (handle->offset == handle->size && !finish(handle, error))
        return -1;
    return (gssize)size;
}
