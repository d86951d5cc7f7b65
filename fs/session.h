/* SPDX-License-Identifier: MIT
 * session.h - one mount, from mount(2) to its end
 *
 * It ends when somebody unmounts it, or with SIGTERM, SIGINT or SIGHUP. */
#pragma once
#include "fs/mount.h"

typedef struct CronosSession CronosSession;

/* Mounts; nothing is served yet. @mount: borrowed, outlives the session.
 * Returns: (owned), or NULL with @error: USAGE for options that FUSE does not know. */
CronosSession *cronos_session_new(CronosMount *mount, GError **error);
/* Serves until the end, locked down (fs/sandbox.h). Call once, from the main thread; no other
 * thread may run yet. Returns: FALSE with @error when it could not start or broke down. */
gboolean cronos_session_serve(CronosSession *session, GError **error);
/* Returns: whether others have unmounted it. */
gboolean cronos_session_is_unmounted(const CronosSession *session);
/* The mount is another process's from now on, to serve or to take away: not unmounted here. */
void cronos_session_release(CronosSession *session);
/* Unmounts where it is still mounted and not released. NULL: no-op. */
void cronos_session_free(CronosSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosSession, cronos_session_free)
