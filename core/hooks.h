/* SPDX-License-Identifier: MIT
 * hooks.h - the commands that cronos.conf has run around a backup
 *
 * A hook is run by /bin/sh -c in the root, in a process group of its own. It reads nothing, and
 * what it writes goes to stderr. One that takes longer than hooks.timeout_seconds, or that is
 * running when the work is cancelled, is ended with all of its group: SIGTERM, some seconds later
 * SIGKILL. A process that it leaves behind when it ends by itself is let be, and not waited for. */
#pragma once
#include "core/config.h"

#include <gio/gio.h>

typedef enum {
    CRONOS_HOOK_BEFORE_CREATE,
    CRONOS_HOOK_AFTER_CREATE,
    CRONOS_HOOK_ON_FAILURE,
} CronosHook;

/* Returns: whether any hook is configured. */
gboolean cronos_hooks_are_configured(const CronosConfig *config);
/* Returns: whether those that are may be run; FALSE with @error CONFIG, see
 * cronos_config_hooks_refusal. */
gboolean cronos_hooks_check(const CronosConfig *config, GError **error);

/* Runs @hook, where it is configured, and waits for its end. @environment: NULL-terminated
 * "NAME=VALUE", all that it gets beside CRONOS_HOOK. @cancellable: nullable.
 * Returns: TRUE where it ended with status 0 or there is none; else FALSE with @error FAILED,
 * CANCELLED or a system error. Threads: safe. */
gboolean cronos_hook_run(const CronosConfig *config, CronosHook hook,
                         const char *const *environment, GCancellable *cancellable, GError **error);
