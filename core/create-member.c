/* SPDX-License-Identifier: MIT
 * create-member.c - reading and compressing small members, a batch at a time */
#include "core/create-private.h"
#include "core/error.h"
#include "core/file-time.h"
#include "core/member-bytes.h"
#include "core/zip/zip-format.h"

#include <errno.h>
#include <libdeflate.h>
#include <unistd.h>

#define READ_ATTEMPTS 2
#define PROBE_FROM_BYTES 65536u
#define PROBE_BYTES 16384u
#define PROBE_PLACES 2u

void create_job_init(CreateJob *job)
{
    *job = (CreateJob){
        .items = g_array_new(FALSE, FALSE, sizeof(CreateItem)),
        .paths = g_byte_array_new(),
        .out = g_byte_array_new(),
        .chunks = g_array_new(FALSE, FALSE, sizeof(CreateChunk)),
    };
}

static void item_clear(CreateItem *item)
{
    g_free(item->problem);
    g_free(item->damage);
}

void create_job_reset(CreateJob *job)
{
    for (guint i = 0; i < job->items->len; i++)
        item_clear(&g_array_index(job->items, CreateItem, i));
    g_array_set_size(job->items, 0);
    g_byte_array_set_size(job->paths, 0);
    g_byte_array_set_size(job->out, 0);
    g_array_set_size(job->chunks, 0);
    g_clear_pointer(&job->large, create_large_unref);
    g_clear_error(&job->error);
    job->expected_bytes = 0;
    job->finished = FALSE;
}

void create_job_clear(CreateJob *job)
{
    create_job_reset(job);
    g_array_unref(job->items);
    g_byte_array_unref(job->paths);
    g_byte_array_unref(job->out);
    g_array_unref(job->chunks);
}

const char *create_item_path(const CreateJob *job, const CreateItem *item)
{
    return (const char *)job->paths->data + item->path_offset;
}

void create_job_add(CreateJob *job, const CronosScanItem *item)
{
    CreateItem added = {
        .path_offset = job->paths->len,
        .path_length = item->path_length,
        .info = item->info,
        .method = ZIP_METHOD_STORED,
    };

    g_byte_array_append(job->paths, (const guint8 *)item->path, (guint)item->path_length + 1);
    g_array_append_val(job->items, added);
    if (item->info.kind == CRONOS_MEMBER_FILE)
        job->expected_bytes += item->info.size_bytes;
}

void create_worker_init(CreateWorker *worker, int root_fd, int level)
{
    *worker = (CreateWorker){
        .root_fd = root_fd,
        .level = level,
        .deflater = cronos_deflater_new(level),
        .prober = cronos_deflater_new(1),
        .probe_out = g_byte_array_new(),
        .zero_stored = g_byte_array_new(),
    };
}

void create_worker_set_reuse(CreateWorker *worker, const CronosReuse *reuse)
{
    worker->reuse = reuse;
    worker->reader = reuse == NULL ? NULL : cronos_reuse_reader_new(reuse);
}

void create_worker_clear(CreateWorker *worker)
{
    cronos_reuse_reader_free(worker->reader);
    cronos_deflater_free(worker->deflater);
    cronos_deflater_free(worker->prober);
    g_byte_array_unref(worker->probe_out);
    g_byte_array_unref(worker->zero_stored);
    g_free(worker->in);
}

guint8 *create_worker_room(CreateWorker *worker, gsize size)
{
    if (worker->in_room < size) {
        g_free(worker->in);
        worker->in_room = size;
        worker->in = g_malloc(size);
    }
    return worker->in;
}

/* Compressed data has its 256 byte values about equally often: the sum of the squared counts is
 * then near its least. Anything an entropy coder alone can shrink by some percent is well above. */
static gboolean looks_random(const guint8 *bytes, gsize size)
{
    guint32 counts[256] = {0};
    guint64 squares = 0;

    for (gsize i = 0; i < size; i++)
        counts[bytes[i]]++;
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
        squares += (guint64)counts[i] * counts[i];
    return squares * 256 < (guint64)size * size + (guint64)size * size / 8 + 256 * (guint64)size;
}

gboolean create_worker_shrinks(CreateWorker *worker, const guint8 *bytes, gsize size)
{
    if (!looks_random(bytes, size))
        return TRUE;
    g_byte_array_set_size(worker->probe_out, (guint)size);
    gsize length =
        cronos_deflater_compress(worker->prober, bytes, size, worker->probe_out->data, size);
    return length != 0 && length < size - size / 64;
}

static gboolean worth_compressing(CreateWorker *worker, const guint8 *bytes, gsize size)
{
    if (worker->level == 0)
        return FALSE;
    if (size < PROBE_FROM_BYTES)
        return TRUE;
    for (guint place = 0; place < PROBE_PLACES; place++)
        if (create_worker_shrinks(worker, bytes + size / (place + 2) / 16 * 16 - PROBE_BYTES / 2,
                                  PROBE_BYTES))
            return TRUE;
    return FALSE;
}

/* Adds the bytes to the job's, compressed where that makes them fewer. */
static void store_bytes(CreateWorker *worker, CreateJob *job, CreateItem *item, const guint8 *bytes,
                        gsize size)
{
    gsize length = 0;

    item->info.size_bytes = size;
    item->crc32 = libdeflate_crc32(0, bytes, size);
    item->stored_offset = job->out->len;
    g_byte_array_set_size(job->out, (guint)(item->stored_offset + size));
    guint8 *out = job->out->data + item->stored_offset;
    if (item->info.kind == CRONOS_MEMBER_FILE && worth_compressing(worker, bytes, size))
        length = cronos_deflater_compress(worker->deflater, bytes, size, out, size);
    item->method = length > 0 ? ZIP_METHOD_DEFLATED : ZIP_METHOD_STORED;
    item->stored_bytes = length > 0 ? length : size;
    if (length == 0 && size > 0)
        memcpy(out, bytes, size);
    g_byte_array_set_size(job->out, (guint)(item->stored_offset + item->stored_bytes));
}

char *create_problem(const char *path, const GError *error)
{
    return cronos_member_report(path, error->domain == CRONOS_SYSTEM_ERROR ? g_strerror(error->code)
                                                                           : error->message);
}

gboolean create_same_file(const struct stat *before, const struct stat *after)
{
    return before->st_size == after->st_size && before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
           before->st_mtim.tv_nsec == after->st_mtim.tv_nsec &&
           before->st_ctim.tv_sec == after->st_ctim.tv_sec &&
           before->st_ctim.tv_nsec == after->st_ctim.tv_nsec;
}

gboolean create_is_fresh(const CronosMemberInfo *info)
{
    gint64 now_ns = g_get_real_time() * 1000;

    /* A modification time in the future is what somebody set it to. */
    return !cronos_file_time_is_earlier(info->ctime_ns, now_ns) ||
           (info->mtime_ns <= now_ns && !cronos_file_time_is_earlier(info->mtime_ns, now_ns));
}

/* Returns: bytes read, at most @size; fewer only at the end of the file; -1 with errno. */
static gssize read_fully(int fd, guint8 *buffer, gsize size)
{
    gsize total = 0;

    while (total < size) {
        gssize got = pread(fd, buffer + total, size - total, (off_t)total);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        total += (gsize)got;
    }
    return (gssize)total;
}

typedef enum {
    READ_DONE,
    READ_CHANGED,
    READ_OVERSIZED,
    READ_FAILED,
} ReadOutcome;

/* @size bytes were read into the worker's room. Returns: whether they are read once more. */
static gboolean reads_same(CreateWorker *worker, int fd, gsize size)
{
    guint32 crc32 = libdeflate_crc32(0, worker->in, size);

    return read_fully(fd, worker->in, size) == (gssize)size &&
           libdeflate_crc32(0, worker->in, size) == crc32;
}

static ReadOutcome fail_as_unsized(GError **error)
{
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                "its size is not known, and it is larger than 1 MiB");
    return READ_FAILED;
}

/* Reads the file open on @fd into the worker's room; the item gets what stat told first. Files of
 * /proc, and of some other file systems, have no size before they are read. */
static ReadOutcome read_open_file(CreateWorker *worker, int fd, CreateItem *item, gsize *out_size,
                                  GError **error)
{
    struct stat before, after;

    *out_size = 0;
    if (fstat(fd, &before) != 0) {
        cronos_error_set_system(error, errno, "can not examine");
        return READ_FAILED;
    }
    if (!S_ISREG(before.st_mode)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CHANGED, "no longer a regular file");
        return READ_FAILED;
    }
    cronos_member_info_from_stat(&before, &item->info);
    if (before.st_size > (off_t)CREATE_WHOLE_BYTES)
        return READ_OVERSIZED;
    gsize room = before.st_size > 0 ? (gsize)before.st_size : CREATE_WHOLE_BYTES;
    gboolean fresh = create_is_fresh(&item->info);
    gssize got = read_fully(fd, create_worker_room(worker, CREATE_WHOLE_BYTES), room);
    if (got < 0 || fstat(fd, &after) != 0) {
        cronos_error_set_system(error, errno, "can not read");
        return READ_FAILED;
    }
    *out_size = (gsize)got;
    if (!create_same_file(&before, &after) || got < before.st_size)
        return READ_CHANGED;
    if (before.st_size == 0 && *out_size == room)
        return fail_as_unsized(error);
    return !fresh || reads_same(worker, fd, *out_size) ? READ_DONE : READ_CHANGED;
}

static ReadOutcome read_once(CreateWorker *worker, const char *path, CreateItem *item,
                             gsize *out_size, GError **error)
{
    int fd = cronos_scan_open_file(worker->root_fd, path, error);

    if (fd < 0)
        return READ_FAILED;
    ReadOutcome outcome = read_open_file(worker, fd, item, out_size, error);
    close(fd);
    return outcome;
}

static void leave_out(CreateItem *item, const char *path, const GError *error)
{
    item->left_out = TRUE;
    item->problem = create_problem(path, error);
}

static void run_file(CreateWorker *worker, CreateJob *job, CreateItem *item)
{
    const char *path = create_item_path(job, item);
    ReadOutcome outcome = READ_CHANGED;
    g_autoptr(GError) error = NULL;
    gsize size = 0;

    for (guint attempt = 0; attempt < READ_ATTEMPTS && outcome == READ_CHANGED; attempt++)
        outcome = read_once(worker, path, item, &size, &error);
    if (outcome == READ_FAILED) {
        leave_out(item, path, error);
        return;
    }
    item->oversized = outcome == READ_OVERSIZED;
    if (item->oversized)
        return;
    if (outcome == READ_CHANGED)
        item->problem = cronos_member_report(path, "changed while it was read");
    store_bytes(worker, job, item, worker->in, size);
}

static void run_symlink(CreateWorker *worker, CreateJob *job, CreateItem *item)
{
    const char *path = create_item_path(job, item);
    g_autoptr(GError) error = NULL;
    gsize length = 0;
    g_autofree char *target = cronos_scan_readlink(worker->root_fd, path, &length, &error);

    if (target == NULL)
        leave_out(item, path, error);
    else
        store_bytes(worker, job, item, (const guint8 *)target, length);
}

void create_batch_run(CreateWorker *worker, CreateJob *job, GCancellable *cancelled)
{
    create_batch_reuse(worker, job);
    for (guint i = 0; i < job->items->len && !g_cancellable_is_cancelled(cancelled); i++) {
        CreateItem *item = &g_array_index(job->items, CreateItem, i);

        if (item->reused)
            continue;
        if (item->info.kind == CRONOS_MEMBER_FILE)
            run_file(worker, job, item);
        else if (item->info.kind == CRONOS_MEMBER_SYMLINK)
            run_symlink(worker, job, item);
    }
}
