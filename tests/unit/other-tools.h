/* SPDX-License-Identifier: MIT
 * other-tools.h - other programs that take an archive apart: unzip, 7z, bsdtar, Python's zipfile */
#pragma once
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Runs a program, which must succeed. Returns: (owned) its output. */
static inline char *run(const char *const *argv)
{
    g_auto(GStrv) copy = g_strdupv((char **)(guintptr)argv);
    g_autoptr(GError) error = NULL;
    g_autofree char *errors = NULL;
    char *output = NULL;
    int status = 0;

    assert_true(g_spawn_sync(NULL, copy, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors,
                             &status, &error));
    if (!g_spawn_check_wait_status(status, &error))
        fail_msg("%s: %s\n%s%s", argv[0], error->message, output, errors);
    return output;
}

/* @script: finds @path in sys.argv[1]. Returns: (owned) its output. */
static inline char *python(const char *path, const char *script)
{
    return run((const char *[]){"python3", "-c", script, path, NULL});
}

static inline void assert_tools_accept(const char *path)
{
    g_free(run((const char *[]){"unzip", "-tqq", path, NULL}));
    g_free(run((const char *[]){"7z", "t", path, NULL}));
    g_free(run((const char *[]){"bsdtar", "-tf", path, NULL}));
    g_free(python(path, "import sys,zipfile\n"
                        "assert zipfile.ZipFile(sys.argv[1]).testzip() is None\n"));
}
