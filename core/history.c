/* SPDX-License-Identifier: MIT
 * history.c - what became of one path, from backup to backup */
#include "core/history.h"

#include "core/look.h"
#include "core/version.h"

#include <unistd.h>

typedef enum {
    STATE_UNKNOWN, /* the backup can not be read */
    STATE_ABSENT,
    STATE_PRESENT,
} State;

/* What one backup holds at the path. */
typedef struct {
    State state;
    CronosMemberInfo info;
} Holding;

typedef struct {
    const char *path;
    Holding *holdings; /* one a backup, in the order of the backups */
} Search;

static gboolean look_up(const CronosOutline *outline, guint index, gpointer user_data,
                        GError **error)
{
    const Search *search = user_data;
    Holding *holding = &search->holdings[index];
    g_autoptr(GError) failure = NULL;
    CronosOutlinePlace place;

    if (cronos_outline_find(outline, search->path, &place, &failure) &&
        cronos_outline_info(outline, &place, &holding->info, &failure))
        holding->state = STATE_PRESENT;
    else if (failure == NULL)
        holding->state = STATE_ABSENT;
    else
        g_propagate_error(error, g_steal_pointer(&failure));
    return holding->state != STATE_UNKNOWN;
}

/* Returns: whether @holding is what @last, the version before it, is. */
static gboolean goes_on(const CronosVersion *last, const Holding *holding)
{
    gboolean was_there = last != NULL && last->event != CRONOS_VERSION_REMOVED;

    if (holding->state == STATE_ABSENT || !was_there)
        return holding->state == STATE_ABSENT && !was_there;
    return cronos_version_is_same(&last->info, &holding->info);
}

static void add_version(GArray *versions, const CronosVersion *last, const CronosBackup *backup,
                        const Holding *holding)
{
    CronosVersion version = {.backup = backup, .backups = 1, .event = CRONOS_VERSION_REMOVED};

    if (holding->state == STATE_PRESENT) {
        gboolean was_there = last != NULL && last->event != CRONOS_VERSION_REMOVED;

        version.event = was_there ? CRONOS_VERSION_CHANGED : CRONOS_VERSION_ADDED;
        version.new_kind = was_there && last->info.kind != holding->info.kind;
        version.info = holding->info;
    }
    g_array_append_val(versions, version);
}

/* @backups: newest first. */
static void tell_versions(GArray *versions, const GPtrArray *backups, const Holding *holdings)
{
    for (guint i = backups->len; i-- > 0;) {
        const Holding *holding = &holdings[i];
        CronosVersion *last =
            versions->len > 0 ? &g_array_index(versions, CronosVersion, versions->len - 1) : NULL;

        if (holding->state == STATE_UNKNOWN)
            continue;
        if (!goes_on(last, holding))
            add_version(versions, last, g_ptr_array_index(backups, i), holding);
        else if (last != NULL)
            last->backups++;
    }
}

static CronosHistory *history_new(void)
{
    CronosHistory *history = g_new0(CronosHistory, 1);

    history->versions = g_array_new(FALSE, FALSE, sizeof(CronosVersion));
    history->damaged = g_ptr_array_new_with_free_func(g_free);
    return history;
}

void cronos_history_free(CronosHistory *history)
{
    if (history == NULL)
        return;
    g_array_unref(history->versions);
    g_ptr_array_unref(history->damaged);
    g_free(history);
}

static void read_all(CronosHistory *history, const GPtrArray *backups, int directory_fd,
                     const char *path, guint threads)
{
    g_autofree Holding *holdings = g_new0(Holding, MAX(backups->len, 1));
    Search search = {path, holdings};
    const CronosLook look = {.directory_fd = directory_fd,
                             .backups = backups,
                             .threads = threads,
                             .func = look_up,
                             .user_data = &search};

    cronos_look_into(&look, 0, backups->len, history->damaged);
    tell_versions(history->versions, backups, holdings);
}

CronosHistory *cronos_history_read(const CronosCatalog *catalog, const char *path, guint threads,
                                   GError **error)
{
    g_autoptr(CronosHistory) history = history_new();
    g_autoptr(GPtrArray) backups = cronos_look_choose(catalog, G_MININT64, G_MAXINT64);

    if (backups->len == 0)
        return g_steal_pointer(&history);
    int fd = cronos_catalog_open_directory(catalog, error);
    if (fd < 0)
        return NULL;
    read_all(history, backups, fd, path, threads);
    close(fd);
    return g_steal_pointer(&history);
}
