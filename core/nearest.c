/* SPDX-License-Identifier: MIT
 * nearest.c - edit distance (optimal string alignment), on bytes, in bounded time */
#include "core/nearest.h"

#include <string.h>

#define WORD_MAX 255u

guint cronos_nearest_distance(const char *a, const char *b)
{
    gsize a_length = strnlen(a, WORD_MAX + 1), b_length = strnlen(b, WORD_MAX + 1);
    guint16 rows[3][WORD_MAX + 1];
    guint16 *before = rows[0], *previous = rows[1], *current = rows[2];

    if (a_length > WORD_MAX || b_length > WORD_MAX)
        return G_MAXUINT;
    for (gsize j = 0; j <= b_length; j++)
        before[j] = previous[j] = (guint16)j;
    for (gsize i = 1; i <= a_length; i++) {
        current[0] = (guint16)i;
        for (gsize j = 1; j <= b_length; j++) {
            guint replace = previous[j - 1] + (a[i - 1] != b[j - 1]);
            guint best = MIN(replace, MIN(previous[j], current[j - 1]) + 1u);

            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = MIN(best, before[j - 2] + 1u);
            current[j] = (guint16)best;
        }

        guint16 *oldest = before;
        before = previous;
        previous = current;
        current = oldest;
    }
    return previous[b_length];
}

gboolean cronos_nearest_is_close(const char *typed, guint distance)
{
    gsize length = strlen(typed);

    return distance <= MAX(1, MIN(length / 3, 8));
}
