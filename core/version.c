/* SPDX-License-Identifier: MIT
 * version.c - when two backups hold the same at one path */
#include "core/version.h"

gboolean cronos_version_is_same(const CronosMemberInfo *a, const CronosMemberInfo *b)
{
    if (a->kind != b->kind)
        return FALSE;
    if (a->kind == CRONOS_MEMBER_DIRECTORY)
        return TRUE;
    if (a->size_bytes != b->size_bytes)
        return FALSE;
    return a->has_crc32 && b->has_crc32 ? a->crc32 == b->crc32 : a->mtime_ns == b->mtime_ns;
}
