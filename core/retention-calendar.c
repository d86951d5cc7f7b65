/* SPDX-License-Identifier: MIT
 * retention-calendar.c - days, weeks and months of timestamps */
#include "core/retention-calendar.h"

#include <stdlib.h>

#define DAYS_PER_WEEK 7

static const char *const words[CRONOS_PERIOD_COUNT] = {"daily", "weekly", "monthly"};

void cronos_retention_calendar_clear(CronosRetentionCalendar *calendar)
{
    for (int period = 0; period < CRONOS_PERIOD_COUNT; period++)
        g_clear_pointer(&calendar->last[period], g_free);
}

/* An ISO week belongs to the year that its Thursday is in. */
static char *format_week(GDate date)
{
    int late = (int)g_date_get_weekday(&date) - G_DATE_THURSDAY;

    if (late > 0)
        g_date_subtract_days(&date, (guint)late);
    else
        g_date_add_days(&date, (guint)-late);
    return g_strdup_printf("%04u-W%02u", (guint)g_date_get_year(&date),
                           (g_date_get_day_of_year(&date) - 1) / DAYS_PER_WEEK + 1);
}

/* Returns: (owned) "2025-04-03", "2025-W14" or "2025-04". */
static char *format_period(CronosPeriod period, const char *timestamp)
{
    int number = atoi(timestamp); /* the eight digits before the underscore */
    GDate date;

    if (period == CRONOS_PERIOD_DAY)
        return g_strdup_printf("%.4s-%.2s-%.2s", timestamp, timestamp + 4, timestamp + 6);
    if (period == CRONOS_PERIOD_MONTH)
        return g_strdup_printf("%.4s-%.2s", timestamp, timestamp + 4);
    g_date_clear(&date, 1);
    g_date_set_dmy(&date, (GDateDay)(number % 100), (GDateMonth)(number / 100 % 100),
                   (GDateYear)(number / 10000));
    return format_week(date);
}

/* Returns: whether the backup is the newest of a period that still counts. */
static gboolean take_period(CronosRetentionCalendar *calendar, CronosPeriod period,
                            const char *timestamp)
{
    if (calendar->left[period] <= 0)
        return FALSE;

    g_autofree char *label = format_period(period, timestamp);
    if (g_strcmp0(label, calendar->last[period]) == 0)
        return FALSE;
    g_free(calendar->last[period]);
    calendar->last[period] = g_steal_pointer(&label);
    calendar->left[period]--;
    return TRUE;
}

char *cronos_retention_calendar_keep(CronosRetentionCalendar *calendar, const char *timestamp)
{
    g_autoptr(GString) rules = g_string_new(NULL);

    for (int period = 0; period < CRONOS_PERIOD_COUNT; period++)
        if (take_period(calendar, (CronosPeriod)period, timestamp))
            g_string_append_printf(rules, "%s%s %s", rules->len > 0 ? ", " : "", words[period],
                                   calendar->last[period]);
    return rules->len > 0 ? g_string_free(g_steal_pointer(&rules), FALSE) : NULL;
}
