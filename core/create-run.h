/* SPDX-License-Identifier: MIT
 * create-run.h - what one call of cronos_create works with
 *
 *   create-run        from options and configuration to names, patterns and what the walk is asked
 *   create-count      walks the tree for what is in it: the estimate of a progress display, a dry
 *                     run
 *   create-match      patterns that choose nothing
 *   create-metadata   what the archive tells of its backup
 *   create            from there to a published archive
 *
 * Threads: one, but for the estimate's own. */
#pragma once
#include "core/backup-directory.h"
#include "core/create-private.h"

typedef struct {
    const CronosConfig *config;         /* borrowed */
    const CronosCreateOptions *options; /* borrowed */
    GCancellable *cancellable;          /* borrowed, nullable */
    CronosTally tally;
    int level;

    char *name;
    const char *type;
    GPtrArray *typed;             /* (owned) patterns made of options; NULL: the options' own */
    GPtrArray *include, *exclude; /* of const char *, NULL-terminated, borrowed strings */
    GPtrArray *matches;           /* typed patterns to include, still to be matched; NULL: none */
    CronosPatterns *include_patterns, *exclude_patterns;
    const char *skip[2], *skip_files[2]; /* as the walk's options have them */
    CronosScanOptions scan;
    gint64 created, started_ns; /* s; ns */
    gboolean member;            /* the metadata is a member too */

    CronosBackupDirectory *directory;
    CronosReuse *reuse; /* NULL: nothing is taken over */
    int fd;
    char *temporary;
    guint64 free_bytes; /* when it began; G_MAXUINT64: not known */
    gsize reserved_bytes;
    CronosCreateResult *result;
} CreateRun;

/* Fills the rest of @run, which has its configuration and options. @progress: nullable.
 * Returns: FALSE with @error USAGE; create_run_clear is to be called all the same. */
gboolean create_run_prepare(CreateRun *run, const CronosProgress *progress, GError **error);
/* Removes the temporary file, unlocks, and frees what it holds. */
void create_run_clear(CreateRun *run);
const char *create_run_root(const CreateRun *run); /* borrowed */
/* Returns: now, in nanoseconds since 1970, or the moment that SOURCE_DATE_EPOCH pins. */
gint64 create_now_ns(void);

/* Returns: (owned), or NULL with @error: the walk that @run asks for. */
CronosScan *create_run_scan(const CreateRun *run, GError **error);
/* Takes over from a walk at its end what it passed over. */
void create_run_collect(CreateRun *run, CronosScan *scan);
/* Counts what the walk gives, beside or instead of the work. @stop: atomic, nullable. @matches:
 * nullable.
 * Returns: FALSE when stopped or cancelled. */
gboolean create_count(CronosScan *scan, GCancellable *cancellable, gint *stop, GPtrArray *matches,
                      CronosCreateResult *out_counts);

/* Returns: (owned) what remembers which of the patterns @include have matched nothing yet. */
GPtrArray *create_matches_new(const char *const *include);
/* At the walk's end. Returns: FALSE with @error NOT_FOUND where the result holds nothing at all for
 * want of a match. */
gboolean create_matches_finish(const CreateRun *run, GError **error);

/* The estimate a progress display needs: a second walk, which costs little beside compression and
 * finds every inode for the first one. */
typedef struct {
    CronosScan *scan;
    CreateRun *run;
    gint stop; /* atomic */
    GThread *thread;
} CreateEstimate;

/* Begins it in a thread of its own, where somebody listens to the progress. */
void create_estimate_start(CreateEstimate *estimate, CreateRun *run);
void create_estimate_end(CreateEstimate *estimate); /* waits for the thread */

/* Returns: whether the tree has a file of the metadata's name, which then keeps its member. */
gboolean create_root_has_metadata(const CreateRun *run);
/* Has the writer keep room for the metadata, as long as it can get. Returns: FALSE with a system
 * error, or USAGE where it is too large. */
gboolean create_metadata_reserve(CreateRun *run, CronosZipWriter *zip, GError **error);
/* Fills the room with what the run's result tells, and ends the archive with its comment. */
gboolean create_metadata_finish(CreateRun *run, CronosZipWriter *zip, GError **error);
