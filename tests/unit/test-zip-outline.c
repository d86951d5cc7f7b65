/* SPDX-License-Identifier: MIT
 * test-zip-outline.c - look-up in a directory that is in order, and which directories are not */
#include "tests/unit/zip-fixtures.h"

#include "core/error.h"
#include "tests/fuzz/outline-check.h"

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

/* Returns: whether the archive @name has an outline, which then agrees with its index. */
static gboolean has_outline(Fixture *fixture, const char *name)
{
    g_autoptr(GError) error = NULL;

    if (fixture->fd >= 0)
        close(fixture->fd);
    fixture->fd = open_file(fixture->directory, name);
    g_autoptr(CronosZipIndex) index = cronos_zip_index_open(fixture->fd, &error);
    if (index == NULL)
        fail_msg("%s: %s", name, error->message);
    return outline_check(fixture->fd, index);
}

/* Makes an archive of each list of names, written in Python, and looks whether it has an outline.
 */
static void expect_outlines(Fixture *fixture, const char *const *lists, guint count, gboolean has)
{
    g_autoptr(GString) script = g_string_new(NULL);

    for (guint i = 0; i < count; i++)
        g_string_append_printf(
            script, "craft('%u.zip', [f(n, b'' if n[-1:] == b'/' else b'x') for n in %s])\n", i,
            lists[i]);
    run_python(fixture->directory, script->str);
    for (guint i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf("%u.zip", i);

        if (has_outline(fixture, name) != has)
            fail_msg("%s: %s", has ? "needs an index" : "is taken to be in order", lists[i]);
    }
}

static void test_walks(void **state)
{
    static const char *const in_order[] = {
        "[]",
        "[b'a']",
        "[b'a/']",
        "[b'a', b'b']",
        "[b'z', b'a', b'b/', b'b/c', b'y']",
        "[b'm', b'a/', b'a/m', b'z/', b'z/m', b'zz']",
        "[b'backup_metadata.json', b'a', b'b/', b'b/backup_metadata.json', b'c']",
        "[b'x', b'a/', b'a/b/', b'a/b/c/', b'a/b/c/d', b'a/b-', b'a/e', b'a-', b'a.b', b'aa']",
        "[b'x'] + sorted([b'.hidden', b'...', b'..a/', b'..a/.b', b'\\1', b'\\xff', "
        "b'\\xff\\xff'])",
    };

    expect_outlines(*state, in_order, G_N_ELEMENTS(in_order), TRUE);
}

static void test_no_walks(void **state)
{
    static const char *const out_of_order[] = {
        "[b'z', b'b', b'a']",            /* but the first, none may be out of order */
        "[b'z', b'a/b', b'c']",          /* a folder is implied */
        "[b'z', b'a/', b'b', b'a/b']",   /* a folder is gone back to */
        "[b'z', b'a/', b'a/b', b'a/']",  /* a folder twice */
        "[b'a', b'a']",                  /* a file twice */
        "[b'm', b'a', b'm']",            /* the first one again, in order */
        "[b'm', b'a', b'm/', b'm/n']",   /* as a folder */
        "[b'z', b'a', b'a/', b'a/b']",   /* file and folder */
        "[b'z', b'a/', b'a/b/c']",       /* an inner folder is implied */
        "[b'z', b'a.b', b'a/', b'a/c']", /* "a" sorts before "a.b" */
        "[b'z', b'./a']",                /* "." */
        "[b'z', b'a/', b'a/../b']",      /* ".." */
        "[b'z', b'a/', b'a/..']",        /* at the end */
        "[b'z', b'a/', b'a//b']",        /* an empty component */
        "[b'z', b'/a']",                 /* an absolute path */
        "[b'z', b'a\\0b']",              /* NUL */
        "[b'z', b'']",                   /* no name */
        "[b'z', b'/']",                  /* but a slash */
        "[b'z', b'n' * 1024]",           /* too long a name */
    };

    expect_outlines(*state, out_of_order, G_N_ELEMENTS(out_of_order), FALSE);
}

/* What would not be taken byte for byte, or is a folder without a slash. */
static void test_other_systems(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               "craft('mac.zip', [f(b'a', made_by=19)])\n"
               "craft('0.zip', [f(b'a', made_by=0)])\n"
               "craft('1.zip', [f(b'a'), f(b'b\\\\c', made_by=10)])\n"
               "e = b'\\1' + struct.pack('<I', zlib.crc32(b'a')) + b'z'\n"
               "craft('2.zip', [f(b'a', extra=struct.pack('<HH', 0x7075, 6) + e)])\n"
               "craft('3.zip', [f(b'a'), f(b'b', b'', attributes=0o040755 << 16)])\n"
               "craft('4.zip', [f(b'a', b'', attributes=0x10)])\n");
    assert_true(has_outline(fixture, "mac.zip"));
    for (guint i = 0; i < 5; i++) {
        g_autofree char *name = g_strdup_printf("%u.zip", i);

        assert_false(has_outline(fixture, name));
    }
}

/* Steps lie at every 256th member: look-ups before, at and behind them, at several depths. */
static void test_many(void **state)
{
    Fixture *fixture = *state;

    run_python(fixture->directory,
               "def make(path, names):\n"
               "    craft(path, [f(n, b'' if n[-1:] == b'/' else n) for n in names])\n"
               "n = [b'first']\n"
               "for i in range(16):\n"
               "    n.append(b'd%02d/' % i)\n"
               "    n += [b'd%02d/f%02d' % (i, j) for j in range(i * 3 % 50)]\n"
               "    n.append(b'd%02d/g/' % i)\n"
               "    n += [b'd%02d/g/h%03d' % (i, j) for j in range(i % 4 * 90)]\n"
               "    n.append(b'd%02d/k' % i)\n"
               "n += [b'e%04d' % i for i in range(300)]\n"
               "make('many.zip', n)\n"
               "deep = [b'd/' * (i + 1) for i in range(64)]\n"
               "make('deep.zip', [b'first'] + deep[:63] + [deep[62] + b'deepest'])\n"
               "make('deeper.zip', [b'first'] + deep + [deep[63] + b'too deep'])\n"
               "make('long.zip', [b'first'] + [b'%03d' % i + b'n' * 1000 for i in range(300)])\n");
    assert_true(has_outline(fixture, "many.zip"));
    assert_true(has_outline(fixture, "deep.zip"));
    assert_false(has_outline(fixture, "deeper.zip"));
    assert_true(has_outline(fixture, "long.zip")); /* does not fit the window */
}

/* A directory that the index can not read has no outline either. */
static void test_damage(void **state)
{
    static const char *const damaged[] = {"count.zip", "header.zip"};
    g_autoptr(GError) error = NULL;
    Fixture *fixture = *state;

    run_python(fixture->directory,
               "craft('count.zip', [f(b'a'), f(b'b')], count=3)\n"
               "craft('header.zip', [f(b'a'), f(b'b')])\n"
               "d = bytearray(open('header.zip', 'rb').read())\n"
               "d[d.rfind(b'PK\\1\\2')] ^= 1\nopen('header.zip', 'wb').write(d)\n"
               "open('none.zip', 'wb').write(b'no archive')");
    for (guint i = 0; i < G_N_ELEMENTS(damaged); i++) {
        int fd = open_file(fixture->directory, damaged[i]);

        assert_null(cronos_zip_outline_open(fd, NULL));
        close(fd);
    }
    fixture->fd = open_file(fixture->directory, "none.zip");
    assert_null(cronos_zip_outline_open(fixture->fd, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
}

static gboolean count_child(const CronosZipPlace *place, const char *name, gsize length,
                            gpointer user_data)
{
    guint *count = user_data;

    ++*count;
    return TRUE;
}

static void expect_damage(gboolean ok, GError **error)
{
    assert_false(ok);
    assert_true(g_error_matches(*error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED));
    g_clear_error(error);
}

/* What was read when the outline was opened is enough for a look. */
static void test_small_directory_is_held(void **state)
{
    Fixture *fixture = *state;
    CronosZipPlace place;
    CronosMemberInfo info;
    guint count = 0;

    run_python(fixture->directory, "craft('a.zip', [f(b'%05d' % i) for i in range(3000)])");
    g_autofree char *path = g_build_filename(fixture->directory, "a.zip", NULL);
    fixture->fd = open_file(fixture->directory, "a.zip");
    g_autoptr(CronosZipOutline) outline = cronos_zip_outline_open(fixture->fd, NULL);
    assert_non_null(outline);

    assert_int_equal(truncate(path, 100), 0);
    assert_true(cronos_zip_outline_find(outline, "00000", 5, &place, NULL));
    assert_true(cronos_zip_outline_find(outline, "02999", 5, &place, NULL));
    assert_true(cronos_zip_outline_info(outline, &place, &info, NULL));
    assert_true(cronos_zip_outline_walk(outline, count_child, &count, NULL));
    assert_int_equal(count, 3000);
}

/* The file is written over, and shrinks, once it is open: an error, and nothing breaks. */
static void test_file_changes(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    CronosZipPlace place, other;
    CronosMemberInfo info;
    guint count = 0;

    run_python(fixture->directory, "craft('a.zip', [f(b'first')] + [f(b'd/', b'')] +\n"
                                   "      [f(b'd/%05d' % i) for i in range(5000)])");
    g_autofree char *path = g_build_filename(fixture->directory, "a.zip", NULL);
    fixture->fd = open_file(fixture->directory, "a.zip");
    g_autoptr(CronosZipOutline) outline = cronos_zip_outline_open(fixture->fd, NULL);
    assert_non_null(outline);
    gsize held_bytes = cronos_zip_outline_memory_bytes(outline);
    cronos_zip_outline_trim(outline);
    assert_true(cronos_zip_outline_memory_bytes(outline) < held_bytes / 10);
    assert_true(cronos_zip_outline_find(outline, "d", 1, &place, NULL));

    run_python(fixture->directory, "d = bytearray(open('a.zip', 'rb').read())\n"
                                   "d = d.replace(b'd/0', b'///').replace(b'first', b'///d/')\n"
                                   "d[d.rfind(b'PK\\1\\2')] ^= 1\n"
                                   "open('a.zip', 'r+b').write(d)");
    for (guint32 entry = 0; entry < cronos_zip_outline_count(outline); entry += 100) {
        g_autofree char *told = NULL;

        if (cronos_zip_outline_at(outline, entry, &other, &told, NULL))
            cronos_zip_outline_info(outline, &other, &info, NULL);
    }
    assert_true(cronos_zip_outline_children(outline, &place, "d", 1, count_child, &count, NULL));
    assert_int_equal(count, 0);
    expect_damage(cronos_zip_outline_walk(outline, count_child, &count, &error), &error);
    assert_int_equal(count, 5001);

    assert_int_equal(truncate(path, 100), 0);
    expect_damage(cronos_zip_outline_find(outline, "d/04999", 7, &other, &error), &error);
    expect_damage(cronos_zip_outline_at(outline, 4000, &other, &name, &error), &error);
    expect_damage(cronos_zip_outline_info(outline, &place, &info, &error), &error);
    expect_damage(cronos_zip_outline_children(outline, &place, "d", 1, count_child, &count, &error),
                  &error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_walks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_walks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_systems, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_small_directory_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_changes, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("zip-outline", tests, NULL, NULL);
}
