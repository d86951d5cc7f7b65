/* SPDX-License-Identifier: MIT
 * fuzz-identifier.c - the input is names, one a line: the last is what a user typed to find a
 * backup, the others are files in the backup directory */
#include "tests/fuzz/fuzz.h"

#include "core/below.h"
#include "core/catalog.h"
#include "core/error.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>

#define NAMES_MAX 24u

static char *directory;

static void remove_directory(void)
{
    g_rmdir(directory);
}

static void make_directory(void)
{
    if (directory != NULL)
        return;
    directory = g_dir_make_tmp("cronos-fuzz-XXXXXX", NULL);
    g_assert_nonnull(directory);
    atexit(remove_directory);
}

/* A name is taken apart and put together again to the same name. */
static void check_parse(const char *file_name)
{
    CronosBackupName parsed;

    if (!cronos_backup_name_parse(file_name, &parsed))
        return;
    g_autofree char *stamp = cronos_backup_timestamp(parsed.created);
    g_autofree char *name = cronos_backup_name_format(parsed.type, parsed.name, parsed.created);
    g_assert_true(cronos_backup_type_check(parsed.type, NULL));
    /* In the hour that a change to summer time leaves out, the two differ. */
    if (strcmp(stamp, parsed.timestamp) == 0)
        g_assert_cmpstr(name, ==, file_name);
    cronos_backup_name_clear(&parsed);
}

/* A name that was accepted is accepted as it is, and found again in the file name made of it. */
static void check_normalize(const char *typed)
{
    g_autoptr(GError) error = NULL;
    CronosBackupName parsed;
    g_autofree char *name = cronos_backup_name_normalize(typed, &error);

    fuzz_check_error(name != NULL, error);
    if (name == NULL)
        return;
    g_autofree char *again = cronos_backup_name_normalize(name, NULL);
    g_assert_cmpstr(name, ==, again);
    g_assert_cmpuint(strlen(name), <=, CRONOS_BACKUP_NAME_MAX);
    g_autofree char *file_name =
        cronos_backup_name_format(CRONOS_BACKUP_TYPE_AUTO, name, 1700000000);
    g_assert_true(cronos_backup_name_parse(file_name, &parsed));
    g_assert_cmpstr(parsed.name, ==, name);
    g_assert_cmpint(parsed.created, ==, 1700000000);
    cronos_backup_name_clear(&parsed);
}

static void touch_or_remove(int dirfd, char **names, guint count, gboolean touch)
{
    for (guint i = 0; i < count; i++) {
        if (!cronos_name_is_plain(names[i], strlen(names[i])))
            continue;
        int fd = touch ? openat(dirfd, names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600)
                       : unlinkat(dirfd, names[i], 0);
        if (touch && fd >= 0)
            close(fd);
    }
}

/* The catalog is sorted, and each of its names finds itself. */
static void check_catalog(const CronosCatalog *catalog, const char *identifier)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *others = NULL;
    const GPtrArray *entries = cronos_catalog_entries(catalog);
    const CronosBackup *found = cronos_catalog_find(catalog, identifier, &others, &error);

    fuzz_check_error(found != NULL, error);
    g_assert_true(found != NULL || g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND));
    g_assert_true((found != NULL) == (others != NULL));
    g_clear_pointer(&others, g_ptr_array_unref);
    for (guint i = 0; i < entries->len; i++) {
        const CronosBackup *entry = g_ptr_array_index(entries, i);

        g_assert_true(cronos_catalog_find(catalog, entry->file_name, NULL, NULL) == entry);
        if (i > 0)
            g_assert_true(((CronosBackup *)g_ptr_array_index(entries, i - 1))->foreign <=
                          entry->foreign);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(GStrv) names = fuzz_lines(data, size, NAMES_MAX);
    guint count = g_strv_length(names);
    g_autoptr(GError) error = NULL;

    if (count == 0)
        return 0;
    make_directory();
    for (guint i = 0; i < count; i++) {
        check_parse(names[i]);
        check_normalize(names[i]);
    }
    int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_true(dirfd >= 0);
    touch_or_remove(dirfd, names, count - 1, TRUE);
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(directory, &error);
    touch_or_remove(dirfd, names, count - 1, FALSE);
    close(dirfd);
    fuzz_check_error(catalog != NULL, error);
    check_catalog(catalog, names[count - 1]);
    return 0;
}
