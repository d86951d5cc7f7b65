/* SPDX-License-Identifier: MIT
 * pattern-typed.c - patterns as people type them, who think of paths */
#include "core/error.h"
#include "core/file-identity.h"
#include "core/glob.h"
#include "core/pattern.h"

#include <string.h>
#include <sys/stat.h>

static void refuse(GError **error, const char *typed, const char *reason)
{
    g_autofree char *quoted = cronos_quote_path(typed);

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "Pattern '%s' can not be used: %s", quoted,
                reason);
}

/* Returns: what of the absolute @path lies below @root, from its slash on; @path itself where it
 * does not. Each parent is looked at on the disk: there may be symbolic links on the way. */
static const char *below_root(const char *path, const char *root)
{
    struct stat status, parent;

    if (stat(root, &status) != 0)
        return path;
    for (const char *end = strchrnul(path + 1, '/');; end = strchrnul(end + 1, '/')) {
        g_autofree char *prefix = g_strndup(path, (gsize)(end - path));

        if (stat(prefix, &parent) == 0 && cronos_is_same_file(&parent, &status))
            return *end == '\0' ? "/" : end;
        if (*end == '\0')
            return path;
    }
}

/* Appends to @kept what @pattern names, without the components that name nothing. Returns: FALSE
 * where it is no pattern, or with @error where it leads out of the root. */
static gboolean take_components(GPtrArray *kept, const char *pattern, const char *typed,
                                GError **error)
{
    for (;;) {
        gssize length = cronos_glob_component_length(pattern, NULL);

        if (length < 0)
            return FALSE;
        if (length == 2 && memcmp(pattern, "..", 2) == 0) {
            refuse(error, typed, "\"..\" leads out of the project directory, or back into it");
            return FALSE;
        }
        if (length > 1 || (length == 1 && *pattern != '.'))
            g_ptr_array_add(kept, g_strndup(pattern, (gsize)length));
        if (pattern[length] == '\0')
            return TRUE;
        pattern += length + 1;
    }
}

/* Returns: length of @pattern without the slashes, and the dots between them, at its end. */
static gsize length_without_end(const char *pattern)
{
    gsize length = strlen(pattern);

    while (length > 0 && (pattern[length - 1] == '/' ||
                          (length > 1 && pattern[length - 1] == '.' && pattern[length - 2] == '/')))
        length--;
    return length;
}

char *cronos_pattern_from_typed(const char *typed, const char *root, GError **error)
{
    const char *negation = *typed == '!' ? "!" : "";
    const char *pattern = typed + strlen(negation);
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(g_free);
    GError *refusal = NULL;

    /* What escapes something is no path that a shell completed. */
    if (strchr(pattern, '\\') != NULL)
        return g_strdup(typed);
    if (*pattern == '/')
        pattern = below_root(pattern, root);
    gsize length = length_without_end(pattern);
    g_autofree char *body = g_strndup(pattern, length);
    if (!take_components(kept, body, typed, &refusal)) {
        if (refusal == NULL)
            return g_strdup(typed);
        g_propagate_error(error, refusal);
        return NULL;
    }
    if (kept->len == 0 && *pattern != '\0') {
        refuse(error, typed, "it names the project directory itself");
        return NULL;
    }
    gboolean slash_first = *body == '/' || (kept->len == 1 && strchr(body, '/') != NULL);
    g_ptr_array_add(kept, NULL);
    g_autofree char *path = g_strjoinv("/", (char **)kept->pdata);
    return g_strconcat(negation, slash_first ? "/" : "", path, pattern[length] != '\0' ? "/" : "",
                       NULL);
}
