/* SPDX-License-Identifier: MIT
 * restore-fixture.h - a project with a backup directory, archives from Python's zipfile, and a
 * canonical dump of a tree, for the tests of restore and verify */
#pragma once
#include "core/archive.h"
#include "core/config.h"
#include "core/create.h"
#include "core/error.h"
#include "core/restore.h"
#include "core/verify.h"

#include "temporary.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    char *top;  /* temporary directory */
    char *root; /* TOP/project */
    CronosConfig *config;
    CronosCatalog *catalog; /* of the last fixture_backup */
} Fixture;

static inline char *fixture_path(const Fixture *fixture, const char *relative)
{
    return g_build_filename(fixture->top, relative, NULL);
}

static inline void run_script(const char *script, const char *argument)
{
    const char *argv[] = {"python3", "-c", script, argument, NULL};
    g_autofree char *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = -1;

    if (!g_spawn_sync(NULL, (char **)(gpointer)(guintptr)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
                      NULL, NULL, &err, &status, &error))
        fail_msg("python3: %s", error->message);
    if (!g_spawn_check_wait_status(status, NULL))
        fail_msg("python3 failed: %s", err);
}

/* Runs Python with sys.argv[1] = TOP/RELATIVE, as current directory and umask are. */
static inline void fixture_script(const Fixture *fixture, const char *relative, const char *script)
{
    g_autofree char *path = fixture_path(fixture, relative);

    run_script(script, path);
}

static inline int fixture_setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    g_autoptr(GError) error = NULL;

    fixture->top = temporary_new();
    fixture->root = fixture_path(fixture, "project");
    g_autofree char *backups = fixture_path(fixture, "project/backups");
    if (g_mkdir_with_parents(backups, 0755) != 0)
        return -1;
    fixture->config = cronos_config_load(fixture->root, NULL, &error);
    if (fixture->config == NULL)
        fail_msg("%s", error->message);
    *state = fixture;
    return 0;
}

static inline int unlock_one(const char *path, const struct stat *status, int type,
                             struct FTW *walk)
{
    (void)walk;
    return type == FTW_D && (status->st_mode & S_IRWXU) != S_IRWXU ? chmod(path, S_IRWXU) : 0;
}

static inline int fixture_teardown(void **state)
{
    Fixture *fixture = *state;

    /* What is in a read-only folder can not be removed by its owner. */
    nftw(fixture->top, unlock_one, 16, FTW_PHYS);

    cronos_catalog_free(fixture->catalog);
    cronos_config_free(fixture->config);
    g_free(fixture->root);
    temporary_free(fixture->top);
    g_free(fixture);
    return 0;
}

/* Returns: (borrowed) the archive @file_name of the backup directory. */
static inline const CronosBackup *fixture_find(Fixture *fixture, const char *file_name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *wanted = g_strdup(file_name); /* it may lie in the catalog that goes */

    cronos_catalog_free(fixture->catalog);
    fixture->catalog = cronos_catalog_read(cronos_config_backup_directory(fixture->config), &error);
    if (fixture->catalog == NULL)
        fail_msg("%s", error->message);
    const CronosBackup *backup = cronos_catalog_find(fixture->catalog, wanted, NULL, &error);
    if (backup == NULL)
        fail_msg("%s", error->message);
    return backup;
}

/* Backs the project up. Returns: (borrowed). */
static inline const CronosBackup *fixture_backup(Fixture *fixture, const char *name)
{
    const CronosCreateOptions options = {.name = name, .level = 6};
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosCreateResult) result = cronos_create(fixture->config, &options, NULL, &error);

    if (result == NULL)
        fail_msg("%s", error->message);
    assert_int_equal(result->unreadable->len, 0);
    return fixture_find(fixture, result->file_name);
}

/* Makes the foreign archive backups/@file_name with Python's zipfile: @body uses z. */
static inline const CronosBackup *fixture_zip(Fixture *fixture, const char *file_name,
                                              const char *body)
{
    g_autofree char *relative = g_strconcat("project/backups/", file_name, NULL);
    g_autofree char *script = g_strconcat(
        "import sys, os, stat, zipfile, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)\n"
        "def add(name, data=b'', mode=stat.S_IFREG | 0o644, method=zipfile.ZIP_DEFLATED):\n"
        "    i = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))\n"
        "    i.create_system = 3\n"
        "    i.external_attr = mode << 16\n"
        "    i.compress_type = method\n"
        "    z.writestr(i, data)\n",
        body, "\nz.close()\n", NULL);

    fixture_script(fixture, relative, script);
    return fixture_find(fixture, file_name);
}

static inline int compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static inline void dump_one(GPtrArray *lines, const char *path, const char *shown)
{
    struct stat status;
    g_autofree char *content = NULL;
    gsize length = 0;

    if (lstat(path, &status) != 0)
        fail_msg("%s: %s", path, strerror(errno));
    if (S_ISREG(status.st_mode) && !g_file_get_contents(path, &content, &length, NULL))
        fail_msg("%s can not be read", path);
    if (S_ISLNK(status.st_mode)) {
        content = g_malloc0(PATH_MAX);
        length = (gsize)readlink(path, content, PATH_MAX - 1);
    }
    g_autofree char *sum = g_compute_checksum_for_data(
        G_CHECKSUM_SHA256, (const guchar *)(content != NULL ? content : ""), length);
    g_ptr_array_add(
        lines, g_strdup_printf("%s %o %u:%u %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld %s",
                               shown, status.st_mode, status.st_uid, status.st_gid,
                               S_ISDIR(status.st_mode) ? (gint64)0 : (gint64)status.st_size,
                               (gint64)status.st_mtim.tv_sec, status.st_mtim.tv_nsec, sum));
}

static inline void dump_below(GPtrArray *lines, const char *path, const char *shown,
                              const char *leave_out)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    if (dir == NULL)
        fail_msg("%s can not be listed", path);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *inside = g_build_filename(path, name, NULL);
        g_autofree char *label = g_strconcat(shown, "/", name, NULL);
        struct stat status;

        if (strcmp(label, leave_out) == 0)
            continue;
        dump_one(lines, inside, label);
        if (lstat(inside, &status) == 0 && S_ISDIR(status.st_mode))
            dump_below(lines, inside, label, leave_out);
    }
    g_dir_close(dir);
}

/* Returns: (owned) one line for everything below @path: name, kind and mode, owner, size, mtime in
 * nanoseconds, SHA-256 of the content. "/backups" is left out. */
static inline char *dump_tree(const char *path)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    dump_below(lines, path, "", "/backups");
    g_ptr_array_sort(lines, compare_strings);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

/* Returns: (owned) names in @path, sorted, one space between. */
static inline char *list_names(const char *path)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    if (dir == NULL)
        return g_strdup("(none)");
    while ((name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_dir_close(dir);
    g_ptr_array_sort(names, compare_strings);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static inline void assert_content(const Fixture *fixture, const char *relative, const char *text)
{
    g_autofree char *path = fixture_path(fixture, relative);
    g_autofree char *content = NULL;

    if (!g_file_get_contents(path, &content, NULL, NULL))
        fail_msg("%s is missing", path);
    assert_string_equal(content, text);
}

static inline void assert_missing(const Fixture *fixture, const char *relative)
{
    g_autofree char *path = fixture_path(fixture, relative);
    struct stat status;

    if (lstat(path, &status) == 0)
        fail_msg("%s should not be there", path);
}

/* Restores and expects success. */
static inline CronosRestoreResult *restore(Fixture *fixture, const CronosBackup *backup,
                                           const CronosRestoreOptions *options)
{
    g_autoptr(GError) error = NULL;
    CronosRestoreResult *result = cronos_restore(fixture->config, backup, options, NULL, &error);

    if (result == NULL)
        fail_msg("%s", error->message);
    if (result->failed->len > 0)
        print_message("failed: %s\n", (char *)g_ptr_array_index(result->failed, 0));
    return result;
}

/* Restores and expects the CRONOS_ERROR @code, and @text in the message. */
static inline void refuse(Fixture *fixture, const CronosBackup *backup,
                          const CronosRestoreOptions *options, int code, const char *text)
{
    g_autoptr(GError) error = NULL;
    CronosRestoreResult *result = cronos_restore(fixture->config, backup, options, NULL, &error);

    assert_null(result);
    if (!g_error_matches(error, CRONOS_ERROR, code))
        fail_msg("another error: %s", error->message);
    if (strstr(error->message, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, error->message);
}

static inline void flip_byte(const Fixture *fixture, const char *file_name, const char *marker)
{
    g_autofree char *path = g_build_filename(fixture->root, "backups", file_name, NULL);
    g_autofree char *script =
        g_strconcat("import sys\np = sys.argv[1]\nd = bytearray(open(p, 'rb').read())\n"
                    "at = d.find(b'",
                    marker, "')\nassert at > 0\nd[at] ^= 1\nopen(p, 'wb').write(d)\n", NULL);

    run_script(script, path);
}
