/* SPDX-License-Identifier: MIT
 * member-sizes.c - one pass over an archive's index */
#include "core/member-sizes.h"

#include "core/metadata.h"

#include <string.h>

#define EXTENSION_MAX 16u

typedef struct {
    CronosMemberSizes *sizes;
    guint wanted;
    GHashTable *files; /* extension, borrowed from .kinds -> CronosKindSizes * */
    CronosKindSizes
        *others[CRONOS_MEMBER_SYMLINK + 1]; /* those of folders and links; may be NULL */
} Count;

static void kind_free(gpointer data)
{
    CronosKindSizes *kind = data;

    g_free(kind->extension);
    g_free(kind);
}

static int compare_sizes(guint64 stored, guint64 other_stored, guint64 size, guint64 other_size)
{
    if (stored != other_stored)
        return stored > other_stored ? -1 : 1;
    return size > other_size ? -1 : size < other_size ? 1 : 0;
}

static int compare_members(gconstpointer left, gconstpointer right)
{
    const CronosSizedMember *a = left, *b = right;
    int order = compare_sizes(a->stored_bytes, b->stored_bytes, a->size_bytes, b->size_bytes);

    return order != 0 ? order : a->entry < b->entry ? -1 : 1;
}

static int compare_kinds(gconstpointer left, gconstpointer right)
{
    const CronosKindSizes *a = *(const CronosKindSizes *const *)left;
    const CronosKindSizes *b = *(const CronosKindSizes *const *)right;
    int order = compare_sizes(a->stored_bytes, b->stored_bytes, a->size_bytes, b->size_bytes);

    if (order == 0)
        order = (int)a->kind - (int)b->kind;
    return order != 0 ? order : g_strcmp0(a->extension, b->extension);
}

static gboolean is_extension_character(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '+' || c == '-';
}

/* @out_extension: lower case, with its dot, or "". The dot of a hidden file begins none. */
static void read_extension(const char *name, gsize length, char out_extension[EXTENSION_MAX + 2])
{
    gsize at = length;

    while (at > 0 && is_extension_character(name[at - 1]))
        at--;
    gsize letters = length - at;
    if (at < 2 || name[at - 1] != '.' || letters == 0 || letters > EXTENSION_MAX)
        letters = 0;
    else
        out_extension[0] = '.';
    for (gsize i = 0; i < letters; i++)
        out_extension[i + 1] = g_ascii_tolower(name[at + i]);
    out_extension[letters > 0 ? letters + 1 : 0] = '\0';
}

static CronosKindSizes *add_kind(Count *count, CronosMemberKind kind, const char *extension)
{
    CronosKindSizes *added = g_new0(CronosKindSizes, 1);

    added->kind = kind;
    added->extension = g_strdup(extension);
    g_ptr_array_add(count->sizes->kinds, added);
    return added;
}

static CronosKindSizes *kind_of_file(Count *count, const char *name, gsize length)
{
    char extension[EXTENSION_MAX + 2];

    read_extension(name, length, extension);
    CronosKindSizes *kind = g_hash_table_lookup(count->files, extension);
    if (kind == NULL) {
        kind = add_kind(count, CRONOS_MEMBER_FILE, extension);
        g_hash_table_insert(count->files, kind->extension, kind);
    }
    return kind;
}

static CronosKindSizes *kind_of(Count *count, const CronosArchive *archive, guint32 entry,
                                CronosMemberKind kind)
{
    gsize length = 0;
    const char *name = cronos_archive_name(archive, entry, &length);

    if (kind == CRONOS_MEMBER_FILE)
        return kind_of_file(count, name, length);
    if (count->others[kind] == NULL)
        count->others[kind] = add_kind(count, kind, NULL);
    return count->others[kind];
}

/* Sorts, and drops what is beyond the number wanted. */
static void keep_largest(Count *count)
{
    GArray *largest = count->sizes->largest;

    g_array_sort(largest, compare_members);
    g_array_set_size(largest, MIN(largest->len, count->wanted));
}

/* Twice as many as wanted are held, so that sorting costs little for each. */
static void add_member(Count *count, guint32 entry, const CronosMemberInfo *info)
{
    CronosSizedMember member = {entry, info->size_bytes, info->stored_bytes};
    GArray *largest = count->sizes->largest;

    if (info->kind == CRONOS_MEMBER_DIRECTORY)
        return;
    g_array_append_val(largest, member);
    if (largest->len / 2 >= MAX(count->wanted, 512))
        keep_largest(count);
}

static gboolean count_entry(Count *count, const CronosArchive *archive, guint32 entry,
                            GError **error)
{
    CronosMemberInfo info;

    if (!cronos_archive_info(archive, entry, &info, error))
        return FALSE;
    if (info.implied)
        return TRUE;
    CronosKindSizes *kind = kind_of(count, archive, entry, info.kind);
    kind->members++;
    kind->size_bytes += info.size_bytes;
    kind->stored_bytes += info.stored_bytes;
    add_member(count, entry, &info);
    return TRUE;
}

static gboolean count_all(Count *count, CronosArchive *archive, GError **error)
{
    guint32 entries = cronos_archive_count(archive);
    guint32 own = cronos_archive_lookup_path(archive, CRONOS_METADATA_MEMBER);

    if (!cronos_metadata_is_member(archive, own))
        own = CRONOS_ENTRY_NONE;
    for (guint32 entry = CRONOS_ENTRY_ROOT + 1; entry < entries; entry++)
        if (entry != own && !count_entry(count, archive, entry, error))
            return FALSE;
    keep_largest(count);
    g_ptr_array_sort(count->sizes->kinds, compare_kinds);
    return TRUE;
}

CronosMemberSizes *cronos_member_sizes_read(CronosArchive *archive, guint largest, GError **error)
{
    g_autoptr(CronosMemberSizes) sizes = g_new0(CronosMemberSizes, 1);
    g_autoptr(GHashTable) files = g_hash_table_new(g_str_hash, g_str_equal);
    Count count = {.sizes = sizes, .wanted = largest, .files = files};

    sizes->largest = g_array_new(FALSE, FALSE, sizeof(CronosSizedMember));
    sizes->kinds = g_ptr_array_new_with_free_func(kind_free);
    return count_all(&count, archive, error) ? g_steal_pointer(&sizes) : NULL;
}

void cronos_member_sizes_free(CronosMemberSizes *sizes)
{
    if (sizes == NULL)
        return;
    g_array_unref(sizes->largest);
    g_ptr_array_unref(sizes->kinds);
    g_free(sizes);
}
