/* SPDX-License-Identifier: MIT
 * member-chunks.c - the chunks of one member, shared by threads */
#include "core/member-chunks.h"
#include "core/parallel.h"
#include "core/zip/sozip-chunks.h"

/* Chunks are of some hundred KiB: so many in a row are read as one stretch of the file. */
#define RUN_LENGTH 4

typedef struct {
    const CronosSozipChunks *chunks;
    CronosTally *tally;
    CronosPieceFunc func;
    gpointer user_data;
    guint32 *crcs; /* each written by one thread */
} Share;

typedef struct {
    Share *share;
    CronosSozipDecoder *decoder;
} Worker;

static gpointer worker_new(gpointer shared)
{
    Worker *worker = g_new0(Worker, 1);

    worker->share = shared;
    worker->decoder = cronos_sozip_decoder_new();
    return worker;
}

static void worker_free(gpointer data)
{
    Worker *worker = data;

    cronos_sozip_decoder_free(worker->decoder);
    g_free(worker);
}

static gboolean deliver(gpointer data, gsize index, GError **error)
{
    Worker *worker = data;
    Share *share = worker->share;
    CronosSozipPiece piece;

    if (!cronos_tally_check(share->tally, error) ||
        !cronos_sozip_chunks_decode(share->chunks, worker->decoder, index, &piece, error) ||
        !share->func(piece.bytes, piece.length, piece.offset, share->user_data, error))
        return FALSE;
    share->crcs[index] = piece.crc32;
    cronos_tally_add(share->tally, piece.length, 0, NULL);
    return TRUE;
}

gboolean cronos_member_chunks(CronosArchive *archive, guint32 entry, guint threads,
                              CronosTally *tally, CronosPieceFunc func, gpointer user_data,
                              gboolean *out_delivered, GError **error)
{
    const CronosParallel parallel = {
        .threads = threads,
        .run_length = RUN_LENGTH,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .work = deliver,
    };
    GError *failure = NULL;
    g_autoptr(CronosSozipChunks) chunks = cronos_archive_chunks_open(archive, entry, &failure);

    *out_delivered = chunks != NULL;
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (chunks == NULL)
        return TRUE;
    gsize count = (gsize)cronos_sozip_chunks_count(chunks);
    g_autofree guint32 *crcs = g_new0(guint32, count);
    Share share = {chunks, tally, func, user_data, crcs};
    return cronos_parallel_for(&parallel, count, &share, error) &&
           cronos_sozip_chunks_check(chunks, crcs, error);
}
