/* SPDX-License-Identifier: MIT
 * reuse.h - members of an earlier backup, taken over instead of compressed again
 *
 * A file is taken for unchanged when path, size, mtime, ctime and inode are those recorded, and
 * both times lie before the start of that backup: a later change can not have left the ctime as it
 * was (the "racy" rule of git). An mtime in the future tells nothing, and is only held against the
 * recorded one. The source file is not even opened then. What is taken over is
 * decoded and held against its CRC first, so that rot in an archive never spreads; what does not
 * pass is for the caller to compress afresh. */
#pragma once
#include "core/member.h"
#include "core/zip/sozip-table.h"
#include "core/zip/zip-index.h"

/* An earlier backup, open. Immutable; any number of threads. It outlives its readers and files. */
typedef struct CronosReuse CronosReuse;

/* Opens the newest backup, of any type, of @root in the directory open on @dirfd (borrowed,
 * @directory: its name) that was made with the compression level @level, so that its bytes are
 * those that compressing again would give; -1: with any. Backups that can not be opened are passed
 * over, with a line in the log. Returns: (owned), or NULL where there is none. */
CronosReuse *cronos_reuse_open(int dirfd, const char *directory, const char *root, int level);
/* When the newest backup of @root and @type began, in nanoseconds since the epoch. No archive's
 * members are looked at. Returns: (owned) its file name, or NULL where there is none. */
char *cronos_reuse_find_start(int dirfd, const char *directory, const char *root, const char *type,
                              gint64 *out_started_ns);
void cronos_reuse_free(CronosReuse *reuse); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosReuse, cronos_reuse_free)
const char *cronos_reuse_file_name(const CronosReuse *reuse); /* borrowed */
int cronos_reuse_fd(const CronosReuse *reuse);                /* borrowed */
/* Returns: the number of its members, the metadata member that create added not counted. */
guint64 cronos_reuse_member_count(const CronosReuse *reuse);
/* Returns: how many of them are no directories. */
guint64 cronos_reuse_file_count(const CronosReuse *reuse);

/* What one thread needs to look up and to take over. */
typedef struct CronosReuseReader CronosReuseReader;
CronosReuseReader *cronos_reuse_reader_new(const CronosReuse *reuse);
void cronos_reuse_reader_free(CronosReuseReader *reader); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosReuseReader, cronos_reuse_reader_free)

/* Returns: whether the regular file @path, as just walked, is a member that can be taken over, and
 * where that lies. Quick when paths come in order. */
gboolean cronos_reuse_find(CronosReuseReader *reader, const char *path, gsize path_length,
                           const CronosMemberInfo *info, CronosZipExtent *out_extent);
typedef enum {
    CRONOS_REUSE_ABSENT,  /* not in the backup, or a folder in one of them alone */
    CRONOS_REUSE_CHANGED, /* in it, otherwise */
    CRONOS_REUSE_HELD,    /* in it just as it was walked */
} CronosReuseState;

/* Returns: what the backup holds of @path, of any kind. Held are files and symbolic links that are
 * unchanged as above, and directories with the same mode and owner, whatever their times. */
CronosReuseState cronos_reuse_compare(CronosReuseReader *reader, const char *path,
                                      gsize path_length, const CronosMemberInfo *info);

/* A member to be taken over whole. */
typedef struct {
    CronosZipExtent extent; /* as found */
    gsize name_length;      /* of its path: its header's length follows from it */
    gsize offset;           /* out: where its stored bytes are in the array */
    GError *error;          /* out: (owned) why they must not be used; else NULL */
} CronosReuseMember;

/* Reads the stored bytes of @members, each of a size that fits memory comfortably, to the end of
 * @out, with what lies between them: neighbours in the archive are read at once. Decodes and checks
 * each. */
void cronos_reuse_take(CronosReuseReader *reader, CronosReuseMember *members, guint count,
                       GByteArray *out);

/* A large member, to be taken over by chunks. Immutable; any number of threads. */
typedef struct {
    const CronosReuse *reuse; /* borrowed */
    CronosZipExtent extent;
    guint64 data_offset;     /* of its stored bytes in the archive file */
    CronosSozipTable *table; /* NULL: the member is stored, not compressed */
    guint32 chunk_size;
    guint64 chunk_count;
} CronosReuseLarge;

/* @path, @extent: as found. Returns: (owned), or NULL: with @error DAMAGED or system where its
 * structure is damaged; without where it is not cut into the chunks that this version would make.
 */
CronosReuseLarge *cronos_reuse_large_open(const CronosReuse *reuse, const char *path,
                                          gsize path_length, const CronosZipExtent *extent,
                                          GError **error);
void cronos_reuse_large_free(CronosReuseLarge *large); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosReuseLarge, cronos_reuse_large_free)
/* Reads the stored bytes of the chunks @first .. @end - 1, which lie one behind the other, to the
 * end of @out, decodes each and checks it against the CRC in the member's index; a stored member's
 * chunks are only measured. Appends a CronosSozipChunk, its crc32 that of the bytes decoded, to
 * @chunks for each. The CRC of the whole is for the caller to combine and check.
 * Returns: FALSE with @error DAMAGED or a system error; both arrays are as before then. */
gboolean cronos_reuse_take_chunks(CronosReuseReader *reader, const CronosReuseLarge *large,
                                  guint64 first, guint64 end, GByteArray *out, GArray *chunks,
                                  GError **error);
