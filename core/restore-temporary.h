/* SPDX-License-Identifier: MIT
 * restore-temporary.h - names of what a restore has in a project only while it works
 *
 *   .cronos-restore-XXXXXXXX-YYYYYYYYYYYYYYYY    lower-case hexadecimal digits
 *
 * Hidden folders (restore-hidden.h) and the files that are renamed over others are called so, and
 * nothing of that name is ever backed up, compared or deleted as a file of the user's. Of a file, X
 * says in which host and process namespace it was made, and Y by which process: where that no
 * longer runs, it was killed, and the file is nobody's. Threads: all safe. */
#pragma once
#include <glib.h>

#define CRONOS_RESTORE_TEMPORARY_PREFIX ".cronos-restore-"
#define CRONOS_RESTORE_TEMPORARY_FIRST_DIGITS 8
#define CRONOS_RESTORE_TEMPORARY_SECOND_DIGITS 16
#define CRONOS_RESTORE_TEMPORARY_NAME_BYTES 48

/* Returns: whether @name is of that form. */
gboolean cronos_restore_temporary_is_name(const char *name);
/* Makes a name for a file, another one each time. */
void cronos_restore_temporary_make_name(char name[CRONOS_RESTORE_TEMPORARY_NAME_BYTES]);
/* Removes the files of the folder @fd (borrowed) that processes of this host which no longer run
 * left there, but for those that @is_wanted tells of. What can not be removed stays. */
void cronos_restore_temporary_clear(int fd,
                                    gboolean (*is_wanted)(const char *name, gpointer user_data),
                                    gpointer user_data);
