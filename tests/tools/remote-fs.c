/* SPDX-License-Identifier: MIT
 * remote-fs.c - a directory as if it lay on the other side of a network
 *
 * remote-fs [-o delay_ms=N,fold,owner=N,group=N] [-f] [FUSE's own options] DIRECTORY MOUNTPOINT
 *
 * Each request is counted, and answered N ms late. What the client keeps is what one of NFS keeps
 * whose attributes live long: names and attributes, as looked up or listed, and no data, so that a
 * request to read comes for each call that reads. A directory is listed with its attributes, at
 * once. As of NFS, rename knows no flags, and locks stay on this host.
 *
 * -o fold: upper and lower case are one, as on a server of another system; names are kept in lower
 * case, and the client keeps nothing.
 *
 * -o owner=N: everything belongs to user N, everybody may do everything, and that can not be
 * changed; as where a server knows no users.
 *
 * -o group=N: what is made belongs to group N, as where it takes that of its folder (grpid).
 *
 * The extended attribute user.requests of the mount's root tells what was asked for since it was
 * read last: lines of a kind and a number, and behind in_flight how many requests were under way at
 * once at most. Times of access are left alone with -o ro only: without, the kernel asks for the
 * attributes anew after each read. */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <glib.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define COUNTS_NAME "user.requests"
#define LIFETIME_SECONDS 3600.0
#define MODE_BITS 07777

enum { ATTRIBUTES, OPEN, READ, LIST, WRITE, CHANGE, SYNC, KINDS };

static const char *const kind_names[KINDS] = {
    [ATTRIBUTES] = "attributes", [OPEN] = "open",     [READ] = "read", [LIST] = "list",
    [WRITE] = "write",           [CHANGE] = "change", [SYNC] = "sync",
};

static struct {
    unsigned delay_ms;
    int fold;
    unsigned group; /* 0: that of who makes it */
    unsigned owner; /* 0: as on the server */
    char *directory;
} options;

static int source_fd = -1;
static atomic_uint asked[KINDS], in_flight, in_flight_most;

static void ask(int kind)
{
    struct timespec left = {options.delay_ms / 1000, (long)(options.delay_ms % 1000) * 1000000};
    unsigned now = atomic_fetch_add(&in_flight, 1) + 1, most = atomic_load(&in_flight_most);

    atomic_fetch_add(&asked[kind], 1);
    while (now > most && !atomic_compare_exchange_weak(&in_flight_most, &most, now))
        ;
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* Returns: @result, or what errno says where it is negative. */
static int answer(int result)
{
    int errnum = errno;

    atomic_fetch_sub(&in_flight, 1);
    return result < 0 ? -errnum : result;
}

/* Returns: (borrowed, until the next but one call of the thread) @path from the directory served.
 */
static const char *below(const char *path)
{
    static __thread char folded[2][PATH_MAX];
    static __thread unsigned turn;

    if (path[1] == '\0')
        return ".";
    if (!options.fold)
        return path + 1;
    turn = !turn;
    g_strlcpy(folded[turn], path + 1, sizeof folded[turn]);
    for (char *at = folded[turn]; *at != '\0'; at++)
        *at = g_ascii_tolower(*at);
    return folded[turn];
}

static void *remote_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    connection->want |= connection->capable & FUSE_CAP_READDIRPLUS;
    connection->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
    config->use_ino = 1;
    config->attr_timeout = options.fold ? 0 : LIFETIME_SECONDS;
    config->entry_timeout = options.fold ? 0 : LIFETIME_SECONDS;
    return NULL;
}

static int look_at(const char *path, struct stat *status)
{
    int result = fstatat(source_fd, path, status, AT_SYMLINK_NOFOLLOW);

    if (options.owner != 0) {
        status->st_uid = status->st_gid = options.owner;
        status->st_mode |= 0777;
    }
    return result;
}

static int remote_getattr(const char *path, struct stat *status, struct fuse_file_info *file)
{
    ask(ATTRIBUTES);
    return answer(look_at(below(path), status));
}

/* As of NFS, no request. */
static int remote_opendir(const char *path, struct fuse_file_info *file)
{
    file->fh = (uint64_t)(uintptr_t)g_ptr_array_new_with_free_func(g_free);
    return 0;
}

static GPtrArray *names_of(const struct fuse_file_info *file)
{
    return (GPtrArray *)(uintptr_t)file->fh;
}

/* Fetches all names at once, as in large replies of a server. */
static int fetch_names(const char *path, GPtrArray *names)
{
    g_autofree char *full = g_build_filename(options.directory, below(path), NULL);
    const char *name;

    ask(LIST);
    g_autoptr(GDir) stream = g_dir_open(full, 0, NULL);
    g_ptr_array_set_size(names, 0);
    while (stream != NULL && (name = g_dir_read_name(stream)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    errno = EACCES;
    return answer(stream != NULL ? 0 : -1);
}

static int remote_readdir(const char *path, void *room, fuse_fill_dir_t fill, off_t offset,
                          struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
    GPtrArray *names = names_of(file);
    int result = offset == 0 ? fetch_names(path, names) : 0;
    struct stat status;

    for (guint i = (guint)offset; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *entry = g_build_filename(below(path), name, NULL);

        if (look_at(entry, &status) == 0 &&
            fill(room, name, &status, (off_t)i + 1, FUSE_FILL_DIR_PLUS) != 0)
            break;
    }
    return result;
}

static int remote_releasedir(const char *path, struct fuse_file_info *file)
{
    g_ptr_array_unref(names_of(file));
    return 0;
}

static int remote_readlink(const char *path, char *target, size_t size)
{
    ask(ATTRIBUTES);
    ssize_t n = readlinkat(source_fd, below(path), target, size - 1);
    target[MAX(n, 0)] = '\0';
    return answer(n < 0 ? -1 : 0);
}

static int remote_open(const char *path, struct fuse_file_info *file)
{
    ask(OPEN);
    int fd = openat(source_fd, below(path), (file->flags & ~O_NOFOLLOW) | O_CLOEXEC);
    file->fh = (uint64_t)fd;
    file->direct_io = 1;
    return answer(fd < 0 ? -1 : 0);
}

/* Returns: @result of making @path. */
static int give_group(const char *path, int result)
{
    if (result >= 0 && options.group != 0 &&
        fchownat(source_fd, path, (uid_t)-1, options.group, AT_SYMLINK_NOFOLLOW) != 0)
        fprintf(stderr, "%s: no group can be given\n", path);
    return result;
}

static int remote_create(const char *path, mode_t mode, struct fuse_file_info *file)
{
    ask(CHANGE);
    int fd = openat(source_fd, below(path), file->flags | O_CREAT | O_CLOEXEC, mode);
    file->fh = (uint64_t)fd;
    file->direct_io = 1;
    return answer(give_group(below(path), fd < 0 ? -1 : 0));
}

static int remote_release(const char *path, struct fuse_file_info *file)
{
    close((int)file->fh);
    return 0;
}

static int remote_read(const char *path, char *buffer, size_t size, off_t offset,
                       struct fuse_file_info *file)
{
    ask(READ);
    return answer((int)pread((int)file->fh, buffer, size, offset));
}

static int remote_write(const char *path, const char *buffer, size_t size, off_t offset,
                        struct fuse_file_info *file)
{
    ask(WRITE);
    return answer((int)pwrite((int)file->fh, buffer, size, offset));
}

static int remote_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
    ask(SYNC);
    return answer(fsync((int)file->fh));
}

static int remote_fsyncdir(const char *path, int data_only, struct fuse_file_info *file)
{
    ask(SYNC);
    return answer(0);
}

static int remote_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
    ask(CHANGE);
    if (file != NULL)
        return answer(ftruncate((int)file->fh, size));
    int fd = openat(source_fd, below(path), O_WRONLY | O_CLOEXEC);
    int result = fd < 0 ? -1 : ftruncate(fd, size);
    if (fd >= 0)
        close(fd);
    return answer(result);
}

static int remote_chmod(const char *path, mode_t mode, struct fuse_file_info *file)
{
    ask(CHANGE);
    errno = EPERM;
    return answer(options.owner != 0 ? -1 : fchmodat(source_fd, below(path), mode & MODE_BITS, 0));
}

static int remote_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *file)
{
    ask(CHANGE);
    errno = EPERM;
    return answer(
        options.owner != 0 ? -1 : fchownat(source_fd, below(path), uid, gid, AT_SYMLINK_NOFOLLOW));
}

static int remote_utimens(const char *path, const struct timespec times[2],
                          struct fuse_file_info *file)
{
    ask(CHANGE);
    return answer(utimensat(source_fd, below(path), times, AT_SYMLINK_NOFOLLOW));
}

static int remote_mkdir(const char *path, mode_t mode)
{
    ask(CHANGE);
    return answer(give_group(below(path), mkdirat(source_fd, below(path), mode)));
}

static int remote_symlink(const char *target, const char *path)
{
    ask(CHANGE);
    return answer(give_group(below(path), symlinkat(target, source_fd, below(path))));
}

static int remote_link(const char *from, const char *to)
{
    ask(CHANGE);
    return answer(linkat(source_fd, below(from), source_fd, below(to), 0));
}

static int remote_rename(const char *from, const char *to, unsigned flags)
{
    ask(CHANGE);
    errno = EINVAL;
    return answer(flags != 0 ? -1 : renameat(source_fd, below(from), source_fd, below(to)));
}

static int remote_unlink(const char *path)
{
    ask(CHANGE);
    return answer(unlinkat(source_fd, below(path), 0));
}

static int remote_rmdir(const char *path)
{
    ask(CHANGE);
    return answer(unlinkat(source_fd, below(path), AT_REMOVEDIR));
}

static int remote_statfs(const char *path, struct statvfs *status)
{
    ask(ATTRIBUTES);
    return answer(fstatvfs(source_fd, status));
}

/* Returns: (owned) what was counted. */
static char *describe_requests(void)
{
    GString *text = g_string_new(NULL);

    for (int kind = 0; kind < KINDS; kind++)
        g_string_append_printf(text, "%s %u\n", kind_names[kind], atomic_load(&asked[kind]));
    g_string_append_printf(text, "in_flight %u\n", atomic_load(&in_flight_most));
    return g_string_free(text, FALSE);
}

static int remote_getxattr(const char *path, const char *name, char *value, size_t size)
{
    if (strcmp(path, "/") != 0 || strcmp(name, COUNTS_NAME) != 0)
        return -ENODATA;
    g_autofree char *text = describe_requests();
    size_t length = strlen(text);

    if (size == 0)
        return (int)length;
    if (size < length)
        return -ERANGE;
    memcpy(value, text, length);
    for (int kind = 0; kind < KINDS; kind++)
        atomic_store(&asked[kind], 0);
    atomic_store(&in_flight_most, 0);
    return (int)length;
}

static const struct fuse_operations operations = {
    .init = remote_init,
    .getattr = remote_getattr,
    .opendir = remote_opendir,
    .readdir = remote_readdir,
    .releasedir = remote_releasedir,
    .readlink = remote_readlink,
    .open = remote_open,
    .create = remote_create,
    .release = remote_release,
    .read = remote_read,
    .write = remote_write,
    .fsync = remote_fsync,
    .fsyncdir = remote_fsyncdir,
    .truncate = remote_truncate,
    .chmod = remote_chmod,
    .chown = remote_chown,
    .utimens = remote_utimens,
    .mkdir = remote_mkdir,
    .symlink = remote_symlink,
    .link = remote_link,
    .rename = remote_rename,
    .unlink = remote_unlink,
    .rmdir = remote_rmdir,
    .statfs = remote_statfs,
    .getxattr = remote_getxattr,
};

static const struct fuse_opt own_options[] = {
    {"delay_ms=%u", offsetof(typeof(options), delay_ms), 0},
    {"fold", offsetof(typeof(options), fold), 1},
    {"group=%u", offsetof(typeof(options), group), 0},
    {"owner=%u", offsetof(typeof(options), owner), 0},
    FUSE_OPT_END,
};

/* The first that is no option is the directory. */
static int take_argument(void *data, const char *argument, int key, struct fuse_args *rest)
{
    if (key != FUSE_OPT_KEY_NONOPT || options.directory != NULL)
        return 1;
    options.directory = g_canonicalize_filename(argument, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    struct fuse_args arguments = FUSE_ARGS_INIT(argc, argv);

    if (fuse_opt_parse(&arguments, &options, own_options, take_argument) != 0)
        return 2;
    source_fd = options.directory != NULL
                    ? open(options.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                    : -1;
    if (source_fd < 0) {
        fprintf(
            stderr,
            "usage: remote-fs [-o delay_ms=N,fold,owner=N,group=N] [-f] DIRECTORY MOUNTPOINT\n");
        return 2;
    }
    /* One thread a request that waits. */
    fuse_opt_add_arg(&arguments, "-omax_threads=64,default_permissions");
    int status = fuse_main(arguments.argc, arguments.argv, &operations, NULL);
    fuse_opt_free_args(&arguments);
    g_free(options.directory);
    return status;
}
