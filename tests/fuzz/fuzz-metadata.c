/* SPDX-License-Identifier: MIT
 * fuzz-metadata.c - the input is metadata: as text, as KEY=VALUE, as comment and member of an
 * archive */
#include "tests/fuzz/fuzz.h"

#include "core/config.h"
#include "core/error.h"
#include "core/json-text.h"
#include "core/metadata.h"
#include "core/recorded-patterns.h"
#include "core/zip/zip-writer.h"

#include <libdeflate.h>
#include <sys/stat.h>

/* Text that was read once is written in a form that reads the same ever after. */
static void check_text(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = cronos_json_parse((const char *)data, size, &error);

    fuzz_check_error(node != NULL, error);
    for (gboolean pretty = FALSE; node != NULL && pretty <= TRUE; pretty++) {
        g_autofree char *once = cronos_json_to_text(node, pretty);
        g_autoptr(JsonNode) again = cronos_json_parse(once, strlen(once), &error);

        fuzz_check_error(again != NULL, error);
        g_assert_nonnull(again);
        g_autofree char *twice = cronos_json_to_text(again, pretty);
        g_assert_cmpstr(once, ==, twice);
    }
}

static void check_pair(const uint8_t *data, size_t size)
{
    g_autoptr(JsonObject) user = json_object_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) refusal = NULL;
    g_autofree char *pair = g_strndup((const char *)data, size);
    gboolean taken = cronos_metadata_add_pair(user, pair, &error);

    fuzz_check_error(taken, error);
    g_assert_cmpuint(json_object_get_size(user), ==, taken ? 1 : 0);
    gboolean accepted = cronos_metadata_check_user(user, &refusal);
    fuzz_check_error(accepted, refusal);
}

/* Returns: (borrowed) the configuration of an empty file. */
static const CronosConfig *defaults(void)
{
    static CronosConfig *config;

    if (config == NULL) {
        int fd = fuzz_file("", 0);
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);

        config = cronos_config_load("/", path, NULL);
        close(fd);
    }
    g_assert_nonnull(config);
    return config;
}

static void check_archive(int fd)
{
    g_autoptr(CronosArchive) archive = cronos_archive_open_fd(fd, "input.zip", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(archive);
    g_autoptr(JsonObject) metadata = cronos_metadata_from_archive(archive, &error);
    g_assert_no_error(error);
    g_autoptr(CronosRecordedPatterns) patterns =
        cronos_recorded_patterns_read(archive, defaults(), &error);
    fuzz_check_error(patterns != NULL, error);
    if (patterns != NULL)
        cronos_recorded_patterns_cover(patterns, "a/b/c.txt");
    cronos_metadata_entry(archive);
    if (metadata != NULL) {
        g_autofree char *text = cronos_metadata_to_text(metadata, TRUE);

        g_assert_true(g_utf8_validate(text, -1, NULL));
    }
}

/* An archive with @size bytes of @data as its metadata member, or else as its comment. */
static void check_in_archive(const uint8_t *data, size_t size, gboolean as_member)
{
    const CronosZipMember member = {
        .name = CRONOS_METADATA_MEMBER,
        .name_length = strlen(CRONOS_METADATA_MEMBER),
        .info = {.kind = CRONOS_MEMBER_FILE, .mode = S_IFREG | 0644, .size_bytes = size},
    };
    int fd = fuzz_file("", 0);
    CronosZipWriter *writer = cronos_zip_writer_new(fd);
    gboolean ok = TRUE;

    if (as_member)
        ok = cronos_zip_writer_add(writer, &member, 0, libdeflate_crc32(0, data, size), data, size,
                                   NULL);
    ok = ok && cronos_zip_writer_finish(writer, as_member ? NULL : (const char *)data,
                                        as_member ? 0 : size, NULL);
    cronos_zip_writer_free(writer);
    g_assert_true(ok);
    check_archive(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65535)
        return 0;
    check_text(data, size);
    check_pair(data, size);
    check_in_archive(data, size, FALSE);
    check_in_archive(data, size, TRUE);
    return 0;
}
