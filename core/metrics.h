/* SPDX-License-Identifier: MIT
 * metrics.h - what monitoring is told: a file for the textfile collector of Prometheus' node
 * exporter
 *
 * Where metrics.textfile is set, each of these renews what it knows in that file, and leaves the
 * rest as it is. Every line is labelled with the root, and a file is that of one root: in a
 * directory, which roots may share, each has its own. It is replaced as a whole. What can not be
 * written is an error in the log, and harms nothing else. Threads and processes: safe. */
#pragma once
#include "core/create.h"

/* After an attempt at a backup. @result: NULL: it failed. */
void cronos_metrics_note_create(const CronosConfig *config, const CronosCreateResult *result,
                                double duration_seconds);
/* After a clean that removed what it was to remove. */
void cronos_metrics_note_clean(const CronosConfig *config);
/* After a verification of @checked backups, @damaged of which were not found whole. */
void cronos_metrics_note_verify(const CronosConfig *config, guint checked, guint damaged);
