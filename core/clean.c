/* SPDX-License-Identifier: MIT
 * clean.c - a clean that somebody asked for: retention, and what is left of what is gone */
#include "core/clean.h"

#include "core/metrics.h"
#include "core/pin.h"
#include "core/restore-hidden.h"
#include "core/restore.h"

#include <fcntl.h>
#include <unistd.h>

void cronos_clean_result_free(CronosCleanResult *result)
{
    if (result == NULL)
        return;
    g_clear_pointer(&result->verdicts, g_ptr_array_unref);
    g_clear_pointer(&result->catalog, cronos_catalog_free);
    g_free(result);
}

static void count_removals(CronosCleanResult *result)
{
    for (guint i = 0; i < result->verdicts->len; i++) {
        const CronosRetentionVerdict *verdict = g_ptr_array_index(result->verdicts, i);

        if (!verdict->remove)
            continue;
        result->removed++;
        result->removed_bytes += verdict->backup->size_bytes;
    }
}

/* Nobody may run a killed restore again, and what it left is as large as what it restored. */
static void clear_restores(CronosBackupDirectory *directory)
{
    int fd = openat(cronos_backup_directory_fd(directory), CRONOS_RESTORES_FOLDER,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return;
    cronos_hidden_clear_all(fd);
    close(fd);
}

CronosCleanResult *cronos_clean(const CronosConfig *config, const CronosRetentionOptions *options,
                                gboolean dry_run, GCancellable *cancellable, GError **error)
{
    const char *path = cronos_config_backup_directory(config);
    g_autoptr(CronosCleanResult) result = g_new0(CronosCleanResult, 1);

    /* Taking the lock would make the directory. */
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        result->verdicts = g_ptr_array_new();
        return g_steal_pointer(&result);
    }
    g_autoptr(CronosBackupDirectory) directory =
        dry_run ? cronos_backup_directory_lock_to_look(path, cancellable, error)
                : cronos_backup_directory_lock(path, cancellable, error);
    if (directory == NULL)
        return NULL;
    result->verdicts =
        cronos_retention_apply(config, directory, options, dry_run, &result->catalog, error);
    if (result->verdicts == NULL)
        return NULL;
    count_removals(result);
    result->orphan_pins = cronos_pin_clear_orphans(directory, dry_run);
    if (!dry_run) {
        clear_restores(directory);
        cronos_metrics_note_clean(config);
    }
    return g_steal_pointer(&result);
}
