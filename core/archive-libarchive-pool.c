/* SPDX-License-Identifier: MIT
 * archive-libarchive-pool.c - handles kept where they stand
 *
 * A handle is busy (one thread decodes, without the lock) or idle. A request is in the list of
 * those waiting from its start until it has a handle of its own, or until a handle that comes by
 * has served it. Handles that failed are freed. */
#include "core/archive-libarchive-pool.h"

#include "core/error.h"
#include "core/read-cache.h"

#define IDLE_MAX 3u
/* Waiting for a busy handle beats opening another one that would have to decode this much more. */
#define WORTH_WAITING (G_GUINT64_CONSTANT(8) << 20)
#define SCRATCH_BYTES (64u << 10)

typedef struct {
    guint32 ordinal;
    guint64 offset;
    guint64 place; /* that of the offset */
} Position;

typedef struct {
    guint64 owner;
    guint32 group;
    CronosLibarchiveHandle *handle; /* the user's alone while busy */
    Position position;              /* under lock; while busy: where the handle will be */
    Position passing;               /* under lock; while busy: it has not gone beyond this yet */
    gboolean busy;                  /* under lock */
    GList link;                     /* under lock; newest use first */
} Kept;

typedef struct {
    const CronosLibarchiveTarget *target;
    guint64 offset;
    guint8 *buffer;
    gboolean taken; /* under lock: a handle that comes by is at it */
    gboolean done;  /* under lock: it was; @failure tells how it went */
    GError *failure;
    GList link; /* under lock; in waiting */
} Request;

static GMutex lock;
static GCond changed;       /* a handle became idle, a request was served or left */
static GQueue kept_handles; /* all of them; under lock */
static GQueue waiting;      /* Request; under lock */
static guint idle;          /* under lock */

guint64 cronos_libarchive_cache_item(const CronosLibarchiveTarget *target, guint64 offset)
{
    guint32 member = target->group != 0 ? target->group : target->ordinal;

    return (guint64)member << 32 | (guint32)(offset / CRONOS_LIBARCHIVE_UNIT);
}

gsize cronos_libarchive_unit_bytes(guint64 size_bytes, guint64 offset)
{
    return (gsize)MIN(CRONOS_LIBARCHIVE_UNIT, size_bytes - offset);
}

static void kept_free(Kept *kept)
{
    cronos_libarchive_handle_free(kept->handle);
    g_free(kept);
}

/* Returns: whether a handle at @position can still come to the request. */
static gboolean is_ahead(const Position *position, const Request *request)
{
    return position->ordinal < request->target->ordinal ||
           (position->ordinal == request->target->ordinal && position->offset <= request->offset);
}

typedef struct {
    Kept *idle, *busy; /* the nearest from which the request can be reached */
    Kept *unsuited;    /* an idle one that is beyond it, used longest ago */
    guint64 idle_distance, busy_distance;
    gboolean passed; /* a busy one is going over it */
    guint count;
} Choice;

static void look_locked(const Request *request, Choice *choice)
{
    guint64 wanted = request->target->place + request->offset;

    *choice = (Choice){.idle_distance = G_MAXUINT64, .busy_distance = G_MAXUINT64};
    for (GList *link = kept_handles.head; link != NULL; link = link->next) {
        Kept *kept = link->data;
        guint64 distance = wanted - MIN(kept->position.place, wanted);

        if (kept->owner != request->target->owner || kept->group != request->target->group)
            continue;
        choice->count++;
        if (!is_ahead(&kept->position, request)) {
            choice->passed |= kept->busy && is_ahead(&kept->passing, request);
            choice->unsuited = kept->busy ? choice->unsuited : kept;
        } else if (kept->busy && distance < choice->busy_distance) {
            choice->busy = kept;
            choice->busy_distance = distance;
        } else if (!kept->busy && distance < choice->idle_distance) {
            choice->idle = kept;
            choice->idle_distance = distance;
        }
    }
}

static Kept *add_locked(const Request *request)
{
    Kept *kept = g_new0(Kept, 1);

    kept->owner = request->target->owner;
    kept->group = request->target->group;
    kept->link.data = kept;
    g_queue_push_head_link(&kept_handles, &kept->link);
    return kept;
}

/* Returns: a handle for the request, idle or new (busy FALSE); NULL: wait. @out_old: (owned) to be
 * freed without the lock. */
static Kept *choose_locked(const Request *request, CronosLibarchiveHandle **out_old)
{
    Choice choice;
    guint64 otherwise = request->target->place + request->offset;

    look_locked(request, &choice);
    if (choice.count >= CRONOS_LIBARCHIVE_HANDLES)
        otherwise = G_MAXUINT64;
    otherwise = MIN(otherwise, choice.idle_distance);
    if (otherwise > WORTH_WAITING &&
        (choice.passed ||
         (choice.busy != NULL && choice.busy_distance < otherwise - WORTH_WAITING)))
        return NULL;
    if (choice.idle != NULL) {
        idle--;
        return choice.idle;
    }
    if (choice.count < CRONOS_LIBARCHIVE_HANDLES)
        return add_locked(request);
    if (choice.unsuited == NULL)
        return NULL;
    idle--;
    *out_old = g_steal_pointer(&choice.unsuited->handle);
    return choice.unsuited;
}

/* Returns: a handle that is the caller's alone, or NULL: the request was served meanwhile. */
static Kept *take(Request *request)
{
    CronosLibarchiveHandle *old = NULL;
    Kept *kept = NULL;

    g_mutex_lock(&lock);
    request->link.data = request;
    g_queue_push_tail_link(&waiting, &request->link);
    while (!request->done && (request->taken || (kept = choose_locked(request, &old)) == NULL))
        g_cond_wait(&changed, &lock);
    g_queue_unlink(&waiting, &request->link);
    if (kept != NULL) {
        gsize length = cronos_libarchive_unit_bytes(request->target->size_bytes, request->offset);

        g_queue_unlink(&kept_handles, &kept->link);
        g_queue_push_head_link(&kept_handles, &kept->link);
        kept->busy = TRUE;
        kept->passing = kept->handle != NULL ? kept->position : (Position){0};
        kept->position = (Position){request->target->ordinal, request->offset + length,
                                    request->target->place + request->offset + length};
    }
    g_cond_broadcast(&changed);
    g_mutex_unlock(&lock);
    cronos_libarchive_handle_free(old);
    return kept;
}

/* Returns: (owned) an idle handle too many, or NULL. */
static Kept *surplus_locked(void)
{
    if (idle <= IDLE_MAX)
        return NULL;
    for (GList *link = kept_handles.tail; link != NULL; link = link->prev) {
        Kept *kept = link->data;

        if (kept->busy)
            continue;
        g_queue_unlink(&kept_handles, link);
        idle--;
        return kept;
    }
    return NULL;
}

static void give_back(Kept *kept, gboolean usable)
{
    Kept *gone = kept;

    g_mutex_lock(&lock);
    if (usable) {
        kept->busy = FALSE;
        idle++;
        gone = surplus_locked();
    } else {
        g_queue_unlink(&kept_handles, &kept->link);
    }
    g_cond_broadcast(&changed);
    g_mutex_unlock(&lock);
    if (gone != NULL)
        kept_free(gone);
}

/* Says that the handle goes over the @length bytes it stands before. Returns: the request of
 * another thread for just these, or NULL. */
static Request *claim_waiting(Kept *kept, gsize length)
{
    guint32 ordinal = cronos_libarchive_handle_ordinal(kept->handle);
    guint64 offset = cronos_libarchive_handle_offset(kept->handle);
    Request *found = NULL;

    g_mutex_lock(&lock);
    kept->passing = (Position){.ordinal = ordinal, .offset = offset + length};
    for (GList *link = waiting.head; link != NULL && found == NULL; link = link->next) {
        Request *request = link->data;

        if (!request->taken && !request->done && request->target->owner == kept->owner &&
            request->target->group == kept->group && request->target->ordinal == ordinal &&
            request->offset == offset &&
            request->target->size_bytes == cronos_libarchive_handle_size(kept->handle))
            found = request;
    }
    if (found != NULL)
        found->taken = TRUE;
    g_mutex_unlock(&lock);
    return found;
}

static void settle_waiting(Request *request, GError *failure)
{
    g_mutex_lock(&lock);
    request->failure = failure;
    request->done = TRUE;
    g_cond_broadcast(&changed);
    g_mutex_unlock(&lock);
}

static gboolean decode_unit(const Kept *kept, guint8 *buffer, gsize length, GError **error)
{
    return cronos_libarchive_handle_read(kept->handle, buffer, length, error) == (gssize)length;
}

static gboolean discard_unit(const Kept *kept, gsize length, GError **error)
{
    g_autofree guint8 *scratch = g_malloc(SCRATCH_BYTES);

    while (length > 0) {
        gsize n = MIN(length, SCRATCH_BYTES);

        if (!decode_unit(kept, scratch, n, error))
            return FALSE;
        length -= n;
    }
    return TRUE;
}

/* Goes over the unit that the handle stands before; others may have use for it. Returns: FALSE with
 * @error where it can not be decoded. */
static gboolean pass_unit(Kept *kept, const CronosLibarchiveTarget *target, GError **error)
{
    guint64 offset = cronos_libarchive_handle_offset(kept->handle);
    gsize length =
        cronos_libarchive_unit_bytes(cronos_libarchive_handle_size(kept->handle), offset);
    CronosLibarchiveTarget here = *target;
    Request *request = claim_waiting(kept, length);
    GError *failure = NULL;

    if (request != NULL) {
        gboolean ok = decode_unit(kept, request->buffer, length, &failure);

        if (!ok && error != NULL)
            *error = g_error_copy(failure);
        settle_waiting(request, failure);
        return ok;
    }
    here.ordinal = cronos_libarchive_handle_ordinal(kept->handle);
    CronosReadBlock *block = cronos_read_cache_try_claim(
        here.owner, cronos_libarchive_cache_item(&here, offset), length);
    if (block == NULL)
        return discard_unit(kept, length, error);
    gboolean ok = decode_unit(kept, block->bytes, length, error);
    cronos_read_cache_settle(block, ok);
    cronos_read_cache_release(block);
    return ok;
}

/* Goes over the member that the handle stands in, on the way to another. What is large is not worth
 * keeping, and what can be skipped without decoding is quickly come by again. */
static void pass_member(Kept *kept, const CronosLibarchiveTarget *target)
{
    guint64 size = cronos_libarchive_handle_size(kept->handle);

    if (size > 0 && size <= CRONOS_LIBARCHIVE_UNIT &&
        cronos_libarchive_handle_offset(kept->handle) == 0 &&
        cronos_libarchive_handle_is_solid(kept->handle))
        pass_unit(kept, target, NULL);
}

static gboolean changed_meanwhile(GError **error)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                        "the archive changed since it was opened");
    return FALSE;
}

static gboolean open_handle(Kept *kept, const CronosLibarchiveTarget *target, GError **error)
{
    CronosLibarchiveSource source = {0};

    if (kept->handle == NULL && target->make_source(target->data, target->group, &source, error))
        kept->handle = cronos_libarchive_handle_open(&source, error);
    cronos_libarchive_source_clear(&source);
    return kept->handle != NULL;
}

/* Goes to the unit at @offset of the target. */
static gboolean go_to(Kept *kept, const CronosLibarchiveTarget *target, guint64 offset,
                      GError **error)
{
    for (;;) {
        guint32 ordinal = cronos_libarchive_handle_ordinal(kept->handle);

        if (ordinal == target->ordinal)
            break;
        if (ordinal != G_MAXUINT32 && ordinal > target->ordinal)
            return changed_meanwhile(error);
        if (ordinal != G_MAXUINT32)
            pass_member(kept, target);
        switch (cronos_libarchive_handle_next(kept->handle, error)) {
        case CRONOS_LIBARCHIVE_MEMBER:
            break;
        case CRONOS_LIBARCHIVE_END:
            return changed_meanwhile(error);
        case CRONOS_LIBARCHIVE_FAILED:
            return FALSE;
        }
    }
    if (cronos_libarchive_handle_size(kept->handle) != target->size_bytes)
        return changed_meanwhile(error);
    /* A hole may be larger than can ever be passed. Readers who overtake each other find what lies
     * just before the offset served or kept all the same. */
    while (cronos_libarchive_handle_offset(kept->handle) < offset) {
        if (!cronos_libarchive_handle_leap(kept->handle, offset - MIN(offset, WORTH_WAITING),
                                           CRONOS_LIBARCHIVE_UNIT, error) ||
            !pass_unit(kept, target, error))
            return FALSE;
    }
    return cronos_libarchive_handle_offset(kept->handle) == offset || changed_meanwhile(error);
}

gboolean cronos_libarchive_pool_decode(const CronosLibarchiveTarget *target, guint64 offset,
                                       guint8 *buffer, GError **error)
{
    Request request = {.target = target, .offset = offset, .buffer = buffer};
    Kept *kept = take(&request);

    if (kept == NULL) {
        if (request.failure != NULL)
            g_propagate_error(error, request.failure);
        return request.failure == NULL;
    }
    gboolean ok =
        open_handle(kept, target, error) && go_to(kept, target, offset, error) &&
        decode_unit(kept, buffer, cronos_libarchive_unit_bytes(target->size_bytes, offset), error);
    give_back(kept, ok);
    return ok;
}

void cronos_libarchive_pool_drop(guint64 owner)
{
    GQueue gone = G_QUEUE_INIT;
    GList *next;

    g_mutex_lock(&lock);
    for (GList *link = kept_handles.head; link != NULL; link = next) {
        Kept *kept = link->data;

        next = link->next;
        if (kept->owner != owner || kept->busy)
            continue;
        g_queue_unlink(&kept_handles, link);
        idle--;
        g_queue_push_tail_link(&gone, link);
    }
    g_mutex_unlock(&lock);
    while (gone.head != NULL)
        kept_free(g_queue_pop_head_link(&gone)->data);
}
