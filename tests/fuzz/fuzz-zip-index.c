/* SPDX-License-Identifier: MIT
 * fuzz-zip-index.c - the input is an archive: the whole table is walked and looked up, and so is
 * the outline, where there is one */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/outline-check.h"

#include "core/zip/zip-index.h"
#include "core/zip/zip-tree.h"

static void check_name(const CronosZipIndex *index, guint32 folder, guint32 entry)
{
    gsize length;
    const char *name = cronos_zip_index_name(index, entry, &length);

    g_assert_true(length > 0 && length <= CRONOS_ZIP_COMPONENT_MAX * 3);
    g_assert_true(memchr(name, '/', length) == NULL && memchr(name, '\0', length) == NULL);
    g_assert_false(length <= 2 && memcmp(name, "..", length) == 0);
    g_assert_cmpuint(cronos_zip_index_lookup(index, folder, name, length), ==, entry);
    g_assert_cmpuint(cronos_zip_index_parent(index, entry), ==, folder);
}

/* Children stand in one run behind those of the node before; names ascend, so that each is there
 * once. */
static guint32 check_children(const CronosZipIndex *index, guint32 entry, guint32 expected_first)
{
    guint32 first, count;
    const char *before = "";
    gsize before_length = 0;

    cronos_zip_index_children(index, entry, &first, &count);
    g_assert_true(count == 0 || first == expected_first);
    g_assert_true(count == 0 || cronos_zip_index_is_directory(index, entry));
    g_assert_true(count <= cronos_zip_index_count(index) - expected_first);
    for (guint32 child = first; child < first + count; child++) {
        gsize length;
        const char *name = cronos_zip_index_name(index, child, &length);
        int order = memcmp(before, name, MIN(before_length, length));

        g_assert_true(order < 0 || (order == 0 && before_length < length));
        check_name(index, entry, child);
        before = name;
        before_length = length;
    }
    return expected_first + count;
}

static void check_facts(const CronosZipIndex *index, guint32 entry)
{
    g_autoptr(GError) info_error = NULL;
    g_autoptr(GError) extent_error = NULL;
    CronosMemberInfo info;
    CronosZipExtent extent;
    gboolean has_info = cronos_zip_index_info(index, entry, &info, &info_error);
    gboolean has_extent = cronos_zip_index_extent(index, entry, &extent, &extent_error);

    fuzz_check_error(has_info, info_error);
    fuzz_check_error(has_extent, extent_error);
    if (has_info) {
        g_assert_true(cronos_zip_index_is_directory(index, entry) ==
                      (info.kind == CRONOS_MEMBER_DIRECTORY));
        g_assert_false(info.implied && has_extent);
    }
    if (has_info && has_extent && info.kind != CRONOS_MEMBER_DIRECTORY)
        g_assert_cmpuint(info.size_bytes, ==, extent.size_bytes);
}

static void check_end(int fd, const CronosZipIndex *index)
{
    gsize index_length, length = 0;
    guint64 members = 0;
    const char *index_comment = cronos_zip_index_comment(index, &index_length);
    g_autofree char *comment = cronos_zip_read_comment(fd, &length, &members, NULL);

    g_assert_nonnull(comment);
    g_assert_true(length == index_length);
    g_assert_true(length == 0 || memcmp(comment, index_comment, length) == 0);
}

static void check_repairs(const CronosZipIndex *index)
{
    const GPtrArray *first = NULL;
    guint64 count = cronos_zip_index_repairs(index, &first);

    g_assert_true(first != NULL && first->len <= CRONOS_ZIP_REPAIR_NOTES && first->len <= count);
    for (guint i = 0; i < first->len; i++)
        g_assert_true(g_utf8_validate(g_ptr_array_index(first, i), -1, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    int fd = fuzz_file(data, size);
    CronosZipIndex *index = cronos_zip_index_open(fd, &error);

    fuzz_check_error(index != NULL, error);
    if (index != NULL) {
        guint32 next = 1;

        for (guint32 entry = 0; entry < cronos_zip_index_count(index); entry++) {
            next = check_children(index, entry, next);
            check_facts(index, entry);
        }
        g_assert_cmpuint(next, ==, cronos_zip_index_count(index));
        check_end(fd, index);
        check_repairs(index);
        outline_check(fd, index);
        cronos_zip_index_free(index);
    }
    close(fd);
    return 0;
}
