/* SPDX-License-Identifier: MIT
 * test-reuse.c - which members of an earlier backup are taken over, and that nothing damaged is */
#include "core/error.h"
#include "core/file-time.h"
#include "core/metadata.h"
#include "core/reuse.h"
#include "core/zip/deflate.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-writer.h"
#include "tests/unit/temporary.h"

#include <libdeflate.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define NS_PER_S G_GINT64_CONSTANT(1000000000)
#define MS G_GINT64_CONSTANT(1000000)
/* 2025-04-03 10:00:00 UTC, and some: when the backups below began. */
#define STARTED_NS (G_GINT64_CONSTANT(1743674400) * NS_PER_S + 123456789)
#define ARCHIVE "egos_backup_manual_x_20250403_120000.zip"
#define ROOT "/home/someone/project"
#define LARGE_BYTES ((gsize)3 * 1024 * 1024 + 12345)

typedef struct {
    char *directory;
    int dirfd;
    CronosReuse *reuse;
    CronosReuseReader *reader;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = temporary_new();
    fixture->dirfd = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fixture->dirfd >= 0);
    *state = fixture;
    return 0;
}

static void close_reuse(Fixture *fixture)
{
    g_clear_pointer(&fixture->reader, cronos_reuse_reader_free);
    g_clear_pointer(&fixture->reuse, cronos_reuse_free);
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    close_reuse(fixture);
    close(fixture->dirfd);
    temporary_free(fixture->directory);
    g_free(fixture);
    return 0;
}

/* An archive while it is made. */
typedef struct {
    int fd;
    CronosZipWriter *zip;
    CronosDeflater *deflater;
} Maker;

static Maker maker_start(Fixture *fixture, const char *file_name)
{
    Maker maker = {.fd = openat(fixture->dirfd, file_name, O_RDWR | O_CREAT | O_TRUNC, 0644)};

    assert_true(maker.fd >= 0);
    maker.zip = cronos_zip_writer_new(maker.fd);
    maker.deflater = cronos_deflater_new(9);
    return maker;
}

/* @level: -1: none is recorded. */
static void maker_finish(Maker *maker, const char *root, int level)
{
    g_autofree char *level_text =
        level < 0 ? g_strdup("") : g_strdup_printf("\"level\": %d, ", level);
    g_autofree char *comment = g_strdup_printf(
        "{\"created_at\": \"20250403_120000\", \"cronos\": {\"root\": \"%s\", "
        "\"created_utc\": \"2025-04-03T10:00:00.123456789Z\", %s\"member\": false}}",
        root, level_text);
    g_autoptr(GError) error = NULL;

    assert_true(cronos_zip_writer_finish(maker->zip, comment, strlen(comment), &error));
    cronos_zip_writer_free(maker->zip);
    cronos_deflater_free(maker->deflater);
    close(maker->fd);
}

/* What a file is that was last changed long before the backups. */
static CronosMemberInfo settled_info(gsize size)
{
    return (CronosMemberInfo){
        .kind = CRONOS_MEMBER_FILE,
        .mode = S_IFREG | 0644,
        .has_mode = TRUE,
        .has_owner = TRUE,
        .uid = 1000,
        .gid = 1000,
        .mtime_ns = STARTED_NS - 100 * NS_PER_S,
        .size_bytes = size,
        .has_identity = TRUE,
        .ctime_ns = STARTED_NS - 90 * NS_PER_S,
        .inode = 123456,
    };
}

static void add_info(Maker *maker, const char *name, const CronosMemberInfo *info,
                     const void *bytes, gsize size)
{
    CronosZipMember member = {name, strlen(name), *info};
    gsize room = cronos_deflater_bound(maker->deflater, size);
    g_autofree guint8 *packed = g_malloc(room);
    gsize length = cronos_deflater_compress(maker->deflater, bytes, size, packed, room);
    g_autoptr(GError) error = NULL;

    assert_true(cronos_zip_writer_add(maker->zip, &member,
                                      length > 0 ? ZIP_METHOD_DEFLATED : ZIP_METHOD_STORED,
                                      libdeflate_crc32(0, bytes, size), length > 0 ? packed : bytes,
                                      length > 0 ? length : size, &error));
}

static void add_text(Maker *maker, const char *name, const char *text)
{
    CronosMemberInfo info = settled_info(strlen(text));

    add_info(maker, name, &info, text, strlen(text));
}

static void open_reuse(Fixture *fixture)
{
    close_reuse(fixture);
    fixture->reuse = cronos_reuse_open(fixture->dirfd, fixture->directory, ROOT, 9);
    assert_non_null(fixture->reuse);
    fixture->reader = cronos_reuse_reader_new(fixture->reuse);
}

static gboolean find(Fixture *fixture, const char *path, const CronosMemberInfo *info)
{
    CronosZipExtent extent;

    return cronos_reuse_find(fixture->reader, path, strlen(path), info, &extent);
}

/* Flips a bit of the file. */
static void damage(Fixture *fixture, const char *file_name, guint64 offset)
{
    int fd = openat(fixture->dirfd, file_name, O_RDWR | O_CLOEXEC);
    guint8 byte;

    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

static void make_simple(Fixture *fixture, const char *file_name, const char *root, int level)
{
    Maker maker = maker_start(fixture, file_name);

    add_text(&maker, "a.txt", "hello, hello, hello, hello");
    maker_finish(&maker, root, level);
}

static void assert_opens(Fixture *fixture, int level, const char *expected)
{
    g_autoptr(CronosReuse) reuse =
        cronos_reuse_open(fixture->dirfd, fixture->directory, ROOT, level);

    if (expected == NULL) {
        assert_null(reuse);
    } else {
        assert_non_null(reuse);
        assert_string_equal(cronos_reuse_file_name(reuse), expected);
    }
}

static void test_open_chooses_the_newest_that_fits(void **state)
{
    Fixture *fixture = *state;

    assert_opens(fixture, 9, NULL);
    make_simple(fixture, "egos_backup_manual_x_20250101_000000.zip", ROOT, 9);
    make_simple(fixture, "egos_backup_restore_point_y_20250102_000000.zip", ROOT, 9);
    make_simple(fixture, "egos_backup_manual_x_20250103_000000.zip", ROOT, 6);
    make_simple(fixture, "egos_backup_manual_x_20250104_000000.zip", "/elsewhere", 9);
    make_simple(fixture, "egos_backup_manual_x_20250105_000000.zip", ROOT, -1);
    make_simple(fixture, "zzz.zip", ROOT, 9);
    temporary_write(fixture->directory, "egos_backup_manual_x_20250106_000000.zip", "no archive");
    assert_opens(fixture, 9, "egos_backup_restore_point_y_20250102_000000.zip");
    assert_opens(fixture, 6, "egos_backup_manual_x_20250103_000000.zip");
    assert_opens(fixture, 3, NULL);
    assert_opens(fixture, -1, "egos_backup_manual_x_20250105_000000.zip");
}

static void test_open_survives_strange_metadata(void **state)
{
    Fixture *fixture = *state;
    static const char *const comments[] = {
        "",
        "[]",
        "{\"created_at\": 1}",
        "{\"created_at\": 1, \"cronos\": []}",
        "{\"cronos\": {\"root\": [], \"created_utc\": {}, \"level\": \"9\"}}",
        "{\"cronos\": {\"root\": \"" ROOT "\", \"created_utc\": \"yesterday\", \"level\": 9}}",
        "{\"cronos\": {\"root\": \"" ROOT "\", \"created_utc\": "
        "\"2025-04-03T10:00:00.12345678Z\", \"level\": 9}}",
        "{\"cronos\": {\"root\": \"" ROOT "\", \"created_utc\": "
        "\"2025-04-03T10:00:00.-23456789Z\", \"level\": 9}}",
        "{\"cronos\": {\"root\": \"" ROOT "\", \"created_utc\": "
        "\"2025-04-03T10:00:00.123456789Z\", \"level\": null, \"member\": \"x\"}}",
    };

    for (guint i = 0; i < G_N_ELEMENTS(comments); i++) {
        Maker maker = maker_start(fixture, ARCHIVE);

        assert_true(cronos_zip_writer_finish(maker.zip, comments[i], strlen(comments[i]), NULL));
        cronos_zip_writer_free(maker.zip);
        cronos_deflater_free(maker.deflater);
        close(maker.fd);
        assert_opens(fixture, 9, NULL);
    }
}

static void test_find_wants_every_fact_equal(void **state)
{
    Fixture *fixture = *state;
    CronosMemberInfo info = settled_info(26), changed;
    CronosZipExtent extent;

    make_simple(fixture, ARCHIVE, ROOT, 9);
    open_reuse(fixture);
    assert_true(cronos_reuse_find(fixture->reader, "a.txt", 5, &info, &extent));
    assert_int_equal(extent.size_bytes, 26);
    assert_int_equal(extent.crc32, libdeflate_crc32(0, "hello, hello, hello, hello", 26));
    assert_false(find(fixture, "b.txt", &info));
    assert_false(find(fixture, "a.txt/b", &info));
    assert_false(find(fixture, "folder/a.txt", &info));
    changed = info;
    changed.size_bytes++;
    assert_false(find(fixture, "a.txt", &changed));
    changed = info;
    changed.inode++;
    assert_false(find(fixture, "a.txt", &changed));
    changed = info;
    changed.mtime_ns++;
    assert_false(find(fixture, "a.txt", &changed));
    changed = info;
    changed.ctime_ns++;
    assert_false(find(fixture, "a.txt", &changed));
    changed = info;
    changed.has_identity = FALSE;
    assert_false(find(fixture, "a.txt", &changed));
    changed = info;
    changed.kind = CRONOS_MEMBER_SYMLINK;
    assert_false(find(fixture, "a.txt", &changed));
    assert_true(find(fixture, "a.txt", &info));
}

static void test_find_refuses_members_without_identity(void **state)
{
    Fixture *fixture = *state;
    CronosMemberInfo info = settled_info(5), plain = info;
    Maker maker = maker_start(fixture, ARCHIVE);

    plain.has_identity = FALSE;
    add_info(&maker, "a", &plain, "hello", 5);
    maker_finish(&maker, ROOT, 9);
    open_reuse(fixture);
    info.mtime_ns -= info.mtime_ns % NS_PER_S;
    assert_false(find(fixture, "a", &info));
}

/* Recorded and found with the same times, which lie this long before the backup's start. */
static gboolean find_with_times(Fixture *fixture, gint64 mtime_ns, gint64 ctime_ns)
{
    CronosMemberInfo info = settled_info(5);
    Maker maker = maker_start(fixture, ARCHIVE);

    info.mtime_ns = mtime_ns;
    info.ctime_ns = ctime_ns;
    add_info(&maker, "a", &info, "hello", 5);
    maker_finish(&maker, ROOT, 9);
    open_reuse(fixture);
    return find(fixture, "a", &info);
}

static void test_find_refuses_what_may_have_changed_after_the_start(void **state)
{
    Fixture *fixture = *state;
    const gint64 old = STARTED_NS - 100 * NS_PER_S;
    const gint64 whole = STARTED_NS / NS_PER_S * NS_PER_S;

    assert_true(find_with_times(fixture, old, old));
    assert_true(find_with_times(fixture, STARTED_NS - 21 * MS, STARTED_NS - 21 * MS));
    assert_false(find_with_times(fixture, old, STARTED_NS + NS_PER_S));
    assert_false(find_with_times(fixture, old, STARTED_NS));
    /* Within a tick of the kernel's clock. */
    assert_false(find_with_times(fixture, old, STARTED_NS - 1));
    assert_false(find_with_times(fixture, old, STARTED_NS - 9 * MS));
    assert_false(find_with_times(fixture, STARTED_NS - 9 * MS, old));
    /* The same on a file system that keeps hundredths of a second. */
    assert_false(find_with_times(fixture, old, STARTED_NS - 19 * MS));
    /* A file system that keeps whole seconds, or every other one. */
    assert_false(find_with_times(fixture, old, whole));
    assert_false(find_with_times(fixture, old, whole - NS_PER_S));
    assert_true(find_with_times(fixture, old, whole - 2 * NS_PER_S));
    /* mtime is whatever a user says. */
    assert_false(find_with_times(fixture, STARTED_NS + 1000 * NS_PER_S, old));
    assert_true(find_with_times(fixture, -5 * NS_PER_S, old));
    gint64 future = (g_get_real_time() + G_GINT64_CONSTANT(86400000000)) * 1000;
    assert_true(find_with_times(fixture, future, old));
    assert_false(find_with_times(fixture, old, future));
    assert_false(find_with_times(fixture, future, STARTED_NS));
}

/* What a change at a moment leaves is that moment's tick, as coarsely as the file system keeps it.
 */
static void test_earlier_heeds_ticks_and_granularity(void **state)
{
    static const gint64 granularities[] = {1, 1000, MS, 10 * MS, NS_PER_S, 2 * NS_PER_S};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(granularities); i++)
        for (gint64 later = 0; later < 2 * NS_PER_S; later += 9 * MS + 123) {
            gint64 moment = STARTED_NS + later;
            gint64 tick = moment - 10 * MS + 1;

            assert_false(cronos_file_time_is_earlier(tick - tick % granularities[i], moment));
        }
    assert_true(cronos_file_time_is_earlier(STARTED_NS - 21 * MS, STARTED_NS));
    assert_true(cronos_file_time_is_earlier((STARTED_NS / NS_PER_S - 2) * NS_PER_S, STARTED_NS));
}

static void assert_state(Fixture *fixture, const char *path, const CronosMemberInfo *info,
                         CronosReuseState expected)
{
    assert_int_equal(cronos_reuse_compare(fixture->reader, path, strlen(path), info), expected);
}

static void test_compare_looks_at_kinds_modes_and_owners(void **state)
{
    Fixture *fixture = *state;
    CronosMemberInfo file = settled_info(5), folder = settled_info(0), link = settled_info(4);
    CronosMemberInfo changed;
    g_autoptr(GError) error = NULL;
    Maker maker = maker_start(fixture, ARCHIVE);

    folder.kind = CRONOS_MEMBER_DIRECTORY;
    folder.mode = S_IFDIR | 0755;
    link.kind = CRONOS_MEMBER_SYMLINK;
    link.mode = S_IFLNK | 0777;
    CronosZipMember member = {"d", 1, folder};
    assert_true(cronos_zip_writer_add(maker.zip, &member, ZIP_METHOD_STORED, 0, NULL, 0, &error));
    add_info(&maker, "d/file", &file, "hello", 5);
    add_info(&maker, "d/link", &link, "file", 4);
    add_text(&maker, "implied/file", "x");
    maker_finish(&maker, ROOT, 9);
    open_reuse(fixture);
    assert_int_equal(cronos_reuse_member_count(fixture->reuse), 5);
    assert_state(fixture, "d", &folder, CRONOS_REUSE_HELD);
    assert_state(fixture, "d/file", &file, CRONOS_REUSE_HELD);
    assert_state(fixture, "d/link", &link, CRONOS_REUSE_HELD);
    assert_state(fixture, "implied", &folder, CRONOS_REUSE_CHANGED);
    assert_state(fixture, "d/none", &file, CRONOS_REUSE_ABSENT);
    changed = folder;
    changed.mtime_ns = changed.ctime_ns = STARTED_NS + NS_PER_S;
    changed.inode = 5;
    assert_state(fixture, "d", &changed, CRONOS_REUSE_HELD);
    changed.mode = S_IFDIR | 0700;
    assert_state(fixture, "d", &changed, CRONOS_REUSE_CHANGED);
    changed = file;
    changed.mode = S_IFREG | 0600;
    assert_state(fixture, "d/file", &changed, CRONOS_REUSE_CHANGED);
    changed = file;
    changed.uid++;
    assert_state(fixture, "d/file", &changed, CRONOS_REUSE_CHANGED);
    changed = link;
    changed.ctime_ns++;
    assert_state(fixture, "d/link", &changed, CRONOS_REUSE_CHANGED);
    assert_state(fixture, "d/file", &folder, CRONOS_REUSE_ABSENT);
}

#define MEMBERS 200u

/* Text of the member @number: empty, stored or deflated. */
static GString *member_text(guint number)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < number % 7 * (number + 1); i++)
        g_string_append_printf(text, "%u.%u ", number, i);
    return text;
}

static char *member_name(guint number)
{
    g_autofree char *padding = g_strnfill(number * 13 % 240, 'n');

    return g_strdup_printf("folder-%u/deeper/%03u-%s", number / 50, number, padding);
}

static void make_many(Fixture *fixture)
{
    Maker maker = maker_start(fixture, ARCHIVE);

    for (guint i = 0; i < MEMBERS; i++) {
        g_autofree char *name = member_name(i);
        g_autoptr(GString) text = member_text(i);

        add_text(&maker, name, text->str);
    }
    maker_finish(&maker, ROOT, 9);
    open_reuse(fixture);
}

static void find_many(Fixture *fixture, CronosReuseMember *members, guint step)
{
    for (guint i = 0; i < MEMBERS; i += step) {
        g_autofree char *name = member_name(i);
        g_autoptr(GString) text = member_text(i);
        CronosMemberInfo info = settled_info(text->len);

        members[i / step] = (CronosReuseMember){.name_length = strlen(name)};
        assert_true(cronos_reuse_find(fixture->reader, name, strlen(name), &info,
                                      &members[i / step].extent));
    }
}

static void assert_decodes(const CronosReuseMember *member, const GByteArray *out,
                           const GString *text)
{
    const guint8 *stored = out->data + member->offset;
    gsize stored_bytes = (gsize)member->extent.stored_bytes;
    g_autofree char *decoded = g_malloc(text->len + 1);
    uLongf length = text->len;
    z_stream inflater = {.next_in = (z_const Bytef *)(guintptr)stored,
                         .avail_in = (uInt)stored_bytes,
                         .next_out = (Bytef *)decoded,
                         .avail_out = (uInt)text->len};

    assert_null(member->error);
    assert_true(member->offset + stored_bytes <= out->len);
    if (member->extent.method == ZIP_METHOD_STORED) {
        assert_int_equal(stored_bytes, text->len);
        memcpy(decoded, stored, stored_bytes);
    } else {
        assert_int_equal(inflateInit2(&inflater, -MAX_WBITS), Z_OK);
        assert_int_equal(inflate(&inflater, Z_FINISH), Z_STREAM_END);
        assert_int_equal(inflater.total_out, length);
        inflateEnd(&inflater);
    }
    assert_memory_equal(decoded, text->str, text->len);
}

static void test_take_brings_what_was_stored(void **state)
{
    Fixture *fixture = *state;
    static const guint steps[] = {1, 2, 3, 50};
    CronosReuseMember members[MEMBERS];

    make_many(fixture);
    for (guint s = 0; s < G_N_ELEMENTS(steps); s++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        guint step = steps[s], count = (MEMBERS + step - 1) / step;

        g_byte_array_append(out, (const guint8 *)"before", 6);
        find_many(fixture, members, step);
        cronos_reuse_take(fixture->reader, members, count, out);
        assert_memory_equal(out->data, "before", 6);
        for (guint i = 0; i < count; i++) {
            g_autoptr(GString) text = member_text(i * step);

            assert_decodes(&members[i], out, text);
        }
    }
}

static void test_take_accepts_any_order(void **state)
{
    Fixture *fixture = *state;
    CronosReuseMember members[MEMBERS], reversed[MEMBERS];
    g_autoptr(GByteArray) out = g_byte_array_new();

    make_many(fixture);
    find_many(fixture, members, 1);
    for (guint i = 0; i < MEMBERS; i++)
        reversed[MEMBERS - 1 - i] = members[i];
    cronos_reuse_take(fixture->reader, reversed, MEMBERS, out);
    for (guint i = 0; i < MEMBERS; i++) {
        g_autoptr(GString) text = member_text(i);

        assert_decodes(&reversed[MEMBERS - 1 - i], out, text);
    }
}

/* One flipped bit, in a header or in data, costs the member it is in and no other. */
static void test_take_refuses_damage_and_nothing_else(void **state)
{
    Fixture *fixture = *state;
    CronosReuseMember members[MEMBERS];
    static const guint victims[] = {5, 78, 198};

    make_many(fixture);
    find_many(fixture, members, 1);
    for (guint i = 0; i < G_N_ELEMENTS(victims); i++) {
        const CronosZipExtent *extent = &members[victims[i]].extent;
        guint64 data = extent->header_offset + ZIP_LOCAL_SIZE + members[victims[i]].name_length + 9;

        assert_true(extent->stored_bytes > 8);
        damage(fixture, ARCHIVE,
               i == 1 ? extent->header_offset + ZIP_LOCAL_CRC32 : data + extent->stored_bytes / 2);
    }
    open_reuse(fixture);
    find_many(fixture, members, 1);
    g_autoptr(GByteArray) out = g_byte_array_new();
    cronos_reuse_take(fixture->reader, members, MEMBERS, out);
    for (guint i = 0; i < MEMBERS; i++) {
        g_autoptr(GString) text = member_text(i);

        if (i == victims[0] || i == victims[1] || i == victims[2]) {
            assert_true(g_error_matches(members[i].error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
            g_clear_error(&members[i].error);
        } else {
            assert_decodes(&members[i], out, text);
        }
    }
}

static void test_take_survives_a_file_that_shrank(void **state)
{
    Fixture *fixture = *state;
    CronosReuseMember members[MEMBERS];
    g_autoptr(GByteArray) out = g_byte_array_new();

    make_many(fixture);
    find_many(fixture, members, 1);
    guint64 end = members[100].extent.header_offset;
    assert_int_equal(ftruncate(cronos_reuse_fd(fixture->reuse), 0), -1);
    g_autofree char *path = g_build_filename(fixture->directory, ARCHIVE, NULL);
    assert_int_equal(truncate(path, (off_t)end), 0);
    cronos_reuse_take(fixture->reader, members, MEMBERS, out);
    for (guint i = 0; i < MEMBERS; i++) {
        g_autoptr(GString) text = member_text(i);

        if (i < 100)
            assert_decodes(&members[i], out, text);
        else
            assert_non_null(members[i].error);
        g_clear_error(&members[i].error);
    }
}

typedef enum {
    INDEX_OURS,
    INDEX_NONE,
    INDEX_OTHER_CHUNKS,
    INDEX_WITHOUT_CRCS,
    INDEX_ENTIRELY_WRONG,
} IndexShape;

/* Noise in hexadecimal, which shrinks to half or so. */
static guint8 *large_bytes(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    guint8 *bytes = g_malloc(LARGE_BYTES);

    for (gsize i = 0; i < LARGE_BYTES; i++)
        bytes[i] = (guint8) "0123456789abcdef"[g_rand_int(random) % 16];
    return bytes;
}

static void add_index(Maker *maker, CronosSozipBuilder *builder, IndexShape shape)
{
    gsize size = 0, name_length = 0;
    g_autofree guint8 *index = cronos_sozip_builder_finish(builder, LARGE_BYTES, &size);
    g_autofree char *name = cronos_sozip_index_name("d/large", 7, &name_length);

    assert_non_null(index);
    if (shape == INDEX_WITHOUT_CRCS)
        zip_put32(index + SOZIP_HEADER_SIZE, 0);
    if (shape == INDEX_ENTIRELY_WRONG)
        memset(index + size - 16, 0xee, 16);
    if (shape != INDEX_NONE)
        assert_true(cronos_zip_writer_add_hidden(maker->zip, name, name_length, index, size, NULL));
}

static void add_large(Maker *maker, const guint8 *bytes, guint16 method, IndexShape shape)
{
    guint32 chunk_size =
        shape == INDEX_OTHER_CHUNKS ? 128 * 1024 : cronos_sozip_chunk_size(LARGE_BYTES);
    CronosZipMember member = {"d/large", 7, settled_info(LARGE_BYTES)};
    g_autoptr(CronosSozipBuilder) builder = cronos_sozip_builder_new(chunk_size);
    gsize room = cronos_deflater_bound(maker->deflater, chunk_size);
    g_autofree guint8 *packed = g_malloc(room);

    assert_true(cronos_zip_writer_begin(maker->zip, &member, method, TRUE, NULL));
    for (gsize at = 0; at < LARGE_BYTES; at += chunk_size) {
        gsize size = MIN(chunk_size, LARGE_BYTES - at);
        const guint8 *stored = bytes + at;
        gsize length = size;

        if (method == ZIP_METHOD_DEFLATED) {
            length = cronos_deflater_compress_chunk(maker->deflater, bytes + at, size,
                                                    at + size == LARGE_BYTES, packed, room);
            stored = packed;
        }
        cronos_sozip_builder_add(builder, length, libdeflate_crc32(0, bytes + at, size));
        assert_true(cronos_zip_writer_append(maker->zip, stored, length, NULL));
    }
    assert_true(cronos_zip_writer_end(maker->zip, libdeflate_crc32(0, bytes, LARGE_BYTES),
                                      LARGE_BYTES, NULL));
    if (method == ZIP_METHOD_DEFLATED)
        add_index(maker, builder, shape);
}

static void make_large(Fixture *fixture, const guint8 *bytes, guint16 method, IndexShape shape)
{
    Maker maker = maker_start(fixture, ARCHIVE);

    add_text(&maker, "a.txt", "in front");
    add_large(&maker, bytes, method, shape);
    add_text(&maker, "z.txt", "behind");
    maker_finish(&maker, ROOT, 9);
    open_reuse(fixture);
}

static CronosReuseLarge *open_large(Fixture *fixture, GError **error)
{
    CronosMemberInfo info = settled_info(LARGE_BYTES);
    CronosZipExtent extent;

    assert_true(cronos_reuse_find(fixture->reader, "d/large", 7, &info, &extent));
    return cronos_reuse_large_open(fixture->reuse, "d/large", 7, &extent, error);
}

/* Takes the chunks in an order of its own, puts them together and holds them against the bytes. */
static void assert_takes_all(Fixture *fixture, const CronosReuseLarge *large, const guint8 *bytes)
{
    g_autoptr(GArray) chunks = g_array_new(FALSE, FALSE, sizeof(CronosSozipChunk));
    g_autoptr(GByteArray) whole = g_byte_array_new();
    guint64 middle = large->chunk_count / 2;
    guint32 crc32 = 0;

    for (guint half = 0; half < 2; half++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        g_autoptr(GArray) some = g_array_new(FALSE, FALSE, sizeof(CronosSozipChunk));
        guint64 first = half == 0 ? middle : 0;

        assert_true(cronos_reuse_take_chunks(fixture->reader, large, first,
                                             half == 0 ? large->chunk_count : middle, out, some,
                                             NULL));
        g_byte_array_prepend(whole, out->data, out->len);
        g_array_prepend_vals(chunks, some->data, some->len);
    }
    assert_int_equal(chunks->len, large->chunk_count);
    for (guint i = 0; i < chunks->len; i++) {
        const CronosSozipChunk *chunk = &g_array_index(chunks, CronosSozipChunk, i);

        crc32 = (guint32)crc32_combine(crc32, chunk->crc32, chunk->size_bytes);
    }
    assert_int_equal(crc32, libdeflate_crc32(0, bytes, LARGE_BYTES));
    assert_int_equal(whole->len, large->extent.stored_bytes);
    g_autofree guint8 *stored = g_malloc(whole->len);
    assert_int_equal(
        pread(cronos_reuse_fd(fixture->reuse), stored, whole->len, (off_t)large->data_offset),
        whole->len);
    assert_memory_equal(whole->data, stored, whole->len);
}

static void test_large_members_by_chunks(void **state)
{
    Fixture *fixture = *state;
    g_autofree guint8 *bytes = large_bytes();
    static const guint16 methods[] = {ZIP_METHOD_DEFLATED, ZIP_METHOD_STORED};

    for (guint i = 0; i < G_N_ELEMENTS(methods); i++) {
        g_autoptr(GError) error = NULL;

        make_large(fixture, bytes, methods[i], INDEX_OURS);
        g_autoptr(CronosReuseLarge) large = open_large(fixture, &error);
        assert_non_null(large);
        assert_int_equal(large->chunk_count, 13);
        assert_int_equal(large->data_offset % 4096, 0);
        assert_true((large->table != NULL) == (methods[i] == ZIP_METHOD_DEFLATED));
        assert_takes_all(fixture, large, bytes);
    }
}

static void test_large_damage_is_found_where_it_is(void **state)
{
    Fixture *fixture = *state;
    g_autofree guint8 *bytes = large_bytes();
    g_autoptr(GArray) chunks = g_array_new(FALSE, FALSE, sizeof(CronosSozipChunk));
    g_autoptr(GByteArray) out = g_byte_array_new();
    CronosSozipChunk third;

    make_large(fixture, bytes, ZIP_METHOD_DEFLATED, INDEX_OURS);
    g_autoptr(CronosReuseLarge) large = open_large(fixture, NULL);
    cronos_sozip_table_chunk(large->table, 3, &third);
    damage(fixture, ARCHIVE, large->data_offset + third.stored_offset + third.stored_bytes / 2);
    for (guint64 i = 0; i < large->chunk_count; i++) {
        g_autoptr(GError) error = NULL;
        gboolean ok =
            cronos_reuse_take_chunks(fixture->reader, large, i, i + 1, out, chunks, &error);

        assert_true(ok == (i != 3));
        assert_true(ok || g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
    }
    assert_int_equal(chunks->len, large->chunk_count - 1);
    assert_int_equal(out->len, large->extent.stored_bytes - third.stored_bytes);
}

static void test_large_members_of_another_making_are_left_alone(void **state)
{
    Fixture *fixture = *state;
    g_autofree guint8 *bytes = large_bytes();
    static const IndexShape shapes[] = {INDEX_NONE, INDEX_OTHER_CHUNKS, INDEX_WITHOUT_CRCS};

    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_autoptr(GError) error = NULL;

        make_large(fixture, bytes, ZIP_METHOD_DEFLATED, shapes[i]);
        assert_null(open_large(fixture, &error));
        assert_null(error);
    }
}

static void test_large_members_with_a_damaged_index(void **state)
{
    Fixture *fixture = *state;
    g_autofree guint8 *bytes = large_bytes();

    make_large(fixture, bytes, ZIP_METHOD_DEFLATED, INDEX_ENTIRELY_WRONG);
    g_autoptr(GError) error = NULL;
    assert_null(open_large(fixture, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
    /* A local header of 57 bytes, then 136 bytes that its CRC covers. */
    for (guint64 at = 0; at < 193; at += 3) {
        g_autoptr(GError) flipped = NULL;

        make_large(fixture, bytes, ZIP_METHOD_DEFLATED, INDEX_OURS);
        g_autoptr(CronosReuseLarge) whole = open_large(fixture, NULL);
        damage(fixture, ARCHIVE, whole->data_offset + whole->extent.stored_bytes + at);
        g_autoptr(CronosReuseLarge) large = open_large(fixture, &flipped);
        if (large != NULL)
            assert_takes_all(fixture, large, bytes);
        if (at >= 57)
            assert_true(g_error_matches(flipped, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_open_chooses_the_newest_that_fits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_survives_strange_metadata, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_find_wants_every_fact_equal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_find_refuses_members_without_identity, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_find_refuses_what_may_have_changed_after_the_start,
                                        set_up, tear_down),
        cmocka_unit_test(test_earlier_heeds_ticks_and_granularity),
        cmocka_unit_test_setup_teardown(test_compare_looks_at_kinds_modes_and_owners, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_take_brings_what_was_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_take_accepts_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_take_refuses_damage_and_nothing_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_take_survives_a_file_that_shrank, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_members_by_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_damage_is_found_where_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_members_of_another_making_are_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_large_members_with_a_damaged_index, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
