/* SPDX-License-Identifier: MIT
 * zip-dos-time.c - DOS dates to the epoch, many times over
 *
 * mktime takes a lock and searches the time zone's rules. Most days have 24 hours of one offset
 * from UTC, so each thread keeps when some days began; times of the other days are converted one by
 * one. */
#include "core/zip/zip-header.h"

#include <time.h>

#define SLOTS 256u
#define SECONDS_PER_DAY 86400

typedef struct {
    guint16 date;  /* clamped; 0: empty, since no date has month 0 */
    gboolean even; /* no change of the clock that day */
    gint64 begin;
} Day;

static gint64 convert(guint16 date, guint hour, guint minute, guint second)
{
    struct tm tm = {.tm_year = 80 + (date >> 9),
                    .tm_mon = ((date >> 5) & 15) - 1,
                    .tm_mday = date & 31,
                    .tm_hour = (int)hour,
                    .tm_min = (int)minute,
                    .tm_sec = (int)second,
                    .tm_isdst = -1};

    return (gint64)mktime(&tm);
}

static const Day *look_up_day(guint16 date)
{
    static _Thread_local Day days[SLOTS];
    Day *day = &days[date % SLOTS];

    if (day->date != date) {
        day->begin = convert(date, 0, 0, 0);
        day->even = convert(date, 23, 59, 59) - day->begin == SECONDS_PER_DAY - 1;
        day->date = date;
    }
    return day;
}

static guint16 clamp_date(guint16 date)
{
    static const guint8 month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    guint year = date >> 9, month = CLAMP((date >> 5) & 15u, 1u, 12u);
    /* 2000 is a leap year, 2100 is none. */
    guint leap = month == 2 && year % 4 == 0 && year != 120;
    guint day = CLAMP(date & 31u, 1u, month_days[month - 1] + leap);

    return (guint16)(year << 9 | month << 5 | day);
}

gint64 cronos_zip_dos_time_ns(guint16 date, guint16 time)
{
    guint hour = MIN(time >> 11, 23), minute = MIN((time >> 5) & 63, 59);
    guint second = MIN((time & 31) * 2, 59);
    const Day *day = look_up_day(clamp_date(date));
    gint64 seconds = day->even ? day->begin + hour * 3600 + minute * 60 + second
                               : convert(day->date, hour, minute, second);

    return seconds * G_GINT64_CONSTANT(1000000000);
}
