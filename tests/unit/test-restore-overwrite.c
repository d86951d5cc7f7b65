/* SPDX-License-Identifier: MIT
 * test-restore-overwrite.c - bringing files back over what is there, and that back again */
#include "restore-tree.h"

#include "core/restore-temporary.h"

#include <sys/wait.h>

static void test_overwrite_and_back(void **state)
{
    Fixture *fixture = *state;
    Actions actions = {g_string_new(NULL)};
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                       .on_action = note_action,
                                       .user_data = &actions,
                                       .threads = 2};
    const CronosRestoreOptions dry = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                      .dry_run = TRUE,
                                      .on_action = note_action,
                                      .user_data = &actions,
                                      .threads = 1};

    fixture_script(fixture, "project", TREE_SCRIPT);
    const CronosBackup *backup = fixture_backup(fixture, "tree");
    g_autofree char *backup_name = g_strdup(backup->file_name);
    g_autofree char *original = dump_tree(fixture->root);
    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "r = sys.argv[1]\n"
                   "open(r + '/plain.txt', 'w').write('changed since')\n"
                   "os.remove(r + '/tool.sh')\n"
                   "os.remove(r + '/link'); os.symlink('elsewhere', r + '/link')\n"
                   "os.chmod(r + '/secret', 0o600)\n"
                   "s = os.stat(r + '/dir/large.bin')\n"
                   "f = open(r + '/dir/large.bin', 'r+b'); f.seek(2000000); f.write(b'\\0' * 9)\n"
                   "f.close(); os.utime(r + '/dir/large.bin', ns=(1, s.st_mtime_ns))\n");
    g_autofree char *changed = dump_tree(fixture->root);

    g_autoptr(CronosRestoreResult) would = restore(fixture, backup, &dry);
    g_autofree char *untouched = dump_tree(fixture->root);
    assert_string_equal(untouched, changed);
    assert_null(would->restore_point);
    assert_non_null(strstr(actions.lines->str, "replace plain.txt\n"));
    assert_non_null(strstr(actions.lines->str, "create tool.sh\n"));
    assert_non_null(strstr(actions.lines->str, "unchanged empty\n"));
    assert_non_null(strstr(actions.lines->str, "replace dir/large.bin\n"));

    g_string_truncate(actions.lines, 0);
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    g_autofree char *after = dump_tree(fixture->root);
    assert_string_equal(after, original);
    assert_int_equal(result->created, 1);
    assert_int_equal(result->replaced, 4);
    assert_int_equal(result->created, would->created);
    assert_int_equal(result->replaced, would->replaced);
    assert_int_equal(result->unchanged, would->unchanged);
    assert_int_equal(result->failed->len, 0);
    assert_non_null(result->restore_point);
    assert_true(g_str_has_prefix(result->restore_point, "egos_backup_restore_point_tree_"));

    const CronosBackup *point = fixture_find(fixture, result->restore_point);
    g_autoptr(CronosRestoreResult) back = restore(fixture, point, &over);
    assert_content(fixture, "project/plain.txt", "changed since");
    assert_int_equal(back->replaced, 4);

    backup = fixture_find(fixture, backup_name);
    const CronosRestoreOptions again = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                        .no_restore_point = TRUE};
    g_autoptr(CronosRestoreResult) once = restore(fixture, backup, &again);
    g_autoptr(CronosRestoreResult) twice = restore(fixture, backup, &again);
    assert_null(twice->restore_point);
    assert_int_equal(twice->created + twice->replaced + twice->deleted, 0);
    assert_int_equal(once->failed->len, 0);
    g_string_free(actions.lines, TRUE);
}

static void test_delete_extra(void **state)
{
    Fixture *fixture = *state;
    Actions actions = {g_string_new(NULL)};
    const CronosRestoreOptions dry = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                      .delete_extra = TRUE,
                                      .dry_run = TRUE,
                                      .on_action = note_action,
                                      .user_data = &actions};
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE, .delete_extra = TRUE};
    const CronosRestoreOptions new_place = {.delete_extra = TRUE};

    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "r = sys.argv[1]\n"
                   "os.makedirs(r + '/keep'); open(r + '/keep/a', 'w').write('a')\n"
                   "os.makedirs(r + '/.git'); open(r + '/.git/HEAD', 'w').write('ref')\n");
    const CronosBackup *backup = fixture_backup(fixture, "lean");
    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "r = sys.argv[1]\n"
                   "open(r + '/keep/extra', 'w').write('x')\n"
                   "os.makedirs(r + '/new/deep'); open(r + '/new/deep/x', 'w').write('x')\n"
                   "os.makedirs(r + '/mixed/node_modules')\n"
                   "open(r + '/mixed/x', 'w').write('x')\n"
                   "os.symlink('/etc', r + '/etc')\n");

    refuse(fixture, backup, &new_place, CRONOS_ERROR_USAGE, "overwrite");
    g_autoptr(CronosRestoreResult) would = restore(fixture, backup, &dry);
    assert_non_null(strstr(actions.lines->str, "delete new/deep/x\ndelete new/deep\ndelete new\n"));
    assert_non_null(strstr(actions.lines->str, "delete mixed/x\n"));
    assert_null(strstr(actions.lines->str, "delete mixed\n"));
    assert_content(fixture, "project/new/deep/x", "x");
    g_string_free(actions.lines, TRUE);

    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_int_equal(result->deleted, 6);
    assert_int_equal(would->deleted, result->deleted);
    assert_missing(fixture, "project/new");
    assert_missing(fixture, "project/keep/extra");
    assert_missing(fixture, "project/etc");
    assert_content(fixture, "project/.git/HEAD", "ref");
    assert_content(fixture, "project/keep/a", "a");
    g_autofree char *names = list_names(fixture->root);
    assert_string_equal(names, ".git backups keep mixed");
    assert_int_equal(access("/etc/passwd", F_OK), 0);

    const CronosBackup *point = fixture_find(fixture, result->restore_point);
    const CronosRestoreOptions back = {.strategy = CRONOS_RESTORE_OVERWRITE};
    g_autoptr(CronosRestoreResult) restored = restore(fixture, point, &back);
    assert_content(fixture, "project/new/deep/x", "x");
    assert_content(fixture, "project/keep/extra", "x");
    assert_int_equal(restored->failed->len, 0);
}

static void test_kinds_in_the_way(void **state)
{
    Fixture *fixture = *state;
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE};

    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "r = sys.argv[1]\n"
                   "for n in ('file1', 'file2'): open(r + '/' + n, 'w').write(n)\n"
                   "for n in ('dir1', 'dir2'):\n"
                   "    os.makedirs(r + '/' + n); open(r + '/' + n + '/in', 'w').write(n)\n");
    const CronosBackup *backup = fixture_backup(fixture, "kinds");
    fixture_script(fixture, "project",
                   "import os, sys, shutil\n"
                   "r = sys.argv[1]\n"
                   "os.makedirs(os.path.dirname(r) + '/outside')\n"
                   "for n in ('file1', 'file2'): os.remove(r + '/' + n); os.makedirs(r + '/' + n)\n"
                   "open(r + '/file2/held', 'w').write('held')\n"
                   "for n in ('dir1', 'dir2'): shutil.rmtree(r + '/' + n)\n"
                   "open(r + '/dir1', 'w').write('a file')\n"
                   "os.symlink('../outside', r + '/dir2')\n");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);

    assert_content(fixture, "project/file1", "file1");
    assert_content(fixture, "project/file2/held", "held");
    assert_content(fixture, "project/dir1/in", "dir1");
    assert_content(fixture, "project/dir2/in", "dir2");
    assert_missing(fixture, "outside/in");
    assert_int_equal(result->failed->len, 1);
    assert_string_equal(g_ptr_array_index(result->failed, 0),
                        "file2: a folder that is not empty is in the way");

    const CronosRestoreOptions clear = {.strategy = CRONOS_RESTORE_OVERWRITE, .delete_extra = TRUE};
    backup = fixture_find(fixture, backup->file_name);
    g_autoptr(CronosRestoreResult) cleared = restore(fixture, backup, &clear);
    assert_int_equal(cleared->failed->len, 0);
    assert_content(fixture, "project/file2", "file2");
}

static void test_link_above_a_path(void **state)
{
    Fixture *fixture = *state;
    const char *const paths[] = {"dir/in", NULL};
    const CronosRestoreOptions options = {.strategy = CRONOS_RESTORE_OVERWRITE, .paths = paths};

    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "os.makedirs(sys.argv[1] + '/dir'); open(sys.argv[1] + '/dir/in', 'w')\n");
    const CronosBackup *backup = fixture_backup(fixture, "link");
    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "r = sys.argv[1]\n"
                   "os.makedirs(os.path.dirname(r) + '/outside')\n"
                   "os.remove(r + '/dir/in'); os.rmdir(r + '/dir')\n"
                   "os.symlink('../outside', r + '/dir')\n");
    refuse(fixture, backup, &options, CRONOS_ERROR_UNSAFE, "dir");
    assert_missing(fixture, "outside/in");
}

static void test_backup_directory_is_barred(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(
        fixture, "foreign.zip",
        "add('backups/foreign.zip', b'not it')\nadd('backups/d/x', b'x')\nadd('ok', b'ok')");
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                       .no_restore_point = TRUE};
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    g_autofree char *backups = fixture_path(fixture, "project/backups");
    g_autofree char *names = list_names(backups);

    assert_content(fixture, "project/ok", "ok");
    assert_string_equal(names, "foreign.zip");
    assert_true(result->failed->len >= 2);
}

/* A backup that holds what the default excludes leave out needs a restore point that holds it, too.
 */
static void test_restore_point_holds_all(void **state)
{
    Fixture *fixture = *state;
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE};
    const CronosBackup *backup =
        fixture_zip(fixture, "foreign.zip", "add('data/x', b'from the archive')");

    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "os.makedirs(sys.argv[1] + '/data')\n"
                   "open(sys.argv[1] + '/data/x', 'w').write('earlier')\n");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_content(fixture, "project/data/x", "from the archive");
    assert_true(g_str_has_prefix(result->restore_point, "egos_backup_restore_point_foreign_"));
    const CronosBackup *point = fixture_find(fixture, result->restore_point);
    g_autoptr(CronosRestoreResult) back = restore(fixture, point, &over);
    assert_content(fixture, "project/data/x", "earlier");
    assert_int_equal(back->failed->len, 0);
}

/* What can not be read can not be brought back either: it must not be overwritten. Root reads all.
 */
static void test_unreadable_is_not_overwritten(void **state)
{
    Fixture *fixture = *state;
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE};
    g_autofree char *file = fixture_path(fixture, "project/x");

    temporary_write(fixture->root, "x", "first");
    const CronosBackup *backup = fixture_backup(fixture, "lock");
    temporary_write(fixture->root, "x", "second");
    assert_int_equal(chmod(file, 0), 0);
    if (geteuid() != 0) {
        refuse(fixture, backup, &over, CRONOS_ERROR_FAILED, "x: ");
        assert_int_equal(chmod(file, 0600), 0);
        assert_content(fixture, "project/x", "second");
    }
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_content(fixture, "project/x", "first");
}

/* A restore point of the root would not bring another directory back. */
/* The restore point is of what is overwritten, wherever that is. */
static void test_overwrite_elsewhere(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "copy");
    g_autofree char *fresh = fixture_path(fixture, "fresh/copy");
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE, .to = to};
    const CronosRestoreOptions without = {
        .strategy = CRONOS_RESTORE_OVERWRITE, .to = to, .no_restore_point = TRUE};
    const CronosRestoreOptions nothing_there = {.strategy = CRONOS_RESTORE_OVERWRITE, .to = fresh};
    const CronosBackup *backup = fixture_zip(fixture, "foreign.zip", "add('x', b'new')");

    temporary_write(fixture->root, "x", "of the root");
    assert_int_equal(mkdir(to, 0755), 0);
    temporary_write(to, "x", "of the copy");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_content(fixture, "copy/x", "new");
    assert_non_null(result->restore_point);
    const CronosBackup *point = fixture_find(fixture, result->restore_point);
    g_autoptr(CronosRestoreResult) back = restore(fixture, point, &without);
    assert_content(fixture, "copy/x", "of the copy");
    assert_null(back->restore_point);
    backup = fixture_find(fixture, "foreign.zip");
    g_autoptr(CronosRestoreResult) into_new = restore(fixture, backup, &nothing_there);
    assert_content(fixture, "fresh/copy/x", "new");
    assert_content(fixture, "project/x", "of the root");
    assert_null(into_new->restore_point);
}

/* Two restores at once, into a project and into a folder of it, took each other's temporaries over:
 * the names told of the member alone. A member that was called so itself was lost. */
static void test_temporaries(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(
        fixture, "a.zip", "add('a', b'new')\nadd('.cronos-restore-00000002', b'member')\n");
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                       .no_restore_point = TRUE};
    char alive[CRONOS_RESTORE_TEMPORARY_NAME_BYTES];
    char dead[CRONOS_RESTORE_TEMPORARY_NAME_BYTES];
    char other[CRONOS_RESTORE_TEMPORARY_NAME_BYTES];

    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    cronos_restore_temporary_make_name(alive);
    g_snprintf(dead, sizeof dead, "%.25s%08x%s", alive, (unsigned)pid, alive + 33);
    assert_true(cronos_restore_temporary_is_name(dead));
    assert_false(cronos_restore_temporary_is_name(".cronos-restore-00000003"));
    g_snprintf(other, sizeof other, ".cronos-restore-00000000-%s", dead + 25); /* of another host */
    temporary_write(fixture->root, "a", "old");
    temporary_write(fixture->root, alive, "half");
    temporary_write(fixture->root, dead, "half");
    temporary_write(fixture->root, other, "half");
    temporary_write(fixture->root, ".cronos-restore-00000001", "mine");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    g_autofree char *alive_path = g_build_filename("project", alive, NULL);
    g_autofree char *dead_path = g_build_filename("project", dead, NULL);
    g_autofree char *other_path = g_build_filename("project", other, NULL);

    assert_int_equal(result->failed->len, 0);
    assert_content(fixture, "project/a", "new");
    assert_content(fixture, "project/.cronos-restore-00000001", "mine");
    assert_content(fixture, "project/.cronos-restore-00000002", "member");
    assert_content(fixture, alive_path, "half");
    assert_content(fixture, other_path, "half");
    assert_missing(fixture, dead_path);

    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions elsewhere = {.to = to};
    backup = fixture_backup(fixture, "after");
    g_autoptr(CronosRestoreResult) copy = restore(fixture, backup, &elsewhere);
    g_autofree char *names = list_names(to);
    assert_string_equal(names, ".cronos-restore-00000001 .cronos-restore-00000002 a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_overwrite_and_back),
        TEST(test_delete_extra),
        TEST(test_kinds_in_the_way),
        TEST(test_link_above_a_path),
        TEST(test_backup_directory_is_barred),
        TEST(test_restore_point_holds_all),
        TEST(test_unreadable_is_not_overwritten),
        TEST(test_overwrite_elsewhere),
        TEST(test_temporaries),
    };

    return cmocka_run_group_tests_name("restore-overwrite", tests, NULL, NULL);
}
