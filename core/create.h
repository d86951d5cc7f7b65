/* SPDX-License-Identifier: MIT
 * create.h - making a backup */
#pragma once
#include "core/config.h"
#include "core/progress.h"

#include <json-glib/json-glib.h>

typedef struct {
    const char *name; /* as typed, normalized here; NULL: that of the root */
    const char *type; /* NULL: manual */
    const char *root; /* absolute; NULL: the configured one */
    const char *const *include,
        *const *exclude;     /* NULL-terminated or NULL; exclude adds to the configured ones */
    gboolean typed_patterns; /* both are somebody's words: cronos_pattern_from_typed; what include
                                names must be there */
    gboolean no_default_excludes; /* leaves out backup.exclude_patterns */
    JsonObject *metadata;         /* nullable: the user's keys */
    int level;                    /* -1: as configured */
    guint threads;                /* 0: one per processor */
    gboolean name_excluded;       /* the result names what the patterns leave out */
    gboolean full;                /* no reuse of the earlier backup's members */
    gboolean if_changed;          /* makes nothing where the newest backup of the root holds all;
                                     type auto: where that is not due, as configured */
    gboolean dry_run;             /* walks and counts, writes nothing */
    gboolean with_caches;         /* takes in what backup.exclude_caches leaves out */
    gboolean no_retention; /* a restore point must not push out the backup about to be restored */
} CronosCreateOptions;

typedef struct {
    char *path;         /* absolute path of the archive; NULL in a dry run */
    char *file_name;    /* its last component; in a dry run the name it would have got */
    char *declined;     /* why nothing was made (if_changed): "2 files have changed since ..., fewer
                           than 5"; path and file_name are NULL then, unless unchanged; else NULL */
    gboolean unchanged; /* nothing has changed: both are those of the backup that holds the same
                           already, also in a dry run */
    gint64 walked_ns;   /* when the walk began, in nanoseconds since the epoch: never pinned */
    guint64 files, directories, symlinks;
    guint64 bytes;                        /* decoded */
    guint64 archive_bytes;                /* size of the archive */
    guint64 reused_members, reused_bytes; /* taken over from the earlier backup */
    guint64 skipped;                      /* sockets, FIFOs, devices */
    guint64 excluded;                     /* by patterns; a folder and all below it are one */
    guint64 mounts;                       /* of cronosfs, left out */
    GPtrArray *unreadable; /* of char *, "PATH: reason": the backup is made, or none is due all the
                              same; exit status 3 */
    GPtrArray *damaged;    /* of char *, "ARCHIVE: PATH: reason": members of the earlier backup that
                              could not be taken over for damage; they were compressed afresh */
    GPtrArray *excluded_paths; /* of char *: what "excluded" counts, where asked for; else empty */
    GPtrArray *unmatched;      /* of char *: patterns to include, where typed, that match nothing */
    GPtrArray *removed;        /* of char *: file names that retention removed afterwards */
    char *hook_error; /* what became of hooks.after_create, where that failed; else NULL. Set by
                         cronos_backup_run alone. */
} CronosCreateResult;

/* Checks what can be found wrong without a look at the tree. Returns: (owned) the name that the
 * backup will have, normalized; or NULL with @error USAGE. */
char *cronos_create_check(const CronosConfig *config, const CronosCreateOptions *options,
                          GError **error);
/* Returns: (owned) what cronos_create would answer where it makes no backup (if_changed); NULL
 * where it makes one, or fails. */
CronosCreateResult *cronos_create_find_declined(const CronosConfig *config,
                                                const CronosCreateOptions *options,
                                                const CronosProgress *progress);
/* @progress: nullable. Returns: (owned), or NULL with @error; nothing is left behind then. */
CronosCreateResult *cronos_create(const CronosConfig *config, const CronosCreateOptions *options,
                                  const CronosProgress *progress, GError **error);
void cronos_create_result_free(CronosCreateResult *result); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosCreateResult, cronos_create_result_free)
