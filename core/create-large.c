/* SPDX-License-Identifier: MIT
 * create-large.c - large files: opened once, read and compressed by segments in any order
 *
 * Chunk boundaries depend on the file's size alone, and whether it is compressed on samples at
 * fixed places, so that the member's bytes are the same however the work is shared out. */
#include "core/create-private.h"
#include "core/error.h"
#include "core/zip/zip-format.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <sys/uio.h>
#include <unistd.h>

#define SAMPLES 8u
#define SAMPLE_BYTES 16384u
#define DROP_CACHE_FROM ((off_t)32 << 20)

CreateLarge *create_large_ref(CreateLarge *large)
{
    g_atomic_int_inc(&large->references);
    return large;
}

void create_large_unref(CreateLarge *large)
{
    if (large == NULL || !g_atomic_int_dec_and_test(&large->references))
        return;
    if (large->fd >= 0)
        close(large->fd);
    cronos_reuse_large_free(large->source);
    g_free(large->damage);
    g_free(large->path);
    g_free(large);
}

/* Returns: bytes read, fewer than @size only at the end of the file; -1 with errno. */
static gssize read_at(int fd, guint8 *buffer, gsize size, guint64 offset)
{
    gsize total = 0;

    while (total < size) {
        gssize got = pread(fd, buffer + total, size - total, (off_t)(offset + total));

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

/* Returns: FALSE when no sample shrinks. A sample that can not be read counts as one that does:
 * reading in earnest will report it. */
static gboolean samples_shrink(CreateWorker *worker, int fd, guint64 size)
{
    guint8 *sample = create_worker_room(worker, SAMPLE_BYTES);

    for (guint i = 0; i < SAMPLES; i++) {
        guint64 offset = (size - SAMPLE_BYTES) / (SAMPLES - 1) * i;

        if (read_at(fd, sample, SAMPLE_BYTES, offset) != SAMPLE_BYTES ||
            create_worker_shrinks(worker, sample, SAMPLE_BYTES))
            return TRUE;
    }
    return FALSE;
}

/* Asks without reading from disk. Where the question is not understood the answer is yes: what
 * others may be using is never thrown out. */
static gboolean is_cached(int fd, off_t size)
{
    for (guint i = 1; i < 4; i++) {
        guint8 byte;
        struct iovec place = {&byte, 1};

        if (preadv2(fd, &place, 1, size / 4 * i, RWF_NOWAIT) >= 0 || errno != EAGAIN)
            return TRUE;
    }
    return FALSE;
}

static gboolean examine(CreateWorker *worker, CreateLarge *large, GError **error)
{
    if (fstat(large->fd, &large->before) != 0) {
        cronos_error_set_system(error, errno, "can not examine");
        return FALSE;
    }
    if (!S_ISREG(large->before.st_mode)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND, "no longer a regular file");
        return FALSE;
    }
    cronos_member_info_from_stat(&large->before, &large->info);
    guint64 size = large->info.size_bytes;
    large->fresh = create_is_fresh(&large->info);
    large->drop_cache =
        large->before.st_size >= DROP_CACHE_FROM && !is_cached(large->fd, large->before.st_size);
    (void)posix_fadvise(large->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    large->sparse = (guint64)large->before.st_blocks * 512 < size;
    large->chunk_size = cronos_sozip_chunk_size(size);
    large->chunk_count = cronos_sozip_chunk_count(size, large->chunk_size);
    large->method = ZIP_METHOD_STORED;
    if (worker->level > 0 &&
        (size <= CREATE_WHOLE_BYTES || samples_shrink(worker, large->fd, size)))
        large->method = ZIP_METHOD_DEFLATED;
    return TRUE;
}

CreateLarge *create_large_open(CreateWorker *worker, const char *path, GError **error)
{
    int fd = cronos_scan_open_file(worker->root_fd, path, error);

    if (fd < 0)
        return NULL;
    g_autoptr(CreateLarge) large = g_new0(CreateLarge, 1);
    large->references = 1;
    large->fd = fd;
    large->path = g_strdup(path);
    large->path_length = strlen(path);
    return examine(worker, large, error) ? g_steal_pointer(&large) : NULL;
}

guint64 create_large_segment_chunks(const CreateLarge *large)
{
    return MAX(CREATE_WHOLE_BYTES / large->chunk_size, 1);
}

void create_large_segment(CreateLarge *large, guint64 first_chunk, CreateJob *job)
{
    guint64 end = first_chunk + create_large_segment_chunks(large);

    job->large = create_large_ref(large);
    job->first_chunk = first_chunk;
    job->end_chunk = MIN(end, large->chunk_count);
    job->expected_bytes = (job->end_chunk - first_chunk) * large->chunk_size;
}

gboolean create_large_reads_same(CreateWorker *worker, const CreateLarge *large, guint32 crc32,
                                 GCancellable *cancellable)
{
    guint8 *in = create_worker_room(worker, CREATE_WHOLE_BYTES);
    guint32 seen = 0;

    for (guint64 at = 0; at < large->info.size_bytes; at += CREATE_WHOLE_BYTES) {
        gsize size = (gsize)MIN(large->info.size_bytes - at, CREATE_WHOLE_BYTES);

        if (g_cancellable_is_cancelled(cancellable) ||
            read_at(large->fd, in, size, at) != (gssize)size)
            return FALSE;
        seen = libdeflate_crc32(seen, in, size);
    }
    return seen == crc32;
}

static gboolean is_hole(const CreateLarge *large, guint64 offset, guint64 size)
{
    off_t data = lseek(large->fd, (off_t)offset, SEEK_DATA);

    return data < 0 ? errno == ENXIO : (guint64)data >= offset + size;
}

/* Every whole chunk of zeros compresses to the same bytes. */
static void add_zero_chunk(CreateWorker *worker, CreateJob *job, guint32 size)
{
    GByteArray *stored = worker->zero_stored;

    if (worker->zero_size != size) {
        g_autofree guint8 *zeros = g_malloc0(size);
        gsize room = cronos_deflater_bound(worker->deflater, size);

        g_byte_array_set_size(stored, (guint)room);
        g_byte_array_set_size(stored,
                              (guint)cronos_deflater_compress_chunk(worker->deflater, zeros, size,
                                                                    FALSE, stored->data, room));
        worker->zero_crc32 = libdeflate_crc32(0, zeros, size);
        worker->zero_size = size;
    }
    CreateChunk chunk = {size, stored->len, worker->zero_crc32};
    g_byte_array_append(job->out, stored->data, stored->len);
    g_array_append_val(job->chunks, chunk);
}

static gboolean add_chunk(CreateWorker *worker, CreateJob *job, guint64 offset, guint32 size,
                          gboolean final)
{
    const CreateLarge *large = job->large;
    guint8 *in = create_worker_room(worker, size);
    gssize got = read_at(large->fd, in, size, offset);

    if (got < 0) {
        cronos_error_set_system(&job->error, errno, "can not read");
        return FALSE;
    }
    memset(in + got, 0, size - (gsize)got);
    CreateChunk chunk = {size, size, libdeflate_crc32(0, in, size)};
    if (large->method == ZIP_METHOD_STORED) {
        g_byte_array_append(job->out, in, size);
    } else {
        guint start = job->out->len;
        gsize room = cronos_deflater_bound(worker->deflater, size);

        g_byte_array_set_size(job->out, (guint)(start + room));
        chunk.stored_bytes = (guint32)cronos_deflater_compress_chunk(
            worker->deflater, in, size, final, job->out->data + start, room);
        g_byte_array_set_size(job->out, start + chunk.stored_bytes);
    }
    g_array_append_val(job->chunks, chunk);
    return TRUE;
}

void create_segment_run(CreateWorker *worker, CreateJob *job)
{
    CreateLarge *large = job->large;
    guint64 start = job->first_chunk * large->chunk_size;

    if (large->source != NULL) {
        create_segment_reuse(worker, job);
        return;
    }
    for (guint64 i = job->first_chunk; i < job->end_chunk; i++) {
        guint64 offset = i * large->chunk_size;
        guint32 size = (guint32)MIN(large->info.size_bytes - offset, large->chunk_size);
        gboolean final = i + 1 == large->chunk_count;

        if (g_atomic_int_get(&large->failed))
            return;
        if (!final && large->sparse && large->method == ZIP_METHOD_DEFLATED &&
            is_hole(large, offset, size))
            add_zero_chunk(worker, job, size);
        else if (!add_chunk(worker, job, offset, size, final))
            return;
    }
    if (large->drop_cache)
        (void)posix_fadvise(large->fd, (off_t)start, (off_t)job->expected_bytes,
                            POSIX_FADV_DONTNEED);
}
