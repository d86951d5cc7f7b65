/* SPDX-License-Identifier: MIT
 * restore-private.h - what the parts of restore share
 *
 *   restore.c              order of the steps, verification, restore point, result
 *   restore-plan.c         which members are wanted, in which order
 *   restore-check.c        the archive checked before the first byte is written
 *   restore-place.c        the new location: found, unpacked beside, renamed into place
 *   restore-hidden.c       the hidden folder it is unpacked in, and what killed runs left
 *   restore-folders.c      folders first; descriptors by entry
 *   restore-finish.c       the modes and times of folders last
 *   restore-files.c        files and symbolic links, by several threads
 *   restore-write.c        bytes, holes, modes, owners and times of one file
 *   restore-compare.c      is what lies in the target already what the backup holds
 *   restore-barred.c       the backup directory and the log file, which are never touched
 *   restore-extra.c        what --delete removes
 *   restore-twins.c        names that the target may take for one
 *   restore-temporary.c    names of what is there only while a restore works
 *   restore-point.c        the backup made before anything is overwritten
 *   restore-kept.c         is what is about to go in that backup as it is
 *
 * One job serves both strategies. "fresh" says that nothing but this job is in the target: members
 * are then written under their own names and never looked for first; else each is written under a
 * temporary name and renamed over what was there. "resumed" says that a fresh target holds what a
 * killed run of the same restore left: what is right already stays, all else is written anew. */
#pragma once
#include "core/archive.h"
#include "core/member-bytes.h"
#include "core/progress-tally.h"
#include "core/recorded-patterns.h"
#include "core/restore.h"

#include <sys/stat.h>

typedef enum {
    CRONOS_PICK_NONE,
    CRONOS_PICK_PARENT, /* a folder above something wanted, not wanted itself */
    CRONOS_PICK_WANTED,
} CronosPick;

typedef struct {
    CronosArchive *archive; /* borrowed */
    guint8 *picks;          /* CronosPick by entry */
    gboolean whole;         /* no PATH was given */
    guint32 metadata;       /* the backup's own metadata member, or CRONOS_ENTRY_NONE */
    GArray *folders;        /* of guint32: picked, parents before children; the top folder is not in
                               it */
    GArray *files;          /* of guint32: wanted files and links in the archive's order */
    guint64 bytes;          /* decoded, of files and links */
    guint64 stored_bytes;
} CronosRestorePlan;

/* Returns: (owned), or NULL with @error NOT_FOUND (a PATH the backup lacks), UNSAFE (a name that
 * could lead elsewhere), DAMAGED (unless it is to keep going). @root: an absolute PATH below it is
 * taken as relative to it. */
CronosRestorePlan *cronos_restore_plan_new(CronosArchive *archive, const char *backup_name,
                                           const char *root, const CronosRestoreOptions *options,
                                           GError **error);
void cronos_restore_plan_free(CronosRestorePlan *plan); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosRestorePlan, cronos_restore_plan_free)

/* Checks the whole archive. Returns: FALSE with @error: CANCELLED; or, unless it is to keep going,
 * DAMAGED or UNSUPPORTED. Where it is, what was found is left out of @plan and added to the failed
 * ones of @result. */
gboolean cronos_restore_check_archive(CronosRestorePlan *plan, const char *backup_name,
                                      const CronosRestoreOptions *options, CronosTally *tally,
                                      CronosRestoreResult *result, GError **error);

typedef enum {
    CRONOS_FOLDER_UNKNOWN,
    CRONOS_FOLDER_READY,  /* it was there */
    CRONOS_FOLDER_MADE,   /* made by this restore */
    CRONOS_FOLDER_ABSENT, /* dry run: it would be made */
    CRONOS_FOLDER_FAILED, /* reported; nothing below it can be restored */
    CRONOS_FOLDER_BARRED, /* the backup directory: nothing in it is touched */
} CronosFolderState;

/* A folder of ours that was made writable for its owner. */
typedef struct {
    char *path;
    mode_t mode;    /* the one it had */
    gboolean stays; /* it is to have that one again; else the archive's */
} CronosOpenedFolder;

typedef struct {
    CronosArchive *archive; /* borrowed, as the plan and the options */
    const CronosRestorePlan *plan;
    const CronosRestoreOptions *options;
    const char *backup_name; /* file name, for the log */
    int target_fd;           /* borrowed; -1: a dry run into a place that is not there */
    gboolean fresh;
    gboolean resumed;
    gint64 started_ns;   /* when the backup was begun, since the epoch; 0: not known */
    gboolean set_owners; /* root's privilege */
    uid_t uid; /* what new files belong to, where plain_defaults: as a fresh target, just made */
    gid_t gid;
    gboolean plain_defaults; /* what open() and mkdir() yield is known from the umask alone */
    mode_t umask;
    GArray *barred;              /* private to restore-barred.c; NULL: fresh */
    struct stat log;             /* of cronos's own log file; st_ino 0: none */
    gint64 point_ns;             /* when the restore point's walk began; 0: there is none */
    const char *point_directory; /* borrowed; where it lies */
    CronosArchive *point;        /* under lock; opened when it is first asked for */
    gboolean point_sought;       /* under lock */
    guint8 *folder_states;       /* CronosFolderState by entry; settled before threads start */
    GPtrArray *opened; /* of CronosOpenedFolder *, before threads start and after they ended */
    GHashTable *twins; /* NULL in a fresh target: there, a name that is taken is seen at once */
    GArray *later;     /* of guint32: those of them that wait; under lock */
    guint8 *folders_cleared; /* by entry: looked through for what killed runs left; atomic */
    GHashTable *gone;        /* dry run: set of char *, paths that would have been deleted */
    CronosTally *tally;
    gint sharing; /* atomic: a large file is being written by several threads */
    pthread_mutex_t lock;
    CronosRestoreResult *result; /* under lock; so is on_action */
} CronosRestoreJob;

/* Counts, and tells on_action. @path: raw bytes. Threads: safe. */
void cronos_restore_tell(CronosRestoreJob *job, CronosRestoreAction action, const char *path);
/* Adds "PATH: reason" to the failed ones, and logs. @path: raw bytes; @reason may begin with it.
 * Threads: safe. */
void cronos_restore_fail(CronosRestoreJob *job, const char *path, const char *reason);
/* Returns: whether @errnum ends the restore (no space, I/O error, ...) rather than fail one file.
 */
gboolean cronos_restore_errno_is_fatal(const CronosRestoreJob *job, int errnum);
gboolean cronos_restore_dry(const CronosRestoreJob *job);

/* A few open folders of the target, by entry number. Not for several threads at once. */
typedef struct {
    guint32 entry;
    int fd;
    guint64 used;
} CronosFolderSlot;
#define CRONOS_FOLDER_SLOTS 8u
typedef struct {
    CronosFolderSlot slots[CRONOS_FOLDER_SLOTS];
    guint64 clock;
} CronosFolderCache;

void cronos_folder_cache_init(CronosFolderCache *cache);
void cronos_folder_cache_clear(CronosFolderCache *cache);
/* Returns: (borrowed, until the next call) descriptor of the folder @entry below the target, or -1
 * with errno. */
int cronos_folder_cache_get(CronosFolderCache *cache, CronosRestoreJob *job, guint32 entry);

/* Copies the entry's last component. Returns: FALSE with errno (ENAMETOOLONG). */
gboolean cronos_restore_name(CronosArchive *archive, guint32 entry, char name[NAME_MAX + 1]);

/* Makes every picked folder, replacing what is in its way. Returns: FALSE with @error where the
 * restore can not go on. */
gboolean cronos_restore_make_folders(CronosRestoreJob *job, GError **error);
/* Looks for symbolic links where a folder above a wanted member would have to be: UNSAFE. */
gboolean cronos_restore_check_parents(CronosRestoreJob *job, GError **error);
/* Has the folder @name in @parent_fd, @path from the target, writable for its owner, if it is ours
 * and was not. */
void cronos_restore_open_up(CronosRestoreJob *job, int parent_fd, const char *name,
                            const char *path);
/* Gives folders that were opened up the modes back that they had: all of them, or those that
 * cronos_restore_finish_folders gives none. */
void cronos_restore_close_up(CronosRestoreJob *job, gboolean all);
/* Sets owners, modes and times of the folders, the deepest first. */
gboolean cronos_restore_finish_folders(CronosRestoreJob *job, GError **error);

gboolean cronos_restore_files(CronosRestoreJob *job, GError **error);

/* One thread's working place. */
typedef struct {
    CronosRestoreJob *job;
    CronosFolderCache folders;
    CronosPieceRoom room, other; /* other: for comparing */
} CronosRestoreWorker;

/* Bits of a mode that are restored: setuid and setgid with same_permissions only. */
mode_t cronos_restore_mode_mask(const CronosRestoreJob *job);
/* Permission bits that @info asks for, or that a new file or folder would get. */
mode_t cronos_restore_mode(const CronosRestoreJob *job, const CronosMemberInfo *info);
/* Sets owner, @mode and time of what is open on @fd, as far as can be. @now: the mode it has, or
 * CRONOS_MODE_UNKNOWN. Owners that can not be set are passed over. Returns: 0 or an errno. */
#define CRONOS_MODE_UNKNOWN ((mode_t)-1)
int cronos_restore_set_attributes(const CronosRestoreJob *job, int fd, const CronosMemberInfo *info,
                                  mode_t mode, mode_t now);
struct timespec cronos_restore_timespec(gint64 ns);

/* Writes the file or link @entry as the new name @name in @parent_fd. Returns: FALSE with @error
 * (system where the kernel refused: CRONOS_SYSTEM_ERROR); nothing is left under @name then. */
gboolean cronos_restore_write_file(CronosRestoreWorker *worker, guint32 entry,
                                   const CronosMemberInfo *info, int parent_fd, const char *name,
                                   GError **error);
gboolean cronos_restore_write_symlink(CronosRestoreWorker *worker, guint32 entry,
                                      const CronosMemberInfo *info, int parent_fd, const char *name,
                                      GError **error);

/* Holds what lies at @name (@status: its lstat) against the member. Returns: FALSE with @error
 * where the member can not be decoded; *out_same otherwise. */
gboolean cronos_restore_compare(CronosRestoreWorker *worker, guint32 entry,
                                const CronosMemberInfo *info, int parent_fd, const char *name,
                                const struct stat *status, gboolean *out_same, GError **error);

/* What a member is not restored for whose name another one has. */
#define CRONOS_RESTORE_TAKEN "another member of the backup has this name here"
/* Returns: (owned) table from entry to entry: of the names in a folder that are picked and that
 * some file system takes for one, from each but the first to the first. */
GHashTable *cronos_restore_find_twins(const CronosRestorePlan *plan);
/* Returns: whether @entry is to wait for another one. */
gboolean cronos_restore_has_twin(const CronosRestoreJob *job, guint32 entry);
/* Returns: whether what lies in the place of @entry (@status) is there under the name of the one it
 * has waited for, too. */
gboolean cronos_restore_is_taken(const CronosRestoreJob *job, guint32 entry, int parent_fd,
                                 const struct stat *status);

/* Returns: whether the folder @path of the target is empty, or, in a dry run, would be once what
 * --delete takes is gone. */
gboolean cronos_restore_will_be_empty(const CronosRestoreJob *job, const char *path);
/* Finds what no restore touches. */
void cronos_restore_bar(CronosRestoreJob *job, const CronosConfig *config);
/* Returns: whether @status is that of the backup directory, or of a symbolic link on the way to it.
 */
gboolean cronos_restore_is_barred(const CronosRestoreJob *job, const struct stat *status);
/* Returns: whether @status is that of the log file, which is being written to. */
gboolean cronos_restore_is_log(const CronosRestoreJob *job, const struct stat *status);

/* Lists what lies in @target, within @patterns, and not in the backup, folders before their
 * contents. Returns: (owned) array of char *, or NULL with @error. */
GPtrArray *cronos_restore_find_extra(const CronosRestorePlan *plan, const char *target,
                                     const CronosRecordedPatterns *patterns,
                                     const CronosConfig *config, GError **error);
/* Deletes (in a dry run: tells of) @extra; folders that hold what stays, stay. Fault
 * points: restore-before-delete, restore-after-delete. */
gboolean cronos_restore_delete_extra(CronosRestoreJob *job, const GPtrArray *extra, GError **error);

/* Returns: whether the restore point, if there is one, holds the file or link @path (raw bytes) as
 * it lies there, @status being its lstat. Threads: safe. */
gboolean cronos_restore_is_kept(CronosRestoreJob *job, const char *path, const struct stat *status);
#define CRONOS_RESTORE_NOT_KEPT "changed since the restore point was made; it stays as it is"

/* Makes the restore point of @target, which is open on @target_fd. @out_walked_ns: when its walk
 * began. Returns: (owned) its file name, or NULL with @error: nothing may be changed then. */
char *cronos_restore_make_point(const CronosConfig *config, const CronosBackup *backup,
                                const CronosRestorePlan *plan, const char *target, int target_fd,
                                const CronosRecordedPatterns *patterns,
                                const CronosRestoreOptions *options, const CronosProgress *progress,
                                gint64 *out_walked_ns, GError **error);
