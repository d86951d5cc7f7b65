/* SPDX-License-Identifier: MIT
 * test-open-beneath.c - paths never lead out of a directory; run twice: with openat2, and in a
 * child process whose kernel, by a seccomp filter, does not know it */
#include "core/open-beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DEEP_COMPONENTS 500u /* of 20 bytes each: more than twice PATH_MAX */

typedef struct {
    char *outer; /* holds "secret" and "root" */
    int fd;      /* of "root" */
    GString *deep;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    g_autofree char *component = g_strnfill(20, 'd');

    *state = fixture;
    fixture->outer = g_dir_make_tmp("cronos-beneath-XXXXXX", NULL);
    assert_non_null(fixture->outer);
    g_autofree char *root = g_build_filename(fixture->outer, "root", NULL);
    g_autofree char *secret = g_build_filename(fixture->outer, "secret", NULL);
    assert_int_equal(g_mkdir(root, 0777), 0);
    assert_true(g_file_set_contents(secret, "secret", -1, NULL));
    fixture->fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fixture->fd >= 0);

    assert_int_equal(mkdirat(fixture->fd, "a", 0777), 0);
    assert_int_equal(mkdirat(fixture->fd, "a/b", 0777), 0);
    close(openat(fixture->fd, "a/b/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    assert_int_equal(symlinkat("../secret", fixture->fd, "out"), 0);
    assert_int_equal(symlinkat("..", fixture->fd, "up"), 0);
    assert_int_equal(symlinkat("a", fixture->fd, "inside"), 0);
    assert_int_equal(symlinkat("/etc", fixture->fd, "a/etc"), 0);

    fixture->deep = g_string_new(NULL);
    int at = dup(fixture->fd);
    for (guint i = 0; i < DEEP_COMPONENTS; i++) {
        assert_int_equal(mkdirat(at, component, 0777), 0);
        int next = openat(at, component, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
        g_string_append_printf(fixture->deep, "%s/", component);
    }
    g_string_append(fixture->deep, "bottom");
    assert_int_equal(symlinkat("target", at, "link"), 0);
    close(openat(at, "bottom", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    close(at);
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *outer = fixture->outer;
    const char *argv[] = {"rm", "-rf", "--", outer, NULL};
    g_autoptr(GSubprocess) remove = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_NONE, NULL);

    assert_true(g_subprocess_wait_check(remove, NULL, NULL));
    close(fixture->fd);
    g_string_free(fixture->deep, TRUE);
    g_free(fixture);
    return 0;
}

/* Returns: 0 or the errno with which @path does not open. */
static int errno_of(int dirfd, const char *path, int flags)
{
    int fd = cronos_open_beneath(dirfd, path, flags);

    if (fd < 0)
        return errno;
    gboolean closes_on_exec = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    close(fd);
    return closes_on_exec ? 0 : -1;
}

typedef struct {
    const char *path;
    int flags;
    int expected[2]; /* either will do */
} Case;

static const Case cases[] = {
    {"a/b/file", O_RDONLY, {0, 0}},
    {"a/b", O_RDONLY | O_DIRECTORY, {0, 0}},
    {"", O_RDONLY | O_DIRECTORY, {0, 0}},
    {"inside", O_PATH | O_NOFOLLOW, {0, 0}},
    {"a/etc", O_PATH | O_NOFOLLOW, {0, 0}},
    {"missing", O_RDONLY, {ENOENT, ENOENT}},
    {"a/missing/file", O_RDONLY, {ENOENT, ENOENT}},
    {"a/b/file/x", O_RDONLY, {ENOTDIR, ENOTDIR}},
    {"a/b/file", O_RDONLY | O_DIRECTORY, {ENOTDIR, ENOTDIR}},
    {"inside", O_RDONLY, {ELOOP, ELOOP}},
    {"inside/b/file", O_RDONLY, {ELOOP, ENOTDIR}},
    {"out", O_RDONLY, {ELOOP, ELOOP}},
    {"up/secret", O_RDONLY, {ELOOP, ENOTDIR}},
    {"a/etc/passwd", O_RDONLY, {ELOOP, ENOTDIR}},
    {"../secret", O_RDONLY, {EXDEV, EXDEV}},
    {"..", O_RDONLY, {EXDEV, EXDEV}},
    {"a/../../secret", O_RDONLY, {EXDEV, EXDEV}},
    {"/etc/passwd", O_RDONLY, {EXDEV, EXDEV}},
};

/* Returns: how many cases answered otherwise. */
static guint count_failures(const Fixture *fixture)
{
    guint failures = 0;

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        int found = errno_of(fixture->fd, cases[i].path, cases[i].flags);

        if (found != cases[i].expected[0] && found != cases[i].expected[1]) {
            print_error("'%s': %s\n", cases[i].path, g_strerror(found));
            failures++;
        }
    }
    return failures;
}

/* Returns: how many of the checks on paths beyond PATH_MAX failed. */
static guint count_deep_failures(const Fixture *fixture)
{
    gsize parent_length = (gsize)(strrchr(fixture->deep->str, '/') - fixture->deep->str);
    g_autofree char *parent = g_strndup(fixture->deep->str, parent_length);
    g_autofree char *missing = g_strconcat(parent, "/missing", NULL);
    g_autofree char *link = g_strconcat(parent, "/link", NULL);
    guint failures = 0;

    failures += errno_of(fixture->fd, fixture->deep->str, O_RDONLY) != 0;
    failures += errno_of(fixture->fd, parent, O_RDONLY | O_DIRECTORY) != 0;
    failures += errno_of(fixture->fd, missing, O_RDONLY) != ENOENT;
    failures += errno_of(fixture->fd, link, O_RDONLY) != ELOOP;
    failures += errno_of(fixture->fd, link, O_PATH | O_NOFOLLOW) != 0;
    return failures;
}

static void test_paths(void **state)
{
    assert_int_equal(count_failures(*state), 0);
}

static void test_paths_beyond_path_max(void **state)
{
    const Fixture *fixture = *state;

    assert_true(fixture->deep->len > 8192);
    assert_int_equal(count_deep_failures(fixture), 0);
}

static void test_component_too_long(void **state)
{
    const Fixture *fixture = *state;
    g_autofree char *name = g_strnfill(256, 'n');
    g_autofree char *longer = g_strnfill(9000, 'n');

    assert_int_equal(errno_of(fixture->fd, name, O_RDONLY), ENAMETOOLONG);
    assert_int_equal(errno_of(fixture->fd, longer, O_RDONLY), ENAMETOOLONG);
}

static void test_no_descriptor_is_left(void **state)
{
    const Fixture *fixture = *state;
    int before = dup(fixture->fd);

    close(before);
    count_failures(fixture);
    count_deep_failures(fixture);
    int after = dup(fixture->fd);
    close(after);
    assert_int_equal(after, before);
}

static gboolean forbid_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = G_N_ELEMENTS(code), .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void test_without_openat2(void **state)
{
    const Fixture *fixture = *state;
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (!forbid_openat2())
            _exit(2);
        _exit(count_failures(fixture) + count_deep_failures(fixture) == 0 ? 0 : 1);
    }
    assert_int_equal(TEMP_FAILURE_RETRY(waitpid(child, &status, 0)), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_paths_beyond_path_max),
        cmocka_unit_test(test_component_too_long),
        cmocka_unit_test(test_no_descriptor_is_left),
        cmocka_unit_test(test_without_openat2),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
