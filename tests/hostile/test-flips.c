/* SPDX-License-Identifier: MIT
 * test-flips.c - archives of real tools, cut at every byte and with every byte changed
 *
 * The archives are the seeds in the directory given as argument. What must hold: an archive that
 * was cut does not open; a file that reads without an error has the bytes of one of the original's
 * files, since a CRC protects them; and where verification finds nothing, each file stands under
 * its own name with its own bytes. Modes, times, owners and the archive comment are protected by
 * nothing in a ZIP file: a mode may thus turn a file into a symbolic link, or an empty file into a
 * folder. In a backup they are, by the seal: there no byte of the central directory or of what
 * follows it changes without being noticed. */
#include "core/create.h"
#include "core/error.h"
#include "core/verify-private.h"

#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define SIZE_MAX_READ ((gsize)1 << 20)

typedef struct {
    char *name;
    guint8 *bytes;
    gsize size;
    int fd;              /* a file in memory, in which one byte is changed at a time */
    GHashTable *files;   /* path to GBytes; NULL where it can not be decoded here */
    GHashTable *folders; /* paths of those with a member of their own */
    GHashTable *sums;    /* SHA-256 of all contents in .files */
    gboolean verifies;   /* every member of it can be checked */
} Subject;

static const char *corpus;
static GPtrArray *subjects;

static char *sum_of(const void *bytes, gsize size)
{
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, size);
}

/* Returns: (owned) the decoded bytes, or NULL where they can not be had. */
static GBytes *read_member(CronosArchive *archive, guint32 entry)
{
    g_autoptr(GError) error = NULL;
    CronosMemberInfo info;

    if (!cronos_archive_info(archive, entry, &info, &error) || info.size_bytes > SIZE_MAX_READ)
        return NULL;
    g_autofree guint8 *bytes = g_malloc(info.size_bytes + 1);
    gssize n = cronos_archive_read(archive, entry, 0, bytes, info.size_bytes, &error);
    if (n < 0) {
        assert_non_null(error);
        return NULL;
    }
    assert_int_equal(n, info.size_bytes);
    return g_bytes_new_take(g_steal_pointer(&bytes), (gsize)n);
}

/* The same by a stream, in small pieces. */
static GBytes *stream_member(CronosArchive *archive, guint32 entry)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosArchiveStream) stream = cronos_archive_stream_open(archive, entry, &error);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    guint8 piece[513];

    while (stream != NULL && bytes->len <= SIZE_MAX_READ) {
        gssize n = cronos_archive_stream_read(stream, piece, sizeof piece, &error);

        if (n == 0)
            return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
        if (n < 0)
            break;
        g_byte_array_append(bytes, piece, (guint)n);
    }
    assert_true(error != NULL || bytes->len > SIZE_MAX_READ);
    return NULL;
}

/* Returns: whether verification finds nothing. */
static gboolean verifies(CronosArchive *archive)
{
    g_autoptr(GError) error = NULL;
    CronosTally tally;

    cronos_tally_init(&tally, NULL);
    g_autoptr(GArray) findings = cronos_verify_members(archive, 1, &tally, &error);
    cronos_tally_clear(&tally);
    assert_non_null(findings);
    return findings->len == 0;
}

static CronosArchive *open_subject(const Subject *subject, GError **error)
{
    return cronos_archive_open_fd(fcntl(subject->fd, F_DUPFD_CLOEXEC, 0), subject->name, error);
}

static void take_contents(Subject *subject, CronosArchive *archive)
{
    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        g_autofree char *path = cronos_archive_path(archive, entry);
        CronosMemberInfo info;

        assert_true(cronos_archive_info(archive, entry, &info, NULL));
        if (info.kind == CRONOS_MEMBER_DIRECTORY) {
            if (!info.implied)
                g_hash_table_add(subject->folders, g_steal_pointer(&path));
            continue;
        }
        GBytes *bytes = read_member(archive, entry);
        if (bytes != NULL)
            g_hash_table_add(subject->sums,
                             sum_of(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)));
        g_hash_table_insert(subject->files, g_steal_pointer(&path), bytes);
    }
}

static void bytes_free(gpointer bytes)
{
    g_clear_pointer((GBytes **)&bytes, g_bytes_unref);
}

static Subject *subject_new(const char *name)
{
    Subject *subject = g_new0(Subject, 1);
    g_autofree char *path = g_build_filename(corpus, name, NULL);
    g_autoptr(GError) error = NULL;

    subject->name = g_strdup(name);
    assert_true(g_file_get_contents(path, (char **)&subject->bytes, &subject->size, NULL));
    subject->fd = memfd_create(name, MFD_CLOEXEC);
    assert_int_equal(pwrite(subject->fd, subject->bytes, subject->size, 0), subject->size);
    subject->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, bytes_free);
    subject->folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    subject->sums = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    /* A folder's member may become an empty file. */
    g_hash_table_add(subject->sums, sum_of("", 0));
    g_autoptr(CronosArchive) archive = open_subject(subject, &error);
    if (archive == NULL)
        fail_msg("%s", error->message);
    take_contents(subject, archive);
    subject->verifies = verifies(archive);
    return subject;
}

static void subject_free(gpointer data)
{
    Subject *subject = data;

    close(subject->fd);
    g_clear_pointer(&subject->files, g_hash_table_unref);
    g_clear_pointer(&subject->folders, g_hash_table_unref);
    g_clear_pointer(&subject->sums, g_hash_table_unref);
    g_free(subject->bytes);
    g_free(subject->name);
    g_free(subject);
}

static int set_up(void **state)
{
    g_autoptr(GDir) directory = g_dir_open(corpus, 0, NULL);
    const char *name;

    assert_non_null(directory);
    subjects = g_ptr_array_new_with_free_func(subject_free);
    while ((name = g_dir_read_name(directory)) != NULL) {
        if (g_str_has_prefix(name, "seed-"))
            g_ptr_array_add(subjects, subject_new(name));
    }
    return 0;
}

static int tear_down(void **state)
{
    g_ptr_array_unref(subjects);
    return 0;
}

static void check_is_original(const Subject *subject, const char *where, GBytes *bytes)
{
    g_autofree char *sum = sum_of(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));

    if (!g_hash_table_contains(subject->sums, sum))
        fail_msg("%s, %s: wrong bytes are delivered", subject->name, where);
}

/* No way of reading delivers what was not in the archive. */
static void check_reading(const Subject *subject, const char *where, CronosArchive *archive)
{
    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        if (cronos_archive_is_directory(archive, entry))
            continue;
        g_autoptr(GBytes) bytes = read_member(archive, entry);
        g_autoptr(GBytes) streamed = stream_member(archive, entry);

        if (bytes != NULL)
            check_is_original(subject, where, bytes);
        if (streamed != NULL)
            check_is_original(subject, where, streamed);
    }
}

static void check_file(const Subject *subject, const char *where, CronosArchive *archive,
                       guint32 entry, const char *path)
{
    GBytes *original = g_hash_table_lookup(subject->files, path);
    g_autoptr(GBytes) bytes = read_member(archive, entry);

    if (bytes == NULL || original == NULL || !g_bytes_equal(bytes, original))
        fail_msg("%s, %s: verified, yet \"%s\" is another file", subject->name, where, path);
}

/* Nothing was found, so nothing may be wrong. */
static void check_whole(const Subject *subject, const char *where, CronosArchive *archive)
{
    guint found = 0;

    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        g_autofree char *path = cronos_archive_path(archive, entry);
        CronosMemberInfo info;

        assert_true(cronos_archive_info(archive, entry, &info, NULL));
        if (info.kind != CRONOS_MEMBER_DIRECTORY) {
            check_file(subject, where, archive, entry, path);
            found++;
        } else if (g_hash_table_lookup(subject->files, path) != NULL) {
            GBytes *original = g_hash_table_lookup(subject->files, path);

            if (g_bytes_get_size(original) > 0)
                fail_msg("%s, %s: verified, yet \"%s\" is a folder", subject->name, where, path);
            found++;
        } else if (!info.implied && !g_hash_table_contains(subject->folders, path)) {
            fail_msg("%s, %s: verified, yet \"%s\" is new", subject->name, where, path);
        }
    }
    if (found != g_hash_table_size(subject->files))
        fail_msg("%s, %s: verified, yet a file is missing", subject->name, where);
}

static void check_damaged(const Subject *subject, const char *where)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosArchive) archive = open_subject(subject, &error);

    if (archive == NULL) {
        assert_non_null(error);
        assert_true(error->domain == CRONOS_ERROR);
        return;
    }
    check_reading(subject, where, archive);
    if (verifies(archive))
        check_whole(subject, where, archive);
}

static void put_byte(const Subject *subject, gsize at, guint8 byte)
{
    assert_int_equal(pwrite(subject->fd, &byte, 1, (off_t)at), 1);
}

/* Returns: (owned) a backup of a small tree, with all kinds of members. */
static Subject *sealed_subject(void)
{
    g_autofree char *root = temporary_new();
    g_autofree char *folder = g_build_filename(root, "folder", NULL);
    g_autofree char *link = g_build_filename(root, "link", NULL);
    g_autoptr(GError) error = NULL;
    const CronosCreateOptions options = {.name = "x", .level = 6, .threads = 1};
    Subject *subject = g_new0(Subject, 1);

    assert_int_equal(g_mkdir(folder, 0755), 0);
    temporary_write(folder, "file", "some text");
    temporary_write(root, "empty", "");
    assert_int_equal(symlink("folder/file", link), 0);
    g_autoptr(CronosConfig) config = cronos_config_load(root, NULL, &error);
    g_autoptr(CronosCreateResult) result =
        config != NULL ? cronos_create(config, &options, NULL, &error) : NULL;
    if (result == NULL)
        fail_msg("%s", error->message);
    assert_true(g_file_get_contents(result->path, (char **)&subject->bytes, &subject->size, NULL));
    subject->name = g_strdup("sealed.zip");
    subject->fd = memfd_create(subject->name, MFD_CLOEXEC);
    assert_int_equal(pwrite(subject->fd, subject->bytes, subject->size, 0), subject->size);
    temporary_free(g_steal_pointer(&root));
    return subject;
}

/* Returns: where the central directory begins. */
static gsize directory_start(const Subject *subject)
{
    gsize at = subject->size - 22;
    guint32 offset;

    while (memcmp(subject->bytes + at, "PK\5\6", 4) != 0)
        at--;
    memcpy(&offset, subject->bytes + at + 16, sizeof offset);
    return GUINT32_FROM_LE(offset);
}

static gboolean passes(const Subject *subject)
{
    g_autoptr(CronosArchive) archive = open_subject(subject, NULL);

    return archive != NULL && verifies(archive);
}

static void test_sealed(void **state)
{
    Subject *subject = sealed_subject();

    assert_true(passes(subject));
    for (gsize at = directory_start(subject); at < subject->size; at++) {
        for (guint i = 0; i < 2; i++) {
            guint8 flip = i == 0 ? 0xff : (guint8)(1u << at % 8);

            put_byte(subject, at, subject->bytes[at] ^ flip);
            if (passes(subject))
                fail_msg("byte %zu ^ 0x%02x is not noticed", at, flip);
        }
        put_byte(subject, at, subject->bytes[at]);
    }
    subject_free(subject);
}

static void test_unchanged(void **state)
{
    assert_true(subjects->len >= 12);
    for (guint i = 0; i < subjects->len; i++) {
        const Subject *subject = g_ptr_array_index(subjects, i);
        g_autoptr(CronosArchive) archive = open_subject(subject, NULL);

        assert_true(g_hash_table_size(subject->files) > 0);
        if (subject->verifies)
            check_whole(subject, "unchanged", archive);
    }
}

static void test_truncated(void **state)
{
    for (guint i = 0; i < subjects->len; i++) {
        const Subject *subject = g_ptr_array_index(subjects, i);

        for (gsize length = subject->size; length-- > 0;) {
            g_autoptr(GError) error = NULL;

            assert_int_equal(ftruncate(subject->fd, (off_t)length), 0);
            g_autoptr(CronosArchive) archive = open_subject(subject, &error);
            if (archive != NULL)
                fail_msg("%s: opens when cut to %zu bytes", subject->name, length);
            assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
        }
        assert_int_equal(pwrite(subject->fd, subject->bytes, subject->size, 0), subject->size);
    }
}

/* Each bit of each byte, and all of them at once. */
static void test_flipped(void **state)
{
    for (guint i = 0; i < subjects->len; i++) {
        const Subject *subject = g_ptr_array_index(subjects, i);

        for (gsize at = 0; at < subject->size; at++) {
            for (guint mask = 1; mask <= 256; mask *= 2) {
                guint8 flip = mask == 256 ? 0xff : (guint8)mask;
                g_autofree char *where = g_strdup_printf("byte %zu ^ 0x%02x", at, flip);

                put_byte(subject, at, subject->bytes[at] ^ flip);
                check_damaged(subject, where);
            }
            put_byte(subject, at, subject->bytes[at]);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_unchanged),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped),
    };

    if (argc != 2) {
        print_error("usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    corpus = argv[1];
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
