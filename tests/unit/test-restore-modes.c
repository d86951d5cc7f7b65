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

/* Archives made on DOS know no modes: what was private was open to all after a restore over it. */
static void test_archive_without_modes(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "dos.zip",
                    "for name in ('priv/', 'priv/key', 'priv/new'):\n"
                    "    i = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))\n"
                    "    i.create_system = 0\n"
                    "    i.external_attr = 0x10 if name[-1] == '/' else 0x20\n"
                    "    z.writestr(i, b'' if name[-1] == '/' else b'new')\n");
    struct stat before;
    struct stat after;

    make_folder(fixture, "project/priv", 02700);
    g_autofree char *folder = fixture_path(fixture, "project/priv");
    g_autofree char *key = fixture_path(fixture, "project/priv/key");
    temporary_write(folder, "key", "old key");
    if (geteuid() == 0)
        assert_int_equal(chown(key, 1234, 1234), 0);
    assert_int_equal(chmod(key, 04600), 0);
    assert_int_equal(stat(key, &before), 0);
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_content(fixture, "project/priv/key", "new");
    assert_int_equal(mode_of(fixture, "project/priv"), 02700);
    assert_int_equal(mode_of(fixture, "project/priv/key"), 0600);
    assert_int_equal(mode_of(fixture, "project/priv/new"), 0644);
    assert_int_equal(stat(key, &after), 0);
    assert_int_equal(after.st_uid, before.st_uid);
}

/* The folder "./" of a tar file is the place itself; one that is there stays what it is. */
static void test_top_folder(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "out");
    g_autofree char *there = fixture_path(fixture, "there");
    g_autofree char *here = fixture_path(fixture, "here");
    g_autofree char *before = g_get_current_dir();
    const CronosRestoreOptions options = {.to = to};
    const CronosRestoreOptions options_there = {.to = there};
    const CronosRestoreOptions options_here = {.to = "."};

    fixture_script(fixture, "project/backups/top.tar",
                   "import io, sys, tarfile\n"
                   "t = tarfile.open(sys.argv[1], 'w')\n"
                   "i = tarfile.TarInfo('./'); i.type = tarfile.DIRTYPE; i.mode = 0o500\n"
                   "i.mtime = 1700000000; t.addfile(i)\n"
                   "i = tarfile.TarInfo('./a'); i.size = 1; t.addfile(i, io.BytesIO(b'a'))\n"
                   "t.close()\n");
    const CronosBackup *backup = fixture_find(fixture, "top.tar");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    assert_int_equal(mode_of(fixture, "out"), 0500);
    make_folder(fixture, "there", 0755);
    g_autoptr(CronosRestoreResult) second = restore(fixture, backup, &options_there);
    assert_int_equal(mode_of(fixture, "there"), 0755);
    make_folder(fixture, "here", 0755);
    assert_int_equal(chdir(here), 0);
    g_autoptr(CronosRestoreResult) third = restore(fixture, backup, &options_here);
    assert_int_equal(chdir(before), 0);
    assert_content(fixture, "here/a", "a");
    assert_int_equal(mode_of(fixture, "here"), 0755);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_folders_stay_shared),
        TEST(test_new_folders_inherit),
        TEST(test_archive_without_modes),
        TEST(test_top_folder),
    };

    umask(022);
    return cmocka_run_group_tests_name("restore-modes", tests, NULL, NULL);
}
