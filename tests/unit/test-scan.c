/* SPDX-License-Identifier: MIT
 * test-scan.c - the walk over a project directory */
#include "scan-fixture.h"

#define CACHE_TAG "Signature: 8a477f597d28d172789f06886806bc55"
#define NOBODY 65534

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
