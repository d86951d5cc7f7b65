/* SPDX-License-Identifier: MIT
 * interrupt.c - a thread that waits for signals
 *
 * The signals are blocked in every thread and fetched by sigwait in one, so that cancelling, which
 * takes locks, never runs inside a signal handler. */
#include "cli/interrupt.h"

#include <pthread.h>
#include <signal.h>

static int caught; /* atomic */

static void signals_collect(sigset_t *set)
{
    static const int candidates[] = {SIGINT, SIGTERM, SIGHUP};

    sigemptyset(set);
    for (guint i = 0; i < G_N_ELEMENTS(candidates); i++) {
        struct sigaction action;

        if (sigaction(candidates[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(set, candidates[i]);
    }
}

static gpointer watch(gpointer data)
{
    g_autoptr(GCancellable) cancellable = data;
    sigset_t set;
    int number;

    signals_collect(&set);
    if (sigwait(&set, &number) != 0)
        return NULL;
    g_atomic_int_set(&caught, number);
    g_cancellable_cancel(cancellable);
    if (sigwait(&set, &number) != 0)
        return NULL;
    signal(number, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    return NULL;
}

GCancellable *cronos_interrupt_start(void)
{
    static GCancellable *cancellable;
    sigset_t set;

    g_return_val_if_fail(cancellable == NULL, cancellable);
    cancellable = g_cancellable_new();
    signal(SIGPIPE, SIG_IGN);
    signals_collect(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    g_thread_unref(g_thread_new("signals", watch, g_object_ref(cancellable)));
    return cancellable;
}

int cronos_interrupt_signal(void)
{
    return g_atomic_int_get(&caught);
}
