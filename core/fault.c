/* SPDX-License-Identifier: MIT
 * fault.c - named fault points */
#include "core/fault.h"

#include "core/error.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *name;
    guint64 passage; /* 0: every one */
    int errnum;      /* 0: a signal */
    int signal;
    guint64 passed; /* atomic */
} Fault;

static Fault *parse_fault(const char *text)
{
    Fault *fault = g_new0(Fault, 1);
    const char *colon = strchr(text, ':');

    fault->name = colon != NULL ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);

    char *at = strchr(fault->name, '@');
    if (at != NULL) {
        *at = '\0';
        fault->passage = g_ascii_strtoull(at + 1, NULL, 10);
    }
    fault->signal = SIGKILL;
    if (g_strcmp0(colon, ":eio") == 0)
        fault->errnum = EIO;
    else if (g_strcmp0(colon, ":enospc") == 0)
        fault->errnum = ENOSPC;
    else if (g_strcmp0(colon, ":int") == 0)
        fault->signal = SIGINT;
    else if (g_strcmp0(colon, ":stop") == 0)
        fault->signal = SIGSTOP;
    return fault;
}

static gpointer armed_fault(gpointer unused)
{
    const char *text = g_getenv("CRONOS_FAULT");

    return text != NULL && *text != '\0' ? parse_fault(text) : NULL;
}

/* To the process, whichever thread takes it; returns once one has. */
static void strike(int number)
{
    sigset_t pending;

    if (number == SIGSTOP) {
        raise(number);
        return;
    }
    if (kill(getpid(), number) != 0)
        return;
    while (sigpending(&pending) == 0 && sigismember(&pending, number))
        g_usleep(1000);
}

int cronos_fault_errno(const char *name)
{
    static GOnce once = G_ONCE_INIT;
    Fault *fault = g_once(&once, armed_fault, NULL);

    if (fault == NULL || strcmp(fault->name, name) != 0)
        return 0;

    guint64 passage = __atomic_add_fetch(&fault->passed, 1, __ATOMIC_SEQ_CST);
    if (fault->passage != 0 && fault->passage != passage)
        return 0;
    if (fault->errnum == 0)
        strike(fault->signal);
    return fault->errnum;
}

gboolean cronos_fault_point(const char *name, GError **error)
{
    int errnum = cronos_fault_errno(name);

    if (errnum != 0)
        cronos_error_set_system(error, errnum, "fault point %s", name);
    return errnum == 0;
}
