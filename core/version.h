/* SPDX-License-Identifier: MIT
 * version.h - when two backups hold the same at one path */
#pragma once
#include "core/member.h"

/* Returns: whether @a and @b are of the same kind and, by size and CRC-32, of the same content; by
 * size and time where an archive stores no CRC. Folders are all the same. Modes, owners and times
 * make no version. */
gboolean cronos_version_is_same(const CronosMemberInfo *a, const CronosMemberInfo *b);
