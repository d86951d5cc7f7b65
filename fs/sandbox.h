/* SPDX-License-Identifier: MIT
 * sandbox.h - what parses archives gives up every right it does not need
 *
 * Archives are hostile input. Once locked down, the process and all threads it will start can read
 * what lies beneath the backup directory, and what is open; they can not open anything for writing
 * or elsewhere, run programs, start processes, make sockets, send, lock, trace, mount, or gain
 * privileges.
 * Landlock keeps to the directory, seccomp to the system calls, and as root all capabilities go but
 * the one to read others' files. What the kernel lacks is logged and done without. */
#pragma once
#include "fs/options.h"

/* Locks down the process; no thread but the caller may run yet. Logs how far it went. */
void cronos_sandbox_enter(const CronosFsOptions *options);

/* sandbox-landlock.c, sandbox-seccomp.c: parts of it.
 * Returns: 0, or the errno; ENOSYS where the kernel, or this build, has no such thing.
 * @clone_fd: leave what cloning the device needs. */
int cronos_sandbox_landlock(const CronosFsOptions *options);
int cronos_sandbox_seccomp(gboolean clone_fd);
