/* SPDX-License-Identifier: MIT
 * test-archive-limits.c - archives made to take more memory, time or space than they are worth */
#include "tests/unit/format-fixture.h"

#include "core/archive-libarchive-index.h"

/* Python: link(tar, name, what it leads to). */
#define LINK                                                                                       \
    "import tarfile, io\n"                                                                         \
    "def link(out, name, target):\n"                                                               \
    "    info = tarfile.TarInfo(name); info.type = tarfile.LNKTYPE; info.linkname = target\n"      \
    "    out.addfile(info)\n"

/* Returns: the archive, for what is below core/archive.h; its file is to be closed. */
static CronosLibarchiveSource source_of(const Fixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->directory, name, NULL);
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    return (CronosLibarchiveSource){.fd = fd,
                                    .format = CRONOS_LIBARCHIVE_TAR,
                                    .end = (guint64)st.st_size,
                                    .decoded_max = 64 << 20};
}

/* Returns: the most memory that this process has had at a time. */
static gsize peak_bytes(void)
{
    g_autofree char *status = NULL;

    assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    const char *field = strstr(status, "VmHWM:");
    assert_non_null(field);
    return (gsize)g_ascii_strtoull(field + strlen("VmHWM:"), NULL, 10) << 10;
}

/* The path of each was kept with room for the longest one, 64 KiB. */
static void test_many_hard_links_take_little(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               LINK "with tarfile.open('a.tar', 'w') as out:\n"
                    "    out.addfile(tarfile.TarInfo('file'))\n"
                    "    for i in range(3000): link(out, 'link%d' % i, 'file')\n");
    gsize before = peak_bytes();
    CronosArchive *archive = open_archive(fixture, "a.tar");
    assert_int_equal(cronos_archive_count(archive), 3002);
    assert_true(peak_bytes() - before < 64 << 20);
}

#define CHAIN 300

/* Each link was followed from link to link whenever its attributes were asked for, so that a
 * listing took time by the square of their number; and no further than 64 steps from a link that
 * came after them. What led in a circle was an empty file. */
static void test_chains_of_hard_links(void **state)
{
    Fixture *fixture = *state;
    CronosLibarchiveIndex index = {0};
    CronosMemberInfo info;
    g_autoptr(GError) error = NULL;

    run_python(fixture->directory,
               LINK "with tarfile.open('a.tar', 'w') as out:\n"
                    "    for i in range(300): link(out, str(i), str(i + 1))\n"
                    "    info = tarfile.TarInfo('300'); info.size = 3; info.mode = 0o640\n"
                    "    out.addfile(info, io.BytesIO(b'end')); link(out, 'late', '0')\n"
                    "    link(out, 'a', 'b'); link(out, 'b', 'c'); link(out, 'c', 'a')\n"
                    "    link(out, 'lost', 'd'); link(out, 'd', 'no/such')\n");
    CronosArchive *archive = open_archive(fixture, "a.tar");
    expect_text(archive, "0", "end");
    expect_text(archive, "late", "end");
    assert_true(cronos_archive_info(archive, find(archive, "late"), &info, NULL));
    assert_int_equal(info.mode, S_IFREG | 0640);
    static const char *const broken[] = {"a", "b", "c", "d", "lost"};
    for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
        assert_false(cronos_archive_info(archive, find(archive, broken[i]), &info, &error));
        expect_message(&error, CRONOS_ERROR_DAMAGED, "hard link");
    }

    CronosLibarchiveSource source = source_of(fixture, "a.tar");
    int fd = source.fd;
    assert_true(cronos_libarchive_index_build(&index, &source, NULL));
    assert_int_equal(index.count, CHAIN + 7);
    for (guint32 i = 0; i < index.count; i++)
        assert_int_equal(index.records[i].data,
                         i <= CHAIN + 1 ? CHAIN : CRONOS_LIBARCHIVE_NO_RECORD);
    cronos_libarchive_index_clear(&index);
    close(fd);
}

/* Python: sparse(tar, name, size in bytes, {offset: data}, more headers) */
#define SPARSE                                                                                     \
    "import tarfile, io\n"                                                                         \
    "def sparse(out, name, size, parts):\n"                                                        \
    "    lines = [len(parts)] + [n for at in parts for n in (at, len(parts[at]))]\n"               \
    "    table = ''.join('%d\\n' % n for n in lines).encode()\n"                                   \
    "    data = table + bytes(-len(table) % 512) + b''.join(parts.values())\n"                     \
    "    info = tarfile.TarInfo(name); info.size = len(data)\n"                                    \
    "    info.pax_headers = {'GNU.sparse.major': '1', 'GNU.sparse.minor': '0',\n"                  \
    "        'GNU.sparse.name': name, 'GNU.sparse.realsize': str(size)}\n"                         \
    "    out.addfile(info, io.BytesIO(data))\n"

#define MIB G_GUINT64_CONSTANT(1048576)
#define PIB (G_GUINT64_CONSTANT(1) << 50)

/* Every byte of a hole was made on the way to what lies behind it: of a pebibyte, for days. */
static void test_holes_without_end(void **state)
{
    static const char *const names[] = {"a.tar", "a.tar.gz"};
    static const struct {
        guint64 offset;
        const char *bytes;
    } reads[] = {
        {PIB - 5, "\0\0end"},
        {PIB - 900 * MIB, "\0\0\0\0\0"},
        {0, "begin"},
        {PIB / 2, "\0half"},
        {PIB / 2 + 12 * MIB, "\0\0\0\0\0"},
        {50 * MIB, "\0\0\0fi"},
        {PIB / 2 - 2, "\0\0\0ha"},
        {PIB - 5, "\0\0end"},
    };
    Fixture *fixture = *state;

    run_python(fixture->directory, SPARSE
               "for name in ('a.tar', 'a.tar.gz'):\n"
               "    with tarfile.open(name, 'w:' + name[6:], format=tarfile.PAX_FORMAT) as o:\n"
               "        sparse(o, 'x', 2**50, {0: b'begin', 50 * 2**20 + 3: b'fifty',\n"
               "            2**49 + 1: b'half', 2**50 - 3: b'end'})\n"
               "        sparse(o, 'y', 2**50, {0: b'last', 2**50: b''})\n");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        CronosArchive *archive = open_archive(fixture, names[i]);
        guint32 entry = find(archive, "x");
        char buffer[5];

        for (guint k = 0; k < G_N_ELEMENTS(reads); k++) {
            assert_int_equal(cronos_archive_read(archive, entry, reads[k].offset, buffer, 5, NULL),
                             5);
            assert_memory_equal(buffer, reads[k].bytes, 5);
        }
        entry = find(archive, "y");
        assert_int_equal(cronos_archive_read(archive, entry, PIB - 1, buffer, 5, NULL), 1);
        assert_int_equal(buffer[0], 0);
        assert_int_equal(cronos_archive_read(archive, entry, 0, buffer, 5, NULL), 5);
        assert_memory_equal(buffer, "last", 5);
    }
}

static void build_index(const Fixture *fixture, const char *name, guint64 decoded_max,
                        GError **error)
{
    CronosLibarchiveIndex index = {0};
    CronosLibarchiveSource source = source_of(fixture, name);
    int fd = source.fd;

    source.decoded_max = decoded_max;
    if (cronos_libarchive_index_build(&index, &source, error))
        cronos_libarchive_index_clear(&index);
    close(fd);
}

/* What was decoded on the way over a member was only told by the size that its header gives, which
 * for a sparse file tells nothing. */
static void test_decoding_has_a_limit_whatever_headers_say(void **state)
{
    static const char *const names[] = {"file.tar.gz", "lie.tar.gz", "sparse.tar.gz",
                                        "sparse.tar.bz2"};
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;

    run_python(fixture->directory,
               SPARSE "def make(kind, how):\n"
                      "    with tarfile.open('%s.tar.%s' % (kind, how), 'w:' + how) as out:\n"
                      "        info = tarfile.TarInfo('m'); info.size = 2**23\n"
                      "        if kind == 'lie': info.pax_headers = {'GNU.sparse.realsize': '9'}\n"
                      "        if kind != 'sparse': out.addfile(info, io.BytesIO(bytes(2**23)))\n"
                      "        else: sparse(out, 'm', 2**40, {0: bytes(2**23)})\n"
                      "make('file', 'gz'); make('lie', 'gz'); make('sparse', 'gz')\n"
                      "make('sparse', 'bz2')\n"
                      "with tarfile.open('claim.tar.gz', 'w:gz') as out:\n"
                      "    info = tarfile.TarInfo('m'); info.size = 2**34; out.addfile(info)\n");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        build_index(fixture, names[i], 4 * MIB, &error);
        expect_message(&error, CRONOS_ERROR_UNSUPPORTED, "the archive unpacks to more");
        build_index(fixture, names[i], 9 * MIB, &error);
        assert_null(error);
        open_archive(fixture, names[i]);
    }
    assert_null(try_archive(fixture, "claim.tar.gz", &error));
    expect_message(&error, CRONOS_ERROR_UNSUPPORTED, "unpacks to more than 16 GiB");
}

/* The table of a sparse file belongs to its header. libarchive keeps all of it, of which a bomb can
 * have much; a member's data before it is no part of it. */
static void test_headers_have_a_limit(void **state)
{
    static const char *const names[] = {"table.tar", "table.tar.gz", "comment.tar.gz"};
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;

    run_python(fixture->directory,
               SPARSE "def bomb(name, table):\n"
                      "    with tarfile.open(name, 'w:' + name.partition('.tar.')[2]) as out:\n"
                      "        info = tarfile.TarInfo('s'); info.size = len(table)\n"
                      "        info.pax_headers = {'GNU.sparse.major': '1',\n"
                      "            'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '9'}\n"
                      "        out.addfile(info, io.BytesIO(table))\n"
                      "n = 5 * 2**20; table = b'%d\\n' % n + b'0\\n0\\n' * n\n"
                      "bomb('table.tar', table); bomb('table.tar.gz', table)\n"
                      "bomb('comment.tar.gz', b'# no\\n' * n + b'0\\n' + bytes(507))\n"
                      "with tarfile.open('sound.tar.gz', 'w:gz') as out:\n"
                      "    for i in range(2):\n"
                      "        info = tarfile.TarInfo('large%d' % i); info.size = 20 * 2**20\n"
                      "        out.addfile(info, io.BytesIO(bytes(info.size)))\n"
                      "    sparse(out, 'holes', 2**30, {i * 5000: b'x' for i in range(9000)})\n");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        assert_null(try_archive(fixture, names[i], &error));
        expect_message(&error, CRONOS_ERROR_UNSUPPORTED,
                       "a member's header takes more than 16 MiB");
    }
    CronosArchive *archive = open_archive(fixture, "sound.tar.gz");
    guint32 entry = find(archive, "holes");
    char buffer[3];
    assert_int_equal(cronos_archive_read(archive, entry, 8999 * 5000 - 1, buffer, 3, NULL), 3);
    assert_memory_equal(buffer, "\0x\0", 3);
}

/* A daemon that is told to end waited for whatever was being decoded. */
static void test_halt(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    char buffer[4];

    run_python(fixture->directory, SMALL_TREE);
    run_shell(fixture->directory, "tar -C tree -czf a.tar.gz . && tar -C tree -cf a.tar .");
    CronosArchive *archive = open_archive(fixture, "a.tar.gz");
    cronos_archive_halt();
    assert_int_equal(cronos_archive_read(archive, find(archive, "text"), 0, buffer, 4, &error), -1);
    expect_message(&error, CRONOS_ERROR_CANCELLED, "about to end");
    assert_null(try_archive(fixture, "a.tar.gz", &error));
    expect_message(&error, CRONOS_ERROR_CANCELLED, "about to end");
    assert_null(try_archive(fixture, "a.tar", &error));
    expect_message(&error, CRONOS_ERROR_CANCELLED, "about to end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, while nothing else has taken memory. */
        cmocka_unit_test_setup_teardown(test_many_hard_links_take_little, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chains_of_hard_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_holes_without_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decoding_has_a_limit_whatever_headers_say, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_headers_have_a_limit, set_up, tear_down),
        /* Last: it is for good. */
        cmocka_unit_test_setup_teardown(test_halt, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("archive-limits", tests, NULL, NULL);
}
