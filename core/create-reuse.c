/* SPDX-License-Identifier: MIT
 * create-reuse.c - members taken over from an earlier backup, as parts of jobs
 *
 * A worker fills a job with stored bytes that passed their check; the writer can not tell them from
 * bytes that were just compressed.  Large members that are aligned in both archives are shared
 * instead, where the file system does that: bytes that were checked already are then not written
 * again, but pointed at. */
#include "core/create-private.h"
#include "core/error.h"
#include "core/member-bytes.h"
#include "core/zip/zip-io.h"

#include <errno.h>

#define SHARE_UNIT_BYTES ((guint64)4096)
/* Each sharing is a transaction of the file system's: few of them. The first one, which tells
 * whether there is sharing at all, is made with what there is. */
#define SHARE_STEP_BYTES ((guint64)16 << 20)
#define COPY_BYTES ((gsize)1 << 20)

static char *describe_damage(const CronosReuse *reuse, const char *path, const GError *error)
{
    g_autofree char *report = create_problem(path, error);
    g_autofree char *file_name = cronos_quote_path(cronos_reuse_file_name(reuse));

    return g_strdup_printf("%s: %s", file_name, report);
}

/* Returns: (owned) the members of @job that can be taken over; @out_items: (owned) which items they
 * are. */
static GArray *find_members(CreateWorker *worker, const CreateJob *job, GArray **out_items)
{
    GArray *members = g_array_new(FALSE, FALSE, sizeof(CronosReuseMember));

    *out_items = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < job->items->len; i++) {
        const CreateItem *item = &g_array_index(job->items, CreateItem, i);
        CronosReuseMember member = {.name_length = item->path_length};

        if (item->info.size_bytes > CREATE_WHOLE_BYTES ||
            !cronos_reuse_find(worker->reader, create_item_path(job, item), item->path_length,
                               &item->info, &member.extent))
            continue;
        g_array_append_val(members, member);
        g_array_append_val(*out_items, i);
    }
    return members;
}

void create_batch_reuse(CreateWorker *worker, CreateJob *job)
{
    if (worker->reader == NULL)
        return;
    g_autoptr(GArray) numbers = NULL;
    g_autoptr(GArray) members = find_members(worker, job, &numbers);

    cronos_reuse_take(worker->reader, (CronosReuseMember *)(gpointer)members->data, members->len,
                      job->out);
    for (guint i = 0; i < members->len; i++) {
        CronosReuseMember *member = &g_array_index(members, CronosReuseMember, i);
        CreateItem *item = &g_array_index(job->items, CreateItem, g_array_index(numbers, guint, i));

        if (member->error != NULL) {
            item->damage =
                describe_damage(worker->reuse, create_item_path(job, item), member->error);
            g_clear_error(&member->error);
            continue;
        }
        item->reused = TRUE;
        item->method = member->extent.method;
        item->crc32 = member->extent.crc32;
        item->stored_offset = member->offset;
        item->stored_bytes = (gsize)member->extent.stored_bytes;
    }
}

CreateLarge *create_large_reuse(CreateWorker *worker, const CronosScanItem *item, char **out_damage)
{
    CronosZipExtent extent;
    g_autoptr(GError) error = NULL;

    *out_damage = NULL;
    if (worker->reader == NULL ||
        !cronos_reuse_find(worker->reader, item->path, item->path_length, &item->info, &extent))
        return NULL;
    CronosReuseLarge *source =
        cronos_reuse_large_open(worker->reuse, item->path, item->path_length, &extent, &error);
    if (source == NULL) {
        if (error != NULL)
            *out_damage = describe_damage(worker->reuse, item->path, error);
        return NULL;
    }
    CreateLarge *large = g_new0(CreateLarge, 1);
    large->references = 1;
    large->fd = -1;
    large->path = g_strndup(item->path, item->path_length);
    large->path_length = item->path_length;
    large->info = item->info;
    large->method = extent.method;
    large->chunk_size = source->chunk_size;
    large->chunk_count = source->chunk_count;
    large->source = source;
    return large;
}

void create_segment_reuse(CreateWorker *worker, CreateJob *job)
{
    g_autoptr(GArray) chunks = g_array_new(FALSE, FALSE, sizeof(CronosSozipChunk));

    if (g_atomic_int_get(&job->large->failed) ||
        !cronos_reuse_take_chunks(worker->reader, job->large->source, job->first_chunk,
                                  job->end_chunk, job->out, chunks, &job->error))
        return;
    for (guint i = 0; i < chunks->len; i++) {
        const CronosSozipChunk *taken = &g_array_index(chunks, CronosSozipChunk, i);
        CreateChunk chunk = {taken->size_bytes, (guint32)taken->stored_bytes, taken->crc32};

        g_array_append_val(job->chunks, chunk);
    }
}

void create_report_damage(CreateWriter *writer, const CreateLarge *large, const GError *error)
{
    g_ptr_array_add(writer->result->damaged,
                    describe_damage(large->source->reuse, large->path, error));
}

/* Bytes of the member, already checked, that are no longer at hand: read again and written. */
static gboolean copy_range(CreateWriter *writer, const CronosReuseLarge *source, guint64 start,
                           guint64 end, GError **error)
{
    guint8 *buffer = create_worker_room(&writer->worker, COPY_BYTES);

    while (start < end) {
        gsize part = (gsize)MIN(end - start, COPY_BYTES);

        if (!cronos_zip_pread_exactly(cronos_reuse_fd(source->reuse), buffer, part,
                                      source->data_offset + start, error) ||
            !cronos_zip_writer_append(writer->zip, buffer, part, error))
            return FALSE;
        start += part;
    }
    return TRUE;
}

/* Shares what came since the last time, to the last whole unit. */
static gboolean share_pending(CreateWriter *writer, const CronosReuseLarge *source, guint64 end,
                              GError **error)
{
    guint64 start = writer->shared_bytes;

    if (!cronos_zip_writer_share(writer->zip, cronos_reuse_fd(source->reuse),
                                 source->data_offset + start, end - start, &writer->sharing, error))
        return FALSE;
    if (writer->sharing)
        writer->shared_bytes = end;
    return TRUE;
}

gboolean create_append_reused(CreateWriter *writer, const CreateJob *job, GError **error)
{
    const CronosReuseLarge *source = job->large->source;
    guint64 checked = writer->large_stored_bytes + job->out->len;
    guint64 whole_units = checked / SHARE_UNIT_BYTES * SHARE_UNIT_BYTES;
    gboolean last = job->end_chunk == job->large->chunk_count;

    if (job->first_chunk == 0) {
        writer->sharing = TRUE;
        writer->shared_bytes = 0;
    }
    if (!writer->sharing)
        return cronos_zip_writer_append(writer->zip, job->out->data, job->out->len, error);
    gboolean due =
        last || writer->shared_bytes == 0 || whole_units - writer->shared_bytes >= SHARE_STEP_BYTES;
    if (due && whole_units > writer->shared_bytes &&
        !share_pending(writer, source, whole_units, error))
        return FALSE;
    if (writer->sharing && !last)
        return TRUE;
    if (writer->shared_bytes == writer->large_stored_bytes)
        return cronos_zip_writer_append(writer->zip, job->out->data, job->out->len, error);
    return copy_range(writer, source, writer->shared_bytes, checked, error);
}
