/* SPDX-License-Identifier: MIT
 * format-fixture.h - archives of every format, and what reads them, against the tree they were made
 * from */
#pragma once
#include "tests/unit/zip-fixtures.h"

#include "core/archive.h"
#include "core/error.h"
#include "core/passphrase.h"

#define SECOND G_GINT64_CONSTANT(1000000000)

typedef struct {
    char *directory;
    CronosArchive *archive;
} Fixture;

static inline int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = temporary_new();
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    Fixture *fixture = *state;

    cronos_archive_unref(fixture->archive);
    cronos_passphrase_set_source(NULL, NULL);
    temporary_free(fixture->directory);
    g_free(fixture);
    return 0;
}

static inline CronosArchive *try_archive(const Fixture *fixture, const char *name, GError **error)
{
    int dirfd = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CronosArchive *archive = cronos_archive_open(dirfd, name, error);

    close(dirfd);
    return archive;
}

static inline CronosArchive *open_archive(Fixture *fixture, const char *name)
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

#define SMALL_TREE                                                                                 \
    "import random, os\n"                                                                          \
    "r = random.Random(9); os.makedirs('tree/sub')\n"                                              \
    "for i in range(6): open('tree/sub/%d' % i, 'wb').write(r.randbytes(i * 400))\n"               \
    "open('tree/text', 'wb').write(b'text\\n' * 700)\n"

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

static inline GBytes *source_bytes(const Fixture *fixture, const char *inner)
{
    g_autofree char *path = g_build_filename(fixture->directory, "tree", inner, NULL);
    char *bytes;
    gsize length;

    if (!g_file_get_contents(path, &bytes, &length, NULL))
        fail_msg("can not read %s", path);
    return g_bytes_new_take(bytes, length);
}

static inline void compare_bytes(CronosArchive *archive, guint32 entry, GBytes *expected)
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

static inline void compare_entry(const Fixture *fixture, guint32 entry)
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

static inline guint32 find(CronosArchive *archive, const char *path)
{
    guint32 entry = cronos_archive_lookup_path(archive, path);

    if (entry == CRONOS_ENTRY_NONE)
        fail_msg("%s is missing", path);
    return entry;
}

static inline void expect_text(CronosArchive *archive, const char *path, const char *text)
{
    g_autoptr(GBytes) expected = g_bytes_new(text, strlen(text));

    compare_bytes(archive, find(archive, path), expected);
}

static inline void expect_message(GError **error, int code, const char *part)
{
    assert_true(g_error_matches(*error, CRONOS_ERROR, code));
    if (strstr((*error)->message, part) == NULL)
        fail_msg("\"%s\" does not say: %s", (*error)->message, part);
    g_clear_error(error);
}
