/* SPDX-License-Identifier: MIT
 * retention.c - which backups go, and why the others stay
 *
 * A dry run and a real one share the plan, so that what is announced is what happens. */
#include "core/retention.h"

#include "core/error.h"

#include <errno.h>
#include <string.h>

#define SECONDS_PER_DAY G_GINT64_CONSTANT(86400)

#define RULE_PINNED "pinned"
#define RULE_WITHIN "within limits"
#define RULE_MINIMUM "keep_minimum"
#define RULE_PROTECTED "in use by this run"
#define RULE_AGE "older than retention_days"
#define RULE_NUMBER "beyond max_backups"

typedef struct {
    int retention_days, max_backups, keep_minimum;
} Limits;

static int limit(const CronosConfig *config, int option, CronosConfigKey key)
{
    return option >= 0 ? option : cronos_config_int(config, key);
}

static Limits effective_limits(const CronosConfig *config, const CronosRetentionOptions *options)
{
    return (Limits){
        .retention_days =
            limit(config, options->retention_days, CRONOS_CONFIG_BACKUP_RETENTION_DAYS),
        .max_backups = limit(config, options->max_backups, CRONOS_CONFIG_BACKUP_MAX_BACKUPS),
        .keep_minimum = limit(config, options->keep_minimum, CRONOS_CONFIG_BACKUP_KEEP_MINIMUM),
    };
}

/* Marks @verdict for removal by @rule unless something keeps it. */
static void remove_unless_kept(CronosRetentionVerdict *verdict, const char *rule,
                               gboolean is_minimum, const char *protect)
{
    if (verdict->backup->pinned)
        verdict->rule = RULE_PINNED;
    else if (is_minimum)
        verdict->rule = RULE_MINIMUM;
    else if (g_strcmp0(verdict->backup->file_name, protect) == 0)
        verdict->rule = RULE_PROTECTED;
    else
        verdict->rule = rule;
    verdict->remove = verdict->rule == rule;
}

static GPtrArray *verdicts_of_all(const CronosCatalog *catalog)
{
    const GPtrArray *entries = cronos_catalog_entries(catalog);
    GPtrArray *verdicts = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < entries->len; i++) {
        const CronosBackup *backup = g_ptr_array_index(entries, i);

        if (backup->foreign)
            continue;
        CronosRetentionVerdict *verdict = g_new0(CronosRetentionVerdict, 1);
        verdict->backup = backup;
        verdict->rule = backup->pinned ? RULE_PINNED : RULE_WITHIN;
        g_ptr_array_add(verdicts, verdict);
    }
    return verdicts;
}

/* A backup that is kept although it is beyond max_backups pushes out no newer one in its place. */
GPtrArray *cronos_retention_plan(const CronosConfig *config, const CronosCatalog *catalog,
                                 const CronosRetentionOptions *options)
{
    Limits limits = effective_limits(config, options);
    gint64 oldest_kept = options->now - limits.retention_days * SECONDS_PER_DAY;
    GPtrArray *verdicts = verdicts_of_all(catalog);
    guint remaining = 0;

    for (guint i = 0; i < verdicts->len; i++) {
        CronosRetentionVerdict *verdict = g_ptr_array_index(verdicts, i);
        gboolean is_minimum = i < (guint)limits.keep_minimum;

        if (limits.retention_days > 0 && verdict->backup->parsed.created < oldest_kept)
            remove_unless_kept(verdict, RULE_AGE, is_minimum, options->protect);
        if (!verdict->remove && ++remaining > (guint)limits.max_backups && limits.max_backups > 0)
            remove_unless_kept(verdict, RULE_NUMBER, is_minimum, options->protect);
    }
    return verdicts;
}

static gboolean remove_backup(CronosBackupDirectory *directory,
                              const CronosRetentionVerdict *verdict, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (cronos_backup_directory_remove(directory, verdict->backup->file_name, verdict->rule,
                                       &local))
        return TRUE;
    /* Somebody removed it by hand meanwhile: what was wanted is so. */
    if (g_error_matches(local, CRONOS_SYSTEM_ERROR, ENOENT))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

GPtrArray *cronos_retention_apply(const CronosConfig *config, CronosBackupDirectory *directory,
                                  const CronosRetentionOptions *options, gboolean dry_run,
                                  CronosCatalog **out_catalog, GError **error)
{
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read_at(
        cronos_backup_directory_fd(directory), ".", cronos_backup_directory_path(directory), error);
    if (catalog == NULL)
        return NULL;

    g_autoptr(GPtrArray) verdicts = cronos_retention_plan(config, catalog, options);

    for (guint i = verdicts->len; !dry_run && i > 0; i--) {
        const CronosRetentionVerdict *verdict = g_ptr_array_index(verdicts, i - 1);

        if (verdict->remove && !remove_backup(directory, verdict, error))
            return NULL;
    }
    *out_catalog = g_steal_pointer(&catalog);
    return g_steal_pointer(&verdicts);
}
