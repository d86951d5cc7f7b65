/* SPDX-License-Identifier: MIT
 * backup-name.h - egos_backup_<type>_<name>_<YYYYMMDD_HHMMSS>.zip */
#pragma once
#include <glib.h>

#define CRONOS_BACKUP_TYPE_MANUAL "manual"
#define CRONOS_BACKUP_TYPE_AUTO "auto"
#define CRONOS_BACKUP_TYPE_RESTORE_POINT "restore_point"
#define CRONOS_BACKUP_NAME_MAX 128 /* bytes, of <name> */
#define CRONOS_BACKUP_EXTENSION ".zip"

typedef struct {
    char *type;
    char *name;
    char *timestamp; /* "YYYYMMDD_HHMMSS", local time */
    gint64 created;  /* the same in seconds since the epoch; the earlier one where DST repeats it */
} CronosBackupName;

/* Takes a file name apart. Returns: FALSE when it does not follow the scheme (or names a time that
 * does not exist in the calendar). On TRUE, free with cronos_backup_name_clear. */
gboolean cronos_backup_name_parse(const char *file_name, CronosBackupName *out_name);
void cronos_backup_name_clear(CronosBackupName *name);

/* Returns: (owned) @name lower-cased, blanks as '_'; letters (of any script), digits, '_', '-', '.'
 * kept, other characters dropped; or NULL with @error USAGE for an empty result, invalid UTF-8,
 * '/', a control character, a leading dot, or more than 128 bytes. */
char *cronos_backup_name_normalize(const char *name, GError **error);
/* Returns: FALSE with @error USAGE unless @type is known or matches [a-z0-9-]+ (at most 32 bytes).
 */
gboolean cronos_backup_type_check(const char *type, GError **error);
/* Returns: (owned) file name; @created: seconds since the epoch, written as local time. */
char *cronos_backup_name_format(const char *type, const char *name, gint64 created);
/* Returns: whether @text begins with "YYYYMMDD_HHMMSS", a local time of the calendar; @out_created:
 * in seconds since the epoch, the earlier one where DST repeats it. */
gboolean cronos_backup_timestamp_parse(const char *text, gint64 *out_created);
/* Returns: (owned) "YYYYMMDD_HHMMSS" in local time. */
char *cronos_backup_timestamp(gint64 created);

/* The mark of a pinned backup: a hidden file beside it, ".<file name>.pin". What it holds is for
 * people; that it is there is what counts. Returns: (owned) its name. */
char *cronos_backup_pin_name(const char *file_name);
/* Returns: (owned) the file name of the backup that the mark @name is of, or NULL where it is no
 * mark. */
char *cronos_backup_pin_target(const char *name);

/* Hidden name an archive is written under before it gets its own, ".cronos-<pid>-<random>.tmp" */
#define CRONOS_TEMPORARY_PREFIX ".cronos-"
#define CRONOS_TEMPORARY_SUFFIX ".tmp"
