/* SPDX-License-Identifier: MIT
 * test-zip-reader.c - decoding members: whole and streamed, right and damaged */
#include "tests/unit/zip-fixtures.h"

#include "core/error.h"
#include "core/zip/zip-reader.h"

#include <sys/mman.h>

typedef struct {
    char *directory;
    int fd;
    CronosZipIndex *index;
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
    g_clear_pointer(&fixture->index, cronos_zip_index_free);
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

static void open_archive(Fixture *fixture, const char *name)
{
    g_autoptr(GError) error = NULL;

    close_archive(fixture);
    fixture->fd = open_file(fixture->directory, name);
    fixture->index = cronos_zip_index_open(fixture->fd, &error);
    if (fixture->index == NULL)
        fail_msg("%s: %s", name, error->message);
}

static void craft_archive(Fixture *fixture, const char *script)
{
    run_python(fixture->directory, script);
    open_archive(fixture, "a.zip");
}

static CronosZipExtent extent_of(const Fixture *fixture, const char *name)
{
    guint32 entry = cronos_zip_index_lookup(fixture->index, 0, name, strlen(name));
    CronosZipExtent extent;

    assert_int_not_equal(entry, CRONOS_ENTRY_NONE);
    assert_true(cronos_zip_index_extent(fixture->index, entry, &extent, NULL));
    return extent;
}

static guint64 limit_of(const Fixture *fixture)
{
    return cronos_zip_index_directory_offset(fixture->index);
}

static GBytes *decode(const Fixture *fixture, const CronosZipExtent *extent, GError **error)
{
    g_autofree guint8 *out = g_malloc(extent->size_bytes + 1);

    out[extent->size_bytes] = 0xa5;
    gboolean ok = cronos_zip_decode(fixture->fd, extent, limit_of(fixture), out, error);
    assert_int_equal(out[extent->size_bytes], 0xa5);
    return ok ? g_bytes_new_take(g_steal_pointer(&out), extent->size_bytes) : NULL;
}

/* Reads a member through a stream in pieces of @piece bytes. */
static GBytes *stream(const Fixture *fixture, const CronosZipExtent *extent, gsize piece,
                      gboolean lean, GError **error)
{
    g_autoptr(CronosZipStream) s =
        lean ? cronos_zip_stream_open_lean(fixture->fd, extent, limit_of(fixture), error)
             : cronos_zip_stream_open(fixture->fd, extent, limit_of(fixture), error);
    g_autoptr(GByteArray) all = g_byte_array_new();
    g_autofree guint8 *buffer = g_malloc(piece);
    gssize n;

    if (s == NULL)
        return NULL;
    while ((n = cronos_zip_stream_read(s, buffer, piece, error)) > 0) {
        g_byte_array_append(all, buffer, (guint)n);
        assert_int_equal(cronos_zip_stream_position(s), all->len);
    }
    if (n < 0) {
        /* What failed once does not come back. */
        assert_int_equal(cronos_zip_stream_read(s, buffer, piece, NULL), -1);
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&all));
}

static void expect_content(const Fixture *fixture, const char *name, const char *file)
{
    static const gsize pieces[] = {1, 777, 128 << 10, 8 << 20};
    g_autofree char *path = g_build_filename(fixture->directory, file, NULL);
    g_autofree char *expected = NULL;
    gsize length;
    CronosZipExtent extent = extent_of(fixture, name);

    assert_true(g_file_get_contents(path, &expected, &length, NULL));
    g_autoptr(GBytes) plain = g_bytes_new_static(expected, length);
    g_autoptr(GBytes) decoded = decode(fixture, &extent, NULL);
    assert_non_null(decoded);
    assert_true(g_bytes_equal(plain, decoded));
    for (guint i = length > 1000000; i < G_N_ELEMENTS(pieces); i++) {
        for (int lean = 0; lean < 2; lean++) {
            g_autoptr(GError) error = NULL;
            g_autoptr(GBytes) streamed = stream(fixture, &extent, pieces[i], lean, &error);

            if (streamed == NULL)
                fail_msg("%s, %zu at a time: %s", name, pieces[i], error->message);
            assert_true(g_bytes_equal(plain, streamed));
        }
    }
}

#define CONTENT                                                                                    \
    "import random\n"                                                                              \
    "r = random.Random(3)\n"                                                                       \
    "data = dict(empty=b'', one=b'1', text=b'some text, ' * 999, noise=r.randbytes(300000),\n"     \
    "  large=b''.join(b'%d,' % r.randrange(10**6) for i in range(900000)), "                       \
    "zeros=bytes(3000000))\n"                                                                      \
    "for k in data: open(k, 'wb').write(data[k])\n"

static const char *const contents[] = {"empty", "one", "text", "noise", "large", "zeros"};

static void expect_contents(const Fixture *fixture)
{
    for (guint i = 0; i < G_N_ELEMENTS(contents); i++)
        expect_content(fixture, contents[i], contents[i]);
}

static void test_stored_and_deflated(void **state)
{
    craft_archive(*state,
                  CONTENT "craft('a.zip', [f(k.encode(), data[k], method=8) for k in data])");
    expect_contents(*state);
    craft_archive(*state, CONTENT "craft('a.zip', [f(k.encode(), data[k]) for k in data])");
    expect_contents(*state);
}

static void test_descriptors_and_prefix(void **state)
{
    craft_archive(*state, CONTENT "craft('a.zip', [f(k.encode(), data[k], method=8, flags=8)\n"
                                  "  for k in data], prefix=b'self' * 1000)");
    expect_contents(*state);
}

/* Python streams into a pipe with descriptors, and forces ZIP64 in local headers. */
static void test_zip64_local_headers(void **state)
{
    craft_archive(*state,
                  CONTENT "with zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED) as z:\n"
                          "    for k in data:\n"
                          "        with z.open(k, 'w', force_zip64=True) as m: m.write(data[k])");
    expect_contents(*state);
}

static void test_long_local_header(void **state)
{
    craft_archive(*state,
                  CONTENT "pad = struct.pack('<HH', 0xd935, 60000) + bytes(60000)\n"
                          "craft('a.zip', [f(k.encode(), data[k], method=8 * (k != 'one'),\n"
                          "  local_extra=pad) for k in data])");
    expect_contents(*state);
}

static void test_empty_deflated_without_bytes(void **state)
{
    Fixture *fixture = *state;

    craft_archive(fixture,
                  "open('empty', 'wb'); craft('a.zip', [f(b'empty', b'', method=8, stored=b'')])");
    expect_content(fixture, "empty", "empty");
}

static void expect_failure(Fixture *fixture, const char *name, int code)
{
    CronosZipExtent extent = extent_of(fixture, name);

    for (int way = 0; way < 3; way++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = way == 0 ? decode(fixture, &extent, &error)
                                           : stream(fixture, &extent, 1000, way == 1, &error);

        if (bytes != NULL)
            fail_msg("%s was read, way %d", name, way);
        if (!g_error_matches(error, CRONOS_ERROR, code))
            fail_msg("%s: unexpected error: %s", name, error->message);
    }
}

static void test_damage(void **state)
{
    static const char *const damaged[] = {"crc",        "crc8",   "few",  "many",  "zero",
                                          "garbage",    "cut",    "bomb", "sizes", "local",
                                          "local-size", "offset", "far",  "over",  "padded"};
    static const char *const unsupported[] = {"encrypted", "method"};
    Fixture *fixture = *state;

    craft_archive(
        fixture,
        "big = bytes(3000000)\n"
        "d = lambda b: (lambda c: c.compress(b) + c.flush())(zlib.compressobj(9, 8, -15))\n"
        "craft('a.zip', [f(b'crc', b'data', crc=1), f(b'crc8', b'data', method=8, crc=1),\n"
        "  f(b'few', b'data' * 9, method=8, size=37), f(b'many', b'data' * 9, method=8, size=35),\n"
        "  f(b'zero', b'data' * 9, method=8, size=0, crc=0), f(b'garbage', b'data', method=8, "
        "stored=b'\\xff' * 50),\n"
        "  f(b'cut', big, method=8, stored=d(big)[:-9]), f(b'bomb', b'x', method=8, "
        "stored=d(big)),\n"
        "  f(b'sizes', b'data', size=3), f(b'local', b'data', offset=2), f(b'local-size', b'data', "
        "local_size=5),\n"
        "  f(b'offset', b'data', offset=2**31), f(b'far', b'data', offset=0xfffffff0),\n"
        "  f(b'encrypted', b'data', flags=1), f(b'method', b'data' * 9, method=12),\n"
        "  f(b'padded', b'', method=8, stored=d(b'y' * 10) + bytes(300000)),\n"
        "  f(b'over', b'data' * 1000, method=8, packed=5000000)])");
    for (guint i = 0; i < G_N_ELEMENTS(damaged); i++)
        expect_failure(fixture, damaged[i], CRONOS_ERROR_DAMAGED);
    for (guint i = 0; i < G_N_ELEMENTS(unsupported); i++)
        expect_failure(fixture, unsupported[i], CRONOS_ERROR_UNSUPPORTED);
}

static void test_locate(void **state)
{
    Fixture *fixture = *state;
    guint64 offset = 0;

    craft_archive(fixture,
                  "craft('a.zip', [f(b'a', b'data'), f(b'b', b'data', local_extra=b'U' * 7)])");
    CronosZipExtent extent = extent_of(fixture, "b");
    assert_true(cronos_zip_locate(fixture->fd, &extent, limit_of(fixture), &offset, NULL));
    assert_int_equal(offset, 30 + 1 + 4 + 30 + 1 + 7);
    assert_int_equal(offset + 4, limit_of(fixture));
    assert_false(cronos_zip_locate(fixture->fd, &extent, limit_of(fixture) - 1, &offset, NULL));
}

/* @outcome: CRONOS_ERROR_DAMAGED, or -1 for a name that is the same. */
static void expect_name(const Fixture *fixture, const char *name, int outcome)
{
    guint32 entry = cronos_zip_index_lookup(fixture->index, 0, name, strlen(name));
    g_autoptr(GError) error = NULL;

    assert_int_not_equal(entry, CRONOS_ENTRY_NONE);
    gboolean same = cronos_zip_index_check_name(fixture->index, fixture->fd, entry, FALSE, &error);
    assert_int_equal(same, outcome < 0);
    if (!same)
        assert_true(g_error_matches(error, CRONOS_ERROR, outcome));
}

/* Bytes are compared, whatever they are decoded to: "\x81" is CP437 here, "n" has a Unicode path.
 */
static void test_local_names(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *long_name = g_strnfill(1000, 'l');

    craft_archive(fixture, "up = struct.pack('<HHBI', 0x7075, 6, 1, zlib.crc32(b'raw')) + b'n'\n"
                           "craft('a.zip', [f(b'same'), f(b'other', local_name=b'othes'),\n"
                           "  f(b'short', local_name=b'shor'), f(b'long', local_name=b'longer'),\n"
                           "  f(b'\\x81', made_by=0), f(b'raw', extra=up), f(b'l' * 1000)])");
    expect_name(fixture, "same", -1);
    expect_name(fixture, "other", CRONOS_ERROR_DAMAGED);
    expect_name(fixture, "short", CRONOS_ERROR_DAMAGED);
    expect_name(fixture, "long", CRONOS_ERROR_DAMAGED);
    expect_name(fixture, "\xc3\xbc", -1);
    expect_name(fixture, "n", -1);
    expect_name(fixture, long_name, -1);
}

/* Reads all that an archive lets be read, in every way; content must be right or refused. */
static void read_everything(const char *bytes, gsize length, const GHashTable *truth)
{
    int fd = memfd_create("damaged", MFD_CLOEXEC);
    g_autoptr(CronosZipIndex) index = NULL;

    assert_int_equal(write(fd, bytes, length), length);
    index = cronos_zip_index_open(fd, NULL);
    for (guint32 entry = 0; index != NULL && entry < cronos_zip_index_count(index); entry++) {
        Fixture view = {.fd = fd, .index = index};
        CronosZipExtent extent;
        CronosMemberInfo info;

        if (!cronos_zip_index_info(index, entry, &info, NULL) ||
            !cronos_zip_index_extent(index, entry, &extent, NULL) || extent.size_bytes > 100000)
            continue;
        for (int way = 0; way < 3; way++) {
            g_autoptr(GBytes) got = way == 0 ? decode(&view, &extent, NULL)
                                             : stream(&view, &extent, 500, way == 1, NULL);

            if (got != NULL && g_bytes_get_size(got) > 0)
                assert_true(g_hash_table_contains((GHashTable *)(gsize)truth, got));
        }
    }
    g_clear_pointer(&index, cronos_zip_index_free);
    close(fd);
}

static GHashTable *truth_of(const Fixture *fixture, const char *const *names)
{
    GHashTable *truth =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);

    for (guint i = 0; names[i] != NULL; i++) {
        g_autofree char *path = g_build_filename(fixture->directory, names[i], NULL);
        char *bytes;
        gsize length;

        assert_true(g_file_get_contents(path, &bytes, &length, NULL));
        g_hash_table_add(truth, g_bytes_new_take(bytes, length));
    }
    return truth;
}

/* A small archive cut at every byte, and with every byte changed in three ways. */
static void test_every_byte(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = g_build_filename(fixture->directory, "a.zip", NULL);
    g_autofree char *bytes = NULL;
    gsize length;

    craft_archive(
        fixture,
        "for k, v in dict(x=b'stored bytes', y=b'deflated ' * 50, i=b'inner').items(): open(k, "
        "'wb').write(v)\n"
        "craft('inner.zip', [f(b'i', b'inner')])\n"
        "r = lambda k: open(k, 'rb').read()\n"
        "craft('a.zip', [f(b'x', r('x')), f(b'inner.zip', r('inner.zip')), f(b'd/y', r('y'), "
        "method=8),\n"
        "  f(b'd/z', r('y'), method=8, flags=8, extra=b'UT\\5\\0\\1abcd')], comment=b'comment')");
    g_autoptr(GHashTable) truth =
        truth_of(fixture, (const char *const[]){"x", "y", "inner.zip", NULL});
    assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    for (gsize cut = 0; cut < length; cut++) {
        int fd = memfd_create("cut", MFD_CLOEXEC);

        assert_int_equal(write(fd, bytes, cut), cut);
        g_autoptr(CronosZipIndex) index = cronos_zip_index_open(fd, NULL);
        /* Only the comment may be short of bytes, and then the record does not fit either. */
        assert_null(index);
        close(fd);
    }
    for (gsize at = 0; at < length; at++) {
        static const guint8 masks[] = {0x01, 0x80, 0xff};

        for (guint i = 0; i < G_N_ELEMENTS(masks); i++) {
            bytes[at] ^= (char)masks[i];
            read_everything(bytes, length, truth);
            bytes[at] ^= (char)masks[i];
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stored_and_deflated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_descriptors_and_prefix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zip64_local_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_local_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_deflated_without_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_locate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_local_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_byte, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("zip-reader", tests, NULL, NULL);
}
