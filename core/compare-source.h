/* SPDX-License-Identifier: MIT
 * compare-source.h - a backup held against the directory it was made of */
#pragma once
#include "core/archive.h"
#include "core/config.h"
#include "core/progress-tally.h"
#include "core/verify.h"

/* Fills changed, missing, added and unreadable of @result (arrays, empty, owned by it); sorted.
 * Members that do not decode are in none of them: @undecoded (nullable) takes "PATH: reason" (char
 * *) of each. Returns: FALSE with @error: CANCELLED, or the
 * root can not be read. */
gboolean cronos_compare_source(const CronosConfig *config, CronosArchive *archive, guint threads,
                               CronosTally *tally, GPtrArray *undecoded, CronosVerifyResult *result,
                               GError **error);
