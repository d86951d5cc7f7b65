/* SPDX-License-Identifier: MIT
 * fuzz-archive.c - the first byte chooses a format, the rest is a file of it: members are read
 *
 * As the mount reads them, at odd offsets, and as restore does, from the front. What one way
 * delivers, the other must. ZIP is among the formats for the members that libarchive decodes and
 * for large ones, which core/zip alone never reads. */
#include "tests/fuzz/fuzz.h"

#include "core/archive.h"

#include <sys/stat.h>

#define WHOLE_MAX (4u << 20)
#define ENTRIES_MAX 24u
/* Of all members together: bombs are no findings. */
#define BYTES_MAX (16u << 20)

static const char *const names[] = {
    "input.tar", "input.tar.gz", "input.tar.bz2", "input.tar.xz", "input.tar.zst",
    "input.7z",  "input.cpio",   "input.iso",     "input.zip",    "input.cpio.gz"};

/* Returns: (owned) all bytes, where the stream comes to a good end before WHOLE_MAX; else NULL. */
static GByteArray *read_stream(CronosArchive *archive, guint32 entry)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosArchiveStream) stream = cronos_archive_stream_open(archive, entry, &error);
    g_autoptr(GByteArray) whole = g_byte_array_new();
    guint8 buffer[65537];

    fuzz_check_error(stream != NULL, error);
    while (stream != NULL && whole->len < WHOLE_MAX) {
        gssize n = cronos_archive_stream_read(stream, buffer, sizeof buffer, &error);

        fuzz_check_error(n >= 0, error);
        if (n < 0)
            return NULL;
        if (n == 0)
            return g_steal_pointer(&whole);
        g_byte_array_append(whole, buffer, (guint)n);
    }
    return NULL;
}

static void check_offsets(CronosArchive *archive, guint32 entry, guint64 size_bytes,
                          const GByteArray *whole)
{
    const guint64 offsets[] = {size_bytes / 2, 0, size_bytes, 1, size_bytes - 1, 70000};
    guint8 buffer[1777];

    for (guint i = 0; i < G_N_ELEMENTS(offsets); i++) {
        g_autoptr(GError) error = NULL;
        gssize n = cronos_archive_read(archive, entry, offsets[i], buffer, sizeof buffer, &error);

        fuzz_check_error(n >= 0, error);
        g_assert_cmpint(n, <=, (gssize)sizeof buffer);
        if (n <= 0 || whole == NULL)
            continue;
        g_assert_cmpuint(offsets[i] + (guint64)n, <=, whole->len);
        g_assert_true(memcmp(buffer, whole->data + offsets[i], (gsize)n) == 0);
    }
}

/* Returns: how many bytes there were to read. */
static guint64 check_member(CronosArchive *archive, guint32 entry)
{
    g_autofree char *path = cronos_archive_path(archive, entry);
    g_autoptr(GError) error = NULL;
    CronosMemberInfo info;

    fuzz_check_error(cronos_archive_info(archive, entry, &info, &error), error);
    g_assert_true(entry == CRONOS_ENTRY_ROOT || *path != '\0');
    g_assert_true(*path != '/' && strstr(path, "/../") == NULL && !g_str_has_prefix(path, "../"));
    if (error != NULL || info.kind == CRONOS_MEMBER_DIRECTORY)
        return 0;
    if (info.kind == CRONOS_MEMBER_SYMLINK) {
        g_autofree char *target = cronos_archive_readlink(archive, entry, &error);

        fuzz_check_error(target != NULL, error);
        return 0;
    }
    g_autoptr(GByteArray) whole = read_stream(archive, entry);
    g_assert_true(whole == NULL || whole->len == info.size_bytes);
    check_offsets(archive, entry, info.size_bytes, whole);
    return info.size_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    guint64 bytes = 0;

    if (size < 1)
        return 0;
    cronos_archive_set_cache_limit(8u << 20);
    g_autoptr(CronosArchive) archive = cronos_archive_open_fd(
        fuzz_file(data + 1, size - 1), names[data[0] % G_N_ELEMENTS(names)], &error);
    fuzz_check_error(archive != NULL, error);
    if (archive == NULL)
        return 0;
    guint32 count = MIN(cronos_archive_count(archive), ENTRIES_MAX);
    for (guint32 entry = 0; entry < count && bytes < BYTES_MAX; entry++)
        bytes += check_member(archive, entry);
    return 0;
}
