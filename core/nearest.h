/* SPDX-License-Identifier: MIT
 * nearest.h - which known word did the user mean */
#pragma once
#include <glib.h>

/* Returns: the least number of bytes to insert, remove, replace or swap with their neighbour that
 * turns @a into @b; G_MAXUINT where one of them is longer than 255 bytes. */
guint cronos_nearest_distance(const char *a, const char *b);
/* Returns: whether @distance is small enough, for a word like @typed, to be a slip of the keys. */
gboolean cronos_nearest_is_close(const char *typed, guint distance);
