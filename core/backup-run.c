/* SPDX-License-Identifier: MIT
 * backup-run.c - a backup with all that the configuration puts around it */
#include "core/backup-run.h"

#include "core/backup-name.h"
#include "core/error.h"
#include "core/hooks.h"
#include "core/log.h"
#include "core/metrics.h"

/* One call of cronos_backup_run; all but the strings is borrowed. */
typedef struct {
    const CronosConfig *config;
    const CronosCreateOptions *options;
    const CronosProgress *progress;
    GCancellable *cancellable;
    char *name;
    char **environment; /* of every hook */
} Run;

/* What an outer hook was told is none of an inner one's business. */
static char **environment_without_facts(void)
{
    static const char *const stale[] = {
        "CRONOS_STATUS",         "CRONOS_ERROR",        "CRONOS_ARCHIVE", "CRONOS_FILES",
        "CRONOS_DIRECTORIES",    "CRONOS_SYMLINKS",     "CRONOS_BYTES",   "CRONOS_ARCHIVE_BYTES",
        "CRONOS_REUSED_MEMBERS", "CRONOS_REUSED_BYTES", "CRONOS_SKIPPED", "CRONOS_UNREADABLE",
        "CRONOS_DAMAGED",        "CRONOS_REMOVED",
    };
    char **environment = g_get_environ();

    for (guint i = 0; i < G_N_ELEMENTS(stale); i++)
        environment = g_environ_unsetenv(environment, stale[i]);
    return environment;
}

static void set_text(char ***environment, const char *name, const char *value)
{
    *environment = g_environ_setenv(*environment, name, value, TRUE);
}

static void set_count(char ***environment, const char *name, guint64 count)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, count);

    set_text(environment, name, text);
}

static gboolean prepare(Run *run, GError **error)
{
    const char *type = run->options->type;

    run->cancellable = run->progress == NULL ? NULL : run->progress->cancellable;
    run->name = cronos_create_check(run->config, run->options, error);
    if (run->name == NULL || !cronos_hooks_check(run->config, error))
        return FALSE;
    run->environment = environment_without_facts();
    set_text(&run->environment, "CRONOS_ROOT",
             run->options->root != NULL ? run->options->root : cronos_config_root(run->config));
    set_text(&run->environment, "CRONOS_BACKUP_DIRECTORY",
             cronos_config_backup_directory(run->config));
    set_text(&run->environment, "CRONOS_NAME", run->name);
    set_text(&run->environment, "CRONOS_TYPE", type != NULL ? type : CRONOS_BACKUP_TYPE_MANUAL);
    return TRUE;
}

static const char *status_of(const CronosCreateResult *result)
{
    if (result->declined != NULL)
        return "declined";
    return result->unreadable->len > 0 ? "incomplete" : "done";
}

static void tell_result(char ***environment, const CronosCreateResult *result)
{
    const struct {
        const char *name;
        guint64 count;
    } counts[] = {
        {"CRONOS_FILES", result->files},
        {"CRONOS_DIRECTORIES", result->directories},
        {"CRONOS_SYMLINKS", result->symlinks},
        {"CRONOS_BYTES", result->bytes},
        {"CRONOS_ARCHIVE_BYTES", result->archive_bytes},
        {"CRONOS_REUSED_MEMBERS", result->reused_members},
        {"CRONOS_REUSED_BYTES", result->reused_bytes},
        {"CRONOS_SKIPPED", result->skipped},
        {"CRONOS_UNREADABLE", result->unreadable->len},
        {"CRONOS_DAMAGED", result->damaged->len},
        {"CRONOS_REMOVED", result->removed->len},
    };

    set_text(environment, "CRONOS_STATUS", status_of(result));
    if (result->path != NULL)
        set_text(environment, "CRONOS_ARCHIVE", result->path);
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
        set_count(environment, counts[i].name, counts[i].count);
}

static void run_after(const Run *run, CronosCreateResult *result)
{
    g_autoptr(GError) failure = NULL;
    g_auto(GStrv) environment = g_strdupv(run->environment);

    tell_result(&environment, result);
    if (cronos_hook_run(run->config, CRONOS_HOOK_AFTER_CREATE, (const char *const *)environment,
                        run->cancellable, &failure))
        return;
    result->hook_error = g_strdup(failure->message);
    cronos_log_event(CRONOS_LOG_WARNING, result->file_name, NULL, "%s", failure->message);
}

/* A cancel ends what is being done; the hook that tells of it, and cleans up, is run all the same.
 */
static void run_on_failure(const Run *run, const GError *reason)
{
    gboolean cancelled = g_error_matches(reason, CRONOS_ERROR, CRONOS_ERROR_CANCELLED);
    g_autoptr(GError) failure = NULL;
    g_auto(GStrv) environment = g_strdupv(run->environment);

    set_text(&environment, "CRONOS_STATUS", cancelled ? "cancelled" : "failed");
    set_text(&environment, "CRONOS_ERROR", reason->message);
    if (!cronos_hook_run(run->config, CRONOS_HOOK_ON_FAILURE, (const char *const *)environment,
                         cancelled ? NULL : run->cancellable, &failure))
        cronos_log_event(CRONOS_LOG_ERROR, NULL, NULL, "%s", failure->message);
}

/* Without hooks, only the look that create takes below its lock. */
static CronosCreateResult *find_declined(const Run *run)
{
    return run->options->if_changed && cronos_hooks_are_configured(run->config)
               ? cronos_create_find_declined(run->config, run->options, run->progress)
               : NULL;
}

static CronosCreateResult *run_all(const Run *run, GError **error)
{
    CronosCreateResult *result = find_declined(run);
    GError *failure = NULL;

    if (result != NULL)
        return result;
    if (cronos_hook_run(run->config, CRONOS_HOOK_BEFORE_CREATE,
                        (const char *const *)run->environment, run->cancellable, &failure))
        result = cronos_create(run->config, run->options, run->progress, &failure);
    if (result != NULL) {
        run_after(run, result);
        return result;
    }
    run_on_failure(run, failure);
    g_propagate_error(error, failure);
    return NULL;
}

CronosCreateResult *cronos_backup_run(const CronosConfig *config,
                                      const CronosCreateOptions *options,
                                      const CronosProgress *progress, GError **error)
{
    Run run = {.config = config, .options = options, .progress = progress};
    CronosCreateResult *result = NULL;
    gint64 started = g_get_monotonic_time();
    GError *failure = NULL;

    if (options->dry_run)
        return cronos_create(config, options, progress, error);
    if (prepare(&run, &failure))
        result = run_all(&run, &failure);
    if (!g_error_matches(failure, CRONOS_ERROR, CRONOS_ERROR_USAGE))
        cronos_metrics_note_create(config, result,
                                   (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC);
    if (failure != NULL)
        g_propagate_error(error, failure);
    g_free(run.name);
    g_strfreev(run.environment);
    return result;
}
