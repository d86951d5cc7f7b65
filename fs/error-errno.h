/* SPDX-License-Identifier: MIT
 * error-errno.h - failures on their way to the kernel: one errno, and one line in the log */
#pragma once
#include "fs/slot.h"

/* Returns: the errno that stands for @error; never 0. */
int cronos_errno_from_error(const GError *error);

/* Logs @error with the archive and the member, unless that member was reported in the last minute,
 * so that a reader who tries again and again does not fill the log. @entry: CRONOS_ENTRY_ROOT: the
 * archive itself. @archive: (nullable) for the member's path.
 * Returns: the errno. Threads: safe. */
int cronos_report_error(const CronosSlot *slot, const CronosArchive *archive, guint32 entry,
                        const GError *error);
