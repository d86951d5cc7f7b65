/* SPDX-License-Identifier: MIT
 * sandbox-landlock.c - which files can be reached at all
 *
 * Written against the kernel's interface itself, of which each version knows more rights: all that
 * the running kernel can take away is taken away. */
#include "fs/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of versions later than the oldest headers this is built with. */
#define FS_RIGHTS_1 ((G_GUINT64_CONSTANT(1) << 13) - 1)
#define FS_RIGHT_REFER_2 (G_GUINT64_CONSTANT(1) << 13)
#define FS_RIGHT_TRUNCATE_3 (G_GUINT64_CONSTANT(1) << 14)
#define FS_RIGHT_IOCTL_DEVICE_5 (G_GUINT64_CONSTANT(1) << 15)
#define NET_RIGHTS_4 ((G_GUINT64_CONSTANT(1) << 2) - 1)
#define SCOPES_6 ((G_GUINT64_CONSTANT(1) << 2) - 1)

/* struct landlock_ruleset_attr as it has grown. */
typedef struct {
    guint64 handled_fs;
    guint64 handled_net; /* from version 4 on */
    guint64 scoped;      /* from version 6 on */
} Ruleset;

static gsize ruleset_size(int version)
{
    return version < 4   ? G_STRUCT_OFFSET(Ruleset, handled_net)
           : version < 6 ? G_STRUCT_OFFSET(Ruleset, scoped)
                         : sizeof(Ruleset);
}

static Ruleset all_rights(int version)
{
    Ruleset rights = {.handled_fs = FS_RIGHTS_1, .handled_net = NET_RIGHTS_4, .scoped = SCOPES_6};

    rights.handled_fs |= version >= 2 ? FS_RIGHT_REFER_2 : 0;
    rights.handled_fs |= version >= 3 ? FS_RIGHT_TRUNCATE_3 : 0;
    rights.handled_fs |= version >= 5 ? FS_RIGHT_IOCTL_DEVICE_5 : 0;
    return rights;
}

/* What is not there can not be allowed, and need not be. */
static int allow(int ruleset, const char *path, guint64 rights)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};

    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    int errnum = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0
                     ? 0
                     : errno;
    close(fd);
    return errnum;
}

/* Modules of iconv, libraries that others load at need, translations: what anybody may read. */
static int allow_system(int ruleset)
{
    static const char *const places[] = {"/usr/lib", "/usr/lib64", "/usr/share", "/lib", "/lib64"};

    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        int errnum =
            allow(ruleset, places[i], LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);

        if (errnum != 0)
            return errnum;
    }
    return 0;
}

static int allow_all(int ruleset, const CronosFsOptions *options, guint64 known)
{
    int errnum = allow(ruleset, options->directory,
                       LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);

    if (errnum == 0)
        errnum = allow_system(ruleset);
    if (errnum == 0 && options->clone_fd)
        errnum = allow(ruleset, "/dev/fuse",
                       (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                        FS_RIGHT_IOCTL_DEVICE_5) &
                           known);
    return errnum;
}

int cronos_sandbox_landlock(const CronosFsOptions *options)
{
    int version =
        (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);

    if (version < 1)
        return version < 0 ? errno : ENOSYS;
    Ruleset rights = all_rights(version);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rights, ruleset_size(version), 0);
    if (ruleset < 0)
        return errno;
    int errnum = allow_all(ruleset, options, rights.handled_fs);
    if (errnum == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        errnum = errno;
    close(ruleset);
    return errnum;
}
