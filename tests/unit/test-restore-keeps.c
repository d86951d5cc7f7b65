/* SPDX-License-Identifier: MIT
 * test-restore-keeps.c - overwriting loses nothing: what goes is in the restore point, and what a
 * backup lacks for another reason than that it was not there is not deleted */
#include "restore-fixture.h"

static const char *const everything[] = {NULL};

/* Backs the project up, as far as @include goes. Returns: (borrowed). */
static const CronosBackup *backup_part(Fixture *fixture, const char *const *include)
{
    const CronosCreateOptions options = {.include = include, .level = 6};
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosCreateResult) result = cronos_create(fixture->config, &options, NULL, &error);

    if (result == NULL)
        fail_msg("%s", error->message);
    return fixture_find(fixture, result->file_name);
}

/* Has the configuration be @text from now on. */
static void configure(Fixture *fixture, const char *text)
{
    g_autofree char *path = fixture_path(fixture, "test.conf");
    g_autoptr(GError) error = NULL;

    temporary_write(fixture->top, "test.conf", text);
    cronos_config_free(fixture->config);
    fixture->config = cronos_config_load(fixture->root, path, &error);
    if (fixture->config == NULL)
        fail_msg("%s", error->message);
}

static void make_folder(const Fixture *fixture, const char *relative)
{
    g_autofree char *path = fixture_path(fixture, relative);

    assert_int_equal(g_mkdir_with_parents(path, 0755), 0);
}

static void write_file(const Fixture *fixture, const char *relative, const char *text)
{
    temporary_write(fixture->top, relative, text);
}

static void remove_tree(const Fixture *fixture, const char *relative)
{
    temporary_free(fixture_path(fixture, relative));
}

/* Expects that the restore point of @result brings @relative back, to the new place TOP/@place. */
static void assert_in_point(Fixture *fixture, const CronosRestoreResult *result, const char *place,
                            const char *relative, const char *text)
{
    g_autofree char *to = fixture_path(fixture, place);
    g_autofree char *file = g_build_filename(place, relative, NULL);
    const CronosRestoreOptions options = {.strategy = CRONOS_RESTORE_NEW_LOCATION, .to = to};

    assert_non_null(result->restore_point);
    const CronosBackup *point = fixture_find(fixture, result->restore_point);
    g_autoptr(CronosRestoreResult) back = restore(fixture, point, &options);
    assert_content(fixture, file, text);
}

/* A restore point took the patterns of the backup, and those were asked about the files alone that
 * the backup holds: a file where it has a folder was unlinked, and nowhere to be found again. */
static void test_file_where_a_folder_was(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        const char *include, *path, *place;
    } cases[] = {
        {"*.c", NULL, "out1"},     {"src/", NULL, "out2"},     {"src/a.c", NULL, "out3"},
        {NULL, "src/a.c", "out4"}, {"*.c", "src/a.c", "out5"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const include[] = {cases[i].include, NULL};
        const char *const paths[] = {cases[i].path, NULL};
        const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE, .paths = paths};

        make_folder(fixture, "project/src");
        write_file(fixture, "project/src/a.c", "code");
        const CronosBackup *backup = backup_part(fixture, include);
        remove_tree(fixture, "project/src");
        write_file(fixture, "project/src", "precious");
        g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);

        assert_content(fixture, "project/src/a.c", "code");
        assert_in_point(fixture, result, cases[i].place, "src", "precious");
        remove_tree(fixture, "project/src");
    }
}

static void test_link_where_a_folder_was(void **state)
{
    Fixture *fixture = *state;
    static const char *const include[] = {"*.c", NULL};
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE};
    g_autofree char *link = fixture_path(fixture, "project/src/deep");
    g_autofree char *restored = fixture_path(fixture, "out/src/deep");
    g_autofree char *to = fixture_path(fixture, "out");
    const CronosRestoreOptions new_place = {.to = to};

    make_folder(fixture, "project/src/deep");
    write_file(fixture, "project/src/deep/a.c", "code");
    const CronosBackup *backup = backup_part(fixture, include);
    remove_tree(fixture, "project/src/deep");
    assert_int_equal(symlink("../elsewhere", link), 0);
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_content(fixture, "project/src/deep/a.c", "code");
    const CronosBackup *point = fixture_find(fixture, result->restore_point);
    g_autoptr(CronosRestoreResult) back = restore(fixture, point, &new_place);
    g_autofree char *target = g_file_read_link(restored, NULL);
    assert_string_equal(target, "../elsewhere");
}

#define TAG "Signature: 8a477f597d28d172789f06886806bc55"

/* backup.exclude_caches was for the restore point as well: what had become a cache since the backup
 * was overwritten, and not in it. Caches that the backup has nothing of stay out. */
static void test_restore_point_of_a_cache(void **state)
{
    Fixture *fixture = *state;
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE};

    configure(fixture, "backup: { exclude_caches = true; };");
    make_folder(fixture, "project/c/deep");
    write_file(fixture, "project/c/deep/f", "old");
    const CronosBackup *backup = backup_part(fixture, everything);
    write_file(fixture, "project/c/CACHEDIR.TAG", TAG);
    write_file(fixture, "project/c/deep/f", "newer");
    make_folder(fixture, "project/other");
    write_file(fixture, "project/other/CACHEDIR.TAG", TAG);
    g_autofree char *name = g_strdup(backup->file_name);
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_content(fixture, "project/c/deep/f", "old");
    assert_in_point(fixture, result, "out", "c/deep/f", "newer");

    remove_tree(fixture, "project/c");
    backup = fixture_find(fixture, name);
    g_autoptr(CronosRestoreResult) again = restore(fixture, backup, &over);
    g_autofree char *to = fixture_path(fixture, "lean");
    const CronosRestoreOptions new_place = {.to = to};
    const CronosBackup *point = fixture_find(fixture, again->restore_point);
    g_autoptr(CronosRestoreResult) back = restore(fixture, point, &new_place);
    assert_missing(fixture, "lean/other");
}

static void note_action(CronosRestoreAction action, const char *path, gpointer user_data)
{
    if (action == CRONOS_RESTORE_DELETED)
        g_string_append_printf(user_data, "%s ", path);
}

/* What was left out as a cache was deleted, since the configuration of the day was asked, not the
 * backup. One that says nothing of caches, as those of earlier versions, deletes none. */
static void test_caches_are_spared(void **state)
{
    Fixture *fixture = *state;
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE, .delete_extra = TRUE};

    configure(fixture, "backup: { exclude_caches = true; };");
    make_folder(fixture, "project/cache");
    write_file(fixture, "project/cache/CACHEDIR.TAG", TAG);
    write_file(fixture, "project/cache/f", "cached");
    g_autofree char *lean = g_strdup(backup_part(fixture, everything)->file_name);
    configure(fixture, "");
    g_autofree char *full = g_strdup(backup_part(fixture, everything)->file_name);
    write_file(fixture, "project/cache/extra", "extra");

    g_autoptr(CronosRestoreResult) spared = restore(fixture, fixture_find(fixture, lean), &over);
    assert_int_equal(spared->deleted, 0);
    const CronosBackup *old =
        fixture_zip(fixture, "old.zip",
                    "import json\n"
                    "add('x', b'x')\n"
                    "z.comment = json.dumps({'cronos': {'exclude_patterns': [], 'member': False}})"
                    ".encode()\n");
    g_autoptr(CronosRestoreResult) unknown = restore(fixture, old, &over);
    assert_int_equal(unknown->deleted, 0);
    assert_content(fixture, "project/cache/f", "cached");

    configure(fixture, "backup: { exclude_caches = true; };");
    g_autoptr(CronosRestoreResult) deleted = restore(fixture, fixture_find(fixture, full), &over);
    assert_missing(fixture, "project/cache/extra");
    assert_missing(fixture, "project/x");
    assert_content(fixture, "project/cache/f", "cached");
    assert_in_point(fixture, deleted, "out", "cache/extra", "extra");
}

/* What a user had not been allowed to read was not in the backup: root's restore deleted it. */
static void test_unreadable_is_not_deleted(void **state)
{
    Fixture *fixture = *state;
    CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE, .delete_extra = TRUE};
    const CronosBackup *backup = fixture_zip(
        fixture, "a.zip",
        "import json\n"
        "text = json.dumps({'cronos': {'exclude_patterns': [], 'unreadable': 1, 'member': True}})\n"
        "add('backup_metadata.json', text)\n"
        "add('a', b'a')\n"
        "z.comment = text.encode()\n");

    write_file(fixture, "project/secret", "secret");
    refuse(fixture, backup, &over, CRONOS_ERROR_FAILED, "could not be read when it was made (1)");
    assert_missing(fixture, "project/a");
    over.dry_run = TRUE;
    refuse(fixture, backup, &over, CRONOS_ERROR_FAILED, "without --delete");
    const CronosRestoreOptions kept = {.strategy = CRONOS_RESTORE_OVERWRITE};
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &kept);
    assert_content(fixture, "project/a", "a");
    assert_content(fixture, "project/secret", "secret");
}

/* Makes backups/@name, whose member "file" is recorded with the identity and times that
 * project/file has, and other content, and which began @after nanoseconds after file's change. */
static const CronosBackup *backup_in_one_tick(Fixture *fixture, const char *name, const char *after)
{
    g_autofree char *body = g_strconcat(
        "import json, struct, datetime\n"
        "s = os.stat(os.path.dirname(sys.argv[1]) + '/../file')\n"
        "t = s.st_ctime_ns + ",
        after,
        "\n"
        "utc = datetime.datetime.fromtimestamp(t // 10**9, datetime.timezone.utc)\n"
        "began = utc.strftime('%Y-%m-%dT%H:%M:%S') + '.%09dZ' % (t % 10**9)\n"
        "i = zipfile.ZipInfo('file')\n"
        "i.create_system = 3\n"
        "i.external_attr = s.st_mode << 16\n"
        "cr = struct.pack('<BqQL', 8 | 16, s.st_ctime_ns, s.st_ino, s.st_mtime_ns % 10**9)\n"
        "i.extra = (struct.pack('<HHBL', 0x5455, 5, 1, s.st_mtime_ns // 10**9)\n"
        "           + struct.pack('<HH', 0x5243, len(cr)) + cr)\n"
        "z.writestr(i, b'1')\n"
        "z.comment = json.dumps({'cronos': {'exclude_patterns': [], 'created_utc': began,\n"
        "                                   'member': False}}).encode()\n",
        NULL);

    return fixture_zip(fixture, name, body);
}

/* Changed in the same tick that the backup read it in, a file has the time that the backup
 * recorded, and was taken for unchanged. Where the backup began clearly later, the kernel's word
 * is enough, as ever: nothing is read. */
static void test_changed_in_the_same_tick(void **state)
{
    Fixture *fixture = *state;
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE};
    static const char second[] = "1000000000", tick[] = "1000000";

    write_file(fixture, "project/file", "2");
    const CronosBackup *later = backup_in_one_tick(fixture, "later.zip", second);
    g_autoptr(CronosRestoreResult) believed = restore(fixture, later, &over);
    assert_int_equal(believed->unchanged, 1);
    assert_content(fixture, "project/file", "2");
    const CronosBackup *racy = backup_in_one_tick(fixture, "racy.zip", tick);
    g_autoptr(CronosRestoreResult) compared = restore(fixture, racy, &over);
    assert_int_equal(compared->replaced, 1);
    assert_content(fixture, "project/file", "1");
}

/* The backup directory can be a symbolic link in the project, or lie behind one: that was deleted,
 * or led elsewhere afterwards, and no backup was found again. */
static void test_links_to_the_backup_directory(void **state)
{
    Fixture *fixture = *state;
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE, .delete_extra = TRUE};
    g_autofree char *before = fixture_path(fixture, "project/backups");
    g_autofree char *away = fixture_path(fixture, "away/deep");
    g_autofree char *link = fixture_path(fixture, "project/bk");
    g_autofree char *way = fixture_path(fixture, "project/way");

    write_file(fixture, "project/a", "a");
    g_autofree char *lacking = g_strdup(backup_part(fixture, everything)->file_name);
    assert_int_equal(symlink("earlier", link), 0);
    assert_int_equal(symlink("earlier", way), 0);
    g_autofree char *holding = g_strdup(backup_part(fixture, everything)->file_name);
    make_folder(fixture, "away");
    assert_int_equal(rename(before, away), 0);
    assert_int_equal(unlink(link) | unlink(way), 0);
    assert_int_equal(symlink("way/deep", link), 0);
    assert_int_equal(symlink("../away", way), 0);

    static const char *const directories[] = {"./way/deep", "./bk"};
    for (gsize i = 0; i < G_N_ELEMENTS(directories); i++) {
        g_autofree char *text = g_strdup_printf("backup: { directory = \"%s\"; };", directories[i]);
        const char *kept = i == 0 ? way : link;

        configure(fixture, text);
        g_autoptr(CronosRestoreResult) deleting =
            restore(fixture, fixture_find(fixture, lacking), &over);
        assert_int_equal(deleting->failed->len, 0);
        g_autofree char *first = g_file_read_link(kept, NULL);
        assert_string_equal(first, i == 0 ? "../away" : "way/deep");
        assert_true(g_file_test(way, G_FILE_TEST_IS_SYMLINK));
        if (i == 0)
            assert_int_equal(symlink("way/deep", link), 0);
    }
    g_autoptr(CronosRestoreResult) replacing =
        restore(fixture, fixture_find(fixture, holding), &over);
    assert_int_equal(replacing->failed->len, 2);
    assert_non_null(
        strstr(g_ptr_array_index(replacing->failed, 0), "leads to the backup directory"));
    g_autofree char *still = g_file_read_link(link, NULL);
    assert_string_equal(still, "way/deep");
}

/* A dry run told that the log and its folder would go, the run went on writing to the log. */
static void test_log_is_spared(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GString) told = g_string_new(NULL);
    CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                 .delete_extra = TRUE,
                                 .dry_run = TRUE,
                                 .on_action = note_action,
                                 .user_data = told};

    configure(fixture, "backup: { exclude_patterns = []; };");
    g_autofree char *lacking = g_strdup(backup_part(fixture, everything)->file_name);
    make_folder(fixture, "project/logs");
    write_file(fixture, "project/logs/egos_system.log", "earlier");
    const CronosBackup *holding = fixture_zip(
        fixture, "old.zip", "add('logs/', mode=0o40755)\nadd('logs/egos_system.log', b'older')");
    write_file(fixture, "project/logs/egos_system.log", "today");
    write_file(fixture, "project/logs/other.log", "other");
    g_autoptr(CronosRestoreResult) replaced = restore(fixture, holding, &over);
    assert_int_equal(replaced->replaced, 0);
    g_string_truncate(told, 0);
    g_autoptr(CronosRestoreResult) would = restore(fixture, fixture_find(fixture, lacking), &over);
    assert_string_equal(told->str, "logs/other.log ");
    over.dry_run = FALSE;
    g_string_truncate(told, 0);
    g_autoptr(CronosRestoreResult) result = restore(fixture, fixture_find(fixture, lacking), &over);
    assert_string_equal(told->str, "logs/other.log ");
    assert_content(fixture, "project/logs/egos_system.log", "today");
}

/* Rewrites files of the project in the middle of a restore, when the path before each is told. */
static void write_meanwhile(CronosRestoreAction action, const char *path, gpointer user_data)
{
    static const char *const pairs[][2] = {{"d", "w"}, {"a", "b"}, {"a", "n"}, {"x2", "x1"}};
    const Fixture *fixture = user_data;

    (void)action;
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
        if (strcmp(path, pairs[i][0]) == 0)
            temporary_write(fixture->root, pairs[i][1], "meanwhile");
}

/* What was written after the restore point had been made was overwritten and deleted, and lost.
 * That names of one file go one after the other is no such change. */
static void test_changed_meanwhile(void **state)
{
    Fixture *fixture = *state;
    CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                 .delete_extra = TRUE,
                                 .threads = 1,
                                 .on_action = write_meanwhile,
                                 .user_data = fixture};

    fixture_script(fixture, "project",
                   "import os, sys\n"
                   "os.chdir(sys.argv[1])\n"
                   "os.mkdir('d'), os.mkdir('w')\n"
                   "for n in ('a', 'b', 'h1', 'h2', 'n', 'w/x'): open(n, 'w').write('old')\n");
    const CronosBackup *backup = backup_part(fixture, everything);
    fixture_script(fixture, "project",
                   "import os, shutil, sys\n"
                   "os.chdir(sys.argv[1])\n"
                   "for n in ('a', 'b', 'h1', 'x1', 'x2', 'y1'): open(n, 'w').write('newer')\n"
                   "os.remove('h2'), os.link('h1', 'h2'), os.link('y1', 'y2')\n"
                   "os.remove('n'), shutil.rmtree('w')\n");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    g_autofree char *names = list_names(fixture->root);

    assert_string_equal(names, "a b backups d h1 h2 n w x1");
    static const char *const kept[] = {"project/b", "project/n", "project/w", "project/x1"};
    static const char *const restored[] = {"project/a", "project/h1", "project/h2"};
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
        assert_content(fixture, kept[i], "meanwhile");
    for (gsize i = 0; i < G_N_ELEMENTS(restored); i++)
        assert_content(fixture, restored[i], "old");
    assert_int_equal(result->failed->len, 5);
    g_autofree char *all = g_strdup_printf("%s\n%s", (char *)result->failed->pdata[0],
                                           (char *)result->failed->pdata[4]);
    assert_string_equal(all, "x1: changed since the restore point was made; it stays as it is\n"
                             "w/x: its folder could not be made");
}

/* Flips the bit 1 of the first byte of @marker, in the archive's comment. */
static void flip_in_comment(const Fixture *fixture, const char *file_name, const char *marker)
{
    g_autofree char *path = g_build_filename(fixture->root, "backups", file_name, NULL);
    g_autofree char *script =
        g_strconcat("import sys\np = sys.argv[1]\nd = bytearray(open(p, 'rb').read())\n"
                    "at = d.rfind(b'",
                    marker, "')\nassert at > d.rfind(b'PK\\5\\6')\nd[at] ^= 1\n",
                    "open(p, 'wb').write(d)\n", NULL);

    run_script(script, path);
}

/* The comment, of which no checksum tells, was believed before the member: one bit of it, and what
 * the backup had left out on purpose was deleted. */
static void test_damaged_comment(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GString) deleted = g_string_new(NULL);
    const CronosRestoreOptions over = {.strategy = CRONOS_RESTORE_OVERWRITE,
                                       .delete_extra = TRUE,
                                       .no_verify = TRUE,
                                       .on_action = note_action,
                                       .user_data = deleted};

    make_folder(fixture, "project/node_modules");
    write_file(fixture, "project/node_modules/m", "module");
    write_file(fixture, "project/a", "a");
    const CronosBackup *backup = backup_part(fixture, everything);
    write_file(fixture, "project/extra", "extra");
    flip_in_comment(fixture, backup->file_name, "node_modules");
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_content(fixture, "project/node_modules/m", "module");
    assert_string_equal(deleted->str, "extra ");
}

static void test_damaged_metadata(void **state)
{
    Fixture *fixture = *state;
    CronosRestoreOptions over = {
        .strategy = CRONOS_RESTORE_OVERWRITE, .delete_extra = TRUE, .no_verify = TRUE};

    write_file(fixture, "project/a", "a");
    const CronosBackup *backup = backup_part(fixture, everything);
    write_file(fixture, "project/a", "changed");
    write_file(fixture, "project/extra", "extra");
    flip_byte(fixture, backup->file_name, "node_modules");
    refuse(fixture, backup, &over, CRONOS_ERROR_DAMAGED, "without --delete");
    assert_content(fixture, "project/a", "changed");

    over.delete_extra = FALSE;
    g_autoptr(CronosRestoreResult) result = restore(fixture, backup, &over);
    assert_content(fixture, "project/a", "a");
    assert_content(fixture, "project/extra", "extra");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_file_where_a_folder_was),
        TEST(test_link_where_a_folder_was),
        TEST(test_restore_point_of_a_cache),
        TEST(test_caches_are_spared),
        TEST(test_unreadable_is_not_deleted),
        TEST(test_changed_in_the_same_tick),
        TEST(test_links_to_the_backup_directory),
        TEST(test_log_is_spared),
        TEST(test_changed_meanwhile),
        TEST(test_damaged_comment),
        TEST(test_damaged_metadata),
    };

    return cmocka_run_group_tests_name("restore-keeps", tests, NULL, NULL);
}
