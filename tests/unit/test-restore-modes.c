/* SPDX-License-Identifier: MIT
 * test-restore-modes.c - which modes folders and files have after a restore */
#include "restore-fixture.h"

static mode_t mode_of(const Fixture *fixture, const char *relative)
{
    g_autofree char *path = fixture_path(fixture, relative);
    struct stat status;

    if (lstat(path, &status) != 0)
        fail_msg("%s: %s", path, strerror(errno));
    return status.st_mode & 07777;
}

static void make_folder(const Fixture *fixture, const char *relative, mode_t mode)
{
    g_autofree char *path = fixture_path(fixture, relative);

    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                          .no_restore_point = TRUE};

/* A folder shared by a group lost its setgid bit, and one like /tmp its sticky bit, when a restore
 * went over it. */
static void test_folders_stay_shared(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions elsewhere = {.to = to};
    const CronosRestoreOptions as_recorded = {
        .strategy = CRONOS_RESTORE_OVERWRITE, .no_restore_point = TRUE, .same_permissions = TRUE};

    make_folder(fixture, "project/group", 02775);
    make_folder(fixture, "project/plain", 0775);
    make_folder(fixture, "project/sticky", 01777);
    const CronosBackup *backup = fixture_backup(fixture, "modes");
    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "for n in ('group', 'plain', 'sticky'):\n"
                   "    open(sys.argv[1] + '/' + n + '/new', 'w')\n"
                   "os.chmod(sys.argv[1] + '/plain', 0o2755)\n");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_int_equal(mode_of(fixture, "project/group"), 02775);
    assert_int_equal(mode_of(fixture, "project/plain"), 02775);
    assert_int_equal(mode_of(fixture, "project/sticky"), 01777);
    g_autoptr(CronosRestoreResult) exact = restore(fixture, backup, &as_recorded);
    assert_int_equal(mode_of(fixture, "project/plain"), 0775);
    g_autoptr(CronosRestoreResult) copy = restore(fixture, backup, &elsewhere);
    assert_int_equal(mode_of(fixture, "out/group"), 0775);
    assert_int_equal(mode_of(fixture, "out/sticky"), 01777);
}

/* As mkdir does it. */
static void test_new_folders_inherit(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "shared/out");
    const CronosRestoreOptions options = {.to = to};

    make_folder(fixture, "shared", 02775);
    make_folder(fixture, "project/d", 0750);
    const CronosBackup *backup = fixture_backup(fixture, "modes");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    assert_int_equal(mode_of(fixture, "shared/out"), 02755);
    assert_int_equal(mode_of(fixture, "shared/out/d"), 02750);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_folders_stay_shared),
        TEST(test_new_folders_inherit),
    };

    umask(022);
    return cmocka_run_group_tests_name("restore-modes", tests, NULL, NULL);
}
