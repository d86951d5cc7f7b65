/* SPDX-License-Identifier: MIT
 * restore-place.h - a new place for restored files: complete, or not there
 *
 * Files are unpacked into a hidden folder (restore-hidden.h) beside the place, which is renamed
 * when everything is in it. Where the place is an empty folder that can not be replaced (a mount
 * point, the current directory, a parent that may not be written), the hidden folder is made inside
 * of it, and what it holds is moved up at the end: who is killed in that very moment leaves both,
 * which the next restore refuses as a place that is not empty. */
#pragma once
#include "core/catalog.h"
#include "core/config.h"
#include "core/restore-hidden.h"

#include <sys/stat.h>

typedef struct {
    char *target; /* absolute */
    char *parent; /* of the target */
    gboolean exists;
    struct stat status; /* of the target, if it exists */
    GPtrArray *made;    /* of char *: parents made for it */
    int above_fd;       /* the directory that the hidden folder is in */
    gboolean inside;    /* that directory is the target itself */
    gboolean left_over; /* a killed restore has left something for this place */
    gboolean left_inside;
    CronosHiddenName hidden_name;
    char *hidden;     /* NULL: none made yet */
    gboolean resumed; /* there may be something in it: of the same restore, killed */
    int fd;           /* of the hidden folder; -1 */
} CronosRestorePlace;

/* Finds the place; makes nothing. @to: nullable: the default place, in @directory, or where that is
 * NULL, too, in <backup dir>/restores. @restore: what tells this
 * restore from others (restore-hidden.h). Returns: (owned), or NULL with @error NOT_EMPTY or a
 * system error. */
CronosRestorePlace *cronos_restore_place_find(const CronosConfig *config,
                                              const CronosBackup *backup, const char *to,
                                              const char *directory, const char *restore,
                                              GError **error);
/* Returns: bytes that may be written on the target's file system, or G_MAXUINT64 where unknown. */
guint64 cronos_restore_place_free_bytes(const CronosRestorePlace *place);
/* Makes the hidden folder (and missing parents), or takes over what a killed run of the same
 * restore left (not if @anew). Returns: (borrowed) its descriptor, or -1 with @error. Fault points:
 * restore-before-place, restore-after-place. */
int cronos_restore_place_open(CronosRestorePlace *place, gboolean anew, GError **error);
/* Gives the hidden folder its name. @mode: for a folder that was not there before, which keeps the
 * setgid bit it has inherited. Fault points: restore-before-rename, restore-after-rename. Returns:
 * FALSE with @error NOT_EMPTY when something took the place meanwhile, or a system error. */
gboolean cronos_restore_place_publish(CronosRestorePlace *place, mode_t mode, GError **error);
/* Removes what was not published, and frees. NULL: no-op. */
void cronos_restore_place_free(CronosRestorePlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosRestorePlace, cronos_restore_place_free)

/* Returns: (owned) @path made absolute by the kernel's rules; its last component need not exist.
 * NULL with @error. @out_exists: whether it exists. */
char *cronos_restore_absolute_path(const char *path, gboolean *out_exists, GError **error);
/* Makes @path and its missing parents. @made: (nullable) takes what was made, outermost first. */
gboolean cronos_restore_make_parents(const char *path, GPtrArray *made, GError **error);
