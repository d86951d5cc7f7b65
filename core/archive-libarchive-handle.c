/* SPDX-License-Identifier: MIT
 * archive-libarchive-handle.c - one pass of libarchive over an archive
 *
 * Filters and formats are not guessed by libarchive among all that it knows: the name of the file
 * says the format, and its first bytes the filter, of which there is one at most. None of those
 * runs another program. */
#include "core/archive-libarchive-handle.h"

#include "core/error.h"
#include "core/zip/zip-io.h"

#include <errno.h>
#include <libdeflate.h>
#include <locale.h>
#include <string.h>

#define INPUT_BYTES (64u << 10)
#define MAGIC_BYTES 6u
/* What a member takes beside its data, for the measure of how far into the archive it is. */
#define HEADER_PLACE 512u
/* libarchive may deliver nothing and yet go on, but not for ever. */
#define EMPTY_BLOCKS_MAX 4096u
#define NO_MEMBER G_MAXUINT32

struct CronosLibarchiveHandle {
    CronosLibarchiveSource source;
    struct archive *archive;
    struct archive_entry *entry;
    guint8 *input;      /* INPUT_BYTES */
    guint64 input_at;   /* where the next input is taken from */
    GError *read_error; /* why the file could not be read */
    gboolean filtered;

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

static guint64 input_end(const CronosLibarchiveHandle *handle)
{
    return handle->source.head_bytes + (handle->source.end - handle->source.start);
}

static la_ssize_t read_input(struct archive *archive, void *data, const void **out_bytes)
{
    CronosLibarchiveHandle *handle = data;
    const CronosLibarchiveSource *source = &handle->source;

    *out_bytes = handle->input;
    if (handle->input_at < source->head_bytes) {
        gsize n = source->head_bytes - (gsize)handle->input_at;

        *out_bytes = source->head + handle->input_at;
        handle->input_at = source->head_bytes;
        return (la_ssize_t)n;
    }
    guint64 rest = input_end(handle) - handle->input_at;
    gssize n = cronos_zip_pread(source->fd, handle->input, (gsize)MIN(rest, INPUT_BYTES),
                                source->start + (handle->input_at - source->head_bytes),
                                handle->read_error == NULL ? &handle->read_error : NULL);
    if (n < 0) {
        archive_set_error(archive, EIO, "read error");
        return ARCHIVE_FATAL;
    }
    handle->input_at += (guint64)n;
    return n;
}

/* Never beyond the end: that the file is cut is found out by reading there. */
static la_int64_t skip_input(struct archive *archive, void *data, la_int64_t request)
{
    CronosLibarchiveHandle *handle = data;
    guint64 rest = input_end(handle) - handle->input_at;
    guint64 n = request < 0 ? 0 : MIN((guint64)request, rest);

    handle->input_at += n;
    return (la_int64_t)n;
}

static la_int64_t seek_input(struct archive *archive, void *data, la_int64_t offset, int whence)
{
    CronosLibarchiveHandle *handle = data;
    gint64 end = (gint64)input_end(handle), from, to;

    from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (gint64)handle->input_at : end;
    if (__builtin_add_overflow(from, offset, &to) || to < 0 || to > end) {
        archive_set_error(archive, EINVAL, "a position outside of the file");
        return ARCHIVE_FATAL;
    }
    handle->input_at = (guint64)to;
    return to;
}

/* Returns: whether libarchive's words tell of something that it can not do, rather than of damage.
 */
static gboolean tells_of_lack(const char *message)
{
    static const char *const signs[] = {"support", "crypt", "passphrase", "unknown method"};
    g_autofree char *lower = g_ascii_strdown(message, -1);

    for (guint i = 0; i < G_N_ELEMENTS(signs); i++) {
        if (strstr(lower, signs[i]) != NULL)
            return TRUE;
    }
    return FALSE;
}

static void set_error(CronosLibarchiveHandle *handle, GError **error)
{
    const char *message = archive_error_string(handle->archive);
    int errnum = archive_errno(handle->archive);

    if (handle->read_error != NULL) {
        g_propagate_error(error, g_steal_pointer(&handle->read_error));
        return;
    }
    if (message == NULL)
        message = "the archive is damaged";
    g_autofree char *quoted = cronos_quote_path(message);
    if (errnum == ENOMEM)
        g_set_error(error, CRONOS_SYSTEM_ERROR, ENOMEM, "%s", quoted);
    else if (tells_of_lack(message))
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED, "%s", quoted);
    else
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "%s", quoted);
}

static gboolean damaged(GError **error, const char *what)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, what);
    return FALSE;
}

typedef int (*Support)(struct archive *archive);

static const struct {
    const char *name;
    const guint8 magic[MAGIC_BYTES], mask[MAGIC_BYTES];
    Support support;
} filters[] = {
    {"gzip", {0x1f, 0x8b}, {0xff, 0xff}, archive_read_support_filter_gzip},
    {"bzip2", {'B', 'Z', 'h'}, {0xff, 0xff, 0xff}, archive_read_support_filter_bzip2},
    {"xz",
     {0xfd, '7', 'z', 'X', 'Z', 0},
     {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
     archive_read_support_filter_xz},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, {0xff, 0xff, 0xff, 0xff}, archive_read_support_filter_zstd},
    /* Skippable frames, which parallel compressors begin with. */
    {"zstd", {0x50, 0x2a, 0x4d, 0x18}, {0xf0, 0xff, 0xff, 0xff}, archive_read_support_filter_zstd},
};

static gboolean matches(const guint8 *bytes, const guint8 *magic, const guint8 *mask)
{
    for (guint i = 0; i < MAGIC_BYTES; i++) {
        if ((bytes[i] & mask[i]) != magic[i])
            return FALSE;
    }
    return TRUE;
}

/* Returns: FALSE with @error where the filter could only be had by running another program. */
static gboolean choose_filter(CronosLibarchiveHandle *handle, GError **error)
{
    const CronosLibarchiveSource *source = &handle->source;
    guint8 bytes[MAGIC_BYTES] = {0};

    if (source->format != CRONOS_LIBARCHIVE_TAR && source->format != CRONOS_LIBARCHIVE_CPIO &&
        source->format != CRONOS_LIBARCHIVE_RAW)
        return TRUE;
    if (cronos_zip_pread(source->fd, bytes, (gsize)MIN(sizeof bytes, source->end - source->start),
                         source->start, error) < 0)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(filters); i++) {
        if (!matches(bytes, filters[i].magic, filters[i].mask))
            continue;
        handle->filtered = TRUE;
        if (filters[i].support(handle->archive) == ARCHIVE_OK)
            return TRUE;
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                    "compression by %s is not supported by this libarchive", filters[i].name);
        return FALSE;
    }
    if (source->format != CRONOS_LIBARCHIVE_RAW)
        return TRUE;
    return damaged(error, "the compressed data does not begin as its method has it");
}

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
        set_error(handle, error);
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
    if (!choose_filter(handle, error) || !choose_format(handle, error))
        return FALSE;
    archive_read_set_read_callback(handle->archive, read_input);
    archive_read_set_skip_callback(handle->archive, skip_input);
    archive_read_set_seek_callback(handle->archive, seek_input);
    archive_read_set_callback_data(handle->archive, handle);
    locale_t before = cronos_libarchive_handle_enter(handle);
    int result = archive_read_open1(handle->archive);
    cronos_libarchive_handle_leave(before);
    if (result < ARCHIVE_WARN)
        set_error(handle, error);
    return result >= ARCHIVE_WARN;
}

CronosLibarchiveHandle *cronos_libarchive_handle_open(CronosLibarchiveSource *source,
                                                      GError **error)
{
    g_autoptr(CronosLibarchiveHandle) handle = g_new0(CronosLibarchiveHandle, 1);

    handle->source = *source;
    source->head = NULL;
    handle->input = g_malloc(INPUT_BYTES);
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
    cronos_libarchive_source_clear(&handle->source);
    g_clear_error(&handle->read_error);
    g_free(handle->input);
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

CronosLibarchiveStep cronos_libarchive_handle_next(CronosLibarchiveHandle *handle, GError **error)
{
    locale_t before = cronos_libarchive_handle_enter(handle);
    int result = archive_read_next_header(handle->archive, &handle->entry);

    cronos_libarchive_handle_leave(before);
    if (result == ARCHIVE_EOF && handle->read_error == NULL)
        return CRONOS_LIBARCHIVE_END;
    /* A warning is about an attribute that could not be taken as it is. */
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) {
        begin_member(handle);
        return CRONOS_LIBARCHIVE_MEMBER;
    }
    set_error(handle, error);
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
    return handle->filtered || handle->source.format == CRONOS_LIBARCHIVE_7Z;
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
        set_error(handle, error);
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
