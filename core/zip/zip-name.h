/* SPDX-License-Identifier: MIT
 * zip-name.h - which bytes of a central header are the member's path
 *
 * In this order: a Unicode path field that belongs to the name; CP437 where the archive was made on
 * DOS, says nothing of UTF-8 and the bytes are not UTF-8 either; else the bytes as they are.
 * Backslashes separate in names made on DOS or Windows that have no slash. NUL becomes '_'. */
#pragma once
#include "core/zip/zip-header.h"

typedef struct {
    const char *bytes; /* in the directory's map, or NULL: in the arena */
    guint32 offset;    /* from the start of the one or the other */
    gsize length;
    gboolean repaired;
} CronosZipName;

/* @directory: the map's start, which offsets count from. @arena: appended to when the bytes must
 * be changed; it must stay below 4 GiB, which is for the caller to see to. */
void cronos_zip_name_decode(const CronosZipHeader *header, const guint8 *directory,
                            GByteArray *arena, CronosZipName *out_name);
