/* SPDX-License-Identifier: MIT
 * version.c - when two backups hold the same at one path, and what its versions are called */
#include "core/version.h"

#include <limits.h>
#include <string.h>

#define EXTENSION_MAX 32u

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

/* Returns: the length of the stem: what stands before the dot of an extension, or all of @name. */
static gsize stem_length(const char *name, gsize length)
{
    const char *dot = memrchr(name, '.', length);
    gsize stem = dot != NULL ? (gsize)(dot - name) : length;
    gsize extension = length - stem;

    return stem > 0 && extension > 1 && extension <= EXTENSION_MAX + 1 ? stem : length;
}

/* Returns: @length, or less: not within a character, where the name is UTF-8. */
static gsize cut_at_character(const char *name, gsize length, gsize most)
{
    gsize cut = MIN(length, most);

    if (cut == length || !g_utf8_validate(name, (gssize)length, NULL))
        return cut;
    while (cut > 0 && ((guint8)name[cut] & 0xc0) == 0x80)
        cut--;
    return cut;
}

char *cronos_version_name(const char *name, const char *timestamp, guint number)
{
    gsize length = strlen(name);
    gsize stem = stem_length(name, length);
    g_autofree char *suffix = number > 0 ? g_strdup_printf("~%u", number) : g_strdup("");
    gsize rest = 1 + strlen(timestamp) + strlen(suffix) + (length - stem);
    gsize kept = cut_at_character(name, stem, NAME_MAX - MIN(rest, NAME_MAX));

    return g_strdup_printf("%.*s.%s%s%s", (int)kept, name, timestamp, suffix, name + stem);
}
