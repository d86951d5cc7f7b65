/* SPDX-License-Identifier: MIT
 * test-restore-target.c - where restores from afar may go, and where not */
#include "cli/serve/restore-target.h"
#include "core/error.h"

#include "temporary.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    char *top = temporary_new();
    static const char *const folders[] = {"place", "place/deep", "outside", "placebo"};

    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(top, folders[i], NULL);

        assert_int_equal(mkdir(path, 0755), 0);
    }
    temporary_write(top, "place/file", "x");
    static const char *const links[][2] = {{"../outside", "place/leak"},
                                           {"deep", "place/inner"},
                                           {"nowhere", "place/dangling"},
                                           {"place", "alias"}};
    for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
        g_autofree char *path = g_build_filename(top, links[i][1], NULL);

        assert_int_equal(symlink(links[i][0], path), 0);
    }
    *state = top;
    return 0;
}

static int teardown(void **state)
{
    temporary_free(*state);
    return 0;
}

/* Finds @path below TOP/@directory; "@" at its start stands for TOP. */
static char *find(const char *top, const char *directory, const char *path, GError **error)
{
    g_autofree char *place = g_build_filename(top, directory, NULL);
    g_autofree char *wanted = *path == '@' ? g_strconcat(top, path + 1, NULL) : g_strdup(path);

    return cronos_restore_target_find(place, wanted, error);
}

static void test_found(void **state)
{
    static const char *const cases[][3] = {
        {"place", "new", "place/new"},
        {"place", "deep", "place/deep"},
        {"place", "deep/a/b/c", "place/deep/a/b/c"},
        {"place", "./deep//a/", "place/deep/a"},
        {"place", "@/place/deep/x", "place/deep/x"},
        {"place", "..x/...", "place/..x/..."},
        {"not/there", "a/b", "not/there/a/b"},
        {"alias", "deep/x", "alias/deep/x"}, /* what is configured is the owner's to choose */
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *found = find(*state, cases[i][0], cases[i][1], &error);
        g_autofree char *expected = g_build_filename(*state, cases[i][2], NULL);

        if (found == NULL)
            fail_msg("%s: %s", cases[i][1], error->message);
        assert_string_equal(found, expected);
    }
}

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "..",
        "../place/x",
        "deep/../x",
        "/",
        "/etc/x",
        "@",
        "@/place",
        "@/place/",
        ".",
        "",
        "@/placebo",
        "@/outside/x",
        "@/alias/x",
        "leak",
        "leak/x",
        "inner/x",
        "dangling",
        "dangling/x",
        "file",
        "file/x",
        "deep/../leak",
        "@/place/../x",
        "@/place/leak",
        "//etc/passwd",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *found = find(*state, "place", cases[i], &error);

        if (found != NULL)
            fail_msg("%s is %s", cases[i], found);
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_UNSAFE));
    }
}

static void test_place_is_a_file(void **state)
{
    g_autoptr(GError) error = NULL;

    assert_null(find(*state, "place/file", "x", &error));
    assert_true(g_error_matches(error, CRONOS_SYSTEM_ERROR, ENOTDIR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_place_is_a_file, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
