/* SPDX-License-Identifier: MIT
 * restore-twins.c - names of one folder that the target may take for one
 *
 * Where a file system does not tell upper from lower case (or forgets dots and blanks at the end of
 * a name, or how an accent is composed), README and readme are one file, and the second one
 * restored would take the first one's place without a word. Of such twins the first keeps the
 * place: the others wait until everything else is there, and whether what they find is the first
 * one's file is asked of the kernel. So nothing has to be known of the target.
 *
 * Here, names are alike whose hashes are, after more has been folded than any file system does:
 * what is taken for twins and is none is looked at once, and restored. */
#include "core/file-identity.h"
#include "core/restore-private.h"

#include <fcntl.h>
#include <string.h>

#define FNV_START G_GUINT64_CONSTANT(0xcbf29ce484222325)
#define FNV_PRIME G_GUINT64_CONSTANT(0x100000001b3)

typedef struct {
    guint64 hash;
    guint32 entry;
    gboolean is_file; /* folders are made first */
} Name;

static guint64 hash_lowered(const char *bytes, gsize length)
{
    guint64 hash = FNV_START;

    for (gsize i = 0; i < length; i++)
        hash = (hash ^ (guint8)g_ascii_tolower(bytes[i])) * FNV_PRIME;
    return hash;
}

static gboolean is_ascii(const char *bytes, gsize length)
{
    guint8 all = 0;

    for (gsize i = 0; i < length; i++)
        all |= (guint8)bytes[i];
    return all < 0x80;
}

static guint64 hash_folded(const char *name, gsize length)
{
    while (length > 0 && (name[length - 1] == '.' || name[length - 1] == ' '))
        length--;
    if (is_ascii(name, length) || !g_utf8_validate_len(name, length, NULL))
        return hash_lowered(name, length);
    g_autofree char *folded = g_utf8_casefold(name, (gssize)length);
    g_autofree char *plain = g_utf8_normalize(folded, -1, G_NORMALIZE_ALL);
    return hash_lowered(plain, strlen(plain));
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    const Name *first = a;
    const Name *second = b;

    if (first->hash != second->hash)
        return first->hash < second->hash ? -1 : 1;
    if (first->is_file != second->is_file)
        return first->is_file ? 1 : -1;
    return first->entry < second->entry ? -1 : first->entry > second->entry;
}

static void list_names(const CronosRestorePlan *plan, guint32 folder, GArray *names)
{
    guint32 first, count;

    g_array_set_size(names, 0);
    cronos_archive_children(plan->archive, folder, &first, &count);
    for (guint32 entry = first; count > 1 && entry < first + count; entry++) {
        gsize length;
        const char *bytes = cronos_archive_name(plan->archive, entry, &length);

        if (bytes == NULL || plan->picks[entry] == CRONOS_PICK_NONE)
            continue;
        Name name = {hash_folded(bytes, length), entry,
                     !cronos_archive_is_directory(plan->archive, entry)};
        g_array_append_val(names, name);
    }
}

static void find_in_folder(const CronosRestorePlan *plan, guint32 folder, GArray *names,
                           GHashTable *twins)
{
    const Name *first = NULL;

    list_names(plan, folder, names);
    g_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const Name *name = &g_array_index(names, Name, i);

        if (first == NULL || first->hash != name->hash)
            first = name;
        else
            g_hash_table_insert(twins, GUINT_TO_POINTER(name->entry),
                                GUINT_TO_POINTER(first->entry));
    }
}

GHashTable *cronos_restore_find_twins(const CronosRestorePlan *plan)
{
    GHashTable *twins = g_hash_table_new(NULL, NULL);
    g_autoptr(GArray) names = g_array_new(FALSE, FALSE, sizeof(Name));

    find_in_folder(plan, CRONOS_ENTRY_ROOT, names, twins);
    for (guint i = 0; i < plan->folders->len; i++)
        find_in_folder(plan, g_array_index(plan->folders, guint32, i), names, twins);
    return twins;
}

gboolean cronos_restore_has_twin(const CronosRestoreJob *job, guint32 entry)
{
    return job->twins != NULL && g_hash_table_contains(job->twins, GUINT_TO_POINTER(entry));
}

gboolean cronos_restore_is_taken(const CronosRestoreJob *job, guint32 entry, int parent_fd,
                                 const struct stat *status)
{
    char name[NAME_MAX + 1];
    struct stat first;

    /* Two names of a file with hard links prove nothing. */
    if (!cronos_restore_has_twin(job, entry) || (!S_ISDIR(status->st_mode) && status->st_nlink > 1))
        return FALSE;
    gpointer twin = g_hash_table_lookup(job->twins, GUINT_TO_POINTER(entry));
    return cronos_restore_name(job->archive, GPOINTER_TO_UINT(twin), name) &&
           fstatat(parent_fd, name, &first, AT_SYMLINK_NOFOLLOW) == 0 &&
           cronos_is_same_file(&first, status);
}
