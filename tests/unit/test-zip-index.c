/* SPDX-License-Identifier: MIT
 * test-zip-index.c - the table of members: names, attributes, end records, hostile directories */
#include "tests/unit/zip-fixtures.h"

#include "core/error.h"
#include "core/zip/zip-header.h"
#include "core/zip/zip-index.h"
#include "core/zip/zip-tree.h"

#include <sys/stat.h>
#include <time.h>

typedef struct {
    char *directory;
    int fd;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = temporary_new();
    fixture->fd = -1;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    if (fixture->fd >= 0)
        close(fixture->fd);
    temporary_free(fixture->directory);
    g_free(fixture);
    return 0;
}

static CronosZipIndex *try_index(Fixture *fixture, const char *name, GError **error)
{
    if (fixture->fd >= 0)
        close(fixture->fd);
    fixture->fd = open_file(fixture->directory, name);
    return cronos_zip_index_open(fixture->fd, error);
}

static CronosZipIndex *open_index(Fixture *fixture, const char *name)
{
    g_autoptr(GError) error = NULL;
    CronosZipIndex *index = try_index(fixture, name, &error);

    if (index == NULL)
        fail_msg("%s: %s", name, error->message);
    return index;
}

static CronosZipIndex *crafted(Fixture *fixture, const char *script)
{
    run_python(fixture->directory, script);
    return open_index(fixture, "a.zip");
}

static void expect_error(Fixture *fixture, const char *name, int code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosZipIndex) index = try_index(fixture, name, &error);

    assert_null(index);
    assert_non_null(error);
    if (!g_error_matches(error, CRONOS_ERROR, code))
        fail_msg("%s: unexpected error: %s", name, error->message);
}

/* Every path below the top folder, in the table's order, "/" after folders, one a line. */
static char *listing(const CronosZipIndex *index)
{
    GString *text = g_string_new(NULL);

    for (guint32 entry = 1; entry < cronos_zip_index_count(index); entry++) {
        g_autoptr(GString) path = g_string_new(NULL);

        for (guint32 at = entry; at != CRONOS_ENTRY_ROOT; at = cronos_zip_index_parent(index, at)) {
            gsize length;
            const char *name = cronos_zip_index_name(index, at, &length);

            if (path->len > 0)
                g_string_prepend_c(path, '/');
            g_string_prepend_len(path, name, (gssize)length);
        }
        g_string_append_len(text, path->str, (gssize)path->len);
        g_string_append(text, cronos_zip_index_is_directory(index, entry) ? "/\n" : "\n");
    }
    return g_string_free(text, FALSE);
}

static void expect_listing(const CronosZipIndex *index, const char *expected)
{
    g_autofree char *text = listing(index);

    assert_string_equal(text, expected);
}

static guint32 look_up(const CronosZipIndex *index, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    guint32 entry = CRONOS_ENTRY_ROOT;

    for (guint i = 0; parts[i] != NULL && entry != CRONOS_ENTRY_NONE; i++)
        entry = cronos_zip_index_lookup(index, entry, parts[i], strlen(parts[i]));
    return entry;
}

static CronosMemberInfo info_of(const CronosZipIndex *index, const char *path)
{
    guint32 entry = look_up(index, path);
    CronosMemberInfo info;

    if (entry == CRONOS_ENTRY_NONE)
        fail_msg("%s is not there", path);
    assert_true(cronos_zip_index_info(index, entry, &info, NULL));
    return info;
}

/* What holds of every table, whatever the archive. */
static void check_table(const CronosZipIndex *index)
{
    guint32 count = cronos_zip_index_count(index), next = 1;

    for (guint32 entry = 0; entry < count; entry++) {
        guint32 first, children;
        const char *before = NULL;
        gsize before_length = 0;

        cronos_zip_index_children(index, entry, &first, &children);
        assert_int_equal(first, next);
        if (!cronos_zip_index_is_directory(index, entry))
            assert_int_equal(children, 0);
        for (guint32 child = first; child < first + children; child++) {
            gsize length;
            const char *name = cronos_zip_index_name(index, child, &length);

            assert_int_equal(cronos_zip_index_parent(index, child), entry);
            assert_int_equal(cronos_zip_index_lookup(index, entry, name, length), child);
            assert_true(length > 0);
            assert_null(memchr(name, '/', length));
            assert_null(memchr(name, '\0', length));
            if (before != NULL) {
                int order = memcmp(before, name, MIN(before_length, length));

                assert_true(order < 0 || (order == 0 && before_length < length));
            }
            before = name;
            before_length = length;
        }
        next += children;
    }
    assert_int_equal(next, count);
}

static guint64 repairs_of(const CronosZipIndex *index)
{
    return cronos_zip_index_repairs(index, NULL);
}

static void test_tree(void **state)
{
    g_autoptr(CronosZipIndex) index =
        crafted(*state, "craft('a.zip', [f(b'b/z'), f(b'a'), f(b'b/y/1'), f(b'c/'), f(b'b/a'),"
                        " f(b'b/y/0'), f(b'b-'), f(b'b')][:7])");

    expect_listing(index, "a\nb/\nb-\nc/\nb/a\nb/y/\nb/z\nb/y/0\nb/y/1\n");
    check_table(index);
    assert_int_equal(repairs_of(index), 0);
    assert_true(info_of(index, "b").implied);
    assert_false(info_of(index, "c").implied);
    assert_int_equal(look_up(index, "b/nothing"), CRONOS_ENTRY_NONE);
    assert_int_equal(look_up(index, "a/a"), CRONOS_ENTRY_NONE);
    assert_int_equal(cronos_zip_index_parent(index, CRONOS_ENTRY_ROOT), CRONOS_ENTRY_ROOT);
    assert_true(cronos_zip_index_memory_bytes(index) < 2000);
}

static void test_sorting_is_by_bytes(void **state)
{
    g_autoptr(CronosZipIndex) index = crafted(
        *state,
        "import random\n"
        "names = [b'common-prefix-%d' % i for i in range(300)] + [b'\\xff', b'A', b'a', b'Z']\n"
        "names += [b'common-prefix-' + bytes([c]) * 9 for c in range(1, 256) if c != 47]\n"
        "random.Random(7).shuffle(names)\n"
        "craft('a.zip', [f(b'd/' + n) for n in names])");

    assert_int_equal(cronos_zip_index_count(index), 2 + 300 + 4 + 254);
    check_table(index);
}

static void test_empty_archive(void **state)
{
    g_autoptr(CronosZipIndex) index = crafted(*state, "craft('a.zip', [])");
    guint32 first, count;
    gsize length = 1;

    assert_int_equal(cronos_zip_index_count(index), 1);
    cronos_zip_index_children(index, CRONOS_ENTRY_ROOT, &first, &count);
    assert_int_equal(count, 0);
    assert_null(cronos_zip_index_comment(index, &length));
    assert_int_equal(length, 0);
}

static void test_unsafe_names(void **state)
{
    g_autoptr(CronosZipIndex) index = crafted(
        *state, "craft('a.zip', [f(b'../../etc/passwd'), f(b'/abs/file'), f(b'a//b'),"
                " f(b'a/./c'), f(b'a/..'), f(b'..'), f(b'.'), f(b'n\\0ul'), f(b''), f(b'/'),"
                " f(b'x/../../y')])");
    const GPtrArray *notes = NULL;

    expect_listing(index, "_\n__/\na/\nabs/\nn_ul\nx/\n__/__/\na/__\na/b\na/c\nabs/file\nx/__/\n"
                          "__/__/etc/\nx/__/__/\n__/__/etc/passwd\nx/__/__/y\n");
    check_table(index);
    assert_int_equal(cronos_zip_index_repairs(index, &notes), 12);
    assert_int_equal(notes->len, 12);
}

static void test_dot_slash_is_no_repair(void **state)
{
    g_autoptr(CronosZipIndex) index =
        crafted(*state, "craft('a.zip', [f(b'./', b'', attributes=(0o40750 << 16)), f(b'./a'),"
                        " f(b'./d/'), f(b'./d/e')])");
    CronosMemberInfo top;

    expect_listing(index, "a\nd/\nd/e\n");
    assert_int_equal(repairs_of(index), 0);
    assert_true(cronos_zip_index_info(index, CRONOS_ENTRY_ROOT, &top, NULL));
    assert_int_equal(top.mode, S_IFDIR | 0750);
}

static void test_duplicates(void **state)
{
    g_autoptr(CronosZipIndex) index = crafted(
        *state, "craft('a.zip', [f(b'a', b'first'), f(b'b', b'file'), f(b'b/c'), f(b'a', b'22'),"
                " f(b'd/', b'', attributes=(0o40700 << 16)), f(b'a', b'last one'), f(b'x/y'),"
                " f(b'd/', b'', attributes=(0o40711 << 16)), f(b'x')])");
    const GPtrArray *notes = NULL;

    expect_listing(index, "a\nb/\nd/\nx/\nb/c\nx/y\n");
    check_table(index);
    assert_int_equal(info_of(index, "a").size_bytes, 8);
    assert_int_equal(info_of(index, "d").mode, S_IFDIR | 0711);
    assert_int_equal(cronos_zip_index_repairs(index, &notes), 5);
    assert_int_equal(notes->len, 5);
}

static void test_cp437(void **state)
{
    /* Python's codec is the oracle for the whole table. */
    g_autoptr(CronosZipIndex) index = crafted(
        *state,
        "high = bytes(range(128, 256))\n"
        "craft('a.zip', [f(b'd/' + high, made_by=0), f(b'unix' + high[:3], made_by=3),\n"
        "  f('utf8-\\u00e9'.encode(), made_by=0), f(b'flag\\x82', made_by=0, flags=0x800)])\n"
        "open('name', 'wb').write(high.decode('cp437').encode())");
    Fixture *fixture = *state;
    g_autofree char *path = g_build_filename(fixture->directory, "name", NULL);
    g_autofree char *decoded = NULL;
    gsize length = 0;

    assert_true(g_file_get_contents(path, &decoded, &length, NULL));
    guint32 folder = look_up(index, "d");
    assert_int_not_equal(folder, CRONOS_ENTRY_NONE);
    assert_int_not_equal(cronos_zip_index_lookup(index, folder, decoded, length),
                         CRONOS_ENTRY_NONE);
    assert_int_not_equal(look_up(index, "unix\x80\x81\x82"), CRONOS_ENTRY_NONE);
    assert_int_not_equal(look_up(index, "utf8-\xc3\xa9"), CRONOS_ENTRY_NONE);
    assert_int_not_equal(look_up(index, "flag\x82"), CRONOS_ENTRY_NONE);
    assert_int_equal(repairs_of(index), 0);
    check_table(index);
}

static void test_unicode_path_field(void **state)
{
    g_autoptr(CronosZipIndex) index = crafted(
        *state,
        "def up(name, raw, version=1):\n"
        "    body = struct.pack('<BI', version, zlib.crc32(raw)) + name\n"
        "    return b'UT\\5\\0\\1\\0\\0\\0\\0' + struct.pack('<HH', 0x7075, len(body)) + body\n"
        "good = 'd/\\u4e2d\\u6587'.encode()\n"
        "craft('a.zip', [f(b'd/__', extra=up(good, b'd/__')), f(b'stale', extra=up(good, "
        "b'old')),\n"
        "  f(b'invalid', extra=up(b'\\xff', b'invalid')), f(b'version', extra=up(good, b'version', "
        "2)),\n"
        "  f(b'short', extra=struct.pack('<HH', 0x7075, 900) + b'x'), f(b'd/after')])");

    expect_listing(index,
                   "d/\ninvalid\nshort\nstale\nversion\nd/after\nd/\xe4\xb8\xad\xe6\x96\x87\n");
}

static void test_backslashes(void **state)
{
    g_autoptr(CronosZipIndex) index = crafted(
        *state,
        "craft('a.zip', [f(b'dos\\\\sub\\\\file', made_by=0), f(b'nt\\\\', b'', made_by=10),"
        " f(b'unix\\\\name', made_by=3), f(b'mixed/a\\\\b', made_by=0)])");

    expect_listing(index, "dos/\nmixed/\nnt/\nunix\\name\ndos/sub/\nmixed/a\\b\ndos/sub/file\n");
    assert_int_equal(repairs_of(index), 0);
}

static void test_attributes(void **state)
{
    g_autoptr(CronosZipIndex) index = crafted(
        *state,
        "u = lambda mode: mode << 16\n"
        "craft('a.zip', [f(b'setuid', attributes=u(0o104755)), f(b'fifo', attributes=u(0o10600)),\n"
        "  f(b'device', attributes=u(0o60640)), f(b'link', b'to', attributes=u(0o120777)),\n"
        "  f(b'dir-by-mode', b'', attributes=u(0o40755)), f(b'dir-with-bytes', b'x', "
        "attributes=u(0o40755)),\n"
        "  f(b'dos-dir', b'', made_by=0, attributes=16), f(b'read-only', made_by=0, "
        "attributes=1),\n"
        "  f(b'plain', made_by=0, attributes=32), f(b'no-type', attributes=u(0o600)),\n"
        "  f(b'odd', made_by=10, attributes=u(0o600)), f(b'nt-unix', made_by=10, "
        "attributes=u(0o100640)),\n"
        "  f(b'd/', b'', attributes=u(0o40700) | 16), f(b'none')])");

    assert_int_equal(info_of(index, "setuid").mode, S_IFREG | 04755);
    assert_int_equal(info_of(index, "fifo").mode, S_IFREG | 0600);
    assert_int_equal(info_of(index, "device").mode, S_IFREG | 0640);
    assert_int_equal(info_of(index, "link").kind, CRONOS_MEMBER_SYMLINK);
    assert_int_equal(info_of(index, "link").mode, S_IFLNK | 0777);
    assert_int_equal(info_of(index, "link").size_bytes, 2);
    assert_int_equal(info_of(index, "dir-by-mode").kind, CRONOS_MEMBER_DIRECTORY);
    assert_int_equal(info_of(index, "dir-with-bytes").kind, CRONOS_MEMBER_FILE);
    assert_int_equal(info_of(index, "dos-dir").mode, S_IFDIR | 0755);
    assert_int_equal(info_of(index, "read-only").mode, S_IFREG | 0444);
    assert_int_equal(info_of(index, "plain").mode, S_IFREG | 0644);
    assert_false(info_of(index, "plain").has_mode);
    assert_int_equal(info_of(index, "no-type").mode, S_IFREG | 0600);
    assert_true(info_of(index, "no-type").has_mode);
    assert_false(info_of(index, "odd").has_mode);
    assert_int_equal(info_of(index, "nt-unix").mode, S_IFREG | 0640);
    assert_int_equal(info_of(index, "d").mode, S_IFDIR | 0700);
    assert_int_equal(info_of(index, "none").mode, S_IFREG | 0644);
}

#define SECOND G_GINT64_CONSTANT(1000000000)

static void test_times_and_owners(void **state)
{
    g_autoptr(CronosZipIndex) index = crafted(
        *state, "def x(id, body): return struct.pack('<HH', id, len(body)) + body\n"
                "ut = lambda t: x(0x5455, struct.pack('<Bi', 1, t))\n"
                "ft = lambda t: (t + 11644473600) * 10**7 + 1234567\n"
                "ntfs = lambda t: x(0x000a, bytes(4) + struct.pack('<HHQQQ', 1, 24, ft(t), 0, 0))\n"
                "cr = lambda ns, c, ino, s=None: x(0x5243, struct.pack('<Bq', len(ino) | "
                "(16 if ns else 0) | (32 if s is not None else 0), c) + ino + "
                "(struct.pack('<I', ns) if ns else b'') + "
                "(b'' if s is None else struct.pack('<q', s)))\n"
                "ux = lambda u, g, n=4: x(0x7875, bytes([1, n]) + u.to_bytes(n, 'little') + "
                "bytes([n]) + g.to_bytes(n, 'little'))\n"
                "craft('a.zip', [f(b'ut', extra=ut(1600000000) + ux(1000, 100)), f(b'ut-negative', "
                "extra=ut(-5)),\n"
                "  f(b'ut-late', extra=ut(-2), date=(60 << 9) | 0x21), f(b'ntfs', extra=ut(5) + "
                "ntfs(1700000000)),\n"
                "  f(b'cr', extra=ut(1600000001) + ntfs(7) + cr(123456789, -42, b'\\x01\\x02')),\n"
                "  f(b'cr-far', extra=cr(5, 77, b'\\x09', 5000000000)), f(b'cr-alone', extra=cr(5, "
                "77, b'\\x09')),\n"
                "  f(b'cr-whole', extra=ut(11) + cr(0, 78, b'\\x08')),\n"
                "  f(b'cr-short', extra=ut(12) + x(0x5243, cr(7, 78, b'\\x08')[4:-1])),\n"
                "  f(b'cr-bad', extra=ut(9) + cr(10**9, 77, b'\\x09')),\n"
                "  f(b'unix1', extra=x(0x5855, struct.pack('<iiHH', 1, 1500000000, 7, 8))),\n"
                "  f(b'unix2', extra=x(0x7855, struct.pack('<HH', 70, 80))), f(b'big-id', "
                "extra=ux(2**33, 1, 8)),\n"
                "  f(b'owner-short', extra=x(0x7875, b'\\1\\4\\1\\2'))])");

    assert_int_equal(info_of(index, "ut").mtime_ns, 1600000000 * SECOND);
    assert_true(info_of(index, "ut").has_owner);
    assert_int_equal(info_of(index, "ut").uid, 1000);
    assert_int_equal(info_of(index, "ut").gid, 100);
    assert_int_equal(info_of(index, "ut-negative").mtime_ns, -5 * SECOND);
    assert_int_equal(info_of(index, "ut-late").mtime_ns, G_GINT64_CONSTANT(4294967294) * SECOND);
    assert_int_equal(info_of(index, "ntfs").mtime_ns, 1700000000 * SECOND + 123456700);
    assert_int_equal(info_of(index, "cr").mtime_ns, 1600000001 * SECOND + 123456789);
    assert_true(info_of(index, "cr").has_identity);
    assert_int_equal(info_of(index, "cr").ctime_ns, -42);
    assert_int_equal(info_of(index, "cr").inode, 0x0201);
    assert_int_equal(info_of(index, "cr-far").mtime_ns, 5000000000 * SECOND + 5);
    assert_false(info_of(index, "cr-alone").has_identity);
    assert_int_equal(info_of(index, "cr-whole").mtime_ns, 11 * SECOND);
    assert_int_equal(info_of(index, "cr-whole").inode, 8);
    assert_false(info_of(index, "cr-short").has_identity);
    assert_false(info_of(index, "cr-bad").has_identity);
    assert_int_equal(info_of(index, "cr-bad").mtime_ns, 9 * SECOND);
    assert_int_equal(info_of(index, "unix1").mtime_ns, 1500000000 * SECOND);
    assert_int_equal(info_of(index, "unix1").uid, 7);
    assert_int_equal(info_of(index, "unix2").gid, 80);
    assert_false(info_of(index, "big-id").has_owner);
    assert_false(info_of(index, "owner-short").has_owner);
}

static gint64 local_time(int year, int month, int day, int hour, int minute, int second)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second,
                    .tm_isdst = -1};

    return (gint64)mktime(&tm) * SECOND;
}

static gint64 dos(int year, int month, int day, int hour, int minute, int second)
{
    return cronos_zip_dos_time_ns((guint16)((year - 1980) << 9 | month << 5 | day),
                                  (guint16)(hour << 11 | minute << 5 | second / 2));
}

static void test_dos_times(void **state)
{
    for (int day = 1; day <= 31; day++) {
        for (int hour = 0; hour < 24; hour++) {
            /* March and October change the clock where the tests' time zone is. */
            assert_int_equal(dos(2024, 3, day, hour, 30, 58),
                             local_time(2024, 3, day, hour, 30, 58));
            assert_int_equal(dos(2024, 10, day, hour, 7, 2), local_time(2024, 10, day, hour, 7, 2));
        }
    }
    assert_int_equal(dos(2107, 12, 31, 23, 59, 58), local_time(2107, 12, 31, 23, 59, 58));
    assert_int_equal(dos(1980, 0, 0, 0, 0, 0), local_time(1980, 1, 1, 0, 0, 0));
    assert_int_equal(dos(2023, 2, 31, 0, 0, 0), local_time(2023, 2, 28, 0, 0, 0));
    assert_int_equal(dos(2024, 15, 31, 31, 63, 62), local_time(2024, 12, 31, 23, 59, 59));
}

static void test_zip64(void **state)
{
    Fixture *fixture = *state;

    run_python(
        fixture->directory,
        "with zipfile.ZipFile('a.zip', 'w') as z:\n"
        "    for i in range(70000): z.writestr(zipfile.ZipInfo('d/%d' % i), b'')\n"
        "b = bytearray(open('a.zip', 'rb').read()); at = b.rindex(b'PK\\6\\6')\n"
        "b[at + 32] ^= 1; open('count.zip', 'wb').write(b)\n"
        "z64 = lambda *v: struct.pack('<HH', 1, 8 * len(v)) + struct.pack('<%dQ' % len(v), *v)\n"
        "craft('b.zip', [f(b'a', size=0xffffffff, packed=0xffffffff, extra=z64(2**40, 2**41)),\n"
        "  f(b'b', offset=0xffffffff, extra=z64(2**42)), f(b'c', size=0xffffffff, "
        "extra=b'\\1\\0\\4\\0aaaa'),\n"
        "  f(b'd', size=0xffffffff), f(b'e', disk=3)])");
    g_autoptr(CronosZipIndex) many = open_index(fixture, "a.zip");
    assert_int_equal(cronos_zip_index_count(many), 70002);
    check_table(many);
    expect_error(fixture, "count.zip", CRONOS_ERROR_DAMAGED);

    g_autoptr(CronosZipIndex) sizes = open_index(fixture, "b.zip");
    g_autoptr(GError) error = NULL;
    CronosZipExtent extent;
    CronosMemberInfo info;
    assert_int_equal(info_of(sizes, "a").size_bytes, G_GUINT64_CONSTANT(1) << 40);
    assert_int_equal(info_of(sizes, "a").stored_bytes, G_GUINT64_CONSTANT(1) << 41);
    assert_true(cronos_zip_index_extent(sizes, look_up(sizes, "b"), &extent, NULL));
    assert_int_equal(extent.header_offset, G_GUINT64_CONSTANT(1) << 42);
    assert_false(cronos_zip_index_info(sizes, look_up(sizes, "c"), &info, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
    assert_int_equal(info_of(sizes, "d").size_bytes, 0xffffffffu);
    g_clear_error(&error);
    assert_false(cronos_zip_index_extent(sizes, look_up(sizes, "e"), &extent, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED));
}

/* 65,536 members without ZIP64 records count as 0. */
static void test_count_wraps(void **state)
{
    g_autoptr(CronosZipIndex) index =
        crafted(*state, "craft('a.zip', [f(b'%d' % i, b'') for i in range(65536)])");

    assert_int_equal(cronos_zip_index_count(index), 65537);
}

static void test_prefix_and_tail(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               "craft('sfx.zip', [f(b'a', b'data')], prefix=b'#!/bin/sh\\n' * 50)\n"
               "craft('tail.zip', [f(b'a', b'data')], tail=b'garbage' * 9)\n"
               "craft('both.zip', [f(b'a', b'data')], prefix=b'#!/bin/sh\\n', tail=b'garbage')\n"
               "craft('inner.zip', [f(b'inner', b'wrong')])\n"
               "inner = open('inner.zip', 'rb').read()\n"
               "craft('whole.zip', [f(b'inner.zip', inner), f(b'more', b'z' * 99)])\n"
               "w = open('whole.zip', 'rb').read(); cut = w.index(inner) + len(inner)\n"
               "open('cut.zip', 'wb').write(w[:cut]); open('cut2.zip', 'wb').write(w[:cut + 20])\n"
               "craft('comment.zip', [f(b'a', b'data')], comment=inner)\n"
               "with zipfile.ZipFile('z64.zip', 'w') as z:\n"
               "    for i in range(65600): z.writestr(zipfile.ZipInfo('%d' % i), b'')\n"
               "b = open('z64.zip', 'rb').read(); open('z64sfx.zip', 'wb').write(b'MZ head' + b)");
    g_autoptr(CronosZipIndex) sfx = open_index(fixture, "sfx.zip");
    CronosZipExtent extent;
    expect_listing(sfx, "a\n");
    assert_true(cronos_zip_index_extent(sfx, 1, &extent, NULL));
    assert_int_equal(extent.header_offset, 500);

    g_autoptr(CronosZipIndex) tail = open_index(fixture, "tail.zip");
    expect_listing(tail, "a\n");
    expect_error(fixture, "both.zip", CRONOS_ERROR_DAMAGED);
    /* What is left of an archive must never pass for the archive inside of it. */
    expect_error(fixture, "cut.zip", CRONOS_ERROR_DAMAGED);
    expect_error(fixture, "cut2.zip", CRONOS_ERROR_DAMAGED);
    g_autoptr(CronosZipIndex) whole = open_index(fixture, "whole.zip");
    expect_listing(whole, "inner.zip\nmore\n");
    g_autoptr(CronosZipIndex) comment = open_index(fixture, "comment.zip");
    expect_listing(comment, "a\n");

    g_autoptr(CronosZipIndex) z64 = open_index(fixture, "z64sfx.zip");
    assert_int_equal(cronos_zip_index_count(z64), 65601);
    assert_true(cronos_zip_index_extent(z64, 1, &extent, NULL));
    assert_int_equal(extent.header_offset, 7);
}

static void test_comments(void **state)
{
    Fixture *fixture = *state;
    static const int lengths[] = {0, 1, 4000, 4074, 4075, 5000, 65535};

    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autofree char *script =
            g_strdup_printf("craft('a.zip', [f(b'a'), f(b'b')], comment=b'c' * %d)", lengths[i]);
        g_autoptr(CronosZipIndex) index = crafted(fixture, script);
        gsize length = 7;
        guint64 members = 0;
        const char *comment = cronos_zip_index_comment(index, &length);

        assert_int_equal(length, lengths[i]);
        assert_true((comment != NULL) == (length > 0));
        g_autofree char *read = cronos_zip_read_comment(fixture->fd, &length, &members, NULL);
        assert_non_null(read);
        assert_int_equal(length, lengths[i]);
        assert_int_equal(members, 2);
        assert_int_equal(strspn(read, "c"), length);
        assert_int_equal(read[length], '\0');
    }
}

static void test_not_archives(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               "open('empty', 'wb'); open('text', 'wb').write(b'text\\n' * 20000)\n"
               "open('marks', 'wb').write(b'PK\\5\\6' * 30000)\n"
               "open('zeros', 'wb').write(b'PK\\5\\6' + bytes(17))\n"
               "craft('count.zip', [f(b'a'), f(b'b')], count=3)\n"
               "craft('count1.zip', [f(b'a'), f(b'b')], count=1)\n"
               "b = lambda: bytearray(open('count1.zip', 'rb').read())\n"
               "a = b(); a[-18] = a[-16] = 1; open('disk.zip', 'wb').write(a)\n"
               "a = b(); a[-12] = 2; a[-14] = 2; a[a.rindex(b'PK\\1\\2')] = 0; open('sig.zip', "
               "'wb').write(a)");
    expect_error(fixture, "empty", CRONOS_ERROR_DAMAGED);
    expect_error(fixture, "text", CRONOS_ERROR_DAMAGED);
    expect_error(fixture, "marks", CRONOS_ERROR_DAMAGED);
    expect_error(fixture, "zeros", CRONOS_ERROR_DAMAGED);
    expect_error(fixture, "count.zip", CRONOS_ERROR_DAMAGED);
    expect_error(fixture, "count1.zip", CRONOS_ERROR_DAMAGED);
    expect_error(fixture, "disk.zip", CRONOS_ERROR_UNSUPPORTED);
    expect_error(fixture, "sig.zip", CRONOS_ERROR_DAMAGED);

    g_autoptr(GError) error = NULL;
    int fd = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_null(cronos_zip_index_open(fd, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED));
    close(fd);
}

static void test_depth_and_length_limits(void **state)
{
    g_autoptr(CronosZipIndex) index = crafted(
        *state,
        "craft('a.zip', [f(b'a/' * 30000 + b'x'), f(b'b/' * 2000 + b'x'), f(b'n' * 255),\n"
        "  f(b'm' * 1023), f(b'm' * 1024), f(b'm' * 65535), f(b'd/' + b'k' * 2000 + b'/x'),\n"
        "  f(b'/' * 60000), f(b'./' * 30000)])");

    check_table(index);
    assert_int_equal(cronos_zip_index_count(index), 1 + 2001 + 2);
    assert_int_equal(look_up(index, "a"), CRONOS_ENTRY_NONE);
    assert_int_equal(repairs_of(index), 6);
}

static void test_implied_folders_are_bounded(void **state)
{
    /* 64 MB of names that are all folders: far more than the directory's bytes are worth. */
    g_autoptr(CronosZipIndex) index = crafted(
        *state, "craft('a.zip', [f(b'%07d/' % i + b'a/' * 2000 + b'x', b'') for i in range(600)])");

    check_table(index);
    assert_true(cronos_zip_index_count(index) < 65536 + 600 * (46 + 4009) / 8 + 1200);
    assert_true(repairs_of(index) > 0);
    const GPtrArray *notes = NULL;
    cronos_zip_index_repairs(index, &notes);
    assert_true(notes->len <= CRONOS_ZIP_REPAIR_NOTES);
}

static void test_file_shrinks_under_the_map(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(CronosZipIndex) index =
        crafted(fixture, "craft('a.zip', [f(b'file%06d' % i, b'') for i in range(20000)])");
    g_autofree char *path = g_build_filename(fixture->directory, "a.zip", NULL);
    g_autoptr(GError) error = NULL;
    CronosMemberInfo info;
    gsize length;

    assert_int_equal(truncate(path, 100), 0);
    assert_false(cronos_zip_index_info(index, 20000, &info, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
    for (guint32 entry = 1; entry < cronos_zip_index_count(index); entry++)
        assert_non_null(cronos_zip_index_name(index, entry, &length));
    assert_int_equal(cronos_zip_index_lookup(index, 0, "file004999", 10), CRONOS_ENTRY_NONE);
}

/* A small directory is held in memory. */
static void test_file_shrinks_under_a_small_index(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(CronosZipIndex) index =
        crafted(fixture, "craft('a.zip', [f(b'file%06d' % i, b'') for i in range(5000)])");
    g_autofree char *path = g_build_filename(fixture->directory, "a.zip", NULL);
    CronosMemberInfo info;

    assert_true(cronos_zip_index_memory_bytes(index) > 5000 * 46);
    assert_int_equal(truncate(path, 100), 0);
    assert_true(cronos_zip_index_info(index, 5000, &info, NULL));
    assert_int_equal(cronos_zip_index_lookup(index, 0, "file004999", 10), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, since cmocka sets handlers of its own before each test, and the library's must be
         * installed over them. */
        cmocka_unit_test_setup_teardown(test_file_shrinks_under_the_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_shrinks_under_a_small_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sorting_is_by_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_archive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unsafe_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dot_slash_is_no_repair, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_duplicates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cp437, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unicode_path_field, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backslashes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_attributes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_times_and_owners, set_up, tear_down),
        cmocka_unit_test(test_dos_times),
        cmocka_unit_test_setup_teardown(test_zip64, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_count_wraps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prefix_and_tail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_comments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_archives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth_and_length_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_implied_folders_are_bounded, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("zip-index", tests, NULL, NULL);
}
