/* SPDX-License-Identifier: MIT
 * test-archive-formats-damaged.c - tar, cpio, 7z and ISO 9660 that are cut, changed, or none */
#include "tests/unit/format-fixture.h"

/* Reads all there is. Returns: FALSE where something could not be read; bytes that are delivered
 * are right, if @exact. */
static gboolean read_all(Fixture *fixture, CronosArchive *archive, gboolean exact)
{
    g_autofree char *buffer = g_malloc(5000000);
    gboolean whole = TRUE;

    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        g_autoptr(GError) error = NULL;
        CronosMemberInfo info;

        if (!cronos_archive_info(archive, entry, &info, NULL) || info.kind != CRONOS_MEMBER_FILE)
            continue;
        gssize n = cronos_archive_read(archive, entry, 0, buffer, 5000000, &error);
        if (n < 0) {
            assert_non_null(error);
            whole = FALSE;
            continue;
        }
        g_autofree char *inner = cronos_archive_path(archive, entry);
        g_autofree char *path = g_build_filename(fixture->directory, "tree", inner, NULL);
        g_autofree char *expected = NULL;
        gsize length;
        if (exact && g_file_get_contents(path, &expected, &length, NULL)) {
            assert_int_equal(n, length);
            assert_memory_equal(buffer, expected, length);
        }
    }
    return whole;
}

static void make_small_formats(const Fixture *fixture)
{
    run_python(fixture->directory, SMALL_TREE);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
        run_shell(fixture->directory, formats[i].script);
}

static char *file_bytes(const Fixture *fixture, const char *name, gsize *out_length)
{
    g_autofree char *path = g_build_filename(fixture->directory, name, NULL);
    char *bytes = NULL;

    assert_true(g_file_get_contents(path, &bytes, out_length, NULL));
    return bytes;
}

static CronosArchive *open_bytes(const Fixture *fixture, const char *name, const char *bytes,
                                 gsize length, GError **error)
{
    g_autofree char *path = g_build_filename(fixture->directory, name, NULL);

    /* GLib waits for the disk where it replaces a file. */
    g_unlink(path);
    assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
    return try_archive(fixture, name, error);
}

/* What is cut shows in every archive: a tar cut between two members gets a note. An ISO 9660 image
 * ends in padding, of which most may go. */
static void test_cut_archives(void **state)
{
    Fixture *fixture = *state;

    make_small_formats(fixture);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        gsize length, step;
        g_autofree char *bytes = file_bytes(fixture, formats[i].name, &length);
        guint refused = 0, tried = 0;

        step = MAX(length / 40, 1);
        for (gsize cut = 0; cut < length - length / 10; cut += step, tried++) {
            g_autoptr(GError) error = NULL;
            g_autoptr(CronosArchive) archive =
                open_bytes(fixture, formats[i].name, bytes, cut, &error);

            if (archive != NULL) {
                gboolean noted = cronos_archive_repairs(archive, NULL) > 0;
                refused += !read_all(fixture, archive, TRUE) || noted;
                continue;
            }
            refused++;
            assert_non_null(error);
            if (!g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED) &&
                !g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED))
                fail_msg("%s", error->message);
            assert_true(strncmp(error->message, formats[i].name, strlen(formats[i].name)) == 0);
        }
        if (refused + 5 < tried && !g_str_has_suffix(formats[i].name, ".iso"))
            fail_msg("%s: %u of %u cuts were noticed", formats[i].name, refused, tried);
    }
}

/* Formats with checksums deliver no wrong byte. */
static void test_flipped_bytes(void **state)
{
    static const char *const names[] = {"a.tar.xz", "solid.7z", "a.tar.bz2"};
    Fixture *fixture = *state;

    make_small_formats(fixture);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        gboolean exact = g_strv_contains(names, formats[i].name);
        gsize length;
        g_autofree char *bytes = file_bytes(fixture, formats[i].name, &length);

        for (guint k = 0; k < 60; k++) {
            gsize at = (gsize)g_random_int_range(0, (gint)MIN(length, G_MAXINT));
            char kept = bytes[at];

            bytes[at] ^= (char)(1 << k % 8);
            g_autoptr(CronosArchive) archive =
                open_bytes(fixture, formats[i].name, bytes, length, NULL);
            if (archive != NULL)
                read_all(fixture, archive, exact);
            bytes[at] = kept;
        }
    }
}

static void test_files_that_are_no_archives(void **state)
{
    static const char *const names[] = {"a.tar", "a.tar.gz", "a.tar.zst",
                                        "a.7z",  "a.iso",    "a.cpio"};
    Fixture *fixture = *state;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;

        temporary_write(fixture->directory, names[i], "");
        assert_null(try_archive(fixture, names[i], &error));
        assert_int_equal(error->domain, CRONOS_ERROR);
        g_clear_error(&error);
        temporary_write(fixture->directory, names[i], "this is a text and no archive of any kind");
        assert_null(try_archive(fixture, names[i], &error));
        assert_int_equal(error->domain, CRONOS_ERROR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cut_archives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_that_are_no_archives, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("archive-formats-damaged", tests, NULL, NULL);
}
