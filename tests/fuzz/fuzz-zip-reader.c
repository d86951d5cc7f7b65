/* SPDX-License-Identifier: MIT
 * fuzz-zip-reader.c - the input is an archive: its members are read in every way there is
 *
 * What one way delivers, every other must: whole, as a stream, at odd offsets, by SOZip chunks. */
#include "tests/fuzz/fuzz.h"

#include "core/archive.h"
#include "core/verify-private.h"
#include "core/zip/sozip-table.h"
#include "core/zip/zip-reader.h"

#include <libdeflate.h>

#define WHOLE_MAX (2u << 20)
#define STREAM_MAX (4u << 20)
#define ENTRIES_MAX 64u

typedef struct {
    int fd; /* borrowed */
    CronosZipIndex *index;
    CronosArchive *archive;
    guint64 limit;
} Subject;

/* Returns: whether the stream came to a good end; @whole: what it must have delivered then, or
 * NULL. */
static gboolean read_stream(CronosZipStream *stream, guint64 size_bytes, const guint8 *whole)
{
    guint8 buffer[3001];
    guint64 position = 0;

    for (gsize step = 1; position < STREAM_MAX; step = step % sizeof buffer + 97) {
        g_autoptr(GError) error = NULL;
        gsize wanted = MIN(step, sizeof buffer);
        gssize n = cronos_zip_stream_read(stream, buffer, wanted, &error);

        fuzz_check_error(n >= 0, error);
        if (n < 0)
            return FALSE;
        g_assert_true((gsize)n <= wanted);
        if (n == 0) {
            g_assert_cmpuint(position, ==, size_bytes);
            return TRUE;
        }
        g_assert_true(whole == NULL || memcmp(whole + position, buffer, (gsize)n) == 0);
        position += (guint64)n;
        g_assert_cmpuint(cronos_zip_stream_position(stream), ==, position);
    }
    return FALSE;
}

static void check_streams(const Subject *subject, const CronosZipExtent *extent,
                          const guint8 *whole)
{
    CronosZipStream *(*const openers[])(int, const CronosZipExtent *, guint64, GError **) = {
        cronos_zip_stream_open, cronos_zip_stream_open_lean};

    for (guint i = 0; i < G_N_ELEMENTS(openers); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(CronosZipStream) stream = openers[i](subject->fd, extent, subject->limit, &error);

        fuzz_check_error(stream != NULL, error);
        gboolean good = stream != NULL && read_stream(stream, extent->size_bytes, whole);
        if (extent->size_bytes > WHOLE_MAX)
            continue;
        /* zlib, which the lean one decodes with, refuses a few streams that libdeflate takes. */
        g_assert_true(!good || whole != NULL);
        g_assert_true(good || whole == NULL || openers[i] == cronos_zip_stream_open_lean);
    }
}

static void check_offsets(const Subject *subject, guint32 entry, guint64 size_bytes,
                          const guint8 *whole)
{
    const guint64 offsets[] = {0, 1, 511, size_bytes / 2, size_bytes - 1, size_bytes, G_MAXUINT64};
    guint8 buffer[777];

    for (guint i = 0; i < G_N_ELEMENTS(offsets); i++) {
        g_autoptr(GError) error = NULL;
        gssize n =
            cronos_archive_read(subject->archive, entry, offsets[i], buffer, sizeof buffer, &error);

        fuzz_check_error(n >= 0, error);
        if (whole == NULL || offsets[i] > size_bytes)
            continue;
        g_assert_cmpint(n, ==, (gssize)MIN(sizeof buffer, size_bytes - offsets[i]));
        g_assert_true(n == 0 || memcmp(buffer, whole + offsets[i], (gsize)n) == 0);
    }
}

static void decode_chunks(const Subject *subject, guint64 data_offset,
                          const CronosSozipTable *table)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();

    for (guint64 i = 0; i < MIN(cronos_sozip_table_count(table), ENTRIES_MAX); i++) {
        CronosSozipChunk chunk;

        cronos_sozip_table_chunk(table, i, &chunk);
        gsize stored_bytes = (gsize)chunk.stored_bytes;
        g_autofree guint8 *stored = g_malloc(stored_bytes + CRONOS_SOZIP_TAIL_BYTES);
        g_autofree guint8 *out = g_malloc(MAX(chunk.size_bytes, 1));
        g_assert_true(pread(subject->fd, stored, stored_bytes,
                            (off_t)(data_offset + chunk.stored_offset)) == (gssize)stored_bytes);
        cronos_sozip_decode_chunk(decompressor, &chunk, stored, out, NULL);
    }
    libdeflate_free_decompressor(decompressor);
}

static void check_sozip(const Subject *subject, guint32 entry, const CronosZipExtent *extent)
{
    g_autofree char *path = cronos_archive_path(subject->archive, entry);
    g_autoptr(CronosSozipTable) table =
        cronos_sozip_table_load(subject->fd, extent, subject->limit, path, strlen(path), NULL);
    guint64 data_offset;

    if (table != NULL && extent->size_bytes <= WHOLE_MAX &&
        cronos_zip_locate(subject->fd, extent, subject->limit, &data_offset, NULL))
        decode_chunks(subject, data_offset, table);
}

static void check_member(const Subject *subject, guint32 entry)
{
    CronosZipExtent extent;
    g_autofree guint8 *whole = NULL;

    if (!cronos_zip_index_extent(subject->index, entry, &extent, NULL))
        return;
    if (extent.size_bytes <= WHOLE_MAX) {
        g_autoptr(GError) error = NULL;

        whole = g_malloc(MAX((gsize)extent.size_bytes, 1));
        gboolean good = cronos_zip_decode(subject->fd, &extent, subject->limit, whole, &error);
        fuzz_check_error(good, error);
        if (!good)
            g_clear_pointer(&whole, g_free);
    }
    check_streams(subject, &extent, whole);
    if (!cronos_zip_index_is_directory(subject->index, entry))
        check_offsets(subject, entry, extent.size_bytes, whole);
    check_sozip(subject, entry, &extent);
}

/* What verification finds nothing wrong with can be read. */
static void check_verification(const Subject *subject)
{
    g_autoptr(GError) error = NULL;
    CronosTally tally;

    cronos_tally_init(&tally, NULL);
    g_autoptr(GArray) findings = cronos_verify_members(subject->archive, 1, &tally, &error);
    cronos_tally_clear(&tally);
    g_assert_nonnull(findings);
    for (guint32 entry = 1; findings->len == 0 && entry < cronos_archive_count(subject->archive);
         entry++) {
        CronosMemberInfo info;

        g_assert_true(cronos_archive_info(subject->archive, entry, &info, NULL));
        if (info.kind != CRONOS_MEMBER_DIRECTORY)
            g_assert_cmpint(cronos_archive_read(subject->archive, entry, 0, &info, 1, NULL), >=, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Subject subject = {.fd = fuzz_file(data, size)};

    subject.index = cronos_zip_index_open(subject.fd, NULL);
    subject.archive = cronos_archive_open_fd(fuzz_file(data, size), "input.zip", NULL);
    g_assert_true((subject.index == NULL) == (subject.archive == NULL));
    if (subject.index != NULL) {
        guint32 count = cronos_zip_index_count(subject.index);

        subject.limit = cronos_zip_index_directory_offset(subject.index);
        for (guint32 entry = 0; entry < MIN(count, ENTRIES_MAX); entry++)
            check_member(&subject, entry);
        check_verification(&subject);
    }
    cronos_archive_unref(subject.archive);
    cronos_zip_index_free(subject.index);
    close(subject.fd);
    return 0;
}
