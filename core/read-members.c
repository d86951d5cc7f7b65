/* SPDX-License-Identifier: MIT
 * read-members.c - the table of large members, and its bound
 *
 * Lock order: the table's, then a member's, then its spans'. */
#include "core/read-ahead.h"
#include "core/read-member-private.h"
#include "core/read-memory.h"

/* Where the largest of all has no more than this in windows, forgetting helps more than thinning.
 */
#define WINDOWS_LEAST ((gsize)64 << 10)
/* Growth below this is not worth the table's lock. */
#define GROWTH_NOTED ((gsize)16 << 10)

static GMutex lock;
static GHashTable *members; /* CronosReadMember, by owner and entry; under lock */
static GQueue by_last_use;  /* under lock, as all of the below */
static gsize bytes_counted;
static gsize limit = 16u << 20;

static guint member_hash(gconstpointer key)
{
    const CronosReadMember *member = key;
    guint64 mixed = (member->owner << 32 ^ member->entry) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

    return (guint)(mixed >> 32);
}

static gboolean member_equal(gconstpointer a, gconstpointer b)
{
    const CronosReadMember *left = a, *right = b;

    return left->owner == right->owner && left->entry == right->entry;
}

static void count_locked(CronosReadMember *member, gsize bytes)
{
    gssize growth = (gssize)(bytes - member->counted_bytes);

    bytes_counted += (gsize)growth;
    __atomic_store_n(&member->counted_bytes, bytes, __ATOMIC_RELAXED);
    cronos_read_memory_add(growth);
}

/* Returns: the member if it was the last reference, to be freed without the lock; else NULL. */
static CronosReadMember *unref_locked(CronosReadMember *member)
{
    if (--member->refs > 0)
        return NULL;
    count_locked(member, 0);
    return member;
}

static CronosReadMember *unlist_locked(CronosReadMember *member)
{
    member->listed = FALSE;
    g_hash_table_remove(members, member);
    g_queue_unlink(&by_last_use, &member->link);
    return unref_locked(member);
}

static CronosReadMember *find_locked(guint64 owner, guint32 entry)
{
    const CronosReadMember key = {.owner = owner, .entry = entry};

    if (members == NULL)
        members = g_hash_table_new(member_hash, member_equal);
    CronosReadMember *member = g_hash_table_lookup(members, &key);
    if (member != NULL) {
        g_queue_unlink(&by_last_use, &member->link);
    } else {
        member = cronos_read_member_new(owner, entry);
        member->refs = 1;
        member->listed = TRUE;
        g_hash_table_add(members, member);
    }
    g_queue_push_head_link(&by_last_use, &member->link);
    member->refs++;
    return member;
}

/* Returns: the member whose windows take most, or NULL where none takes much. */
static CronosReadMember *largest_locked(void)
{
    CronosReadMember *largest = NULL;
    gsize most = WINDOWS_LEAST;

    for (const GList *link = by_last_use.head; link != NULL; link = link->next) {
        CronosReadMember *member = link->data;
        gsize bytes = cronos_read_member_window_bytes(member);

        if (bytes > most) {
            largest = member;
            most = bytes;
        }
    }
    return largest;
}

/* Returns: whether anything was let go. */
static gboolean make_room_locked(GQueue *gone)
{
    CronosReadMember *largest = largest_locked();

    if (largest != NULL) {
        cronos_read_spans_thin(largest->spans);
        count_locked(largest, cronos_read_member_memory(largest));
        return TRUE;
    }
    for (GList *link = by_last_use.tail; link != NULL; link = link->prev) {
        CronosReadMember *member = link->data;

        /* The kernel keeps what it read of it: who reads the rest must not be told all is well. */
        if (member->refs > 1 || cronos_read_member_is_damaged(member))
            continue;
        unlist_locked(member);
        g_queue_push_tail_link(gone, &member->link);
        return TRUE;
    }
    return FALSE;
}

static void free_all(GQueue *gone)
{
    while (gone->head != NULL)
        cronos_read_member_free(g_queue_pop_head_link(gone)->data);
}

/* Counts what the member takes by now, and sees to the limit. */
static void balance(CronosReadMember *member)
{
    GQueue gone = G_QUEUE_INIT;
    gsize bytes = cronos_read_member_memory(member);
    gsize counted = __atomic_load_n(&member->counted_bytes, __ATOMIC_RELAXED);

    if (counted != 0 && bytes < counted + GROWTH_NOTED)
        return;
    g_mutex_lock(&lock);
    count_locked(member, bytes);
    while (bytes_counted > limit && make_room_locked(&gone))
        ;
    g_mutex_unlock(&lock);
    free_all(&gone);
}

CronosReadMember *cronos_read_member_get(guint64 owner, guint32 entry, int fd,
                                         const CronosZipExtent *extent, guint64 limit_offset,
                                         GError **error)
{
    g_mutex_lock(&lock);
    CronosReadMember *member = find_locked(owner, entry);
    g_mutex_unlock(&lock);
    if (cronos_read_member_prepare(member, fd, extent, limit_offset, error))
        return member;
    cronos_read_member_release(member);
    return NULL;
}

CronosReadMember *cronos_read_member_ref(CronosReadMember *member)
{
    g_mutex_lock(&lock);
    member->refs++;
    g_mutex_unlock(&lock);
    return member;
}

void cronos_read_member_release(CronosReadMember *member)
{
    balance(member);
    g_mutex_lock(&lock);
    CronosReadMember *gone = unref_locked(member);
    g_mutex_unlock(&lock);
    if (gone != NULL)
        cronos_read_member_free(gone);
}

void cronos_read_members_drop(guint64 owner)
{
    GQueue gone = G_QUEUE_INIT;
    GList *next;

    cronos_read_ahead_cancel(owner);
    g_mutex_lock(&lock);
    for (GList *link = by_last_use.head; link != NULL; link = next) {
        CronosReadMember *member = link->data;

        next = link->next;
        if (member->owner == owner && unlist_locked(member) != NULL)
            g_queue_push_tail_link(&gone, &member->link);
    }
    g_mutex_unlock(&lock);
    free_all(&gone);
}

void cronos_read_members_set_limit(gsize bytes)
{
    GQueue gone = G_QUEUE_INIT;

    g_mutex_lock(&lock);
    limit = bytes;
    while (bytes_counted > limit && make_room_locked(&gone))
        ;
    g_mutex_unlock(&lock);
    free_all(&gone);
}
