/* SPDX-License-Identifier: MIT
 * retention.c - which backups go, and why the others stay
 *
 * The rules that keep are a union: a backup goes when it is beyond a limit and none of them names
 * it, and each counts for itself. So a backup that is kept although it is beyond max_backups pushes
 * out no newer one in its place, and one that two rules keep is no reason to keep another. What is
 * known to be damaged takes no place among the newest, nor that of a day, week or month, so that no
 * whole backup goes for it; it goes itself as a backup in its place would by age and number. A dry
 * run and a real one share the plan, so that what is announced is what happens. */
#include "core/retention.h"

#include "core/error.h"
#include "core/look.h"
#include "core/retention-calendar.h"

#include <errno.h>

#define SECONDS_PER_DAY G_GINT64_CONSTANT(86400)

typedef struct {
    int retention_days, max_backups, keep_minimum;
    gint64 oldest_kept; /* by age; seconds since the epoch */
} Limits;

CronosRetentionOptions cronos_retention_as_configured(gint64 now)
{
    return (CronosRetentionOptions){
        .retention_days = -1,
        .max_backups = -1,
        .keep_minimum = -1,
        .keep_daily = -1,
        .keep_weekly = -1,
        .keep_monthly = -1,
        .now = now,
    };
}

static int limit(const CronosConfig *config, int option, CronosConfigKey key)
{
    return option >= 0 ? option : cronos_config_int(config, key);
}

static Limits effective_limits(const CronosConfig *config, const CronosRetentionOptions *options)
{
    Limits limits = {
        .retention_days =
            limit(config, options->retention_days, CRONOS_CONFIG_BACKUP_RETENTION_DAYS),
        .max_backups = limit(config, options->max_backups, CRONOS_CONFIG_BACKUP_MAX_BACKUPS),
        .keep_minimum = limit(config, options->keep_minimum, CRONOS_CONFIG_BACKUP_KEEP_MINIMUM),
    };

    limits.oldest_kept = options->now - limits.retention_days * SECONDS_PER_DAY;
    return limits;
}

static CronosRetentionCalendar effective_calendar(const CronosConfig *config,
                                                  const CronosRetentionOptions *options)
{
    return (CronosRetentionCalendar){
        .left =
            {
                limit(config, options->keep_daily, CRONOS_CONFIG_BACKUP_KEEP_DAILY),
                limit(config, options->keep_weekly, CRONOS_CONFIG_BACKUP_KEEP_WEEKLY),
                limit(config, options->keep_monthly, CRONOS_CONFIG_BACKUP_KEEP_MONTHLY),
            },
    };
}

static char *format_days(const char *than, int days)
{
    return g_strdup_printf("%s than %d %s", than, days, days == 1 ? "day" : "days");
}

static char *format_newest(int count)
{
    return count == 1 ? g_strdup("newest") : g_strdup_printf("among the %d newest", count);
}

/* Returns: (owned) the limit that the backup is beyond, or NULL.
 * @position: how many whole ones are newer; it counts each, by whatever rule it is kept. */
static char *limit_exceeded(const Limits *limits, const CronosBackup *backup, guint position)
{
    if (limits->retention_days > 0 && backup->parsed.created < limits->oldest_kept)
        return format_days("older", limits->retention_days);
    if (limits->max_backups == 0 || position < (guint)limits->max_backups)
        return NULL;
    return limits->max_backups == 1 ? g_strdup("beyond the newest")
                                    : g_strdup_printf("beyond the %d newest", limits->max_backups);
}

/* Returns: (owned) how a backup is said to be kept that is beyond no limit. */
static char *limit_kept(const Limits *limits)
{
    if (limits->retention_days > 0)
        return format_days("younger", limits->retention_days);
    return limits->max_backups > 0 ? format_newest(limits->max_backups) : g_strdup("no limit");
}

/* What the calendar says is asked for of every backup that counts.
 * Returns: (owned) the rule. @out_remove: whether it is one that removes. */
static char *choose_rule(const Limits *limits, CronosRetentionCalendar *calendar,
                         const CronosBackup *backup, guint position, const char *protect,
                         gboolean *out_remove)
{
    g_autofree char *exceeded = limit_exceeded(limits, backup, position);
    g_autofree char *kept =
        backup->damaged ? NULL : cronos_retention_calendar_keep(calendar, backup->parsed.timestamp);

    *out_remove = FALSE;
    if (backup->pinned)
        return g_strdup("pinned");
    if (exceeded == NULL)
        return limit_kept(limits);
    if (g_strcmp0(backup->file_name, protect) == 0)
        return g_strdup("in use by this run");
    if (position < (guint)limits->keep_minimum)
        return format_newest(limits->keep_minimum);
    if (kept != NULL)
        return g_steal_pointer(&kept);
    *out_remove = TRUE;
    return g_steal_pointer(&exceeded);
}

static CronosRetentionVerdict *judge(const Limits *limits, CronosRetentionCalendar *calendar,
                                     const CronosBackup *backup, guint position,
                                     const char *protect)
{
    CronosRetentionVerdict *verdict = g_new0(CronosRetentionVerdict, 1);
    g_autofree char *rule =
        choose_rule(limits, calendar, backup, position, protect, &verdict->remove);

    verdict->backup = backup;
    verdict->rule = g_strconcat(rule, backup->damaged ? " (damaged, not counted)" : NULL, NULL);
    return verdict;
}

static void verdict_free(gpointer data)
{
    CronosRetentionVerdict *verdict = data;

    g_free(verdict->rule);
    g_free(verdict);
}

GPtrArray *cronos_retention_plan(const CronosConfig *config, const CronosCatalog *catalog,
                                 const CronosRetentionOptions *options)
{
    const GPtrArray *entries = cronos_catalog_entries(catalog);
    Limits limits = effective_limits(config, options);
    g_auto(CronosRetentionCalendar) calendar = effective_calendar(config, options);
    GPtrArray *verdicts = g_ptr_array_new_with_free_func(verdict_free);
    guint whole = 0;

    for (guint i = 0; i < entries->len; i++) {
        const CronosBackup *backup = g_ptr_array_index(entries, i);

        if (backup->foreign)
            continue;
        g_ptr_array_add(verdicts, judge(&limits, &calendar, backup, whole, options->protect));
        whole += !backup->damaged;
    }
    return verdicts;
}

static gboolean removes_any(const GPtrArray *verdicts)
{
    for (guint i = 0; i < verdicts->len; i++)
        if (((const CronosRetentionVerdict *)g_ptr_array_index(verdicts, i))->remove)
            return TRUE;
    return FALSE;
}

/* Damage is looked for only where something would go if there were none: to take places away from
 * backups removes no whole one. */
static GPtrArray *plan_with_care(const CronosConfig *config, const CronosCatalog *catalog,
                                 int directory_fd, const CronosRetentionOptions *options)
{
    g_autoptr(GPtrArray) verdicts = cronos_retention_plan(config, catalog, options);

    if (!removes_any(verdicts))
        return g_steal_pointer(&verdicts);
    cronos_look_at_tails(catalog, directory_fd);
    return cronos_retention_plan(config, catalog, options);
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

    g_autoptr(GPtrArray) verdicts =
        plan_with_care(config, catalog, cronos_backup_directory_fd(directory), options);

    for (guint i = verdicts->len; !dry_run && i > 0; i--) {
        const CronosRetentionVerdict *verdict = g_ptr_array_index(verdicts, i - 1);

        if (verdict->remove && !remove_backup(directory, verdict, error))
            return NULL;
    }
    *out_catalog = g_steal_pointer(&catalog);
    return g_steal_pointer(&verdicts);
}
