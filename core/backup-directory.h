/* SPDX-License-Identifier: MIT
 * backup-directory.h - the directory archives lie in, opened for changing it
 *
 * Holding one of these is holding the lock (flock on the directory) that orders create and clean;
 * readers need none. The lock goes with the process, also when it is killed. */
#pragma once
#include <gio/gio.h>

typedef struct CronosBackupDirectory CronosBackupDirectory;

/* Opens @path, made with its parents where it is missing (mode 0777 less umask), takes the lock,
 * and removes left-over temporaries of dead processes. Waits for the lock; polls @cancellable.
 * Returns: (owned), or NULL with a system error or CANCELLED. */
CronosBackupDirectory *cronos_backup_directory_lock(const char *path, GCancellable *cancellable,
                                                    GError **error);
/* The same, but what others left stays: for who is to change nothing. */
CronosBackupDirectory *
cronos_backup_directory_lock_to_look(const char *path, GCancellable *cancellable, GError **error);
/* The same for a folder that is there and is somebody else's, too: only what a run that took it by
 * this call left behind is removed. */
CronosBackupDirectory *
cronos_backup_directory_lock_guest(const char *path, GCancellable *cancellable, GError **error);
void cronos_backup_directory_unlock(CronosBackupDirectory *directory); /* frees; NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosBackupDirectory, cronos_backup_directory_unlock)

int cronos_backup_directory_fd(const CronosBackupDirectory *directory); /* borrowed */
const char *cronos_backup_directory_path(const CronosBackupDirectory *directory);

/* A new archive under its hidden temporary name: open for reading and writing, mode 0666 less
 * umask. Returns: (owned) the fd, or -1 with a system error. @out_name: (owned) the temporary's
 * name. */
int cronos_backup_directory_create_temporary(CronosBackupDirectory *directory, char **out_name,
                                             GError **error);
/* Syncs @fd, renames @temporary to <type>_<name>_<time>, never replacing (RENAME_NOREPLACE): when
 * the name is taken, the next free second is used. Then syncs the directory.
 * @created: in: wished time, seconds; the name's time may be later.
 * Returns: (owned) final file name, or NULL with a system error: the temporary is removed, except
 * where the backup got its name and only the directory could not be synced; the message says so. */
char *cronos_backup_directory_publish(CronosBackupDirectory *directory, int fd,
                                      const char *temporary, const char *type, const char *name,
                                      gint64 created, GError **error);
/* The same under the name @file_name, which must be a plain one; taken, it is a system error
 * EEXIST.
 */
gboolean cronos_backup_directory_publish_as(CronosBackupDirectory *directory, int fd,
                                            const char *temporary, const char *file_name,
                                            GError **error);
/* Picks the first second from @created on whose file name is free, so that metadata can hold the
 * very name the archive will get (the lock keeps it free of other creates). */
gint64 cronos_backup_directory_free_second(CronosBackupDirectory *directory, const char *type,
                                           const char *name, gint64 created);
/* Writes @text as the file @name, whole or not at all: under a temporary name, synced, renamed over
 * what has the name, the directory synced. */
gboolean cronos_backup_directory_put(CronosBackupDirectory *directory, const char *name,
                                     const char *text, GError **error);
/* Unlinks @file_name, which must be a plain name, and its pin where it has one, and logs it. */
gboolean cronos_backup_directory_remove(CronosBackupDirectory *directory, const char *file_name,
                                        const char *why, GError **error);
