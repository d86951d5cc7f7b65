/* SPDX-License-Identifier: MIT
 * test-member-chunks.c - large members by their SOZip chunks: verified and restored by several
 * threads, and what happens when index or chunks are damaged */
#include "restore-fixture.h"

/* Edits the index of "large" in the archive sys.argv[1]: i is its data, as a bytearray of the
 * length it has; the CRC of the local header is made to fit again. */
#define EDIT_INDEX(body)                                                                           \
    "import sys, struct, zlib\n"                                                                   \
    "p = sys.argv[1]\n"                                                                            \
    "d = bytearray(open(p, 'rb').read())\n"                                                        \
    "at = d.find(b'.large.sozip.idx') - 30\n"                                                      \
    "assert d[at:at + 4] == b'PK\\3\\4'\n"                                                         \
    "size, = struct.unpack('<I', d[at + 22:at + 26])\n"                                            \
    "start = at + 30 + sum(struct.unpack('<HH', d[at + 26:at + 30]))\n"                            \
    "i = d[start:start + size]\n"                                                                  \
    "skip, chunk, width = struct.unpack('<III', i[4:16])\n" body "d[start:start + size] = i\n"     \
    "d[at + 14:at + 18] = struct.pack('<I', zlib.crc32(i))\n"                                      \
    "open(p, 'wb').write(d)\n"

/* "large", of @megabytes, with a hole of half of them, and small neighbours. */
static const CronosBackup *large_backup(Fixture *fixture, int megabytes)
{
    g_autofree char *script = g_strdup_printf(
        "import sys, random\n"
        "random.seed(7)\n"
        "r = sys.argv[1]\n"
        "text = b''.join(b'%%d,' %% random.randrange(10 ** 6) for i in range(90000))\n"
        "f = open(r + '/large', 'wb')\n"
        "for i in range(%d): f.write((b'%%d' %% i + text)[:500000])\n"
        "f.seek(%d * 500000, 1)\n"
        "f.write(b'the end')\n"
        "open(r + '/a', 'w').write('a'); open(r + '/z', 'w').write('z')\n",
        megabytes, megabytes);

    fixture_script(fixture, "project", script);
    return fixture_backup(fixture, "large");
}

static void edit(const Fixture *fixture, const CronosBackup *backup, const char *script)
{
    g_autofree char *path = g_build_filename(fixture->root, "backups", backup->file_name, NULL);

    run_script(script, path);
}

/* Returns: (owned) what verify finds, one line, or NULL. */
static char *finding(Fixture *fixture, const CronosBackup *backup)
{
    const CronosVerifyOptions options = {.threads = 3};
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosVerifyResult) result =
        cronos_verify(fixture->config, backup, NULL, &options, NULL, &error);

    if (result == NULL)
        fail_msg("%s", error->message);
    assert_true(result->damaged->len <= 1);
    return result->damaged->len == 0 ? NULL : g_strdup(g_ptr_array_index(result->damaged, 0));
}

static void expect_restored(Fixture *fixture, const CronosBackup *backup, gboolean no_verify)
{
    g_autofree char *to = fixture_path(fixture, "out");
    g_autofree char *large = fixture_path(fixture, "out/large");
    const CronosRestoreOptions options = {.to = to, .no_verify = no_verify, .threads = 3};
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    g_autofree char *before = dump_tree(fixture->root);
    g_autofree char *after = dump_tree(to);
    struct stat status;

    assert_int_equal(result->failed->len, 0);
    assert_string_equal(before, after);
    assert_int_equal(stat(large, &status), 0);
    assert_true(status.st_blocks * 512 < status.st_size * 3 / 4);
    temporary_free(g_steal_pointer(&to));
}

static void test_whole(void **state)
{
    Fixture *fixture = *state;
    static const int sizes[] = {2, 17};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const CronosBackup *backup = large_backup(fixture, sizes[i]);
        g_autofree char *found = finding(fixture, backup);

        assert_null(found);
        expect_restored(fixture, backup, TRUE);
    }
}

/* The index is told of, and keeps nobody from having the file. */
static void expect_index_damage(Fixture *fixture, const CronosBackup *backup, const char *script,
                                const char *reason)
{
    g_autofree char *path = g_build_filename(fixture->root, "backups", backup->file_name, NULL);
    g_autofree char *whole = NULL;
    gsize length;

    assert_true(g_file_get_contents(path, &whole, &length, NULL));
    edit(fixture, backup, script);
    g_autofree char *found = finding(fixture, backup);
    assert_non_null(found);
    assert_true(g_str_has_prefix(found, "large: seek index: "));
    if (strstr(found, reason) == NULL || strstr(found, "the member itself is whole") == NULL)
        fail_msg("another reason: %s", found);
    expect_restored(fixture, backup, FALSE);
    expect_restored(fixture, backup, TRUE);
    assert_true(g_file_set_contents(path, whole, (gssize)length, NULL));
}

static void test_wrong_index(void **state)
{
    Fixture *fixture = *state;
    static const int sizes[] = {2, 17};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const CronosBackup *backup = large_backup(fixture, sizes[i]);

        expect_index_damage(fixture, backup,
                            EDIT_INDEX("o = 32 + skip + width\n"
                                       "n, = struct.unpack('<I', i[o:o + 4])\n"
                                       "i[o:o + 4] = struct.pack('<I', n + 1)\n"),
                            "a chunk does not decode alone");
        expect_index_damage(fixture, backup, EDIT_INDEX("i[32 + 4 + 4] ^= 1\n"),
                            "checksum mismatch of a chunk");
        expect_index_damage(fixture, backup, EDIT_INDEX("i[8] ^= 1\n"), "");
        expect_index_damage(fixture, backup,
                            EDIT_INDEX("") "d[start + 40] ^= 1\nopen(p, 'wb').write(d)\n",
                            "checksum mismatch");
    }
}

/* An index of another tool has no CRCs: the member's own is what counts. */
static void test_without_crcs(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = large_backup(fixture, 17);

    edit(fixture, backup, EDIT_INDEX("i[32:36] = b'none'\n"));
    g_autofree char *found = finding(fixture, backup);
    assert_null(found);
    expect_restored(fixture, backup, TRUE);
    edit(fixture, backup, EDIT_INDEX("") "d[at - 100000] ^= 1\nopen(p, 'wb').write(d)\n");
    g_autofree char *damage = finding(fixture, backup);
    assert_non_null(damage);
    assert_null(strstr(damage, "whole"));
}

static void test_damaged_chunk(void **state)
{
    Fixture *fixture = *state;
    static const int sizes[] = {2, 17};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const CronosBackup *backup = large_backup(fixture, sizes[i]);
        g_autofree char *to = fixture_path(fixture, "out");
        const CronosRestoreOptions options = {.to = to, .no_verify = TRUE, .threads = 3};

        edit(fixture, backup, EDIT_INDEX("") "d[at - 100000] ^= 1\nopen(p, 'wb').write(d)\n");
        g_autofree char *found = finding(fixture, backup);
        assert_non_null(found);
        assert_true(g_str_has_prefix(found, "large: "));
        assert_null(strstr(found, "whole"));
        refuse(fixture, backup, &options, CRONOS_ERROR_DAMAGED, "large");
        assert_missing(fixture, "out");
    }
}

static void count_bytes(const CronosProgressState *progress, gpointer user_data)
{
    *(guint64 *)user_data = progress->bytes_done;
}

static void test_progress(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = large_backup(fixture, 17);
    guint64 bytes = 0;
    const CronosProgress progress = {count_bytes, &bytes, NULL};
    const CronosVerifyOptions options = {.threads = 3};
    g_autoptr(CronosVerifyResult) result =
        cronos_verify(fixture->config, backup, NULL, &options, &progress, NULL);

    assert_non_null(result);
    assert_int_equal(bytes, result->bytes);
    assert_int_equal(bytes, result->checked_bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole),         TEST(test_wrong_index), TEST(test_without_crcs),
        TEST(test_damaged_chunk), TEST(test_progress),
    };

    return cmocka_run_group_tests_name("member-chunks", tests, NULL, NULL);
}
