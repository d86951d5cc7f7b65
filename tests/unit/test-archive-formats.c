/* SPDX-License-Identifier: MIT
 * test-archive-formats.c - tar, cpio, 7z and ISO 9660, and ZIP members of uncommon methods, against
 * the tree they were made from: whole, at random from several threads, and damaged */
#include "tests/unit/zip-fixtures.h"

#include "core/archive.h"
#include "core/error.h"
#include "core/passphrase.h"

#include <errno.h>

#define SECOND G_GINT64_CONSTANT(1000000000)

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
    cronos_passphrase_set_source(NULL, NULL);
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

static CronosArchive *open_archive(Fixture *fixture, const char *name)
{
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&fixture->archive, cronos_archive_unref);
    fixture->archive = try_archive(fixture, name, &error);
    if (fixture->archive == NULL)
        fail_msg("%s", error->message);
    return fixture->archive;
}

#define TREE                                                                                       \
    "import random, os\n"                                                                          \
    "r = random.Random(7)\n"                                                                       \
    "os.makedirs('tree/sub/deep'); os.makedirs('tree/hollow')\n"                                   \
    "def put(name, data, t, mode=0o644):\n"                                                        \
    "    p = os.path.join('tree', name); open(p, 'wb').write(data); os.chmod(p, mode)\n"           \
    "    os.utime(p, (t, t))\n"                                                                    \
    "put('empty', b'', 1500000000); put('script', b'#!/bin/sh\\n', 1600000002, 0o755)\n"           \
    "put('with space', b'x' * 999, 1600000004); put('sub/-dash', b'y', 1600000006, 0o600)\n"       \
    "put('sub/umlaut-\\u00e4', b'z' * 5000, 1600000008)\n"                                         \
    "put('sub/deep/noise', r.randbytes(700000), 1600000010)\n"                                     \
    "put('edge', r.randbytes(2**20), 1600000011)\n"                                                \
    "put('over', r.randbytes(2**20 + 1), 1600000012)\n"                                            \
    "put('large', b''.join(b'%d,' % r.randrange(10**6) for i in range(330000)), 1600000014)\n"     \
    "put('sub/' + 'n' * 200, b'long', 1600000016)\n"                                               \
    "for i in range(40): put('sub/deep/%02d' % i, b'%d ' % i * i * 50, 1600000018)\n"              \
    "os.symlink('sub/deep/noise', 'tree/link'); os.symlink('nowhere', 'tree/sub/broken')\n"
#define FILES 52

/* Name, how it is made of ./tree, and whether order matters in it. */
static const struct {
    const char *name, *script;
    gboolean sequential;
} formats[] = {
    {"a.tar", "bsdtar -C tree -cf a.tar .", FALSE},
    {"gnu.tar", "tar -C tree -cf gnu.tar --format=gnu .", FALSE},
    {"pax.tar", "tar -C tree -cf pax.tar --format=pax .", FALSE},
    {"a.tar.gz", "bsdtar -C tree -czf a.tar.gz .", TRUE},
    {"a.TGZ", "tar -C tree -czf a.TGZ .", TRUE},
    {"a.tar.bz2", "bsdtar -C tree -cjf a.tar.bz2 .", TRUE},
    {"a.tbz2", "tar -C tree -cjf a.tbz2 .", TRUE},
    {"a.tar.xz", "bsdtar -C tree -cJf a.tar.xz .", TRUE},
    {"a.txz", "bsdtar -C tree -cf - . | xz -T2 --block-size=300000 >a.txz", TRUE},
    {"a.tar.zst", "bsdtar -C tree -c --zstd -f a.tar.zst .", TRUE},
    {"a.tzst", "bsdtar -C tree -cf - . | split -b 900000 --filter 'zstd -q' >a.tzst", TRUE},
    {"misnamed.tar.gz", "bsdtar -C tree -cf misnamed.tar.gz .", FALSE},
    {"newc.cpio", "bsdtar -C tree -c --format newc -f newc.cpio .", TRUE},
    {"odc.cpio", "bsdtar -C tree -c --format odc -f odc.cpio .", TRUE},
    {"solid.7z", "cd tree && 7z a -snl -bso0 -bsp0 ../solid.7z .", TRUE},
    {"loose.7z", "cd tree && 7z a -ms=off -m0=Deflate -snl -bso0 -bsp0 ../loose.7z .", TRUE},
    {"a.iso", "bsdtar -C tree -c --format iso9660 --options rockridge=strict -f a.iso .", TRUE},
};

/* Packing takes longer than reading: it is done once, and tests get copies. */
static char *packed;

static int pack(void **state)
{
    packed = temporary_new();
    run_python(packed, TREE);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
        run_shell(packed, formats[i].script);
    return 0;
}

static int unpack(void **state)
{
    temporary_free(packed);
    return 0;
}

static void make_formats(const Fixture *fixture)
{
    g_autofree char *from = g_strconcat(packed, "/.", NULL);

    run_tool(fixture->directory, (const char *const[]){"cp", "-a", from, ".", NULL});
}

static GBytes *source_bytes(const Fixture *fixture, const char *inner)
{
    g_autofree char *path = g_build_filename(fixture->directory, "tree", inner, NULL);
    char *bytes;
    gsize length;

    if (!g_file_get_contents(path, &bytes, &length, NULL))
        fail_msg("can not read %s", path);
    return g_bytes_new_take(bytes, length);
}

static void compare_bytes(CronosArchive *archive, guint32 entry, GBytes *expected)
{
    gsize length;
    const void *wanted = g_bytes_get_data(expected, &length);
    g_autofree char *got = g_malloc0(length + 1);
    g_autoptr(GError) error = NULL;
    gssize n = cronos_archive_read(archive, entry, 0, got, length + 1, &error);

    if (n < 0)
        fail_msg("%s", error->message);
    assert_int_equal(n, length);
    if (length > 0)
        assert_memory_equal(got, wanted, length);
}

static void compare_entry(const Fixture *fixture, guint32 entry)
{
    g_autofree char *inner = cronos_archive_path(fixture->archive, entry);
    g_autofree char *path = g_build_filename(fixture->directory, "tree", inner, NULL);
    g_autoptr(GError) error = NULL;
    CronosMemberInfo info;
    struct stat st;

    assert_int_equal(cronos_archive_lookup_path(fixture->archive, inner), entry);
    if (lstat(path, &st) != 0)
        fail_msg("%s is no file of the source", inner);
    if (!cronos_archive_info(fixture->archive, entry, &info, &error))
        fail_msg("%s", error->message);
    assert_int_equal(info.mode & S_IFMT, st.st_mode & S_IFMT);
    assert_false(info.implied);
    if (info.has_owner)
        assert_int_equal(info.uid, st.st_uid);
    if (S_ISLNK(st.st_mode)) {
        g_autofree char *target = cronos_archive_readlink(fixture->archive, entry, &error);
        g_autofree char *expected = g_file_read_link(path, NULL);

        assert_non_null(target);
        assert_string_equal(target, expected);
        assert_int_equal(info.size_bytes, st.st_size);
    } else if (S_ISREG(st.st_mode)) {
        g_autoptr(GBytes) expected = source_bytes(fixture, inner);

        assert_int_equal(info.size_bytes, st.st_size);
        assert_int_equal(info.mode, st.st_mode);
        assert_int_equal(info.mtime_ns / SECOND, st.st_mtim.tv_sec);
        compare_bytes(fixture->archive, entry, expected);
    }
}

static void compare_tree(Fixture *fixture, const char *name)
{
    CronosArchive *archive = open_archive(fixture, name);
    const GPtrArray *notes = NULL;
    guint files = 0;

    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        compare_entry(fixture, entry);
        files += !cronos_archive_is_directory(archive, entry);
        assert_true(cronos_archive_check_structure(archive, entry, NULL));
        assert_int_equal(cronos_archive_end_position(archive, entry), 0);
    }
    if (files != FILES)
        fail_msg("%s: %u files", name, files);
    if (cronos_archive_repairs(archive, &notes) != 0)
        fail_msg("%s: %s", name, (const char *)g_ptr_array_index(notes, 0));
    assert_true(cronos_archive_memory_bytes(archive) < 40000);
}

static void test_every_format(void **state)
{
    Fixture *fixture = *state;

    make_formats(fixture);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        compare_tree(fixture, formats[i].name);
        assert_int_equal(cronos_archive_is_sequential(fixture->archive), formats[i].sequential);
        assert_int_equal(cronos_archive_threads(fixture->archive, 4),
                         formats[i].sequential ? 1 : 4);
    }
}

static void test_names_of_archives(void **state)
{
    static const struct {
        const char *name;
        gsize stem;
    } names[] = {
        {"a.tar", 1},        {"a.b.tar.gz", 3}, {"A.TAR.XZ", 1},  {"x.tgz", 1},  {"x.tbz", 1},
        {"x.tbz2", 1},       {"x.tar.bz2", 1},  {"x.txz", 1},     {"x.tzst", 1}, {"x.tar.zst", 1},
        {"long.name.7z", 9}, {"x.cpio", 1},     {"disk.iso", 4},  {"x.zip", 1},  {"tar.tar", 3},
        {".tar.gz", 0},      {"x.gz", 0},       {"x.tar.lz4", 0}, {"x.rar", 0},  {"tar", 0},
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        gsize stem = 0;

        assert_int_equal(cronos_archive_is_archive_name(names[i].name, &stem), names[i].stem > 0);
        assert_int_equal(stem, names[i].stem);
    }
    assert_true(cronos_archive_is_zip_name("x.JAR"));
    assert_false(cronos_archive_is_zip_name("x.tar"));
    assert_false(cronos_archive_is_zip_name("x"));
}

/* In the archive's order one pass is enough; what was read is the whole tree. */
static void test_streams_in_order(void **state)
{
    Fixture *fixture = *state;
    g_autofree guint8 *buffer = g_malloc(1 << 20);

    make_formats(fixture);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        CronosArchive *archive = open_archive(fixture, formats[i].name);

        for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
            CronosMemberInfo info;
            gsize done = 0;
            gssize n;

            assert_true(cronos_archive_info(archive, entry, &info, NULL));
            if (info.kind != CRONOS_MEMBER_FILE)
                continue;
            g_autofree char *inner = cronos_archive_path(archive, entry);
            g_autoptr(GBytes) expected = source_bytes(fixture, inner);
            g_autoptr(CronosArchiveStream) stream =
                cronos_archive_stream_open(archive, entry, NULL);
            while ((n = cronos_archive_stream_read(stream, buffer, 1 + (entry * 99991) % 900000,
                                                   NULL)) > 0) {
                assert_true(done + (gsize)n <= g_bytes_get_size(expected));
                assert_memory_equal(buffer, (const guint8 *)g_bytes_get_data(expected, NULL) + done,
                                    n);
                done += (gsize)n;
            }
            assert_int_equal(n, 0);
            assert_int_equal(done, g_bytes_get_size(expected));
        }
    }
}

#define READERS 4

typedef struct {
    CronosArchive *archive;
    GPtrArray *expected; /* GBytes by entry, or NULL */
    guint rounds;
    gint failures; /* atomic */
} Readers;

static gpointer random_reader(gpointer data)
{
    Readers *readers = data;
    g_autofree guint8 *buffer = g_malloc(1200000);

    for (guint i = 0; i < readers->rounds; i++) {
        guint entry = (guint)g_random_int_range(1, (gint)readers->expected->len);
        GBytes *bytes = g_ptr_array_index(readers->expected, entry);

        if (bytes == NULL)
            continue;
        gsize length;
        const guint8 *expected = g_bytes_get_data(bytes, &length);
        gsize offset = (gsize)g_random_int_range(0, (gint)length + 2);
        gsize size = (gsize)g_random_int_range(1, i % 8 == 0 ? 1200000 : 140000);
        gsize wanted = offset < length ? MIN(size, length - offset) : 0;
        gssize n = cronos_archive_read(readers->archive, entry, offset, buffer, size, NULL);
        if (n != (gssize)wanted || memcmp(buffer, expected + offset, wanted) != 0)
            g_atomic_int_inc(&readers->failures);
    }
    return NULL;
}

/* What a kernel's read-ahead looks like: in order, but for neighbours that overtake each other. */
static gpointer sequential_reader(gpointer data)
{
    Readers *readers = data;
    g_autofree guint8 *buffer = g_malloc(131072);

    for (guint entry = 1; entry < readers->expected->len; entry++) {
        GBytes *bytes = g_ptr_array_index(readers->expected, entry);
        gsize length = bytes != NULL ? g_bytes_get_size(bytes) : 0;

        for (gsize at = 0; at < length; at += 131072) {
            gsize offset = (at ^ 131072) < length ? at ^ 131072 : at;
            gsize wanted = MIN(131072, length - offset);
            gssize n = cronos_archive_read(readers->archive, entry, offset, buffer, 131072, NULL);

            if (n != (gssize)wanted ||
                memcmp(buffer, (const guint8 *)g_bytes_get_data(bytes, NULL) + offset, wanted) != 0)
                g_atomic_int_inc(&readers->failures);
        }
    }
    return NULL;
}

static void bytes_unref(gpointer data)
{
    if (data != NULL)
        g_bytes_unref(data);
}

static void run_readers(Fixture *fixture, const char *name, guint rounds)
{
    Readers readers = {.archive = open_archive(fixture, name), .rounds = rounds};
    GThread *threads[READERS];

    readers.expected = g_ptr_array_new_with_free_func(bytes_unref);
    for (guint32 entry = 0; entry < cronos_archive_count(readers.archive); entry++) {
        g_autofree char *inner = cronos_archive_path(readers.archive, entry);
        CronosMemberInfo info;

        assert_true(cronos_archive_info(readers.archive, entry, &info, NULL));
        g_ptr_array_add(readers.expected,
                        info.kind == CRONOS_MEMBER_FILE ? source_bytes(fixture, inner) : NULL);
    }
    for (guint i = 0; i < READERS; i++)
        threads[i] = g_thread_new("reader", i % 2 ? random_reader : sequential_reader, &readers);
    for (guint i = 0; i < READERS; i++)
        g_thread_join(threads[i]);
    assert_int_equal(readers.failures, 0);
    g_ptr_array_unref(readers.expected);
}

static void run_all_readers(Fixture *fixture, gsize cache_bytes)
{
    static const char *const names[] = {"a.tar",    "a.tar.gz", "a.tzst",
                                        "solid.7z", "a.iso",    "newc.cpio"};

    make_formats(fixture);
    cronos_archive_set_cache_limit(cache_bytes);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        run_readers(fixture, names[i], 12);
    cronos_archive_set_cache_limit(64u << 20);
}

static void test_parallel_readers(void **state)
{
    run_all_readers(*state, 64u << 20);
}

static void test_parallel_readers_with_little_cache(void **state)
{
    run_all_readers(*state, 1u << 20);
}

static guint32 find(CronosArchive *archive, const char *path)
{
    guint32 entry = cronos_archive_lookup_path(archive, path);

    if (entry == CRONOS_ENTRY_NONE)
        fail_msg("%s is missing", path);
    return entry;
}

static void expect_text(CronosArchive *archive, const char *path, const char *text)
{
    g_autoptr(GBytes) expected = g_bytes_new(text, strlen(text));

    compare_bytes(archive, find(archive, path), expected);
}

static void expect_note(CronosArchive *archive, const char *note)
{
    const GPtrArray *notes = NULL;

    cronos_archive_repairs(archive, &notes);
    for (guint i = 0; i < notes->len; i++) {
        if (strstr(g_ptr_array_index(notes, i), note) != NULL)
            return;
    }
    fail_msg("no note says: %s", note);
}

static void expect_message(GError **error, int code, const char *part)
{
    assert_true(g_error_matches(*error, CRONOS_ERROR, code));
    if (strstr((*error)->message, part) == NULL)
        fail_msg("\"%s\" does not say: %s", (*error)->message, part);
    g_clear_error(error);
}

/* Python: add(tar, name, data or what it links to, type). */
#define ADD                                                                                        \
    "import tarfile, io\n"                                                                         \
    "def add(out, name, data=b'', type=tarfile.REGTYPE, mode=0o644):\n"                            \
    "    info = tarfile.TarInfo(name); info.type = type; info.mode = mode\n"                       \
    "    if type in (tarfile.LNKTYPE, tarfile.SYMTYPE): info.linkname = data; data = b''\n"        \
    "    info.size = len(data); info.mtime = 1700000000\n"                                         \
    "    out.addfile(info, io.BytesIO(data))\n"

static void test_hard_links(void **state)
{
    static const char *const names[] = {"a.tar", "a.tar.gz"};
    Fixture *fixture = *state;

    run_python(fixture->directory, ADD "for name in ('a.tar', 'a.tar.gz'):\n"
                                       "    with tarfile.open(name, 'w:' + name[6:]) as out:\n"
                                       "        add(out, './d/first', b'the data', mode=0o640)\n"
                                       "        add(out, './z', 'd/first', tarfile.LNKTYPE)\n"
                                       "        add(out, 'y', './z', tarfile.LNKTYPE)\n"
                                       "        add(out, 'dangling', 'no/such', tarfile.LNKTYPE)\n"
                                       "        add(out, 'self', 'self', tarfile.LNKTYPE)\n"
                                       "        add(out, 'to-folder', 'd', tarfile.LNKTYPE)\n"
                                       "        add(out, 's', 'd/first', tarfile.SYMTYPE)\n"
                                       "        add(out, 'to-symlink', 's', tarfile.LNKTYPE)\n"
                                       "        add(out, 'forward', 'later', tarfile.LNKTYPE)\n"
                                       "        add(out, 'later', b'came later')\n");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        CronosArchive *archive = open_archive(fixture, names[i]);
        static const char *const broken[] = {"dangling", "self", "to-folder"};
        CronosMemberInfo info;
        char buffer[8];
        g_autoptr(GError) error = NULL;

        expect_text(archive, "d/first", "the data");
        expect_text(archive, "z", "the data");
        expect_text(archive, "y", "the data");
        expect_text(archive, "forward", "came later");
        assert_true(cronos_archive_info(archive, find(archive, "y"), &info, NULL));
        assert_int_equal(info.mode, S_IFREG | 0640);
        assert_int_equal(info.size_bytes, 8);
        assert_int_equal(cronos_archive_position(archive, find(archive, "y")),
                         cronos_archive_position(archive, find(archive, "d/first")));
        g_autofree char *target =
            cronos_archive_readlink(archive, find(archive, "to-symlink"), NULL);
        assert_string_equal(target, "d/first");
        for (guint k = 0; k < G_N_ELEMENTS(broken); k++) {
            guint32 entry = find(archive, broken[k]);

            assert_false(cronos_archive_info(archive, entry, &info, &error));
            expect_message(&error, CRONOS_ERROR_DAMAGED, "hard link");
            assert_int_equal(cronos_archive_read(archive, entry, 0, buffer, 8, &error), -1);
            expect_message(&error, CRONOS_ERROR_DAMAGED, broken[k]);
            assert_false(cronos_archive_check_structure(archive, entry, &error));
            expect_message(&error, CRONOS_ERROR_DAMAGED, "hard link");
        }
    }
}

/* cpio gives the data with the last name of a file, the others are empty. */
static void test_hard_links_of_cpio(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               "def member(name, data, links=3, ino=7):\n"
               "    head = b'070701' + b''.join(b'%08X' % v for v in (ino, 0o100600, 0, 0, links,\n"
               "        1700000000, len(data), 0, 0, 0, 0, len(name) + 1, 0)) + name + b'\\0'\n"
               "    pad = lambda b: b + bytes(-len(b) % 4)\n"
               "    return pad(head) + pad(data)\n"
               "open('a.cpio', 'wb').write(member(b'one', b'') + member(b'two', b'')\n"
               "    + member(b'three', b'shared data') + member(b'own', b'mine', 1, 8)\n"
               "    + member(b'TRAILER!!!', b'', 1, 0))\n");
    CronosArchive *archive = open_archive(fixture, "a.cpio");
    expect_text(archive, "one", "shared data");
    expect_text(archive, "two", "shared data");
    expect_text(archive, "three", "shared data");
    expect_text(archive, "own", "mine");
}

static void test_hostile_names(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               ADD "with tarfile.open('a.tar', 'w') as out:\n"
                   "    add(out, '../up', b'1'); add(out, '/absolute', b'2')\n"
                   "    add(out, 'a/./b//c', b'3'); add(out, 'a/../../d', b'4')\n"
                   "    add(out, 'dup', b'old'); add(out, 'dup', b'new')\n"
                   "    add(out, 'both', b'file'); add(out, 'both/below', b'5')\n"
                   "    add(out, 'fifo', type=tarfile.FIFOTYPE)\n"
                   "    add(out, 'device', type=tarfile.CHRTYPE)\n"
                   "    add(out, 'n' * 2000, b'6'); add(out, 'new\\nline', b'7')\n"
                   "    add(out, 'd/' * 3000 + 'deep', b'8'); add(out, '..', b'9')\n"
                   "    add(out, 'implied/x', b'10'); add(out, './', type=tarfile.DIRTYPE)\n");
    CronosArchive *archive = open_archive(fixture, "a.tar");
    CronosMemberInfo info;

    expect_text(archive, "__/up", "1");
    expect_text(archive, "absolute", "2");
    expect_text(archive, "a/b/c", "3");
    expect_text(archive, "a/__/__/d", "4");
    expect_text(archive, "dup", "new");
    expect_text(archive, "both/below", "5");
    expect_text(archive, "new\nline", "7");
    assert_int_equal(cronos_archive_lookup_path(archive, "fifo"), CRONOS_ENTRY_NONE);
    assert_int_equal(cronos_archive_lookup_path(archive, "device"), CRONOS_ENTRY_NONE);
    assert_true(cronos_archive_info(archive, find(archive, "implied"), &info, NULL));
    assert_true(info.implied);
    expect_note(archive, "fifo: left out: a device, FIFO or socket");
    expect_note(archive, "device: left out");
    expect_note(archive, "dup: left out: a later member has the same name");
    expect_note(archive, "both: left out: a folder has the same name");
    expect_note(archive, "left out: a name in it is too long");
    expect_note(archive, "left out: nested too deeply");
    expect_note(archive, "../up: the name was made safe");
}

static void test_sparse_files(void **state)
{
    static const char *const names[] = {"gnu.tar", "p0.tar.gz", "p1.tar", "p1.tar.gz", "bsd.tar"};
    Fixture *fixture = *state;

    run_shell(fixture->directory,
              "mkdir tree && cd tree\n"
              "truncate -s 3000000 hollow; printf start | dd of=mixed conv=notrunc status=none\n"
              "printf middle | dd of=mixed bs=1 seek=1500000 conv=notrunc status=none\n"
              "truncate -s 2500000 mixed; printf plain >plain\n"
              "tar -Scf ../gnu.tar --format=gnu hollow mixed plain\n"
              "tar -Sczf ../p0.tar.gz --format=pax --sparse-version=0.1 hollow mixed plain\n"
              "tar -Scf ../p1.tar --format=pax --sparse-version=1.0 hollow mixed plain\n"
              "gzip -k ../p1.tar; bsdtar -cf ../bsd.tar hollow mixed plain\n");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        CronosArchive *archive = open_archive(fixture, names[i]);
        g_autoptr(GBytes) hollow = source_bytes(fixture, "hollow");
        g_autoptr(GBytes) mixed = source_bytes(fixture, "mixed");
        char buffer[6];

        compare_bytes(archive, find(archive, "mixed"), mixed);
        compare_bytes(archive, find(archive, "hollow"), hollow);
        assert_int_equal(
            cronos_archive_read(archive, find(archive, "mixed"), 1500000, buffer, 6, NULL), 6);
        assert_memory_equal(buffer, "middle", 6);
        expect_text(archive, "plain", "plain");
    }
}

/* Reads all there is. Returns: FALSE where something could not be read; bytes that are delivered
 * are right, if @exact. */
static gboolean read_all(Fixture *fixture, CronosArchive *archive, gboolean exact)
{
    g_autofree char *buffer = g_malloc(5000000);
    gboolean whole = TRUE;

    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        g_autoptr(GError) error = NULL;
        CronosMemberInfo info;

        if (!cronos_archive_info(archive, entry, &info, NULL) || info.kind != CRONOS_MEMBER_FILE)
            continue;
        gssize n = cronos_archive_read(archive, entry, 0, buffer, 5000000, &error);
        if (n < 0) {
            assert_non_null(error);
            whole = FALSE;
            continue;
        }
        g_autofree char *inner = cronos_archive_path(archive, entry);
        g_autofree char *path = g_build_filename(fixture->directory, "tree", inner, NULL);
        g_autofree char *expected = NULL;
        gsize length;
        if (exact && g_file_get_contents(path, &expected, &length, NULL)) {
            assert_int_equal(n, length);
            assert_memory_equal(buffer, expected, length);
        }
    }
    return whole;
}

#define SMALL_TREE                                                                                 \
    "import random, os\n"                                                                          \
    "r = random.Random(9); os.makedirs('tree/sub')\n"                                              \
    "for i in range(6): open('tree/sub/%d' % i, 'wb').write(r.randbytes(i * 400))\n"               \
    "open('tree/text', 'wb').write(b'text\\n' * 700)\n"

static void make_small_formats(const Fixture *fixture)
{
    run_python(fixture->directory, SMALL_TREE);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
        run_shell(fixture->directory, formats[i].script);
}

static char *file_bytes(const Fixture *fixture, const char *name, gsize *out_length)
{
    g_autofree char *path = g_build_filename(fixture->directory, name, NULL);
    char *bytes = NULL;

    assert_true(g_file_get_contents(path, &bytes, out_length, NULL));
    return bytes;
}

static CronosArchive *open_bytes(const Fixture *fixture, const char *name, const char *bytes,
                                 gsize length, GError **error)
{
    g_autofree char *path = g_build_filename(fixture->directory, name, NULL);

    /* GLib waits for the disk where it replaces a file. */
    g_unlink(path);
    assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
    return try_archive(fixture, name, error);
}

/* What is cut shows in every archive: a tar cut between two members gets a note. An ISO 9660 image
 * ends in padding, of which most may go. */
static void test_cut_archives(void **state)
{
    Fixture *fixture = *state;

    make_small_formats(fixture);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        gsize length, step;
        g_autofree char *bytes = file_bytes(fixture, formats[i].name, &length);
        guint refused = 0, tried = 0;

        step = MAX(length / 40, 1);
        for (gsize cut = 0; cut < length - length / 10; cut += step, tried++) {
            g_autoptr(GError) error = NULL;
            g_autoptr(CronosArchive) archive =
                open_bytes(fixture, formats[i].name, bytes, cut, &error);

            if (archive != NULL) {
                gboolean noted = cronos_archive_repairs(archive, NULL) > 0;
                refused += !read_all(fixture, archive, TRUE) || noted;
                continue;
            }
            refused++;
            assert_non_null(error);
            if (!g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED) &&
                !g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED))
                fail_msg("%s", error->message);
            assert_true(strncmp(error->message, formats[i].name, strlen(formats[i].name)) == 0);
        }
        if (refused + 5 < tried && !g_str_has_suffix(formats[i].name, ".iso"))
            fail_msg("%s: %u of %u cuts were noticed", formats[i].name, refused, tried);
    }
}

/* Formats with checksums deliver no wrong byte. */
static void test_flipped_bytes(void **state)
{
    static const char *const names[] = {"a.tar.xz", "solid.7z", "a.tar.bz2"};
    Fixture *fixture = *state;

    make_small_formats(fixture);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        gboolean exact = g_strv_contains(names, formats[i].name);
        gsize length;
        g_autofree char *bytes = file_bytes(fixture, formats[i].name, &length);

        for (guint k = 0; k < 60; k++) {
            gsize at = (gsize)g_random_int_range(0, (gint)MIN(length, G_MAXINT));
            char kept = bytes[at];

            bytes[at] ^= (char)(1 << k % 8);
            g_autoptr(CronosArchive) archive =
                open_bytes(fixture, formats[i].name, bytes, length, NULL);
            if (archive != NULL)
                read_all(fixture, archive, exact);
            bytes[at] = kept;
        }
    }
}

static void test_files_that_are_no_archives(void **state)
{
    static const char *const names[] = {"a.tar", "a.tar.gz", "a.tar.zst",
                                        "a.7z",  "a.iso",    "a.cpio"};
    Fixture *fixture = *state;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;

        temporary_write(fixture->directory, names[i], "");
        assert_null(try_archive(fixture, names[i], &error));
        assert_int_equal(error->domain, CRONOS_ERROR);
        g_clear_error(&error);
        temporary_write(fixture->directory, names[i], "this is a text and no archive of any kind");
        assert_null(try_archive(fixture, names[i], &error));
        assert_int_equal(error->domain, CRONOS_ERROR);
    }
}

static void test_empty_archives(void **state)
{
    static const char *const names[] = {"a.tar", "a.tar.gz", "a.cpio", "a.7z"};
    Fixture *fixture = *state;

    run_shell(fixture->directory,
              "mkdir void && cd void\n"
              "tar -cf ../a.tar -T /dev/null; tar -czf ../a.tar.gz -T /dev/null\n"
              "bsdtar -c --format newc -f ../a.cpio -T /dev/null\n"
              "bsdtar -c --format 7zip -f ../a.7z -T /dev/null\n");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        CronosArchive *archive = open_archive(fixture, names[i]);

        assert_int_equal(cronos_archive_count(archive), 1);
        assert_true(cronos_archive_is_directory(archive, CRONOS_ENTRY_ROOT));
    }
}

/* The handle that stands in the archive must not be used for another one under the same name. */
static void test_file_shrinks_while_open(void **state)
{
    static const char *const names[] = {"a.tar", "a.tar.gz", "solid.7z", "newc.cpio"};
    Fixture *fixture = *state;

    make_formats(fixture);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        CronosArchive *archive = open_archive(fixture, names[i]);
        g_autofree char *path = g_build_filename(fixture->directory, names[i], NULL);
        guint32 large = find(archive, "large");
        char buffer[10];

        assert_int_equal(truncate(path, 1000), 0);
        assert_int_equal(cronos_archive_read(archive, large, 1900000, buffer, 10, NULL), -1);
    }
}

#define ZIP_METHODS                                                                                \
    "cd tree\n"                                                                                    \
    "for m in BZip2 LZMA XZ PPMd; do 7z a -tzip -mm=$m -snl -bso0 -bsp0 ../$m.zip .; done\n"

static void test_zip_methods(void **state)
{
    static const char *const names[] = {"BZip2.zip", "LZMA.zip", "XZ.zip", "PPMd.zip"};
    Fixture *fixture = *state;

    run_python(fixture->directory, TREE);
    run_shell(fixture->directory, ZIP_METHODS);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        open_archive(fixture, names[i]);
        for (guint32 entry = 1; entry < cronos_archive_count(fixture->archive); entry++)
            compare_entry(fixture, entry);
        assert_false(cronos_archive_is_sequential(fixture->archive));
        run_readers(fixture, names[i], 25);
    }
}

static void test_zip_method_zstd(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               TREE "import subprocess\n"
                    "def z(name):\n"
                    "    data = open('tree/' + name, 'rb').read()\n"
                    "    out = subprocess.run(['zstd', '-qc'], input=data, stdout=-1, check=True)\n"
                    "    return f(name.encode(), data, method=93, stored=out.stdout,\n"
                    "        packed=len(out.stdout))\n"
                    "m = [z('large'), z('script'), z('over')]\n"
                    "craft('a.zip', m); m[0]['crc'] = 1; craft('b.zip', m)\n");
    CronosArchive *archive = open_archive(fixture, "a.zip");
    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        g_autofree char *inner = cronos_archive_path(archive, entry);
        g_autoptr(GBytes) expected = source_bytes(fixture, inner);
        compare_bytes(archive, entry, expected);
    }
    run_readers(fixture, "a.zip", 20);

    g_autoptr(GError) error = NULL;
    g_autofree char *buffer = g_malloc(5000000);
    archive = open_archive(fixture, "b.zip");
    assert_int_equal(
        cronos_archive_read(archive, find(archive, "large"), 0, buffer, 5000000, &error), -1);
    expect_message(&error, CRONOS_ERROR_DAMAGED, "checksum");
    expect_text(archive, "script", "#!/bin/sh\n");
}

static void test_zip_methods_that_can_not_be(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    char buffer[4];

    run_python(fixture->directory,
               "craft('a.zip', [f(b'd64', b'x' * 50, method=9), f(b'odd', b'xx', method=77),\n"
               "  f(b'strong', b'x' * 50, flags=0x41), f(b'bz', b'not bzip2', method=12),\n"
               "  f(b'lzma', b'x' * 300000000, method=14, size=300000000,\n"
               "    stored=b'\\x10\\x02\\x05\\0\\x5d\\0\\0\\0\\x20' + b'x' * 50, packed=59),\n"
               "  f(b'none', b'', method=9)])\n");
    CronosArchive *archive = open_archive(fixture, "a.zip");
    static const struct {
        const char *name, *message;
        int code;
    } cases[] = {
        {"d64", "d64: compression method 9 (Deflate64) is not supported", CRONOS_ERROR_UNSUPPORTED},
        {"odd", "odd: compression method 77 is not supported", CRONOS_ERROR_UNSUPPORTED},
        {"strong", "strong encryption", CRONOS_ERROR_UNSUPPORTED},
        {"bz", "does not begin as its method has it", CRONOS_ERROR_DAMAGED},
        {"lzma", "a dictionary of 286 MiB", CRONOS_ERROR_UNSUPPORTED},
        {"none", "Deflate64", CRONOS_ERROR_UNSUPPORTED},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint32 entry = find(archive, cases[i].name);
        g_autoptr(CronosArchiveStream) stream = cronos_archive_stream_open(archive, entry, NULL);

        assert_int_equal(cronos_archive_read(archive, entry, 0, buffer, 4, &error), -1);
        expect_message(&error, cases[i].code, cases[i].message);
        assert_non_null(stream);
        assert_int_equal(cronos_archive_stream_read(stream, buffer, 4, &error), -1);
        expect_message(&error, cases[i].code, cases[i].message);
    }
}

#define ENCRYPTED                                                                                  \
    "cd tree\n"                                                                                    \
    "for m in AES128 AES192 AES256 ZipCrypto; do\n"                                                \
    "  7z a -tzip -psecret -mem=$m -snl -bso0 -bsp0 ../$m.zip .; done\n"                           \
    "7z a -tzip -mx=0 -psecret -mem=AES256 -snl -bso0 -bsp0 ../stored.zip .\n"                     \
    "zip -qry -P secret ../zip.zip .\n"                                                            \
    "zip -qr -P secret - . -x link sub/broken | cat >../stream.zip\n" /* zip fails at links */     \
    "7z a -tzip -mm=LZMA -psecret -mem=AES256 -bso0 -bsp0 ../lzma.zip 'with space'\n"

static void test_encrypted_zip(void **state)
{
    static const char *const names[] = {"AES128.zip", "AES192.zip", "AES256.zip", "ZipCrypto.zip",
                                        "stored.zip", "zip.zip",    "stream.zip"};
    Fixture *fixture = *state;
    g_autofree char *file = g_build_filename(fixture->directory, "passphrase", NULL);
    char buffer[10];

    run_python(fixture->directory, TREE);
    run_shell(fixture->directory, ENCRYPTED);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        CronosArchive *archive = open_archive(fixture, names[i]);
        guint32 script = find(archive, "script");
        g_autoptr(GError) error = NULL;

        cronos_passphrase_set_source(NULL, NULL);
        assert_int_equal(cronos_archive_read(archive, script, 0, buffer, 10, &error), -1);
        expect_message(&error, CRONOS_ERROR_UNSUPPORTED, "no passphrase is configured");
        temporary_write(fixture->directory, "passphrase", "wrong\n");
        cronos_passphrase_set_source(file, NULL);
        if (cronos_archive_read(archive, script, 0, buffer, 10, &error) >= 0)
            fail_msg("%s: a wrong passphrase opens it", names[i]);
        /* One byte tells in the traditional cipher, so a wrong passphrase may look like damage. */
        if (!g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED))
            assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED));
        temporary_write(fixture->directory, "passphrase", "secret\nsecond line\n");
        cronos_passphrase_set_source(file, NULL);
        for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++)
            compare_entry(fixture, entry);
    }
    run_readers(fixture, "AES256.zip", 20);
    run_readers(fixture, "stream.zip", 20);

    g_autoptr(GError) error = NULL;
    CronosArchive *archive = open_archive(fixture, "lzma.zip");
    assert_int_equal(
        cronos_archive_read(archive, find(archive, "with space"), 0, buffer, 10, &error), -1);
    expect_message(&error, CRONOS_ERROR_UNSUPPORTED,
                   "method 14 (LZMA) is not supported in an encrypted member");
}

static void test_encrypted_7z(void **state)
{
    Fixture *fixture = *state;
    char buffer[8];
    g_autoptr(GError) error = NULL;

    run_python(fixture->directory, SMALL_TREE);
    run_shell(fixture->directory, "cd tree && 7z a -psecret -bso0 -bsp0 ../a.7z . && "
                                  "7z a -psecret -mhe=on -bso0 -bsp0 ../b.7z .");
    CronosArchive *archive = open_archive(fixture, "a.7z");
    assert_int_equal(cronos_archive_read(archive, find(archive, "text"), 0, buffer, 8, &error), -1);
    expect_message(&error, CRONOS_ERROR_UNSUPPORTED, "a.7z: text: ");
    assert_null(try_archive(fixture, "b.7z", &error));
    expect_message(&error, CRONOS_ERROR_UNSUPPORTED, "crypt");
}

static void test_passphrase(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *file = g_build_filename(fixture->directory, "passphrase", NULL);
    g_autofree char *command = g_strdup_printf("cat '%s'", file);
    g_autoptr(GError) error = NULL;

    assert_false(cronos_passphrase_is_configured());
    cronos_passphrase_set_source(file, NULL);
    assert_true(cronos_passphrase_is_configured());
    assert_null(cronos_passphrase_get(&error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOENT));
    g_clear_error(&error);
    temporary_write(fixture->directory, "passphrase", "from a file\r\nrest");
    assert_string_equal(cronos_passphrase_get(NULL), "from a file");
    temporary_write(fixture->directory, "passphrase", "from a command");
    assert_string_equal(cronos_passphrase_get(NULL), "from a file");
    cronos_passphrase_set_source("", command);
    assert_string_equal(cronos_passphrase_get(NULL), "from a command");
    temporary_write(fixture->directory, "passphrase", "\n");
    cronos_passphrase_set_source(NULL, command);
    assert_null(cronos_passphrase_get(&error));
    expect_message(&error, CRONOS_ERROR_FAILED, "empty");
    cronos_passphrase_set_source(NULL, "false");
    assert_null(cronos_passphrase_get(&error));
    expect_message(&error, CRONOS_ERROR_FAILED, "failed");
    cronos_passphrase_set_source(NULL, "/no/such/program");
    assert_null(cronos_passphrase_get(&error));
    expect_message(&error, CRONOS_ERROR_FAILED, "can not be run");
    cronos_passphrase_set_source(NULL, "unbalanced '");
    assert_null(cronos_passphrase_get(&error));
    expect_message(&error, CRONOS_ERROR_FAILED, "can not be run");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_format, set_up, tear_down),
        cmocka_unit_test(test_names_of_archives),
        cmocka_unit_test_setup_teardown(test_streams_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parallel_readers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parallel_readers_with_little_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hard_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hard_links_of_cpio, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sparse_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_archives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_that_are_no_archives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_archives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_shrinks_while_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zip_methods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zip_method_zstd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zip_methods_that_can_not_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encrypted_zip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encrypted_7z, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passphrase, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("archive-formats", tests, pack, unpack);
}
