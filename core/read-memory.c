/* SPDX-License-Identifier: MIT
 * read-memory.c - what the read engine holds */
#include "core/read-memory.h"

static gsize held, most_held; /* atomic */

static GMutex lock;
static GCond given_back;
static gsize in_flight; /* under lock */

void cronos_read_memory_add(gssize bytes)
{
    gsize now = __atomic_add_fetch(&held, (gsize)bytes, __ATOMIC_RELAXED);
    gsize most = __atomic_load_n(&most_held, __ATOMIC_RELAXED);

    while (bytes > 0 && now > most &&
           !__atomic_compare_exchange_n(&most_held, &most, now, TRUE, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        ;
}

gsize cronos_read_memory_now(void)
{
    return __atomic_load_n(&held, __ATOMIC_RELAXED);
}

gsize cronos_read_memory_peak(void)
{
    return __atomic_load_n(&most_held, __ATOMIC_RELAXED);
}

void cronos_read_memory_reset_peak(void)
{
    __atomic_store_n(&most_held, cronos_read_memory_now(), __ATOMIC_RELAXED);
}

void cronos_read_memory_begin(gsize bytes)
{
    g_mutex_lock(&lock);
    while (in_flight > 0 && in_flight + bytes > CRONOS_READ_IN_FLIGHT)
        g_cond_wait(&given_back, &lock);
    in_flight += bytes;
    g_mutex_unlock(&lock);
}

void cronos_read_memory_end(gsize bytes)
{
    g_mutex_lock(&lock);
    in_flight -= bytes;
    g_cond_broadcast(&given_back);
    g_mutex_unlock(&lock);
}
