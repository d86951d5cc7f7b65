/* SPDX-License-Identifier: MIT
 * zip-outline.h - finding a few members of many ZIP files, without an index of each
 *
 * Where a central directory lists its members in the order of a walk (depth first, the names of a
 * folder sorted as bytes, a folder before what is in it, none left to be implied), and no name
 * needs repair, look-up is a binary search in the directory itself. The backups that cronos writes
 * are such; their first member, the metadata, may stand out of the order. One pass over the
 * directory proves it and takes a note at every 256th member: an outline costs a tenth of the time
 * of an index, and a third of a byte of memory a member. What it tells is what the index would
 * tell: the same members, under the same entry numbers.
 *
 * The directory is read with each look-up, and not mapped: of a file here and there, that is
 * several times as fast as page faults. Until cronos_zip_outline_trim, a small directory is not
 * read again, but held in memory. The file may change meanwhile: what does not parse any more
 * is DAMAGED, what does may be another member; bounds are checked at each access.
 *
 * Threads: immutable once open; any number of readers. */
#pragma once
#include "core/zip/zip-index.h"

typedef struct CronosZipOutline CronosZipOutline;

/* One member, or the top folder. */
typedef struct {
    guint32 entry;  /* as of zip-index.h */
    guint32 header; /* from the directory's start; of no meaning for the top folder */
    gboolean directory;
    const guint8 *near; /* its header, where that is at hand: in a call of CronosZipOutlineFunc;
                           else NULL, and to be set so in a copy that outlives the call */
    gsize near_bytes;
} CronosZipPlace;

/* @fd: borrowed, must stay open as long as the outline. Returns: (owned), or NULL: with @error as
 * cronos_zip_index_open gives it; without where the directory is not in order, and an index is
 * needed. */
CronosZipOutline *cronos_zip_outline_open(int fd, GError **error);
void cronos_zip_outline_free(CronosZipOutline *outline); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipOutline, cronos_zip_outline_free)

/* For outlines that are kept: gives back what is only held to spare reading. To be called before
 * other threads have it. */
void cronos_zip_outline_trim(CronosZipOutline *outline);

/* Returns: the number of entries, the top folder included. */
guint32 cronos_zip_outline_count(const CronosZipOutline *outline);
/* Returns: the bytes of memory it holds. */
gsize cronos_zip_outline_memory_bytes(const CronosZipOutline *outline);
/* Returns: (borrowed) the archive comment, or NULL; not NUL-terminated. */
const char *cronos_zip_outline_comment(const CronosZipOutline *outline, gsize *out_length);

/* @path: components with one slash between; "": the top folder. Returns: whether it is there; FALSE
 * with @error, DAMAGED or a system error, where the directory can not be read. */
gboolean cronos_zip_outline_find(const CronosZipOutline *outline, const char *path, gsize length,
                                 CronosZipPlace *out_place, GError **error);
/* The same by the entry's number. @out_path: (owned) its path, NUL-terminated. */
gboolean cronos_zip_outline_at(const CronosZipOutline *outline, guint32 entry,
                               CronosZipPlace *out_place, char **out_path, GError **error);
/* Returns: FALSE with @error as above. */
gboolean cronos_zip_outline_info(const CronosZipOutline *outline, const CronosZipPlace *place,
                                 CronosMemberInfo *out_info, GError **error);

/* @name: not NUL-terminated, valid in the call only. Returns: FALSE to stop. */
typedef gboolean (*CronosZipOutlineFunc)(const CronosZipPlace *place, const char *name,
                                         gsize length, gpointer user_data);

/* Calls @func for each child of @folder, whose path is @path, in the order of their entries.
 * Returns: FALSE with @error as above. */
gboolean cronos_zip_outline_children(const CronosZipOutline *outline, const CronosZipPlace *folder,
                                     const char *path, gsize length, CronosZipOutlineFunc func,
                                     gpointer user_data, GError **error);
/* Calls @func for all members but the top folder, in the directory's order, with their paths; their
 * entry is CRONOS_ENTRY_NONE. Returns: FALSE with @error as above. */
gboolean cronos_zip_outline_walk(const CronosZipOutline *outline, CronosZipOutlineFunc func,
                                 gpointer user_data, GError **error);
