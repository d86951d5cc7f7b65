/* SPDX-License-Identifier: MIT
 * config-trust.h - who can have written a configuration file (shared inside core)
 *
 * Commands are taken from a file that was merely found where it lies only if nobody can have put
 * them there but root and the user who runs this program. As sshd does with the files that let
 * people in, the directories above are looked at, too: who can write to one of them can swap what
 * is below. Sticky directories such as /tmp let nobody rename what is another's. */
#pragma once
#include <glib.h>

/* Returns: (owned) what lets others write to @path, as in "PATH belongs to the user 1000"; NULL
 * where nothing does. */
char *cronos_config_trust_problem(const char *path);
