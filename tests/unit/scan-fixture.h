/* SPDX-License-Identifier: MIT
 * scan-fixture.h - a folder with what is made in it, and a walk over it as one string: the paths in
 * their order, a '/' after each directory, an '@' after each symbolic link, a blank between them */
#pragma once
#include "core/error.h"
#include "core/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    char *path;
    int fd;
} Root;

static inline int set_up(void **state)
{
    Root *root = g_new0(Root, 1);

    root->path = g_dir_make_tmp("cronos-scan-XXXXXX", NULL);
    assert_non_null(root->path);
    assert_int_equal(g_chmod(root->path, 0755), 0);
    root->fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root->fd >= 0);
    *state = root;
    return 0;
}

static inline int tear_down(void **state)
{
    Root *root = *state;
    const char *argv[] = {"rm", "-rf", "--", root->path, NULL};
    g_autoptr(GSubprocess) remove = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_NONE, NULL);

    assert_true(g_subprocess_wait_check(remove, NULL, NULL));
    close(root->fd);
    g_free(root->path);
    g_free(root);
    return 0;
}

static inline void make_file(const Root *root, const char *path, const char *content)
{
    int fd = openat(root->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

/* Makes what @paths name, parents first; a trailing '/' makes a directory. */
static inline void make_tree(const Root *root, const char *const *paths)
{
    for (; *paths != NULL; paths++) {
        if (g_str_has_suffix(*paths, "/"))
            assert_int_equal(mkdirat(root->fd, *paths, 0755), 0);
        else
            make_file(root, *paths, "content\n");
    }
}

static inline void append_item(GString *walked, const CronosScanItem *item)
{
    assert_int_equal(strlen(item->path), item->path_length);
    if (walked->len > 0)
        g_string_append_c(walked, ' ');
    g_string_append(walked, item->path);
    if (item->info.kind == CRONOS_MEMBER_DIRECTORY)
        g_string_append_c(walked, '/');
    else if (item->info.kind == CRONOS_MEMBER_SYMLINK)
        g_string_append_c(walked, '@');
}

/* Returns: (owned) the rest of the walk. */
static inline char *walk_on(CronosScan *scan)
{
    GString *walked = g_string_new(NULL);
    const CronosScanItem *item;

    while ((item = cronos_scan_next(scan)) != NULL)
        append_item(walked, item);
    assert_null(cronos_scan_next(scan));
    return g_string_free(walked, FALSE);
}

static inline CronosScan *open_scan(const CronosScanOptions *options)
{
    g_autoptr(GError) error = NULL;
    CronosScan *scan = cronos_scan_open(options, &error);

    assert_null(error);
    assert_non_null(scan);
    return scan;
}

static inline void make_socket(const Root *root, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(g_snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", root->path, path) <
                (gint)sizeof address.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static inline const char *unreadable(const CronosScan *scan, guint index)
{
    assert_true(index < cronos_scan_unreadable(scan)->len);
    return cronos_scan_unreadable(scan)->pdata[index];
}

/* root reads everything, so the walk is done as another user where the test is run by root. */

#define SCAN_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
