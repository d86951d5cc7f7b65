/* SPDX-License-Identifier: MIT
 * readiness.h - going into the background without losing an error
 *
 * The process forks once everything that may fail at the start is done. The parent waits at a pipe:
 * for the word that the mount serves, or for the reason why it does not, or for the daemon's death;
 * so that its exit status says whether the mount can be used. */
#pragma once
#include <glib.h>

typedef struct CronosReadiness CronosReadiness;

typedef enum {
    CRONOS_READINESS_DAEMON,
    CRONOS_READINESS_WAITER,
} CronosReadinessSide;

/* Forks; no thread may run yet. The daemon gets a session of its own and leaves the working
 * directory. Returns: (owned) in both processes, or NULL with a system error. */
CronosReadiness *cronos_readiness_fork(CronosReadinessSide *out_side, GError **error);
/* No fork: for a daemon in the foreground. */
CronosReadiness *cronos_readiness_foreground(void);
void cronos_readiness_free(CronosReadiness *readiness); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosReadiness, cronos_readiness_free)

/* For a process between the two, which neither serves nor waits: leaves the terminal, and takes no
 * part any more. Nothing is closed where the daemon is in the foreground. */
void cronos_readiness_resign(CronosReadiness *readiness);

/* Daemon: lets the parent go, and turns from the terminal to the log. The first call counts.
 * Threads: safe. */
void cronos_readiness_announce(CronosReadiness *readiness);
/* Daemon: gives the parent the reason instead. Returns: whether anybody was waiting for it. */
gboolean cronos_readiness_fail(CronosReadiness *readiness, const char *reason);
/* Waiter: blocks. Returns: TRUE when the mount serves, or FALSE with the reason in @error. */
gboolean cronos_readiness_wait(CronosReadiness *readiness, GError **error);
