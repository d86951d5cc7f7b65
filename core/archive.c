/* SPDX-License-Identifier: MIT
 * archive.c - one face over every format: names, paths, messages
 *
 * Every message of a format gets the archive's name before it, and the member's where it is about
 * one. */
#include "core/archive.h"

#include "core/archive-libarchive-handle.h"
#include "core/archive-libarchive.h"
#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct CronosArchive {
    gatomicrefcount refs;
    const CronosArchiveFormat *format;
    gpointer data; /* the format's */
    int fd;
    char *name; /* as given; for messages */
    guint64 device, inode, size_bytes;
    gint64 mtime_ns;
};

struct CronosArchiveStream {
    CronosArchive *archive; /* a reference */
    guint32 entry;
    gpointer stream; /* the format's */
};

static const struct {
    const char *extension;
    const CronosArchiveFormat *format;
} extensions[] = {
    {".zip", &cronos_archive_format_zip},     {".jar", &cronos_archive_format_zip},
    {".war", &cronos_archive_format_zip},     {".ear", &cronos_archive_format_zip},
    {".apk", &cronos_archive_format_zip},     {".cbz", &cronos_archive_format_zip},
    {".epub", &cronos_archive_format_zip},    {".xpi", &cronos_archive_format_zip},
    {".whl", &cronos_archive_format_zip},     {".tar", &cronos_archive_format_tar},
    {".tar.gz", &cronos_archive_format_tar},  {".tgz", &cronos_archive_format_tar},
    {".tar.bz2", &cronos_archive_format_tar}, {".tbz2", &cronos_archive_format_tar},
    {".tbz", &cronos_archive_format_tar},     {".tar.xz", &cronos_archive_format_tar},
    {".txz", &cronos_archive_format_tar},     {".tar.zst", &cronos_archive_format_tar},
    {".tzst", &cronos_archive_format_tar},    {".cpio", &cronos_archive_format_cpio},
    {".7z", &cronos_archive_format_7z},       {".iso", &cronos_archive_format_iso},
};

/* Returns: the format that the name's extension says, or NULL. */
static const CronosArchiveFormat *format_of_name(const char *name, gsize *out_stem_length)
{
    gsize length = strlen(name);

    for (guint i = 0; i < G_N_ELEMENTS(extensions); i++) {
        gsize tail = strlen(extensions[i].extension);

        if (length <= tail ||
            g_ascii_strcasecmp(name + length - tail, extensions[i].extension) != 0)
            continue;
        if (out_stem_length != NULL)
            *out_stem_length = length - tail;
        return extensions[i].format;
    }
    return NULL;
}

gboolean cronos_archive_is_archive_name(const char *file_name, gsize *out_stem_length)
{
    return format_of_name(file_name, out_stem_length) != NULL;
}

gboolean cronos_archive_is_zip_name(const char *file_name)
{
    return format_of_name(file_name, NULL) == &cronos_archive_format_zip;
}

void cronos_archive_prepare(void)
{
    cronos_libarchive_prepare();
}

static gboolean take_identity(CronosArchive *archive, GError **error)
{
    struct stat st;

    if (fstat(archive->fd, &st) < 0) {
        cronos_error_set_system(error, errno, "reading the file's attributes");
        return FALSE;
    }
    if (!S_ISREG(st.st_mode)) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED, "not a regular file");
        return FALSE;
    }
    archive->device = st.st_dev;
    archive->inode = st.st_ino;
    archive->size_bytes = (guint64)st.st_size;
    archive->mtime_ns = st.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + st.st_mtim.tv_nsec;
    return TRUE;
}

static void prefix_archive(const CronosArchive *archive, GError **error)
{
    if (error == NULL || *error == NULL)
        return;
    g_autofree char *quoted = cronos_quote_path(archive->name);
    g_prefix_error(error, "%s: ", quoted);
}

static void prefix_member(const CronosArchive *archive, guint32 entry, GError **error)
{
    if (error == NULL || *error == NULL)
        return;
    g_autofree char *path = cronos_archive_path(archive, entry);
    g_autofree char *quoted = cronos_quote_path(entry == CRONOS_ENTRY_ROOT ? "/" : path);
    g_prefix_error(error, "%s: ", quoted);
    prefix_archive(archive, error);
}

CronosArchive *cronos_archive_open(int dirfd, const char *name, GError **error)
{
    /* A FIFO of that name must not hold us up. */
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        g_autofree char *quoted = cronos_quote_path(name);

        cronos_error_set_system(error, errno, "%s", quoted);
        return NULL;
    }
    return cronos_archive_open_fd(fd, name, error);
}

CronosArchive *cronos_archive_open_fd(int fd, const char *name, GError **error)
{
    g_autoptr(CronosArchive) archive = g_new0(CronosArchive, 1);

    g_atomic_ref_count_init(&archive->refs);
    archive->fd = fd;
    archive->name = g_strdup(name);
    archive->format = format_of_name(name, NULL);
    if (archive->format == NULL)
        archive->format = &cronos_archive_format_zip;
    if (take_identity(archive, error))
        archive->data = archive->format->open(fd, error);
    if (archive->data == NULL) {
        prefix_archive(archive, error);
        return NULL;
    }
    return g_steal_pointer(&archive);
}

CronosArchive *cronos_archive_ref(CronosArchive *archive)
{
    g_atomic_ref_count_inc(&archive->refs);
    return archive;
}

void cronos_archive_unref(CronosArchive *archive)
{
    if (archive == NULL || !g_atomic_ref_count_dec(&archive->refs))
        return;
    if (archive->data != NULL)
        archive->format->close(archive->data);
    close(archive->fd);
    g_free(archive->name);
    g_free(archive);
}

guint32 cronos_archive_count(const CronosArchive *archive)
{
    return archive->format->count(archive->data);
}

gsize cronos_archive_memory_bytes(const CronosArchive *archive)
{
    return sizeof *archive + archive->format->memory_bytes(archive->data);
}

void cronos_archive_file_identity(const CronosArchive *archive, guint64 *out_device,
                                  guint64 *out_inode, guint64 *out_size_bytes, gint64 *out_mtime_ns)
{
    if (out_device != NULL)
        *out_device = archive->device;
    if (out_inode != NULL)
        *out_inode = archive->inode;
    if (out_size_bytes != NULL)
        *out_size_bytes = archive->size_bytes;
    if (out_mtime_ns != NULL)
        *out_mtime_ns = archive->mtime_ns;
}

guint32 cronos_archive_parent(const CronosArchive *archive, guint32 entry)
{
    return archive->format->parent(archive->data, entry);
}

void cronos_archive_children(const CronosArchive *archive, guint32 entry, guint32 *out_first,
                             guint32 *out_count)
{
    archive->format->children(archive->data, entry, out_first, out_count);
}

guint32 cronos_archive_lookup(const CronosArchive *archive, guint32 folder, const char *name,
                              gsize length)
{
    return archive->format->lookup(archive->data, folder, name, length);
}

guint32 cronos_archive_lookup_path(const CronosArchive *archive, const char *path)
{
    guint32 entry = CRONOS_ENTRY_ROOT;

    while (*path != '\0' && entry != CRONOS_ENTRY_NONE) {
        gsize length = strcspn(path, "/");
        gboolean stays = length == 0 || (length == 1 && path[0] == '.');

        if (!stays)
            entry = cronos_archive_lookup(archive, entry, path, length);
        path += length;
        /* "file/" names nothing. */
        if (*path == '/' && entry != CRONOS_ENTRY_NONE &&
            !cronos_archive_is_directory(archive, entry))
            return CRONOS_ENTRY_NONE;
        while (*path == '/')
            path++;
    }
    return entry;
}

const char *cronos_archive_name(const CronosArchive *archive, guint32 entry, gsize *out_length)
{
    return archive->format->name(archive->data, entry, out_length);
}

char *cronos_archive_path(const CronosArchive *archive, guint32 entry)
{
    gsize total = 0, length;

    for (guint32 at = entry; at != CRONOS_ENTRY_ROOT; at = cronos_archive_parent(archive, at)) {
        cronos_archive_name(archive, at, &length);
        total += length + 1;
    }
    char *path = g_malloc0(MAX(total, 1));
    if (total == 0)
        return path;
    total--;
    for (guint32 at = entry; at != CRONOS_ENTRY_ROOT; at = cronos_archive_parent(archive, at)) {
        const char *name = cronos_archive_name(archive, at, &length);

        total -= length;
        memcpy(path + total, name, length);
        if (total > 0)
            path[--total] = '/';
    }
    return path;
}

gboolean cronos_archive_is_directory(const CronosArchive *archive, guint32 entry)
{
    return archive->format->is_directory(archive->data, entry);
}

gboolean cronos_archive_info(const CronosArchive *archive, guint32 entry,
                             CronosMemberInfo *out_info, GError **error)
{
    gboolean ok = archive->format->info(archive->data, entry, out_info, error);

    if (!ok)
        prefix_member(archive, entry, error);
    return ok;
}

static gboolean refuse_directory(const CronosArchive *archive, guint32 entry, GError **error)
{
    if (!cronos_archive_is_directory(archive, entry))
        return FALSE;
    g_set_error(error, CRONOS_SYSTEM_ERROR, EISDIR, "%s", g_strerror(EISDIR));
    return TRUE;
}

gssize cronos_archive_read(CronosArchive *archive, guint32 entry, guint64 offset, void *buffer,
                           gsize size, GError **error)
{
    gssize n = -1;

    if (!refuse_directory(archive, entry, error))
        n = archive->format->read(archive->data, entry, offset, buffer, size, error);
    if (n < 0)
        prefix_member(archive, entry, error);
    return n;
}

char *cronos_archive_readlink(CronosArchive *archive, guint32 entry, GError **error)
{
    g_autofree char *target = g_malloc(PATH_MAX + 1);
    gssize n = cronos_archive_read(archive, entry, 0, target, PATH_MAX + 1, error);

    if (n < 0)
        return NULL;
    if (n == 0 || n > PATH_MAX || memchr(target, '\0', (gsize)n) != NULL) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                    "the target of the symbolic link is %s",
                    n == 0         ? "empty"
                    : n > PATH_MAX ? "too long"
                                   : "no path");
        prefix_member(archive, entry, error);
        return NULL;
    }
    target[n] = '\0';
    return g_realloc(g_steal_pointer(&target), (gsize)n + 1);
}

CronosArchiveStream *cronos_archive_stream_open(CronosArchive *archive, guint32 entry,
                                                GError **error)
{
    gpointer inner = NULL;

    if (!refuse_directory(archive, entry, error))
        inner = archive->format->stream_open(archive->data, entry, error);
    if (inner == NULL) {
        prefix_member(archive, entry, error);
        return NULL;
    }
    CronosArchiveStream *stream = g_new0(CronosArchiveStream, 1);
    stream->archive = cronos_archive_ref(archive);
    stream->entry = entry;
    stream->stream = inner;
    return stream;
}

void cronos_archive_stream_free(CronosArchiveStream *stream)
{
    if (stream == NULL)
        return;
    stream->archive->format->stream_free(stream->stream);
    cronos_archive_unref(stream->archive);
    g_free(stream);
}

gssize cronos_archive_stream_read(CronosArchiveStream *stream, void *buffer, gsize size,
                                  GError **error)
{
    gssize n = stream->archive->format->stream_read(stream->stream, buffer, size, error);

    if (n < 0)
        prefix_member(stream->archive, stream->entry, error);
    return n;
}

struct CronosSozipChunks *cronos_archive_chunks_open(CronosArchive *archive, guint32 entry,
                                                     GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (archive->format->chunks_open == NULL || cronos_archive_is_directory(archive, entry))
        return NULL;
    struct CronosSozipChunks *chunks = archive->format->chunks_open(archive->data, entry, &failure);
    if (failure != NULL) {
        prefix_member(archive, entry, &failure);
        g_propagate_error(error, g_steal_pointer(&failure));
    }
    return chunks;
}

guint64 cronos_archive_position(const CronosArchive *archive, guint32 entry)
{
    return archive->format->position(archive->data, entry);
}

gboolean cronos_archive_is_sequential(const CronosArchive *archive)
{
    return archive->format->is_sequential != NULL && archive->format->is_sequential(archive->data);
}

guint cronos_archive_threads(const CronosArchive *archive, guint threads)
{
    return cronos_archive_is_sequential(archive) ? 1 : threads;
}

guint64 cronos_archive_end_position(CronosArchive *archive, guint32 entry)
{
    return archive->format->end_position(archive->data, entry);
}

gboolean cronos_archive_check_structure(CronosArchive *archive, guint32 entry, gboolean ours,
                                        GError **error)
{
    gboolean ok = archive->format->check_structure(archive->data, entry, ours, error);

    if (!ok)
        prefix_member(archive, entry, error);
    return ok;
}

void cronos_archive_check_unlisted(CronosArchive *archive, CronosArchiveUnlistedFunc func,
                                   gpointer user_data)
{
    if (archive->format->check_unlisted != NULL)
        archive->format->check_unlisted(archive->data, func, user_data);
}

const char *cronos_archive_comment(const CronosArchive *archive, gsize *out_length)
{
    return archive->format->comment(archive->data, out_length);
}

gboolean cronos_archive_directory_crc32(const CronosArchive *archive, guint32 *out_crc32)
{
    if (archive->format->directory_crc32 == NULL)
        return FALSE;
    *out_crc32 = archive->format->directory_crc32(archive->data);
    return TRUE;
}

guint64 cronos_archive_repairs(const CronosArchive *archive, const GPtrArray **out_first)
{
    return archive->format->repairs(archive->data, out_first);
}
