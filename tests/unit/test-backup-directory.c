/* SPDX-License-Identifier: MIT
 * test-backup-directory.c - the lock, temporaries, publishing, and dying in between
 *
 * Deaths happen in a copy of this program, run with the backup directory as its
 * argument and the fault point in its environment;
 * another process that holds the lock is a forked child, kept in step by pipes. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/backup-directory.h"
#include "core/backup-name.h"
#include "core/error.h"
#include "temporary.h"

#define CREATED G_GINT64_CONSTANT(1743667200) /* 2025-04-03 10:00:00 in Berlin */
#define NAME "egos_backup_manual_x_20250403_100000.zip"
#define NEXT_NAME "egos_backup_manual_x_20250403_100001.zip"
#define THIRD_NAME "egos_backup_manual_x_20250403_100002.zip"

static char *root;
static char *path;

static int set_up(void **state)
{
    root = temporary_new();
    path = g_build_filename(root, "a", "b", NULL);
    return 0;
}

static int tear_down(void **state)
{
    g_free(path);
    temporary_free(root);
    return 0;
}

static gboolean is_there(const char *name)
{
    g_autofree char *file = g_build_filename(path, name, NULL);

    return g_file_test(file, G_FILE_TEST_EXISTS);
}

/* Returns: how many entries the backup directory has. */
static guint count_entries(void)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint count = 0;

    while (dir != NULL && g_dir_read_name(dir) != NULL)
        count++;
    return count;
}

static char *publish(CronosBackupDirectory *directory, GError **error)
{
    g_autofree char *temporary = NULL;
    int fd = cronos_backup_directory_create_temporary(directory, &temporary, error);

    if (fd < 0)
        return NULL;
    if (write(fd, "whole", 5) != 5)
        abort();
    char *name =
        cronos_backup_directory_publish(directory, fd, temporary, "manual", "x", CREATED, error);
    close(fd);
    return name;
}

static void test_publish(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosBackupDirectory) directory = cronos_backup_directory_lock(path, NULL, &error);
    const char *expected[] = {NAME, NEXT_NAME, THIRD_NAME};

    assert_non_null(directory);
    assert_string_equal(cronos_backup_directory_path(directory), path);
    for (int i = 0; i < 3; i++) {
        gint64 second = cronos_backup_directory_free_second(directory, "manual", "x", CREATED);
        assert_int_equal(second, CREATED + i);
        g_autofree char *name = publish(directory, &error);
        assert_string_equal(name, expected[i]);
        assert_int_equal(count_entries(), i + 1);
    }
    g_autofree char *file = g_build_filename(path, NAME, NULL);
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(file, &text, NULL, NULL));
    assert_string_equal(text, "whole");
}

/* Even a dangling symbolic link holds a name. */
static void test_names_are_never_taken_over(void **state)
{
    g_autoptr(CronosBackupDirectory) directory = cronos_backup_directory_lock(path, NULL, NULL);
    g_autofree char *link = g_build_filename(path, NAME, NULL);
    g_autofree char *folder = g_build_filename(path, NEXT_NAME, NULL);

    assert_int_equal(symlink("nowhere", link), 0);
    assert_int_equal(g_mkdir(folder, 0700), 0);
    assert_int_equal(cronos_backup_directory_free_second(directory, "manual", "x", CREATED),
                     CREATED + 2);
    g_autofree char *name = publish(directory, NULL);
    assert_string_equal(name, THIRD_NAME);
    assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
}

static void test_temporary(void **state)
{
    g_autoptr(CronosBackupDirectory) directory = cronos_backup_directory_lock(path, NULL, NULL);
    g_autofree char *first = NULL, *second = NULL;
    int first_fd = cronos_backup_directory_create_temporary(directory, &first, NULL);
    int second_fd = cronos_backup_directory_create_temporary(directory, &second, NULL);
    g_autofree char *head = g_strdup_printf(".cronos-%d-", (int)getpid());

    assert_true(first_fd >= 0 && second_fd >= 0);
    assert_string_not_equal(first, second);
    assert_true(g_str_has_prefix(first, head));
    assert_true(g_str_has_suffix(first, ".tmp"));
    assert_int_equal(fcntl(first_fd, F_GETFL) & O_ACCMODE, O_RDWR);
    assert_int_equal(fcntl(first_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(first_fd);
    close(second_fd);
}

static void test_publish_as(void **state)
{
    g_autoptr(CronosBackupDirectory) directory = cronos_backup_directory_lock(path, NULL, NULL);
    g_autofree char *first = NULL, *second = NULL;
    g_autoptr(GError) error = NULL;
    int first_fd = cronos_backup_directory_create_temporary(directory, &first, NULL);
    int second_fd = cronos_backup_directory_create_temporary(directory, &second, NULL);

    assert_true(first_fd >= 0 && second_fd >= 0);
    assert_true(cronos_backup_directory_publish_as(directory, first_fd, first, "new.zip", &error));
    assert_true(is_there("new.zip"));
    assert_false(is_there(first));
    assert_false(
        cronos_backup_directory_publish_as(directory, second_fd, second, "new.zip", &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, EEXIST));
    assert_false(is_there(second));
    close(first_fd);
    close(second_fd);
}

static void test_leftovers(void **state)
{
    assert_int_equal(g_mkdir_with_parents(path, 0700), 0);
    temporary_write(path, ".cronos-1-0badf00d.tmp", "half");
    temporary_write(path, ".cronos-notes", "a user's");
    temporary_write(path, "x.tmp", "a user's");
    g_autoptr(CronosBackupDirectory) directory = cronos_backup_directory_lock(path, NULL, NULL);

    assert_non_null(directory);
    assert_false(is_there(".cronos-1-0badf00d.tmp"));
    assert_true(is_there(".cronos-notes"));
    assert_true(is_there("x.tmp"));
}

static void test_remove(void **state)
{
    g_autoptr(CronosBackupDirectory) directory = cronos_backup_directory_lock(path, NULL, NULL);
    g_autofree char *name = publish(directory, NULL);
    static const char *const refused[] = {"", ".", "..", "../a", "x/y"};
    g_autoptr(GError) error = NULL;

    assert_true(cronos_backup_directory_remove(directory, name, "a test", &error));
    assert_false(is_there(name));
    assert_false(cronos_backup_directory_remove(directory, name, "a test", &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOENT));
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_clear_error(&error);
        assert_false(cronos_backup_directory_remove(directory, refused[i], "a test", &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    }
}

static void test_remove_takes_the_pin_along(void **state)
{
    g_autoptr(CronosBackupDirectory) directory = cronos_backup_directory_lock(path, NULL, NULL);
    g_autofree char *name = publish(directory, NULL);
    g_autofree char *other = publish(directory, NULL);
    g_autofree char *pin = cronos_backup_pin_name(name);
    g_autofree char *other_pin = cronos_backup_pin_name(other);

    temporary_write(path, pin, "");
    temporary_write(path, other_pin, "");
    assert_true(cronos_backup_directory_remove(directory, name, "a test", NULL));
    assert_false(is_there(pin));
    assert_true(is_there(other_pin));
}

static void test_put(void **state)
{
    g_autoptr(CronosBackupDirectory) directory = cronos_backup_directory_lock(path, NULL, NULL);
    g_autofree char *file = g_build_filename(path, "note", NULL);
    g_autofree char *folder = g_build_filename(path, "folder", NULL);
    static const char *const texts[] = {"one\n", "", "the third\n"};
    g_autoptr(GError) error = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *text = NULL;

        assert_true(cronos_backup_directory_put(directory, "note", texts[i], &error));
        assert_true(g_file_get_contents(file, &text, NULL, NULL));
        assert_string_equal(text, texts[i]);
        assert_int_equal(count_entries(), 1);
    }
    assert_int_equal(g_mkdir(folder, 0700), 0);
    assert_false(cronos_backup_directory_put(directory, "folder", "x", &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, EISDIR));
    assert_int_equal(count_entries(), 2);
}

static void test_can_not_be_made(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *below_file = g_build_filename(root, "file", "b", NULL);

    temporary_write(root, "file", "");
    assert_null(cronos_backup_directory_lock(below_file, NULL, &error));
    assert_int_equal(error->domain, CRONOS_SYSTEM_ERROR);
    assert_non_null(strstr(error->message, below_file));
}

/* Starts a child that holds the lock until it is told to let go. */
static pid_t hold_lock(int *out_release_fd)
{
    int ready[2], release[2];
    char byte = 0;

    assert_int_equal(g_mkdir_with_parents(path, 0700), 0);
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(release), 0);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = open(path, O_RDONLY | O_DIRECTORY);

        close(release[1]);
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        _exit(read(release[0], &byte, 1) == 1 ? 0 : 1);
    }
    close(ready[1]);
    close(release[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *out_release_fd = release[1];
    return child;
}

static gpointer cancel_it(gpointer cancellable)
{
    g_cancellable_cancel(cancellable);
    return NULL;
}

static void test_waiting_can_be_cancelled(void **state)
{
    int release_fd, status;
    pid_t child = hold_lock(&release_fd);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    GThread *thread = g_thread_new("cancel", cancel_it, cancellable);

    assert_null(cronos_backup_directory_lock(path, cancellable, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
    g_thread_join(thread);
    close(release_fd);
    assert_int_equal(waitpid(child, &status, 0), child);
}

static gpointer lock_it(gpointer unused)
{
    return cronos_backup_directory_lock(path, NULL, NULL);
}

static void test_waiting(void **state)
{
    int release_fd, status;
    pid_t child = hold_lock(&release_fd);
    GThread *thread = g_thread_new("lock", lock_it, NULL);

    assert_int_equal(write(release_fd, "x", 1), 1);
    g_autoptr(CronosBackupDirectory) directory = g_thread_join(thread);
    assert_non_null(directory);
    close(release_fd);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);

    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    g_clear_pointer(&directory, cronos_backup_directory_unlock);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);
}

/* Publishes in a copy of this program under CRONOS_FAULT=@fault. Returns: wait status. */
static int publish_under_fault(const char *fault)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "CRONOS_FAULT", fault, TRUE);
    char *argv[] = {self, path, NULL};
    int status = -1;

    assert_true(g_spawn_sync(NULL, argv, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL,
                             &status, NULL));
    return status;
}

static int publish_in_copy(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosBackupDirectory) directory = cronos_backup_directory_lock(path, NULL, &error);
    g_autofree char *name = publish(directory, &error);

    return name != NULL ? 0 : g_error_matches(error, CRONOS_SYSTEM_ERROR, EIO) ? 10 : 11;
}

static void assert_killed(const char *fault)
{
    int status = publish_under_fault(fault);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void assert_exit(const char *fault, int code)
{
    int status = publish_under_fault(fault);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

/* A backup is whole or not there, and the next run clears what was left. */
static void test_dying(void **state)
{
    assert_killed("before-sync");
    assert_int_equal(count_entries(), 1);
    assert_false(is_there(NAME));
    assert_killed("before-rename");
    assert_int_equal(count_entries(), 1);
    assert_false(is_there(NAME));
    assert_killed("after-rename");
    assert_int_equal(count_entries(), 1);
    assert_true(is_there(NAME));
    assert_exit("elsewhere", 0);
    assert_exit("before-sync@2", 0);
    assert_int_equal(count_entries(), 3);
}

static void test_errors_leave_nothing(void **state)
{
    assert_exit("before-sync:eio", 10);
    assert_int_equal(count_entries(), 0);
    assert_exit("before-rename@1:enospc", 11);
    assert_int_equal(count_entries(), 0);
    assert_exit("after-rename:eio", 10);
    assert_true(is_there(NAME));
    assert_int_equal(count_entries(), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_publish, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_are_never_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_temporary, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_publish_as, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leftovers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remove, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remove_takes_the_pin_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_put, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_can_not_be_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waiting_can_be_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dying, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_leave_nothing, set_up, tear_down),
    };

    if (argc == 2) {
        path = argv[1];
        return publish_in_copy();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
