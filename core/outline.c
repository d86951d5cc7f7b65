/* SPDX-License-Identifier: MIT
 * outline.c - one face over the outlines of ZIP files and the indexes of all others
 *
 * Names are copied, so that they end with NUL, and looked at again: the file may have changed since
 * it was found to be in order. */
#include "core/outline.h"

#include "core/below.h"
#include "core/error.h"
#include "core/metadata.h"
#include "core/recorded-patterns.h"
#include "core/zip/zip-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct CronosOutline {
    gatomicrefcount refs;
    int fd;                 /* of .zip; -1: there is none */
    CronosZipOutline *zip;  /* or NULL */
    CronosArchive *archive; /* or NULL */
    char *name;             /* of the ZIP file; for messages */
    guint32 hidden;         /* the metadata member, or CRONOS_ENTRY_NONE */
};

static CronosOutline *outline_new(guint32 hidden)
{
    CronosOutline *outline = g_new0(CronosOutline, 1);

    g_atomic_ref_count_init(&outline->refs);
    outline->fd = -1;
    outline->hidden = hidden;
    return outline;
}

CronosOutline *cronos_outline_ref(CronosOutline *outline)
{
    g_atomic_ref_count_inc(&outline->refs);
    return outline;
}

void cronos_outline_unref(CronosOutline *outline)
{
    if (outline == NULL || !g_atomic_ref_count_dec(&outline->refs))
        return;
    cronos_zip_outline_free(outline->zip);
    cronos_archive_unref(outline->archive);
    if (outline->fd >= 0)
        close(outline->fd);
    g_free(outline->name);
    g_free(outline);
}

CronosOutline *cronos_outline_of_archive(CronosArchive *archive, guint32 hidden)
{
    CronosOutline *outline = outline_new(hidden);

    outline->archive = cronos_archive_ref(archive);
    return outline;
}

/* Returns: FALSE where only the member itself could tell, or with @error. */
static gboolean find_hidden(const CronosZipOutline *zip, guint32 *out_hidden, GError **error)
{
    g_autoptr(GError) failure = NULL;
    CronosZipPlace place;
    gsize length;
    gboolean is_member = FALSE;

    *out_hidden = CRONOS_ENTRY_NONE;
    gboolean found = cronos_zip_outline_find(zip, CRONOS_METADATA_MEMBER,
                                             strlen(CRONOS_METADATA_MEMBER), &place, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!found || place.directory)
        return TRUE;
    const char *comment = cronos_zip_outline_comment(zip, &length);
    if (!cronos_metadata_comment_tells(comment, length, &is_member))
        return FALSE;
    if (is_member)
        *out_hidden = place.entry;
    return TRUE;
}

/* Returns: FALSE, after @error was given the archive's name. */
static gboolean propagate(const char *name, GError *failure, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(name);

    g_propagate_prefixed_error(error, failure, "%s: ", quoted);
    return FALSE;
}

/* As cronos_outline_open_fd, for one who lets go of it soon. */
static CronosOutline *take_outline(int fd, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    guint32 hidden = CRONOS_ENTRY_NONE;

    if (!cronos_archive_is_zip_name(name))
        return NULL;
    g_autoptr(CronosZipOutline) zip = cronos_zip_outline_open(fd, &failure);
    gboolean usable = zip != NULL && find_hidden(zip, &hidden, &failure);
    if (failure != NULL)
        propagate(name, g_steal_pointer(&failure), error);
    if (!usable)
        return NULL;
    CronosOutline *outline = outline_new(hidden);
    outline->fd = fd;
    outline->zip = g_steal_pointer(&zip);
    outline->name = g_strdup(name);
    return outline;
}

CronosOutline *cronos_outline_open_fd(int fd, const char *name, GError **error)
{
    CronosOutline *outline = take_outline(fd, name, error);

    if (outline != NULL)
        cronos_zip_outline_trim(outline->zip);
    return outline;
}

CronosOutline *cronos_outline_open(int dirfd, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        g_autofree char *quoted = cronos_quote_path(name);

        cronos_error_set_system(error, errno, "%s", quoted);
        return NULL;
    }
    CronosOutline *outline = take_outline(fd, name, &failure);
    if (outline != NULL)
        return outline;
    if (failure != NULL) {
        close(fd);
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    g_autoptr(CronosArchive) archive = cronos_archive_open_fd(fd, name, error);
    return archive != NULL ? cronos_outline_of_archive(archive, cronos_metadata_entry(archive))
                           : NULL;
}

static CronosOutlinePlace place_of_entry(const CronosOutline *outline, guint32 entry)
{
    return (CronosOutlinePlace){.entry = entry,
                                .directory = cronos_archive_is_directory(outline->archive, entry)};
}

gboolean cronos_outline_find(const CronosOutline *outline, const char *path,
                             CronosOutlinePlace *out_place, GError **error)
{
    GError *failure = NULL;
    gboolean found;

    if (outline->zip != NULL) {
        found = cronos_zip_outline_find(outline->zip, path, strlen(path), out_place, &failure);
        if (failure != NULL)
            return propagate(outline->name, failure, error);
    } else {
        guint32 entry = cronos_archive_lookup_path(outline->archive, path);

        found = entry != CRONOS_ENTRY_NONE;
        if (found)
            *out_place = place_of_entry(outline, entry);
    }
    return found && out_place->entry != outline->hidden;
}

char *cronos_outline_path(const CronosOutline *outline, guint32 entry, GError **error)
{
    GError *failure = NULL;
    CronosOutlinePlace place;
    char *path = NULL;

    if (outline->zip == NULL)
        return entry < cronos_archive_count(outline->archive)
                   ? cronos_archive_path(outline->archive, entry)
                   : NULL;
    cronos_zip_outline_at(outline->zip, entry, &place, &path, &failure);
    if (failure != NULL)
        propagate(outline->name, failure, error);
    return path;
}

gboolean cronos_outline_info(const CronosOutline *outline, const CronosOutlinePlace *place,
                             CronosMemberInfo *out_info, GError **error)
{
    GError *failure = NULL;

    if (outline->zip == NULL)
        return cronos_archive_info(outline->archive, place->entry, out_info, error);
    return cronos_zip_outline_info(outline->zip, place, out_info, &failure) ||
           propagate(outline->name, failure, error);
}

/* Who is told of the members, and room for their names. */
typedef struct {
    const CronosOutline *outline;
    CronosOutlineFunc func;
    gpointer user_data;
    GString *name;
    guint32 hidden; /* the header of the metadata member: what a walk knows of it */
} Teller;

static gboolean tell(Teller *teller, const CronosOutlinePlace *place, const char *name,
                     gsize length)
{
    g_string_truncate(teller->name, 0);
    g_string_append_len(teller->name, name, (gssize)length);
    return teller->func(place, teller->name->str, teller->user_data);
}

static gboolean tell_zip_child(const CronosZipPlace *place, const char *name, gsize length,
                               gpointer user_data)
{
    Teller *teller = user_data;

    return place->entry == teller->outline->hidden || !cronos_name_is_plain(name, length) ||
           length > CRONOS_ZIP_COMPONENT_MAX || tell(teller, place, name, length);
}

static void tell_archive_children(Teller *teller, guint32 folder)
{
    const CronosArchive *archive = teller->outline->archive;
    guint32 first, count;
    gsize length;

    cronos_archive_children(archive, folder, &first, &count);
    for (guint32 entry = first; entry < first + count; entry++) {
        CronosOutlinePlace place = place_of_entry(teller->outline, entry);
        const char *name = cronos_archive_name(archive, entry, &length);

        if (entry != teller->outline->hidden && !tell(teller, &place, name, length))
            return;
    }
}

gboolean cronos_outline_children(const CronosOutline *outline, const char *path,
                                 CronosOutlineFunc func, gpointer user_data, GError **error)
{
    g_autoptr(GString) name = g_string_new(NULL);
    Teller teller = {outline, func, user_data, name, 0};
    g_autoptr(GError) failure = NULL;
    CronosOutlinePlace folder;

    gboolean found = cronos_outline_find(outline, path, &folder, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!found || !folder.directory)
        return TRUE;
    if (outline->zip == NULL) {
        tell_archive_children(&teller, folder.entry);
        return TRUE;
    }
    return cronos_zip_outline_children(outline->zip, &folder, path, strlen(path), tell_zip_child,
                                       &teller, &failure) ||
           propagate(outline->name, g_steal_pointer(&failure), error);
}

static gboolean tell_zip_member(const CronosZipPlace *place, const char *name, gsize length,
                                gpointer user_data)
{
    Teller *teller = user_data;

    return place->header == teller->hidden || tell(teller, place, name, length);
}

static gboolean walk_zip(Teller *teller, GError **error)
{
    const CronosOutline *outline = teller->outline;
    CronosZipPlace hidden;
    GError *failure = NULL;

    teller->hidden = G_MAXUINT32;
    if (outline->hidden != CRONOS_ENTRY_NONE) {
        g_autofree char *path = NULL;

        if (cronos_zip_outline_at(outline->zip, outline->hidden, &hidden, &path, NULL))
            teller->hidden = hidden.header;
    }
    return cronos_zip_outline_walk(outline->zip, tell_zip_member, teller, &failure) ||
           propagate(outline->name, failure, error);
}

/* Depth first, without recursion: archives nest deeply. */
static void walk_archive(Teller *teller)
{
    const CronosArchive *archive = teller->outline->archive;
    g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(guint32));
    guint32 entry = CRONOS_ENTRY_ROOT, first, count;

    g_array_append_val(stack, entry);
    while (stack->len > 0) {
        entry = g_array_index(stack, guint32, stack->len - 1);
        g_array_set_size(stack, stack->len - 1);
        if (entry != CRONOS_ENTRY_ROOT && entry != teller->outline->hidden) {
            CronosOutlinePlace place = place_of_entry(teller->outline, entry);
            g_autofree char *path = cronos_archive_path(archive, entry);

            if (!tell(teller, &place, path, strlen(path)))
                return;
        }
        cronos_archive_children(archive, entry, &first, &count);
        for (guint32 child = first + count; child-- > first;)
            g_array_append_val(stack, child);
    }
}

gboolean cronos_outline_walk(const CronosOutline *outline, CronosOutlineFunc func,
                             gpointer user_data, GError **error)
{
    g_autoptr(GString) name = g_string_new(NULL);
    Teller teller = {outline, func, user_data, name, 0};

    if (outline->zip != NULL)
        return walk_zip(&teller, error);
    walk_archive(&teller);
    return TRUE;
}
