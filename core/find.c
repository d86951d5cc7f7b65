/* SPDX-License-Identifier: MIT
 * find.c - which backups hold what matches a pattern
 *
 * Some backups are gone through at once, by several threads; then what they hold is told, in the
 * order of the backups. */
#include "core/find.h"

#include "core/look.h"

#include <unistd.h>

/* So many are held before they are told, of as many backups as that allows: of one a thread, at
 * least. */
#define MATCHES_HELD 65536u
#define BACKUPS_MOST 256u

typedef struct {
    char *path; /* owned */
    CronosMemberInfo info;
} Match;

typedef struct {
    const CronosPatterns *patterns;
    guint first;
    GArray **matches; /* of Match, one a backup from .first on */
} Search;

/* One backup's part. */
typedef struct {
    const CronosOutline *outline;
    const CronosPatterns *patterns;
    GArray *matches;
    GError **error;
    gboolean failed;
} Part;

static void match_clear(gpointer data)
{
    Match *match = data;

    g_free(match->path);
}

/* @path: taken over. */
static void add_match(GArray *matches, char *path, const CronosMemberInfo *info)
{
    Match match = {path, *info};

    g_array_append_val(matches, match);
}

static gboolean hold_against(const CronosOutlinePlace *place, const char *path, gpointer user_data)
{
    Part *part = user_data;
    CronosMemberInfo info;

    if (!cronos_patterns_match(part->patterns, path, place->directory))
        return TRUE;
    if (!cronos_outline_info(part->outline, place, &info, part->error)) {
        part->failed = TRUE;
        return FALSE;
    }
    add_match(part->matches, g_strdup(path), &info);
    return TRUE;
}

static gboolean search_one(const CronosOutline *outline, guint index, gpointer user_data,
                           GError **error)
{
    Search *search = user_data;
    Part part = {.outline = outline,
                 .patterns = search->patterns,
                 .matches = search->matches[index - search->first],
                 .error = error};

    return cronos_outline_walk(outline, hold_against, &part, error) && !part.failed;
}

static void tell(const CronosBackup *backup, const GArray *matches, CronosFindFunc func,
                 gpointer user_data)
{
    for (guint i = 0; i < matches->len; i++) {
        const Match *match = &g_array_index(matches, Match, i);

        func(backup, match->path, &match->info, user_data);
    }
}

/* Returns: how many backups to go through at once next, if they hold as many matches as the last
 * ones: on the other side of a network, it is many threads that wait for them. */
static guint next_step(guint at_once, const GArray *const *matches, guint looked_into)
{
    guint64 found = 0;

    for (guint i = 0; i < looked_into; i++)
        found += matches[i]->len;
    guint64 fitting = (guint64)MATCHES_HELD * looked_into / MAX(found, 1);
    return (guint)MAX(at_once, MIN(fitting, BACKUPS_MOST));
}

static void search_all(const GPtrArray *backups, int directory_fd, const CronosFindOptions *options,
                       CronosFindFunc func, gpointer user_data, GPtrArray *damaged)
{
    guint at_once = options->threads != 0 ? options->threads : g_get_num_processors();
    g_autoptr(GPtrArray) room = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    Search search = {.patterns = options->patterns};
    const CronosLook look = {.directory_fd = directory_fd,
                             .backups = backups,
                             .threads = at_once,
                             .func = search_one,
                             .user_data = &search};

    for (guint i = 0; i < MAX(at_once, BACKUPS_MOST); i++) {
        GArray *matches = g_array_new(FALSE, FALSE, sizeof(Match));

        g_array_set_clear_func(matches, match_clear);
        g_ptr_array_add(room, matches);
    }
    search.matches = (GArray **)room->pdata;
    guint end = MIN(at_once, backups->len);
    for (guint first = 0; first < backups->len;) {
        search.first = first;
        cronos_look_into(&look, first, end, damaged);
        guint step = next_step(at_once, (const GArray *const *)room->pdata, end - first);
        for (guint i = first; i < end; i++) {
            tell(g_ptr_array_index(backups, i), search.matches[i - first], func, user_data);
            g_array_set_size(search.matches[i - first], 0);
        }
        first = end;
        end += MIN(step, backups->len - end);
    }
}

gboolean cronos_find(const CronosCatalog *catalog, const CronosFindOptions *options,
                     CronosFindFunc func, gpointer user_data, GPtrArray *damaged, GError **error)
{
    g_autoptr(GPtrArray) backups = cronos_look_choose(catalog, options->since, options->until);

    if (backups->len == 0)
        return TRUE;
    int fd = cronos_catalog_open_directory(catalog, error);
    if (fd < 0)
        return FALSE;
    search_all(backups, fd, options, func, user_data, damaged);
    close(fd);
    return TRUE;
}
