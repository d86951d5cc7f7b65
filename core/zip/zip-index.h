/* SPDX-License-Identifier: MIT
 * zip-index.h - the members of one ZIP file as a tree
 *
 * A table of fixed-size nodes in breadth-first order: node 0 is the top folder, the children of a
 * folder are one run of consecutive nodes sorted by name as bytes. Look-up is a binary search,
 * listing a scan. Names stay in the central directory, which is held in memory up to a size and
 * mapped beyond; every other fact is decoded from it when asked for, with bounds checked at each
 * access, since the file may change under the map.
 *
 * Names: implied folders are made; of duplicate names the last in the central directory wins; "."
 * and empty components are dropped, ".." becomes "__", absolute starts are cut off, NUL becomes
 * '_', a path that is both file and folder keeps the folder, members beyond the limits of
 * zip-tree.h are left out; each such repair is counted and the first ones described
 * (cronos_zip_index_repairs). A leading "./" is no repair. UTF-8 and unknown encodings are kept
 * byte for byte; names that are not UTF-8 are CP437 where the archive was made on DOS without the
 * UTF-8 flag; a valid Unicode path field wins.
 *
 * Limits: what a name's bytes were is checked when the archive is opened. A writer who changes the
 * file in place afterwards can show other bytes in their place (of the same length): whoever writes
 * to disk by these names guards against that, as restore does. */
#pragma once
#include "core/member.h"

typedef struct CronosZipIndex CronosZipIndex;

/* Where a member's bytes lie, and what they must decode to. */
typedef struct {
    guint64 header_offset; /* of the local header, from the start of the file (prefix included) */
    guint64 stored_bytes;
    guint64 size_bytes;
    guint32 crc32;
    guint16 method;
    guint16 flags;
} CronosZipExtent;

/* Indexes the archive open on @fd (borrowed; must stay open as long as the index). Reads no
 * member data: once from the tail, and once more for a directory that does not lie in there.
 * Returns: (owned), or NULL with @error: DAMAGED, UNSUPPORTED or a system error.
 * Threads: immutable once open; any number of readers. */
CronosZipIndex *cronos_zip_index_open(int fd, GError **error);
void cronos_zip_index_free(CronosZipIndex *index); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipIndex, cronos_zip_index_free)

/* Returns: the number of nodes, the top folder included: valid entries are below it. */
guint32 cronos_zip_index_count(const CronosZipIndex *index);
/* Returns: the bytes of memory the index holds (heap; a map is not counted). */
gsize cronos_zip_index_memory_bytes(const CronosZipIndex *index);
guint32 cronos_zip_index_parent(const CronosZipIndex *index, guint32 entry);
/* The children of @entry are @out_first .. @out_first + @out_count - 1; none for a file. */
void cronos_zip_index_children(const CronosZipIndex *index, guint32 entry, guint32 *out_first,
                               guint32 *out_count);
/* Returns: the child of @folder named @name, or CRONOS_ENTRY_NONE. */
guint32 cronos_zip_index_lookup(const CronosZipIndex *index, guint32 folder, const char *name,
                                gsize length);
/* Returns: (borrowed) last component of the name, not NUL-terminated; lives with the index. */
const char *cronos_zip_index_name(const CronosZipIndex *index, guint32 entry, gsize *out_length);
/* Returns: directory or not, without touching the map. */
gboolean cronos_zip_index_is_directory(const CronosZipIndex *index, guint32 entry);
/* Returns: FALSE with @error DAMAGED when the map no longer holds a valid header there. */
gboolean cronos_zip_index_info(const CronosZipIndex *index, guint32 entry,
                               CronosMemberInfo *out_info, GError **error);
/* Fails for implied folders (NOT_FOUND) and as cronos_zip_index_info. */
gboolean cronos_zip_index_extent(const CronosZipIndex *index, guint32 entry,
                                 CronosZipExtent *out_extent, GError **error);
/* Holds the name in the member's local header, in the file open on @fd, against the one in the
 * central directory, byte for byte: the one thing about a name that shows damage to it. Implied
 * folders have none. @twins: flags and times, too, as cronos_zip_writer puts them into both.
 * Returns: FALSE with @error DAMAGED, UNSUPPORTED or a system error. */
gboolean cronos_zip_index_check_name(const CronosZipIndex *index, int fd, guint32 entry,
                                     gboolean twins, GError **error);
/* Told of a member that the central directory names and no entry stands for. @name: as it stands
 * there; @position: of its local header; @problem: (borrowed, nullable) what is wrong with it. */
typedef void (*CronosZipUnlistedFunc)(const char *name, gsize length, guint64 position,
                                      const GError *problem, gpointer user_data);
/* Calls @func for each member that was left out of the tree, for its name or since a later one has
 * the same, and holds its local header, in the file open on @fd, against the central one: where
 * they differ it may be one whose name was damaged. Costs nothing where no name was repaired. */
void cronos_zip_index_check_unlisted(const CronosZipIndex *index, int fd,
                                     CronosZipUnlistedFunc func, gpointer user_data);
/* Returns: (borrowed) the archive comment, or NULL; not NUL-terminated. */
const char *cronos_zip_index_comment(const CronosZipIndex *index, gsize *out_length);
/* Returns: how many names were repaired; @out_first: (borrowed, nullable) GPtrArray of at most 100
 * one-line descriptions (char *). */
guint64 cronos_zip_index_repairs(const CronosZipIndex *index, const GPtrArray **out_first);
/* Returns: the CRC-32 of the central directory's bytes. */
guint32 cronos_zip_index_directory_crc32(const CronosZipIndex *index);
/* Returns: where the central directory starts in the file; member data must lie before it. */
guint64 cronos_zip_index_directory_offset(const CronosZipIndex *index);

/* The archive comment alone, reading little more than the tail of the file open on @fd, and the
 * number of members the end record declares.
 * Returns: (owned) the comment, possibly empty, NUL-terminated beyond @out_length; or NULL with
 * @error DAMAGED where there is no end record that fits the file. */
char *cronos_zip_read_comment(int fd, gsize *out_length, guint64 *out_members, GError **error);
