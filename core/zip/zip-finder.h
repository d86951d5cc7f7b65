/* SPDX-License-Identifier: MIT
 * zip-finder.h - where in a file the signatures of headers stand
 *
 * Reads by windows, of which the last is kept. What can not be read counts as zeros, so that a bad
 * sector hides no more than itself. */
#pragma once
#include <glib.h>

typedef struct CronosZipFinder CronosZipFinder;

/* @fd: borrowed, outlives it. Returns: (owned). Threads: one at a time. */
CronosZipFinder *cronos_zip_finder_new(int fd);
void cronos_zip_finder_free(CronosZipFinder *finder); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosZipFinder, cronos_zip_finder_free)

/* Looks for a local or central header's signature that lies in [@io_from, @to), no further than one
 * window goes. Returns: whether there is one, then at @io_from; @out_signature: which of the two.
 * Else @io_from is where the search goes on: it is over from @to on. */
gboolean cronos_zip_finder_next(CronosZipFinder *finder, guint64 *io_from, guint64 to,
                                guint32 *out_signature);
/* Returns: whether a header or an end record of any kind begins at @offset. */
gboolean cronos_zip_finder_begins(CronosZipFinder *finder, guint64 offset);
