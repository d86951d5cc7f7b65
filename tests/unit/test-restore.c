/* SPDX-License-Identifier: MIT
 * test-restore.c - bringing files back to a new place: equality, refusals */
#include "restore-tree.h"

#include "core/open-beneath.h"

static void test_round_trip(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "out/place");

    fixture_script(fixture, "project", TREE_SCRIPT);
    const CronosBackup *backup = fixture_backup(fixture, "tree");
    const CronosRestoreOptions options = {.to = to, .threads = 3};
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    g_autofree char *before = dump_tree(fixture->root);
    g_autofree char *after = dump_tree(to);
    g_autofree char *above = fixture_path(fixture, "out");
    g_autofree char *names = list_names(above);

    assert_string_equal(before, after);
    assert_string_equal(names, "place");
    assert_string_equal(result->target, to);
    assert_int_equal(result->failed->len, 0);
    assert_int_equal(result->created, 21);
    assert_null(result->restore_point);
}

static void test_own_metadata_file(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions options = {.to = to};

    temporary_write(fixture->root, "backup_metadata.json", "{\"mine\": true}\n");
    const CronosBackup *backup = fixture_backup(fixture, "user");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);

    assert_content(fixture, "out/backup_metadata.json", "{\"mine\": true}\n");
}

static void test_default_place(void **state)
{
    Fixture *fixture = *state;
    const CronosRestoreOptions options = {0};

    temporary_write(fixture->root, "a", "a");
    const CronosBackup *backup = fixture_backup(fixture, "My Name");
    g_autofree char *expected = g_strdup_printf("%s/backups/restores/restore_my_name_%s",
                                                fixture->root, backup->parsed.timestamp);
    g_autofree char *second_place = g_strconcat(expected, "_2", NULL);
    g_autoptr(CronosRestoreResult) first = restore(fixture, backup, &options);
    g_autoptr(CronosRestoreResult) second = restore(fixture, backup, &options);

    assert_string_equal(first->target, expected);
    assert_string_equal(second->target, second_place);
}

static void test_place_in_directory(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *directory = fixture_path(fixture, "elsewhere/deep");
    const CronosRestoreOptions options = {.directory = directory};

    temporary_write(fixture->root, "a", "a");
    const CronosBackup *backup = fixture_backup(fixture, "x");
    g_autofree char *expected =
        g_strdup_printf("%s/restore_x_%s", directory, backup->parsed.timestamp);
    g_autofree char *second_place = g_strconcat(expected, "_2", NULL);
    g_autoptr(CronosRestoreResult) first = restore(fixture, backup, &options);
    g_autoptr(CronosRestoreResult) second = restore(fixture, backup, &options);

    assert_string_equal(first->target, expected);
    assert_string_equal(second->target, second_place);
}

static void test_foreign_place(void **state)
{
    Fixture *fixture = *state;
    const CronosRestoreOptions options = {0};
    const CronosBackup *backup = fixture_zip(fixture, "holiday.zip", "add('a', b'a')");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    g_autofree char *prefix =
        g_strconcat(fixture->root, "/backups/restores/restore_holiday_", NULL);
    struct stat status;
    g_autofree char *file = g_build_filename(result->target, "a", NULL);

    assert_true(g_str_has_prefix(result->target, prefix));
    assert_int_equal(lstat(file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
}

static void test_not_empty(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(fixture, "a.zip", "add('a', b'a')");
    g_autofree char *full = fixture_path(fixture, "full");
    g_autofree char *file = fixture_path(fixture, "full/file");
    g_autofree char *link = fixture_path(fixture, "link");
    const CronosRestoreOptions to_full = {.to = full};
    const CronosRestoreOptions to_file = {.to = file};
    const CronosRestoreOptions to_link = {.to = link};

    assert_int_equal(mkdir(full, 0755), 0);
    temporary_write(full, "file", "kept");
    assert_int_equal(symlink("nowhere", link), 0);
    refuse(fixture, backup, &to_full, CRONOS_ERROR_NOT_EMPTY, "is not empty");
    refuse(fixture, backup, &to_file, CRONOS_ERROR_NOT_EMPTY, "is no folder");
    refuse(fixture, backup, &to_link, CRONOS_ERROR_NOT_EMPTY, "leads nowhere");
    assert_content(fixture, "full/file", "kept");
    g_autofree char *names = list_names(fixture->top);
    assert_string_equal(names, "full link project");
}

/* The reason was lost on the way: it said "No such file or directory" of what may not be made. Root
 * can make no folder in /sys either. */
static void test_folder_that_may_not_be_made(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(fixture, "a.zip", "add('a', b'a')");
    const CronosRestoreOptions options = {.to = "/sys/cronos-test/place"};
    int errnum = mkdir("/sys/cronos-test", 0777) == 0 ? 0 : errno;
    g_autoptr(GError) error = NULL;

    assert_true(errnum == EPERM || errnum == EACCES || errnum == EROFS);
    assert_null(cronos_restore(fixture->config, backup, &options, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, errnum));
    assert_non_null(strstr(error->message, "/sys/cronos-test: cannot make the folder"));
}

static void test_empty_folder_is_taken(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(fixture, "a.zip", "add('a', b'a')");
    g_autofree char *to = fixture_path(fixture, "there");
    const CronosRestoreOptions options = {.to = to};
    struct stat status;

    assert_int_equal(mkdir(to, 0755), 0);
    assert_int_equal(chmod(to, 02750), 0);
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    assert_content(fixture, "there/a", "a");
    assert_int_equal(stat(to, &status), 0);
    assert_int_equal(status.st_mode & 07777, 02750);
}

/* Replacing the current directory would leave its user in a deleted one. */
static void test_current_directory(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "a.zip", "add('a', b'a')\nadd('d/', mode=0o40555)\nadd('d/b', b'b')");
    g_autofree char *to = fixture_path(fixture, "here");
    g_autofree char *before = g_get_current_dir();
    const CronosRestoreOptions options = {.to = "."};
    struct stat here;
    struct stat there;

    assert_int_equal(mkdir(to, 0755), 0);
    assert_int_equal(chdir(to), 0);
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    assert_int_equal(stat(".", &here), 0);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(stat(to, &there), 0);
    assert_int_equal(here.st_ino, there.st_ino);
    assert_content(fixture, "here/a", "a");
    assert_content(fixture, "here/d/b", "b");
    g_autofree char *names = list_names(to);
    assert_string_equal(names, "a d");
    assert_string_equal(result->target, to);
}

/* ".." behind a symbolic link leads out of what the link leads to, for the kernel and for us. */
static void test_up_behind_a_link(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(fixture, "a.zip", "add('a', b'a')");
    g_autofree char *deep = fixture_path(fixture, "one/deep");
    g_autofree char *link = fixture_path(fixture, "link");
    g_autofree char *to = fixture_path(fixture, "link/.././/new/./place/");
    g_autofree char *missing = fixture_path(fixture, "missing/../new");
    const CronosRestoreOptions options = {.to = to};
    const CronosRestoreOptions nowhere = {.to = missing};
    g_autoptr(GError) error = NULL;

    assert_int_equal(g_mkdir_with_parents(deep, 0755), 0);
    assert_int_equal(symlink("one/deep", link), 0);
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    g_autofree char *expected = fixture_path(fixture, "one/new/place");
    assert_string_equal(result->target, expected);
    assert_content(fixture, "one/new/place/a", "a");
    assert_null(cronos_restore(fixture->config, backup, &nowhere, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOENT));
    g_autofree char *names = list_names(fixture->top);
    assert_string_equal(names, "link one project");
}

/* Puts something where one of the restored files is to go, while they are unpacked. */
static void put_in_the_way(CronosRestoreAction action, const char *path, gpointer user_data)
{
    (void)action;
    if (strcmp(path, "z") == 0)
        temporary_write(user_data, "z", "of somebody else");
}

/* What had been moved into the folder before one name was found taken was left there. */
static void test_taken_meanwhile(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(
        fixture, "a.zip", "add('a', b'a')\nadd('d/', mode=0o40555)\nadd('d/b')\nadd('z', b'z')");
    g_autofree char *to = fixture_path(fixture, "here");
    g_autofree char *before = g_get_current_dir();
    const CronosRestoreOptions options = {
        .to = ".", .on_action = put_in_the_way, .user_data = to, .threads = 1};

    assert_int_equal(mkdir(to, 0755), 0);
    assert_int_equal(chdir(to), 0);
    refuse(fixture, backup, &options, CRONOS_ERROR_NOT_EMPTY, "put there meanwhile");
    assert_int_equal(chdir(before), 0);
    g_autofree char *names = list_names(to);
    assert_string_equal(names, "z");
    assert_content(fixture, "here/z", "of somebody else");
}

static void test_hostile_names(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(fixture, "evil.zip",
                                             "add('../up', b'x')\n"
                                             "add('../../../../../../tmp/cronos-evil', b'x')\n"
                                             "add('/absolute', b'x')\n"
                                             "add('a/../../b', b'x')\n"
                                             "add('way', b'/', stat.S_IFLNK | 0o777)\n"
                                             "add('way/cronos-evil', b'x')\n"
                                             "add('back', b'..', stat.S_IFLNK | 0o777)\n"
                                             "add('back/cronos-evil', b'x')\n"
                                             "add('good', b'good')\n");
    g_autofree char *to = fixture_path(fixture, "out/in");
    const CronosRestoreOptions options = {.to = to};
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    g_autofree char *above = fixture_path(fixture, "out");
    g_autofree char *names = list_names(above);
    g_autofree char *top_names = list_names(fixture->top);

    assert_content(fixture, "out/in/good", "good");
    assert_string_equal(names, "in");
    assert_string_equal(top_names, "out project");
    assert_int_not_equal(access("/tmp/cronos-evil", F_OK), 0);
    assert_int_not_equal(access("/cronos-evil", F_OK), 0);
    assert_int_not_equal(access("/absolute", F_OK), 0);
}

static void test_paths(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "out");
    g_autofree char *absolute = g_build_filename(fixture->root, "locked", NULL);
    const char *const paths[] = {"./dir//sub/", "plain.txt", absolute, NULL};
    const char *const unknown[] = {"plain.txt", "dir/nothing", NULL};
    const char *const metadata[] = {"backup_metadata.json", NULL};
    const CronosRestoreOptions part = {.to = to, .paths = paths};
    const CronosRestoreOptions lacking = {.to = to, .paths = unknown};
    const CronosRestoreOptions internal = {.to = to, .paths = metadata};
    struct stat there;
    struct stat here;

    fixture_script(fixture, "project", TREE_SCRIPT);
    const CronosBackup *backup = fixture_backup(fixture, "tree");
    refuse(fixture, backup, &lacking, CRONOS_ERROR_NOT_FOUND, "dir/nothing");
    refuse(fixture, backup, &internal, CRONOS_ERROR_NOT_FOUND, "backup_metadata.json");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &part);
    g_autofree char *names = list_names(to);
    g_autofree char *dir = fixture_path(fixture, "out/dir");
    g_autofree char *dir_names = list_names(dir);
    g_autofree char *source_dir = fixture_path(fixture, "project/dir");

    assert_string_equal(names, "dir locked plain.txt");
    assert_string_equal(dir_names, "sub");
    assert_content(fixture, "out/locked/inside.txt", "in a read-only folder");
    assert_int_equal(stat(dir, &there), 0);
    assert_int_equal(stat(source_dir, &here), 0);
    assert_int_equal(there.st_mtim.tv_nsec, here.st_mtim.tv_nsec);
    assert_int_equal(there.st_mtim.tv_sec, here.st_mtim.tv_sec);
}

static void test_special_bits(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "bits.zip", "add('su', b'x', stat.S_IFREG | 0o4755)");
    g_autofree char *plain = fixture_path(fixture, "plain");
    g_autofree char *same = fixture_path(fixture, "same");
    const CronosRestoreOptions without = {.to = plain};
    const CronosRestoreOptions with = {.to = same, .same_permissions = TRUE};
    g_autoptr(CronosRestoreResult) first = restore(fixture, backup, &without);
    g_autoptr(CronosRestoreResult) second = restore(fixture, backup, &with);
    g_autofree char *first_file = fixture_path(fixture, "plain/su");
    g_autofree char *second_file = fixture_path(fixture, "same/su");
    struct stat status;

    assert_int_equal(stat(first_file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0755);
    assert_int_equal(stat(second_file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 04755);
}

static void test_sparse(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "out");
    g_autofree char *file = fixture_path(fixture, "out/sparse");
    g_autofree char *small = fixture_path(fixture, "out/small");
    const CronosRestoreOptions options = {.to = to};
    struct stat status;

    fixture_script(fixture, "project",
                   "import sys, os\n"
                   "with open(sys.argv[1] + '/sparse', 'wb') as f:\n"
                   "    f.write(b'head'); f.seek(9 << 20); f.write(b'middle')\n"
                   "    f.truncate((32 << 20) + 5)\n"
                   "with open(sys.argv[1] + '/small', 'wb') as f:\n"
                   "    f.write(b'a' * 5000); f.truncate(900000)\n");
    const CronosBackup *backup = fixture_backup(fixture, "sparse");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    g_autofree char *before = dump_tree(fixture->root);
    g_autofree char *after = dump_tree(to);

    assert_string_equal(before, after);
    assert_int_equal(stat(file, &status), 0);
    assert_true(status.st_blocks * 512 < 1 << 20);
    assert_int_equal(stat(small, &status), 0);
    assert_true(status.st_blocks * 512 < 128 << 10);
}

static void test_long_path(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "long.zip", "add('/'.join(['d' * 99] * 60) + '/file', b'at the end')");
    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions options = {.to = to};
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    g_autoptr(GString) path = g_string_new(NULL);
    char text[32] = "";

    for (int i = 0; i < 60; i++) {
        for (int j = 0; j < 99; j++)
            g_string_append_c(path, 'd');
        g_string_append_c(path, '/');
    }
    g_string_append(path, "file");
    int root_fd = open(to, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = cronos_open_beneath(root_fd, path->str, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, text, sizeof text - 1), 10);
    assert_string_equal(text, "at the end");
    close(fd);
    close(root_fd);
    /* Removed by Python, whose rmtree goes by descriptors: nftw does not take such paths. */
    fixture_script(fixture, "out", "import shutil, sys\nshutil.rmtree(sys.argv[1])\n");
}

/* The tree that is removed after a failure may be as deep and as locked as any. */
static void test_failure_leaves_nothing(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "deep.zip",
                    "add('/'.join(['d' * 99] * 50) + '/file', b'deep')\n"
                    "add('locked/', mode=stat.S_IFDIR | 0o555)\n"
                    "add('locked/inner/', mode=stat.S_IFDIR | 0o500)\n"
                    "add('locked/inner/file', b'x')\n"
                    "add('locked/link', b'/etc', stat.S_IFLNK | 0o777)\n"
                    "add('z', b'MARKER' * 3, method=zipfile.ZIP_STORED)\n");
    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions options = {.to = to, .no_verify = TRUE};

    flip_byte(fixture, "deep.zip", "MARKER");
    refuse(fixture, backup, &options, CRONOS_ERROR_DAMAGED, "z");
    g_autofree char *names = list_names(fixture->top);
    assert_string_equal(names, "project");
}

static void test_cancelled(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(fixture, "a.zip", "add('a', b'a')");
    g_autofree char *to = fixture_path(fixture, "out");
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    const CronosProgress progress = {.cancellable = cancellable};
    const CronosRestoreOptions options = {.to = to, .no_verify = TRUE};
    g_autoptr(GError) error = NULL;

    g_cancellable_cancel(cancellable);
    assert_null(cronos_restore(fixture->config, backup, &options, &progress, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
    g_autofree char *names = list_names(fixture->top);
    assert_string_equal(names, "project");
}

static void test_dry_run_new(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(fixture, "a.zip", "add('d/a', b'a')\nadd('b', b'b')");
    g_autofree char *to = fixture_path(fixture, "out");
    Actions actions = {g_string_new(NULL)};
    const CronosRestoreOptions options = {
        .to = to, .dry_run = TRUE, .threads = 1, .on_action = note_action, .user_data = &actions};
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &options);
    g_autofree char *names = list_names(fixture->top);

    assert_string_equal(actions.lines->str, "create d\ncreate d/a\ncreate b\n");
    assert_string_equal(names, "project");
    assert_string_equal(result->target, to);
    g_string_free(actions.lines, TRUE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_own_metadata_file),
        TEST(test_default_place),
        TEST(test_place_in_directory),
        TEST(test_foreign_place),
        TEST(test_not_empty),
        TEST(test_folder_that_may_not_be_made),
        TEST(test_empty_folder_is_taken),
        TEST(test_current_directory),
        TEST(test_up_behind_a_link),
        TEST(test_taken_meanwhile),
        TEST(test_hostile_names),
        TEST(test_paths),
        TEST(test_special_bits),
        TEST(test_sparse),
        TEST(test_long_path),
        TEST(test_failure_leaves_nothing),
        TEST(test_cancelled),
        TEST(test_dry_run_new),
    };

    return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
