/* SPDX-License-Identifier: MIT
 * result-json.h - what create, restore and clean have done, as the JSON of --json */
#pragma once
#include "cli/json-output.h"
#include "core/create.h"
#include "core/restore.h"
#include "core/retention.h"

/* Returns: (owned). */
JsonObject *cronos_result_of_create(const CronosCreateResult *result, gboolean dry_run,
                                    double seconds);
/* @actions: taken a reference of; NULL: it was no dry run. Returns: (owned). */
JsonObject *cronos_result_of_restore(const CronosBackup *backup, const CronosRestoreResult *result,
                                     JsonArray *actions, double seconds);
/* @verdicts: of cronos_clean, all or some. Returns: (owned). */
JsonArray *cronos_result_of_clean(const GPtrArray *verdicts, gboolean dry_run);
