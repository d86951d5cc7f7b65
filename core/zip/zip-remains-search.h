/* SPDX-License-Identifier: MIT
 * zip-remains-search.h - the pass over the file that finds local headers
 *
 * Private to zip-remains.c: what to look at in zip-remains-search.c, and what it comes to in
 * zip-remains-judge.c. */
#pragma once
#include "core/zip/zip-finder.h"
#include "core/zip/zip-local.h"
#include "core/zip/zip-remains-private.h"

typedef struct {
    int fd;
    guint64 limit;               /* where members end at the latest */
    gboolean has_directory;      /* .centrals is all of it, sorted; else the search adds to it */
    GArray *members;             /* of CronosZipRemain, out: in the order they were found in */
    GStringChunk *reasons;       /* borrowed: those of .members */
    CronosZipCentrals *centrals; /* borrowed */
    CronosZipStoredFunc func;    /* nullable */
    gpointer user_data;

    guint64 covered;     /* out: where the last member ends */
    gboolean continuous; /* out: member follows member up to a central header */
    gboolean gave_up;    /* out */

    CronosZipFinder *finder;
    CronosZipMeasurer *measurer;
    GString *last_name;  /* of the member before, whose index may follow */
    gboolean gap, ended; /* there were bytes that belong to no member; a central header */
    guint64 tried;       /* up to here, bytes were decoded once */
    guint64 allowance;   /* so many of those may be decoded again */
} CronosZipSearch;

/* @search: the first group set, the rest zeros. Returns: FALSE with @error: UNSUPPORTED, or @func's
 * own. */
gboolean cronos_zip_search(CronosZipSearch *search, GError **error);

/* What a local header's bytes come to. */
typedef struct {
    CronosZipExtent extent;
    guint64 end;        /* where the search is to go on */
    gboolean firm;      /* .end is the member's own end, be it whole or not */
    const char *reason; /* in .reasons: why it is lost; or NULL */
} CronosZipVerdict;

/* @guide: its central header, or NULL. @next: where another member is said to begin: without a
 * guide, the bytes can not go on beyond it. Returns: FALSE with @error: @func's own, or FAILED. */
gboolean cronos_zip_search_judge(CronosZipSearch *search, const CronosZipLocal *local,
                                 const CronosZipCentral *guide, guint64 next,
                                 CronosZipVerdict *out_verdict, GError **error);
/* Counts @bytes from @start on as looked at: gives up where too many were before. */
void cronos_zip_search_charge(CronosZipSearch *search, guint64 start, guint64 bytes);
