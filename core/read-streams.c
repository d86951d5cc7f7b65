/* SPDX-License-Identifier: MIT
 * read-streams.c - the pool of resumable streams
 *
 * A stream is busy (one thread decodes, without the lock) or idle. A reader takes the stream from
 * which its offset is nearest, counting a busy one from where its present request will leave it,
 * and a new one from the front. Streams that failed are closed. */
#include "core/read-streams.h"

#include "core/error.h"
#include "core/read-memory.h"
#include "core/zip/zip-reader.h"

#include <string.h>

/* What a stream holds beside its window, roughly: zlib's state and the input buffer. */
#define STREAM_BYTES (CRONOS_READ_WINDOW + (108u << 10))

typedef struct {
    guint64 owner;
    guint32 entry;
    CronosZipStream *stream;
    guint8 *window;     /* a ring: the byte at P lies at P % CRONOS_READ_WINDOW */
    guint64 position;   /* bytes decoded so far */
    guint64 will_reach; /* busy: position after the request */
    gboolean busy;      /* under lock, as all of the above while idle */
    GList link;         /* newest use first */
} Kept;

static GMutex lock;
static GCond returned;          /* a stream became idle or was closed */
static GQueue kept_streams;     /* all of them; under lock */
static guint idle;              /* under lock */
static gsize limit = 16u << 20; /* under lock */

static void kept_free(Kept *kept)
{
    cronos_zip_stream_free(kept->stream);
    if (kept->window != NULL)
        cronos_read_memory_add(-(gssize)STREAM_BYTES);
    g_free(kept->window);
    g_free(kept);
}

static guint64 window_start(guint64 position)
{
    return position > CRONOS_READ_WINDOW ? position - CRONOS_READ_WINDOW : 0;
}

/* Returns: how many bytes must be decoded to get to @offset; G_MAXUINT64: not from here. */
static guint64 distance(const Kept *kept, guint64 offset)
{
    guint64 position = kept->busy ? kept->will_reach : kept->position;

    if (offset < window_start(position))
        return G_MAXUINT64;
    return offset > position ? offset - position : 0;
}

static Kept *nearest_locked(guint64 owner, guint32 entry, guint64 offset)
{
    Kept *best = NULL;
    guint64 best_distance = offset; /* that of a new stream */

    for (GList *link = kept_streams.head; link != NULL; link = link->next) {
        Kept *kept = link->data;

        if (kept->owner != owner || kept->entry != entry)
            continue;
        guint64 d = distance(kept, offset);
        if (d < best_distance ||
            (d == best_distance && (best == NULL || best->busy) && !kept->busy)) {
            best = kept;
            best_distance = d;
        }
    }
    return best;
}

static void use_locked(Kept *kept, guint64 end)
{
    kept->busy = TRUE;
    kept->will_reach = MAX(kept->position, end);
    g_queue_push_head_link(&kept_streams, &kept->link);
}

/* Returns: a stream that is the caller's alone until it is given back; one without .stream is new.
 */
static Kept *take(guint64 owner, guint32 entry, guint64 offset, guint64 end)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    Kept *kept;

    while ((kept = nearest_locked(owner, entry, offset)) != NULL && kept->busy)
        g_cond_wait(&returned, &lock);
    if (kept != NULL) {
        g_queue_unlink(&kept_streams, &kept->link);
        idle--;
    } else {
        kept = g_new0(Kept, 1);
        kept->owner = owner;
        kept->entry = entry;
        kept->link.data = kept;
    }
    use_locked(kept, end);
    return kept;
}

/* Returns: (owned) an idle stream too many, or NULL. */
static Kept *surplus_locked(void)
{
    if ((gsize)idle * STREAM_BYTES <= limit)
        return NULL;
    for (GList *link = kept_streams.tail; link != NULL; link = link->prev) {
        Kept *kept = link->data;

        if (kept->busy)
            continue;
        g_queue_unlink(&kept_streams, link);
        idle--;
        return kept;
    }
    return NULL;
}

static void give_back(Kept *kept, gboolean usable)
{
    Kept *gone;

    g_mutex_lock(&lock);
    if (usable) {
        kept->busy = FALSE;
        idle++;
        gone = surplus_locked();
    } else {
        g_queue_unlink(&kept_streams, &kept->link);
        gone = kept;
    }
    g_cond_broadcast(&returned);
    g_mutex_unlock(&lock);
    if (gone != NULL)
        kept_free(gone);
}

/* Copies what the window holds of [@offset, @offset + @size) from its start on.
 * Returns: bytes copied. */
static gsize copy_window(const Kept *kept, guint64 offset, guint8 *buffer, gsize size)
{
    gsize done = 0;

    while (done < size && offset + done < kept->position) {
        gsize at = (gsize)((offset + done) % CRONOS_READ_WINDOW);
        gsize n = MIN(size - done, CRONOS_READ_WINDOW - at);

        n = (gsize)MIN(n, kept->position - offset - done);
        memcpy(buffer + done, kept->window + at, n);
        done += n;
    }
    return done;
}

/* Decodes one piece, towards @end, into the window. */
static gboolean advance(Kept *kept, guint64 end, GError **error)
{
    gsize at = (gsize)(kept->position % CRONOS_READ_WINDOW);
    gsize n = (gsize)MIN(end - kept->position, CRONOS_READ_WINDOW - at);
    gssize got = cronos_zip_stream_read(kept->stream, kept->window + at, n, error);

    if (got < 0)
        return FALSE;
    if (got == 0) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                            "the member's size changed since the archive was opened");
        return FALSE;
    }
    kept->position += (guint64)got;
    return TRUE;
}

static gboolean serve(Kept *kept, guint64 offset, guint8 *buffer, gsize size, GError **error)
{
    gsize done = 0;

    for (;;) {
        if (kept->position > offset + done)
            done += copy_window(kept, offset + done, buffer + done, size - done);
        if (done == size)
            return TRUE;
        if (!advance(kept, offset + size, error))
            return FALSE;
    }
}

gssize cronos_read_streams_read(guint64 owner, int fd, guint32 entry, const CronosZipExtent *extent,
                                guint64 limit_offset, guint64 offset, void *buffer, gsize size,
                                GError **error)
{
    Kept *kept = take(owner, entry, offset, offset + size);
    gboolean ok = TRUE;

    if (kept->stream == NULL) {
        kept->stream = cronos_zip_stream_open_lean(fd, extent, limit_offset, error);
        kept->window = g_malloc(CRONOS_READ_WINDOW);
        cronos_read_memory_add(STREAM_BYTES);
        ok = kept->stream != NULL;
    }
    ok = ok && serve(kept, offset, buffer, size, error);
    give_back(kept, ok);
    return ok ? (gssize)size : -1;
}

void cronos_read_streams_drop(guint64 owner)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    GList *next;

    for (GList *link = kept_streams.head; link != NULL; link = next) {
        Kept *kept = link->data;

        next = link->next;
        if (kept->owner != owner || kept->busy)
            continue;
        g_queue_unlink(&kept_streams, link);
        idle--;
        kept_free(kept);
    }
}

void cronos_read_streams_set_limit(gsize bytes)
{
    Kept *gone;

    g_mutex_lock(&lock);
    limit = bytes;
    while ((gone = surplus_locked()) != NULL)
        kept_free(gone);
    g_mutex_unlock(&lock);
}
