/* SPDX-License-Identifier: MIT
 * backup-run.h - a backup with all that the configuration puts around it
 *
 *   before_create ── backup ── after_create
 *         └────────────┴────── on_failure
 *
 * Where before_create has ended well, just one of the other two is run, whatever happens: what the
 * first one stopped, they can start again. No hook is run where no backup is due. */
#pragma once
#include "core/create.h"

/* Makes a backup as cronos_create does, and runs the hooks (core/hooks.h): before_create, whose
 * failure is that of the backup; then after_create, whose failure is the result's hook_error; or,
 * where there is no backup, on_failure, also after a cancel. What is wrong with @options is found
 * before any of them is run. A dry run has none of this.
 * Each hook finds in its environment: CRONOS_HOOK, CRONOS_ROOT, CRONOS_BACKUP_DIRECTORY,
 * CRONOS_NAME, CRONOS_TYPE; after_create: CRONOS_STATUS (done, incomplete, declined),
 * CRONOS_ARCHIVE, and the result's numbers; on_failure: CRONOS_STATUS (failed, cancelled),
 * CRONOS_ERROR.
 *
 * How it went is noted for monitoring (core/metrics.h).
 *
 * Returns: (owned), or NULL with @error. Threads: safe. */
CronosCreateResult *cronos_backup_run(const CronosConfig *config,
                                      const CronosCreateOptions *options,
                                      const CronosProgress *progress, GError **error);
