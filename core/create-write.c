/* SPDX-License-Identifier: MIT
 * create-write.c - jobs into the archive, in the walk's order
 *
 * A large file is held against its stat when its last segment arrives, and against its bytes where
 * its times are too fresh to tell.  One that changed meanwhile is taken back and read again here,
 * without the other threads' help; what the second reading gave stays, and is reported if it
 * changed once more. */
#include "core/create-private.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/member-bytes.h"
#include "core/zip/zip-format.h"
#include "core/zip/zip-tree.h"

#include <errno.h>
#include <zlib.h>

void create_writer_clear(CreateWriter *writer)
{
    g_clear_pointer(&writer->builder, cronos_sozip_builder_free);
    create_worker_clear(&writer->worker);
}

static gboolean check_cancelled(CreateWriter *writer, GError **error)
{
    if (!g_cancellable_is_cancelled(writer->cancellable))
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED, "cancelled");
    return FALSE;
}

static void count_member(CreateWriter *writer, const CronosMemberInfo *info)
{
    CronosCreateResult *result = writer->result;

    result->files += info->kind == CRONOS_MEMBER_FILE;
    result->directories += info->kind == CRONOS_MEMBER_DIRECTORY;
    result->symlinks += info->kind == CRONOS_MEMBER_SYMLINK;
    result->bytes += info->kind == CRONOS_MEMBER_FILE ? info->size_bytes : 0;
}

static void count_reused(CreateWriter *writer, const CronosMemberInfo *info)
{
    writer->result->reused_members++;
    writer->result->reused_bytes += info->size_bytes;
}

static void report(CreateWriter *writer, const char *path, const GError *error)
{
    g_ptr_array_add(writer->result->unreadable, create_problem(path, error));
}

static gboolean write_serially(CreateWriter *writer, const char *path, gboolean stored,
                               guint attempt, GError **error);

/* Readers of ours, as of others, leave out what lies deeper than they allow. */
static gboolean is_too_deep(const char *path, gsize length, gboolean is_directory)
{
    gsize folders = is_directory ? 1 : 0;

    for (gsize i = 0; i < length; i++)
        folders += path[i] == '/';
    return folders > CRONOS_ZIP_DEPTH_MAX;
}

const char *create_refusal(const char *path, gsize length, gboolean is_directory)
{
    if (length >= G_MAXUINT16)
        return "path too long for the format";
    if (length > CRONOS_ZIP_DEPTH_MAX && is_too_deep(path, length, is_directory))
        return "nested too deeply, in more than " G_STRINGIFY(CRONOS_ZIP_DEPTH_MAX) " folders";
    return NULL;
}

/* Returns: whether @path can be a member; reports why not. */
static gboolean accept_path(CreateWriter *writer, const char *path, gsize length,
                            gboolean is_directory)
{
    const char *refusal = create_refusal(path, length, is_directory);

    if (writer->reserved_name != NULL && strcmp(path, writer->reserved_name) == 0)
        refusal = "appeared while the backup was made";
    if (refusal != NULL)
        g_ptr_array_add(writer->result->unreadable, cronos_member_report(path, refusal));
    return refusal == NULL;
}

static gboolean take_item(CreateWriter *writer, CreateJob *job, CreateItem *item, GError **error)
{
    const char *path = create_item_path(job, item);

    if (!accept_path(writer, path, item->path_length, item->info.kind == CRONOS_MEMBER_DIRECTORY))
        return TRUE;
    if (item->problem != NULL)
        g_ptr_array_add(writer->result->unreadable, g_steal_pointer(&item->problem));
    if (item->damage != NULL)
        g_ptr_array_add(writer->result->damaged, g_steal_pointer(&item->damage));
    if (item->left_out)
        return TRUE;
    if (item->oversized)
        return write_serially(writer, path, FALSE, 0, error);
    if (item->reused)
        count_reused(writer, &item->info);
    CronosZipMember member = {path, item->path_length, item->info};
    const guint8 *stored = job->out->data == NULL ? NULL : job->out->data + item->stored_offset;
    count_member(writer, &item->info);
    return cronos_zip_writer_add(writer->zip, &member, item->method, item->crc32, stored,
                                 item->stored_bytes, error);
}

static gboolean take_batch(CreateWriter *writer, CreateJob *job, GError **error)
{
    for (guint i = 0; i < job->items->len; i++) {
        CreateItem *item = &g_array_index(job->items, CreateItem, i);
        gboolean is_file = item->info.kind == CRONOS_MEMBER_FILE;

        if (!take_item(writer, job, item, error))
            return FALSE;
        cronos_tally_add(writer->tally, is_file ? item->info.size_bytes : 0, 1,
                         create_item_path(job, item));
    }
    return TRUE;
}

static gboolean begin_large(CreateWriter *writer, CreateLarge *large, GError **error)
{
    CronosZipMember member = {large->path, large->path_length, large->info};
    gboolean aligned = large->info.size_bytes >= CRONOS_ZIP_ALIGNED_FROM_BYTES;

    if (large->damage != NULL)
        g_ptr_array_add(writer->result->damaged, g_steal_pointer(&large->damage));
    g_clear_pointer(&writer->builder, cronos_sozip_builder_free);
    writer->abandoned = !accept_path(writer, large->path, large->path_length, FALSE);
    if (writer->abandoned)
        return TRUE;
    if (large->method == ZIP_METHOD_DEFLATED)
        writer->builder = cronos_sozip_builder_new(large->chunk_size);
    writer->large_crc32 = 0;
    writer->large_stored_bytes = 0;
    return cronos_zip_writer_begin(writer->zip, &member, large->method, aligned, error);
}

static gboolean abandon_large(CreateWriter *writer, CreateLarge *large, GError **error)
{
    writer->abandoned = TRUE;
    g_atomic_int_set(&large->failed, 1);
    return cronos_zip_writer_rollback(writer->zip, error);
}

static gboolean append_segment(CreateWriter *writer, CreateJob *job, GError **error)
{
    gboolean ok = job->large->source != NULL
                      ? create_append_reused(writer, job, error)
                      : cronos_zip_writer_append(writer->zip, job->out->data, job->out->len, error);

    if (!ok)
        return FALSE;
    writer->large_stored_bytes += job->out->len;
    for (guint i = 0; i < job->chunks->len; i++) {
        const CreateChunk *chunk = &g_array_index(job->chunks, CreateChunk, i);

        if (writer->builder != NULL)
            cronos_sozip_builder_add(writer->builder, chunk->stored_bytes, chunk->crc32);
        writer->large_crc32 =
            (guint32)crc32_combine(writer->large_crc32, chunk->crc32, (z_off_t)chunk->size);
    }
    return TRUE;
}

static gboolean add_index(CreateWriter *writer, const CreateLarge *large, GError **error)
{
    gsize index_size = 0, name_length = 0;

    if (writer->builder == NULL)
        return TRUE;
    g_autofree guint8 *index =
        cronos_sozip_builder_finish(writer->builder, large->info.size_bytes, &index_size);
    g_clear_pointer(&writer->builder, cronos_sozip_builder_free);
    if (index == NULL)
        return TRUE;
    g_autofree char *name = cronos_sozip_index_name(large->path, large->path_length, &name_length);
    if (name_length >= G_MAXUINT16)
        return TRUE;
    return cronos_zip_writer_add_hidden(writer->zip, name, name_length, index, index_size, error);
}

/* The member that was being taken over is not whole: the file itself is read instead. */
static gboolean replace_reused(CreateWriter *writer, CreateLarge *large, const GError *damage,
                               GError **error)
{
    g_autofree char *path = g_strdup(large->path);

    create_report_damage(writer, large, damage);
    return abandon_large(writer, large, error) && write_serially(writer, path, FALSE, 0, error);
}

static gboolean end_reused(CreateWriter *writer, CreateLarge *large, GError **error)
{
    if (writer->large_crc32 != large->source->extent.crc32) {
        g_autoptr(GError) damage =
            g_error_new(CRONOS_ERROR, CRONOS_ERROR_DAMAGED, "checksum mismatch");

        return replace_reused(writer, large, damage, error);
    }
    if (!cronos_zip_writer_end(writer->zip, writer->large_crc32, large->info.size_bytes, error))
        return FALSE;
    count_member(writer, &large->info);
    count_reused(writer, &large->info);
    return add_index(writer, large, error);
}

static gboolean has_changed(CreateWriter *writer, const CreateLarge *large)
{
    struct stat after;

    if (fstat(large->fd, &after) != 0 || !create_same_file(&large->before, &after))
        return TRUE;
    return large->fresh && !create_large_reads_same(&writer->worker, large, writer->large_crc32,
                                                    writer->cancellable);
}

/* @attempt: how often the file had changed before. */
static gboolean end_large(CreateWriter *writer, CreateLarge *large, guint attempt, GError **error)
{
    gboolean changed = has_changed(writer, large);
    gboolean grew = large->method == ZIP_METHOD_DEFLATED &&
                    writer->large_stored_bytes >= large->info.size_bytes;

    if ((changed && attempt == 0) || grew) {
        g_autofree char *path = g_strdup(large->path);

        return abandon_large(writer, large, error) &&
               write_serially(writer, path, grew, attempt + changed, error);
    }
    if (changed)
        g_ptr_array_add(writer->result->unreadable,
                        cronos_member_report(large->path, "changed while it was read"));
    if (!cronos_zip_writer_end(writer->zip, writer->large_crc32, large->info.size_bytes, error))
        return FALSE;
    count_member(writer, &large->info);
    return add_index(writer, large, error);
}

/* One segment of the file that begins with the first one given and ends with the last. */
static gboolean take_segment(CreateWriter *writer, CreateJob *job, guint attempt, GError **error)
{
    CreateLarge *large = job->large;

    if (job->first_chunk == 0 && !begin_large(writer, large, error))
        return FALSE;
    if (writer->abandoned)
        return TRUE;
    if (job->error != NULL && large->source != NULL)
        return replace_reused(writer, large, job->error, error);
    if (job->error != NULL) {
        report(writer, large->path, job->error);
        return abandon_large(writer, large, error);
    }
    if (!append_segment(writer, job, error))
        return FALSE;
    if (job->end_chunk < large->chunk_count)
        return TRUE;
    return large->source != NULL ? end_reused(writer, large, error)
                                 : end_large(writer, large, attempt, error);
}

/* A file that was large, and is no more. */
static gboolean write_small(CreateWriter *writer, CreateLarge *large, CreateJob *job,
                            GError **error)
{
    CronosScanItem item = {
        .path = large->path, .path_length = large->path_length, .info = large->info};

    create_job_reset(job);
    create_job_add(job, &item);
    create_batch_run(&writer->worker, job, writer->cancellable);
    CreateItem *read = &g_array_index(job->items, CreateItem, 0);
    if (read->oversized) {
        read->left_out = TRUE;
        read->problem = cronos_member_report(large->path, "changed while it was read");
    }
    return take_item(writer, job, read, error);
}

static gboolean write_segments(CreateWriter *writer, CreateLarge *large, CreateJob *job,
                               guint attempt, GError **error)
{
    guint64 first = 0;

    while (first < large->chunk_count) {
        create_job_reset(job);
        create_large_segment(large, first, job);
        first = job->end_chunk;
        create_segment_run(&writer->worker, job);
        if (!check_cancelled(writer, error) || !take_segment(writer, job, attempt, error))
            return FALSE;
        if (writer->abandoned)
            return TRUE;
        cronos_tally_add(writer->tally, 0, 0, large->path);
    }
    return TRUE;
}

/* Reads @path from its start and writes it, in this thread. @stored: uncompressed. */
static gboolean write_serially(CreateWriter *writer, const char *path, gboolean stored,
                               guint attempt, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(CreateLarge) large = create_large_open(&writer->worker, path, &failure);
    CreateJob job;

    if (large == NULL) {
        report(writer, path, failure);
        return TRUE;
    }
    if (stored)
        large->method = ZIP_METHOD_STORED;
    create_job_init(&job);
    gboolean ok = large->info.size_bytes <= CREATE_WHOLE_BYTES
                      ? write_small(writer, large, &job, error)
                      : write_segments(writer, large, &job, attempt, error);
    create_job_clear(&job);
    writer->abandoned = TRUE;
    return ok;
}

gboolean create_writer_take(CreateWriter *writer, CreateJob *job, GError **error)
{
    if (!check_cancelled(writer, error) || !cronos_fault_point("create-write", error))
        return FALSE;
    if (job->large == NULL)
        return take_batch(writer, job, error);
    gboolean is_last = job->end_chunk >= job->large->chunk_count;
    guint64 start = job->first_chunk * job->large->chunk_size;
    guint64 bytes = MIN(job->large->info.size_bytes - start, job->expected_bytes);
    cronos_tally_add(writer->tally, bytes, is_last ? 1 : 0, job->large->path);
    return take_segment(writer, job, 0, error);
}
