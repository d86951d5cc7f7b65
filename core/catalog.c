/* SPDX-License-Identifier: MIT
 * catalog.c - a snapshot of the backup directory, and identifiers resolved against it */
#include "core/catalog.h"

#include "core/archive.h"
#include "core/error.h"
#include "core/nearest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUGGESTIONS_MAX 3u

struct CronosCatalog {
    char *directory;
    GPtrArray *entries; /* of CronosBackup *, sorted */
};

static void backup_free(gpointer data)
{
    CronosBackup *backup = data;

    cronos_backup_name_clear(&backup->parsed);
    g_free(backup->file_name);
    g_free(backup);
}

static int compare_descending(gint64 a, gint64 b)
{
    return a < b ? 1 : a > b ? -1 : 0;
}

int cronos_backup_compare(const CronosBackup *a, const CronosBackup *b)
{
    int order = a->foreign - b->foreign;

    if (order == 0 && !a->foreign)
        order = strcmp(b->parsed.timestamp, a->parsed.timestamp);
    if (order == 0)
        order = compare_descending(a->mtime_ns, b->mtime_ns);
    return order != 0 ? order : strcmp(a->file_name, b->file_name);
}

static int compare_backups(gconstpointer left, gconstpointer right)
{
    return cronos_backup_compare(*(const CronosBackup *const *)left,
                                 *(const CronosBackup *const *)right);
}

static CronosBackup *backup_new(const char *file_name, const struct stat *status)
{
    CronosBackup *backup = g_new0(CronosBackup, 1);

    backup->file_name = g_strdup(file_name);
    backup->foreign = !cronos_backup_name_parse(file_name, &backup->parsed);
    backup->size_bytes = (guint64)status->st_size;
    backup->mtime_ns =
        (gint64)status->st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + status->st_mtim.tv_nsec;
    backup->device = status->st_dev;
    backup->inode = status->st_ino;
    return backup;
}

static void set_system_error(GError **error, int errnum, const char *what, const char *path)
{
    g_autofree char *quoted = cronos_quote_path(path);

    cronos_error_set_system(error, errnum, "%s \"%s\"", what, quoted);
}

static void set_examine_error(GError **error, int errnum, const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    set_system_error(error, errnum, "can not examine", path);
}

static void note_pin(GHashTable *pinned, const char *name)
{
    char *target = cronos_backup_pin_target(name);

    if (target != NULL)
        g_hash_table_add(pinned, target);
}

/* Files that go away while the directory is read are none of its entries.
 * @pinned: takes the file names of backups whose marks are there. */
static gboolean read_entries(CronosCatalog *catalog, DIR *stream, GHashTable *pinned,
                             GError **error)
{
    for (;;) {
        struct stat status;

        errno = 0;
        const struct dirent *item = readdir(stream);
        if (item == NULL && errno == 0)
            return TRUE;
        if (item == NULL) {
            set_system_error(error, errno, "can not list", catalog->directory);
            return FALSE;
        }
        if (item->d_name[0] == '.')
            note_pin(pinned, item->d_name);
        if (item->d_name[0] == '.' || !cronos_archive_is_archive_name(item->d_name, NULL))
            continue;
        if (fstatat(dirfd(stream), item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT)
                continue;
            set_examine_error(error, errno, catalog->directory, item->d_name);
            return FALSE;
        }
        if (S_ISREG(status.st_mode))
            g_ptr_array_add(catalog->entries, backup_new(item->d_name, &status));
    }
}

static void mark_pinned(CronosCatalog *catalog, GHashTable *pinned)
{
    for (guint i = 0; i < catalog->entries->len; i++) {
        CronosBackup *backup = g_ptr_array_index(catalog->entries, i);

        backup->pinned = g_hash_table_contains(pinned, backup->file_name);
    }
}

/* @fd: taken over; -1: an empty catalog. */
static CronosCatalog *read_fd(int fd, const char *directory, GError **error)
{
    g_autoptr(CronosCatalog) catalog = g_new0(CronosCatalog, 1);
    g_autoptr(GHashTable) pinned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    catalog->directory = g_strdup(directory);
    catalog->entries = g_ptr_array_new_with_free_func(backup_free);
    if (fd < 0)
        return g_steal_pointer(&catalog);

    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        set_system_error(error, errno, "can not list", directory);
        close(fd);
        return NULL;
    }
    gboolean complete = read_entries(catalog, stream, pinned, error);
    closedir(stream);
    if (!complete)
        return NULL;
    mark_pinned(catalog, pinned);
    g_ptr_array_sort(catalog->entries, compare_backups);
    return g_steal_pointer(&catalog);
}

CronosCatalog *cronos_catalog_read(const char *directory, GError **error)
{
    return cronos_catalog_read_at(AT_FDCWD, directory, directory, error);
}

CronosCatalog *cronos_catalog_read_at(int dirfd, const char *path, const char *directory,
                                      GError **error)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno != ENOENT) {
        set_system_error(error, errno, "can not open the backup directory", directory);
        return NULL;
    }
    return read_fd(fd, directory, error);
}

void cronos_catalog_free(CronosCatalog *catalog)
{
    if (catalog == NULL)
        return;
    g_ptr_array_unref(catalog->entries);
    g_free(catalog->directory);
    g_free(catalog);
}

const char *cronos_catalog_directory(const CronosCatalog *catalog)
{
    return catalog->directory;
}

const GPtrArray *cronos_catalog_entries(const CronosCatalog *catalog)
{
    return catalog->entries;
}

int cronos_catalog_open_directory(const CronosCatalog *catalog, GError **error)
{
    int fd = open(catalog->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        set_system_error(error, errno, "can not open the backup directory", catalog->directory);
    return fd;
}

/* @rest: what follows "<head>_" when @text is "<head>_<rest>". */
static gboolean is_joined(const char *text, const char *head, const char *rest)
{
    gsize length = strlen(head);

    return strncmp(text, head, length) == 0 && text[length] == '_' &&
           strcmp(text + length + 1, rest) == 0;
}

static gboolean is_stem(const CronosBackup *backup, const char *identifier)
{
    gsize length = 0;

    return cronos_archive_is_archive_name(backup->file_name, &length) &&
           strlen(identifier) == length && memcmp(backup->file_name, identifier, length) == 0;
}

typedef enum {
    FORM_FILE_NAME,
    FORM_STEM,
    FORM_NAME_AND_TIMESTAMP,
    FORM_TIMESTAMP,
    FORM_COUNT,
} IdentifierForm;

static gboolean answers_to(const CronosBackup *backup, IdentifierForm form, const char *identifier)
{
    if (form == FORM_FILE_NAME)
        return strcmp(backup->file_name, identifier) == 0;
    if (form == FORM_STEM)
        return is_stem(backup, identifier);
    if (backup->foreign)
        return FALSE;
    if (form == FORM_NAME_AND_TIMESTAMP)
        return is_joined(identifier, backup->parsed.name, backup->parsed.timestamp);
    return strcmp(backup->parsed.timestamp, identifier) == 0;
}

/* A restore point is what an overwriting restore made of what it replaced: were it the latest
 * backup, a second "restore latest" would undo the first. */
const CronosBackup *cronos_catalog_latest(const CronosCatalog *catalog)
{
    const CronosBackup *point = NULL;

    for (guint i = 0; i < catalog->entries->len; i++) {
        const CronosBackup *backup = g_ptr_array_index(catalog->entries, i);

        if (backup->foreign)
            break;
        if (strcmp(backup->parsed.type, CRONOS_BACKUP_TYPE_RESTORE_POINT) != 0)
            return backup;
        if (point == NULL)
            point = backup;
    }
    return point;
}

/* How far @identifier is from what @backup answers to; 0 where it names a part of it. */
static guint distance_to(const CronosBackup *backup, const char *identifier)
{
    if (strstr(backup->file_name, identifier) != NULL)
        return 0;

    gsize length = strlen(backup->file_name);
    cronos_archive_is_archive_name(backup->file_name, &length);
    g_autofree char *stem = g_strndup(backup->file_name, length);
    guint distance = cronos_nearest_distance(identifier, stem);

    if (backup->foreign)
        return distance;
    g_autofree char *joined = g_strconcat(backup->parsed.name, "_", backup->parsed.timestamp, NULL);
    distance = MIN(distance, cronos_nearest_distance(identifier, joined));
    distance = MIN(distance, cronos_nearest_distance(identifier, backup->parsed.name));
    return MIN(distance, cronos_nearest_distance(identifier, backup->parsed.timestamp));
}

/* The nearest entries, newer ones first among equals: what a wrong identifier may have meant. */
static guint nearest_entries(const CronosCatalog *catalog, const char *identifier,
                             const CronosBackup *out_nearest[SUGGESTIONS_MAX])
{
    guint distances[SUGGESTIONS_MAX], count = 0;

    for (guint i = 0; i < catalog->entries->len; i++) {
        const CronosBackup *backup = g_ptr_array_index(catalog->entries, i);
        guint distance = distance_to(backup, identifier);
        guint place = count;

        if (!cronos_nearest_is_close(identifier, distance))
            continue;
        while (place > 0 && distances[place - 1] > distance)
            place--;
        if (place == SUGGESTIONS_MAX)
            continue;
        count = MIN(count + 1, SUGGESTIONS_MAX);
        for (guint j = count - 1; j > place; j--) {
            distances[j] = distances[j - 1];
            out_nearest[j] = out_nearest[j - 1];
        }
        distances[place] = distance;
        out_nearest[place] = backup;
    }
    return count;
}

static void set_not_found(const CronosCatalog *catalog, const char *identifier, GError **error)
{
    const CronosBackup *nearest[SUGGESTIONS_MAX];
    g_autofree char *directory = cronos_quote_path(catalog->directory);
    g_autofree char *quoted = cronos_quote_path(identifier);

    if (catalog->entries->len == 0) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND,
                    "no backup \"%s\": there are no backups in \"%s\"", quoted, directory);
        return;
    }

    guint count = *identifier != '\0' ? nearest_entries(catalog, identifier, nearest) : 0;
    g_autoptr(GString) message = g_string_new(NULL);

    g_string_printf(message, "no backup \"%s\" in \"%s\"", quoted, directory);
    for (guint i = 0; i < count; i++) {
        g_autofree char *name = cronos_quote_path(nearest[i]->file_name);
        g_string_append_printf(message, "%s\"%s\"",
                               i == 0           ? "; did you mean "
                               : i + 1 == count ? " or "
                                                : ", ",
                               name);
    }
    g_string_append(message, count > 0 ? "?" : "");
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND, message->str);
}

const CronosBackup *cronos_catalog_find(const CronosCatalog *catalog, const char *identifier,
                                        GPtrArray **out_others, GError **error)
{
    const CronosBackup *found = NULL;
    g_autoptr(GPtrArray) others = g_ptr_array_new();

    for (int form = 0; form < FORM_COUNT && found == NULL; form++) {
        for (guint i = 0; i < catalog->entries->len; i++) {
            CronosBackup *backup = g_ptr_array_index(catalog->entries, i);

            if (!answers_to(backup, (IdentifierForm)form, identifier))
                continue;
            if (found == NULL)
                found = backup;
            else
                g_ptr_array_add(others, backup);
        }
    }
    if (found == NULL && strcmp(identifier, "latest") == 0)
        found = cronos_catalog_latest(catalog);
    if (found == NULL)
        set_not_found(catalog, identifier, error);
    if (out_others != NULL)
        *out_others = found != NULL ? g_steal_pointer(&others) : NULL;
    return found;
}
