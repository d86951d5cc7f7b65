/* SPDX-License-Identifier: MIT
 * session.h - one mount, from mount(2) to its end
 *
 * It ends when somebody unmounts it, or with SIGTERM, SIGINT or SIGHUP, when it unmounts itself:
 * lazily, so that a file held open does not keep it. */
#pragma once
#include "fs/mount.h"

typedef struct CronosSession CronosSession;

/* Mounts; nothing is served yet. @mount: borrowed, outlives the session.
 * Returns: (owned), or NULL with @error: USAGE for options that FUSE does not know. */
CronosSession *cronos_session_new(CronosMount *mount, GError **error);
/* Serves until the end; then the mount is gone. Call once, from the main thread; no other thread
 * may run yet. Returns: FALSE with @error when it could not start or broke down. */
gboolean cronos_session_serve(CronosSession *session, GError **error);
/* Unmounts where it is still mounted. NULL: no-op. */
void cronos_session_free(CronosSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosSession, cronos_session_free)
