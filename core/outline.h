/* SPDX-License-Identifier: MIT
 * outline.h - looking up paths in many backups: one face over an outline, and an index
 *
 * A ZIP file whose directory is in order, as cronos writes it, is looked up in by its outline
 * (core/zip/zip-outline.h), which costs little; every other archive is indexed. The metadata member
 * that create added is not there for these functions, being no part of what was backed up.
 *
 * Threads: immutable once open; any number of readers. */
#pragma once
#include "core/archive.h"
#include "core/zip/zip-outline.h"

typedef struct CronosOutline CronosOutline;

/* Where a member is. */
typedef CronosZipPlace CronosOutlinePlace;

/* Opens the archive @name in the directory open on @dirfd, for a look or two: a small directory is
 * read once, and held in memory. Returns: (owned) a reference, or NULL
 * with @error as cronos_archive_open. */
CronosOutline *cronos_outline_open(int dirfd, const char *name, GError **error);
/* The same of the file open on @fd, to be kept: next to nothing is held, and the directory read at
 * each look-up. Without an index: NULL without @error where that is needed.
 * @fd: taken over where an outline is returned. @name: for messages and for the choice of a format.
 */
CronosOutline *cronos_outline_open_fd(int fd, const char *name, GError **error);
/* For an archive that is indexed already. @archive: referenced. @hidden: its metadata member, or
 * CRONOS_ENTRY_NONE. */
CronosOutline *cronos_outline_of_archive(CronosArchive *archive, guint32 hidden);
CronosOutline *cronos_outline_ref(CronosOutline *outline);
void cronos_outline_unref(CronosOutline *outline); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosOutline, cronos_outline_unref)

/* @path: components with one slash between; "": the top folder. Returns: whether it is there; FALSE
 * with @error where the archive can not be read. */
gboolean cronos_outline_find(const CronosOutline *outline, const char *path,
                             CronosOutlinePlace *out_place, GError **error);
/* Returns: (owned) the path of @entry, NUL-terminated; or NULL: with @error as above, without where
 * there is no such entry. */
char *cronos_outline_path(const CronosOutline *outline, guint32 entry, GError **error);
gboolean cronos_outline_info(const CronosOutline *outline, const CronosOutlinePlace *place,
                             CronosMemberInfo *out_info, GError **error);

/* @name: a plain name (of children), or a path (of a walk); NUL-terminated, valid in the call only.
 * Returns: FALSE to stop. */
typedef gboolean (*CronosOutlineFunc)(const CronosOutlinePlace *place, const char *name,
                                      gpointer user_data);

/* Calls @func for each child of the folder @path, names ascending as bytes; for none where it is
 * not there, or is no folder. Returns: FALSE with @error as above. */
gboolean cronos_outline_children(const CronosOutline *outline, const char *path,
                                 CronosOutlineFunc func, gpointer user_data, GError **error);
/* Calls @func for everything but the top folder, a folder before what is in it. */
gboolean cronos_outline_walk(const CronosOutline *outline, CronosOutlineFunc func,
                             gpointer user_data, GError **error);
