/* SPDX-License-Identifier: MIT
 * zip-mapping.h - a read-only map of a part of a file, safe from the file's shrinking
 *
 * Small parts are held in memory instead: from a file system across a network a map is read page by
 * page, more or less.
 *
 * Touching a mapped page that the file no longer has raises SIGBUS. A handler, installed with the
 * first map, puts a page of zeros there and marks the map as damaged, so that readers see bytes
 * that do not parse instead of dying. A SIGBUS from elsewhere goes to the handler that was there
 * before. Readers check bounds at every access: the bytes may change under them. */
#pragma once
#include <glib.h>

typedef struct CronosZipMapping CronosZipMapping;

/* Maps @length bytes of @fd from @offset on. Returns: (owned), or NULL with a system error.
 * Threads: any number of readers. */
CronosZipMapping *cronos_zip_mapping_new(int fd, guint64 offset, gsize length, GError **error);
/* The same for bytes in memory. @bytes: taken over. */
CronosZipMapping *cronos_zip_mapping_of(guint8 *bytes, gsize length);
void cronos_zip_mapping_free(CronosZipMapping *mapping); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipMapping, cronos_zip_mapping_free)

const guint8 *cronos_zip_mapping_bytes(const CronosZipMapping *mapping);
/* Returns: the bytes of memory it holds, other than as a map. */
gsize cronos_zip_mapping_memory_bytes(const CronosZipMapping *mapping);
/* Returns: whether a part of the file was missing when it was touched. */
gboolean cronos_zip_mapping_is_damaged(const CronosZipMapping *mapping);
/* Gives the pages touched so far back to the page cache: the process shrinks, later accesses cost a
 * minor fault. Small maps, not worth it, are left alone. Safe beside readers. */
void cronos_zip_mapping_trim(CronosZipMapping *mapping);
/* To be called where headers or names are read in numbers, with the place that is read: trims a
 * large map now and then. */
void cronos_zip_mapping_touch(CronosZipMapping *mapping, guint32 offset);
