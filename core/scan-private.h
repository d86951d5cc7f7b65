/* SPDX-License-Identifier: MIT
 * scan-private.h - what the walk and the opening of its files share */
#pragma once
#include "core/open-beneath.h"

/* cronos_open_beneath that leaves the access time alone where the kernel allows it: to a file's
 * owner and to root. The first refusal in a process ends the attempts: they cost a call each. */
int cronos_open_without_atime(int dirfd, const char *path, int flags);
