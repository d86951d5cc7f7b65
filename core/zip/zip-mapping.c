/* SPDX-License-Identifier: MIT
 * zip-mapping.c - read-only maps with a guard against SIGBUS
 *
 * The handler may run at any time in any thread, so it reads the registry without a lock: regions
 * are only ever prepended to a list and recycled, never freed, and a region is in use while its
 * start is not 0. Start and length change only while no reader can touch the map. */
#include "core/zip/zip-mapping.h"

#include "core/error.h"
#include "core/zip/zip-io.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Region Region;
struct Region {
    guintptr start; /* atomic; 0: free */
    gsize length;   /* whole pages */
    gint damaged;   /* atomic */
    Region *next;   /* set once, before the region is published */
};

#define TRIM_FROM_BYTES (1u << 20)
#define TRIM_OFTEN_FROM_BYTES (24u << 20)
#define TRIM_EVERY_BYTES (8u << 20)
/* A fault maps the pages around it too, this many bytes as a rule. */
#define FAULT_BYTES (64u << 10)

struct CronosZipMapping {
    Region *region; /* NULL for an empty map, and for bytes in memory */
    const guint8 *bytes;
    guint8 *memory; /* owned; NULL for a map */
    gsize memory_bytes;
    guint last_touch;    /* atomic: where, from the map's start */
    guint touched_bytes; /* atomic: about how much was touched since the last trim */
};

static Region *regions;        /* atomic head */
static GMutex regions_lock;    /* serialises taking and recycling */
static struct sigaction chain; /* who handled SIGBUS before */
static gsize page_size;

static gboolean patch_fault(guintptr address)
{
    for (Region *r = g_atomic_pointer_get(&regions); r != NULL; r = r->next) {
        guintptr start = (guintptr)g_atomic_pointer_get(&r->start);
        void *page = (void *)(address & ~(guintptr)(page_size - 1));

        if (start == 0 || address < start || address - start >= r->length)
            continue;
        g_atomic_int_set(&r->damaged, 1);
        return mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
               MAP_FAILED;
    }
    return FALSE;
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
    int saved = errno;

    if (info->si_code > 0 && patch_fault((guintptr)info->si_addr)) {
        errno = saved;
        return;
    }
    if ((chain.sa_flags & SA_SIGINFO) && chain.sa_sigaction != NULL) {
        chain.sa_sigaction(number, info, context);
    } else if (chain.sa_handler != SIG_DFL && chain.sa_handler != SIG_IGN) {
        chain.sa_handler(number);
    } else {
        /* Returning repeats the access, which ends the process as it would have without us; a
         * signal that was sent rather than raised by an access must be sent again. */
        signal(number, SIG_DFL);
        if (info->si_code <= 0)
            raise(number);
    }
    errno = saved;
}

static void install_guard(void)
{
    static gsize installed;

    if (!g_once_init_enter(&installed))
        return;
    struct sigaction action = {.sa_sigaction = on_sigbus,
                               .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART | SA_ONSTACK};

    page_size = (gsize)sysconf(_SC_PAGESIZE);
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &chain);
    g_once_init_leave(&installed, 1);
}

static Region *take_region(guintptr start, gsize length)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&regions_lock);
    Region *r = regions;

    while (r != NULL && r->start != 0)
        r = r->next;
    gboolean fresh = r == NULL;
    if (fresh) {
        r = g_new0(Region, 1);
        r->next = regions;
    }
    r->length = length;
    g_atomic_int_set(&r->damaged, 0);
    g_atomic_pointer_set(&r->start, start);
    if (fresh)
        g_atomic_pointer_set(&regions, r);
    return r;
}

CronosZipMapping *cronos_zip_mapping_new(int fd, guint64 offset, gsize length, GError **error)
{
    g_autofree CronosZipMapping *mapping = g_new0(CronosZipMapping, 1);

    install_guard();
    mapping->bytes = (const guint8 *)"";
    if (length == 0)
        return g_steal_pointer(&mapping);

    gsize lead = (gsize)(offset % page_size);
    if (length > G_MAXSSIZE - lead - page_size) {
        cronos_error_set_system(error, ENOMEM, "mapping the central directory");
        return NULL;
    }
    gsize whole = (lead + length + page_size - 1) / page_size * page_size;
    void *start = mmap(NULL, whole, PROT_READ, MAP_PRIVATE, fd, (off_t)(offset - lead));
    if (start == MAP_FAILED) {
        cronos_error_set_system(error, errno, "mapping the central directory");
        return NULL;
    }
    cronos_zip_announce(fd, offset - lead, whole);
    mapping->bytes = (const guint8 *)start + lead;
    mapping->region = take_region((guintptr)start, whole);
    return g_steal_pointer(&mapping);
}

CronosZipMapping *cronos_zip_mapping_of(guint8 *bytes, gsize length)
{
    CronosZipMapping *mapping = g_new0(CronosZipMapping, 1);

    mapping->bytes = mapping->memory = bytes;
    mapping->memory_bytes = length;
    return mapping;
}

void cronos_zip_mapping_free(CronosZipMapping *mapping)
{
    if (mapping == NULL)
        return;
    if (mapping->region != NULL) {
        void *start = (void *)mapping->region->start;
        gsize length = mapping->region->length;

        /* Unregistered first: once unmapped, the space may become someone else's map, whose faults
         * are not ours to patch. */
        g_mutex_lock(&regions_lock);
        g_atomic_pointer_set(&mapping->region->start, 0);
        g_mutex_unlock(&regions_lock);
        munmap(start, length);
    }
    g_free(mapping->memory);
    g_free(mapping);
}

const guint8 *cronos_zip_mapping_bytes(const CronosZipMapping *mapping)
{
    return mapping->bytes;
}

gsize cronos_zip_mapping_memory_bytes(const CronosZipMapping *mapping)
{
    return mapping->memory_bytes;
}

gboolean cronos_zip_mapping_is_damaged(const CronosZipMapping *mapping)
{
    return mapping->region != NULL && g_atomic_int_get(&mapping->region->damaged) != 0;
}

void cronos_zip_mapping_trim(CronosZipMapping *mapping)
{
    if (mapping->region != NULL && mapping->region->length >= TRIM_FROM_BYTES)
        madvise((void *)mapping->region->start, mapping->region->length, MADV_DONTNEED);
}

void cronos_zip_mapping_touch(CronosZipMapping *mapping, guint32 offset)
{
    if (mapping->region == NULL || mapping->region->length < TRIM_OFTEN_FROM_BYTES)
        return;
    guint last = g_atomic_int_get(&mapping->last_touch);
    guint step = MIN(offset > last ? offset - last : last - offset, FAULT_BYTES);

    g_atomic_int_set(&mapping->last_touch, offset);
    if (g_atomic_int_add(&mapping->touched_bytes, step) + step < TRIM_EVERY_BYTES)
        return;
    g_atomic_int_set(&mapping->touched_bytes, 0);
    cronos_zip_mapping_trim(mapping);
}
