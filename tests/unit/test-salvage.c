/* SPDX-License-Identifier: MIT
 * test-salvage.c - what is whole in a damaged archive, into a new one that always is */
#include "tests/unit/read-fixture.h"

#include "core/metadata.h"
#include "core/salvage-private.h"
#include "core/verify-private.h"
#include "core/zip/sozip-chunks.h"

#include <errno.h>
#include <sys/mman.h>

typedef struct {
    char *directory;
    CronosSalvageResult *result;
    int out_fd;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->directory = temporary_new();
    fixture->out_fd = -1;
    *state = fixture;
    return 0;
}

static void forget(Fixture *fixture)
{
    g_clear_pointer(&fixture->result, cronos_salvage_result_free);
    if (fixture->out_fd >= 0)
        close(fixture->out_fd);
    fixture->out_fd = -1;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    forget(fixture);
    temporary_free(fixture->directory);
    g_free(fixture);
    return 0;
}

static int memory_file(const void *bytes, gsize size)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, 0), size);
    return fd;
}

/* Salvages the file in memory. */
static void salvage_bytes(Fixture *fixture, const void *bytes, gsize size)
{
    g_autoptr(GError) error = NULL;
    int fd = memory_file(bytes, size);
    CronosTally tally;

    forget(fixture);
    fixture->out_fd = memory_file("", 0);
    fixture->result = cronos_salvage_result_new();
    cronos_tally_init(&tally, NULL);
    if (!cronos_salvage_file(fd, fixture->out_fd, &tally, fixture->result, &error))
        fail_msg("%s", error->message);
    cronos_tally_clear(&tally);
    close(fd);
}

static GBytes *load(const Fixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->directory, name, NULL);
    char *bytes = NULL;
    gsize size;

    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    return g_bytes_new_take(bytes, size);
}

/* Salvages a.zip, which the Python in @script makes and spoils. */
static void salvage(Fixture *fixture, const char *script)
{
    gsize size;

    run_python(fixture->directory, script);
    g_autoptr(GBytes) bytes = load(fixture, "a.zip");
    const void *data = g_bytes_get_data(bytes, &size);
    salvage_bytes(fixture, data, size);
}

static CronosArchive *open_bytes(const void *bytes, gsize size)
{
    g_autoptr(GError) error = NULL;
    CronosArchive *archive = cronos_archive_open_fd(memory_file(bytes, size), "a.zip", &error);

    if (archive == NULL)
        fail_msg("%s", error->message);
    return archive;
}

static CronosArchive *open_result(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    CronosArchive *archive =
        cronos_archive_open_fd(fcntl(fixture->out_fd, F_DUPFD_CLOEXEC, 0), "new.zip", &error);

    if (archive == NULL)
        fail_msg("%s", error->message);
    return archive;
}

static GBytes *read_entry(CronosArchive *archive, guint32 entry)
{
    CronosMemberInfo info;

    assert_true(cronos_archive_info(archive, entry, &info, NULL));
    g_autofree guint8 *bytes = g_malloc(info.size_bytes + 1);
    assert_int_equal(cronos_archive_read(archive, entry, 0, bytes, info.size_bytes, NULL),
                     info.size_bytes);
    return g_bytes_new_take(g_steal_pointer(&bytes), info.size_bytes);
}

/* Returns: (owned) GBytes by path, those of folders empty. */
static GHashTable *contents(CronosArchive *archive)
{
    GHashTable *files =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);

    for (guint32 entry = 1; entry < cronos_archive_count(archive); entry++) {
        CronosMemberInfo info;

        assert_true(cronos_archive_info(archive, entry, &info, NULL));
        if (!info.implied)
            g_hash_table_insert(files, cronos_archive_path(archive, entry),
                                info.kind == CRONOS_MEMBER_DIRECTORY ? g_bytes_new("", 0)
                                                                     : read_entry(archive, entry));
    }
    return files;
}

/* The new archive is whole, whatever became of the old one. Returns: (owned) what is in it. */
static GHashTable *check_result(const Fixture *fixture)
{
    g_autoptr(CronosArchive) archive = open_result(fixture);
    g_autoptr(GError) error = NULL;
    CronosTally tally;

    cronos_tally_init(&tally, NULL);
    g_autoptr(GArray) findings = cronos_verify_members(archive, 1, &tally, &error);
    cronos_tally_clear(&tally);
    assert_non_null(findings);
    if (findings->len > 0)
        fail_msg("%s", g_array_index(findings, CronosFinding, 0).reason);
    assert_int_equal(cronos_archive_repairs(archive, NULL), 0);
    GHashTable *files = contents(archive);
    assert_int_equal(g_hash_table_size(files), fixture->result->members);
    return files;
}

static void expect_paths(const Fixture *fixture, const char *wanted)
{
    g_autoptr(GHashTable) files = check_result(fixture);
    GList *paths = g_list_sort(g_hash_table_get_keys(files), (GCompareFunc)strcmp);
    g_autoptr(GString) joined = g_string_new(NULL);

    for (GList *path = paths; path != NULL; path = path->next)
        g_string_append_printf(joined, "%s%s", path == paths ? "" : " ", (const char *)path->data);
    g_list_free(paths);
    assert_string_equal(joined->str, wanted);
}

static void expect_text(const GPtrArray *texts, const char *wanted)
{
    for (guint i = 0; i < texts->len; i++)
        if (strstr(g_ptr_array_index(texts, i), wanted) != NULL)
            return;
    fail_msg("there is no \"%s\"", wanted);
}

/* Each member is one of the original's, under its own name. */
static void expect_part_of(const Fixture *fixture, GHashTable *originals, const char *where)
{
    g_autoptr(GHashTable) files = check_result(fixture);
    GHashTableIter iter;
    gpointer path, bytes;

    g_hash_table_iter_init(&iter, files);
    while (g_hash_table_iter_next(&iter, &path, &bytes)) {
        GBytes *original = g_hash_table_lookup(originals, path);

        if (original == NULL || !g_bytes_equal(original, bytes))
            fail_msg("%s: %s is not what it was", where, (const char *)path);
    }
}

/* Fields are longer than that, and begin anywhere. */
#define STEP_BYTES 3u

static void cut_everywhere(Fixture *fixture, const char *name)
{
    g_autoptr(GBytes) bytes = load(fixture, name);
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    g_autoptr(CronosArchive) archive = open_bytes(data, size);
    g_autoptr(GHashTable) originals = contents(archive);

    for (gsize length = size % STEP_BYTES; length <= size; length += STEP_BYTES) {
        g_autofree char *where = g_strdup_printf("%s, cut at %zu", name, length);

        salvage_bytes(fixture, data, length);
        expect_part_of(fixture, originals, where);
    }
    assert_int_equal(fixture->result->members, g_hash_table_size(originals));
    assert_true(cronos_salvage_result_is_complete(fixture->result));
}

#define SMALL_TREE                                                                                 \
    "mkdir -p tree/d/empty; cd tree; echo one >a; seq 40 >d/b; : >nothing; printf x >d/c; "
#define SMALLER_TREE "mkdir -p tree/d; cd tree; seq 40 >d/b; printf x >c; "

static void make_own(const Fixture *fixture, const char *tree, const char *name)
{
    g_autofree char *root = g_build_filename(fixture->directory, tree, NULL);
    g_autofree char *path = g_build_filename(fixture->directory, name, NULL);
    g_autoptr(GError) error = NULL;
    CronosCreateOptions options = {.name = "x", .level = 6, .threads = 1};
    g_autoptr(CronosConfig) config = cronos_config_load(root, NULL, &error);
    g_autoptr(CronosCreateResult) result =
        config == NULL ? NULL : cronos_create(config, &options, NULL, &error);

    if (result == NULL)
        fail_msg("%s", error->message);
    assert_int_equal(g_rename(result->path, path), 0);
}

static void test_cut_everywhere(void **state)
{
    Fixture *fixture = *state;

    run_shell(fixture->directory, SMALLER_TREE "find . | zip -q - -@ | cat >../streamed.zip\n"
                                               "7z a -tzip -bso0 -bsp0 ../7z.zip .\n");
    make_own(fixture, "tree", "own.zip");
    cut_everywhere(fixture, "streamed.zip");
    cut_everywhere(fixture, "7z.zip");
    cut_everywhere(fixture, "own.zip");
}

/* A name may be wrong then, if it is not called complete: what a member holds may not. */
static void flip_everywhere(Fixture *fixture, const char *name)
{
    g_autoptr(GBytes) bytes = load(fixture, name);
    gsize size;
    g_autofree guint8 *data = g_bytes_unref_to_data(g_steal_pointer(&bytes), &size);
    g_autoptr(CronosArchive) archive = open_bytes(data, size);
    g_autoptr(GHashTable) originals = contents(archive);
    g_autoptr(GHashTable) known = g_hash_table_new(g_bytes_hash, g_bytes_equal);
    GHashTableIter iter;
    gpointer path, content;

    g_hash_table_iter_init(&iter, originals);
    while (g_hash_table_iter_next(&iter, &path, &content))
        g_hash_table_add(known, content);
    for (gsize at = 0; at < size; at += STEP_BYTES) {
        data[at] ^= 0xff;
        salvage_bytes(fixture, data, size);
        data[at] ^= 0xff;
        g_autoptr(GHashTable) files = check_result(fixture);
        g_hash_table_iter_init(&iter, files);
        while (g_hash_table_iter_next(&iter, &path, &content))
            if (!g_hash_table_contains(known, content))
                fail_msg("%s, flipped at %zu: %s is not what it was", name, at, (char *)path);
            else if (cronos_salvage_result_is_complete(fixture->result) &&
                     !g_hash_table_contains(originals, path))
                fail_msg("%s, flipped at %zu: %s is new", name, at, (char *)path);
        /* One byte is one member's, or the directory's. */
        assert_true(fixture->result->members + 1 >= g_hash_table_size(originals));
    }
}

static void test_flipped_everywhere(void **state)
{
    Fixture *fixture = *state;

    run_shell(fixture->directory, SMALLER_TREE "zip -qrX ../zip.zip .\n"
                                               "find . | zip -q - -@ | cat >../streamed.zip");
    flip_everywhere(fixture, "zip.zip");
    flip_everywhere(fixture, "streamed.zip");
}

static void test_attributes(void **state)
{
    Fixture *fixture = *state;
    static const char script[] =
        "ux = b'ux\\x0b\\0\\1\\4' + struct.pack('<IBI', 1000, 4, 100)\n"
        "craft('a.zip', [f(b'tool', b'#!', attributes=0o100755 << 16, extra=ux, local_extra=ux),\n"
        "    f(b'link', b'tool', attributes=0o120777 << 16),\n"
        "    f(b'd/', b'', attributes=0o40700 << 16)], comment=b'words')\n";
    CronosMemberInfo info;
    gsize length;

    salvage(fixture, script);
    expect_paths(fixture, "d link tool");
    assert_int_equal(fixture->result->notes->len, 0);
    g_autoptr(CronosArchive) archive = open_result(fixture);
    cronos_archive_info(archive, cronos_archive_lookup_path(archive, "tool"), &info, NULL);
    assert_int_equal(info.mode, S_IFREG | 0755);
    assert_int_equal(info.uid, 1000);
    cronos_archive_info(archive, cronos_archive_lookup_path(archive, "link"), &info, NULL);
    assert_int_equal(info.mode, S_IFLNK | 0777);
    cronos_archive_info(archive, cronos_archive_lookup_path(archive, "d"), &info, NULL);
    assert_int_equal(info.mode, S_IFDIR | 0700);
    assert_memory_equal(cronos_archive_comment(archive, &length), "words", 5);

    g_autofree char *bare =
        g_strconcat(script,
                    "raw = bytearray(open('a.zip', 'rb').read())\n"
                    "del raw[raw.index(b'PK\\1\\2'):]\nopen('a.zip', 'wb').write(raw)\n",
                    NULL);
    salvage(fixture, bare);
    expect_paths(fixture, "d link tool");
    expect_text(fixture->result->notes, "can be read: 3;");
    assert_true(fixture->result->uncertain);
    g_autoptr(CronosArchive) other = open_result(fixture);
    cronos_archive_info(other, cronos_archive_lookup_path(other, "tool"), &info, NULL);
    assert_int_equal(info.mode, S_IFREG | 0644);
    assert_int_equal(info.uid, 1000);
    cronos_archive_info(other, cronos_archive_lookup_path(other, "d"), &info, NULL);
    assert_int_equal(info.mode, S_IFDIR | 0755);
}

static void test_names_are_made_safe(void **state)
{
    Fixture *fixture = *state;

    salvage(fixture, "craft('a.zip', [f(b'../up'), f(b'/top'), f(b'a//b/./c'), f(b'twice', b'1'),\n"
                     "    f(b'twice', b'22'), f(b'x/y'), f(b'x', b'no folder')])\n");
    expect_paths(fixture, "__/up a/b/c top twice x/y");
    expect_text(fixture->result->notes, "../up: the name was made safe");
    expect_text(fixture->result->notes, "twice: left out");
    assert_int_equal(fixture->result->lost->len, 0);
    g_autoptr(GHashTable) files = check_result(fixture);
    assert_int_equal(g_bytes_get_size(g_hash_table_lookup(files, "twice")), 2);
}

/* One of a member's two names is damaged. Where one of them is another member's, it is that one;
 * else there is no telling, and nobody may call it complete. */
static void test_names_that_differ(void **state)
{
    Fixture *fixture = *state;
    static const char script[] =
        "craft('a.zip', [f(b'f1', b'1'), f(b'f2', b'22', extra=b'ux\\x0b\\0\\1"
        "\\4\\xe8\\3\\0\\0\\4\\xe8\\3\\0\\0'), f(b'f3', b'333')])\n"
        "raw = bytearray(open('a.zip', 'rb').read())\n";
    g_autofree char *other = g_strconcat(
        script, "raw[raw.rindex(b'f2') + 1] ^= 1\nopen('a.zip', 'wb').write(raw)\n", NULL);
    g_autofree char *local = g_strconcat(
        script, "raw[raw.index(b'f2') + 1] ^= 1\nopen('a.zip', 'wb').write(raw)\n", NULL);
    g_autofree char *neither =
        g_strconcat(script, "raw[raw.rindex(b'f2')] ^= 1\nopen('a.zip', 'wb').write(raw)\n", NULL);
    CronosMemberInfo info;

    salvage(fixture, other);
    expect_paths(fixture, "f1 f2 f3");
    expect_text(fixture->result->notes, "f2: one of its two headers has another name, which may be "
                                        "the right one: f3");
    assert_false(cronos_salvage_result_is_complete(fixture->result));
    g_autoptr(CronosArchive) archive = open_result(fixture);
    cronos_archive_info(archive, cronos_archive_lookup_path(archive, "f2"), &info, NULL);
    assert_int_equal(info.uid, 1000);
    salvage(fixture, local);
    expect_paths(fixture, "f1 f2 f3");
    assert_int_equal(fixture->result->misnamed, 1);
    salvage(fixture, neither);
    expect_paths(fixture, "f1 f3 g2");
    expect_text(fixture->result->notes, "right one: f2");
    assert_false(cronos_salvage_result_is_complete(fixture->result));
}

static void test_names_in_code_page(void **state)
{
    Fixture *fixture = *state;

    salvage(fixture, "craft('a.zip', [f(b'\\x84.txt', made_by=0), f(b'\\xff\\xfe')])\n");
    expect_paths(fixture, "\303\244.txt \377\376");
}

static void test_lost_members_are_named(void **state)
{
    Fixture *fixture = *state;

    salvage(fixture, "craft('a.zip', [f(b'good', b'g'), f(b'sum', b's', crc=1),\n"
                     "    f(b'stream', b'd' * 500, method=8, stored=b'\\xff' * 50),\n"
                     "    f(b'secret', b'e', flags=1), f(b'other', b'o', method=12)])\n");
    expect_paths(fixture, "good");
    assert_int_equal(fixture->result->lost->len, 4);
    expect_text(fixture->result->lost, "sum: checksum mismatch");
    expect_text(fixture->result->lost, "stream: the compressed bytes are damaged");
    expect_text(fixture->result->lost, "secret: the member is encrypted");
    expect_text(fixture->result->lost, "other: compression method 12 is not supported");
    assert_false(cronos_salvage_result_is_complete(fixture->result));
}

static void test_nothing_is_left(void **state)
{
    Fixture *fixture = *state;

    salvage_bytes(fixture, "", 0);
    assert_int_equal(fixture->result->members, 0);
    salvage(fixture, "craft('a.zip', [f(b'sum', b's', crc=1)])\n");
    assert_int_equal(fixture->result->members, 0);
    expect_text(fixture->result->lost, "sum");
    g_autoptr(GHashTable) files = check_result(fixture);
}

/* Several MiB: not decoded whole. */
static void test_large_members(void **state)
{
    Fixture *fixture = *state;
    static const char script[] =
        "import random\n"
        "noise = random.Random(5).randbytes(9 << 20)\n"
        "craft('a.zip', [f(b'stored', noise), f(b'zeros', bytes(30 << 20), method=8)])\n"
        "raw = bytearray(open('a.zip', 'rb').read())\n";
    g_autofree char *bare = g_strconcat(
        script, "del raw[raw.index(b'PK\\1\\2'):]\nopen('a.zip', 'wb').write(raw)\n", NULL);
    g_autofree char *damaged =
        g_strconcat(script,
                    "raw[5 << 20] ^= 1\nraw[raw.index(b'PK\\1\\2') - 3000] ^= 1\n"
                    "open('a.zip', 'wb').write(raw)\n",
                    NULL);

    salvage(fixture, bare);
    expect_paths(fixture, "stored zeros");
    assert_int_equal(fixture->result->bytes, 39 << 20);
    salvage(fixture, damaged);
    expect_paths(fixture, "");
    assert_int_equal(fixture->result->lost->len, 2);
}

/* Returns: whether @path has an index, by which all of its chunks are right. */
static gboolean has_index(const Fixture *fixture, const char *path)
{
    g_autoptr(CronosArchive) archive = open_result(fixture);
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosSozipChunks) chunks =
        cronos_archive_chunks_open(archive, cronos_archive_lookup_path(archive, path), &error);
    g_autoptr(CronosSozipDecoder) decoder = cronos_sozip_decoder_new();
    g_autoptr(GArray) sums = g_array_new(FALSE, FALSE, sizeof(guint32));

    if (error != NULL)
        fail_msg("%s", error->message);
    for (guint64 i = 0; chunks != NULL && i < cronos_sozip_chunks_count(chunks); i++) {
        CronosSozipPiece piece;

        assert_true(cronos_sozip_chunks_decode(chunks, decoder, i, &piece, NULL));
        g_array_append_val(sums, piece.crc32);
    }
    return chunks != NULL &&
           cronos_sozip_chunks_check(chunks, (const guint32 *)(gpointer)sums->data, NULL);
}

#define INDEXED SOZIP "data = b''.join(b'%d,' % i for i in range(200000))\n"
#define BARE                                                                                       \
    "raw = bytearray(open('a.zip', 'rb').read())\ndel raw[raw.index(b'PK\\1\\2'):]\n"              \
    "open('a.zip', 'wb').write(raw)\n"

static void test_seek_index(void **state)
{
    Fixture *fixture = *state;

    salvage(fixture, INDEXED "sozip('a.zip', data, 65536)\n");
    expect_paths(fixture, "plain");
    assert_true(has_index(fixture, "plain"));
    assert_int_equal(fixture->result->notes->len, 0);
    salvage(fixture, INDEXED "sozip('a.zip', data, 65536, crcs=False)\n" BARE);
    expect_paths(fixture, "plain");
    assert_true(has_index(fixture, "plain"));
    assert_int_equal(fixture->result->lost->len, 0);
}

static void test_seek_index_damaged(void **state)
{
    Fixture *fixture = *state;

    salvage(fixture, INDEXED "sozip('a.zip', data, 65536, shift=3)\n" BARE);
    expect_paths(fixture, "plain");
    assert_false(has_index(fixture, "plain"));
    expect_text(fixture->result->notes, "plain: left without its seek index");
    /* Its own checksum is wrong: it is no member for all that. */
    salvage(fixture,
            INDEXED "sozip('a.zip', data, 65536)\n" BARE "raw[raw.index(b'.sozip.idx') + 20] ^= 1\n"
                    "open('a.zip', 'wb').write(raw)\n");
    expect_paths(fixture, "plain");
    assert_false(has_index(fixture, "plain"));
    assert_int_equal(fixture->result->lost->len, 0);
    expect_text(fixture->result->notes, "seek index: checksum mismatch");
    /* The member is lost, and its index with it. */
    salvage(fixture, INDEXED "sozip('a.zip', data, 65536, flip=2)\n" BARE);
    assert_int_equal(fixture->result->members, 0);
    assert_int_equal(fixture->result->lost->len, 1);
    expect_text(fixture->result->lost, "plain: ");
}

/* What lies behind a member under the name that its index would have, but is a member itself. */
static void test_member_named_as_an_index(void **state)
{
    salvage(*state,
            "craft('a.zip', [f(b'm', b'M' * 99999, method=8), f(b'.m.sozip.idx', b'no index'),\n"
            "    f(b'..m.sozip.idx.sozip.idx', b'nor this')])\n");
    expect_paths(*state, "..m.sozip.idx.sozip.idx .m.sozip.idx m");
    assert_int_equal(((Fixture *)*state)->result->lost->len, 0);
}

/* A comment with one byte changed is not handed on, let alone sealed: the member tells what it was.
 */
static void test_comment_is_mended(void **state)
{
    Fixture *fixture = *state;
    static const char *const texts[] = {"node_modules", "{\\n"};

    run_shell(fixture->directory, "mkdir tree; seq 9 >tree/a");
    make_own(fixture, "tree", "own.zip");
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *script =
            g_strdup_printf("raw = bytearray(open('own.zip', 'rb').read())\n"
                            "raw[raw.rindex(b'%s')] ^= 1\nopen('a.zip', 'wb').write(raw)\n",
                            texts[i]);
        gsize length = 0;

        salvage(fixture, script);
        expect_paths(fixture, "a backup_metadata.json");
        g_autoptr(CronosArchive) archive = open_result(fixture);
        const char *comment = cronos_archive_comment(archive, &length);
        assert_non_null(g_strstr_len(comment, (gssize)length, "\"node_modules\""));
        assert_non_null(g_strstr_len(comment, (gssize)length, "\"salvaged\" : true"));
    }
}

/* A user's file looks like an index, and its central header is gone: it can not be told from one,
 * but that a member is missing can. */
static void test_member_that_looks_like_an_index(void **state)
{
    Fixture *fixture = *state;

    salvage(fixture,
            "index = struct.pack('<4I2Q', 1, 0, 65536, 4, 99999, 500) + struct.pack('<I', 300)\n"
            "craft('a.zip', [f(b'a'), f(b'.-big.sozip.idx', index), f(b'z')])\n"
            "raw = bytearray(open('a.zip', 'rb').read())\n"
            "at = raw.rindex(b'PK\\1\\2', 0, raw.rindex(b'.-big'))\n"
            "raw[at] ^= 1\nopen('a.zip', 'wb').write(raw)\n");
    expect_paths(fixture, "a z");
    assert_int_equal(fixture->result->unnamed_lost, 1);
    assert_false(cronos_salvage_result_is_complete(fixture->result));
}

/* A backup's metadata says how many members there were, if nothing else does. */
static void test_count_by_metadata(void **state)
{
    Fixture *fixture = *state;

    run_shell(fixture->directory, SMALL_TREE);
    make_own(fixture, "tree", "own.zip");
    salvage(fixture, "raw = open('own.zip', 'rb').read()\n"
                     "open('a.zip', 'wb').write(raw[:raw.index(b'PK\\1\\2')])\n");
    expect_paths(fixture, "a backup_metadata.json d d/b d/c d/empty nothing");
    assert_true(cronos_salvage_result_is_complete(fixture->result));
    salvage(fixture, "raw = open('own.zip', 'rb').read()\n"
                     "open('a.zip', 'wb').write(raw[:raw.index(b'd/c') - 30])\n");
    expect_paths(fixture, "a backup_metadata.json d d/b");
    assert_int_equal(fixture->result->lost->len, 0);
    assert_int_equal(fixture->result->unnamed_lost, 3);
    g_autoptr(CronosArchive) archive = open_result(fixture);
    g_autoptr(JsonObject) metadata = cronos_metadata_from_archive(archive, NULL);
    assert_string_equal(json_object_get_string_member(metadata, "name"), "x");
}

static CronosSalvageResult *salvage_to(const Fixture *fixture, const char *name, const char *to,
                                       const CronosProgress *progress, GError **error)
{
    CronosBackup backup = {.file_name = (char *)(guintptr)name, .foreign = TRUE};
    g_autofree char *path = g_build_filename(fixture->directory, to, NULL);

    return cronos_salvage(&backup, fixture->directory, path, progress, error);
}

static void expect_refusal(const Fixture *fixture, const char *name, const char *to,
                           const char *wanted)
{
    g_autoptr(GError) error = NULL;

    assert_null(salvage_to(fixture, name, to, NULL, &error));
    if (strstr(error->message, wanted) == NULL)
        fail_msg("%s", error->message);
}

/* Neither the old archive nor anything else has changed, and no temporary is left. */
static void expect_files(const Fixture *fixture, const char *wanted)
{
    g_autofree char *script = g_strdup_printf("test \"$(ls -A | tr '\\n' ' ')\" = '%s '", wanted);

    run_shell(fixture->directory, script);
}

static void test_new_archive(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;

    run_python(fixture->directory, "craft('a.zip', [f(b'one'), f(b'two')])\n"
                                   "craft('c.zip', []); open('b.zip', 'w').write('nothing')\n");
    g_autoptr(GBytes) before = load(fixture, "a.zip");
    g_autoptr(CronosSalvageResult) result = salvage_to(fixture, "a.zip", "new.zip", NULL, &error);
    if (result == NULL)
        fail_msg("%s", error->message);
    assert_true(g_str_has_suffix(result->path, "/new.zip"));
    assert_int_equal(result->members, 2);
    expect_files(fixture, "a.zip b.zip c.zip new.zip");
    g_autoptr(GBytes) after = load(fixture, "a.zip");
    assert_true(g_bytes_equal(before, after));
    run_shell(fixture->directory, "unzip -tq new.zip");

    g_autoptr(CronosSalvageResult) nothing = salvage_to(fixture, "b.zip", "none.zip", NULL, &error);
    assert_non_null(nothing);
    assert_null(nothing->path);
    expect_files(fixture, "a.zip b.zip c.zip new.zip");
    g_autoptr(CronosSalvageResult) empty = salvage_to(fixture, "c.zip", "none.zip", NULL, &error);
    assert_non_null(empty);
    assert_non_null(empty->path);
    assert_true(cronos_salvage_result_is_complete(empty));
}

/* What looks like a left-over, but lies in somebody else's folder, is not ours to remove. */
static void test_leftovers(void **state)
{
    Fixture *fixture = *state;
    static const char left[] = ".cronos-1-00000000.tmp", own[] = ".cronos-repair-1-00000000.tmp";

    run_python(fixture->directory, "craft('a.zip', [f(b'one')]); os.mkdir('d')\n");
    for (int i = 0; i < 2; i++) {
        temporary_write(fixture->directory, i == 0 ? left : own, "");
        g_autofree char *name = g_build_filename("d", i == 0 ? left : own, NULL);
        temporary_write(fixture->directory, name, "");
    }
    g_autoptr(CronosSalvageResult) far = salvage_to(fixture, "a.zip", "d/new.zip", NULL, NULL);
    assert_non_null(far);
    run_shell(fixture->directory, "test \"$(ls -A d)\" = \"$(printf '%s\\n' "
                                  ".cronos-1-00000000.tmp new.zip)\"");
    g_autoptr(CronosSalvageResult) near = salvage_to(fixture, "a.zip", "new.zip", NULL, NULL);
    assert_non_null(near);
    expect_files(fixture, "a.zip d new.zip");
}

/* A backup cut within its first file: its own metadata is nobody's. */
static void test_nothing_of_the_user(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;

    run_shell(fixture->directory, "mkdir tree; seq 9 >tree/a");
    make_own(fixture, "tree", "own.zip");
    run_python(fixture->directory, "raw = open('own.zip', 'rb').read()\n"
                                   "at = raw.index(b'PK\\3\\4', 4)\n"
                                   "open('cut.zip', 'wb').write(raw[:at + 33])\n");
    g_autoptr(CronosSalvageResult) result = salvage_to(fixture, "cut.zip", "new.zip", NULL, &error);
    assert_non_null(result);
    assert_null(result->path);
    assert_int_equal(result->members, 0);
    run_shell(fixture->directory, "test ! -e new.zip");
}

static void test_refusals(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory, "craft('a.zip', [f(b'one')]); open('there', 'w')\n"
                                   "os.symlink('a.zip', 'link'); os.mkdir('d.zip')\n"
                                   "os.symlink('nowhere', 'lost'); open('a.tar', 'w')\n");
    expect_refusal(fixture, "a.zip", "a.zip", "itself");
    expect_refusal(fixture, "a.zip", "link", "itself");
    expect_refusal(fixture, "a.zip", "there", "exists already");
    expect_refusal(fixture, "a.zip", "lost", "exists already");
    expect_refusal(fixture, "a.zip", "no/such/new.zip", g_strerror(ENOENT));
    expect_refusal(fixture, "a.zip", "there/new.zip", g_strerror(ENOTDIR));
    expect_refusal(fixture, "a.zip", "new.zip/", "not the name");
    expect_refusal(fixture, "a.tar", "new.zip", "only ZIP");
    expect_refusal(fixture, "d.zip", "new.zip", "not a regular file");
    expect_refusal(fixture, "none.zip", "new.zip", g_strerror(ENOENT));
    expect_files(fixture, "a.tar a.zip d.zip link lost there");
}

static void cancel_copying(const CronosProgressState *progress, gpointer user_data)
{
    if (progress->members_done > 0)
        g_cancellable_cancel(user_data);
}

static void test_cancelling(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    CronosProgress progress = {
        .callback = cancel_copying, .user_data = cancellable, .cancellable = cancellable};

    run_python(fixture->directory, "craft('a.zip', [f(b'one'), f(b'two')])\n");
    assert_null(salvage_to(fixture, "a.zip", "new.zip", &progress, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
    expect_files(fixture, "a.zip");
    g_clear_error(&error);
    assert_null(salvage_to(fixture, "a.zip", "new.zip", &progress, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
    expect_files(fixture, "a.zip");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cut_everywhere),
        TEST(flipped_everywhere),
        TEST(attributes),
        TEST(names_are_made_safe),
        TEST(names_that_differ),
        TEST(names_in_code_page),
        TEST(lost_members_are_named),
        TEST(nothing_is_left),
        TEST(large_members),
        TEST(seek_index),
        TEST(seek_index_damaged),
        TEST(member_named_as_an_index),
        TEST(member_that_looks_like_an_index),
        TEST(comment_is_mended),
        TEST(count_by_metadata),
        TEST(new_archive),
        TEST(leftovers),
        TEST(nothing_of_the_user),
        TEST(refusals),
        TEST(cancelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
