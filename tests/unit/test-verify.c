/* SPDX-License-Identifier: MIT
 * test-verify.c - damage is found and named, and nothing else is called damaged */
#include "restore-fixture.h"

#include <math.h>

static CronosVerifyResult *verify(Fixture *fixture, const CronosBackup *backup,
                                  gboolean against_source)
{
    const CronosVerifyOptions options = {.against_source = against_source, .threads = 2};
    g_autoptr(GError) error = NULL;
    CronosVerifyResult *result =
        cronos_verify(fixture->config, backup, cronos_config_backup_directory(fixture->config),
                      &options, NULL, &error);

    if (result == NULL)
        fail_msg("%s", error->message);
    return result;
}

/* Edits the archive: @body works on the bytearray d. */
static void edit(const Fixture *fixture, const char *file_name, const char *body)
{
    g_autofree char *path = g_build_filename(fixture->root, "backups", file_name, NULL);
    g_autofree char *script =
        g_strconcat("import sys, struct\np = sys.argv[1]\nd = bytearray(open(p, 'rb').read())\n",
                    body, "\nopen(p, 'wb').write(d)\n", NULL);

    run_script(script, path);
}

static char *join(GPtrArray *lines)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < lines->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", (char *)g_ptr_array_index(lines, i));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void test_whole(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "r = sys.argv[1]\n"
                   "os.makedirs(r + '/d/e')\n"
                   "open(r + '/d/big', 'wb').write(os.urandom(4096) * 800)\n"
                   "open(r + '/d/empty', 'wb')\n"
                   "os.symlink('big', r + '/d/link')\n");
    const CronosBackup *backup = fixture_backup(fixture, "whole");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);

    assert_true(cronos_verify_result_is_whole(result));
    assert_int_equal(result->unsupported->len, 0);
    assert_int_equal(result->repairs->len, 0);
    assert_int_equal(result->members, 6); /* with the metadata */
    assert_true(result->bytes > 4096 * 800);
}

static void test_damaged_members(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "bad.zip",
                    "add('z', b'FIRST' * 3, method=zipfile.ZIP_STORED)\n"
                    "add('good', b'good')\n"
                    "add('a b\\n', b'SECOND' * 3, method=zipfile.ZIP_STORED)\n"
                    "add('big', b'THIRD' + os.urandom(2500000), method=zipfile.ZIP_STORED)\n");

    edit(fixture, "bad.zip", "for m in (b'FIRST', b'SECOND', b'THIRD'):\n    d[d.find(m)] ^= 1\n");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
    assert_false(cronos_verify_result_is_whole(result));
    assert_int_equal(result->damaged->len, 3);
    assert_true(g_str_has_prefix(g_ptr_array_index(result->damaged, 0), "z: "));
    assert_true(g_str_has_prefix(g_ptr_array_index(result->damaged, 1), "a b\\012: "));
    assert_true(g_str_has_prefix(g_ptr_array_index(result->damaged, 2), "big: "));
}

static void test_local_header(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "name.zip", "add('one', b'1')\nadd('two', b'2')");

    edit(fixture, "name.zip",
         "at = d.find(b'two') - 30\nassert d[at:at + 2] == b'PK'\nd[at + 14] ^= 1\n");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
    assert_int_equal(result->damaged->len, 1);
    assert_true(g_str_has_prefix(g_ptr_array_index(result->damaged, 0), "two: "));
}

static void test_local_name(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "name.zip", "add('one', b'1')\nadd('two', b'2')\nadd('d/')");

    edit(fixture, "name.zip", "d[d.find(b'two')] ^= 1\nd[d.find(b'd/')] ^= 1\n");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
    g_autofree char *all = join(result->damaged);
    assert_int_equal(result->damaged->len, 2);
    assert_non_null(strstr(all, "two: "));
    assert_non_null(strstr(all, "d: "));
    assert_non_null(strstr(all, "differ in the name"));
}

/* One bit makes a name that of a later member: of the first there is nothing left to be seen, and
 * restore would do without it. */
static void test_name_of_another(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup = fixture_zip(
        fixture, "name.zip", "add('f1', b'1')\nadd('f2', b'2')\nadd('f3', b'3')\nadd('d/')");

    edit(fixture, "name.zip", "at = d.rfind(b'f2')\nd[at + 1:at + 2] = b'3'\n");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
    assert_int_equal(result->damaged->len, 1);
    assert_string_equal(g_ptr_array_index(result->damaged, 0),
                        "f3: local header and central directory differ in the name");
    edit(fixture, "name.zip",
         "at = d.rfind(b'f3')\nat = d.rfind(b'f3', 0, at)\nd[at:at + 2] = b'd/'\n");
    g_autoptr(CronosVerifyResult) folder = verify(fixture, backup, FALSE);
    g_autofree char *all = join(folder->damaged);
    assert_non_null(strstr(all, "d/: local header and central directory differ in the name"));
}

static void test_name_held_twice(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "twice.zip", "add('one', b'1')\nadd('two', b'2')\nadd('one', b'3')");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);

    assert_true(cronos_verify_result_is_whole(result));
    assert_int_equal(result->repairs->len, 1);
}

/* The end record agrees with the directory, and both tell of one member less than there was. */
static void test_fewer_than_made(void **state)
{
    Fixture *fixture = *state;

    temporary_write(fixture->root, "one", "1");
    temporary_write(fixture->root, "two", "2");
    const CronosBackup *backup = fixture_backup(fixture, "fewer");
    edit(fixture, backup->file_name,
         "end = d.rfind(b'PK\\5\\6')\nlast = d.rfind(b'PK\\1\\2')\n"
         "n, m, size = struct.unpack_from('<HHI', d, end + 8)\n"
         "struct.pack_into('<HHI', d, end + 8, n - 1, m - 1, size - (end - last))\n"
         "del d[last:end]\n");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
    g_autofree char *all = join(result->damaged);
    assert_non_null(strstr(all, "names 2 members, and the backup was made of 3"));
}

/* The two headers of a member of ours say the same of its time. */
static void test_local_time(void **state)
{
    static const char *const changes[] = {
        "d[d.rindex(b'PK\\3\\4', 0, d.index(b'PK\\1\\2')) + 10] ^= 1\n", /* DOS */
        "d[d.rindex(b'UT\\5', 0, d.index(b'PK\\1\\2')) + 5] ^= 1\n"};
    Fixture *fixture = *state;

    temporary_write(fixture->root, "one", "1");
    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        const CronosBackup *backup = fixture_backup(fixture, i == 0 ? "first" : "second");

        edit(fixture, backup->file_name, changes[i]);
        g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
        assert_int_equal(result->damaged->len, 1);
        assert_string_equal(
            g_ptr_array_index(result->damaged, 0),
            "one: local header and central directory differ in the flags or the time");
    }
}

/* A header that is none hides the index: then there is none, which only slows reading down. */
static void test_index_missing(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions options = {.to = to};

    fixture_script(fixture, "project",
                   "import sys\nopen(sys.argv[1] + '/large', 'w').write('text ' * 300000)\n");
    const CronosBackup *backup = fixture_backup(fixture, "large");
    edit(fixture, backup->file_name, "d[d.index(b'.large.sozip.idx')] ^= 1\n");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
    assert_int_equal(result->damaged->len, 1);
    assert_string_equal(g_ptr_array_index(result->damaged, 0),
                        "large: its seek index is missing (the member itself is whole)");
    g_autoptr(CronosRestoreResult) restored = restore(fixture, backup, &options);
    assert_int_equal(restored->failed->len, 0);
}

/* Returns: (borrowed) where @text last stands in @bytes. */
static char *last_of(char *bytes, gsize size, const char *text)
{
    gsize length = strlen(text), at = size - length;

    while (memcmp(bytes + at, text, length) != 0)
        assert_true(at-- > 0);
    return bytes + at;
}

/* Whatever is read of the comment without the member must be right: its patterns, for one, say what
 * restore may delete. */
static void test_comment(void **state)
{
    Fixture *fixture = *state;
    /* Bytes of the comment or the end record, and which one of them becomes less by one. */
    static const struct {
        const char *last;
        gsize offset;
    } changes[] = {{"node_modules", 0}, {"{\n", 0}, {"member\"", 0}, {"PK\5\6", 21}};

    temporary_write(fixture->root, "one", "1");
    const CronosBackup *backup = fixture_backup(fixture, "comment");
    g_autofree char *path = g_build_filename(fixture->root, "backups", backup->file_name, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autofree char *bytes = NULL;
        gsize size = 0;

        assert_true(g_file_get_contents(path, &bytes, &size, NULL));
        char *at = last_of(bytes, size, changes[i].last) + changes[i].offset;
        --*at;
        assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
        g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
        g_autofree char *all = join(result->damaged);
        if (strstr(all, "archive comment: ") == NULL)
            fail_msg("a changed \"%s\" passes", changes[i].last);
        ++*at;
        assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    }
    g_autoptr(CronosVerifyResult) unchanged = verify(fixture, backup, FALSE);
    assert_true(cronos_verify_result_is_whole(unchanged));
}

/* Where the root has a file of the metadata's name, the comment stands alone. */
static void test_comment_alone(void **state)
{
    Fixture *fixture = *state;
    static const char *const texts[] = {"{\n", "cronos", "node_modules", "seal\" : \""};

    temporary_write(fixture->root, "backup_metadata.json", "mine");
    const CronosBackup *backup = fixture_backup(fixture, "alone");
    g_autofree char *path = g_build_filename(fixture->root, "backups", backup->file_name, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *bytes = NULL;
        gsize size = 0;

        assert_true(g_file_get_contents(path, &bytes, &size, NULL));
        char *at = last_of(bytes, size, texts[i]) + (strchr(texts[i], ':') != NULL ? 9 : 0);
        *at ^= 1;
        assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
        g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
        if (cronos_verify_result_is_whole(result))
            fail_msg("a changed \"%s\" passes", texts[i]);
        *at ^= 1;
        assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    }
    g_autoptr(CronosVerifyResult) unchanged = verify(fixture, backup, FALSE);
    assert_true(cronos_verify_result_is_whole(unchanged));
}

/* The bytes of two members are the same bytes: how archives are made that never end. */
static void test_overlap(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "overlap.zip", "add('aa', b'same' * 99)\nadd('bb', b'same' * 99)");

    edit(fixture, "overlap.zip",
         "cd = d.find(b'PK\\1\\2')\n"
         "second = d.find(b'PK\\1\\2', cd + 1)\n"
         "d[second + 42:second + 46] = d[cd + 42:cd + 46]\n");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
    g_autofree char *all = join(result->damaged);
    assert_true(result->damaged->len >= 1);
    assert_non_null(strstr(all, "bb: "));
}

static void test_unsupported(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "odd.zip", "add('odd', b'x' * 50)\nadd('plain', b'y')");

    edit(fixture, "odd.zip",
         "d[8:10] = b'\\x61\\0'\ncd = d.find(b'PK\\1\\2')\nd[cd + 10:cd + 12] = b'\\x61\\0'\n");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, FALSE);
    assert_true(cronos_verify_result_is_whole(result));
    assert_int_equal(result->unsupported->len, 1);
    assert_true(g_str_has_prefix(g_ptr_array_index(result->unsupported, 0), "odd: "));
}

static void test_no_archive(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *backups = fixture_path(fixture, "project/backups");
    const CronosVerifyOptions options = {0};
    g_autoptr(GError) error = NULL;

    temporary_write(backups, "text.zip", "this is no archive");
    const CronosBackup *backup = fixture_find(fixture, "text.zip");
    assert_null(cronos_verify(fixture->config, backup, backups, &options, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
}

static void test_against_source(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "r = sys.argv[1]\n"
                   "os.makedirs(r + '/gone/deep'); os.makedirs(r + '/.git')\n"
                   "for n in ('same', 'size', 'bytes', 'kind', 'gone/deep/x', '.git/y'):\n"
                   "    open(r + '/' + n, 'w').write('text of ' + n)\n"
                   "open(r + '/large', 'wb').write(os.urandom(1500000))\n"
                   "os.symlink('here', r + '/link'); os.symlink('here', r + '/steady')\n");
    const CronosBackup *backup = fixture_backup(fixture, "source");
    g_autoptr(CronosVerifyResult) equal = verify(fixture, backup, TRUE);
    assert_int_equal(equal->changed->len + equal->missing->len + equal->added->len, 0);
    assert_int_equal(equal->unreadable->len, 0);

    fixture_script(fixture, "project",
                   "import os, sys, shutil\n"
                   "r = sys.argv[1]\n"
                   "open(r + '/size', 'a').write('!')\n"
                   "open(r + '/bytes', 'r+').write('TEXT')\n"
                   "f = open(r + '/large', 'r+b'); f.seek(1400000); b = f.read(1)\n"
                   "f.seek(1400000); f.write(bytes([b[0] ^ 255])); f.close()\n"
                   "os.remove(r + '/kind'); os.mkdir(r + '/kind')\n"
                   "os.remove(r + '/link'); os.symlink('hers', r + '/link')\n"
                   "shutil.rmtree(r + '/gone')\n"
                   "open(r + '/new', 'w'); open(r + '/.git/new', 'w')\n");
    g_autoptr(CronosVerifyResult) result = verify(fixture, backup, TRUE);
    g_autofree char *changed = join(result->changed);
    g_autofree char *missing = join(result->missing);
    g_autofree char *added = join(result->added);
    assert_true(cronos_verify_result_is_whole(result));
    assert_string_equal(changed, "bytes kind large link size");
    assert_string_equal(missing, "gone gone/deep gone/deep/x");
    assert_string_equal(added, "new");
}

/* 1 % of 300 files are three: those of a seed are always the same ones, and different seeds find a
 * damaged one sooner or later. */
static void test_sample(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "s.zip",
                    "for i in range(299): add('f%d' % i, b'x' * 10)\nadd('e/')\n"
                    "add('bad', b'MARKER' + bytes(994), method=zipfile.ZIP_STORED)");
    guint64 bytes = 0;
    guint found = 0;

    flip_byte(fixture, "s.zip", "MARKER");
    for (guint32 seed = 1; seed <= 600; seed++) {
        const CronosVerifyOptions options = {
            .sample_percent = 1, .sample_seed = (seed + 1) / 2, .threads = 1};
        g_autoptr(CronosVerifyResult) result =
            cronos_verify(fixture->config, backup, NULL, &options, NULL, NULL);

        assert_non_null(result);
        assert_int_equal(result->members, 301);
        assert_int_equal(result->checked_members + result->damaged->len, 3 + 1);
        assert_int_equal(result->checked_bytes, 10 * (3 - result->damaged->len));
        if (seed % 2 == 0)
            assert_int_equal(bytes, result->checked_bytes);
        bytes = result->checked_bytes;
        found += result->damaged->len;
    }
    /* Three in three hundred, three hundred times over, and each seed twice. */
    assert_in_range(found, 2, 20);
}

static void test_sample_limits(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "s.zip", "add('one', b'1')\nadd('two', b'2')");
    CronosVerifyOptions options = {.sample_percent = 100};
    static const double wrong[] = {-1, 100.5, (double)NAN};

    g_autoptr(CronosVerifyResult) all =
        cronos_verify(fixture->config, backup, NULL, &options, NULL, NULL);
    assert_int_equal(all->checked_members, 2);
    options.sample_percent = 0.0001;
    g_autoptr(CronosVerifyResult) one =
        cronos_verify(fixture->config, backup, NULL, &options, NULL, NULL);
    assert_int_equal(one->checked_members, 1);
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;

        options.sample_percent = wrong[i];
        assert_null(cronos_verify(fixture->config, backup, NULL, &options, NULL, &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    }
}

typedef struct {
    guint64 bytes, members;
    CronosProgressState last;
} Seen;

static void note_progress(const CronosProgressState *progress, gpointer user_data)
{
    Seen *seen = user_data;

    assert_true(progress->bytes_done >= seen->last.bytes_done);
    seen->last = *progress;
}

static void test_progress_and_cancel(void **state)
{
    Fixture *fixture = *state;
    const CronosBackup *backup =
        fixture_zip(fixture, "p.zip", "for i in range(200): add('f%d' % i, b'x' * i)\nadd('e/')");
    const CronosVerifyOptions options = {.threads = 2};
    Seen seen = {0};
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    const CronosProgress progress = {note_progress, &seen, cancellable};
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosVerifyResult) result =
        cronos_verify(fixture->config, backup, NULL, &options, &progress, &error);

    assert_non_null(result);
    assert_int_equal(seen.last.bytes_done, 199 * 200 / 2);
    assert_int_equal(seen.last.bytes_total, 199 * 200 / 2);
    assert_int_equal(seen.last.members_done, 201);
    assert_int_equal(seen.last.members_total, 201);
    g_cancellable_cancel(cancellable);
    assert_null(cronos_verify(fixture->config, backup, NULL, &options, &progress, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole),           TEST(test_damaged_members), TEST(test_local_header),
        TEST(test_local_name),      TEST(test_name_of_another), TEST(test_name_held_twice),
        TEST(test_fewer_than_made), TEST(test_comment),         TEST(test_index_missing),
        TEST(test_comment_alone),   TEST(test_local_time),      TEST(test_sample),
        TEST(test_sample_limits),   TEST(test_overlap),         TEST(test_unsupported),
        TEST(test_no_archive),      TEST(test_against_source),  TEST(test_progress_and_cancel),
    };

    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
