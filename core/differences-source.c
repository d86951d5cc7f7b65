/* SPDX-License-Identifier: MIT
 * differences-source.c - from a backup to the project directory, with sizes */
#include "core/below.h"
#include "core/compare-source.h"
#include "core/differences-private.h"
#include "core/error.h"
#include "core/member-path.h"
#include "core/scan.h"
#include "core/verify-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    CronosArchive *archive;
    int root_fd;
    CronosDifferences *result;
} Telling;

static gboolean info_in_archive(CronosArchive *archive, const char *path,
                                CronosMemberInfo *out_info)
{
    guint32 entry = cronos_archive_lookup_path(archive, path);

    return entry != CRONOS_ENTRY_NONE && cronos_archive_info(archive, entry, out_info, NULL);
}

static gboolean info_in_root(int root_fd, const char *path, CronosMemberInfo *out_info)
{
    const char *name;
    struct stat status;
    int parent_fd = cronos_below_open_parent(root_fd, path, &name);
    gboolean known = parent_fd >= 0 &&
                     fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                     cronos_member_info_from_stat(&status, out_info);

    if (parent_fd >= 0)
        close(parent_fd);
    return known;
}

/* @paths: of char *. */
static void tell(const Telling *telling, CronosDifferenceKind kind, const GPtrArray *paths)
{
    for (guint i = 0; i < paths->len; i++) {
        const char *path = g_ptr_array_index(paths, i);
        CronosMemberInfo before, after;
        gboolean was =
            kind != CRONOS_DIFFERENCE_ADDED && info_in_archive(telling->archive, path, &before);
        gboolean is =
            kind != CRONOS_DIFFERENCE_REMOVED && info_in_root(telling->root_fd, path, &after);

        cronos_differences_add(telling->result, kind, g_strdup(path), was ? &before : NULL,
                               is ? &after : NULL);
    }
}

static int compare_differences(gconstpointer a, gconstpointer b)
{
    return cronos_member_path_compare(((const CronosDifference *)a)->path,
                                      ((const CronosDifference *)b)->path);
}

static void tell_all(const Telling *telling, const CronosVerifyResult *found)
{
    const GPtrArray *const unreadable[] = {found->unreadable, found->damaged};

    tell(telling, CRONOS_DIFFERENCE_ADDED, found->added);
    tell(telling, CRONOS_DIFFERENCE_REMOVED, found->missing);
    tell(telling, CRONOS_DIFFERENCE_CHANGED, found->changed);
    g_array_sort(telling->result->differences, compare_differences);
    for (guint i = 0; i < G_N_ELEMENTS(unreadable); i++)
        for (guint j = 0; j < unreadable[i]->len; j++)
            g_ptr_array_add(telling->result->unreadable,
                            g_strdup(g_ptr_array_index(unreadable[i], j)));
}

CronosDifferences *cronos_differences_from_source(const CronosConfig *config, CronosArchive *before,
                                                  guint threads, const CronosProgress *progress,
                                                  GError **error)
{
    g_autoptr(CronosDifferences) result = cronos_differences_new();
    g_autoptr(CronosVerifyResult) found = cronos_verify_result_new();
    const char *root = cronos_config_root(config);
    CronosTally tally;
    int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root_fd < 0) {
        g_autofree char *quoted = cronos_quote_path(root);

        cronos_error_set_system(error, errno, "\"%s\"", quoted);
        return NULL;
    }
    Telling telling = {before, root_fd, result};
    cronos_tally_init(&tally, progress);
    gboolean done =
        cronos_compare_source(config, before, threads, &tally, found->damaged, found, error);
    cronos_tally_clear(&tally);
    if (done)
        tell_all(&telling, found);
    close(root_fd);
    return done ? g_steal_pointer(&result) : NULL;
}
