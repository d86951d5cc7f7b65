/* SPDX-License-Identifier: MIT
 * pin.c - setting and clearing the marks of pinned backups */
#include "core/pin.h"

#include "core/backup-name.h"
#include "core/directory-names.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIN_TEXT "pinned: cronos clean keeps %s; see cronos(1)\n"

/* Returns: 0, or the errno that looking for @file_name gave. */
static int look_for(CronosBackupDirectory *directory, const char *file_name)
{
    struct stat status;
    int fd = cronos_backup_directory_fd(directory);

    return fstatat(fd, file_name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

/* Returns: FALSE with @error for a foreign archive. A file ".NAME.pin" beside it is not ours. */
static gboolean check_name(const char *file_name, GError **error)
{
    CronosBackupName parsed;

    if (cronos_backup_name_parse(file_name, &parsed)) {
        cronos_backup_name_clear(&parsed);
        return TRUE;
    }
    g_autofree char *quoted = cronos_quote_path(file_name);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                "\"%s\" is a foreign archive, which retention never removes", quoted);
    return FALSE;
}

static gboolean check_presence(CronosBackupDirectory *directory, const char *file_name,
                               GError **error)
{
    g_autofree char *quoted = cronos_quote_path(file_name);
    int errnum = look_for(directory, file_name);

    if (errnum == ENOENT)
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND, "\"%s\" is not there any more",
                    quoted);
    else if (errnum != 0)
        cronos_error_set_system(error, errnum, "\"%s\"", quoted);
    return errnum == 0;
}

gboolean cronos_pin_set(CronosBackupDirectory *directory, const char *file_name, GError **error)
{
    if (!check_name(file_name, error) || !check_presence(directory, file_name, error))
        return FALSE;

    g_autofree char *pin = cronos_backup_pin_name(file_name);
    g_autofree char *quoted = cronos_quote_path(file_name);
    g_autofree char *text = g_strdup_printf(PIN_TEXT, quoted);

    if (!cronos_backup_directory_put(directory, pin, text, error)) {
        g_prefix_error(error, "can not pin \"%s\": ", quoted);
        return FALSE;
    }
    cronos_log_event(CRONOS_LOG_INFO, file_name, NULL, "pinned");
    return TRUE;
}

/* Fault points: before-remove, after-remove. Returns: 0 or an errno. */
static int remove_pin(CronosBackupDirectory *directory, const char *pin)
{
    int errnum = cronos_fault_errno("before-remove");

    if (errnum == 0 && unlinkat(cronos_backup_directory_fd(directory), pin, 0) != 0)
        errnum = errno;
    return errnum != 0 ? errnum : cronos_fault_errno("after-remove");
}

gboolean cronos_pin_clear(CronosBackupDirectory *directory, const char *file_name, GError **error)
{
    if (!check_name(file_name, error))
        return FALSE;

    g_autofree char *pin = cronos_backup_pin_name(file_name);
    int errnum = remove_pin(directory, pin);
    if (errnum == 0)
        cronos_log_event(CRONOS_LOG_INFO, file_name, NULL, "unpinned");
    if (errnum == 0 || errnum == ENOENT)
        return TRUE;
    g_autofree char *quoted = cronos_quote_path(file_name);
    cronos_error_set_system(error, errnum, "can not unpin \"%s\" in \"%s\"", quoted,
                            cronos_backup_directory_path(directory));
    return FALSE;
}

static gboolean clear_orphan(CronosBackupDirectory *directory, const char *pin)
{
    int errnum = remove_pin(directory, pin);

    if (errnum == 0)
        cronos_log_event(CRONOS_LOG_INFO, NULL, pin, "removed the pin of a backup that is gone");
    else
        cronos_log_event(CRONOS_LOG_ERROR, NULL, pin,
                         "can not remove the pin of a backup that is gone: %s", g_strerror(errnum));
    return errnum == 0;
}

guint cronos_pin_clear_orphans(CronosBackupDirectory *directory, gboolean dry_run)
{
    int errnum = 0;
    g_autoptr(CronosDirectoryNames) names =
        cronos_directory_names_list(cronos_backup_directory_fd(directory), &errnum);
    guint count = 0;

    for (gsize i = 0; i < cronos_directory_names_count(names); i++) {
        unsigned char type;
        const char *pin = cronos_directory_names_get(names, i, &type);
        g_autofree char *target = cronos_backup_pin_target(pin);

        if (target != NULL && look_for(directory, target) == ENOENT &&
            (dry_run || clear_orphan(directory, pin)))
            count++;
    }
    return count;
}
