/* SPDX-License-Identifier: MIT
 * test-restore-damaged.c - damaged members: nothing is written, or the rest of them is */
#include "restore-fixture.h"

static void test_damaged(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "bad.zip",
                    "add('first', b'1')\n"
                    "add('d/broken', b'MARKER' * 3, method=zipfile.ZIP_STORED)\n"
                    "add('last', b'2')\n");
    g_autofree char *to = fixture_path(fixture, "out");
    const char *const part[] = {"first", NULL};
    const CronosRestoreOptions checked = {.to = to};
    const CronosRestoreOptions unchecked = {.to = to, .no_verify = TRUE};
    const CronosRestoreOptions checked_part = {.to = to, .paths = part};
    const CronosRestoreOptions unchecked_part = {.to = to, .no_verify = TRUE, .paths = part};

    flip_byte(fixture, "bad.zip", "MARKER");
    refuse(fixture, backup, &checked, CRONOS_ERROR_DAMAGED, "d/broken");
    refuse(fixture, backup, &checked_part, CRONOS_ERROR_DAMAGED, "d/broken");
    refuse(fixture, backup, &unchecked, CRONOS_ERROR_DAMAGED, "d/broken");
    g_autofree char *names = list_names(fixture->top);
    assert_string_equal(names, "project");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &unchecked_part);
    assert_content(fixture, "out/first", "1");
    assert_missing(fixture, "out/last");
}

/* A large member shows its damage only with its last byte: nothing may remain of it. */
static void test_damaged_large(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "bad.zip",
                    "add('big', b'MARKER' + os.urandom(3000000), method=zipfile.ZIP_STORED)\n");
    g_autofree char *to = fixture_path(fixture, "out/deep/place");
    const CronosRestoreOptions options = {.to = to, .no_verify = TRUE};
    const CronosRestoreOptions over = {
        .strategy = CRONOS_RESTORE_OVERWRITE, .no_verify = TRUE, .no_restore_point = TRUE};

    flip_byte(fixture, "bad.zip", "MARKER");
    refuse(fixture, backup, &options, CRONOS_ERROR_DAMAGED, "big");
    g_autofree char *names = list_names(fixture->top);
    assert_string_equal(names, "project");
    temporary_write(fixture->root, "big", "earlier");
    refuse(fixture, backup, &over, CRONOS_ERROR_DAMAGED, "big");
    assert_content(fixture, "project/big", "earlier");
    g_autofree char *root_names = list_names(fixture->root);
    assert_string_equal(root_names, "backups big");
}

/* A member whose name became that of a later one is not among the entries, and missed all the
 * same. */
static void test_damaged_name(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "bad.zip", "add('f1', b'1')\nadd('f2', b'2')\nadd('f3', b'3')\n");
    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions checked = {.to = to};
    const CronosRestoreOptions keep_going = {.to = to, .keep_going = TRUE};

    fixture_script(fixture, "project/backups/bad.zip",
                   "import sys\np = sys.argv[1]\nd = bytearray(open(p, 'rb').read())\n"
                   "d[d.rfind(b'f2') + 1] ^= 1\nopen(p, 'wb').write(d)\n");
    refuse(fixture, backup, &checked, CRONOS_ERROR_DAMAGED, "differ in the name");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &keep_going);
    assert_int_equal(result->failed->len, 1);
    assert_content(fixture, "out/f1", "1");
    assert_content(fixture, "out/f3", "3");
}

/* One bit of its mode makes a file a symbolic link: its bytes are as sound as before. */
static void test_damaged_mode(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions options = {.to = to};

    temporary_write(fixture->root, "file", "target");
    const CronosBackup *backup = fixture_backup(fixture, "mode");
    g_autofree char *relative = g_strconcat("project/backups/", backup->file_name, NULL);
    fixture_script(fixture, relative,
                   "import sys\np = sys.argv[1]\nd = bytearray(open(p, 'rb').read())\n"
                   "d[d.rfind(b'PK\\1\\2') + 41] ^= 0x20\nopen(p, 'wb').write(d)\n");
    refuse(fixture, backup, &options, CRONOS_ERROR_DAMAGED, "checksum mismatch");
    assert_missing(fixture, "out");
}

/* A damaged file, one that can not be decoded, a damaged link and a damaged folder's header, a
 * large file whose last byte tells, and whole ones around them. */
static const CronosBackup *patchy_backup(Fixture *fixture)
{
    const CronosBackup *backup =
        fixture_zip(fixture, "bad.zip",
                    "s = zipfile.ZIP_STORED\n"
                    "add('first', b'1')\n"
                    "add('d/')\n"
                    "add('d/broken', b'MARKER' * 3, method=s)\n"
                    "add('d/whole', b'whole')\n"
                    "add('big', b'LARGE' + os.urandom(2500000), method=s)\n"
                    "add('odd', b'x' * 50)\n"
                    "add('link', b'TARGET', mode=stat.S_IFLNK | 0o777, method=s)\n"
                    "add('last', b'2')\n");

    flip_byte(fixture, "bad.zip", "MARKER");
    flip_byte(fixture, "bad.zip", "LARGE");
    flip_byte(fixture, "bad.zip", "TARGET");
    flip_byte(fixture, "bad.zip", "d/");
    fixture_script(fixture, "project/backups/bad.zip",
                   "import sys, struct\n"
                   "d = bytearray(open(sys.argv[1], 'rb').read())\n"
                   "at = d.find(b'odd')\n"
                   "d[at - 22:at - 20] = b'\\x61\\0'\n"
                   "at = d.rfind(b'odd')\n"
                   "d[at - 36:at - 34] = b'\\x61\\0'\n"
                   "open(sys.argv[1], 'wb').write(d)\n");
    return backup;
}

static gboolean names_failed(const CronosRestoreResult *result, const char *path)
{
    g_autofree char *prefix = g_strconcat(path, ": ", NULL);

    for (guint i = 0; i < result->failed->len; i++)
        if (g_str_has_prefix(g_ptr_array_index(result->failed, i), prefix))
            return TRUE;
    return FALSE;
}

static void test_keep_going(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = patchy_backup(fixture);

    for (int unchecked = 0; unchecked < 2; unchecked++) {
        g_autofree char *name = g_strdup_printf("out%d", unchecked);
        g_autofree char *to = fixture_path(fixture, name);
        g_autofree char *folder = g_build_filename(to, "d", NULL);
        const CronosRestoreOptions options = {
            .to = to, .keep_going = TRUE, .no_verify = unchecked, .threads = 2};
        g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
        g_autofree char *names = list_names(to);
        g_autofree char *inside = list_names(folder);

        assert_string_equal(names, "d first last");
        assert_string_equal(inside, "whole");
        assert_true(names_failed(result, "d/broken"));
        assert_true(names_failed(result, "big"));
        assert_true(names_failed(result, "odd"));
        assert_true(names_failed(result, "link"));
        /* Only the check looks at headers of folders. */
        assert_int_equal(names_failed(result, "d"), !unchecked);
        assert_int_equal(result->failed->len, 4 + !unchecked);
        assert_int_equal(result->created, 4);
    }
}

static void test_keep_going_over(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = patchy_backup(fixture);
    const CronosRestoreOptions options = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                          .keep_going = TRUE,
                                          .delete_extra = TRUE,
                                          .no_restore_point = TRUE};

    temporary_write(fixture->root, "big", "earlier");
    temporary_write(fixture->root, "first", "earlier");
    temporary_write(fixture->root, "extra", "earlier");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    assert_content(fixture, "project/big", "earlier");
    assert_content(fixture, "project/first", "1");
    assert_missing(fixture, "project/extra");
    assert_missing(fixture, "project/d/broken");
    assert_int_equal(result->failed->len, 5);
}

/* What is not asked for is no failure. */
static void test_keep_going_part(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = patchy_backup(fixture);
    g_autofree char *to = fixture_path(fixture, "out");
    const char *const part[] = {"first", "d/whole", NULL};
    const CronosRestoreOptions options = {.to = to, .keep_going = TRUE, .paths = part};
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);

    assert_int_equal(result->failed->len, 0);
    assert_content(fixture, "out/d/whole", "whole");
}

/* A central header whose sizes contradict themselves is one member's misfortune. */
static void test_keep_going_header(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "bad.zip", "add('one', b'1')\nadd('two', b'2')\n");
    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions stop = {.to = to, .no_verify = TRUE};
    const CronosRestoreOptions options = {.to = to, .keep_going = TRUE, .no_verify = TRUE};

    /* The member lies on another disk. */
    fixture_script(fixture, "project/backups/bad.zip",
                   "import sys\n"
                   "d = bytearray(open(sys.argv[1], 'rb').read())\n"
                   "at = d.rfind(b'two') - 46\n"
                   "assert d[at:at + 4] == b'PK\\1\\2'\n"
                   "d[at + 34] = 7\n"
                   "open(sys.argv[1], 'wb').write(d)\n");
    refuse(fixture, backup, &stop, CRONOS_ERROR_UNSUPPORTED, "two");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    assert_int_equal(result->failed->len, 1);
    assert_true(names_failed(result, "two"));
    assert_content(fixture, "out/one", "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_damaged),         TEST(test_damaged_large),     TEST(test_keep_going),
        TEST(test_damaged_name),    TEST(test_damaged_mode),      TEST(test_keep_going_over),
        TEST(test_keep_going_part), TEST(test_keep_going_header),
    };

    return cmocka_run_group_tests_name("restore-damaged", tests, NULL, NULL);
}
