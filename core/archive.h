/* SPDX-License-Identifier: MIT
 * archive.h - one backup archive, opened read-only: one face over every format
 *
 * Entries are numbered as core/member.h says. Everything is immutable once open; every function may
 * be called by any number of threads at once. */
#pragma once
#include "core/member.h"

typedef struct CronosArchive CronosArchive;

/* Indexes the archive @name in the directory open on @dirfd (AT_FDCWD works); reads no member data.
 * Returns: (owned) a reference, or NULL with @error: DAMAGED, UNSUPPORTED, or a system error. */
CronosArchive *cronos_archive_open(int dirfd, const char *name, GError **error);
/* The same for a file that is open already. @fd: taken over, also on failure; @name: for messages
 * and for the choice of a format. */
CronosArchive *cronos_archive_open_fd(int fd, const char *name, GError **error);
CronosArchive *cronos_archive_ref(CronosArchive *archive);
void cronos_archive_unref(CronosArchive *archive); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosArchive, cronos_archive_unref)

/* Returns: whether @file_name has an extension of a format that this face opens; @out_stem_length
 * (nullable): the name's length less that extension, as folders in the mount are named. */
gboolean cronos_archive_is_archive_name(const char *file_name, gsize *out_stem_length);
/* Returns: whether that extension is one of ZIP files. */
gboolean cronos_archive_is_zip_name(const char *file_name);

/* Loads what archives need beside themselves, for a process that is about to give up the right to
 * open files. */
void cronos_archive_prepare(void);

guint32 cronos_archive_count(const CronosArchive *archive);
gsize cronos_archive_memory_bytes(const CronosArchive *archive);
/* The file's own facts, taken when it was opened. */
void cronos_archive_file_identity(const CronosArchive *archive, guint64 *out_device,
                                  guint64 *out_inode, guint64 *out_size_bytes,
                                  gint64 *out_mtime_ns);

guint32 cronos_archive_parent(const CronosArchive *archive, guint32 entry);
void cronos_archive_children(const CronosArchive *archive, guint32 entry, guint32 *out_first,
                             guint32 *out_count);
guint32 cronos_archive_lookup(const CronosArchive *archive, guint32 folder, const char *name,
                              gsize length);
/* @path: relative, '/' between components; "" or "." is the top folder. Symbolic links are not
 * followed. Returns: the entry or CRONOS_ENTRY_NONE. */
guint32 cronos_archive_lookup_path(const CronosArchive *archive, const char *path);
/* Returns: (borrowed) last component, not NUL-terminated; lives with the archive. */
const char *cronos_archive_name(const CronosArchive *archive, guint32 entry, gsize *out_length);
/* Returns: (owned) path from the top folder, NUL-terminated; "" for the top folder. */
char *cronos_archive_path(const CronosArchive *archive, guint32 entry);
gboolean cronos_archive_is_directory(const CronosArchive *archive, guint32 entry);
gboolean cronos_archive_info(const CronosArchive *archive, guint32 entry,
                             CronosMemberInfo *out_info, GError **error);

/* Reads decoded bytes of a file at any offset: the read engine's face. Small members are decoded
 * whole and checked before a byte is delivered; large ones by resumable streams, of which a bounded
 * number is kept, so that reading in order costs one pass.
 * Returns: bytes read (fewer than @size only at the end), or -1 with @error: DAMAGED, UNSUPPORTED,
 * or a system error. */
gssize cronos_archive_read(CronosArchive *archive, guint32 entry, guint64 offset, void *buffer,
                           gsize size, GError **error);
/* How much memory decoded members and half-read streams of all open archives may take together,
 * in bytes; what is being read at the moment comes on top. Default: 64 MiB. Threads: any. */
void cronos_archive_set_cache_limit(gsize bytes);
/* Has all that libarchive decodes, now and later, fail with CANCELLED: for a process that is about
 * to end, since the way to what is read may be hours of decoding. Threads: any. */
void cronos_archive_halt(void);
/* Returns: (owned) the target of a symbolic link, NUL-terminated; DAMAGED when it holds a NUL or is
 * empty or longer than PATH_MAX. */
char *cronos_archive_readlink(CronosArchive *archive, guint32 entry, GError **error);

/* One pass over a member from the front, checked to its last byte: for restore and verify. */
typedef struct CronosArchiveStream CronosArchiveStream;
CronosArchiveStream *cronos_archive_stream_open(CronosArchive *archive, guint32 entry,
                                                GError **error);
void cronos_archive_stream_free(CronosArchiveStream *stream); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosArchiveStream, cronos_archive_stream_free)
/* As cronos_zip_stream_read. */
gssize cronos_archive_stream_read(CronosArchiveStream *stream, void *buffer, gsize size,
                                  GError **error);

/* A large member by chunks that decode alone (core/zip/sozip-chunks.h), for many threads.
 * Returns: (owned; the archive outlives it), or NULL: with @error as cronos_sozip_chunks_open;
 * without where the member is not cut so. */
struct CronosSozipChunks;
struct CronosSozipChunks *cronos_archive_chunks_open(CronosArchive *archive, guint32 entry,
                                                     GError **error);

/* Returns: where the member starts in the archive file: reading in this order is sequential.
 * Implied folders: G_MAXUINT64. */
guint64 cronos_archive_position(const CronosArchive *archive, guint32 entry);
/* Returns: whether members are had in passes from the front, as in a compressed tar. Such an
 * archive is best read by one thread, in the order of cronos_archive_position: that is one pass,
 * and any other order may cost one for each member. */
gboolean cronos_archive_is_sequential(const CronosArchive *archive);
/* Returns: how many threads are to read @archive where @threads (0: one per processor) may. */
guint cronos_archive_threads(const CronosArchive *archive, guint threads);

/* Holds the member's structure against the format without decoding it (local header against
 * central directory, bounds). @ours: the archive is one of this project's, whose headers agree in
 * more than the format asks for. */
gboolean cronos_archive_check_structure(CronosArchive *archive, guint32 entry, gboolean ours,
                                        GError **error);
/* Told of a member that has no entry. @path: its name as it stands in the archive; @position: as
 * cronos_archive_position; @problem: (borrowed, nullable) what is wrong with its structure. */
typedef void (*CronosArchiveUnlistedFunc)(const char *path, guint64 position, const GError *problem,
                                          gpointer user_data);
/* Calls @func for each member that has no entry since its name can not be used, or a later member
 * has the same one. */
void cronos_archive_check_unlisted(CronosArchive *archive, CronosArchiveUnlistedFunc func,
                                   gpointer user_data);
/* Returns: where the member's bytes end in the archive file, or 0 where there are none; with
 * cronos_archive_position it shows overlaps. */
guint64 cronos_archive_end_position(CronosArchive *archive, guint32 entry);

/* Returns: (borrowed) archive comment, or NULL; not NUL-terminated. */
const char *cronos_archive_comment(const CronosArchive *archive, gsize *out_length);
/* Returns: whether the archive has a central directory, and in @out_crc32 the CRC-32 of its bytes.
 */
gboolean cronos_archive_directory_crc32(const CronosArchive *archive, guint32 *out_crc32);
/* Returns: how many member names were repaired; @out_first: (borrowed, nullable) descriptions. */
guint64 cronos_archive_repairs(const CronosArchive *archive, const GPtrArray **out_first);
