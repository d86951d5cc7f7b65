/* SPDX-License-Identifier: MIT
 * create-pipeline.c - walker, workers and writer around a ring of jobs
 *
 * Positions in the ring only grow: written <= dispatched <= queued <= written + slots.  A slot
 * belongs to the walker until it is queued, to one worker from its dispatch until it is finished,
 * then to the writer until it is written.  pthread's own locks, since thread checkers know them. */
#include "core/create-private.h"
#include "core/error.h"

#define BATCH_BYTES ((guint64)512 << 10)
#define BATCH_ITEMS 256u
#define THREADS_MOST 256u
#define SLOTS_PER_THREAD 4u
#define SLOTS_MORE 8u
#define SLOTS_MOST 64u

typedef struct {
    CronosScan *scan;
    CreateWriter *writer;
    int level;

    CreateJob *jobs;
    guint slots;

    pthread_mutex_t mutex;
    pthread_cond_t work; /* a job was queued, or there will be none */
    pthread_cond_t done; /* the next job to be written is finished, or the walk has ended */
    pthread_cond_t room; /* a slot became free */
    guint64 queued, dispatched, written;
    gboolean ended;   /* the walk */
    gboolean stopped; /* by failure or cancellation */
} Pipeline;

static CreateJob *slot(Pipeline *pipeline, guint64 position)
{
    return &pipeline->jobs[position % pipeline->slots];
}

static void stop(Pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->stopped = TRUE;
    pthread_cond_broadcast(&pipeline->work);
    pthread_cond_broadcast(&pipeline->done);
    pthread_cond_broadcast(&pipeline->room);
    pthread_mutex_unlock(&pipeline->mutex);
}

/* Walker. Returns: an empty job to fill, or NULL when stopped. */
static CreateJob *acquire(Pipeline *pipeline)
{
    CreateJob *job = NULL;

    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->stopped && pipeline->queued - pipeline->written >= pipeline->slots)
        pthread_cond_wait(&pipeline->room, &pipeline->mutex);
    if (!pipeline->stopped)
        job = slot(pipeline, pipeline->queued);
    pthread_mutex_unlock(&pipeline->mutex);
    if (job != NULL)
        create_job_reset(job);
    return job;
}

static void queue(Pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->queued++;
    pthread_cond_signal(&pipeline->work);
    pthread_mutex_unlock(&pipeline->mutex);
}

static gboolean walk_segments(Pipeline *pipeline, CreateLarge *large)
{
    guint64 first = 0;

    while (first < large->chunk_count) {
        CreateJob *job = acquire(pipeline);

        if (job == NULL)
            return FALSE;
        create_large_segment(large, first, job);
        first = job->end_chunk;
        queue(pipeline);
    }
    return TRUE;
}

typedef struct {
    Pipeline *pipeline;
    CreateWorker worker; /* for sampling large files */
    CreateJob *batch;    /* being filled; NULL: none */
} Walker;

static void flush_batch(Walker *walker)
{
    if (walker->batch == NULL)
        return;
    walker->batch = NULL;
    queue(walker->pipeline);
}

static gboolean walk_small(Walker *walker, const CronosScanItem *item)
{
    if (walker->batch == NULL)
        walker->batch = acquire(walker->pipeline);
    if (walker->batch == NULL)
        return FALSE;
    create_job_add(walker->batch, item);
    if (walker->batch->expected_bytes >= BATCH_BYTES || walker->batch->items->len >= BATCH_ITEMS)
        flush_batch(walker);
    return TRUE;
}

/* What can not be opened now goes the way of small files: the worker that fails on it reports it.
 */
static gboolean walk_item(Walker *walker, const CronosScanItem *item)
{
    if (item->info.kind != CRONOS_MEMBER_FILE || item->info.size_bytes <= CREATE_WHOLE_BYTES)
        return walk_small(walker, item);
    g_autofree char *damage = NULL;
    g_autoptr(CreateLarge) large = create_large_reuse(&walker->worker, item, &damage);
    if (large == NULL)
        large = create_large_open(&walker->worker, item->path, NULL);
    if (large != NULL)
        large->damage = g_steal_pointer(&damage);
    if (large == NULL || large->info.size_bytes <= CREATE_WHOLE_BYTES)
        return walk_small(walker, item);
    flush_batch(walker);
    return walk_segments(walker->pipeline, large);
}

static gpointer walker_main(gpointer data)
{
    Pipeline *pipeline = data;
    Walker walker = {.pipeline = pipeline};
    const CronosScanItem *item;
    gboolean going = TRUE;

    create_worker_init(&walker.worker, cronos_scan_root_fd(pipeline->scan), pipeline->level);
    create_worker_set_reuse(&walker.worker, pipeline->writer->reuse);
    while (going && !g_cancellable_is_cancelled(pipeline->writer->cancellable) &&
           (item = cronos_scan_next(pipeline->scan)) != NULL) {
        create_matches_note(pipeline->writer->matches, item);
        going = walk_item(&walker, item);
    }
    if (going)
        flush_batch(&walker);
    create_worker_clear(&walker.worker);
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->ended = TRUE;
    pthread_cond_broadcast(&pipeline->work);
    pthread_cond_broadcast(&pipeline->done);
    pthread_mutex_unlock(&pipeline->mutex);
    return NULL;
}

/* Worker. Returns: the next job, its position in @out_position, or NULL when there will be none. */
static CreateJob *dispatch(Pipeline *pipeline, guint64 *out_position)
{
    CreateJob *job = NULL;

    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->stopped && !pipeline->ended && pipeline->dispatched == pipeline->queued)
        pthread_cond_wait(&pipeline->work, &pipeline->mutex);
    if (!pipeline->stopped && pipeline->dispatched < pipeline->queued) {
        *out_position = pipeline->dispatched++;
        job = slot(pipeline, *out_position);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return job;
}

static void finish(Pipeline *pipeline, CreateJob *job, guint64 position)
{
    pthread_mutex_lock(&pipeline->mutex);
    job->finished = TRUE;
    if (position == pipeline->written)
        pthread_cond_signal(&pipeline->done);
    pthread_mutex_unlock(&pipeline->mutex);
}

static gpointer worker_main(gpointer data)
{
    Pipeline *pipeline = data;
    CreateWorker worker;
    CreateJob *job;
    guint64 position = 0;

    create_worker_init(&worker, cronos_scan_root_fd(pipeline->scan), pipeline->level);
    create_worker_set_reuse(&worker, pipeline->writer->reuse);
    while ((job = dispatch(pipeline, &position)) != NULL) {
        if (job->large != NULL)
            create_segment_run(&worker, job);
        else
            create_batch_run(&worker, job, pipeline->writer->cancellable);
        finish(pipeline, job, position);
    }
    create_worker_clear(&worker);
    return NULL;
}

/* Writer. Returns: the next finished job, or NULL at the end of all. */
static CreateJob *next_finished(Pipeline *pipeline)
{
    CreateJob *job = NULL;

    pthread_mutex_lock(&pipeline->mutex);
    while (job == NULL && !(pipeline->ended && pipeline->written == pipeline->queued)) {
        if (pipeline->written < pipeline->queued && slot(pipeline, pipeline->written)->finished)
            job = slot(pipeline, pipeline->written);
        else
            pthread_cond_wait(&pipeline->done, &pipeline->mutex);
    }
    pthread_mutex_unlock(&pipeline->mutex);
    return job;
}

static void release(Pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->written++;
    pthread_cond_signal(&pipeline->room);
    pthread_mutex_unlock(&pipeline->mutex);
}

static gboolean write_all(Pipeline *pipeline, GError **error)
{
    CreateJob *job;

    while ((job = next_finished(pipeline)) != NULL) {
        if (!create_writer_take(pipeline->writer, job, error))
            return FALSE;
        create_job_reset(job);
        release(pipeline);
    }
    if (!g_cancellable_is_cancelled(pipeline->writer->cancellable))
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED, "cancelled");
    return FALSE;
}

static void pipeline_init(Pipeline *pipeline, guint threads)
{
    pthread_mutex_init(&pipeline->mutex, NULL);
    pthread_cond_init(&pipeline->work, NULL);
    pthread_cond_init(&pipeline->done, NULL);
    pthread_cond_init(&pipeline->room, NULL);
    pipeline->slots = MAX(MIN(SLOTS_PER_THREAD * threads + SLOTS_MORE, SLOTS_MOST), threads + 2);
    pipeline->jobs = g_new(CreateJob, pipeline->slots);
    for (guint i = 0; i < pipeline->slots; i++)
        create_job_init(&pipeline->jobs[i]);
}

static void pipeline_clear(Pipeline *pipeline)
{
    for (guint i = 0; i < pipeline->slots; i++)
        create_job_clear(&pipeline->jobs[i]);
    g_free(pipeline->jobs);
    pthread_cond_destroy(&pipeline->work);
    pthread_cond_destroy(&pipeline->done);
    pthread_cond_destroy(&pipeline->room);
    pthread_mutex_destroy(&pipeline->mutex);
}

gboolean create_pipeline_run(CronosScan *scan, guint threads, int level, CreateWriter *writer,
                             GError **error)
{
    Pipeline pipeline = {.scan = scan, .writer = writer, .level = level};
    guint workers = CLAMP(threads == 0 ? g_get_num_processors() : threads, 1, THREADS_MOST);
    g_autofree GThread **running = g_new0(GThread *, workers + 1);

    pipeline_init(&pipeline, workers);
    running[0] = g_thread_new("cronos-walk", walker_main, &pipeline);
    for (guint i = 1; i <= workers; i++)
        running[i] = g_thread_new("cronos-pack", worker_main, &pipeline);
    gboolean ok = write_all(&pipeline, error);
    if (!ok)
        stop(&pipeline);
    for (guint i = 0; i <= workers; i++)
        g_thread_join(running[i]);
    pipeline_clear(&pipeline);
    return ok;
}
