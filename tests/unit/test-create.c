/* SPDX-License-Identifier: MIT
 * test-create.c - backups of small trees, taken apart by unzip and Python */
#include "create-fixture.h"

#include "core/zip/zip-format.h"

static void make_tree(Fixture *fixture)
{
    g_autofree char *link = g_build_filename(fixture->root, "link", NULL);
    g_autofree char *pipe = g_build_filename(fixture->root, "pipe", NULL);

    make_folder(fixture, "empty");
    make_folder(fixture, "folder/node_modules");
    temporary_write(fixture->root, "a.txt", "hello\n");
    temporary_write(fixture->root, "nothing", "");
    temporary_write(fixture->root, "folder/node_modules/left.out", "x");
    temporary_write(fixture->root, "folder/-dash and\nnewline", "x");
    write_lines(fixture, "folder/middle", 20000);
    write_lines(fixture, "folder/large", 200000);
    write_noise(fixture, "noise.small", 100000);
    write_noise(fixture, "noise.large", 1500000);
    assert_int_equal(symlink("a.txt", link), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
}

static guint files_in_backup_directory(Fixture *fixture)
{
    g_autoptr(GDir) directory =
        g_dir_open(cronos_config_backup_directory(fixture->config), 0, NULL);
    guint count = 0;

    while (directory != NULL && g_dir_read_name(directory) != NULL)
        count++;
    return count;
}

static void test_a_tree_of_every_kind(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "My Name", .level = -1, .type = "auto"};

    make_tree(fixture);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_int_equal(result->files, 7);
    assert_int_equal(result->directories, 2);
    assert_int_equal(result->symlinks, 1);
    assert_int_equal(result->skipped, 1);
    assert_int_equal(result->unreadable->len, 0);
    assert_true(g_str_has_prefix(result->file_name, "egos_backup_auto_my_name_"));
    assert_tools_accept(result->path);
    g_autofree char *names =
        python(result->path, "import sys,zipfile\n"
                             "z=zipfile.ZipFile(sys.argv[1])\n"
                             "print([(i.filename,i.compress_type) for i in z.infolist()])\n");
    assert_true(result->archive_bytes < result->bytes / 4 * 3);
    assert_string_equal(
        names, "[('backup_metadata.json', 0), ('a.txt', 0), ('empty/', 0), ('folder/', 0), "
               "('folder/-dash and\\nnewline', 0), ('folder/large', 8), ('folder/middle', 8), "
               "('link', 0), ('noise.large', 0), ('noise.small', 0), ('nothing', 0)]\n");
    struct stat status;
    assert_int_equal(stat(result->path, &status), 0);
    assert_int_equal(status.st_size, result->archive_bytes);
}

static void test_extracted_it_is_the_tree(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1, .no_default_excludes = TRUE};
    g_autofree char *out = g_build_filename(fixture->directory, "out", NULL);
    g_autofree char *pipe = g_build_filename(fixture->root, "pipe", NULL);
    g_autofree char *metadata = g_build_filename(out, CRONOS_METADATA_MEMBER, NULL);

    make_tree(fixture);
    assert_int_equal(g_unlink(pipe), 0);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_int_equal(g_mkdir(out, 0755), 0);
    g_free(run((const char *[]){"bsdtar", "-xf", result->path, "-C", out, NULL}));
    assert_int_equal(g_unlink(metadata), 0);
    g_autofree char *differences =
        run((const char *[]){"diff", "-r", "--no-dereference", out, fixture->root, NULL});
    assert_string_equal(differences, "");
}

static void test_large_members_are_seekable(void **state)
{
    Fixture *fixture = *state;

    make_tree(fixture);
    for (int level = 1; level <= 10; level += 3) {
        CronosCreateOptions options = {.name = "x", .level = level};
        g_autoptr(CronosCreateResult) result = backup(fixture, &options);
        g_autofree char *count = python(result->path, SOZIP_CHECKER);

        assert_string_equal(count, "1\n");
    }
}

static void test_level_zero_stores(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = 0};

    make_tree(fixture);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_tools_accept(result->path);
    assert_true(result->archive_bytes > result->bytes);
}

static void test_threads_do_not_show_in_the_bytes(void **state)
{
    static const guint threads[] = {1, 2, 8};
    Fixture *fixture = *state;
    g_autofree char *first = NULL;
    gsize first_size = 0;

    make_tree(fixture);
    g_setenv("SOURCE_DATE_EPOCH", "1700000000", TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        CronosCreateOptions options = {.name = "x", .level = -1, .threads = threads[i]};
        g_autoptr(CronosCreateResult) result = backup(fixture, &options);
        g_autofree char *bytes = NULL;
        gsize size = 0;

        assert_string_equal(result->file_name, "egos_backup_manual_x_20231114_231320.zip");
        assert_true(g_file_get_contents(result->path, &bytes, &size, NULL));
        assert_int_equal(g_unlink(result->path), 0);
        if (first == NULL) {
            first = g_steal_pointer(&bytes);
            first_size = size;
            continue;
        }
        assert_int_equal(size, first_size);
        assert_memory_equal(bytes, first, size);
    }
    g_unsetenv("SOURCE_DATE_EPOCH");
}

static void test_holes_cost_nothing(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};
    g_autofree char *path = g_build_filename(fixture->root, "sparse", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)1 << 30), 0);
    assert_int_equal(pwrite(fd, "middle", 6, ((off_t)1 << 29) + 12345), 6);
    close(fd);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_int_equal(result->bytes, 1 << 30);
    assert_true(result->archive_bytes < 2000000);
    g_free(run((const char *[]){"unzip", "-tqq", result->path, NULL}));
    g_autofree char *seen = python(result->path, "import sys,zipfile\n"
                                                 "f=zipfile.ZipFile(sys.argv[1]).open('sparse')\n"
                                                 "f.read((1<<29)+12345); print(f.read(8))\n");
    assert_string_equal(seen, "b'middle\\x00\\x00'\n");
}

static void test_metadata_is_member_and_comment(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(JsonObject) user = json_object_new();
    CronosCreateOptions options = {.name = "x", .level = -1, .metadata = user};

    json_object_set_string_member(user, "ticket", "A-17");
    temporary_write(fixture->root, "a.txt", "hello\n");
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    g_autofree char *seen = python(
        result->path, "import sys,zipfile,json\n"
                      "z=zipfile.ZipFile(sys.argv[1])\n"
                      "m=json.loads(z.read('backup_metadata.json')); c=json.loads(z.comment)\n"
                      "assert len(c['cronos'].pop('seal'))==8\n"
                      "assert m==c and z.namelist()[0]=='backup_metadata.json'\n"
                      "print(m['ticket'],m['backup_type'],m['cronos']['files'],"
                      "m['cronos']['bytes'],m['cronos']['member'])\n");
    assert_string_equal(seen, "A-17 manual 1 6 True\n");
}

static void test_the_users_own_metadata_file_stays(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};

    temporary_write(fixture->root, CRONOS_METADATA_MEMBER, "mine\n");
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_int_equal(result->unreadable->len, 0);
    g_autofree char *seen =
        python(result->path, "import sys,zipfile,json\n"
                             "z=zipfile.ZipFile(sys.argv[1])\n"
                             "print(z.namelist(),z.read('backup_metadata.json'),"
                             "json.loads(z.comment)['cronos']['member'])\n");
    assert_string_equal(seen, "['backup_metadata.json'] b'mine\\n' False\n");
}

static void test_metadata_too_large_is_refused(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(JsonObject) user = json_object_new();
    g_autofree char *text = g_strnfill(70000, 'x');
    CronosCreateOptions options = {.name = "x", .level = -1, .metadata = user};
    g_autoptr(GError) error = NULL;

    json_object_set_string_member(user, "long", text);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    g_autofree char *seen = python(
        result->path, "import sys,zipfile,json\n"
                      "z=zipfile.ZipFile(sys.argv[1])\n"
                      "print(len(json.loads(z.read('backup_metadata.json'))['long']),z.comment)\n");
    assert_string_equal(seen, "70000 b''\n");

    temporary_write(fixture->root, CRONOS_METADATA_MEMBER, "mine\n");
    assert_null(cronos_create(fixture->config, &options, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    assert_int_equal(files_in_backup_directory(fixture), 1);
}

static void test_patterns_in_force(void **state)
{
    static const char *const include[] = {"*.c", NULL};
    static const char *const exclude[] = {"skip*", NULL};
    Fixture *fixture = *state;
    CronosCreateOptions options = {
        .name = "x", .level = -1, .include = include, .exclude = exclude};

    make_folder(fixture, "d/node_modules");
    temporary_write(fixture->root, "d/a.c", "x");
    temporary_write(fixture->root, "d/a.h", "x");
    temporary_write(fixture->root, "d/skip.c", "x");
    temporary_write(fixture->root, "d/node_modules/b.c", "x");
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    g_autofree char *seen = python(
        result->path, "import sys,zipfile,json\n"
                      "z=zipfile.ZipFile(sys.argv[1]); c=json.loads(z.comment)['cronos']\n"
                      "print(z.namelist()[1:],c['include_patterns'],c['exclude_patterns'][-1])\n");
    assert_string_equal(seen, "['d/', 'd/a.c'] ['*.c'] skip*\n");
}

static void test_a_dry_run_writes_nothing(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1, .dry_run = TRUE};

    make_tree(fixture);
    g_autoptr(CronosCreateResult) result = backup(fixture, &options);
    assert_null(result->path);
    assert_non_null(result->file_name);
    assert_int_equal(result->files, 7);
    assert_int_equal(result->skipped, 1);
    assert_false(g_file_test(cronos_config_backup_directory(fixture->config), G_FILE_TEST_EXISTS));
}

static void cancel_at_first_member(const CronosProgressState *progress, gpointer cancellable)
{
    if (progress->members_done > 0)
        g_cancellable_cancel(cancellable);
}

static void test_cancelling_leaves_nothing(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    CronosProgress progress = {cancel_at_first_member, cancellable, cancellable};
    g_autoptr(GError) error = NULL;

    make_tree(fixture);
    assert_null(cronos_create(fixture->config, &options, &progress, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
    assert_int_equal(files_in_backup_directory(fixture), 0);
}

static void remember_progress(const CronosProgressState *progress, gpointer last)
{
    CronosProgressState *state = last;

    assert_true(progress->bytes_done >= state->bytes_done);
    *state = *progress;
}

static void test_progress_reaches_its_end(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};
    CronosProgressState last = {0};
    CronosProgress progress = {remember_progress, &last, NULL};

    make_tree(fixture);
    g_autoptr(CronosCreateResult) result =
        cronos_create(fixture->config, &options, &progress, NULL);
    assert_non_null(result);
    assert_int_equal(last.members_done, 10);
    assert_int_equal(last.bytes_done, result->bytes);
}

static void test_wrong_options_are_refused(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(JsonObject) reserved = json_object_new();
    CronosCreateOptions bad[] = {
        {.name = "", .level = -1},
        {.name = "x", .level = 13},
        {.name = "x", .type = "No Type", .level = -1},
        {.name = "x", .level = -1, .metadata = reserved},
    };

    json_object_set_int_member(reserved, "created_at", 1);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(cronos_create(fixture->config, &bad[i], NULL, &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    }
    assert_false(g_file_test(cronos_config_backup_directory(fixture->config), G_FILE_TEST_EXISTS));
}

/* Once, files that have contents and no size, as those of /proc, were stored empty. */
static void test_files_without_a_size_are_read(void **state)
{
    static const char kernel[] = "/proc/sys/fs/inotify";
    CronosCreateOptions options = {.name = "x", .level = -1, .root = kernel};
    g_autofree char *there = NULL;

    assert_true(g_file_get_contents("/proc/sys/fs/inotify/max_user_watches", &there, NULL, NULL));
    g_autoptr(CronosCreateResult) result = backup(*state, &options);
    assert_int_equal(result->unreadable->len, 0);
    assert_true(result->files >= 3 && result->bytes >= 2 * result->files);
    g_autofree char *stored =
        run((const char *[]){"unzip", "-p", result->path, "max_user_watches", NULL});
    assert_string_equal(stored, there);
}

/* Makes folders "d", each in the one before, and a file "f" in the innermost. */
static void make_nested(Fixture *fixture, guint depth)
{
    int fd = open(fixture->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (guint i = 0; i < depth; i++) {
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        int inner = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(inner >= 0);
        close(fd);
        fd = inner;
    }
    int file = openat(fd, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    close(file);
    close(fd);
}

/* nftw does not reach that deep. */
static void remove_nested(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->root, "d", NULL);

    g_free(run((const char *[]){"rm", "-r", path, NULL}));
}

/* Once, what lay deeper than archives are read was stored without a word, and could be found in no
 * backup afterwards. */
static void test_what_is_too_deep_for_readers_is_named(void **state)
{
    Fixture *fixture = *state;
    CronosCreateOptions options = {.name = "x", .level = -1};

    make_nested(fixture, 2048);
    g_autoptr(CronosCreateResult) deepest = backup(fixture, &options);
    assert_int_equal(deepest->unreadable->len, 0);
    g_autoptr(CronosArchive) archive = cronos_archive_open(AT_FDCWD, deepest->path, NULL);
    assert_int_equal(cronos_archive_count(archive), 1 + 1 + 2048 + 1);
    remove_nested(fixture);

    make_nested(fixture, 2049);
    g_autoptr(CronosCreateResult) deeper = backup(fixture, &options);
    assert_int_equal(deeper->unreadable->len, 2);
    for (guint i = 0; i < 2; i++)
        assert_non_null(strstr(deeper->unreadable->pdata[i], ": nested too deeply"));
    assert_int_equal(deeper->directories, 2048);
    remove_nested(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TREE(test_a_tree_of_every_kind),
        WITH_TREE(test_extracted_it_is_the_tree),
        WITH_TREE(test_large_members_are_seekable),
        WITH_TREE(test_level_zero_stores),
        WITH_TREE(test_threads_do_not_show_in_the_bytes),
        WITH_TREE(test_holes_cost_nothing),
        WITH_TREE(test_metadata_is_member_and_comment),
        WITH_TREE(test_the_users_own_metadata_file_stays),
        WITH_TREE(test_metadata_too_large_is_refused),
        WITH_TREE(test_patterns_in_force),
        WITH_TREE(test_a_dry_run_writes_nothing),
        WITH_TREE(test_cancelling_leaves_nothing),
        WITH_TREE(test_progress_reaches_its_end),
        WITH_TREE(test_wrong_options_are_refused),
        WITH_TREE(test_files_without_a_size_are_read),
        WITH_TREE(test_what_is_too_deep_for_readers_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
