/* SPDX-License-Identifier: MIT
 * fault.h - named fault points: places where a test makes the process die or the kernel "fail"
 *
 * The environment variable CRONOS_FAULT arms one point; it is read once a process.
 *
 *   CRONOS_FAULT=NAME[@N][:ACTION]
 *
 * NAME: the point, e.g. before-rename. N: which passage fires, from 1; without it, every one.
 * ACTION: kill (default: SIGKILL to the own process, as a power cut would leave things), int
 * (SIGINT, as from a terminal), stop (SIGSTOP: the process stands there until it is told to go on),
 * eio or enospc (the step fails with that error). Points stand before and after each step that
 * changes the disk; each is named in the comment of the function it stands in. */
#pragma once
#include <glib.h>

/* Returns: TRUE, or FALSE with a system error when the armed point @name is to fail. Does not
 * return when it is to kill; returns TRUE once SIGINT has been taken. Costs a pointer check where
 * nothing is armed. Threads: safe. */
gboolean cronos_fault_point(const char *name, GError **error);
/* The same, where failures are errno values. Returns: 0 or an errno. */
int cronos_fault_errno(const char *name);
