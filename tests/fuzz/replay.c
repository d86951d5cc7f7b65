/* SPDX-License-Identifier: MIT
 * replay.c - runs a corpus through a fuzz target as ordinary tests: replay DIRECTORY
 *
 * One test a file, reported in TAP, in the order of their names. The name is printed before the
 * target runs, so that a crash has a name, too. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *list(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) directory = g_dir_open(path, 0, &error);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (directory == NULL)
        g_error("%s", error->message);
    while ((name = g_dir_read_name(directory)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return names;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    g_autoptr(GPtrArray) names = list(argv[1]);

    printf("1..%u\n", names->len);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *path = g_build_filename(argv[1], name, NULL);
        g_autofree char *data = NULL;
        g_autoptr(GError) error = NULL;
        gsize size = 0;

        printf("# %s\n", name);
        fflush(stdout);
        if (!g_file_get_contents(path, &data, &size, &error))
            g_error("%s", error->message);
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        printf("ok %u - %s\n", i + 1, name);
        fflush(stdout);
    }
    return names->len == 0;
}
