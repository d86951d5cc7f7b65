/* SPDX-License-Identifier: MIT
 * test-zip-remains.c - finding members in damaged archives, by their local headers */
#include "tests/unit/zip-fixtures.h"

#include "core/error.h"
#include "core/zip/zip-local.h"
#include "core/zip/zip-remains.h"

#include <string.h>

typedef struct {
    char *directory;
    int fd;
    CronosZipRemains *remains;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = temporary_new();
    fixture->fd = -1;
    *state = fixture;
    return 0;
}

static void close_archive(Fixture *fixture)
{
    g_clear_pointer(&fixture->remains, cronos_zip_remains_free);
    if (fixture->fd >= 0)
        close(fixture->fd);
    fixture->fd = -1;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    close_archive(fixture);
    temporary_free(fixture->directory);
    g_free(fixture);
    return 0;
}

/* @script: Python that writes a.zip; "raw" is a bytearray of its bytes for @damage to change. */
static void find(Fixture *fixture, const char *script, const char *damage)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *whole = g_strconcat(script, "\nraw = bytearray(open('a.zip', 'rb').read())\n",
                                         damage, "\nopen('a.zip', 'wb').write(raw)\n", NULL);

    close_archive(fixture);
    run_python(fixture->directory, whole);
    fixture->fd = open_file(fixture->directory, "a.zip");
    fixture->remains = cronos_zip_remains_find(fixture->fd, NULL, NULL, &error);
    if (fixture->remains == NULL)
        fail_msg("%s", error->message);
}

static void append_name(const Fixture *fixture, guint32 number, GString *out)
{
    g_autofree guint8 *bytes = NULL;
    CronosZipHeader header;

    assert_true(cronos_zip_remains_header(fixture->remains, number, FALSE, &header, &bytes, NULL));
    g_string_append_len(out, (const char *)header.name, (gssize)header.name_length);
}

/* "a b- c+": - a member that is lost, + one that has no central header. */
static void expect(const Fixture *fixture, const char *wanted)
{
    g_autoptr(GString) found = g_string_new(NULL);

    for (guint32 i = 0; i < cronos_zip_remains_count(fixture->remains); i++) {
        const CronosZipRemain *member = cronos_zip_remains_get(fixture->remains, i);

        g_string_append(found, i > 0 ? " " : "");
        append_name(fixture, i, found);
        g_string_append(found, member->reason != NULL ? "-" : "");
        g_string_append(found, member->central == CRONOS_ZIP_NOWHERE ? "+" : "");
    }
    assert_string_equal(found->str, wanted);
}

static void expect_missing(const Fixture *fixture, gboolean known, guint64 wanted)
{
    guint64 missing;

    assert_int_equal(cronos_zip_remains_count_missing(fixture->remains, &missing), known);
    assert_int_equal(missing, wanted);
}

static void expect_sizes(const Fixture *fixture, guint32 number, guint64 stored, guint64 size)
{
    const CronosZipRemain *member = cronos_zip_remains_get(fixture->remains, number);

    assert_int_equal(member->extent.stored_bytes, stored);
    assert_int_equal(member->extent.size_bytes, size);
}

#define THREE                                                                                      \
    "craft('a.zip', [f(b'a', b'A' * 50), f(b'b', b'B' * 5000, method=8), f(b'c/', b'')])\n"
#define DIRECTORY "at = raw.index(b'PK\\1\\2'); end = raw.rindex(b'PK\\5\\6')\n"

static void test_whole_archive(void **state)
{
    find(*state, THREE, "");
    expect(*state, "a b c/");
    assert_true(cronos_zip_remains_has_directory(((Fixture *)*state)->remains));
    expect_missing(*state, TRUE, 0);
}

static void test_empty_archive(void **state)
{
    find(*state, "craft('a.zip', [])\n", "");
    expect(*state, "");
    expect_missing(*state, TRUE, 0);
}

static void test_no_archive(void **state)
{
    find(*state, "open('a.zip', 'wb').write(b'PK' * 70000 + b'PK\\3\\4' * 9)\n", "");
    expect(*state, "");
    expect_missing(*state, FALSE, 0);
}

static void test_directory_zeroed(void **state)
{
    find(*state, THREE, DIRECTORY "raw[at:end] = bytes(end - at)");
    expect(*state, "a+ b+ c/+");
    assert_false(cronos_zip_remains_has_directory(((Fixture *)*state)->remains));
    expect_missing(*state, TRUE, 0);
}

static void test_directory_and_end_zeroed(void **state)
{
    find(*state, THREE, DIRECTORY "raw[at:] = bytes(len(raw) - at)");
    expect(*state, "a+ b+ c/+");
    expect_missing(*state, FALSE, 0);
}

/* Members that follow each other up to the directory leave no room for others. */
static void test_end_record_cut_off(void **state)
{
    find(*state, THREE, DIRECTORY "del raw[end:]");
    expect(*state, "a b c/");
    expect_missing(*state, TRUE, 0);
}

static void test_one_central_header_damaged(void **state)
{
    find(*state, THREE, "at = raw.index(b'PK\\1\\2', raw.index(b'PK\\1\\2') + 4); raw[at] = 0");
    expect(*state, "a b+ c/");
    expect_missing(*state, TRUE, 0);
}

static void test_cut_within_a_member(void **state)
{
    find(*state,
         "import random\n"
         "craft('a.zip', [f(b'a'), f(b'b', random.Random(1).randbytes(5000), method=8), f(b'c')])",
         "del raw[2000:]");
    expect(*state, "a+ b-+");
    expect_missing(*state, FALSE, 0);
}

static void test_local_headers_damaged(void **state)
{
    find(*state, THREE, "raw[0] = 0");
    expect(*state, "a- b c/");
    /* The name alone: the central one counts. */
    find(*state, THREE, "raw[30] = 0x78");
    expect(*state, "a b c/");
}

static void test_member_without_any_header(void **state)
{
    find(*state, THREE, DIRECTORY "raw[0] = 0; raw[at:end] = bytes(end - at)");
    expect(*state, "b+ c/+");
    expect_missing(*state, TRUE, 1);
}

/* Where the directory disagrees with a local header, the bytes tell who is right. */
static void test_either_header_may_be_right(void **state)
{
    find(*state, THREE, DIRECTORY "raw[at + 16] ^= 1");
    expect(*state, "a b c/");
    find(*state, THREE, "raw[14] ^= 1");
    expect(*state, "a b c/");
    find(*state, THREE, DIRECTORY "raw[at + 16] ^= 1; raw[14] ^= 2");
    expect(*state, "a- b c/");
}

#define DESCRIBED                                                                                  \
    "import random\n"                                                                              \
    "noise = random.Random(1).randbytes(70000)\n"                                                  \
    "def described(method, layout):\n"                                                             \
    "    out = bytearray()\n"                                                                      \
    "    for name, data in ((b'a', b'A' * 5000), (b'b', noise)):\n"                                \
    "        c = zlib.compressobj(9, 8, -15)\n"                                                    \
    "        stored = c.compress(data) + c.flush() if method == 8 else data\n"                     \
    "        out += struct.pack('<IHHHHHIIIHH', 0x04034b50, 20, 8, method, 0, 0x5821, 0, 0, 0,\n"  \
    "            len(name), 0) + name + stored\n"                                                  \
    "        layout_ = layout[-3:]\n"                                                              \
    "        if layout[0] == 'S': out += struct.pack('<I', 0x08074b50)\n"                          \
    "        out += struct.pack('<' + layout_, zlib.crc32(data), len(stored), len(data))\n"        \
    "    open('a.zip', 'wb').write(out)\n"

/* APPNOTE 4.3.9: with and without signature, of 32 and of 64 bits. */
static void test_descriptors(void **state)
{
    static const char *const layouts[] = {"SIII", "III", "SIQQ", "IQQ"};

    for (guint i = 0; i < G_N_ELEMENTS(layouts); i++) {
        g_autofree char *script = g_strdup_printf(DESCRIBED "described(8, '%s')", layouts[i]);

        find(*state, script, "");
        expect(*state, "a+ b+");
        const CronosZipRemain *b = cronos_zip_remains_get(((Fixture *)*state)->remains, 1);
        assert_int_equal(b->extent.size_bytes, 70000);
        assert_true(b->extent.stored_bytes > 65536);
    }
}

static void test_descriptors_of_stored_members(void **state)
{
    find(*state, DESCRIBED "described(0, 'SIII')", "");
    expect(*state, "a+ b+");
    expect_sizes(*state, 0, 5000, 5000);
    expect_sizes(*state, 1, 70000, 70000);
}

static void test_descriptor_damaged(void **state)
{
    find(*state, DESCRIBED "described(8, 'SIII')", "raw[raw.index(b'PK\\7\\x08') + 4] ^= 1");
    expect(*state, "a-+ b+");
}

/* Without a directory, only the sizes say that what is in a stored archive is not in this one. */
static void test_nested_archive(void **state)
{
    static const char script[] = "craft('n.zip', [f(b'inner', b'I' * 300), f(b'other', b'O')])\n"
                                 "n = open('n.zip', 'rb').read()\n"
                                 "craft('a.zip', [f(b'a'), f(b'n.zip', n), f(b'z', b'Z' * 40)])\n";

    find(*state, script, "");
    expect(*state, "a n.zip z");
    find(*state, script, "del raw[raw.rindex(b'ZZ') + 2:]");
    expect(*state, "a+ n.zip+ z+");
    /* A byte of it is wrong: whoever copies it will see. */
    find(*state, script, "raw[raw.index(b'IIII')] = 0");
    expect(*state, "a n.zip z");
    /* Cut in the middle of it. */
    find(*state, script, "del raw[raw.index(b'other') + 20:]");
    expect(*state, "a+ n.zip-+");
    /* One of its sizes is wrong, and too large. */
    find(*state, script,
         "raw[raw.index(b'n.zip') - 30 + 20] = 9\n"
         "del raw[raw.rindex(b'ZZ') + 2:]");
    expect(*state, "a+ n.zip+ z+");
}

/* A part of the file was lost, or put in: all offsets behind it are wrong, contents are not. */
static void test_shifted_members(void **state)
{
    static const char script[] =
        "craft('a.zip', [f(b'a', b'A' * 50), f(b'b', b'B' * 50), f(b'c', b'C' * 50)])\n";

    find(*state, script, "raw[40:40] = bytes(4096)");
    expect(*state, "a- b c");
    find(*state, script, "del raw[40:60]");
    expect(*state, "a- b c");
}

static void test_two_archives_joined(void **state)
{
    find(*state,
         "craft('1.zip', [f(b'a'), f(b'b', b'B' * 50)])\n"
         "craft('2.zip', [f(b'c', b'C' * 50), f(b'd')])\n"
         "open('a.zip', 'wb').write(open('1.zip', 'rb').read() + open('2.zip', 'rb').read())\n",
         "");
    expect(*state, "a b c d");
}

static void test_parts_the_directory_does_not_cover(void **state)
{
    /* What is between members that the directory names is found, but not an older one's bytes. */
    find(*state,
         "craft('1.zip', [f(b'extra', b'E' * 50), f(b'a', b'old')])\n"
         "e = open('1.zip', 'rb').read(); e = e[:e.index(b'PK\\1\\2')]\n"
         "craft('a.zip', [f(b'a'), f(b'b')])\n"
         "r = open('a.zip', 'rb').read(); at = r.index(b'PK\\1\\2')\n"
         "end = r.rindex(b'PK\\5\\6')\n"
         "r = bytearray(r[:at] + e + r[at:])\n"
         "struct.pack_into('<I', r, len(r) - 6, at + len(e))\n"
         "open('a.zip', 'wb').write(r)\n",
         "");
    assert_true(cronos_zip_remains_has_directory(((Fixture *)*state)->remains));
    expect(*state, "a b extra+");
}

static void test_overlapping_members(void **state)
{
    find(*state,
         "craft('n.zip', [f(b'b', b'B' * 50)])\n"
         "n = open('n.zip', 'rb').read()\n"
         "craft('a.zip', [f(b'a', n), f(b'b', b'B' * 50, offset=31)])\n",
         "");
    expect(*state, "a b");
    assert_true(cronos_zip_remains_get(((Fixture *)*state)->remains, 1)->extent.header_offset > 31);
}

static void test_unsupported_members(void **state)
{
    find(*state,
         "with zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_BZIP2) as z:\n"
         "    z.writestr('a', b'A' * 500)\n"
         "    z.writestr(zipfile.ZipInfo('b'), b'B')\n",
         DIRECTORY "del raw[at:]");
    expect(*state, "a-+ b+");
}

static void test_comment(void **state)
{
    Fixture *fixture = *state;
    gsize length;

    find(fixture, "craft('a.zip', [f(b'a')], comment=b'words')\n",
         DIRECTORY "raw[at:end] = bytes(end - at)");
    const char *comment = cronos_zip_remains_comment(fixture->remains, &length);
    assert_int_equal(length, 5);
    assert_memory_equal(comment, "words", 5);
}

/* The end record of an archive within a member that was cut is not the archive's own. Its comment
 * was forgotten, but not how long it was. */
static void test_comment_of_a_nested_archive(void **state)
{
    Fixture *fixture = *state;
    gsize length;

    find(fixture,
         "craft('n.zip', [f(b'inner')], comment=b'words')\n"
         "n = open('n.zip', 'rb').read()\n"
         "craft('a.zip', [f(b'a'), f(b'n.zip', n + b'tail')])\n",
         "raw[raw.index(b'PK\\1\\2')] = 0; del raw[raw.index(b'words') + 5:]");
    expect(fixture, "a+ n.zip-+");
    assert_null(cronos_zip_remains_comment(fixture->remains, &length));
    assert_int_equal(length, 0);
}

/* Each header's stream passes over all that follow, and fails at the file's end. */
static void test_headers_that_lie(void **state)
{
    find(*state,
         "unit = struct.pack('<IHHHHHIIIHH', 0x04034b50, 20, 8, 8, 0, 0x5821, 0, 0, 0, 1, 0)\n"
         "unit += b'x\\0\\xff\\xff\\0\\0' + bytes(22)\n"
         "assert len(unit) == 58 and 65540 % 58 == 0\n"
         "open('a.zip', 'wb').write(unit * 100000 + b'\\xff' * 70000)\n",
         "");
    assert_true(cronos_zip_remains_gave_up(((Fixture *)*state)->remains));
    expect_missing(*state, FALSE, 0);
}

/* Each header claims the next 64 KiB for its extra fields, and is refused for what it says. */
static void test_long_headers_that_lie(void **state)
{
    find(*state,
         "unit = struct.pack('<IHHHHHIIIHH', 0x04034b50, 20, 0, 8, 0, 0x5821, 0, 1, 1 << 30, 1,\n"
         "    65535) + b'x'\n"
         "open('a.zip', 'wb').write(unit * 2500 + b'\\xff' * 70000)\n",
         "");
    assert_true(cronos_zip_remains_gave_up(((Fixture *)*state)->remains));
}

static gboolean count_calls(const guint8 *stored, gsize length, gpointer user_data, GError **error)
{
    ++*(guint *)user_data;
    return TRUE;
}

/* The same for central ones, up to 128 KiB: they are passed over, extra fields and all. */
static void test_long_central_headers_that_lie(void **state)
{
    Fixture *fixture = *state;
    guint calls = 0;

    find(fixture,
         "unit = struct.pack('<IBBHHHHHIIIHHHHHII', 0x02014b50, 30, 3, 20, 0, 0, 0, 0x5821, 0,\n"
         "    1, 1, 1, 65535, 65535, 1, 0, 0, 0) + b'x'\n"
         "open('a.zip', 'wb').write(unit * 8000 + bytes(140000))\n",
         "");
    g_autoptr(CronosZipRemains) again =
        cronos_zip_remains_find(fixture->fd, count_calls, &calls, NULL);
    assert_non_null(again);
    assert_int_equal(cronos_zip_remains_count(again), 0);
    assert_in_range(calls, 1, 100);
}

static gboolean stop(const guint8 *stored, gsize length, gpointer user_data, GError **error)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED, "enough");
    return ++*(guint *)user_data < 2;
}

static void test_stopping(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    guint calls = 1;

    find(fixture, THREE, "");
    assert_null(cronos_zip_remains_find(fixture->fd, stop, &calls, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
}

static void test_local_header_alone(void **state)
{
    Fixture *fixture = *state;
    CronosMemberInfo info;
    CronosZipLocal local;

    /* UT 1700000000, ux 1000:100 */
    find(fixture,
         "craft('a.zip', [f(b'name', b'data', local_extra=b'UT\\5\\0\\1' + struct.pack('<I', "
         "1700000000) + b'ux\\x0b\\0\\1\\4' + struct.pack('<IBI', 1000, 4, 100))])\n",
         "");
    assert_true(cronos_zip_local_read(fixture->fd, 0, 1000, &local, NULL));
    assert_int_equal(local.header.name_length, 4);
    assert_memory_equal(local.header.name, "name", 4);
    assert_int_equal(local.data_offset, 30 + 4 + 9 + 15);
    assert_int_equal(local.extent.size_bytes, 4);
    assert_true(cronos_zip_header_info(&local.header, FALSE, &info, NULL));
    assert_int_equal(info.mode, S_IFREG | 0644);
    assert_false(info.has_mode);
    assert_int_equal(info.mtime_ns, G_GINT64_CONSTANT(1700000000000000000));
    assert_int_equal(info.uid, 1000);
    assert_int_equal(info.gid, 100);
    cronos_zip_local_clear(&local);
    assert_false(cronos_zip_local_read(fixture->fd, 1, 1000, &local, NULL));
    assert_false(cronos_zip_local_read(fixture->fd, 0, 40, &local, NULL));
    assert_false(cronos_zip_local_read(fixture->fd, G_MAXUINT64, G_MAXUINT64, &local, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_archive),
        TEST(empty_archive),
        TEST(no_archive),
        TEST(directory_zeroed),
        TEST(directory_and_end_zeroed),
        TEST(end_record_cut_off),
        TEST(one_central_header_damaged),
        TEST(cut_within_a_member),
        TEST(local_headers_damaged),
        TEST(member_without_any_header),
        TEST(either_header_may_be_right),
        TEST(descriptors),
        TEST(descriptors_of_stored_members),
        TEST(descriptor_damaged),
        TEST(nested_archive),
        TEST(shifted_members),
        TEST(two_archives_joined),
        TEST(parts_the_directory_does_not_cover),
        TEST(overlapping_members),
        TEST(unsupported_members),
        TEST(comment),
        TEST(comment_of_a_nested_archive),
        TEST(headers_that_lie),
        TEST(long_headers_that_lie),
        TEST(long_central_headers_that_lie),
        TEST(stopping),
        TEST(local_header_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
