/* SPDX-License-Identifier: MIT
 * outline-check.h - an outline held against the index of the same file: entry by entry, the same */
#pragma once
#include "core/zip/zip-outline.h"

#include <string.h>

static inline char *outline_check_path(const CronosZipIndex *index, guint32 entry)
{
    GString *path = g_string_new(NULL);

    for (guint32 at = entry; at != CRONOS_ENTRY_ROOT; at = cronos_zip_index_parent(index, at)) {
        gsize length;
        const char *name = cronos_zip_index_name(index, at, &length);

        if (path->len > 0)
            g_string_prepend_c(path, '/');
        g_string_prepend_len(path, name, (gssize)length);
    }
    return g_string_free(path, FALSE);
}

static inline void outline_check_facts(const CronosZipOutline *outline, const CronosZipIndex *index,
                                       const CronosZipPlace *place, guint32 entry)
{
    CronosMemberInfo told, expected;
    gboolean known = cronos_zip_index_info(index, entry, &expected, NULL);

    g_assert_true(place->directory == cronos_zip_index_is_directory(index, entry));
    g_assert_true(cronos_zip_outline_info(outline, place, &told, NULL) == known);
    g_assert_true(!known ||
                  (told.kind == expected.kind && told.crc32 == expected.crc32 &&
                   told.has_crc32 == expected.has_crc32 && told.size_bytes == expected.size_bytes &&
                   told.mtime_ns == expected.mtime_ns && told.mode == expected.mode &&
                   told.implied == expected.implied));
}

/* Returns: whether @path is there; the directory can be read. */
static inline gboolean outline_check_find(const CronosZipOutline *outline, const char *path,
                                          gsize length, CronosZipPlace *out_place)
{
    g_autoptr(GError) error = NULL;
    gboolean found = cronos_zip_outline_find(outline, path, length, out_place, &error);

    g_assert_no_error(error);
    return found;
}

/* Names near one that is there, which are not. */
static inline void outline_check_absent(const CronosZipOutline *outline,
                                        const CronosZipIndex *index, guint32 entry,
                                        const char *path)
{
    static const char *const tails[] = {"/", "\x01", "/\x01", "~", "/.."};
    guint32 parent = cronos_zip_index_parent(index, entry);
    gsize length;
    const char *name = cronos_zip_index_name(index, entry, &length);
    CronosZipPlace place;

    for (guint i = 0; i < G_N_ELEMENTS(tails); i++) {
        g_autofree char *near_it = g_strconcat(path, tails[i], NULL);
        g_autofree char *sibling = g_strdup_printf("%.*s%s", (int)length, name, tails[i]);
        gboolean below = tails[i][0] == '/';
        guint32 other =
            cronos_zip_index_lookup(index, below ? entry : parent, below ? tails[i] + 1 : sibling,
                                    below ? strlen(tails[i] + 1) : strlen(sibling));

        if (other == CRONOS_ENTRY_NONE)
            g_assert_false(outline_check_find(outline, near_it, strlen(near_it), &place));
    }
}

typedef struct {
    const CronosZipOutline *outline;
    const CronosZipIndex *index;
    guint32 next, end; /* of the children to come; in a walk .next counts */
} OutlineCheck;

static inline gboolean outline_check_child(const CronosZipPlace *place, const char *name,
                                           gsize length, gpointer user_data)
{
    OutlineCheck *check = user_data;
    gsize expected_length;

    g_assert_true(check->next < check->end);
    const char *expected = cronos_zip_index_name(check->index, check->next, &expected_length);
    g_assert_cmpuint(place->entry, ==, check->next);
    g_assert_true(length == expected_length && memcmp(name, expected, length) == 0);
    outline_check_facts(check->outline, check->index, place, check->next);
    check->next++;
    return TRUE;
}

static inline void outline_check_children(const CronosZipOutline *outline,
                                          const CronosZipIndex *index, const CronosZipPlace *folder,
                                          const char *path)
{
    OutlineCheck check = {outline, index, 0, 0};
    guint32 count;

    cronos_zip_index_children(index, folder->entry, &check.next, &count);
    check.end = check.next + count;
    g_assert_true(cronos_zip_outline_children(outline, folder, path, strlen(path),
                                              outline_check_child, &check, NULL));
    g_assert_cmpuint(check.next, ==, check.end);
}

static inline gboolean outline_check_member(const CronosZipPlace *place, const char *path,
                                            gsize length, gpointer user_data)
{
    OutlineCheck *check = user_data;
    CronosZipPlace found;

    g_assert_true(outline_check_find(check->outline, path, length, &found));
    g_assert_true(found.header == place->header && found.directory == place->directory);
    outline_check_facts(check->outline, check->index, place, found.entry);
    check->next++;
    return TRUE;
}

static inline void outline_check_entry(const CronosZipOutline *outline, const CronosZipIndex *index,
                                       guint32 entry)
{
    g_autofree char *path = outline_check_path(index, entry);
    g_autofree char *told = NULL;
    CronosZipPlace place;

    g_assert_true(outline_check_find(outline, path, strlen(path), &place));
    g_assert_cmpuint(place.entry, ==, entry);
    g_assert_true(cronos_zip_outline_at(outline, entry, &place, &told, NULL));
    g_assert_cmpuint(place.entry, ==, entry);
    g_assert_cmpstr(told, ==, path);
    outline_check_facts(outline, index, &place, entry);
    outline_check_children(outline, index, &place, path);
    if (entry != CRONOS_ENTRY_ROOT)
        outline_check_absent(outline, index, entry, path);
}

/* Returns: whether the file on @fd has an outline; then it told the same as @index. */
static inline gboolean outline_check(int fd, const CronosZipIndex *index)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosZipOutline) outline = cronos_zip_outline_open(fd, &error);
    OutlineCheck check = {outline, index, 1, 0};
    g_autofree char *none = NULL;
    CronosZipPlace place;

    g_assert_no_error(error);
    if (outline == NULL)
        return FALSE;
    g_assert_cmpuint(cronos_zip_outline_count(outline), ==, cronos_zip_index_count(index));
    for (guint32 entry = 0; entry < cronos_zip_index_count(index); entry++)
        outline_check_entry(outline, index, entry);
    g_assert_false(
        cronos_zip_outline_at(outline, cronos_zip_index_count(index), &place, &none, NULL));
    g_assert_true(cronos_zip_outline_walk(outline, outline_check_member, &check, NULL));
    g_assert_cmpuint(check.next, ==, cronos_zip_outline_count(outline));
    return TRUE;
}
