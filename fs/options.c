/* SPDX-License-Identifier: MIT
 * options.c - the command line of cronosfs */
#include "fs/options.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_MB_DEFAULT 64u
#define CACHE_MB_MAX (1u << 20)

/* What fuse_opt fills in before it is checked. */
typedef struct {
    char *uid, *gid, *umask, *cache_mb, *log_file, *log_level, *max_threads, *passphrase_file,
        *versions;
    int foreground, single_thread, debug, help, version, clone_fd;
    int nosandbox, allow_other, allow_root, default_permissions, fsname, subtype;
    gboolean fake;
    const char *source, *target; /* borrowed from argv */
    const char *refused;         /* an argument too many, or an unknown short option */
} RawOptions;

#define TEXT(template, field)                                                                      \
    {                                                                                              \
        template, offsetof(RawOptions, field), 0                                                   \
    }
#define FLAG(template, field)                                                                      \
    {                                                                                              \
        template, offsetof(RawOptions, field), 1                                                   \
    }

enum { KEY_SEEN_FSNAME = 1, KEY_SEEN_SUBTYPE };

static const struct fuse_opt templates[] = {
    FLAG("-h", help),
    FLAG("--help", help),
    FLAG("-V", version),
    FLAG("--version", version),
    FLAG("-f", foreground),
    FLAG("-s", single_thread),
    FLAG("-d", debug),
    FLAG("debug", debug),
    FLAG("clone_fd", clone_fd),
    TEXT("uid=%s", uid),
    TEXT("gid=%s", gid),
    TEXT("umask=%s", umask),
    TEXT("cache_mb=%s", cache_mb),
    TEXT("log_file=%s", log_file),
    TEXT("log_level=%s", log_level),
    TEXT("max_threads=%s", max_threads),
    TEXT("passphrase_file=%s", passphrase_file),
    TEXT("versions=%s", versions),
    FLAG("nosandbox", nosandbox),
    FLAG("allow_other", allow_other),
    FLAG("allow_root", allow_root),
    FLAG("default_permissions", default_permissions),
    FUSE_OPT_KEY("fsname=", KEY_SEEN_FSNAME),
    FUSE_OPT_KEY("subtype=", KEY_SEEN_SUBTYPE),
    /* fstab's, which mean nothing to a mount that is being made. */
    FUSE_OPT_KEY("defaults", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("auto", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("noauto", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("user", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("user=", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("users", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("nouser", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("nousers", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("owner", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("noowner", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("group", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("nogroup", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("_netdev", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("nofail", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("comment=", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("helper=", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("uhelper=", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("relatime", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("norelatime", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("strictatime", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("nostrictatime", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("lazytime", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("nolazytime", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("diratime", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("nodiratime", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("atime", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("silent", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("loud", FUSE_OPT_KEY_DISCARD),
    /* The mount is read-only whatever is asked for: "ro" is added last. */
    FUSE_OPT_KEY("rw", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("ro", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_END,
};

const char *cronos_fs_options_help(void)
{
    return "Usage: cronosfs [-o OPTIONS] [-f] BACKUP_DIR MOUNTPOINT\n"
           "\n"
           "Mounts a directory of backups: every archive in it is a read-only folder.\n"
           "\n"
           "  -f                     stay in the foreground\n"
           "  -s                     serve with a single thread\n"
           "  -d, -o debug           show every request; implies -f\n"
           "  -h, --help             show this help\n"
           "  -V, --version          show the version\n"
           "\n"
           "Options after -o, separated by commas (\"\\,\" for a comma in a value):\n"
           "  uid=N, gid=N           owner and group of all files, as numbers\n"
           "  umask=M                permissions: 777 less M (octal) for directories and\n"
           "                         programs, 666 less M for other files\n"
           "  cache_mb=N             memory for indexes and decoded data, in MiB (64)\n"
           "  versions=WHICH         .versions and .snapshots: hidden (the default: found by\n"
           "                         name, not listed), visible, or off\n"
           "  log_file=PATH          where to log, beside the journal\n"
           "  log_level=LEVEL        error, warning, info (default) or debug\n"
           "  passphrase_file=PATH   whose first line opens encrypted members\n"
           "  allow_other            let other users in; implies default_permissions\n"
           "  allow_root             let root in\n"
           "  default_permissions    hold all users to the files' modes and owners\n"
           "  auto_unmount           unmount when the daemon dies\n"
           "  max_threads=N          serve with at most N threads (processors + 1)\n"
           "  clone_fd               a channel to the kernel for each thread\n"
           "  nosandbox              keep the rights that serving does not need\n"
           "and those that mount(8) has for every file system, such as noexec.\n"
           "\n"
           "Unmount with \"fusermount3 -u MOUNTPOINT\", umount(8), or SIGTERM.\n";
}

static int collect(void *data, const char *argument, int key, struct fuse_args *args)
{
    RawOptions *raw = data;

    (void)args;
    switch (key) {
    case KEY_SEEN_FSNAME:
        raw->fsname = 1;
        return 1;
    case KEY_SEEN_SUBTYPE:
        raw->subtype = 1;
        return 1;
    case FUSE_OPT_KEY_NONOPT:
        if (raw->source == NULL)
            raw->source = argument;
        else if (raw->target == NULL)
            raw->target = argument;
        else
            raw->refused = argument;
        return 0;
    default:
        if (argument[0] == '-')
            raw->refused = argument;
        return g_str_has_prefix(argument, "x-") || g_str_has_prefix(argument, "X-") ? 0 : 1;
    }
}

/* mount(8) calls a helper as: HELPER SOURCE TARGET [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE].
 * Returns: (owned) our own form, of borrowed strings. */
static GPtrArray *from_mount_form(int argc, char **argv, RawOptions *raw)
{
    GPtrArray *own = g_ptr_array_new();

    for (int i = 0; i < argc; i++) {
        const char *argument = argv[i];

        if (i == 0 || argument[0] != '-' || g_str_has_prefix(argument, "-o")) {
            g_ptr_array_add(own, argv[i]);
            if (strcmp(argument, "-o") == 0 && i + 1 < argc)
                g_ptr_array_add(own, argv[++i]);
        } else if (strcmp(argument, "-N") == 0 || strcmp(argument, "-t") == 0) {
            i++;
        } else if (strspn(argument + 1, "sfnvrw") == strlen(argument + 1)) {
            raw->fake |= strchr(argument, 'f') != NULL;
        } else {
            g_ptr_array_add(own, argv[i]);
        }
    }
    return own;
}

static gboolean parse_number(const char *name, const char *text, int base, guint64 least,
                             guint64 most, guint64 *out_number, GError **error)
{
    if (g_ascii_string_to_unsigned(text, (guint)base, least, most, out_number, NULL))
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "%s=%s: %s", name, text,
                base == 8 ? "must be an octal number up to 777" : "must be a number in range");
    return FALSE;
}

static gboolean parse_owner(CronosFsOptions *options, const RawOptions *raw, GError **error)
{
    guint64 number;

    if (raw->uid != NULL) {
        if (!parse_number("uid", raw->uid, 10, 0, G_MAXUINT32 - 1, &number, error))
            return FALSE;
        options->has_uid = TRUE;
        options->uid = (uid_t)number;
    }
    if (raw->gid != NULL) {
        if (!parse_number("gid", raw->gid, 10, 0, G_MAXUINT32 - 1, &number, error))
            return FALSE;
        options->has_gid = TRUE;
        options->gid = (gid_t)number;
    }
    if (raw->umask != NULL) {
        if (!parse_number("umask", raw->umask, 8, 0, 0777, &number, error))
            return FALSE;
        options->has_umask = TRUE;
        options->umask = (mode_t)number;
    }
    return TRUE;
}

static gboolean parse_versions(CronosFsOptions *options, const char *word, GError **error)
{
    static const char *const words[] = {
        [CRONOS_FS_VERSIONS_HIDDEN] = "hidden",
        [CRONOS_FS_VERSIONS_VISIBLE] = "visible",
        [CRONOS_FS_VERSIONS_OFF] = "off",
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (word == NULL || strcmp(word, words[i]) == 0) {
            options->versions = (CronosFsVersions)i;
            return TRUE;
        }
    }
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                "versions=%s: must be hidden, visible or off", word);
    return FALSE;
}

static gboolean parse_values(CronosFsOptions *options, const RawOptions *raw, GError **error)
{
    guint64 number;

    options->cache_mb = CACHE_MB_DEFAULT;
    if (raw->cache_mb != NULL) {
        if (!parse_number("cache_mb", raw->cache_mb, 10, 1, CACHE_MB_MAX, &number, error))
            return FALSE;
        options->cache_mb = (guint)number;
    }
    if (raw->max_threads != NULL) {
        if (!parse_number("max_threads", raw->max_threads, 10, 1, 1024, &number, error))
            return FALSE;
        options->max_threads = (guint)number;
    }
    options->log_level = CRONOS_LOG_INFO;
    if (raw->log_level != NULL && !cronos_log_level_parse(raw->log_level, &options->log_level)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "log_level=%s: must be error, warning, info or debug", raw->log_level);
        return FALSE;
    }
    if (raw->log_file != NULL)
        options->log_file = g_canonicalize_filename(raw->log_file, NULL);
    if (raw->passphrase_file != NULL)
        options->passphrase_file = g_canonicalize_filename(raw->passphrase_file, NULL);
    return parse_versions(options, raw->versions, error) && parse_owner(options, raw, error);
}

static void set_path_error(const char *what, const char *path, int errnum, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(path);

    cronos_error_set_system(error, errnum, "%s \"%s\"", what, quoted);
    if (errnum == ENOTCONN)
        g_prefix_error(error, "a dead mount is in the way, remove it with fusermount3 -u: ");
}

static gboolean resolve(const char *what, const char *path, char **out_path, GError **error)
{
    char *canonical = realpath(path, NULL);

    if (canonical != NULL) {
        *out_path = g_strdup(canonical);
        free(canonical);
        return TRUE;
    }
    set_path_error(what, path, errno, error);
    return FALSE;
}

static gboolean check_directory(const char *what, const char *path, struct stat *out_status,
                                GError **error)
{
    int errnum = stat(path, out_status) != 0 ? errno : 0;

    if (errnum == 0 && !S_ISDIR(out_status->st_mode))
        errnum = ENOTDIR;
    if (errnum != 0)
        set_path_error(what, path, errnum, error);
    return errnum == 0;
}

/* Serving a directory through a mount that hides it would confuse everybody. */
static gboolean check_places(const CronosFsOptions *options, GError **error)
{
    struct stat mount_point, directory;

    if (!check_directory("mount point", options->mount_point, &mount_point, error) ||
        !check_directory("backup directory", options->directory, &directory, error))
        return FALSE;
    g_autofree char *below = g_strconcat(options->mount_point, "/", NULL);
    gboolean hides =
        g_str_has_prefix(options->directory, below) || strcmp(options->mount_point, "/") == 0;
    if (!hides &&
        (mount_point.st_dev != directory.st_dev || mount_point.st_ino != directory.st_ino))
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                "mount point \"%s\" would hide the backup directory \"%s\"", options->mount_point,
                options->directory);
    return FALSE;
}

static void add_option(struct fuse_args *args, const char *name, const char *value)
{
    GString *text = g_string_new("-o");

    g_string_append(text, name);
    for (; value != NULL && *value != '\0'; value++) {
        if (*value == ',' || *value == '\\')
            g_string_append_c(text, '\\');
        g_string_append_c(text, *value);
    }
    fuse_opt_add_arg(args, text->str);
    g_string_free(text, TRUE);
}

static void add_fuse_options(CronosFsOptions *options, const RawOptions *raw)
{
    struct fuse_args *args = &options->fuse;

    if (!raw->fsname)
        add_option(args, "fsname=", options->directory);
    if (!raw->subtype)
        add_option(args, "subtype=", "cronosfs");
    if (raw->allow_other)
        add_option(args, "allow_other", NULL);
    if (raw->allow_root)
        add_option(args, "allow_root", NULL);
    if (raw->allow_other || raw->default_permissions)
        add_option(args, "default_permissions", NULL);
    if (raw->debug)
        fuse_opt_add_arg(args, "-d");
    add_option(args, "ro", NULL);
}

static gboolean interpret(CronosFsOptions *options, const RawOptions *raw, GError **error)
{
    options->action = raw->help      ? CRONOS_FS_HELP
                      : raw->version ? CRONOS_FS_VERSION
                      : raw->fake    ? CRONOS_FS_FAKE
                                     : CRONOS_FS_MOUNT;
    if (raw->help || raw->version)
        return TRUE;
    if (raw->refused != NULL) {
        g_set_error(
            error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "%s \"%s\"",
            raw->refused[0] == '-' ? "unknown option" : "one argument too many:", raw->refused);
        return FALSE;
    }
    if (raw->target == NULL) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "missing %s",
                    raw->source == NULL ? "BACKUP_DIR and MOUNTPOINT" : "MOUNTPOINT");
        return FALSE;
    }
    options->debug = raw->debug;
    options->foreground = raw->foreground || raw->debug;
    options->single_thread = raw->single_thread;
    options->clone_fd = raw->clone_fd;
    options->sandbox = !raw->nosandbox;
    if (!parse_values(options, raw, error) ||
        !resolve("backup directory", raw->source, &options->directory, error) ||
        !resolve("mount point", raw->target, &options->mount_point, error) ||
        !check_places(options, error))
        return FALSE;
    add_fuse_options(options, raw);
    return TRUE;
}

static void raw_options_clear(RawOptions *raw)
{
    /* fuse_opt allocates with malloc. */
    free(raw->uid);
    free(raw->gid);
    free(raw->umask);
    free(raw->cache_mb);
    free(raw->log_file);
    free(raw->log_level);
    free(raw->max_threads);
    free(raw->passphrase_file);
    free(raw->versions);
}

gboolean cronos_fs_options_parse(CronosFsOptions *options, int argc, char **argv, GError **error)
{
    RawOptions raw = {0};
    g_autofree char *called = g_path_get_basename(argc > 0 ? argv[0] : "cronosfs");
    g_autoptr(GPtrArray) converted =
        g_str_has_prefix(called, "mount.") ? from_mount_form(argc, argv, &raw) : NULL;
    struct fuse_args args =
        converted != NULL
            ? (struct fuse_args)FUSE_ARGS_INIT((int)converted->len, (char **)converted->pdata)
            : (struct fuse_args)FUSE_ARGS_INIT(argc, argv);

    *options = (CronosFsOptions){0};
    if (fuse_opt_parse(&args, &raw, templates, collect) != 0) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "wrong options");
        raw_options_clear(&raw);
        fuse_opt_free_args(&args);
        return FALSE;
    }
    options->fuse = args;
    gboolean done = interpret(options, &raw, error);
    raw_options_clear(&raw);
    if (!done)
        cronos_fs_options_clear(options);
    return done;
}

void cronos_fs_options_clear(CronosFsOptions *options)
{
    fuse_opt_free_args(&options->fuse);
    g_clear_pointer(&options->directory, g_free);
    g_clear_pointer(&options->mount_point, g_free);
    g_clear_pointer(&options->log_file, g_free);
    g_clear_pointer(&options->passphrase_file, g_free);
}
