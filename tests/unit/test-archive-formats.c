/* SPDX-License-Identifier: MIT
 * test-archive-formats.c - tar, cpio, 7z and ISO 9660, against the tree they were made from: whole,
 * and at random from several threads */
#include "tests/unit/format-readers.h"

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

static void compare_tree(Fixture *fixture, const char *name)
{
    CronosArchive *archive = open_archive(fixture, name);
    const GPtrArray *notes = NULL;
    guint files = 0;

    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        compare_entry(fixture, entry);
        files += !cronos_archive_is_directory(archive, entry);
        assert_true(cronos_archive_check_structure(archive, entry, FALSE, NULL));
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
            assert_false(cronos_archive_check_structure(archive, entry, FALSE, &error));
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
        cmocka_unit_test_setup_teardown(test_empty_archives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_shrinks_while_open, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("archive-formats", tests, pack, unpack);
}
