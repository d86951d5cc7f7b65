/* SPDX-License-Identifier: MIT
 * jobs.h - requests done: the calls of core that create, restore, list and clean make, too */
#pragma once
#include "cli/serve/request.h"
#include "core/config.h"
#include "core/progress.h"

typedef struct {
    char *path; /* nullable */
    char *message;
    JsonObject *details; /* nullable */
} CronosJobResult;

/* @payload_max: bytes that the answer to a list may have. @progress: nullable. Returns: (owned), or
 * NULL with @error. Threads: one call at a time may change the backup directory; lists may be read
 * beside it. */
CronosJobResult *cronos_job_run(const CronosConfig *config, const CronosRequest *request,
                                gsize payload_max, const CronosProgress *progress, GError **error);
void cronos_job_result_free(CronosJobResult *result); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosJobResult, cronos_job_result_free)

/* Returns: (owned) the one place that restores may write below. */
char *cronos_job_restore_directory(const CronosConfig *config);
