/* SPDX-License-Identifier: MIT
 * archive-libarchive-input.c - bytes of an archive's file, and the decoder between it and a format
 *
 * Which filter it takes is not guessed by libarchive among all that it knows, but told by the
 * file's first bytes. None of the filters runs another program. */
#include "core/archive-libarchive-input.h"

#include "core/archive.h"
#include "core/error.h"
#include "core/zip/zip-io.h"

#include <errno.h>
#include <string.h>

#define INPUT_BYTES (64u << 10)
#define MAGIC_BYTES 6u
/* libarchive keeps the table of a sparse file, which is a part of its header, in memory: up to
 * twenty times what it takes in the archive. */
#define HEADER_BYTES_MAX (16u << 20)

struct CronosLibarchiveInput {
    const CronosLibarchiveSource *source;
    struct archive *decoder; /* (nullable) what is read comes from it */
    guint8 *buffer;          /* INPUT_BYTES of the file */
    guint64 at;              /* where in the source the next of them are taken from */
    guint64 decoded;         /* bytes that the decoder gave */
    guint64 header_end;      /* of what was taken: the format reads a header up to here */
    gboolean filtered;
    GError *failure; /* why there is no more */
};

static gint halted; /* atomic */

void cronos_archive_halt(void)
{
    g_atomic_int_set(&halted, TRUE);
}

void cronos_libarchive_set_too_much(GError **error)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                        "the archive unpacks to more than 16 GiB and 1,000 times its size");
}

/* Returns: how many bytes the format has come by. */
static guint64 taken(const CronosLibarchiveInput *input)
{
    return input->decoder != NULL ? input->decoded : input->at;
}

void cronos_libarchive_input_begin_header(CronosLibarchiveInput *input)
{
    input->header_end = taken(input) + HEADER_BYTES_MAX;
}

void cronos_libarchive_input_end_header(CronosLibarchiveInput *input)
{
    input->header_end = G_MAXUINT64;
}

/* Returns: whether libarchive may have more; if not, the failure says why. */
static gboolean may_go_on(CronosLibarchiveInput *input)
{
    guint64 most = input->source->decoded_max;

    if (input->failure != NULL)
        return FALSE;
    if (g_atomic_int_get(&halted))
        g_set_error_literal(&input->failure, CRONOS_ERROR, CRONOS_ERROR_CANCELLED,
                            "the program is about to end");
    else if (most > 0 && input->decoded > most)
        cronos_libarchive_set_too_much(&input->failure);
    else if (taken(input) > input->header_end)
        g_set_error(&input->failure, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                    "a member's header takes more than %u MiB", HEADER_BYTES_MAX >> 20);
    return input->failure == NULL;
}

/* What a callback returns where the failure is set. */
static la_ssize_t fail(const CronosLibarchiveInput *input, struct archive *archive)
{
    archive_set_error(archive, EIO, "%s", input->failure->message);
    return ARCHIVE_FATAL;
}

static guint64 input_end(const CronosLibarchiveInput *input)
{
    return input->source->head_bytes + (input->source->end - input->source->start);
}

static la_ssize_t read_file(struct archive *archive, void *data, const void **out_bytes)
{
    CronosLibarchiveInput *input = data;
    const CronosLibarchiveSource *source = input->source;

    if (!may_go_on(input))
        return fail(input, archive);
    *out_bytes = input->buffer;
    if (input->at < source->head_bytes) {
        gsize n = source->head_bytes - (gsize)input->at;

        *out_bytes = source->head + input->at;
        input->at = source->head_bytes;
        return (la_ssize_t)n;
    }
    guint64 rest = input_end(input) - input->at;
    gssize n = cronos_zip_pread(source->fd, input->buffer, (gsize)MIN(rest, INPUT_BYTES),
                                source->start + (input->at - source->head_bytes), &input->failure);
    if (n < 0)
        return fail(input, archive);
    input->at += (guint64)n;
    return n;
}

/* Never beyond the end: that the file is cut is found out by reading there. */
static la_int64_t skip_file(struct archive *archive, void *data, la_int64_t request)
{
    CronosLibarchiveInput *input = data;
    guint64 rest = input_end(input) - input->at;
    guint64 n = request < 0 ? 0 : MIN((guint64)request, rest);

    input->at += n;
    return (la_int64_t)n;
}

static la_int64_t seek_file(struct archive *archive, void *data, la_int64_t offset, int whence)
{
    CronosLibarchiveInput *input = data;
    gint64 end = (gint64)input_end(input), from, to;

    from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (gint64)input->at : end;
    if (__builtin_add_overflow(from, offset, &to) || to < 0 || to > end) {
        archive_set_error(archive, EINVAL, "a position outside of the file");
        return ARCHIVE_FATAL;
    }
    input->at = (guint64)to;
    return to;
}

static void attach_file(CronosLibarchiveInput *input, struct archive *archive)
{
    archive_read_set_read_callback(archive, read_file);
    archive_read_set_skip_callback(archive, skip_file);
    archive_read_set_seek_callback(archive, seek_file);
    archive_read_set_callback_data(archive, input);
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

void cronos_libarchive_input_set_error(CronosLibarchiveInput *input, struct archive *archive,
                                       GError **error)
{
    const char *message = archive_error_string(archive);
    int errnum = archive_errno(archive);

    if (input->failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&input->failure));
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

static la_ssize_t read_decoded(struct archive *archive, void *data, const void **out_bytes)
{
    CronosLibarchiveInput *input = data;
    size_t length = 0;
    la_int64_t offset;

    if (!may_go_on(input))
        return fail(input, archive);
    int result = archive_read_data_block(input->decoder, out_bytes, &length, &offset);
    if (result == ARCHIVE_EOF)
        return 0;
    if (result != ARCHIVE_OK) {
        GError *failure = NULL;

        cronos_libarchive_input_set_error(input, input->decoder, &failure);
        input->failure = failure;
        return fail(input, archive);
    }
    input->decoded += length;
    return (la_ssize_t)length;
}

typedef struct {
    const char *name;
    const guint8 magic[MAGIC_BYTES], mask[MAGIC_BYTES];
    int (*support)(struct archive *archive);
} Filter;

static const Filter filters[] = {
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

static gboolean matches(const guint8 *bytes, const Filter *filter)
{
    for (guint i = 0; i < MAGIC_BYTES; i++) {
        if ((bytes[i] & filter->mask[i]) != filter->magic[i])
            return FALSE;
    }
    return TRUE;
}

/* Returns: FALSE with @error. What is missing where the source is shorter stays as it is. */
static gboolean read_start(const CronosLibarchiveSource *source, guint8 *bytes, gsize length,
                           GError **error)
{
    gsize made_up = MIN(length, source->head_bytes);

    if (made_up > 0)
        memcpy(bytes, source->head, made_up);
    return cronos_zip_pread(source->fd, bytes + made_up,
                            (gsize)MIN(length - made_up, source->end - source->start),
                            source->start, error) >= 0;
}

/* @out_filter: NULL where the source begins as none does. Returns: FALSE with @error. */
static gboolean find_filter(const CronosLibarchiveSource *source, const Filter **out_filter,
                            GError **error)
{
    guint8 bytes[MAGIC_BYTES] = {0};

    *out_filter = NULL;
    if (source->format != CRONOS_LIBARCHIVE_TAR && source->format != CRONOS_LIBARCHIVE_CPIO &&
        source->format != CRONOS_LIBARCHIVE_RAW)
        return TRUE;
    if (!read_start(source, bytes, sizeof bytes, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(filters) && *out_filter == NULL; i++)
        *out_filter = matches(bytes, &filters[i]) ? &filters[i] : NULL;
    if (*out_filter != NULL || source->format != CRONOS_LIBARCHIVE_RAW)
        return TRUE;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                        "the compressed data does not begin as its method has it");
    return FALSE;
}

/* Returns: FALSE with @error where the filter could only be had by running another program. */
static gboolean use_filter(const Filter *filter, struct archive *archive, GError **error)
{
    if (filter->support(archive) == ARCHIVE_OK)
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                "compression by %s is not supported by this libarchive", filter->name);
    return FALSE;
}

static gboolean open_decoder(CronosLibarchiveInput *input, const Filter *filter, GError **error)
{
    struct archive_entry *entry;

    input->decoder = archive_read_new();
    if (input->decoder == NULL) {
        cronos_error_set_system(error, ENOMEM, "reading the archive");
        return FALSE;
    }
    if (!use_filter(filter, input->decoder, error))
        return FALSE;
    attach_file(input, input->decoder);
    if (archive_read_support_format_raw(input->decoder) == ARCHIVE_OK &&
        archive_read_open1(input->decoder) == ARCHIVE_OK &&
        archive_read_next_header(input->decoder, &entry) == ARCHIVE_OK)
        return TRUE;
    cronos_libarchive_input_set_error(input, input->decoder, error);
    return FALSE;
}

static gboolean attach(CronosLibarchiveInput *input, struct archive *archive, GError **error)
{
    const Filter *filter;

    if (!find_filter(input->source, &filter, error))
        return FALSE;
    input->filtered = filter != NULL;
    if (filter == NULL || input->source->format == CRONOS_LIBARCHIVE_RAW) {
        attach_file(input, archive);
        return filter == NULL || use_filter(filter, archive, error);
    }
    archive_read_set_read_callback(archive, read_decoded);
    archive_read_set_callback_data(archive, input);
    return open_decoder(input, filter, error);
}

CronosLibarchiveInput *cronos_libarchive_input_new(const CronosLibarchiveSource *source,
                                                   struct archive *archive, GError **error)
{
    CronosLibarchiveInput *input = g_new0(CronosLibarchiveInput, 1);

    input->source = source;
    input->header_end = G_MAXUINT64;
    input->buffer = g_malloc(INPUT_BYTES);
    if (attach(input, archive, error))
        return input;
    cronos_libarchive_input_free(input);
    return NULL;
}

void cronos_libarchive_input_free(CronosLibarchiveInput *input)
{
    if (input == NULL)
        return;
    if (input->decoder != NULL)
        archive_read_free(input->decoder);
    g_clear_error(&input->failure);
    g_free(input->buffer);
    g_free(input);
}

gboolean cronos_libarchive_input_is_filtered(const CronosLibarchiveInput *input)
{
    return input->filtered;
}

gboolean cronos_libarchive_input_has_failed(const CronosLibarchiveInput *input)
{
    return input->failure != NULL;
}
