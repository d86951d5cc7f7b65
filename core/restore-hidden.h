/* SPDX-License-Identifier: MIT
 * restore-hidden.h - the hidden folder that a new place is unpacked in, and what became of earlier
 * ones
 *
 * Its name, ".cronos-restore-PLACE-RESTORE", says by two hashes for which place it is and of which
 * restore; whoever works in it holds a lock on it (flock), which goes with the process, also when
 * it is killed. So the next restore to that place finds what a killed one left: the same restore
 * goes on from there, any other one removes it; in the default place, so does a clean. Only folders
 * of the caller's own, closed to others, are looked into. */
#pragma once
#include <glib.h>

typedef struct {
    char *prefix; /* of all hidden folders for one place */
    char *name;   /* of the one for this very restore */
} CronosHiddenName;

/* @place: what tells the place from others beside it; @restore: what tells the restore from others:
 * all that decides which members it brings back. */
void cronos_hidden_name_init(CronosHiddenName *name, const char *place, const char *restore);
void cronos_hidden_name_clear(CronosHiddenName *name);

/* Returns: whether @file_name is a hidden folder for the place, of whatever restore. */
gboolean cronos_hidden_name_matches(const CronosHiddenName *name, const char *file_name);

/* Takes over what a killed run of the same restore left in the directory @above_fd (unless @anew:
 * it is removed then, too), or makes a new folder; removes what other dead ones left.
 * @out_name: (owned). @out_resumed: whether there may be something in it.
 * Returns: (owned) the folder's descriptor, which holds the lock; or -1 with errno: EWOULDBLOCK
 * where another restore to that place is at work. Fault points: restore-before-place,
 * restore-after-place. */
int cronos_hidden_open(int above_fd, const CronosHiddenName *name, gboolean anew, char **out_name,
                       gboolean *out_resumed);

/* Removes, and logs, what dead restores to any place left in the directory @above_fd; that of those
 * that are at work stays, and what can not be removed. */
void cronos_hidden_clear_all(int above_fd);
