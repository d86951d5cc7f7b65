/* SPDX-License-Identifier: MIT
 * scan.c - the walk over a project directory
 *
 * The directories from the root to where the walk is are a stack of frames: no recursion, so depth
 * is bounded by memory alone. Each frame holds its sorted names and how far the walk has come.
 *
 * Descriptors: the deepest FRAMES_OPEN frames keep theirs open; one farther up is closed and opened
 * again, and held against its device and inode, when the walk comes back to it.
 *
 * Emission: frames[0 .. emitted) have been given out as items, the others wait until something
 * below them is one. "flush" says that this has happened: first the waiting frames go out, then the
 * held item, if there is one. */
#include "core/scan.h"

#include "core/directory-names.h"
#include "core/error.h"
#include "core/file-identity.h"
#include "core/own-mount.h"
#include "core/restore-temporary.h"
#include "core/scan-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAMES_OPEN 64u
#define CACHE_SIGNATURE "Signature: 8a477f597d28d172789f06886806bc55"

typedef struct {
    CronosDirectoryNames *names;
    gsize next;          /* index of the name that is examined next */
    gsize path_length;   /* of the directory's own path in scan->path; 0 for the root */
    int fd;              /* -1 while closed */
    gboolean included;   /* by its own match or by a parent's: covers everything below */
    CronosScanItem item; /* without its path */
} Frame;

struct CronosScan {
    char *root;
    int root_fd;
    const CronosPatterns *include, *exclude;
    gboolean exclude_caches, keep_excluded;
    GArray *skip, *skip_files; /* of files (file-identity.h) */
    GArray *frames;            /* of Frame */
    guint emitted; /* frames given out as items, from the root on; the root counts as given out */
    gboolean flush;
    gboolean held; /* "item" waits for the frames above it */
    CronosScanItem item;
    GString *path;        /* what is being examined */
    GString *parent_path; /* of a frame that is given out late */
    guint64 skipped, mounts, excluded;
    GPtrArray *unreadable, *excluded_paths;
};

static gboolean item_from_stat(const struct stat *status, CronosScanItem *out_item)
{
    *out_item = (CronosScanItem){
        .device = status->st_dev,
        .allocated_bytes = (guint64)status->st_blocks * 512,
    };
    return cronos_member_info_from_stat(status, &out_item->info);
}

static Frame *top_frame(CronosScan *scan)
{
    return &g_array_index(scan->frames, Frame, scan->frames->len - 1);
}

static void note_unreadable(CronosScan *scan, const char *reason)
{
    const char *path = scan->path->len > 0 ? scan->path->str : scan->root;
    g_autofree char *quoted = cronos_quote_path(path);

    g_ptr_array_add(scan->unreadable, g_strdup_printf("%s: %s", quoted, reason));
}

static void frame_close(Frame *frame)
{
    if (frame->fd >= 0)
        close(frame->fd);
    frame->fd = -1;
}

static void pop_frame(CronosScan *scan)
{
    Frame *frame = top_frame(scan);

    frame_close(frame);
    cronos_directory_names_free(frame->names);
    g_array_set_size(scan->frames, scan->frames->len - 1);
    scan->emitted = MIN(scan->emitted, scan->frames->len);
}

/* Opens the directory at scan->path. A process short of descriptors gives up those of the frames
 * first, all but the top one's. */
static int open_directory(CronosScan *scan)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK;
    int fd = cronos_open_without_atime(scan->root_fd, scan->path->str, flags);

    if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
        return fd;
    for (guint i = 0; i + 1 < scan->frames->len; i++)
        frame_close(&g_array_index(scan->frames, Frame, i));
    return cronos_open_without_atime(scan->root_fd, scan->path->str, flags);
}

/* Has the top frame's descriptor open again. Returns: FALSE when its directory is no longer there.
 */
static gboolean reopen_frame(CronosScan *scan)
{
    Frame *frame = top_frame(scan);
    struct stat status;

    if (frame->fd >= 0)
        return TRUE;
    g_string_truncate(scan->path, frame->path_length);
    int fd = open_directory(scan);
    if (fd < 0) {
        note_unreadable(scan, g_strerror(errno));
        return FALSE;
    }
    frame->fd = fd;
    if (fstat(fd, &status) == 0 && status.st_dev == frame->item.device &&
        status.st_ino == frame->item.info.inode)
        return TRUE;
    note_unreadable(scan, "replaced by another directory while it was read");
    return FALSE;
}

static gboolean is_valid_cache_tag(int directory_fd)
{
    char start[sizeof CACHE_SIGNATURE - 1];
    struct stat status;
    int fd = cronos_open_without_atime(directory_fd, CRONOS_CACHE_TAG,
                                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return FALSE;
    gboolean valid = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                     TEMP_FAILURE_RETRY(pread(fd, start, sizeof start, 0)) == sizeof start &&
                     memcmp(start, CACHE_SIGNATURE, sizeof start) == 0;
    close(fd);
    return valid;
}

/* Reads the directory open on @fd (taken over) and makes it the top frame.
 * Returns: FALSE where it is a cache that is left out. */
static gboolean push_frame(CronosScan *scan, int fd, const struct stat *status, gboolean included)
{
    int errnum;
    g_autoptr(CronosDirectoryNames) names = cronos_directory_names_read(fd, &errnum);
    gboolean below_root = scan->frames->len > 0;

    if (errnum != 0)
        note_unreadable(scan, g_strerror(errnum));
    if (scan->exclude_caches && below_root &&
        cronos_directory_names_contain(names, CRONOS_CACHE_TAG) && is_valid_cache_tag(fd)) {
        close(fd);
        return FALSE;
    }
    Frame frame = {.path_length = scan->path->len, .fd = fd, .included = included};
    item_from_stat(status, &frame.item);
    frame.names = g_steal_pointer(&names);
    g_array_append_val(scan->frames, frame);
    if (scan->frames->len > FRAMES_OPEN)
        frame_close(&g_array_index(scan->frames, Frame, scan->frames->len - 1 - FRAMES_OPEN));
    return TRUE;
}

static gboolean is_included(const CronosScan *scan, gboolean parent_included, gboolean is_directory)
{
    return parent_included || cronos_patterns_match(scan->include, scan->path->str, is_directory);
}

static void hold_item(CronosScan *scan)
{
    scan->held = TRUE;
    scan->flush = TRUE;
}

/* A directory that can not be listed is an item all the same where it matches by itself. */
static void examine_closed_directory(CronosScan *scan, const char *name, int errnum)
{
    Frame *parent = top_frame(scan);
    struct stat status;

    if (cronos_is_own_mount_at(parent->fd, parent->item.device, name)) {
        scan->mounts++;
        return;
    }
    if (fstatat(parent->fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 &&
        S_ISDIR(status.st_mode)) {
        if (cronos_file_identities_contain(scan->skip, &status))
            return;
        if (is_included(scan, parent->included, TRUE) && item_from_stat(&status, &scan->item))
            hold_item(scan);
    }
    note_unreadable(scan, g_strerror(errnum));
}

static void examine_directory(CronosScan *scan, const char *name)
{
    gboolean parent_included = top_frame(scan)->included;
    guint64 parent_device = top_frame(scan)->item.device;
    struct stat status;
    int fd = open_directory(scan);

    if (fd < 0) {
        examine_closed_directory(scan, name, errno);
        return;
    }
    if (fstat(fd, &status) != 0) {
        note_unreadable(scan, g_strerror(errno));
        close(fd);
        return;
    }
    gboolean own = status.st_dev != parent_device && cronos_is_own_mount_fd(fd, status.st_dev);
    scan->mounts += own;
    if (own || cronos_file_identities_contain(scan->skip, &status)) {
        close(fd);
        return;
    }
    gboolean included = is_included(scan, parent_included, TRUE);
    if (push_frame(scan, fd, &status, included) && included)
        scan->flush = TRUE;
}

/* Some file systems give a symbolic link no size. */
static void measure_symlink(int directory_fd, const char *name, CronosMemberInfo *info)
{
    char target[PATH_MAX];
    gssize length = readlinkat(directory_fd, name, target, sizeof target);

    if (length > 0)
        info->size_bytes = (guint64)length;
}

static void examine_leaf(CronosScan *scan, const char *name, unsigned char type)
{
    const Frame *parent = top_frame(scan);
    struct stat status;

    if (!is_included(scan, parent->included, FALSE))
        return;
    if (type == DT_FIFO || type == DT_SOCK || type == DT_CHR || type == DT_BLK) {
        scan->skipped++;
        return;
    }
    if (fstatat(parent->fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
        note_unreadable(scan, g_strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        note_unreadable(scan, "replaced by a directory while it was examined");
    } else if (cronos_file_identities_contain(scan->skip, &status)) {
        return;
    } else if (!item_from_stat(&status, &scan->item)) {
        scan->skipped++;
    } else if (!S_ISREG(status.st_mode) ||
               !cronos_file_identities_contain(scan->skip_files, &status)) {
        if (S_ISLNK(status.st_mode) && status.st_size == 0)
            measure_symlink(parent->fd, name, &scan->item.info);
        hold_item(scan);
    }
}

static unsigned char type_of(int directory_fd, const char *name)
{
    struct stat status;

    if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
        return DT_UNKNOWN;
    return IFTODT(status.st_mode);
}

/* What is skipped anyway is not the patterns' doing. */
static void count_excluded(CronosScan *scan, const char *name, unsigned char type)
{
    struct stat status;

    if (type == DT_DIR && scan->skip->len > 0 &&
        fstatat(top_frame(scan)->fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 &&
        cronos_file_identities_contain(scan->skip, &status))
        return;
    scan->excluded++;
    if (scan->keep_excluded)
        g_ptr_array_add(scan->excluded_paths, g_strndup(scan->path->str, scan->path->len));
}

static void examine_next_name(CronosScan *scan)
{
    Frame *frame = top_frame(scan);
    unsigned char type;
    const char *name = cronos_directory_names_get(frame->names, frame->next++, &type);

    if (cronos_restore_temporary_is_name(name))
        return;
    g_string_truncate(scan->path, frame->path_length);
    if (frame->path_length > 0)
        g_string_append_c(scan->path, '/');
    g_string_append(scan->path, name);
    if (type == DT_UNKNOWN)
        type = type_of(frame->fd, name);
    if (scan->exclude != NULL &&
        cronos_patterns_match(scan->exclude, scan->path->str, type == DT_DIR))
        count_excluded(scan, name, type);
    else if (type == DT_DIR)
        examine_directory(scan, name);
    else
        examine_leaf(scan, name, type);
}

/* Returns: the next item that is ready to be given out, or NULL. */
static const CronosScanItem *flush_next(CronosScan *scan)
{
    if (scan->emitted < scan->frames->len) {
        Frame *frame = &g_array_index(scan->frames, Frame, scan->emitted++);

        g_string_truncate(scan->parent_path, 0);
        g_string_append_len(scan->parent_path, scan->path->str, (gssize)frame->path_length);
        frame->item.path = scan->parent_path->str;
        frame->item.path_length = frame->path_length;
        return &frame->item;
    }
    scan->flush = FALSE;
    if (!scan->held)
        return NULL;
    scan->held = FALSE;
    scan->item.path = scan->path->str;
    scan->item.path_length = scan->path->len;
    return &scan->item;
}

const CronosScanItem *cronos_scan_next(CronosScan *scan)
{
    for (;;) {
        const CronosScanItem *item = scan->flush ? flush_next(scan) : NULL;

        if (item != NULL)
            return item;
        if (scan->frames->len == 0)
            return NULL;
        const Frame *frame = top_frame(scan);
        if (frame->next < cronos_directory_names_count(frame->names) && reopen_frame(scan))
            examine_next_name(scan);
        else
            pop_frame(scan);
    }
}

/* What does not exist can not be met on the walk either. @paths: NULL-terminated or NULL. */
static GArray *identify_skips(const char *const *paths)
{
    GArray *skip = cronos_file_identities_new();
    struct stat status;

    for (; paths != NULL && *paths != NULL; paths++) {
        if (stat(*paths, &status) == 0)
            cronos_file_identities_add(skip, &status);
        if (lstat(*paths, &status) == 0 && S_ISLNK(status.st_mode))
            cronos_file_identities_add(skip, &status);
    }
    return skip;
}

static gboolean open_root(CronosScan *scan, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(scan->root);
    struct stat status;

    scan->root_fd = TEMP_FAILURE_RETRY(open(scan->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (scan->root_fd < 0 || fstat(scan->root_fd, &status) != 0) {
        cronos_error_set_system(error, errno, "%s", quoted);
        return FALSE;
    }
    if (cronos_file_identities_contain(scan->skip, &status)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "%s: is itself among the directories to be left out", quoted);
        return FALSE;
    }
    int fd = open_directory(scan);
    if (fd < 0) {
        cronos_error_set_system(error, errno, "%s", quoted);
        return FALSE;
    }
    push_frame(scan, fd, &status, scan->include == NULL);
    scan->emitted = 1;
    return TRUE;
}

CronosScan *cronos_scan_open(const CronosScanOptions *options, GError **error)
{
    g_autoptr(CronosScan) scan = g_new0(CronosScan, 1);

    scan->root = g_strdup(options->root);
    scan->root_fd = -1;
    scan->include = options->include;
    scan->exclude = options->exclude;
    scan->keep_excluded = options->keep_excluded;
    scan->exclude_caches = options->exclude_caches;
    scan->skip = identify_skips(options->skip_directories);
    scan->skip_files = identify_skips(options->skip_files);
    scan->frames = g_array_new(FALSE, FALSE, sizeof(Frame));
    scan->path = g_string_new(NULL);
    scan->parent_path = g_string_new(NULL);
    scan->excluded_paths = g_ptr_array_new_with_free_func(g_free);
    scan->unreadable = g_ptr_array_new_with_free_func(g_free);
    return open_root(scan, error) ? g_steal_pointer(&scan) : NULL;
}

void cronos_scan_free(CronosScan *scan)
{
    if (scan == NULL)
        return;
    while (scan->frames->len > 0)
        pop_frame(scan);
    if (scan->root_fd >= 0)
        close(scan->root_fd);
    g_array_unref(scan->frames);
    g_array_unref(scan->skip);
    g_array_unref(scan->skip_files);
    g_string_free(scan->path, TRUE);
    g_string_free(scan->parent_path, TRUE);
    g_ptr_array_unref(scan->excluded_paths);
    g_ptr_array_unref(scan->unreadable);
    g_free(scan->root);
    g_free(scan);
}

int cronos_scan_root_fd(const CronosScan *scan)
{
    return scan->root_fd;
}

guint64 cronos_scan_skipped(const CronosScan *scan)
{
    return scan->skipped;
}

guint64 cronos_scan_excluded(const CronosScan *scan)
{
    return scan->excluded;
}

const GPtrArray *cronos_scan_excluded_paths(const CronosScan *scan)
{
    return scan->excluded_paths;
}

guint64 cronos_scan_mounts(const CronosScan *scan)
{
    return scan->mounts;
}

const GPtrArray *cronos_scan_unreadable(const CronosScan *scan)
{
    return scan->unreadable;
}
