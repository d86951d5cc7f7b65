/* SPDX-License-Identifier: MIT
 * passphrase.h - the passphrase of encrypted members, from where the user keeps it
 *
 * One for the process. It is the first line of a file, or of what a command prints; it is asked for
 * when the first encrypted member is read, and kept. Threads: all safe. */
#pragma once
#include <glib.h>

#define CRONOS_PASSPHRASE_BYTES_MAX 4096u

/* Says where it is to be had; nothing is read yet. @file, @command: nullable; the file goes first.
 * The command is run without a shell. To be called before threads start. */
void cronos_passphrase_set_source(const char *file, const char *command);
/* Returns: whether some place was named. */
gboolean cronos_passphrase_is_configured(void);
/* Returns: (borrowed, for ever) the passphrase, or NULL with @error: UNSUPPORTED where no place was
 * named, FAILED or a system error where it can not be had from there. */
const char *cronos_passphrase_get(GError **error);
