/* SPDX-License-Identifier: MIT
 * open-beneath.h - opening a relative path without ever leaving the directory it is relative to
 *
 * The kernel resolves the path (openat2 with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and
 * RESOLVE_NO_MAGICLINKS). Where openat2 does not exist (Linux before 5.6, some sandboxes) the path
 * is walked component by component with O_NOFOLLOW, and "." and ".." are refused. */
#pragma once
#include <glib.h>

/* Opens @path, relative to the directory @dirfd, with the open(2) @flags, of which none may create;
 * O_CLOEXEC is added. "" is @dirfd itself. A path longer than PATH_MAX is opened in several steps,
 * so that no length is refused. A @path that leads out or is absolute is EXDEV; a symbolic link
 * anywhere in it ELOOP (or ENOTDIR), except as the last component under O_PATH | O_NOFOLLOW.
 * Returns: (owned) fd, or -1 with errno set. Threads: safe. */
int cronos_open_beneath(int dirfd, const char *path, int flags);
