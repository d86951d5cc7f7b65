/* SPDX-License-Identifier: MIT
 * create-match.c - patterns that were to choose what is backed up, and chose nothing */
#include "core/create-run.h"
#include "core/error.h"

typedef struct {
    const char *text; /* borrowed */
    CronosPatterns *pattern;
} Pending;

static void pending_free(gpointer data)
{
    Pending *pending = data;

    cronos_patterns_free(pending->pattern);
    g_free(pending);
}

GPtrArray *create_matches_new(const char *const *include)
{
    GPtrArray *matches = g_ptr_array_new_with_free_func(pending_free);

    for (; *include != NULL; include++) {
        const char *const alone[] = {*include, NULL};

        if (**include == '!')
            continue;
        Pending *pending = g_new0(Pending, 1);
        pending->text = *include;
        pending->pattern = cronos_patterns_new(alone, NULL);
        g_ptr_array_add(matches, pending);
    }
    return matches;
}

void create_matches_note(GPtrArray *matches, const CronosScanItem *item)
{
    gboolean folder = item->info.kind == CRONOS_MEMBER_DIRECTORY;

    if (matches == NULL)
        return;
    for (guint i = matches->len; i-- > 0;) {
        const Pending *pending = matches->pdata[i];

        if (cronos_patterns_match(pending->pattern, item->path, folder))
            g_ptr_array_remove_index(matches, i);
    }
}

gboolean create_matches_finish(const CreateRun *run, GError **error)
{
    const CronosCreateResult *result = run->result;

    for (guint i = 0; run->matches != NULL && i < run->matches->len; i++) {
        const Pending *pending = run->matches->pdata[i];

        g_ptr_array_add(result->unmatched, g_strdup(pending->text));
    }
    if (result->unmatched->len == 0 || result->files + result->directories + result->symlinks > 0)
        return TRUE;
    g_autofree char *quoted = cronos_quote_path(result->unmatched->pdata[0]);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND,
                "no backup made: nothing matches '%s'%s", quoted,
                result->unmatched->len > 1 ? ", nor the other patterns to include" : "");
    return FALSE;
}
