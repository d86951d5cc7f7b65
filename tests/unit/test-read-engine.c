/* SPDX-License-Identifier: MIT
 * test-read-engine.c - any bytes of large members, in any order, by any number of threads, held
 * against the plain file; damage stays where it is; memory stays within its bound */
#include "tests/unit/read-fixture.h"

#include "core/read-memory.h"
#include "core/read-spans.h"
#include "core/read-streams.h"
#include "core/zip/zip-reader.h"

#include <fcntl.h>
#include <unistd.h>

/* What is decoded by several threads at once, and the blocks they hold meanwhile. */
#define SLACK_BYTES (CRONOS_READ_IN_FLIGHT + 8 * MIB)

static const char *const kinds[] = {
    "own.zip",   "crcs.zip",  "sizes.zip",    "lies.zip", "sums.zip", "wide.zip",  "python.zip",
    "least.zip", "fixed.zip", "literals.zip", "zip.zip",  "7z.zip",   "stored.zip"};

static int set_up(void **state)
{
    *state = read_fixture_new();
    return 0;
}

static int tear_down(void **state)
{
    read_fixture_free(*state);
    return 0;
}

typedef struct {
    const ReadFixture *fixture;
    CronosArchive *archive;
    guint32 entry;
    guint reads;
    guint seed;
    gint failures; /* atomic */
} Reader;

static guint32 find_plain(CronosArchive *archive)
{
    guint32 entry = cronos_archive_lookup_path(archive, "plain");

    assert_int_not_equal(entry, CRONOS_ENTRY_NONE);
    return entry;
}

static gboolean same(const ReadFixture *fixture, CronosArchive *archive, guint32 entry,
                     guint64 offset, gsize size)
{
    g_autofree char *buffer = g_malloc(size + 1);
    gsize wanted = offset < fixture->length ? MIN(size, fixture->length - (gsize)offset) : 0;
    gssize n = cronos_archive_read(archive, entry, offset, buffer, size, NULL);

    return n == (gssize)wanted && memcmp(buffer, fixture->plain + offset, wanted) == 0;
}

static gpointer read_at_random(gpointer data)
{
    Reader *reader = data;
    g_autoptr(GRand) random = g_rand_new_with_seed(reader->seed);

    for (guint i = 0; i < reader->reads; i++) {
        guint64 offset = g_rand_int_range(random, 0, (gint)reader->fixture->length + 10);
        gsize size = g_rand_int_range(random, 0, i % 8 == 0 ? 400000 : 9000);

        if (!same(reader->fixture, reader->archive, reader->entry, offset, size))
            g_atomic_int_inc(&reader->failures);
    }
    return NULL;
}

/* As a kernel reads ahead: in order, but for neighbours that overtake each other. */
static gpointer read_in_order(gpointer data)
{
    Reader *reader = data;

    for (guint64 offset = 0; offset < reader->fixture->length; offset += 131072)
        if (!same(reader->fixture, reader->archive, reader->entry, offset ^ 131072, 131072))
            g_atomic_int_inc(&reader->failures);
    return NULL;
}

static void read_by_all(const ReadFixture *fixture, const char *kind, guint seed)
{
    g_autoptr(CronosArchive) archive = read_fixture_open(fixture, kind);
    Reader readers[4];
    GThread *threads[G_N_ELEMENTS(readers)];

    for (guint i = 0; i < G_N_ELEMENTS(readers); i++) {
        readers[i] = (Reader){fixture, archive, find_plain(archive), 25, seed + i, 0};
        threads[i] = g_thread_new("reader", i < 2 ? read_at_random : read_in_order, &readers[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(readers); i++) {
        g_thread_join(threads[i]);
        if (readers[i].failures > 0)
            fail_msg("%s: %d wrong reads", kind, readers[i].failures);
    }
}

static void read_kinds(const ReadFixture *fixture, gsize cache_bytes, guint step)
{
    cronos_archive_set_cache_limit(cache_bytes);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i += step) {
        cronos_read_memory_reset_peak();
        read_by_all(fixture, kinds[i], i + (guint)(cache_bytes / MIB));
        if (cronos_read_memory_peak() > cache_bytes + SLACK_BYTES)
            fail_msg("%s: %zu bytes were held", kinds[i], cronos_read_memory_peak());
    }
    cronos_archive_set_cache_limit(0);
    assert_int_equal(cronos_read_memory_now(), 0);
    cronos_archive_set_cache_limit(64 * MIB);
}

static void test_large_cache(void **state)
{
    read_kinds(*state, 64 * MIB, 1);
}

static void test_small_cache(void **state)
{
    read_kinds(*state, MIB, 1);
}

static void test_hardly_any_cache(void **state)
{
    read_kinds(*state, 64 << 10, 3);
}

/* Read once in order, everything is near: the way from the front is gone once. */
static void test_random_reads_after_one_pass(void **state)
{
    const ReadFixture *fixture = *state;
    g_autoptr(CronosArchive) archive = read_fixture_open(fixture, "zip.zip");
    Reader reader = {fixture, archive, find_plain(archive), 200, 77, 0};

    read_in_order(&reader);
    cronos_archive_set_cache_limit(2 * MIB);
    read_at_random(&reader);
    assert_int_equal(reader.failures, 0);
    cronos_archive_set_cache_limit(64 * MIB);
}

/* Archives that are closed while threads read ahead for them. */
static void test_closing_while_reading_ahead(void **state)
{
    const ReadFixture *fixture = *state;

    for (guint i = 0; i < 40; i++) {
        g_autoptr(CronosArchive) archive =
            read_fixture_open(fixture, i % 2 ? "own.zip" : "zip.zip");
        guint32 entry = find_plain(archive);

        for (guint64 offset = 0; offset < (i % 7 + 1) * 131072; offset += 65536)
            assert_true(same(fixture, archive, entry, offset, 65536));
    }
}

static void expect_damage(CronosArchive *archive, guint32 entry, guint64 offset, gsize size,
                          const char *message)
{
    g_autofree char *buffer = g_malloc(size);
    g_autoptr(GError) error = NULL;

    assert_int_equal(cronos_archive_read(archive, entry, offset, buffer, size, &error), -1);
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
    if (strstr(error->message, message) == NULL)
        fail_msg("%s", error->message);
}

/* A chunk that is damaged harms no other, whoever reads ahead. @checked: it is known to be wrong.
 */
static void read_around_damage(const ReadFixture *fixture, const char *name, gboolean checked)
{
    const guint64 chunk = 65536, start = 20 * chunk;
    g_autoptr(CronosArchive) archive = read_fixture_open(fixture, name);
    guint32 entry = find_plain(archive);

    for (guint64 offset = 0; offset < fixture->length; offset += 32768) {
        if (offset / chunk != 20)
            assert_true(same(fixture, archive, entry, offset, 32768));
        else if (checked)
            expect_damage(archive, entry, offset, 32768, "");
    }
    assert_true(same(fixture, archive, entry, start - 100, 100));
    assert_true(same(fixture, archive, entry, start + chunk, 100));
    if (checked) {
        expect_damage(archive, entry, start - 100, 101, "");
        expect_damage(archive, entry, start + chunk - 1, 1, "");
    }
}

static void test_damaged_chunk(void **state)
{
    const ReadFixture *fixture = *state;

    run_python(fixture->directory,
               SOZIP "plain = open('plain', 'rb').read()\n"
                     "sozip('damaged.zip', plain, 65536, flip=20)\n"
                     "sozip('damaged-sizes.zip', plain, 65536, crcs=False, flip=20)\n");
    read_around_damage(fixture, "damaged.zip", TRUE);
    read_around_damage(fixture, "damaged-sizes.zip", FALSE);
}

/* Where an index has no CRCs, a chunk of noise that changed still decodes: who has read all learns
 * it, in whatever order, and however often. */
static void test_damage_that_decodes(void **state)
{
    const ReadFixture *fixture = *state;
    const gsize piece = 131072, pieces = (fixture->length + piece - 1) / piece;
    g_autofree char *buffer = g_malloc(piece);

    run_python(fixture->directory, SOZIP "plain = open('plain', 'rb').read()\n"
                                         "sozip('rot.zip', plain, 65536, crcs=False, flip=150)\n"
                                         "sozip('sound.zip', plain, 65536, crcs=False)\n");
    for (guint order = 0; order < 4; order++) {
        g_autoptr(CronosArchive) archive =
            read_fixture_open(fixture, order < 2 ? "rot.zip" : "sound.zip");
        guint32 entry = find_plain(archive);
        guint failed = 0;

        for (gsize i = 0; i < pieces; i++) {
            gsize nth = order % 2 == 0 ? i : pieces - 1 - i;

            failed += cronos_archive_read(archive, entry, nth * piece, buffer, piece, NULL) < 0;
        }
        assert_true(order < 2 ? failed > 0 : failed == 0);
        for (guint i = 0; i < 2; i++) {
            if (order < 2)
                expect_damage(archive, entry, 150 * 65536, 65536, "checksum mismatch");
            else
                assert_true(same(fixture, archive, entry, 150 * 65536, 65536));
        }
    }
}

/* An index that says of chunks that they decode alone, where they do not, hides nothing that other
 * programs read; but what can not be held against a checksum is not handed out for it. */
static void test_chunks_that_need_those_before(void **state)
{
    const ReadFixture *fixture = *state;
    static const char *const names[] = {"bound.zip", "bound-sizes.zip"};

    run_python(fixture->directory,
               SOZIP "plain = open('plain', 'rb').read()\n"
                     "sozip('bound.zip', plain, 65536, bound=True)\n"
                     "sozip('bound-sizes.zip', plain, 65536, crcs=False, bound=True)\n"
                     "sozip('bound-rot.zip', plain, 65536, crcs=False, bound=True, flip=150)\n");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(CronosArchive) archive = read_fixture_open(fixture, names[i]);
        guint32 entry = find_plain(archive);

        for (guint64 offset = fixture->length - 70000; offset < fixture->length; offset += 7000)
            assert_true(same(fixture, archive, entry, offset, 7000));
        for (guint64 offset = 0; offset < fixture->length; offset += 131072)
            assert_true(same(fixture, archive, entry, offset, 131072));
    }
    g_autoptr(CronosArchive) archive = read_fixture_open(fixture, "bound-rot.zip");
    guint32 entry = find_plain(archive);
    assert_true(same(fixture, archive, entry, 0, 1000));
    expect_damage(archive, entry, 20 * 65536, 1000, "");
    expect_damage(archive, entry, 20 * 65536, 1000, "");
}

static void overwrite(const ReadFixture *fixture, const char *name, guint64 offset)
{
    g_autofree char *path = read_fixture_path(fixture, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_int_equal(pwrite(fd, "\x5a\xa5\x5a\xa5", 4, (off_t)offset), 4);
    close(fd);
}

/* What no CRC guards is held against what was read the first time. */
static void test_change_after_the_first_pass(void **state)
{
    const ReadFixture *fixture = *state;
    guint failed = 0, wrong = 0;

    run_shell(fixture->directory, "cp python.zip changed.zip");
    g_autoptr(CronosArchive) archive = read_fixture_open(fixture, "changed.zip");
    Reader reader = {fixture, archive, find_plain(archive), 0, 0, 0};
    read_in_order(&reader);
    assert_int_equal(reader.failures, 0);
    /* What is decoded goes, what was learned stays. */
    cronos_archive_set_cache_limit(MIB);
    cronos_archive_set_cache_limit(64 * MIB);
    overwrite(fixture, "changed.zip", 400000);
    for (guint64 offset = 0; offset < fixture->length; offset += 65536) {
        g_autofree char *buffer = g_malloc(65536);
        gssize n = cronos_archive_read(archive, reader.entry, offset, buffer, 65536, NULL);

        failed += n < 0;
        wrong += n > 0 && memcmp(buffer, fixture->plain + offset, (gsize)n) != 0;
    }
    assert_int_equal(wrong, 0);
    assert_in_range(failed, 1, 80);
}

/* Who reads to the end learns that the checksum is wrong; what lies before is there to be had. */
static void test_wrong_checksum(void **state)
{
    const ReadFixture *fixture = *state;

    run_python(fixture->directory, "plain = open('plain', 'rb').read()\n"
                                   "craft('wrong.zip', [f(b'plain', plain, method=8, crc=5)])");
    g_autoptr(CronosArchive) archive = read_fixture_open(fixture, "wrong.zip");
    guint32 entry = find_plain(archive);
    for (guint i = 0; i < 2; i++) {
        expect_damage(archive, entry, fixture->length - 10, 20, "checksum mismatch");
        expect_damage(archive, entry, fixture->length - 1, 1, "checksum mismatch");
        assert_true(same(fixture, archive, entry, fixture->length - 10, 9));
        assert_true(same(fixture, archive, entry, 0, 4096));
    }
}

/* The read that completes the member learns it, in whatever order the reads come, and all reads
 * fail from then on, also where members that are not used are forgotten. */
static void test_wrong_checksum_of_a_stored_member(void **state)
{
    const ReadFixture *fixture = *state;
    const gsize pieces = 8, piece = fixture->length / pieces, overlap = 1000;

    run_python(fixture->directory, "plain = open('plain', 'rb').read()\n"
                                   "craft('wrong.zip', [f(b'plain', plain, crc=5)])");
    for (guint order = 0; order < 6; order++) {
        g_autoptr(CronosArchive) archive = read_fixture_open(fixture, "wrong.zip");
        guint32 entry = find_plain(archive);

        for (gsize i = 0; i < pieces; i++) {
            gsize nth = order % 3 == 0 ? i : order % 3 == 1 ? pieces - 1 - i : i * 3 % pieces;
            gsize size = nth + 1 < pieces ? piece + (order < 3 ? 0 : overlap)
                                          : fixture->length - nth * piece;

            if (i + 1 == pieces)
                expect_damage(archive, entry, nth * piece, size, "checksum mismatch");
            else
                assert_true(same(fixture, archive, entry, nth * piece, size));
        }
        cronos_archive_set_cache_limit(0);
        expect_damage(archive, entry, 100, 5000, "checksum mismatch");
        cronos_archive_set_cache_limit(64u << 20);
        expect_damage(archive, entry, 0, 10, "checksum mismatch");
        expect_damage(archive, entry, fixture->length - 1, 1, "checksum mismatch");
    }
}

static void test_wrong_sizes(void **state)
{
    const ReadFixture *fixture = *state;
    static const char *const names[] = {"short.zip", "long.zip", "cut.zip", "noise.zip"};
    static const char *const messages[] = {"more bytes than declared", "fewer bytes than declared",
                                           "end too early", ""};

    run_python(
        fixture->directory,
        "plain = open('plain', 'rb').read(); n = len(plain); noise = plain[9 << 20:10 << 20]\n"
        "c = zlib.compressobj(9, 8, -15); stored = c.compress(plain) + c.flush()\n"
        "def one(path, **how): craft(path, [f(b'plain', plain, method=8, **how)])\n"
        "one('short.zip', stored=stored, size=n - 1); one('long.zip', stored=stored, size=n + 1)\n"
        "one('cut.zip', stored=stored[:-100]); one('noise.zip', stored=noise)\n");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(CronosArchive) archive = read_fixture_open(fixture, names[i]);
        guint32 entry = find_plain(archive);

        expect_damage(archive, entry, fixture->length - 2, 1, messages[i]);
        expect_damage(archive, entry, fixture->length - 2, 1, messages[i]);
        if (i < 3)
            assert_true(same(fixture, archive, entry, 99, 5000));
    }
}

/* Streams with parts that decode to nothing, and with something behind their end. */
static void test_odd_streams(void **state)
{
    const ReadFixture *fixture = *state;
    static const char *const names[] = {"empty-blocks.zip", "tail.zip", "surplus.zip"};

    run_python(fixture->directory,
               "plain = open('plain', 'rb').read()\n"
               "c = zlib.compressobj(6, 8, -15); empty = b'\\0\\0\\0\\xff\\xff' * 300000\n"
               "half = c.compress(plain[:4 << 20]) + c.flush(zlib.Z_SYNC_FLUSH)\n"
               "rest = c.compress(plain[4 << 20:]) + c.flush(zlib.Z_SYNC_FLUSH)\n"
               "end = c.flush()\n"
               "def one(path, stored): craft(path, [f(b'plain', plain, method=8, stored=stored)])\n"
               "one('empty-blocks.zip', half + empty + rest + end)\n"
               "one('tail.zip', half + rest + empty + end)\n"
               "one('surplus.zip', half + rest + end + b'surplus' * 99999)\n");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        read_by_all(fixture, names[i], 500 + i);
}

/* Some headers of a kernel, packed by zip: the member's last block decoded to more than a span
 * wants and was met by zlib, which stops behind each block. Seven bits of padding followed, which
 * were taken for a block that is cut off, and the last two megabytes could not be read. */
static void test_long_last_block(void **state)
{
    const ReadFixture *fixture = *state;
    g_autofree char *content = NULL, *path = read_fixture_path(fixture, "lines");
    gsize length = 0;

    run_python(fixture->directory,
               "import random\n"
               "r = random.Random(3); same = r.randbytes(500)\n"
               "lines = lambda n: b''.join(b'%06x' % r.randrange(1 << 24) + same\n"
               "    for i in range(n // 506 + 1))[:n]\n"
               "head, tail = lines(1300000), lines(1900000)\n"
               "c = zlib.compressobj(9, 8, -15, 9)\n"
               "stored = c.compress(head) + c.flush(zlib.Z_SYNC_FLUSH) + c.compress(tail) +"
               " c.flush()\n"
               "open('lines', 'wb').write(head + tail)\n"
               "craft('lines.zip', [f(b'plain', head + tail, method=8, stored=stored)])\n");
    assert_true(g_file_get_contents(path, &content, &length, NULL));
    g_autoptr(CronosArchive) archive = read_fixture_open(fixture, "lines.zip");
    const ReadFixture lines = {fixture->directory, content, length};
    guint32 entry = find_plain(archive);
    for (guint64 offset = 0; offset < length; offset += 131072)
        assert_true(same(&lines, archive, entry, offset, 131072));
    assert_true(same(&lines, archive, entry, length - 5000, 6000));
    assert_true(same(&lines, archive, entry, length - 1000000, 6000));
}

/* One block of 24 MiB, in which there is no place to begin, between two megabytes where there are.
 */
static void test_endless_block(void **state)
{
    const ReadFixture *fixture = *state;
    const gsize head = MIB, length = head + 1 + 258 * 99000;
    g_autofree char *expected = g_malloc(length), *buffer = g_malloc(length);

    memcpy(expected, fixture->plain, head);
    memset(expected + head, 'a', length - head);
    run_python(
        fixture->directory,
        "plain = open('plain', 'rb').read()[:1 << 20]\n"
        "c = zlib.compressobj(6, 8, -15)\n"
        "stored = c.compress(plain) + c.flush(zlib.Z_FULL_FLUSH)\n"
        "bits = '110' + format(0x30 + ord('a'), '08b') + '1100010100000' * 99000 + '0000000'\n"
        "bits += '0' * (-len(bits) % 8)\n"
        "stored += int(bits[::-1], 2).to_bytes(len(bits) // 8, 'little')\n"
        "craft('a.zip', [f(b'plain', plain + b'a' * (1 + 258 * 99000), method=8,\n"
        "    stored=stored)])");
    g_autoptr(CronosArchive) archive = read_fixture_open(fixture, "a.zip");
    guint32 entry = find_plain(archive);
    cronos_archive_set_cache_limit(4 * MIB);
    cronos_read_memory_reset_peak();
    for (gsize offset = 0; offset < length; offset += 131072) {
        gsize wanted = MIN(131072, length - offset);

        assert_int_equal(cronos_archive_read(archive, entry, offset, buffer, 131072, NULL), wanted);
        assert_memory_equal(buffer, expected + offset, wanted);
    }
    assert_int_equal(cronos_archive_read(archive, entry, head - 9, buffer, 99, NULL), 99);
    assert_memory_equal(buffer, expected + head - 9, 99);
    assert_true(cronos_read_memory_peak() < 4 * MIB + SLACK_BYTES);
    cronos_archive_set_cache_limit(64 * MIB);
}

/* As far as its windows go, a member of any size takes no more than it may while one read goes all
 * the way to its end. */
static void test_windows_of_a_single_read(void **state)
{
    const ReadFixture *fixture = *state;
    g_autofree char *path = read_fixture_path(fixture, "zip.zip");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autoptr(CronosZipIndex) index = cronos_zip_index_open(fd, NULL);
    g_autoptr(CronosArchive) archive = read_fixture_open(fixture, "zip.zip");
    CronosZipDeflate deflate = {.fd = fd};
    CronosZipExtent extent;
    CronosReadPiece piece;
    const gsize most = 16 << 10, span = 256 << 10;

    assert_true(cronos_zip_index_extent(index, find_plain(archive), &extent, NULL));
    deflate.stored_bytes = extent.stored_bytes;
    assert_true(cronos_zip_locate(fd, &extent, cronos_zip_index_directory_offset(index),
                                  &deflate.offset, NULL));
    g_autoptr(CronosReadSpans) spans =
        cronos_read_spans_new(&deflate, extent.size_bytes, extent.crc32, span, most);
    assert_true(cronos_read_spans_piece(spans, extent.size_bytes - 1, &piece, NULL));
    assert_memory_equal(piece.bytes, fixture->plain + piece.offset, piece.size);
    cronos_read_cache_release(piece.block);
    assert_true(cronos_read_spans_window_bytes(spans) <= most);
    assert_true(cronos_read_spans_piece(spans, span, &piece, NULL));
    assert_memory_equal(piece.bytes, fixture->plain + piece.offset, piece.size);
    cronos_read_cache_release(piece.block);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_cache),
        cmocka_unit_test(test_small_cache),
        cmocka_unit_test(test_hardly_any_cache),
        cmocka_unit_test(test_windows_of_a_single_read),
        cmocka_unit_test(test_random_reads_after_one_pass),
        cmocka_unit_test(test_closing_while_reading_ahead),
        cmocka_unit_test(test_damaged_chunk),
        cmocka_unit_test(test_damage_that_decodes),
        cmocka_unit_test(test_chunks_that_need_those_before),
        cmocka_unit_test(test_change_after_the_first_pass),
        cmocka_unit_test(test_wrong_checksum),
        cmocka_unit_test(test_wrong_checksum_of_a_stored_member),
        cmocka_unit_test(test_wrong_sizes),
        cmocka_unit_test(test_odd_streams),
        cmocka_unit_test(test_long_last_block),
        cmocka_unit_test(test_endless_block),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
