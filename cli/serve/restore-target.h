/* SPDX-License-Identifier: MIT
 * restore-target.h - where a request from afar may restore to */
#pragma once
#include <glib.h>

/* Finds @path, absolute or relative to @directory, below @directory, without "..", and without a
 * symbolic link anywhere below it: what was restored before may hold some. @directory itself must
 * be absolute, and is taken as it stands. Returns: (owned) an absolute path, or NULL with @error
 * UNSAFE or a system error. Limits: what another process does there afterwards is not seen. */
char *cronos_restore_target_find(const char *directory, const char *path, GError **error);
