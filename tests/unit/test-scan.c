/* SPDX-License-Identifier: MIT
 * test-scan.c - the walk over a project directory, and the opening of what it found
 *
 * Walks are compared as one string: the paths in their order, a '/' after each directory, an '@'
 * after each symbolic link, a blank between them. */
#include "core/error.h"
#include "core/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define CACHE_TAG "Signature: 8a477f597d28d172789f06886806bc55"
#define NOBODY 65534

typedef struct {
    char *path;
    int fd;
} Root;

static int set_up(void **state)
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

static int tear_down(void **state)
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

static void make_file(const Root *root, const char *path, const char *content)
{
    int fd = openat(root->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

/* Makes what @paths name, parents first; a trailing '/' makes a directory. */
static void make_tree(const Root *root, const char *const *paths)
{
    for (; *paths != NULL; paths++) {
        if (g_str_has_suffix(*paths, "/"))
            assert_int_equal(mkdirat(root->fd, *paths, 0755), 0);
        else
            make_file(root, *paths, "content\n");
    }
}

static void append_item(GString *walked, const CronosScanItem *item)
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
static char *walk_on(CronosScan *scan)
{
    GString *walked = g_string_new(NULL);
    const CronosScanItem *item;

    while ((item = cronos_scan_next(scan)) != NULL)
        append_item(walked, item);
    assert_null(cronos_scan_next(scan));
    return g_string_free(walked, FALSE);
}

static CronosScan *open_scan(const CronosScanOptions *options)
{
    g_autoptr(GError) error = NULL;
    CronosScan *scan = cronos_scan_open(options, &error);

    assert_null(error);
    assert_non_null(scan);
    return scan;
}

static void assert_walk(const CronosScanOptions *options, const char *expected)
{
    g_autoptr(CronosScan) scan = open_scan(options);
    g_autofree char *walked = walk_on(scan);

    assert_string_equal(walked, expected);
    assert_int_equal(cronos_scan_unreadable(scan)->len, 0);
}

static void assert_walk_of_patterns(const Root *root, const char *include, const char *exclude,
                                    const char *expected)
{
    g_auto(GStrv) include_globs = include == NULL ? NULL : g_strsplit(include, " ", -1);
    g_auto(GStrv) exclude_globs = g_strsplit(exclude == NULL ? "" : exclude, " ", -1);
    g_autoptr(CronosPatterns) includes =
        include == NULL ? NULL : cronos_patterns_new((const char *const *)include_globs, NULL);
    g_autoptr(CronosPatterns) excludes =
        cronos_patterns_new((const char *const *)exclude_globs, NULL);
    CronosScanOptions options = {.root = root->path, .include = includes, .exclude = excludes};

    assert_true(include == NULL || includes != NULL);
    assert_non_null(excludes);
    assert_walk(&options, expected);
}

static void test_order(void **state)
{
    const Root *root = *state;
    const char *const tree[] = {"b/",        "b/z",      "b/a/",        "b/a/x",   "a",      "B",
                                "c.d",       "c/",       "c/1",         "c-d",     "empty/", "-rf",
                                "new\nline", "\xff\xfe", "caf\xc3\xa9", ".hidden", NULL};
    CronosScanOptions options = {.root = root->path};

    make_tree(root, tree);
    assert_walk(&options, "-rf .hidden B a b/ b/a/ b/a/x b/z c/ c/1 c-d c.d caf\xc3\xa9 empty/ "
                          "new\nline \xff\xfe");
}

static void test_empty_root(void **state)
{
    const Root *root = *state;
    CronosScanOptions options = {.root = root->path};

    assert_walk(&options, "");
}

static void test_long_name_and_many_names(void **state)
{
    const Root *root = *state;
    g_autofree char *name = g_strnfill(255, 'n');
    CronosScanOptions options = {.root = root->path};
    g_autoptr(GString) expected = g_string_new("many/");

    assert_int_equal(mkdirat(root->fd, "many", 0755), 0);
    for (guint i = 0; i < 3000; i++) {
        g_autofree char *path = g_strdup_printf("many/%04u", (i * 1237) % 3000);

        make_file(root, path, "");
        g_string_append_printf(expected, " many/%04u", i);
    }
    make_file(root, name, "");
    g_string_append_printf(expected, " %s", name);
    assert_walk(&options, expected->str);
}

static void test_facts(void **state)
{
    const Root *root = *state;
    const struct timespec times[] = {{0, 0}, {1743667200, 123456789}};
    const struct timespec before_epoch[] = {{0, 0}, {-2, 500000000}};
    CronosScanOptions options = {.root = root->path};
    struct stat status;

    make_file(root, "file", "twelve bytes");
    assert_int_equal(fchmodat(root->fd, "file", 0640, 0), 0);
    assert_int_equal(utimensat(root->fd, "file", times, 0), 0);
    assert_int_equal(mkdirat(root->fd, "folder", 0700), 0);
    assert_int_equal(utimensat(root->fd, "folder", before_epoch, 0), 0);
    assert_int_equal(symlinkat("to/nowhere", root->fd, "link"), 0);
    assert_int_equal(fstatat(root->fd, "file", &status, 0), 0);

    g_autoptr(CronosScan) scan = open_scan(&options);
    const CronosScanItem *item = cronos_scan_next(scan);
    assert_string_equal(item->path, "file");
    assert_int_equal(item->info.kind, CRONOS_MEMBER_FILE);
    assert_int_equal(item->info.mode, S_IFREG | 0640);
    assert_int_equal(item->info.size_bytes, 12);
    assert_int_equal(item->info.mtime_ns, G_GINT64_CONSTANT(1743667200123456789));
    assert_int_equal(item->info.inode, status.st_ino);
    assert_int_equal(item->info.ctime_ns, status.st_ctim.tv_sec * G_GINT64_CONSTANT(1000000000) +
                                              status.st_ctim.tv_nsec);
    assert_int_equal(item->info.uid, geteuid());
    assert_int_equal(item->info.gid, status.st_gid);
    assert_true(item->info.has_mode && item->info.has_owner && item->info.has_identity);
    assert_false(item->info.implied);
    assert_int_equal(item->device, status.st_dev);

    item = cronos_scan_next(scan);
    assert_string_equal(item->path, "folder");
    assert_int_equal(item->info.kind, CRONOS_MEMBER_DIRECTORY);
    assert_int_equal(item->info.mode, S_IFDIR | 0700);
    assert_int_equal(item->info.size_bytes, 0);
    assert_int_equal(item->info.mtime_ns, -1500000000);

    item = cronos_scan_next(scan);
    assert_string_equal(item->path, "link");
    assert_int_equal(item->info.kind, CRONOS_MEMBER_SYMLINK);
    assert_int_equal(item->info.size_bytes, strlen("to/nowhere"));
    assert_null(cronos_scan_next(scan));
    assert_int_equal(fstatat(cronos_scan_root_fd(scan), "file", &status, 0), 0);
}

static void test_sparse_file_is_seen_as_such(void **state)
{
    const Root *root = *state;
    CronosScanOptions options = {.root = root->path};

    make_file(root, "sparse", "");
    int fd = openat(root->fd, "sparse", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, G_GINT64_CONSTANT(5) << 30), 0);
    close(fd);
    g_autoptr(CronosScan) scan = open_scan(&options);
    const CronosScanItem *item = cronos_scan_next(scan);
    assert_int_equal(item->info.size_bytes, G_GINT64_CONSTANT(5) << 30);
    assert_true(item->allocated_bytes < 1 << 20);
}

static void test_symbolic_links_are_not_followed(void **state)
{
    const Root *root = *state;
    CronosScanOptions options = {.root = root->path};

    make_tree(root, (const char *const[]){"folder/", "folder/file", NULL});
    assert_int_equal(symlinkat("folder", root->fd, "to-folder"), 0);
    assert_int_equal(symlinkat("..", root->fd, "folder/up"), 0);
    assert_int_equal(symlinkat("/", root->fd, "out"), 0);
    assert_int_equal(symlinkat("loop", root->fd, "loop"), 0);
    assert_walk(&options, "folder/ folder/file folder/up@ loop@ out@ to-folder@");
}

static void test_include_and_exclude(void **state)
{
    const Root *root = *state;
    const char *const tree[] = {
        "a.c",          "a.h",       "src/",         "src/b.c", "src/b.h",   "src/deep/",
        "src/deep/c.c", "src/none/", "src/none/n.h", "doc/",    "doc/d.txt", "doc/more/",
        "doc/more/e.c", "z/",        "z/z/",         "z/z/z.c", NULL};

    make_tree(root, tree);
    const char *all =
        "a.c a.h doc/ doc/d.txt doc/more/ doc/more/e.c src/ src/b.c src/b.h src/deep/ "
        "src/deep/c.c src/none/ src/none/n.h z/ z/z/ z/z/z.c";
    assert_walk_of_patterns(root, NULL, NULL, all);
    assert_walk_of_patterns(root, "**/*", NULL, all);
    assert_walk_of_patterns(root, "*", NULL, all);
    assert_walk_of_patterns(root, "/*", NULL, all);
    assert_walk_of_patterns(root, "*.c", NULL,
                            "a.c doc/ doc/more/ doc/more/e.c src/ src/b.c src/deep/ src/deep/c.c "
                            "z/ z/z/ z/z/z.c");
    assert_walk_of_patterns(root, "*.txt", NULL, "doc/ doc/d.txt");
    assert_walk_of_patterns(root, "doc/", NULL, "doc/ doc/d.txt doc/more/ doc/more/e.c");
    assert_walk_of_patterns(root, "deep/ none/", NULL,
                            "src/ src/deep/ src/deep/c.c src/none/ src/none/n.h");
    assert_walk_of_patterns(root, "src/*.h /z/z/z.c", NULL, "src/ src/b.h z/ z/z/ z/z/z.c");
    assert_walk_of_patterns(root, "*.c !b.c", "z",
                            "a.c doc/ doc/more/ doc/more/e.c src/ src/deep/ "
                            "src/deep/c.c");
    assert_walk_of_patterns(root, "nothing", NULL, "");
    assert_walk_of_patterns(root, NULL, "*.c src/none",
                            "a.h doc/ doc/d.txt doc/more/ src/ src/b.h src/deep/ z/ z/z/");
    assert_walk_of_patterns(root, "*.c", "*.c", "");
    assert_walk_of_patterns(root, "doc", "more/", "doc/ doc/d.txt");
    assert_walk_of_patterns(root, NULL, "src doc z", "a.c a.h");
    assert_walk_of_patterns(root, NULL, "*.c !b.c /z src/deep",
                            "a.h doc/ doc/d.txt doc/more/ src/ "
                            "src/b.c src/b.h src/none/ "
                            "src/none/n.h");
    assert_walk_of_patterns(root, NULL, "*", "");
}

static void test_skip_directories(void **state)
{
    const Root *root = *state;
    g_autofree char *backups = g_build_filename(root->path, "a", "..", "a", "backups", NULL);
    g_autofree char *missing = g_build_filename(root->path, "missing", NULL);
    const char *const skip[] = {missing, backups, NULL};
    CronosScanOptions options = {.root = root->path, .skip_directories = skip};

    make_tree(root, (const char *const[]){"a/", "a/backups/", "a/backups/x.zip", "a/c", "b/",
                                          "b/backups/", "b/backups/y", NULL});
    assert_walk(&options, "a/ a/c b/ b/backups/ b/backups/y");

    /* A symbolic link to it is as good as its name, and left out itself. */
    g_autofree char *link = g_build_filename(root->path, "link", NULL);
    const char *const skip_link[] = {link, NULL};
    assert_int_equal(symlinkat("b", root->fd, "link"), 0);
    options.skip_directories = skip_link;
    assert_walk(&options, "a/ a/backups/ a/backups/x.zip a/c");
}

static void test_skip_files(void **state)
{
    const Root *root = *state;
    g_autofree char *log = g_build_filename(root->path, "logs", "way", NULL);
    const char *const skip[] = {log, "/does/not/exist", NULL};
    CronosScanOptions options = {.root = root->path, .skip_files = skip};

    make_tree(root, (const char *const[]){"log", "logs/", "logs/log", "logs/log.1", NULL});
    assert_int_equal(symlinkat("log", root->fd, "logs/way"), 0);
    assert_walk(&options, "log logs/ logs/log.1 logs/way@");
}

static void test_root_can_not_be_skipped(void **state)
{
    const Root *root = *state;
    const char *const skip[] = {root->path, NULL};
    CronosScanOptions options = {.root = root->path, .skip_directories = skip};
    g_autoptr(GError) error = NULL;

    assert_null(cronos_scan_open(&options, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
}

static void test_root_that_does_not_open(void **state)
{
    const Root *root = *state;
    g_autofree char *missing = g_build_filename(root->path, "missing", NULL);
    g_autofree char *file = g_build_filename(root->path, "file", NULL);
    g_autofree char *link = g_build_filename(root->path, "link", NULL);
    CronosScanOptions options = {.root = missing};
    g_autoptr(GError) error = NULL;

    assert_null(cronos_scan_open(&options, &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOENT));
    assert_non_null(strstr(error->message, "/missing: No such file"));
    g_clear_error(&error);

    make_file(root, "file", "");
    options.root = file;
    assert_null(cronos_scan_open(&options, &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOTDIR));

    make_tree(root, (const char *const[]){"real/", "real/x", NULL});
    assert_int_equal(symlinkat("real", root->fd, "link"), 0);
    options.root = link;
    assert_walk(&options, "x");
    cronos_scan_free(NULL);
}

static void test_exclude_caches(void **state)
{
    const Root *root = *state;
    CronosScanOptions options = {.root = root->path, .exclude_caches = TRUE};

    make_tree(root, (const char *const[]){"valid/", "valid/x", "valid/y/", "valid/y/z", "longer/",
                                          "other/", "short/", "linked/", "folder/",
                                          "folder/CACHEDIR.TAG/", NULL});
    make_file(root, "CACHEDIR.TAG", CACHE_TAG "\n");
    make_file(root, "valid/CACHEDIR.TAG", CACHE_TAG);
    make_file(root, "longer/CACHEDIR.TAG", CACHE_TAG "\n# made by a test\n");
    make_file(root, "other/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc56\n");
    make_file(root, "short/CACHEDIR.TAG", "Signature: 8a477f");
    assert_int_equal(symlinkat("../valid/CACHEDIR.TAG", root->fd, "linked/CACHEDIR.TAG"), 0);
    assert_walk(&options, "CACHEDIR.TAG folder/ folder/CACHEDIR.TAG/ linked/ linked/CACHEDIR.TAG@ "
                          "other/ other/CACHEDIR.TAG short/ short/CACHEDIR.TAG");

    options.exclude_caches = FALSE;
    g_autoptr(CronosScan) scan = open_scan(&options);
    g_autofree char *walked = walk_on(scan);
    assert_non_null(strstr(walked, "longer/ longer/CACHEDIR.TAG "));
    assert_non_null(strstr(walked, "valid/ valid/CACHEDIR.TAG valid/x valid/y/ valid/y/z"));
}

static void make_socket(const Root *root, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(g_snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", root->path, path) <
                (gint)sizeof address.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void test_what_has_no_content_is_skipped(void **state)
{
    const Root *root = *state;
    const char *const include[] = {"*.txt", "take/", NULL};
    const char *const exclude[] = {"left-out*", NULL};
    g_autoptr(CronosPatterns) includes = cronos_patterns_new(include, NULL);
    g_autoptr(CronosPatterns) excludes = cronos_patterns_new(exclude, NULL);
    CronosScanOptions options = {.root = root->path, .exclude = excludes};

    make_tree(root, (const char *const[]){"a", "take/", "take/b.txt", NULL});
    assert_int_equal(mkfifoat(root->fd, "fifo", 0644), 0);
    assert_int_equal(mkfifoat(root->fd, "take/fifo", 0644), 0);
    assert_int_equal(mkfifoat(root->fd, "left-out", 0644), 0);
    make_socket(root, "socket");

    g_autoptr(CronosScan) scan = open_scan(&options);
    g_autofree char *walked = walk_on(scan);
    assert_string_equal(walked, "a take/ take/b.txt");
    assert_int_equal(cronos_scan_skipped(scan), 3);
    assert_int_equal(cronos_scan_unreadable(scan)->len, 0);

    options.include = includes;
    g_autoptr(CronosScan) narrow = open_scan(&options);
    g_autofree char *narrowly = walk_on(narrow);
    assert_string_equal(narrowly, "take/ take/b.txt");
    assert_int_equal(cronos_scan_skipped(narrow), 1);
}

static const char *unreadable(const CronosScan *scan, guint index)
{
    assert_true(index < cronos_scan_unreadable(scan)->len);
    return cronos_scan_unreadable(scan)->pdata[index];
}

/* root reads everything, so the walk is done as another user where the test is run by root. */
static void test_permission_denied(void **state)
{
    const Root *root = *state;
    uid_t user = geteuid();
    CronosScanOptions options = {.root = root->path};

    make_tree(root, (const char *const[]){"a/", "a/closed\n/", "a/closed\n/x", "a/names-only/",
                                          "a/names-only/f", "b", NULL});
    assert_int_equal(fchmodat(root->fd, "a/closed\n", 0000, 0), 0);
    assert_int_equal(fchmodat(root->fd, "a/names-only", 0444, 0), 0);
    if (user == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    CronosScan *scan = cronos_scan_open(&options, NULL);
    g_autofree char *walked = walk_on(scan);
    assert_int_equal(seteuid(user), 0);

    assert_string_equal(walked, "a/ a/closed\n/ a/names-only/ b");
    assert_int_equal(cronos_scan_unreadable(scan)->len, 2);
    assert_string_equal(unreadable(scan, 0), "a/closed\\012: Permission denied");
    assert_string_equal(unreadable(scan, 1), "a/names-only/f: Permission denied");
    cronos_scan_free(scan);
    assert_int_equal(fchmodat(root->fd, "a/closed\n", 0755, 0), 0);
    assert_int_equal(fchmodat(root->fd, "a/names-only", 0755, 0), 0);
}

static void test_unreadable_skip_directory_is_no_news(void **state)
{
    const Root *root = *state;
    uid_t user = geteuid();
    g_autofree char *backups = g_build_filename(root->path, "backups", NULL);
    const char *const skip[] = {backups, NULL};
    CronosScanOptions options = {.root = root->path, .skip_directories = skip};

    make_tree(root, (const char *const[]){"backups/", "x", NULL});
    assert_int_equal(fchmodat(root->fd, "backups", 0000, 0), 0);
    if (user == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    assert_walk(&options, "x");
    assert_int_equal(seteuid(user), 0);
}

static void test_what_vanishes_is_reported(void **state)
{
    const Root *root = *state;
    CronosScanOptions options = {.root = root->path};

    make_tree(root, (const char *const[]){"a", "file", "folder/", "folder/x", "z", NULL});
    g_autoptr(CronosScan) scan = open_scan(&options);
    assert_string_equal(cronos_scan_next(scan)->path, "a");
    assert_int_equal(unlinkat(root->fd, "file", 0), 0);
    assert_int_equal(unlinkat(root->fd, "folder/x", 0), 0);
    assert_int_equal(unlinkat(root->fd, "folder", AT_REMOVEDIR), 0);

    g_autofree char *rest = walk_on(scan);
    assert_string_equal(rest, "z");
    assert_int_equal(cronos_scan_unreadable(scan)->len, 2);
    assert_string_equal(unreadable(scan, 0), "file: No such file or directory");
    assert_string_equal(unreadable(scan, 1), "folder: No such file or directory");
}

static void test_what_changes_its_kind_leads_nowhere(void **state)
{
    const Root *root = *state;
    CronosScanOptions options = {.root = root->path};

    make_tree(root, (const char *const[]){"a", "file", "folder/", "gone/", "z", NULL});
    g_autoptr(CronosScan) scan = open_scan(&options);
    assert_string_equal(cronos_scan_next(scan)->path, "a");
    assert_int_equal(unlinkat(root->fd, "file", 0), 0);
    assert_int_equal(mkdirat(root->fd, "file", 0755), 0);
    assert_int_equal(unlinkat(root->fd, "folder", AT_REMOVEDIR), 0);
    assert_int_equal(symlinkat("/", root->fd, "folder"), 0);
    assert_int_equal(unlinkat(root->fd, "gone", AT_REMOVEDIR), 0);
    assert_int_equal(mkfifoat(root->fd, "gone", 0644), 0);

    g_autofree char *rest = walk_on(scan);
    assert_string_equal(rest, "z");
    assert_int_equal(cronos_scan_unreadable(scan)->len, 3);
}

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

#define SCAN_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCAN_TEST(test_order),
        SCAN_TEST(test_empty_root),
        SCAN_TEST(test_long_name_and_many_names),
        SCAN_TEST(test_facts),
        SCAN_TEST(test_sparse_file_is_seen_as_such),
        SCAN_TEST(test_symbolic_links_are_not_followed),
        SCAN_TEST(test_include_and_exclude),
        SCAN_TEST(test_skip_directories),
        SCAN_TEST(test_skip_files),
        SCAN_TEST(test_root_can_not_be_skipped),
        SCAN_TEST(test_root_that_does_not_open),
        SCAN_TEST(test_exclude_caches),
        SCAN_TEST(test_what_has_no_content_is_skipped),
        SCAN_TEST(test_permission_denied),
        SCAN_TEST(test_unreadable_skip_directory_is_no_news),
        SCAN_TEST(test_what_vanishes_is_reported),
        SCAN_TEST(test_what_changes_its_kind_leads_nowhere),
        SCAN_TEST(test_path_of_4000_bytes),
        SCAN_TEST(test_path_beyond_path_max),
        SCAN_TEST(test_few_descriptors),
        SCAN_TEST(test_deep_directory_replaced_while_below_it),
        SCAN_TEST(test_late_parents_in_depth),
        SCAN_TEST(test_open_file),
        SCAN_TEST(test_open_file_of_another_user),
        SCAN_TEST(test_open_file_waits_for_a_lease),
        SCAN_TEST(test_readlink),
        cmocka_unit_test(test_info_from_stat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
