/* SPDX-License-Identifier: MIT
 * tsan-glib.c - tells ThreadSanitizer what GLib's locks order
 *
 * GLib of the distribution is not built for ThreadSanitizer, so that each use of a GMutex would
 * look like none. This library is preloaded (LD_PRELOAD) into the programs under test: each of its
 * functions calls GLib's own and notes an acquire or a release on the lock. In programs without
 * the sanitizer it does nothing more than pass calls on. */
#include <dlfcn.h>
#include <glib.h>

/* Absent (NULL) in programs that are not built with the sanitizer. */
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

static void acquire(void *address)
{
    if (__tsan_acquire != NULL)
        __tsan_acquire(address);
}

static void release(void *address)
{
    if (__tsan_release != NULL)
        __tsan_release(address);
}

/* Declares the function pointer `real`: the next definition of @name, looked up once. */
#define REAL(name)                                                                                 \
    static typeof(&name) real;                                                                     \
    typeof(&name) found = __atomic_load_n(&real, __ATOMIC_ACQUIRE);                                \
    if (found == NULL) {                                                                           \
        found = (typeof(&name))dlsym(RTLD_NEXT, #name);                                            \
        __atomic_store_n(&real, found, __ATOMIC_RELEASE);                                          \
    }

void g_mutex_lock(GMutex *mutex)
{
    REAL(g_mutex_lock)
    found(mutex);
    acquire(mutex);
}

gboolean g_mutex_trylock(GMutex *mutex)
{
    REAL(g_mutex_trylock)
    gboolean locked = found(mutex);

    if (locked)
        acquire(mutex);
    return locked;
}

void g_mutex_unlock(GMutex *mutex)
{
    REAL(g_mutex_unlock)
    release(mutex);
    found(mutex);
}

void g_cond_wait(GCond *condition, GMutex *mutex)
{
    REAL(g_cond_wait)
    release(mutex);
    found(condition, mutex);
    acquire(mutex);
}

gboolean g_cond_wait_until(GCond *condition, GMutex *mutex, gint64 end_time)
{
    REAL(g_cond_wait_until)
    release(mutex);
    gboolean signalled = found(condition, mutex, end_time);
    acquire(mutex);
    return signalled;
}

gboolean(g_once_init_enter)(volatile void *location)
{
    REAL(g_once_init_enter)
    gboolean first = found(location);

    if (!first)
        acquire((void *)location);
    return first;
}

void(g_once_init_leave)(volatile void *location, gsize result)
{
    REAL(g_once_init_leave)
    release((void *)location);
    found(location, result);
}

gpointer g_once_impl(GOnce *once, GThreadFunc function, gpointer argument)
{
    REAL(g_once_impl)
    gpointer result = found(once, function, argument);

    release(once);
    acquire(once);
    return result;
}

void(g_atomic_ref_count_inc)(gatomicrefcount *count)
{
    REAL(g_atomic_ref_count_inc)
    found(count);
}

gboolean(g_atomic_ref_count_dec)(gatomicrefcount *count)
{
    REAL(g_atomic_ref_count_dec)
    release((void *)count);
    gboolean last = found(count);

    if (last)
        acquire((void *)count);
    return last;
}
