/* SPDX-License-Identifier: MIT
 * verify-private.h - checking an archive that is open already */
#pragma once
#include "core/archive.h"
#include "core/progress-tally.h"
#include "core/verify.h"

typedef struct {
    guint32 entry;    /* CRONOS_ENTRY_NONE: of .path */
    guint64 position; /* findings are sorted by it */
    gboolean unsupported;
    gboolean index_only; /* its SOZip index is wrong; the member itself is whole */
    char *path; /* owned: the name of a member that has no entry, or what else is wrong; or NULL */
    char *reason; /* owned */
} CronosFinding;

/* What a check of @archive will come to: for cronos_tally_expect. Members that the archive merely
 * implies are not counted. */
void cronos_verify_totals(CronosArchive *archive, guint64 *out_members, guint64 *out_bytes);
typedef struct {
    guint64 members, bytes;
} CronosVerifyCounts;

/* Checks every member: structure, overlaps, then, where those are sound, the bytes. @threads: 0:
 * one per processor. Returns: (owned) array of CronosFinding in the archive's order, or NULL with
 * @error (CANCELLED). */
GArray *cronos_verify_members(CronosArchive *archive, guint threads, CronosTally *tally,
                              GError **error);
/* The same, with the bytes of a sample where @options says so. @out_checked: nullable. */
GArray *cronos_verify_chosen(CronosArchive *archive, const CronosVerifyOptions *options,
                             CronosTally *tally, CronosVerifyCounts *out_checked, GError **error);

/* Adds to @findings what is wrong with members that have no entry, and with what the archive tells
 * of itself. @listed: members that have one. Returns: whether it tells that it is a backup as it
 * was made, so that each large member that is deflated has a seek index. */
gboolean cronos_verify_whole(CronosArchive *archive, guint64 listed, GArray *findings);

/* Returns: (owned) the path that @finding is about. */
char *cronos_finding_path(CronosArchive *archive, const CronosFinding *finding);
/* Returns: (owned) one with empty lists. */
CronosVerifyResult *cronos_verify_result_new(void);
/* Opens the archive @file_name in @directory. Returns: (owned), or NULL with @error. */
CronosArchive *cronos_verify_open(const char *directory, const char *file_name, GError **error);
/* Returns: (owned) "PATH: reason". */
char *cronos_finding_report(CronosArchive *archive, const CronosFinding *finding);
/* One warning a finding. */
void cronos_findings_log(CronosArchive *archive, const GArray *findings, const char *backup_name);
