/* SPDX-License-Identifier: MIT
 * member-path.c - from what a user typed to the path of a member */
#include "core/member-path.h"

#include <string.h>

char *cronos_member_path(const char *typed, const char *root)
{
    gsize root_length = strlen(root);
    g_autoptr(GString) clean = g_string_new(NULL);

    if (strncmp(typed, root, root_length) == 0 &&
        (typed[root_length] == '/' || typed[root_length] == '\0'))
        typed += root_length;
    g_auto(GStrv) parts = g_strsplit(typed, "/", -1);
    for (gsize i = 0; parts[i] != NULL; i++) {
        if (parts[i][0] == '\0' || strcmp(parts[i], ".") == 0)
            continue;
        if (clean->len > 0)
            g_string_append_c(clean, '/');
        g_string_append(clean, parts[i]);
    }
    return g_string_free(g_steal_pointer(&clean), FALSE);
}

int cronos_member_path_compare(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    /* The end, then a slash, then all other bytes. */
    int left = *a == '\0' ? -2 : *a == '/' ? -1 : (guint8)*a;
    int right = *b == '\0' ? -2 : *b == '/' ? -1 : (guint8)*b;
    return left - right;
}
