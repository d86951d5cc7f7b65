/* SPDX-License-Identifier: MIT
 * backup-sizes.c - one pass over the members of all backups
 *
 * Each thread takes one backup at a time, and lists the keys of its members without the lock; then,
 * under it, they are merged into the table of all content. A content belongs to the backup that was
 * merged first, until another one shows up with it: in what order they come makes no difference. */
#include "core/backup-sizes.h"

#include "core/content-table.h"
#include "core/error.h"
#include "core/metadata.h"
#include "core/parallel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* What all threads share. */
typedef struct {
    const GPtrArray *entries;
    GPtrArray *sizes;
    int dirfd;
    guint64 seeds[2];
    pthread_mutex_t lock;
    CronosContentTable *table; /* under lock */
} Pass;

/* Where one backup stands. */
typedef struct {
    const Pass *pass;
    CronosArchive *archive;
    guint32 own_entry; /* of the metadata that create added, or CRONOS_ENTRY_NONE */
    guint64 *paths;    /* hash of each entry's path */
    GArray *contents;  /* of CronosContent */
    guint64 size_bytes;
} Look;

/* Any odd factors whose bits are spread out do. */
static guint64 mix(guint64 a, guint64 b)
{
    guint64 mixed = a * G_GUINT64_CONSTANT(0xd1342543de82ef95) ^ b;

    mixed = (mixed ^ mixed >> 32) * G_GUINT64_CONSTANT(0x9fb21c651e98df25);
    mixed = (mixed ^ mixed >> 29) * G_GUINT64_CONSTANT(0xa24baed4963ee407);
    return mixed ^ mixed >> 32;
}

/* Eight bytes at a time. The length tells the zeros behind the end from a name's own. */
static guint64 hash_bytes(const Pass *pass, guint64 start, const char *bytes, gsize length)
{
    guint64 hash = mix(start ^ pass->seeds[0], length ^ pass->seeds[1]);

    while (length > 0) {
        gsize step = MIN(length, sizeof(guint64));
        guint64 word = 0;

        memcpy(&word, bytes, step);
        hash = mix(hash ^ pass->seeds[0], word ^ pass->seeds[1]);
        bytes += step;
        length -= step;
    }
    return hash;
}

static void add_content(Look *look, guint32 entry, const CronosMemberInfo *info)
{
    const Pass *pass = look->pass;
    guint64 key = mix(look->paths[entry] ^ info->size_bytes, info->crc32 ^ pass->seeds[1]);
    CronosContent content = {.key = key, .stored_bytes = info->stored_bytes};

    if (info->stored_bytes > 0)
        g_array_append_val(look->contents, content);
}

/* The numbers of folders are less than those of what they hold. */
static gboolean look_at(Look *look, guint32 entry, GError **error)
{
    gsize length = 0;
    const char *name = cronos_archive_name(look->archive, entry, &length);
    guint32 parent = cronos_archive_parent(look->archive, entry);
    CronosMemberInfo info;

    look->paths[entry] = hash_bytes(look->pass, look->paths[parent], name, length);
    if (cronos_archive_is_directory(look->archive, entry) || entry == look->own_entry)
        return TRUE;
    if (!cronos_archive_info(look->archive, entry, &info, error))
        return FALSE;
    if (info.kind == CRONOS_MEMBER_FILE)
        look->size_bytes += info.size_bytes;
    add_content(look, entry, &info);
    return TRUE;
}

static gboolean look_at_all(Look *look, GError **error)
{
    guint32 count = cronos_archive_count(look->archive);
    guint32 own = cronos_archive_lookup_path(look->archive, CRONOS_METADATA_MEMBER);

    look->own_entry = cronos_metadata_is_member(look->archive, own) ? own : CRONOS_ENTRY_NONE;
    look->paths[CRONOS_ENTRY_ROOT] = 0;
    for (guint32 entry = CRONOS_ENTRY_ROOT + 1; entry < count; entry++)
        if (!look_at(look, entry, error))
            return FALSE;
    return TRUE;
}

/* Lists the contents of backup number @index in @look. Returns: FALSE with @error. */
static gboolean look_into(Look *look, gsize index, GError **error)
{
    const CronosBackup *backup = g_ptr_array_index(look->pass->entries, index);
    g_autoptr(CronosArchive) archive =
        cronos_archive_open(look->pass->dirfd, backup->file_name, error);
    if (archive == NULL)
        return FALSE;

    g_autofree guint64 *paths = g_new(guint64, cronos_archive_count(archive));
    look->archive = archive;
    look->paths = paths;
    return look_at_all(look, error);
}

static gboolean work(gpointer worker, gsize index, GError **error)
{
    Pass *pass = worker;
    const CronosBackup *backup = g_ptr_array_index(pass->entries, index);
    CronosBackupSizes *sizes = g_ptr_array_index(pass->sizes, index);
    g_autoptr(GArray) contents = g_array_new(FALSE, FALSE, sizeof(CronosContent));
    g_autoptr(GError) failure = NULL;
    Look look = {.pass = pass, .contents = contents};

    if (backup->foreign)
        return TRUE;
    if (!look_into(&look, index, &failure)) {
        sizes->error = g_strdup(failure->message);
        return TRUE;
    }
    sizes->known = TRUE;
    sizes->size_bytes = look.size_bytes;
    pthread_mutex_lock(&pass->lock);
    cronos_content_table_merge(pass->table, (guint32)index, contents);
    pthread_mutex_unlock(&pass->lock);
    return TRUE;
}

static void sizes_free(gpointer data)
{
    CronosBackupSizes *sizes = data;

    g_free(sizes->error);
    g_free(sizes);
}

static void run_pass(Pass *pass)
{
    const CronosParallel parallel = {.waits = TRUE, .work = work};
    guint count = pass->entries->len;

    for (guint i = 0; i < count; i++)
        g_ptr_array_add(pass->sizes, g_new0(CronosBackupSizes, 1));
    pthread_mutex_init(&pass->lock, NULL);
    pass->table = cronos_content_table_new(count);
    cronos_parallel_for(&parallel, count, pass, NULL);
    for (guint i = 0; i < count; i++)
        ((CronosBackupSizes *)g_ptr_array_index(pass->sizes, i))->own_bytes =
            cronos_content_table_own_bytes(pass->table, i);
    cronos_content_table_free(pass->table);
    pthread_mutex_destroy(&pass->lock);
}

static guint64 random_seed(void)
{
    return (guint64)g_random_int() << 32 | g_random_int() | 1;
}

GPtrArray *cronos_backup_sizes_read(const CronosCatalog *catalog, GError **error)
{
    const char *directory = cronos_catalog_directory(catalog);
    const GPtrArray *entries = cronos_catalog_entries(catalog);
    g_autoptr(GPtrArray) sizes = g_ptr_array_new_with_free_func(sizes_free);

    if (entries->len == 0)
        return g_steal_pointer(&sizes);
    int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0) {
        cronos_error_set_system(error, errno, "%s", directory);
        return NULL;
    }
    Pass pass = {
        .entries = entries,
        .dirfd = dirfd,
        .seeds = {random_seed(), random_seed()},
        .sizes = sizes,
    };
    run_pass(&pass);
    close(dirfd);
    return g_steal_pointer(&sizes);
}
