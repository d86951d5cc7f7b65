/* SPDX-License-Identifier: MIT
 * keeper.h - the process that takes the mount away
 *
 * Serving is done in a child that has given up all rights to do anything else (fs/sandbox.h), and
 * can not even unmount. Its parent stays outside, opens no archive, and waits: for the signals that
 * end the mount, which it passes on, and for the child's end, after which it unmounts what nobody
 * else has unmounted: also when the child has crashed. The child does not outlive it. */
#pragma once
#include <glib.h>

typedef struct CronosKeeper CronosKeeper;

typedef enum {
    CRONOS_KEEPER_PARENT,
    CRONOS_KEEPER_CHILD,
} CronosKeeperSide;

/* Notes which mount is on @mount_point, and forks; no thread may run yet, and the signals that end
 * the mount are blocked. Returns: (owned) in both processes, or NULL with a system error. */
CronosKeeper *cronos_keeper_fork(const char *mount_point, CronosKeeperSide *out_side,
                                 GError **error);
/* Parent: waits for the child's end and unmounts. Returns: the child's exit status, or 1 where it
 * was killed. */
int cronos_keeper_wait(CronosKeeper *keeper);
/* Child: others have unmounted it: the place may be another mount's at any time. */
void cronos_keeper_note_unmounted(CronosKeeper *keeper);
void cronos_keeper_free(CronosKeeper *keeper); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosKeeper, cronos_keeper_free)
