/* SPDX-License-Identifier: MIT
 * watch.h - keeps the tree up with the directory, and the kernel up with the tree
 *
 * One thread: it waits for inotify events (where the file system has none that can be relied on, it
 * looks at the directory's time stamp once a second), reads the directory again, and tells the
 * kernel to drop the names and the listing it has cached. It holds no lock while it tells it, since
 * the kernel may first wait for requests that are being served. */
#pragma once
#include "fs/tree.h"

struct fuse_session;
typedef struct CronosWatch CronosWatch;

/* @tree, @session: borrowed, outlive the watch. The thread inherits the caller's signal mask.
 * Returns: (owned), or NULL with a system error. */
CronosWatch *cronos_watch_start(CronosTree *tree, struct fuse_session *session, GError **error);
/* Ends the thread: it tells the kernel no more. Do it while requests are still served: what the
 * kernel waits for before it takes a notification must still come. Again: no-op. */
void cronos_watch_halt(CronosWatch *watch);
void cronos_watch_free(CronosWatch *watch); /* halts first; NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosWatch, cronos_watch_free)
