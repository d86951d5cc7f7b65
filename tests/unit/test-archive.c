/* SPDX-License-Identifier: MIT
 * test-archive.c - archives of other tools against the tree they were made from, and reading at any
 * offset from any number of threads */
#include "tests/unit/zip-fixtures.h"

#include "core/archive.h"
#include "core/error.h"

#include <errno.h>

typedef struct {
    char *directory;
    CronosArchive *archive;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = temporary_new();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    cronos_archive_unref(fixture->archive);
    temporary_free(fixture->directory);
    g_free(fixture);
    return 0;
}

static CronosArchive *try_archive(const Fixture *fixture, const char *name, GError **error)
{
    int dirfd = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CronosArchive *archive = cronos_archive_open(dirfd, name, error);

    close(dirfd);
    return archive;
}

static void open_archive(Fixture *fixture, const char *name)
{
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&fixture->archive, cronos_archive_unref);
    fixture->archive = try_archive(fixture, name, &error);
    if (fixture->archive == NULL)
        fail_msg("%s", error->message);
}

#define TREE                                                                                       \
    "import random, os\n"                                                                          \
    "r = random.Random(5)\n"                                                                       \
    "os.makedirs('tree/sub/deep/deeper'); os.makedirs('tree/hollow')\n"                            \
    "def put(name, data, t, mode=0o644):\n"                                                        \
    "    p = os.path.join('tree', name); open(p, 'wb').write(data); os.chmod(p, mode)\n"           \
    "    os.utime(p, (t, t))\n"                                                                    \
    "put('empty', b'', 1500000000); put('script', b'#!/bin/sh\\n', 1600000002, 0o755)\n"           \
    "put('with space', b'x' * 999, 1600000004); put('sub/-dash', b'y', 1600000006, 0o600)\n"       \
    "put('sub/umlaut-\\u00e4', b'z' * 5000, 1600000008)\n"                                         \
    "put('sub/deep/noise', r.randbytes(700000), 1600000010)\n"                                     \
    "put('sub/deep/deeper/text', b'line of text\\n' * 50000, 1600000012)\n"                        \
    "put('large', b''.join(b'%d,' % r.randrange(10**6) for i in range(900000)), 1600000014)\n"     \
    "put('sub/' + 'n' * 250, b'long', 1600000016)\n"                                               \
    "os.symlink('sub/deep/noise', 'tree/link'); os.symlink('nowhere', 'tree/sub/broken')\n"

/* Holds one entry against the file it was made from. @times: as exact as the format stores them. */
static void compare_entry(const Fixture *fixture, guint32 entry, gint64 precision_ns)
{
    g_autofree char *inner = cronos_archive_path(fixture->archive, entry);
    g_autofree char *path = g_build_filename(fixture->directory, "tree", inner, NULL);
    g_autoptr(GError) error = NULL;
    CronosMemberInfo info;
    struct stat st;

    assert_int_equal(cronos_archive_lookup_path(fixture->archive, inner), entry);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(cronos_archive_info(fixture->archive, entry, &info, NULL));
    assert_int_equal(info.mode & S_IFMT, st.st_mode & S_IFMT);
    if (S_ISLNK(st.st_mode)) {
        g_autofree char *target = cronos_archive_readlink(fixture->archive, entry, &error);
        g_autofree char *expected = g_file_read_link(path, NULL);

        assert_string_equal(target, expected);
        assert_int_equal(info.size_bytes, st.st_size);
        return;
    }
    if (!S_ISREG(st.st_mode))
        return;
    gint64 mtime_ns = st.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + st.st_mtim.tv_nsec;
    assert_int_equal(info.size_bytes, st.st_size);
    assert_true(ABS(info.mtime_ns - mtime_ns) < precision_ns);
    if (info.has_mode)
        assert_int_equal(info.mode, st.st_mode);

    g_autofree char *expected = NULL;
    gsize length;
    g_autofree char *got = g_malloc0(info.size_bytes + 1);
    assert_true(g_file_get_contents(path, &expected, &length, NULL));
    gssize n = cronos_archive_read(fixture->archive, entry, 0, got, info.size_bytes + 1, &error);
    if (n < 0)
        fail_msg("%s", error->message);
    assert_int_equal(n, length);
    assert_memory_equal(got, expected, length);
}

static void compare_files(Fixture *fixture, const char *name, gint64 precision_ns, guint64 expected)
{
    guint64 files = 0;

    open_archive(fixture, name);
    for (guint32 entry = 1; entry < cronos_archive_count(fixture->archive); entry++) {
        g_autoptr(GError) error = NULL;

        compare_entry(fixture, entry, precision_ns);
        files += !cronos_archive_is_directory(fixture->archive, entry);
        if (!cronos_archive_check_structure(fixture->archive, entry, FALSE, &error))
            fail_msg("%s", error->message);
        if (cronos_archive_position(fixture->archive, entry) != G_MAXUINT64)
            assert_true(cronos_archive_end_position(fixture->archive, entry) >
                        cronos_archive_position(fixture->archive, entry));
    }
    assert_int_equal(files, expected);
    assert_int_equal(cronos_archive_repairs(fixture->archive, NULL), 0);
}

#define TREE_FILES 11
#define TREE_LINKS 2

static void compare_tree(Fixture *fixture, const char *name, gint64 precision_ns)
{
    compare_files(fixture, name, precision_ns, TREE_FILES);
}

#define SECOND G_GINT64_CONSTANT(1000000000)

static void test_zip(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory, TREE);
    run_shell(fixture->directory, "cd tree && zip -qry ../a.zip .\n"
                                  /* Info-ZIP 3.0 as released can not stream symbolic links. */
                                  "find . ! -type l | zip -q - -@ | cat > ../b.zip\n"
                                  "cat /bin/true ../a.zip > ../c.zip; zip -qryX ../d.zip *");
    compare_tree(fixture, "a.zip", 1);
    compare_files(fixture, "b.zip", 1, TREE_FILES - TREE_LINKS);
    compare_tree(fixture, "c.zip", 1);
    compare_tree(fixture, "d.zip", 2 * SECOND);
    assert_int_not_equal(cronos_archive_lookup_path(fixture->archive, "hollow"), CRONOS_ENTRY_NONE);
}

static void test_7z(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory, TREE);
    run_shell(fixture->directory, "cd tree && 7z a -tzip -snl ../a.zip . >/dev/null\n"
                                  "7z a -tzip -snl -mtc=on -mm=Copy ../b.zip . >/dev/null");
    compare_tree(fixture, "a.zip", 2 * SECOND);
    compare_tree(fixture, "b.zip", 1);
}

static void test_bsdtar(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory, TREE);
    run_shell(fixture->directory, "bsdtar --format zip -cf a.zip -C tree .\n"
                                  "bsdtar --format zip -cf - -C tree . | cat > b.zip");
    compare_tree(fixture, "a.zip", 1);
    compare_tree(fixture, "b.zip", 1);
}

static void test_python(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory, TREE "z = zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED)\n"
                                        "for d, subs, names in os.walk('tree'):\n"
                                        "    for n in names + subs:\n"
                                        "        p = os.path.join(d, n); arc = p[5:]\n"
                                        "        if os.path.islink(p):\n"
                                        "            i = zipfile.ZipInfo(arc); i.create_system = "
                                        "3; i.external_attr = 0o120777 << 16\n"
                                        "            z.writestr(i, os.readlink(p))\n"
                                        "        elif n in names: z.write(p, arc)\n"
                                        "z.close()");
    compare_tree(fixture, "a.zip", 2 * SECOND);
    /* No member for folders: all are implied, and as old as the archive. */
    guint64 device, inode, size;
    gint64 mtime_ns;
    CronosMemberInfo info;
    cronos_archive_file_identity(fixture->archive, &device, &inode, &size, &mtime_ns);
    guint32 sub = cronos_archive_lookup_path(fixture->archive, "./sub//deep/");
    assert_true(cronos_archive_info(fixture->archive, sub, &info, NULL));
    assert_true(info.implied);
    assert_int_equal(info.mtime_ns, mtime_ns);
    assert_int_equal(cronos_archive_position(fixture->archive, sub), G_MAXUINT64);
    assert_int_equal(cronos_archive_end_position(fixture->archive, sub), 0);
    assert_true(cronos_archive_check_structure(fixture->archive, sub, FALSE, NULL));
    assert_int_equal(cronos_archive_lookup_path(fixture->archive, "large/"), CRONOS_ENTRY_NONE);
    assert_int_equal(cronos_archive_lookup_path(fixture->archive, "sub/../large"),
                     CRONOS_ENTRY_NONE);
    assert_int_equal(cronos_archive_lookup_path(fixture->archive, "."), CRONOS_ENTRY_ROOT);
    assert_int_equal(cronos_archive_lookup_path(fixture->archive, ""), CRONOS_ENTRY_ROOT);
}

static void test_names_of_archives(void **state)
{
    static const char *const yes[] = {"a.zip",   "a.b.ZIP", "x.jar", "book.Epub",
                                      "app.apk", "w.whl",   "a.tar"};
    static const char *const no[] = {".zip", "zip", "azip", "setup.exe", "a.zip.tmp", "a.gz", ""};
    gsize stem = 0;

    for (guint i = 0; i < G_N_ELEMENTS(yes); i++) {
        assert_true(cronos_archive_is_archive_name(yes[i], &stem));
        assert_int_equal(stem, strrchr(yes[i], '.') - yes[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(no); i++)
        assert_false(cronos_archive_is_archive_name(no[i], NULL));
}

static void expect_message(GError **error, GQuark domain, int code, const char *message)
{
    assert_non_null(*error);
    assert_string_equal((*error)->message, message);
    assert_true(g_error_matches(*error, domain, code));
    g_clear_error(error);
}

static void test_errors_name_archive_and_member(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    char buffer[100];

    run_python(
        fixture->directory,
        "craft('a.zip', [f(b'dir/bad\\nfile', b'data' * 20, crc=5), f(b'dir/locked', b'data', "
        "flags=1),\n"
        "  f(b'link', b'a\\0b', attributes=0o120777 << 16), f(b'void', b'', attributes=0o120777 << "
        "16),\n"
        "  f(b'endless', b'x' * 4097, attributes=0o120777 << 16), f(b'limit', b'x' * 4096)])\n"
        "open('text.zip', 'wb').write(b'plain'); os.mkfifo('fifo.zip'); os.mkdir('folder.zip')");
    open_archive(fixture, "a.zip");
    CronosArchive *a = fixture->archive;
    assert_int_equal(cronos_archive_read(a, cronos_archive_lookup_path(a, "dir/bad\nfile"), 0,
                                         buffer, sizeof buffer, &error),
                     -1);
    expect_message(&error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                   "a.zip: dir/bad\\012file: checksum mismatch");
    assert_int_equal(cronos_archive_read(a, cronos_archive_lookup_path(a, "dir/locked"), 0, buffer,
                                         sizeof buffer, &error),
                     -1);
    expect_message(&error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                   "a.zip: dir/locked: is encrypted, and no passphrase is configured "
                   "(archive.passphrase_file)");
    assert_int_equal(cronos_archive_read(a, cronos_archive_lookup_path(a, "dir"), 0, buffer,
                                         sizeof buffer, &error),
                     -1);
    expect_message(&error, CRONOS_SYSTEM_ERROR, EISDIR, "a.zip: dir: Is a directory");
    assert_null(cronos_archive_stream_open(a, cronos_archive_lookup_path(a, "dir"), &error));
    expect_message(&error, CRONOS_SYSTEM_ERROR, EISDIR, "a.zip: dir: Is a directory");
    assert_null(cronos_archive_readlink(a, cronos_archive_lookup_path(a, "link"), &error));
    expect_message(&error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                   "a.zip: link: the target of the symbolic link is no path");
    assert_null(cronos_archive_readlink(a, cronos_archive_lookup_path(a, "void"), &error));
    expect_message(&error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                   "a.zip: void: the target of the symbolic link is empty");
    assert_null(cronos_archive_readlink(a, cronos_archive_lookup_path(a, "endless"), &error));
    expect_message(&error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                   "a.zip: endless: the target of the symbolic link is too long");
    g_autofree char *limit =
        cronos_archive_readlink(a, cronos_archive_lookup_path(a, "limit"), &error);
    assert_int_equal(strlen(limit), 4096);

    assert_null(try_archive(fixture, "text.zip", &error));
    expect_message(&error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "text.zip: not a ZIP archive");
    assert_null(try_archive(fixture, "fifo.zip", &error));
    expect_message(&error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED, "fifo.zip: not a regular file");
    assert_null(try_archive(fixture, "folder.zip", &error));
    expect_message(&error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                   "folder.zip: not a regular file");
    assert_null(try_archive(fixture, "no\tne.zip", &error));
    expect_message(&error, CRONOS_SYSTEM_ERROR, ENOENT, "no\\011ne.zip: No such file or directory");
}

/* Partial reads of a damaged member: a small one gives nothing, a large one all but its end. */
static void test_partial_reads_of_damage(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *buffer = g_malloc(200000);
    guint64 offset = 0;
    gssize n;

    run_python(
        fixture->directory,
        "craft('a.zip', [f(b'small', b'ab' * 9999, method=8, crc=5),"
        " f(b'stored', b'ab' * 9999, crc=5), f(b'large', b'ab' * 999999, method=8, crc=5)])");
    open_archive(fixture, "a.zip");
    CronosArchive *a = fixture->archive;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            cronos_archive_read(a, cronos_archive_lookup_path(a, "small"), 10, buffer, 10, NULL),
            -1);
        assert_int_equal(
            cronos_archive_read(a, cronos_archive_lookup_path(a, "stored"), 10, buffer, 10, NULL),
            -1);
    }
    guint32 large = cronos_archive_lookup_path(a, "large");
    while ((n = cronos_archive_read(a, large, offset, buffer, 200000, &error)) > 0)
        offset += (guint64)n;
    assert_int_equal(n, -1);
    assert_int_equal(offset, 1999998 / 200000 * 200000);
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));

    g_autoptr(CronosArchiveStream) stream = cronos_archive_stream_open(a, large, NULL);
    g_clear_error(&error);
    while ((n = cronos_archive_stream_read(stream, buffer, 200000, &error)) > 0)
        continue;
    assert_int_equal(n, -1);
    expect_message(&error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "a.zip: large: checksum mismatch");
}

#define MIXED                                                                                      \
    "import random\n"                                                                              \
    "r = random.Random(11)\n"                                                                      \
    "text = lambda n: b''.join(b'%d %x\\n' % (i, r.randrange(2**20)) for i in range(n))\n"         \
    "data = {'none': b'', 'tiny': b'q', 'small': text(9000), 'edge': bytes(2**20), 'over': "       \
    "bytes(2**20 + 1),\n"                                                                          \
    "  'large': text(180000), 'noise': r.randbytes(1300000)}\n"                                    \
    "for k in data: open(k, 'wb').write(data[k])\n"                                                \
    "craft('a.zip', [f(k.encode(), data[k], method=8) for k in data] +\n"                          \
    "  [f(b's-' + k.encode(), data[k]) for k in data])\n"

typedef struct {
    CronosArchive *archive;
    guint32 entries[14];
    GBytes *expected[14];
    gint failures; /* atomic */
} Readers;

static void check_read(Readers *readers, guint which, guint64 offset, gsize size)
{
    g_autofree guint8 *buffer = g_malloc(size + 1);
    gsize length;
    const guint8 *expected = g_bytes_get_data(readers->expected[which], &length);
    gssize wanted = offset < length ? (gssize)MIN(size, length - offset) : 0;

    gssize n =
        cronos_archive_read(readers->archive, readers->entries[which], offset, buffer, size, NULL);
    if (n != wanted || (n > 0 && memcmp(buffer, expected + offset, (gsize)n) != 0))
        g_atomic_int_inc(&readers->failures);
}

static gpointer random_reader(gpointer data)
{
    Readers *readers = data;

    for (int i = 0; i < 40; i++) {
        guint which = (guint)g_random_int_range(0, 14);
        gsize length = g_bytes_get_size(readers->expected[which]);

        check_read(readers, which, (guint64)g_random_int_range(0, (gint)length + 2),
                   (gsize)g_random_int_range(0, i % 10 == 0 ? 2000000 : 140000));
    }
    return NULL;
}

/* What a kernel's read-ahead looks like: in order, but for neighbours that overtake each other. */
static gpointer sequential_reader(gpointer data)
{
    Readers *readers = data;

    for (guint which = 0; which < 14; which++) {
        gsize length = g_bytes_get_size(readers->expected[which]);

        for (guint64 offset = 0; offset < length; offset += 131072) {
            guint64 swapped = offset ^ 131072;

            check_read(readers, which, swapped, 131072);
        }
    }
    return NULL;
}

static void open_readers(Fixture *fixture, Readers *readers)
{
    static const char *const names[] = {"none", "tiny", "small", "edge", "over", "large", "noise"};

    memset(readers, 0, sizeof *readers);
    run_python(fixture->directory, MIXED);
    open_archive(fixture, "a.zip");
    readers->archive = fixture->archive;
    for (guint i = 0; i < 14; i++) {
        g_autofree char *path = g_build_filename(fixture->directory, names[i % 7], NULL);
        g_autofree char *member = g_strconcat(i < 7 ? "" : "s-", names[i % 7], NULL);
        char *bytes;
        gsize length;

        assert_true(g_file_get_contents(path, &bytes, &length, NULL));
        readers->expected[i] = g_bytes_new_take(bytes, length);
        readers->entries[i] = cronos_archive_lookup_path(fixture->archive, member);
        assert_int_not_equal(readers->entries[i], CRONOS_ENTRY_NONE);
    }
}

static void close_readers(Readers *readers)
{
    for (guint i = 0; i < 14; i++)
        g_bytes_unref(readers->expected[i]);
}

static void run_readers(Fixture *fixture, gsize cache_bytes)
{
    Readers readers;
    GThread *threads[5];

    open_readers(fixture, &readers);
    cronos_archive_set_cache_limit(cache_bytes);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("reader", i % 2 ? random_reader : sequential_reader, &readers);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    assert_int_equal(readers.failures, 0);
    close_readers(&readers);
}

static void test_parallel_readers(void **state)
{
    run_readers(*state, 64u << 20);
}

static void test_parallel_readers_without_cache(void **state)
{
    run_readers(*state, 0);
    cronos_archive_set_cache_limit(64u << 20);
}

static void test_streams_deliver_everything(void **state)
{
    Readers readers;
    g_autofree guint8 *buffer = g_malloc(100000);

    open_readers(*state, &readers);
    for (guint i = 0; i < 14; i++) {
        g_autoptr(CronosArchiveStream) stream =
            cronos_archive_stream_open(readers.archive, readers.entries[i], NULL);
        g_autoptr(GByteArray) all = g_byte_array_new();
        gsize length;
        const guint8 *expected = g_bytes_get_data(readers.expected[i], &length);
        gssize n;

        assert_non_null(stream);
        while ((n = cronos_archive_stream_read(stream, buffer, 100000, NULL)) > 0)
            g_byte_array_append(all, buffer, (guint)n);
        assert_int_equal(n, 0);
        assert_int_equal(all->len, length);
        if (length > 0)
            assert_memory_equal(all->data, expected, length);
    }
    close_readers(&readers);
}

/* An open archive goes on after its file has lost its name, and two archives do not mix. */
static void test_two_archives_of_one_name(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = g_build_filename(fixture->directory, "a.zip", NULL);
    char first[4] = "", second[4] = "";

    run_python(fixture->directory, "craft('a.zip', [f(b'x', b'one' * 9, method=8)])");
    open_archive(fixture, "a.zip");
    assert_int_equal(cronos_archive_read(fixture->archive, 1, 0, first, 3, NULL), 3);
    assert_int_equal(unlink(path), 0);
    run_python(fixture->directory, "craft('a.zip', [f(b'x', b'two' * 9, method=8)])");
    g_autoptr(CronosArchive) other = try_archive(fixture, "a.zip", NULL);
    assert_int_equal(cronos_archive_read(other, 1, 0, second, 3, NULL), 3);
    assert_int_equal(cronos_archive_read(fixture->archive, 1, 0, first, 3, NULL), 3);
    assert_string_equal(first, "one");
    assert_string_equal(second, "two");

    g_autoptr(CronosArchive) again = cronos_archive_ref(other);
    assert_ptr_equal(again, other);
}

/* What is cut off under an open archive is an error for who reads it, never the end of the process.
 */
static void test_file_shrinks_while_open(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = g_build_filename(fixture->directory, "a.zip", NULL);
    char buffer[10];

    run_python(fixture->directory, MIXED);
    open_archive(fixture, "a.zip");
    CronosArchive *a = fixture->archive;
    guint32 stored = cronos_archive_lookup_path(a, "s-large"),
            large = cronos_archive_lookup_path(a, "large");
    assert_int_equal(cronos_archive_read(a, large, 1000000, buffer, 10, NULL), 10);
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(cronos_archive_read(a, stored, 1500000, buffer, 10, NULL), -1);
    assert_int_equal(cronos_archive_read(a, large, 2000000, buffer, 10, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, since cmocka sets handlers of its own before each test, and the library's must be
         * installed over them. */
        cmocka_unit_test_setup_teardown(test_file_shrinks_while_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_7z, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bsdtar, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_python, set_up, tear_down),
        cmocka_unit_test(test_names_of_archives),
        cmocka_unit_test_setup_teardown(test_errors_name_archive_and_member, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_partial_reads_of_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parallel_readers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parallel_readers_without_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_streams_deliver_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_archives_of_one_name, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
