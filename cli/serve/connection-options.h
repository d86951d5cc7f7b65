/* SPDX-License-Identifier: MIT
 * connection-options.h - from service.* to what libnats wants to know */
#pragma once
#include "core/config.h"

#include <nats/nats.h>

/* Reads the files that the configuration names. Returns: (owned; natsOptions_Destroy), or NULL with
 * @error CONFIG, "FILE:LINE: service.KEY: reason". */
natsOptions *cronos_connection_options(const CronosConfig *config, GError **error);
/* Tries all that can be tried without a server, and logs which secrets lie open.
 * Returns: FALSE with @error CONFIG. */
gboolean cronos_connection_check(const CronosConfig *config, GError **error);
/* Returns: (owned) @url without what stands before an "@" in each of its servers. */
char *cronos_connection_public_url(const char *url);
