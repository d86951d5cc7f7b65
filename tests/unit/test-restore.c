/* SPDX-License-Identifier: MIT
 * test-restore.c - bringing files back: equality, refusals, overwriting and back again */
#include "restore-fixture.h"

#include "core/open-beneath.h"
#include "core/restore-temporary.h"

#include <sys/wait.h>

#define TREE_SCRIPT                                                                                \
    "import os, sys\n"                                                                             \
    "os.umask(0o022)\n"                                                                            \
    "r = os.fsencode(sys.argv[1])\n"                                                               \
    "def put(name, data=b'', mode=0o644, ns=1700000000123456789):\n"                               \
    "    p = os.path.join(r, name)\n"                                                              \
    "    os.makedirs(os.path.dirname(p), exist_ok=True)\n"                                         \
    "    with open(p, 'wb') as f: f.write(data)\n"                                                 \
    "    os.chmod(p, mode)\n"                                                                      \
    "    os.utime(p, ns=(ns, ns))\n"                                                               \
    "put(b'plain.txt', b'plain\\n')\n"                                                             \
    "put(b'empty', b'')\n"                                                                         \
    "put(b'tool.sh', b'#!/bin/sh\\n', 0o755)\n"                                                    \
    "put(b'secret', b'key', 0o400)\n"                                                              \
    "put(b'old', b'before the epoch', ns=-1500000001)\n"                                           \
    "put(b'dir/sub/deep.txt', b'deep' * 1000)\n"                                                   \
    "put(b'dir/large.bin', os.urandom(65536) * 48)\n"                                              \
    "put(b'odd/a name with spaces', b'1')\n"                                                       \
    "put(b'odd/new\\nline', b'2')\n"                                                               \
    "put(b'odd/-leading', b'3')\n"                                                                 \
    "put(b'odd/bytes\\xff\\xfe', b'4')\n"                                                          \
    "put(b'odd/' + b'n' * 255, b'5')\n"                                                            \
    "put(b'locked/inside.txt', b'in a read-only folder')\n"                                        \
    "os.makedirs(os.path.join(r, b'void/void'))\n"                                                 \
    "os.symlink(b'plain.txt', os.path.join(r, b'link'))\n"                                         \
    "os.symlink(b'/nowhere/at/all', os.path.join(r, b'dir/dangling'))\n"                           \
    "os.utime(os.path.join(r, b'link'), ns=(1, 1600000000987654321), follow_symlinks=False)\n"     \
    "for d in (b'dir/sub', b'dir', b'odd', b'void/void', b'void', b'locked'):\n"                   \
    "    os.utime(os.path.join(r, d), ns=(1, 1500000000111222333 + len(d)))\n"                     \
    "os.chmod(os.path.join(r, b'locked'), 0o555)\n"                                                \
    "os.chmod(os.path.join(r, b'void'), 0o700)\n"

typedef struct {
    GString *lines;
} Actions;

static void note_action(CronosRestoreAction action, const char *path, gpointer user_data)
{
    static const char *const words[] = {"create", "replace", "delete", "unchanged"};

    g_string_append_printf(((Actions *)user_data)->lines, "%s %s\n", words[action], path);
}

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

    return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
