/* SPDX-License-Identifier: MIT
 * workers.h - from a message to what is done about it
 *
 * Two queues with a thread each: backups, restores and cleans, one after the other; and lists. */
#pragma once
#include "cli/serve/connection.h"

typedef struct CronosWorkers CronosWorkers;

/* All are borrowed. @on_done: called from a worker that has ended. Returns: (owned). */
CronosWorkers *cronos_workers_new(const CronosConfig *config, const CronosConnection *connection,
                                  CronosOutbox *outbox, void (*on_done)(gpointer user_data),
                                  gpointer user_data);
/* Reads a request, answers, and queues it. Threads: any. */
void cronos_workers_take(CronosWorkers *workers, CronosRequestKind kind, const char *text,
                         gsize length, const char *reply_to);
/* What waits is refused, as is what comes from here on; does not wait for what is being done. */
void cronos_workers_stop(CronosWorkers *workers);
/* Returns: whether no worker is at work any more. */
gboolean cronos_workers_are_done(CronosWorkers *workers);
/* Returns: requests that wait. */
guint cronos_workers_waiting(CronosWorkers *workers);
void cronos_workers_free(CronosWorkers *workers); /* once they are done */
