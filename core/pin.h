/* SPDX-License-Identifier: MIT
 * pin.h - backups that are kept whatever retention says
 *
 * A pin is a hidden file beside the archive, which itself never changes; its name is that of
 * core/backup-name.h, so that a pin goes along when the directory is copied, and neither catalog
 * nor mount takes it for an archive. Whether a backup is pinned stands in its CronosBackup. */
#pragma once
#include "core/backup-directory.h"

/* Pins the backup @file_name, durably and at once. Returns: FALSE with @error: NOT_FOUND where it
 * is not there (any more), FAILED for a foreign archive, or a system error. */
gboolean cronos_pin_set(CronosBackupDirectory *directory, const char *file_name, GError **error);
/* Removes the pin; one that is not there is no error. Returns: FALSE with @error: FAILED for a
 * foreign archive, or a system error. */
gboolean cronos_pin_clear(CronosBackupDirectory *directory, const char *file_name, GError **error);
/* Removes, and logs, the pins of backups that are not there; with @dry_run only counts them. For a
 * clean that somebody asked for, and not for retention after a create: while the directory is being
 * copied, pins may be there before their backups are. Returns: how many. */
guint cronos_pin_clear_orphans(CronosBackupDirectory *directory, gboolean dry_run);
