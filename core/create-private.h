/* SPDX-License-Identifier: MIT
 * create-private.h - the parts of create, and what passes between them
 *
 *   walker thread      core/scan gives the members in order; small ones are gathered into batches,
 *   (create-pipeline)  large files become segments; each is a job in a ring of fixed length
 *   worker threads     read and compress jobs, in any order; a job holds the bytes as they will lie
 *   (create-member, -large)  in the archive
 *   the caller         takes the jobs in the walk's order and hands them to the ZIP writer
 *   (create-write)
 *
 * What a member's bytes are depends on the file and the level alone, never on how members were
 * gathered or who compressed them: archives are the same whatever the number of threads.  Memory:
 * the ring's length times a job's size, whatever the files' sizes. */
#pragma once
#include "core/backup-name.h"
#include "core/create.h"
#include "core/progress-tally.h"
#include "core/reuse.h"
#include "core/scan.h"
#include "core/zip/deflate.h"
#include "core/zip/sozip.h"
#include "core/zip/zip-writer.h"

#include <pthread.h>
#include <sys/stat.h>

/* Files up to this size are read and compressed whole, as one deflate stream; larger ones are cut
 * into chunks with a SOZip index, and shared among workers by segments of this size. */
#define CREATE_WHOLE_BYTES ((gsize)1 << 20)

/* One member of a batch. */
typedef struct {
    gsize path_offset, path_length; /* in the job's paths, NUL-terminated there */
    CronosMemberInfo info;          /* as walked; once read, as it was when opened */
    guint16 method;
    guint32 crc32;
    gsize stored_offset, stored_bytes; /* in the job's out */
    gboolean left_out;                 /* not to be stored; problem says why */
    gboolean reused;                   /* the bytes are those of the earlier backup */
    char *damage;                      /* owned, nullable: why they could not be */
    gboolean oversized; /* too large to be read whole since the walk: no bytes here */
    char *problem;      /* owned, nullable: "PATH: reason" */
} CreateItem;

/* A file that is compressed by segments, open; or a member that is taken over by segments.
 * Reference-counted, atomically. */
typedef struct {
    gint references;
    int fd;                   /* -1: taken over */
    CronosReuseLarge *source; /* (owned) what is taken over; NULL: the file is read */
    char *damage;             /* owned, nullable: why the earlier backup's member could not be */
    char *path;
    gsize path_length;
    struct stat before; /* when it was opened: what is stored */
    CronosMemberInfo info;
    guint16 method;
    guint32 chunk_size;
    guint64 chunk_count;
    gboolean fresh; /* its times need not tell of changes while it is read */
    gboolean sparse;
    gboolean drop_cache; /* it was not cached before, and is not to be afterwards */
    gint failed;         /* atomic: its remaining segments are not worth reading */
} CreateLarge;

typedef struct {
    guint32 size, stored_bytes, crc32;
} CreateChunk;

/* A batch of members, or a run of chunks of one large file. Reused slot by slot of the ring: arrays
 * keep their room. */
typedef struct {
    GArray *items; /* of CreateItem */
    GByteArray *paths;
    GByteArray *out; /* bytes as they will lie in the archive */
    guint64 expected_bytes;

    CreateLarge *large; /* NULL: a batch */
    guint64 first_chunk;
    guint64 end_chunk;
    GArray *chunks; /* of CreateChunk */
    GError *error;  /* of reading the segment */

    gboolean finished; /* under the pipeline's mutex */
} CreateJob;

void create_job_init(CreateJob *job);
void create_job_clear(CreateJob *job); /* frees what it holds */
void create_job_reset(CreateJob *job); /* empties it for its next use */
const char *create_item_path(const CreateJob *job, const CreateItem *item); /* borrowed */
/* Adds @item, whose path and info are copied. */
void create_job_add(CreateJob *job, const CronosScanItem *item);

/* What a thread needs to read and compress. */
typedef struct {
    int root_fd; /* borrowed */
    int level;
    CronosDeflater *deflater;
    CronosDeflater *prober; /* fastest level: does it shrink at all? */
    guint8 *in;
    gsize in_room;
    GByteArray *probe_out;
    GByteArray *zero_stored; /* a whole chunk of zeros, compressed, not final */
    guint32 zero_crc32, zero_size;
    const CronosReuse *reuse;  /* borrowed; NULL: nothing is taken over */
    CronosReuseReader *reader; /* NULL likewise */
} CreateWorker;

void create_worker_init(CreateWorker *worker, int root_fd, int level);
/* Has the worker take over what it can from @reuse (borrowed, nullable). */
void create_worker_set_reuse(CreateWorker *worker, const CronosReuse *reuse);
void create_worker_clear(CreateWorker *worker);
/* Returns: the input buffer, at least @size bytes (borrowed, until the next call). */
guint8 *create_worker_room(CreateWorker *worker, gsize size);
/* Returns: whether @size bytes shrink enough to be worth compressing. */
gboolean create_worker_shrinks(CreateWorker *worker, const guint8 *bytes, gsize size);

/* Reads and compresses every item of a batch. @cancelled: polled. Per-file failures are recorded in
 * the items. */
void create_batch_run(CreateWorker *worker, CreateJob *job, GCancellable *cancelled);
/* Returns: whether the file is, by what stat tells, what it was. */
gboolean create_same_file(const struct stat *before, const struct stat *after);
/* Returns: whether a file that is @info now was changed so recently that a change from now on need
 * not show in its times. */
gboolean create_is_fresh(const CronosMemberInfo *info);
/* Returns: (owned) "PATH: reason", for whatever kept @path from being read. */
char *create_problem(const char *path, const GError *error);
/* Sorts an array of char * as bytes (create-count). */
void create_sort_problems(GPtrArray *problems);

/* Opens @path and decides, from samples, whether it is compressed. Returns: (owned) one reference,
 * or NULL with a system error, or NOT_FOUND where it is no regular file any more. */
CreateLarge *create_large_open(CreateWorker *worker, const char *path, GError **error);
CreateLarge *create_large_ref(CreateLarge *large);
void create_large_unref(CreateLarge *large); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CreateLarge, create_large_unref)
/* Returns: how many chunks make a segment. */
guint64 create_large_segment_chunks(const CreateLarge *large);
/* Makes @job (reset) the segment of @large that starts at @first_chunk. */
void create_large_segment(CreateLarge *large, guint64 first_chunk, CreateJob *job);
/* Reads the whole file once more. Returns: whether its bytes are still those of checksum @crc32. */
gboolean create_large_reads_same(CreateWorker *worker, const CreateLarge *large, guint32 crc32,
                                 GCancellable *cancellable);
/* Reads and compresses a segment. A file that became shorter is filled up with zeros: the
 * comparison at its end tells. */
void create_segment_run(CreateWorker *worker, CreateJob *job);

/* The one that puts jobs into the archive, in order. */
typedef struct {
    CronosZipWriter *zip;
    CronosCreateResult *result;
    CronosTally *tally;
    CreateWorker worker;         /* for members that have to be read again */
    const char *reserved_name;   /* a member of this name is in the archive already; nullable */
    GCancellable *cancellable;   /* nullable */
    GPtrArray *matches;          /* borrowed, nullable; the walker's while it runs */
    CronosSozipBuilder *builder; /* of the large file being written; NULL: none */
    gboolean abandoned;          /* its remaining segments are passed over */
    guint32 large_crc32;
    guint64 large_stored_bytes;
    const CronosReuse *reuse; /* borrowed; NULL: nothing is taken over */
    gboolean sharing;         /* the member taken over is shared, block by block */
    guint64 shared_bytes;     /* of its stored bytes, so far */
} CreateWriter;

/* Returns: why @path, of a directory or of something else, can not be a member; NULL: it can. */
const char *create_refusal(const char *path, gsize length, gboolean is_directory);
/* Fails with a system error of the archive, or CANCELLED. Consumes the job's contents. */
gboolean create_writer_take(CreateWriter *writer, CreateJob *job, GError **error);
void create_writer_clear(CreateWriter *writer);

/* The parts of create that take over from an earlier backup (create-reuse).
 * Fills what items of a batch it can; the others are to be read. */
void create_batch_reuse(CreateWorker *worker, CreateJob *job);
/* Returns: (owned) the large file @item as a member to be taken over, or NULL; @out_damage: (owned)
 * NULL unless it could be but for damage. */
CreateLarge *create_large_reuse(CreateWorker *worker, const CronosScanItem *item,
                                char **out_damage);
/* Takes a segment over; what fails is the job's error. */
void create_segment_reuse(CreateWorker *worker, CreateJob *job);
void create_report_damage(CreateWriter *writer, const CreateLarge *large, const GError *error);
/* Appends the segment's bytes, or shares them with the earlier archive. */
gboolean create_append_reused(CreateWriter *writer, const CreateJob *job, GError **error);

/* What decides whether a backup is made (create-due); all of it borrowed. */
typedef struct {
    int dirfd; /* of the backup directory */
    const char *directory, *root;
    const CronosScanOptions *scan;
    GCancellable *cancellable; /* nullable; cancelled: due, so that the work itself says so */
    gint64 now_ns;
    guint interval_hours; /* since the last one of type auto; 0: any time */
    guint min_changes;    /* files and symbolic links added, changed or removed since the newest
                             one; up to 1: any difference, a directory's, too */
} CreateDue;

/* Returns: TRUE, or FALSE with what @result tells then: declined, what can not be read, and
 * unchanged with all of its facts where the newest backup holds just what a new one would. */
gboolean create_is_due(const CreateDue *due, CronosCreateResult *result);

/* Notes which patterns @item matches (create-match). @matches: nullable. */
void create_matches_note(GPtrArray *matches, const CronosScanItem *item);

/* Runs walker, workers and writer until the walk is at its end and all is written. */
gboolean create_pipeline_run(CronosScan *scan, guint threads, int level, CreateWriter *writer,
                             GError **error);
