/* SPDX-License-Identifier: MIT
 * progress.h - a progress bar on stderr, with rate and time to go */
#pragma once
#include "core/progress.h"

typedef struct CronosProgressBar CronosProgressBar;

/* @disabled: draws nothing, as it does where stderr is no terminal, and under --quiet. @verb:
 * static, what is being done. Returns: (owned). */
CronosProgressBar *cronos_progress_bar_new(const char *verb, gboolean disabled);
/* Clears the line and frees; no more calls may come from core then. NULL: no-op */
void cronos_progress_bar_free(CronosProgressBar *bar);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosProgressBar, cronos_progress_bar_free)
/* What to hand to core; valid as long as @bar. @cancellable: borrowed. */
CronosProgress cronos_progress_bar_hook(CronosProgressBar *bar, GCancellable *cancellable);
