/* SPDX-License-Identifier: MIT
 * restore-point.c - the backup that is made before anything is overwritten
 *
 * It must hold every file that is about to be replaced or deleted. What the restored backup was
 * made with (its recorded patterns) leaves out neither; where those are not known, or do not cover
 * a member after all, or something that is no folder where the backup has one, nothing is left out.
 * Neither are caches, where the backup has something in what is one now. A file that can not be
 * read into it keeps the restore from beginning, if it is one of those. */
#include "core/archive.h"
#include "core/create.h"
#include "core/error.h"
#include "core/file-time.h"
#include "core/open-beneath.h"
#include "core/restore-private.h"
#include "core/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What the restore point takes in. */
typedef struct {
    const CronosRestorePlan *plan;
    const CronosRecordedPatterns *patterns;
    int target_fd;
    gboolean covered; /* the patterns cover all that goes */
    gboolean caches;  /* something of it may lie in a cache */
} Extent;

static void look_at_files(Extent *extent)
{
    const GArray *files = extent->plan->files;

    for (guint i = 0; extent->covered && i < files->len; i++) {
        g_autofree char *path =
            cronos_archive_path(extent->plan->archive, g_array_index(files, guint32, i));
        extent->covered = cronos_recorded_patterns_cover(extent->patterns, path);
    }
}

/* Looks at what lies where the backup has a folder. What is above was looked at before: where that
 * is no folder, nothing is below. */
static void look_at_folder(Extent *extent, const char *path)
{
    int fd = cronos_open_beneath(extent->target_fd, path, O_PATH | O_NOFOLLOW);
    struct stat status;

    if (fd < 0) {
        if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
            extent->covered = FALSE;
        return;
    }
    if (fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode))
        extent->covered &= cronos_recorded_patterns_cover(extent->patterns, path);
    else if (!extent->caches)
        extent->caches = fstatat(fd, CRONOS_CACHE_TAG, &status, AT_SYMLINK_NOFOLLOW) == 0;
    close(fd);
}

static void look_at_folders(Extent *extent)
{
    const GArray *folders = extent->plan->folders;

    for (guint i = 0; i < folders->len; i++) {
        g_autofree char *path =
            cronos_archive_path(extent->plan->archive, g_array_index(folders, guint32, i));
        look_at_folder(extent, path);
    }
}

/* Returns: (owned) the name that the restore point gets: that of the backup to be restored. */
static char *point_name(const CronosBackup *backup)
{
    gsize length = strlen(backup->file_name);

    if (!backup->foreign) {
        char *name = cronos_backup_name_normalize(backup->parsed.name, NULL);
        if (name != NULL)
            return name;
    }
    cronos_archive_is_archive_name(backup->file_name, &length);
    g_autofree char *stem = g_strndup(backup->file_name, length);
    char *name = cronos_backup_name_normalize(stem, NULL);
    return name != NULL ? name : g_strdup("restore");
}

/* Returns: (owned) set of the quoted paths of what is wanted, and of the folders above. */
static GHashTable *quoted_plan(const CronosRestorePlan *plan)
{
    GHashTable *paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const GArray *const lists[] = {plan->files, plan->folders};

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (guint j = 0; j < lists[i]->len; j++) {
            g_autofree char *path =
                cronos_archive_path(plan->archive, g_array_index(lists[i], guint32, j));
            g_hash_table_add(paths, cronos_quote_path(path));
        }
    }
    return paths;
}

/* @problem: "PATH: reason", whose path may hold a colon itself. */
static gboolean concerns(GHashTable *paths, const char *problem)
{
    for (const char *colon = strstr(problem, ": "); colon != NULL;
         colon = strstr(colon + 1, ": ")) {
        g_autofree char *path = g_strndup(problem, (gsize)(colon - problem));
        if (g_hash_table_contains(paths, path))
            return TRUE;
    }
    return FALSE;
}

/* Returns: FALSE with @error where the restore point lacks what would be lost. */
static gboolean check_complete(const CronosRestorePlan *plan, const CronosRestoreOptions *options,
                               const CronosCreateResult *point, GError **error)
{
    if (point->unreadable->len == 0)
        return TRUE;
    g_autoptr(GHashTable) paths = quoted_plan(plan);
    for (guint i = 0; i < point->unreadable->len; i++) {
        const char *problem = g_ptr_array_index(point->unreadable, i);
        if (!options->delete_extra && !concerns(paths, problem))
            continue;
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "%s: so the restore point %s lacks it, and nothing was changed; "
                    "--no-restore-point restores without one",
                    problem, point->file_name);
        return FALSE;
    }
    return TRUE;
}

char *cronos_restore_make_point(const CronosConfig *config, const CronosBackup *backup,
                                const CronosRestorePlan *plan, const char *target, int target_fd,
                                const CronosRecordedPatterns *patterns,
                                const CronosRestoreOptions *options, const CronosProgress *progress,
                                gint64 *out_walked_ns, GError **error)
{
    Extent extent = {
        plan,
        patterns,
        target_fd,
        .covered = patterns->recorded,
        /* --delete goes into them then */
        .caches = options->delete_extra && patterns->caches_recorded && !patterns->exclude_caches,
    };
    g_autofree char *name = point_name(backup);

    look_at_files(&extent);
    look_at_folders(&extent);
    cronos_file_time_settle();
    const CronosCreateOptions create = {
        .name = name,
        .type = CRONOS_BACKUP_TYPE_RESTORE_POINT,
        .root = target,
        .include = extent.covered ? (const char *const *)patterns->include : NULL,
        .exclude = extent.covered ? (const char *const *)patterns->exclude : NULL,
        .no_default_excludes = TRUE,
        .level = -1,
        .threads = options->threads,
        .with_caches = extent.caches,
        .no_retention = TRUE,
    };

    g_autoptr(CronosCreateResult) point = cronos_create(config, &create, progress, error);

    if (point == NULL) {
        g_prefix_error(error, "no restore point could be made, so nothing was changed: ");
        return NULL;
    }
    if (!check_complete(plan, options, point, error))
        return NULL;
    *out_walked_ns = point->walked_ns;
    return g_strdup(point->file_name);
}
