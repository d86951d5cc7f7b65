/* SPDX-License-Identifier: MIT
 * fuzz-salvage.c - the input is a damaged archive: what is salvaged of it is a whole one
 *
 * Where the input is an archive without any damage, and nothing else, all of it is salvaged. */
#include "tests/fuzz/fuzz.h"

#include "core/archive.h"
#include "core/error.h"
#include "core/salvage-private.h"
#include "core/verify-private.h"

#define READ_MAX (1u << 20)

/* Returns: (owned) what verification finds. */
static GArray *verify(CronosArchive *archive)
{
    g_autoptr(GError) error = NULL;
    CronosTally tally;

    cronos_tally_init(&tally, NULL);
    GArray *findings = cronos_verify_members(archive, 1, &tally, &error);
    cronos_tally_clear(&tally);
    g_assert_nonnull(findings);
    return findings;
}

static guint64 count_members(CronosArchive *archive)
{
    guint64 members = 0;

    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        CronosMemberInfo info;

        g_assert_true(cronos_archive_info(archive, entry, &info, NULL));
        members += !info.implied;
    }
    return members;
}

static GBytes *read_entry(CronosArchive *archive, guint32 entry, const CronosMemberInfo *info)
{
    g_autofree guint8 *bytes = g_malloc(info->size_bytes + 1);

    if (cronos_archive_read(archive, entry, 0, bytes, info->size_bytes, NULL) !=
        (gssize)info->size_bytes)
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&bytes), info->size_bytes);
}

/* Each file of the whole archive @before is in @after. */
static void check_same(CronosArchive *before, CronosArchive *after)
{
    for (guint32 entry = 1; entry < cronos_archive_count(before); entry++) {
        CronosMemberInfo info, copied;
        g_autofree char *path = cronos_archive_path(before, entry);

        g_assert_true(cronos_archive_info(before, entry, &info, NULL));
        if (info.kind == CRONOS_MEMBER_DIRECTORY || info.size_bytes > READ_MAX)
            continue;
        g_autoptr(GBytes) bytes = read_entry(before, entry, &info);
        guint32 found = cronos_archive_lookup_path(after, path);
        g_assert_true(bytes != NULL && found != CRONOS_ENTRY_NONE);
        g_assert_true(cronos_archive_info(after, found, &copied, NULL));
        g_autoptr(GBytes) copy = read_entry(after, found, &copied);
        g_assert_true(copy != NULL && g_bytes_equal(bytes, copy));
        g_assert_true(copied.mode == info.mode && copied.kind == info.kind);
    }
}

/* Whether the directory names all there is in the file. */
static gboolean is_one_archive(int fd)
{
    g_autoptr(CronosZipRemains) remains = cronos_zip_remains_find(fd, NULL, NULL, NULL);

    g_assert_nonnull(remains);
    for (guint32 i = 0; i < cronos_zip_remains_count(remains); i++)
        if (cronos_zip_remains_get(remains, i)->central == CRONOS_ZIP_NOWHERE)
            return FALSE;
    return cronos_zip_remains_has_directory(remains);
}

static void check_result(CronosArchive *before, int fd, int out_fd,
                         const CronosSalvageResult *result)
{
    g_autoptr(CronosArchive) after = cronos_archive_open_fd(out_fd, "new.zip", NULL);

    g_assert_nonnull(after);
    g_autoptr(GArray) findings = verify(after);
    g_assert_cmpuint(findings->len, ==, 0);
    g_assert_cmpuint(cronos_archive_repairs(after, NULL), ==, 0);
    g_assert_cmpuint(count_members(after), ==, result->members);
    g_autoptr(GArray) found_before = before != NULL ? verify(before) : NULL;
    if (found_before != NULL && found_before->len == 0 && is_one_archive(fd)) {
        g_assert_cmpuint(result->lost->len, ==, 0);
        check_same(before, after);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = fuzz_file(data, size), out_fd = fuzz_file("", 0);
    CronosSalvageResult *result = cronos_salvage_result_new();
    g_autoptr(CronosArchive) before =
        cronos_archive_open_fd(fuzz_file(data, size), "old.zip", NULL);
    g_autoptr(GError) error = NULL;
    CronosTally tally;

    cronos_tally_init(&tally, NULL);
    gboolean ok = cronos_salvage_file(fd, out_fd, &tally, result, &error);
    cronos_tally_clear(&tally);
    fuzz_check_error(ok, error);
    g_assert_true(ok);
    check_result(before, fd, out_fd, result);
    cronos_salvage_result_free(result);
    close(fd);
    return 0;
}
