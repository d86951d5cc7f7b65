/* SPDX-License-Identifier: MIT
 * test-moment.c - points in time as people type them */
#include "core/error.h"
#include "core/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NOW G_GINT64_CONSTANT(1743667200) /* 2025-04-03 10:00:00 in Berlin */

static void expect(const char *text, gboolean last, gint64 seconds)
{
    g_autoptr(GError) error = NULL;
    gint64 parsed = 0;

    if (!cronos_moment_parse(text, NOW, last, &parsed, &error))
        fail_msg("%s", error->message);
    if (parsed != seconds)
        fail_msg("%s: %" G_GINT64_FORMAT " and not %" G_GINT64_FORMAT, text, parsed, seconds);
}

static void test_times(void **state)
{
    expect("20250403_100000", FALSE, NOW);
    expect("20250403_100000", TRUE, NOW);
    expect("20250403_095959", FALSE, NOW - 1);
}

static void test_days(void **state)
{
    expect("2025-04-03", FALSE, NOW - 10 * 3600);
    expect("2025-04-03", TRUE, NOW + 14 * 3600 - 1);
    expect("2024-02-29", FALSE, 1709161200);
    /* 23 and 25 hours */
    expect("2025-03-30", FALSE, 1743289200);
    expect("2025-03-30", TRUE, 1743289200 + 23 * 3600 - 1);
    expect("2025-10-26", FALSE, 1761429600);
    expect("2025-10-26", TRUE, 1761429600 + 25 * 3600 - 1);
}

static void test_ages(void **state)
{
    expect("0s", FALSE, NOW);
    expect("90s", TRUE, NOW - 90);
    expect("5m", FALSE, NOW - 300);
    expect("12h", FALSE, NOW - 12 * 3600);
    expect("7d", FALSE, NOW - 7 * 86400);
    expect("2w", FALSE, NOW - 14 * 86400);
    expect("2147483647w", FALSE, NOW - G_MAXINT32 * G_GINT64_CONSTANT(604800));
}

static void test_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "7",
                                        "d",
                                        "7y",
                                        "7 d",
                                        "-7d",
                                        "+7d",
                                        "7dd",
                                        "0x7d",
                                        "1.5h",
                                        "2147483648s",
                                        "yesterday",
                                        "2025-02-29",
                                        "2025-13-01",
                                        "2025-4-3",
                                        "2025/04/03",
                                        "20250403",
                                        "20250403_240000",
                                        "20250403_100000Z",
                                        "2025-04-03 "};

    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        gint64 parsed;

        if (cronos_moment_parse(wrong[i], NOW, FALSE, &parsed, &error))
            fail_msg("taken: \"%s\"", wrong[i]);
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_refused),
    };

    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    return cmocka_run_group_tests_name("moment", tests, NULL, NULL);
}
