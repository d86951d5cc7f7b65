/* SPDX-License-Identifier: MIT
 * attributes.c - struct stat of everything in the mount */
#include "fs/attributes.h"

#include "fs/node.h"

#include <string.h>

#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)
#define STAT_BLOCK_BYTES 512u
/* How much programs read at once: the kernel's read-ahead. */
#define PREFERRED_READ_BYTES (128 * 1024)

void cronos_entry_complete(struct fuse_entry_param *entry, const CronosSlot *slot, double seconds)
{
    entry->ino = entry->attr.st_ino;
    entry->generation = slot != NULL ? cronos_slot_generation(slot) : 0;
    entry->attr_timeout = seconds;
    entry->entry_timeout = seconds;
}

static struct timespec from_ns(gint64 ns)
{
    gint64 seconds = ns / NS_PER_SECOND, rest = ns % NS_PER_SECOND;

    return rest < 0 ? (struct timespec){seconds - 1, rest + NS_PER_SECOND}
                    : (struct timespec){seconds, rest};
}

static void set_times(struct stat *status, struct timespec mtime, struct timespec ctime)
{
    status->st_mtim = mtime;
    status->st_atim = mtime;
    status->st_ctim = ctime;
}

static void set_size(struct stat *status, guint64 size_bytes)
{
    status->st_size = (off_t)MIN(size_bytes, (guint64)G_MAXINT64);
    status->st_blocks =
        (blkcnt_t)(size_bytes / STAT_BLOCK_BYTES + (size_bytes % STAT_BLOCK_BYTES != 0));
    status->st_blksize = PREFERRED_READ_BYTES;
}

static void override(const CronosMount *mount, struct stat *status)
{
    const CronosFsOptions *options = mount->options;
    mode_t executable = S_ISDIR(status->st_mode) || (status->st_mode & 0111) != 0 ? 0777 : 0666;

    if (options->has_uid)
        status->st_uid = options->uid;
    if (options->has_gid)
        status->st_gid = options->gid;
    if (options->has_umask && !S_ISLNK(status->st_mode))
        status->st_mode = (status->st_mode & S_IFMT) | (executable & ~options->umask);
}

/* Who may read the file may read and search the folder. */
static mode_t folder_mode(mode_t file_mode)
{
    mode_t readable = file_mode & 0444;

    return S_IFDIR | readable | readable >> 2;
}

void cronos_attributes_root(const CronosMount *mount, const CronosRoot *root,
                            struct stat *out_status)
{
    struct stat directory;
    gboolean known = fstat(cronos_tree_directory_fd(mount->tree), &directory) == 0;

    memset(out_status, 0, sizeof(*out_status));
    out_status->st_ino = CRONOS_NODE_ROOT;
    out_status->st_mode = known ? S_IFDIR | (directory.st_mode & 0555) : S_IFDIR | 0500;
    out_status->st_nlink = 1;
    out_status->st_uid = known ? directory.st_uid : mount->uid;
    out_status->st_gid = known ? directory.st_gid : mount->gid;
    out_status->st_blksize = PREFERRED_READ_BYTES;
    set_times(out_status, root->mtime, root->mtime);
    override(mount, out_status);
}

static void describe_link(const CronosMount *mount, const CronosSlot *slot, const char *prefix,
                          struct stat *out_status)
{
    struct timespec mtime = from_ns(cronos_slot_backup(slot)->mtime_ns);

    memset(out_status, 0, sizeof(*out_status));
    out_status->st_mode = S_IFLNK | 0777;
    out_status->st_nlink = 1;
    out_status->st_uid = mount->uid;
    out_status->st_gid = mount->gid;
    set_size(out_status, strlen(prefix) + strlen(cronos_slot_folder(slot)));
    set_times(out_status, mtime, mtime);
    override(mount, out_status);
}

void cronos_attributes_latest(const CronosMount *mount, const CronosSlot *slot,
                              struct stat *out_status)
{
    describe_link(mount, slot, "", out_status);
    out_status->st_ino = cronos_node_latest(cronos_slot_number(slot));
}

void cronos_attributes_snapshot(const CronosMount *mount, const CronosSlot *slot,
                                struct stat *out_status)
{
    describe_link(mount, slot, CRONOS_SNAPSHOT_TARGET_PREFIX, out_status);
    out_status->st_ino = cronos_node_snapshot(cronos_slot_number(slot));
}

void cronos_attributes_archive(const CronosMount *mount, CronosSlot *slot, struct stat *out_status)
{
    const CronosBackup *backup = cronos_slot_backup(slot);
    struct timespec mtime = from_ns(backup->mtime_ns);
    struct stat file;
    gboolean known = cronos_slot_stat(slot, &file);

    memset(out_status, 0, sizeof(*out_status));
    out_status->st_ino = cronos_node(cronos_slot_number(slot), CRONOS_ENTRY_ROOT);
    out_status->st_mode = folder_mode(known ? file.st_mode : 0400);
    out_status->st_nlink = 1;
    out_status->st_uid = known ? file.st_uid : mount->uid;
    out_status->st_gid = known ? file.st_gid : mount->gid;
    set_size(out_status, backup->size_bytes);
    set_times(out_status, mtime, mtime);
    override(mount, out_status);
}

void cronos_attributes_info(const CronosMount *mount, const CronosSlot *slot, guint32 entry,
                            const CronosMemberInfo *info, struct stat *out_status)
{
    memset(out_status, 0, sizeof(*out_status));
    out_status->st_ino = cronos_node(cronos_slot_number(slot), entry);
    out_status->st_mode = info->mode;
    out_status->st_nlink = 1;
    out_status->st_uid = info->has_owner ? info->uid : mount->uid;
    out_status->st_gid = info->has_owner ? info->gid : mount->gid;
    set_size(out_status, info->size_bytes);
    set_times(out_status, from_ns(info->mtime_ns),
              from_ns(info->has_identity ? info->ctime_ns : info->mtime_ns));
    override(mount, out_status);
}

gboolean cronos_attributes_member(const CronosMount *mount, const CronosSlot *slot,
                                  const CronosArchive *archive, guint32 entry,
                                  struct stat *out_status, GError **error)
{
    CronosMemberInfo info;

    if (!cronos_archive_info(archive, entry, &info, error))
        return FALSE;
    cronos_attributes_info(mount, slot, entry, &info, out_status);
    return TRUE;
}

/* What depends on which backups there are. The kernel lists a folder anew when its time differs: of
 * two changes within one tick of the directory's own clock, the nanoseconds tell. */
static struct timespec time_of(const CronosRoot *root)
{
    struct timespec time = root->mtime;

    time.tv_nsec += (long)(root->generation % 1000) - time.tv_nsec % 1000;
    return time;
}

void cronos_attributes_snapshots(const CronosMount *mount, const CronosRoot *root,
                                 struct stat *out_status)
{
    cronos_attributes_root(mount, root, out_status);
    out_status->st_ino = CRONOS_NODE_SNAPSHOTS;
    set_times(out_status, time_of(root), time_of(root));
}

/* Takes away what the owner of one backup could do to another's. */
static void restrict_to_common(const CronosMount *mount, gboolean same_owner, struct stat *status)
{
    if (same_owner)
        return;
    status->st_uid = mount->uid;
    status->st_gid = mount->gid;
    status->st_mode &= ~(mode_t)S_IRWXG;
}

void cronos_attributes_versions(const CronosMount *mount, const CronosRoot *root,
                                struct stat *out_status)
{
    gboolean same_owner = TRUE;

    cronos_attributes_root(mount, root, out_status);
    for (guint i = 0; i < root->backups->len; i++) {
        CronosSlot *slot = g_ptr_array_index(root->backups, i);
        struct stat file;

        if (!cronos_slot_stat(slot, &file))
            continue;
        if (i == 0) {
            out_status->st_uid = file.st_uid;
            out_status->st_gid = file.st_gid;
        }
        same_owner =
            same_owner && file.st_uid == out_status->st_uid && file.st_gid == out_status->st_gid;
        out_status->st_mode &= folder_mode(file.st_mode);
    }
    out_status->st_ino = CRONOS_NODE_VERSIONS;
    restrict_to_common(mount, same_owner, out_status);
    set_times(out_status, time_of(root), time_of(root));
    override(mount, out_status);
}

void cronos_attributes_union(const CronosMount *mount, const CronosRoot *root,
                             const CronosUnionName *name, struct stat *out_status)
{
    const CronosSlot *slot = g_ptr_array_index(root->backups, name->backup);

    memset(out_status, 0, sizeof(*out_status));
    out_status->st_ino = cronos_node_versions(cronos_slot_number(slot), name->entry);
    out_status->st_mode = S_IFDIR | (name->folder ? name->mode : 0555);
    out_status->st_nlink = 1;
    out_status->st_uid = name->has_owner ? name->uid : mount->uid;
    out_status->st_gid = name->has_owner ? name->gid : mount->gid;
    out_status->st_blksize = PREFERRED_READ_BYTES;
    restrict_to_common(mount, !name->mixed, out_status);
    set_times(out_status, time_of(root), time_of(root));
    override(mount, out_status);
}
