/* SPDX-License-Identifier: MIT
 * restore-place.h - a new place for restored files: complete, or not there
 *
 * Files are unpacked into a hidden folder ".cronos-restore-XXXXXXXX" beside the place, which is
 * renamed when everything is in it. Where the place is an empty folder that can not be replaced (a
 * mount point, the current directory, a parent that may not be written), the hidden folder is made
 * inside of it, and what it holds is moved up at the end. */
#pragma once
#include "core/catalog.h"
#include "core/config.h"

#include <sys/stat.h>

typedef struct {
    char *target; /* absolute */
    char *parent; /* of the target */
    gboolean exists;
    struct stat status; /* of the target, if it exists */
    GPtrArray *made;    /* of char *: parents made for it */
    int above_fd;       /* the directory that the hidden folder is in */
    gboolean inside;    /* that directory is the target itself */
    char *hidden;       /* NULL: none made yet */
    int fd;             /* of the hidden folder; -1 */
} CronosRestorePlace;

/* Finds the place; makes nothing. @to: nullable: the default place. Returns: (owned), or NULL with
 * @error NOT_EMPTY or a system error. */
CronosRestorePlace *cronos_restore_place_find(const CronosConfig *config,
                                              const CronosBackup *backup, const char *to,
                                              GError **error);
/* Returns: bytes that may be written on the target's file system, or G_MAXUINT64 where unknown. */
guint64 cronos_restore_place_free_bytes(const CronosRestorePlace *place);
/* Makes the hidden folder (and missing parents). Returns: (borrowed) its descriptor, or -1 with
 * @error. */
int cronos_restore_place_open(CronosRestorePlace *place, GError **error);
/* Gives the hidden folder its name. @umask: for a folder that was not there before. Fault points:
 * restore-before-rename, restore-after-rename. Returns: FALSE with @error NOT_EMPTY when something
 * took the place meanwhile, or a system error. */
gboolean cronos_restore_place_publish(CronosRestorePlace *place, mode_t umask, GError **error);
/* Removes what was not published, and frees. NULL: no-op. */
void cronos_restore_place_free(CronosRestorePlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosRestorePlace, cronos_restore_place_free)

/* Returns: (owned) @path made absolute by the kernel's rules; its last component need not exist.
 * NULL with @error. @out_exists: whether it exists. */
char *cronos_restore_absolute_path(const char *path, gboolean *out_exists, GError **error);
/* Makes @path and its missing parents. @made: (nullable) takes what was made, outermost first. */
gboolean cronos_restore_make_parents(const char *path, GPtrArray *made, GError **error);
