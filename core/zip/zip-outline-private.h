/* SPDX-License-Identifier: MIT
 * zip-outline-private.h - the notes that one pass over a central directory takes */
#pragma once
#include "core/zip/zip-end.h"
#include "core/zip/zip-header.h"
#include "core/zip/zip-outline.h"

#define CRONOS_ZIP_OUTLINE_STEP 256u
/* Of nesting: what lies deeper is left to the index. */
#define CRONOS_ZIP_OUTLINE_DEPTHS 64u

/* Members are numbered here in the directory's order, the stray one not counted. The depth of a
 * member is the number of folders that it is in. Entries are numbered breadth first: those of one
 * depth follow each other, in the directory's order. */
struct CronosZipOutline {
    int fd;
    CronosZipEnd end;
    gint64 file_mtime_ns; /* the top folder's */
    gsize start;          /* of the first member in order */

    guint32 step_count;
    guint32 *steps;       /* where each 256th member's header starts */
    guint32 *name_starts; /* where its name starts in .names; one more, for the end of the last */
    char *names;
    guint depth_count;
    guint32 *before; /* @depth_count numbers a step: members before it, by their depth */
    guint32 *totals; /* members, by their depth */

    /* The first member, where it is a file in the top folder: it need not be in order. */
    gboolean has_stray;
    guint32 stray_rank; /* how many members of the top folder sort before it */
};

/* Reads the directory of @outline, whose fields up to .file_mtime_ns are set, and fills in the
 * others. Returns: FALSE where it is not in order, then without @error, or can not be read. */
gboolean cronos_zip_outline_survey(CronosZipOutline *outline, GError **error);

/* A part of the directory, read when it is needed. */
typedef struct {
    const CronosZipOutline *outline;
    guint8 *bytes;
    gsize start, length; /* from the directory's start */
    gsize room;
    GError *error; /* why it could not be read; then no header is found any more */
} CronosZipWindow;

/* @bytes: how much is read at once. */
void cronos_zip_window_init(CronosZipWindow *window, const CronosZipOutline *outline, gsize bytes);
/* Returns: TRUE, or FALSE with the error there was. */
gboolean cronos_zip_window_finish(CronosZipWindow *window, GError **error);
/* Takes the header at @at. Returns: FALSE where the window does not hold it. */
gboolean cronos_zip_window_peek(const CronosZipWindow *window, gsize at,
                                CronosZipHeader *out_header);
/* Takes the header at @at, reading on where it is not in the window: what was taken before is gone
 * then. Returns: FALSE at the directory's end, and where there is no header. */
gboolean cronos_zip_window_header(CronosZipWindow *window, gsize at, CronosZipHeader *out_header);
