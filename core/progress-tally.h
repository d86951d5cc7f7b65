/* SPDX-License-Identifier: MIT
 * progress-tally.h - one CronosProgress told by many threads */
#pragma once
#include "core/progress.h"

#include <pthread.h>

typedef struct {
    const CronosProgress *progress; /* borrowed, nullable */
    pthread_mutex_t lock;
    CronosProgressState state; /* under lock */
} CronosTally;

void cronos_tally_init(CronosTally *tally, const CronosProgress *progress);
/* A tally that nobody hears of, cancelled as @tally is: for work whose bytes are counted already,
 * or elsewhere. @quiet: what it is made of; both are to be cleared by cronos_tally_clear alone. */
void cronos_tally_init_quiet(CronosTally *tally, CronosProgress *quiet, const CronosTally *of);
void cronos_tally_clear(CronosTally *tally);
/* Adds to what the work will come to. */
void cronos_tally_expect(CronosTally *tally, guint64 bytes, guint64 members);
/* Adds to what is done, and tells. @current: nullable. Threads: safe. */
void cronos_tally_add(CronosTally *tally, guint64 bytes, guint64 members, const char *current);
/* Returns: whether anyone listens, so that names need not be made up for nobody. */
gboolean cronos_tally_listens(const CronosTally *tally);
/* Returns: FALSE with @error CANCELLED once the work is to stop. Threads: safe. */
gboolean cronos_tally_check(const CronosTally *tally, GError **error);
