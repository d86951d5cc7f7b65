/* SPDX-License-Identifier: MIT
 * version.h - when two backups hold the same at one path, and what its versions are called */
#pragma once
#include "core/member.h"

/* Returns: whether @a and @b are of the same kind and, by size and CRC-32, of the same content; by
 * size and time where an archive stores no CRC. Folders are all the same. Modes, owners and times
 * make no version. */
gboolean cronos_version_is_same(const CronosMemberInfo *a, const CronosMemberInfo *b);

/* The name that tells a version of the file @name from its others: STEM.TIMESTAMP.EXT, where EXT is
 * what follows the last dot (none: of a dot at the start or the end, or with more than 32 bytes
 * behind it), else NAME.TIMESTAMP. @number: 0, or what tells those of one time stamp apart:
 * TIMESTAMP~NUMBER. The stem is cut, between characters, where the name would have more than 255
 * bytes.
 * Returns: (owned). */
char *cronos_version_name(const char *name, const char *timestamp, guint number);
