/* SPDX-License-Identifier: MIT
 * salvage.c - salvaging an archive, and giving what comes of it a name
 *
 * The new file's directory is locked as the backup directory is, since it may be that. What hidden
 * files others have in another one is none of our business. */
#include "core/salvage.h"
#include "core/archive.h"
#include "core/backup-directory.h"
#include "core/error.h"
#include "core/file-identity.h"
#include "core/log.h"
#include "core/member-bytes.h"
#include "core/metadata.h"
#include "core/recorded-patterns.h"
#include "core/salvage-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of nothing but false headers would fill the disk with log lines. */
#define LOGGED_MOST 10000u

/* One call of cronos_salvage. */
typedef struct {
    const CronosBackup *backup;
    int fd;       /* the damaged archive */
    char *folder; /* of the new one: absolute */
    char *name;   /* the new one's, in it */
    char *quoted; /* its path, as typed, for messages */
    CronosBackupDirectory *directory;
    int out_fd;
    char *temporary;
} Salvage;

CronosSalvageResult *cronos_salvage_result_new(void)
{
    CronosSalvageResult *result = g_new0(CronosSalvageResult, 1);

    result->lost = g_ptr_array_new_with_free_func(g_free);
    result->notes = g_ptr_array_new_with_free_func(g_free);
    return result;
}

void cronos_salvage_result_free(CronosSalvageResult *result)
{
    if (result == NULL)
        return;
    g_free(result->path);
    g_ptr_array_unref(result->lost);
    g_ptr_array_unref(result->notes);
    g_free(result);
}

gboolean cronos_salvage_result_is_complete(const CronosSalvageResult *result)
{
    return result->lost->len == 0 && result->unnamed_lost == 0 && result->misnamed == 0 &&
           !result->uncertain;
}

static void note_names(const CronosZipTree *tree, CronosSalvageResult *result)
{
    for (guint i = 0; i < tree->notes->len; i++)
        g_ptr_array_add(result->notes, g_strdup(g_ptr_array_index(tree->notes, i)));
    if (tree->repairs > tree->notes->len)
        g_ptr_array_add(result->notes, g_strdup_printf("%" G_GUINT64_FORMAT " more names",
                                                       tree->repairs - tree->notes->len));
}

static void note_misnamed(const CronosZipRemains *remains, CronosSalvageResult *result)
{
    for (guint32 i = 0; i < cronos_zip_remains_count(remains); i++) {
        const CronosZipRemain *member = cronos_zip_remains_get(remains, i);

        if (!member->two_names || member->reason != NULL ||
            result->misnamed++ >= CRONOS_ZIP_REPAIR_NOTES)
            continue;
        GString *name = cronos_salvage_name(remains, i);
        g_autofree char *other = cronos_zip_remains_other_name(remains, i);
        g_autofree char *quoted = cronos_quote_path(other);
        g_autofree char *reason = g_strdup_printf(
            "one of its two headers has another name, which may be the right one: %s", quoted);
        g_ptr_array_add(result->notes, cronos_member_report(name->str, reason));
        g_string_free(name, TRUE);
    }
}

static void note_bare(const CronosSalvagePlan *plan, CronosSalvageResult *result)
{
    guint32 bare = 0;

    for (guint32 i = 0; i < cronos_zip_remains_count(plan->remains); i++)
        bare += plan->nodes[i] != CRONOS_ENTRY_NONE &&
                cronos_zip_remains_get(plan->remains, i)->central == CRONOS_ZIP_NOWHERE;
    if (bare > 0)
        g_ptr_array_add(result->notes,
                        g_strdup_printf("members without a central header that can be read: %u; "
                                        "their modes are taken to be 0644 and 0755, links are not "
                                        "known, owners only where the local headers have them",
                                        bare));
}

/* Returns: (owned) what the old archive tells of itself, or NULL. @archive: the new one. */
static JsonObject *told_by(const CronosZipRemains *remains, CronosArchive *archive)
{
    gsize length = 0;
    const char *comment = cronos_zip_remains_comment(remains, &length);
    JsonObject *metadata = cronos_metadata_of_comment(comment, length);

    return metadata != NULL ? metadata : cronos_metadata_from_archive(archive, NULL);
}

/* How many members must there have been? Of the directory's number, or the end record's, and the
 * metadata's, the larger one counts. */
static void count_lost(const CronosZipRemains *remains, CronosArchive *archive,
                       CronosSalvageResult *result)
{
    guint64 members = 0, found = cronos_zip_remains_count(remains);
    gboolean known = cronos_zip_remains_count_missing(remains, &result->unnamed_lost);
    g_autoptr(JsonObject) metadata = told_by(remains, archive);
    gboolean told = metadata != NULL && !cronos_metadata_is_salvaged(metadata) &&
                    cronos_metadata_count_members(metadata, &members);

    if (told && members > found)
        result->unnamed_lost = MAX(result->unnamed_lost, members - found);
    result->uncertain = cronos_zip_remains_gave_up(remains) || (!known && !told);
    if (cronos_zip_remains_gave_up(remains))
        g_ptr_array_add(result->notes, g_strdup("the search for members ended early: too many "
                                                "headers do not tell the truth"));
}

/* What was written is held against what was meant, before anybody relies on it. */
static gboolean check_result(const CronosZipRemains *remains, int out_fd,
                             CronosSalvageResult *result, GError **error)
{
    int fd = fcntl(out_fd, F_DUPFD_CLOEXEC, 0);
    g_autoptr(GError) problem = NULL;

    if (fd < 0) {
        cronos_error_set_system(error, errno, "reading the new archive");
        return FALSE;
    }
    g_autoptr(CronosArchive) archive =
        cronos_archive_open_fd(fd, "new" CRONOS_BACKUP_EXTENSION, &problem);
    if (archive == NULL) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "the new archive can not be read back: %s", problem->message);
        return FALSE;
    }
    count_lost(remains, archive, result);
    result->has_metadata = cronos_metadata_entry(archive) != CRONOS_ENTRY_NONE;
    return TRUE;
}

static gboolean tick(const guint8 *stored, gsize length, gpointer user_data, GError **error)
{
    return cronos_tally_check(user_data, error);
}

gboolean cronos_salvage_file(int fd, int out_fd, CronosTally *tally, CronosSalvageResult *result,
                             GError **error)
{
    CronosSalvagePlan plan;
    g_autoptr(CronosZipRemains) remains = cronos_zip_remains_find(fd, tick, tally, error);

    if (remains == NULL || !cronos_salvage_plan_make(remains, &plan, error))
        return FALSE;
    note_names(&plan.tree, result);
    note_misnamed(remains, result);
    note_bare(&plan, result);
    gboolean ok = cronos_salvage_copy(fd, out_fd, &plan, tally, result, error) &&
                  check_result(remains, out_fd, result, error);
    cronos_salvage_plan_clear(&plan);
    return ok;
}

static gboolean open_archive(Salvage *salvage, const char *directory, GError **error)
{
    g_autofree char *path = g_build_filename(directory, salvage->backup->file_name, NULL);
    g_autofree char *quoted = cronos_quote_path(salvage->backup->file_name);
    struct stat st;

    if (!cronos_archive_is_zip_name(salvage->backup->file_name)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                    "%s: only ZIP archives can be repaired", quoted);
        return FALSE;
    }
    /* A FIFO of that name must not hold us up. */
    salvage->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (salvage->fd < 0 || fstat(salvage->fd, &st) != 0) {
        cronos_error_set_system(error, errno, "%s", quoted);
        return FALSE;
    }
    if (S_ISREG(st.st_mode))
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED, "%s: not a regular file", quoted);
    return FALSE;
}

static gboolean refuse_target(const Salvage *salvage, const char *why, GError **error)
{
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "%s: %s", salvage->quoted, why);
    return FALSE;
}

static gboolean check_target(const Salvage *salvage, const char *to, GError **error)
{
    struct stat there;

    if (lstat(to, &there) != 0)
        return TRUE;
    if (cronos_is_open_file(salvage->fd, to))
        return refuse_target(salvage, "that is the damaged archive itself, which is never changed",
                             error);
    return refuse_target(salvage, "exists already; choose a name that is free", error);
}

static gboolean find_target(Salvage *salvage, const char *to, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(to);
    gsize length = strlen(to);

    salvage->quoted = cronos_quote_path(to);
    if (length == 0 || to[length - 1] == '/') {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "\"%s\" is not the name of a new archive", salvage->quoted);
        return FALSE;
    }
    if (!check_target(salvage, to, error))
        return FALSE;
    char *real = realpath(parent, NULL);
    int errnum = errno;
    salvage->folder = g_strdup(real);
    salvage->name = g_path_get_basename(to);
    free(real);
    if (salvage->folder != NULL && !g_file_test(salvage->folder, G_FILE_TEST_IS_DIR))
        errnum = ENOTDIR;
    else if (salvage->folder != NULL)
        return TRUE;
    cronos_error_set_system(error, errnum, "%s", salvage->quoted);
    return FALSE;
}

/* @directory: where the damaged archive lies. */
static gboolean begin_target(Salvage *salvage, const char *directory,
                             const CronosProgress *progress, GError **error)
{
    GCancellable *cancellable = progress != NULL ? progress->cancellable : NULL;

    salvage->directory =
        cronos_is_same_path(salvage->folder, directory)
            ? cronos_backup_directory_lock(salvage->folder, cancellable, error)
            : cronos_backup_directory_lock_guest(salvage->folder, cancellable, error);
    if (salvage->directory == NULL)
        return FALSE;
    salvage->out_fd =
        cronos_backup_directory_create_temporary(salvage->directory, &salvage->temporary, error);
    return salvage->out_fd >= 0;
}

static gboolean publish(Salvage *salvage, CronosSalvageResult *result, GError **error)
{
    g_autofree char *temporary = g_steal_pointer(&salvage->temporary);

    if (!cronos_backup_directory_publish_as(salvage->directory, salvage->out_fd, temporary,
                                            salvage->name, error))
        return FALSE;
    result->path = g_build_filename(salvage->folder, salvage->name, NULL);
    return TRUE;
}

static void log_result(const Salvage *salvage, const CronosSalvageResult *result)
{
    const char *name = salvage->backup->file_name;
    gboolean complete = cronos_salvage_result_is_complete(result);

    for (guint i = 0; i < MIN(result->lost->len, LOGGED_MOST); i++)
        cronos_log_event(CRONOS_LOG_WARNING, name, NULL, "member not salvaged: %s",
                         (const char *)g_ptr_array_index(result->lost, i));
    if (result->lost->len > LOGGED_MOST)
        cronos_log_event(CRONOS_LOG_WARNING, name, NULL, "and %u more members not salvaged",
                         result->lost->len - LOGGED_MOST);
    cronos_log_result(complete ? CRONOS_LOG_INFO : CRONOS_LOG_WARNING, name, result->path,
                      "salvaged: %" G_GUINT64_FORMAT " members, %" G_GUINT64_FORMAT " lost%s",
                      result->members, result->lost->len + result->unnamed_lost,
                      result->uncertain ? ", and maybe more" : "");
}

static gboolean salvage_to(Salvage *salvage, const char *directory, const char *to,
                           const CronosProgress *progress, CronosSalvageResult *result,
                           GError **error)
{
    CronosTally tally;

    if (!open_archive(salvage, directory, error) || !find_target(salvage, to, error) ||
        !begin_target(salvage, directory, progress, error))
        return FALSE;
    cronos_tally_init(&tally, progress);
    gboolean ok = cronos_salvage_file(salvage->fd, salvage->out_fd, &tally, result, error);
    cronos_tally_clear(&tally);
    if (!ok && !g_error_matches(*error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED))
        g_prefix_error(error, "%s: ", salvage->quoted);
    /* An archive of nothing is whole, too. */
    gboolean nothing = result->members == (result->has_metadata ? 1 : 0) &&
                       !cronos_salvage_result_is_complete(result);
    if (ok && nothing)
        result->members = result->bytes = 0;
    return ok && (nothing || publish(salvage, result, error));
}

static void salvage_clear(Salvage *salvage)
{
    if (salvage->temporary != NULL)
        (void)unlinkat(cronos_backup_directory_fd(salvage->directory), salvage->temporary, 0);
    if (salvage->out_fd >= 0)
        close(salvage->out_fd);
    if (salvage->fd >= 0)
        close(salvage->fd);
    cronos_backup_directory_unlock(salvage->directory);
    g_free(salvage->temporary);
    g_free(salvage->folder);
    g_free(salvage->name);
    g_free(salvage->quoted);
}

CronosSalvageResult *cronos_salvage(const CronosBackup *backup, const char *directory,
                                    const char *to, const CronosProgress *progress, GError **error)
{
    Salvage salvage = {.backup = backup, .fd = -1, .out_fd = -1};
    g_autoptr(CronosSalvageResult) result = cronos_salvage_result_new();
    GError *failure = NULL;
    gboolean ok = salvage_to(&salvage, directory, to, progress, result, &failure);

    salvage_clear(&salvage);
    if (!ok) {
        g_propagate_error(error, failure);
        return NULL;
    }
    log_result(&salvage, result);
    return g_steal_pointer(&result);
}
