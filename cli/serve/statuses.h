/* SPDX-License-Identifier: MIT
 * statuses.h - what the world is told of a request
 *
 * Subjects, each behind "<prefix>." where there is one (KIND: backup, restore, clean):
 *
 *   status.cronos.KIND      "accepted", "progress", then "success" or "error"
 *   event.cronos.KIND.*     "started", then "completed" or "failed"
 *   the reply subject       as the status, without "progress", after status and event
 *
 * Each message is an object of always the same keys: request_id, sequence (from 1, over all that is
 * told of the request), operation, host, status, progress (percent), path, code (of an error),
 * message, details (what --json of the command prints), time. A list is answered by one message and
 * has no statuses. Threads: all safe, one at a time for each request. */
#pragma once
#include "cli/serve/jobs.h"
#include "cli/serve/outbox.h"
#include "cli/serve/request.h"

typedef struct CronosStatuses CronosStatuses;

/* @prefix: "" for none. @outbox: borrowed. Returns: (owned). */
CronosStatuses *cronos_statuses_new(const char *prefix, CronosOutbox *outbox);
void cronos_statuses_free(CronosStatuses *statuses); /* NULL: no-op */

/* @ahead: requests that come first. */
void cronos_statuses_accepted(CronosStatuses *statuses, CronosRequest *request, guint ahead);
/* The request is not done: @code is a word for programs. @manner: of all that is told of it. */
void cronos_statuses_refused(CronosStatuses *statuses, CronosRequest *request,
                             CronosOutboxManner manner, const char *code, const char *message);
void cronos_statuses_started(CronosStatuses *statuses, CronosRequest *request);
void cronos_statuses_progress(CronosStatuses *statuses, CronosRequest *request,
                              const CronosProgressState *state);
/* Shortens the details of @result where they are too long for a message, or leaves them out.
 * @payload_max: bytes that a message may have. */
void cronos_statuses_succeeded(CronosStatuses *statuses, CronosRequest *request,
                               const CronosJobResult *result, gsize payload_max);
void cronos_statuses_failed(CronosStatuses *statuses, CronosRequest *request, const GError *error);
