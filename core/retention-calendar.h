/* SPDX-License-Identifier: MIT
 * retention-calendar.h - the newest backup of each day, week and month (shared inside core)
 *
 * A backup belongs to the day, the ISO 8601 week and the month that its name's timestamp says: that
 * is local time where and when it was made, so that neither a change of clocks nor of the zone
 * moves it. Periods without a backup do not count, and each kind of period counts for itself: the
 * newest backup of a day may be that of its week and month, too. */
#pragma once
#include <glib.h>

typedef enum {
    CRONOS_PERIOD_DAY,
    CRONOS_PERIOD_WEEK,
    CRONOS_PERIOD_MONTH,
    CRONOS_PERIOD_COUNT
} CronosPeriod;

typedef struct {
    int left[CRONOS_PERIOD_COUNT];   /* periods whose newest backup is still to be kept */
    char *last[CRONOS_PERIOD_COUNT]; /* the one counted last */
} CronosRetentionCalendar;

/* Zero but for .left is a calendar that has not seen a backup. */
void cronos_retention_calendar_clear(CronosRetentionCalendar *calendar);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CronosRetentionCalendar, cronos_retention_calendar_clear)

/* To be called for every backup, newest first. @timestamp: "YYYYMMDD_HHMMSS", of a day that is in
 * the calendar. Returns: (owned) the rules that keep it, as in "daily 2025-04-03, weekly 2025-W14,
 * monthly 2025-04", or NULL where none does. */
char *cronos_retention_calendar_keep(CronosRetentionCalendar *calendar, const char *timestamp);
