/* SPDX-License-Identifier: MIT
 * test-scan-depth.c - walks far down: long paths, few descriptors, what is moved meanwhile */
#include "scan-fixture.h"

#include <sys/resource.h>

/* Makes @depth nested directories named @name, each with a file "z" beside the next. */
static char *make_deep(const Root *root, const char *name, guint depth)
{
    GString *path = g_string_new(NULL);
    int at = dup(root->fd);

    for (guint i = 0; i < depth; i++) {
        assert_int_equal(mkdirat(at, name, 0755), 0);
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
        int file = openat(at, "z", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        assert_true(file >= 0);
        assert_int_equal(write(file, "deep", 4), 4);
        close(file);
        g_string_append_printf(path, "%s%s", i > 0 ? "/" : "", name);
    }
    assert_int_equal(symlinkat("target", at, "link"), 0);
    close(at);
    return g_string_free(path, FALSE);
}

static struct rlimit limit_descriptors(rlim_t limit)
{
    struct rlimit before;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit now = {.rlim_cur = limit, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

/* Walks a tree of make_deep() under @limit descriptors; every "z" comes after what is below. */
static void walk_deep(const Root *root, const char *name, guint depth, rlim_t limit)
{
    CronosScanOptions options = {.root = root->path};
    g_autofree char *path = make_deep(root, name, depth);
    gsize step = strlen(name) + 1;
    struct rlimit before = limit_descriptors(limit);
    g_autoptr(CronosScan) scan = open_scan(&options);

    for (guint i = 1; i <= depth; i++) {
        const CronosScanItem *item = cronos_scan_next(scan);
        assert_non_null(item);
        assert_int_equal(item->path_length, i * step - 1);
        assert_int_equal(item->info.kind, CRONOS_MEMBER_DIRECTORY);
        assert_memory_equal(item->path, path, item->path_length);
    }
    assert_int_equal(cronos_scan_next(scan)->info.kind, CRONOS_MEMBER_SYMLINK);
    for (guint i = depth; i >= 1; i--) {
        const CronosScanItem *item = cronos_scan_next(scan);
        assert_non_null(item);
        assert_int_equal(item->info.kind, CRONOS_MEMBER_FILE);
        assert_int_equal(item->path_length, i * step + 1);
    }
    assert_null(cronos_scan_next(scan));
    assert_int_equal(cronos_scan_unreadable(scan)->len, 0);

    g_autofree char *file = g_strconcat(path, "/z", NULL);
    g_autofree char *link = g_strconcat(path, "/link", NULL);
    char bytes[8];
    gsize length = 0;
    int fd = cronos_scan_open_file(root->fd, file, NULL);
    assert_int_equal(read(fd, bytes, sizeof bytes), 4);
    close(fd);
    g_autofree char *target = cronos_scan_readlink(root->fd, link, &length, NULL);
    assert_string_equal(target, "target");
    assert_int_equal(length, 6);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_path_of_4000_bytes(void **state)
{
    walk_deep(*state, "d", 2000, 1024);
}

static void test_path_beyond_path_max(void **state)
{
    walk_deep(*state, "twenty-three-characters", 400, 1024);
}

static void test_few_descriptors(void **state)
{
    walk_deep(*state, "d", 200, 24);
}

static void test_deep_directory_replaced_while_below_it(void **state)
{
    const Root *root = *state;
    CronosScanOptions options = {.root = root->path};
    g_autofree char *path = make_deep(root, "d", 80);
    g_autoptr(CronosScan) scan = open_scan(&options);

    for (guint i = 0; i < 80; i++)
        assert_non_null(cronos_scan_next(scan));
    assert_int_equal(renameat(root->fd, "d", root->fd, "moved"), 0);
    assert_int_equal(mkdirat(root->fd, "d", 0755), 0);
    make_file(root, "d/z", "another");
    g_autofree char *rest = walk_on(scan);
    guint notes = cronos_scan_unreadable(scan)->len;
    assert_true(notes > 1);
    assert_string_equal(unreadable(scan, notes - 1),
                        "d: replaced by another directory while it was read");
    assert_null(strstr(rest, "moved"));
}

static void test_late_parents_in_depth(void **state)
{
    const Root *root = *state;
    const char *const globs[] = {"/d/d/z", "link", NULL};
    g_autoptr(CronosPatterns) include = cronos_patterns_new(globs, NULL);
    CronosScanOptions options = {.root = root->path, .include = include};
    g_autofree char *path = make_deep(root, "d", 100);
    g_autoptr(CronosScan) scan = open_scan(&options);

    for (guint i = 1; i <= 100; i++) {
        const CronosScanItem *item = cronos_scan_next(scan);
        assert_int_equal(item->path_length, 2 * i - 1);
        assert_int_equal(item->info.kind, CRONOS_MEMBER_DIRECTORY);
        assert_memory_equal(item->path, path, item->path_length);
    }
    assert_int_equal(cronos_scan_next(scan)->info.kind, CRONOS_MEMBER_SYMLINK);
    assert_string_equal(cronos_scan_next(scan)->path, "d/d/z");
    assert_null(cronos_scan_next(scan));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCAN_TEST(test_path_of_4000_bytes),
        SCAN_TEST(test_path_beyond_path_max),
        SCAN_TEST(test_few_descriptors),
        SCAN_TEST(test_deep_directory_replaced_while_below_it),
        SCAN_TEST(test_late_parents_in_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
