/* SPDX-License-Identifier: MIT
 * test-scan-open.c - opening what was found: files, links, and what stat tells of them */
#include "scan-fixture.h"

#include <signal.h>

#define NOBODY 65534

static void assert_does_not_open(const Root *root, const char *path, GQuark domain, int code)
{
    g_autoptr(GError) error = NULL;

    assert_int_equal(cronos_scan_open_file(root->fd, path, &error), -1);
    assert_true(g_error_matches(error, domain, code));
    assert_true(g_str_has_prefix(error->message, path));
    assert_int_equal(cronos_scan_open_file(root->fd, path, NULL), -1);
}

static void test_open_file(void **state)
{
    const Root *root = *state;

    make_tree(root, (const char *const[]){"file", "folder/", "folder/inner", NULL});
    assert_int_equal(mkfifoat(root->fd, "fifo", 0644), 0);
    assert_int_equal(symlinkat("file", root->fd, "link"), 0);
    assert_int_equal(symlinkat("folder", root->fd, "way"), 0);
    make_socket(root, "socket");

    int fd = cronos_scan_open_file(root->fd, "folder/inner", NULL);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    close(fd);
    assert_does_not_open(root, "missing", CRONOS_SYSTEM_ERROR, ENOENT);
    assert_does_not_open(root, "../x", CRONOS_SYSTEM_ERROR, EXDEV);
    assert_does_not_open(root, "/etc/passwd", CRONOS_SYSTEM_ERROR, EXDEV);
    assert_does_not_open(root, "fifo", CRONOS_ERROR, CRONOS_ERROR_CHANGED);
    assert_does_not_open(root, "socket", CRONOS_ERROR, CRONOS_ERROR_CHANGED);
    assert_does_not_open(root, "folder", CRONOS_ERROR, CRONOS_ERROR_CHANGED);
    assert_does_not_open(root, "link", CRONOS_ERROR, CRONOS_ERROR_CHANGED);
    assert_does_not_open(root, "way/inner", CRONOS_ERROR, CRONOS_ERROR_CHANGED);
}

/* Other users' files open too, though O_NOATIME is refused for them, and go on doing so. */
static void test_open_file_of_another_user(void **state)
{
    const Root *root = *state;
    uid_t user = geteuid();
    int system = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    make_file(root, "own", "");
    if (user == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    for (guint i = 0; i < 2; i++) {
        int fd = cronos_scan_open_file(system, "etc/passwd", NULL);
        assert_true(fd >= 0);
        close(fd);
        fd = cronos_scan_open_file(root->fd, "own", NULL);
        assert_true(fd >= 0);
        close(fd);
    }
    assert_int_equal(seteuid(user), 0);
    close(system);
}

static int leased_fd;

static void give_lease_back(int signal_number)
{
    fcntl(leased_fd, F_SETLEASE, F_UNLCK);
}

/* A file server's lease makes open(O_NONBLOCK) fail with EWOULDBLOCK. */
static void test_open_file_waits_for_a_lease(void **state)
{
    const Root *root = *state;
    struct sigaction action = {.sa_handler = give_lease_back, .sa_flags = SA_RESTART};
    struct sigaction before;

    make_file(root, "leased", "x");
    leased_fd = openat(root->fd, "leased", O_RDWR | O_CLOEXEC);
    assert_int_equal(sigaction(SIGIO, &action, &before), 0);
    assert_int_equal(fcntl(leased_fd, F_SETLEASE, F_WRLCK), 0);
    int fd = cronos_scan_open_file(root->fd, "leased", NULL);
    assert_true(fd >= 0);
    close(fd);
    close(leased_fd);
    assert_int_equal(sigaction(SIGIO, &before, NULL), 0);
}

static void test_readlink(void **state)
{
    const Root *root = *state;
    g_autofree char *long_target = g_strnfill(4000, 't');
    g_autoptr(GError) error = NULL;
    gsize length = 0;

    make_tree(root, (const char *const[]){"file", "folder/", NULL});
    assert_int_equal(symlinkat(long_target, root->fd, "folder/long"), 0);
    assert_int_equal(symlinkat("\xff\n", root->fd, "odd"), 0);
    g_autofree char *first = cronos_scan_readlink(root->fd, "folder/long", &length, &error);
    assert_string_equal(first, long_target);
    assert_int_equal(length, 4000);
    g_autofree char *second = cronos_scan_readlink(root->fd, "odd", NULL, &error);
    assert_string_equal(second, "\xff\n");

    assert_null(cronos_scan_readlink(root->fd, "file", &length, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CHANGED));
    g_clear_error(&error);
    assert_null(cronos_scan_readlink(root->fd, "folder", &length, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CHANGED));
    g_clear_error(&error);
    assert_null(cronos_scan_readlink(root->fd, "missing", &length, &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOENT));
}

static void test_info_from_stat(void **state)
{
    static const mode_t without_content[] = {S_IFSOCK, S_IFIFO, S_IFCHR, S_IFBLK, 0};
    struct stat status = {.st_mode = S_IFREG | 04755, .st_size = 7, .st_uid = 1, .st_gid = 2};
    CronosMemberInfo info;

    assert_true(cronos_member_info_from_stat(&status, &info));
    assert_int_equal(info.kind, CRONOS_MEMBER_FILE);
    assert_int_equal(info.mode, S_IFREG | 04755);
    assert_int_equal(info.size_bytes, 7);
    assert_int_equal(info.uid, 1);
    assert_int_equal(info.gid, 2);

    status.st_mtim = (struct timespec){G_MAXINT64, 999999999};
    status.st_ctim = (struct timespec){G_MININT64, 0};
    assert_true(cronos_member_info_from_stat(&status, &info));
    assert_int_equal(info.mtime_ns, G_MAXINT64);
    assert_int_equal(info.ctime_ns, G_MININT64);
    status.st_mtim = (struct timespec){9223372036, 854775807};
    assert_true(cronos_member_info_from_stat(&status, &info));
    assert_int_equal(info.mtime_ns, G_MAXINT64);
    status.st_mtim.tv_nsec++;
    assert_true(cronos_member_info_from_stat(&status, &info));
    assert_int_equal(info.mtime_ns, G_MAXINT64);

    for (guint i = 0; i < G_N_ELEMENTS(without_content); i++) {
        status.st_mode = without_content[i] | 0644;
        assert_false(cronos_member_info_from_stat(&status, &info));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCAN_TEST(test_open_file),
        SCAN_TEST(test_open_file_of_another_user),
        SCAN_TEST(test_open_file_waits_for_a_lease),
        SCAN_TEST(test_readlink),
        cmocka_unit_test(test_info_from_stat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
