/* SPDX-License-Identifier: MIT
 * target.h - the archive and entry that a node id stands for, held for one request */
#pragma once
#include "fs/mount.h"

typedef struct {
    CronosSlot *slot;       /* owned */
    CronosArchive *archive; /* owned */
    guint32 entry;
} CronosTarget;

/* Opens the archive of @node where need be. @for_data: member data is to be read.
 * Returns: 0, or an errno, logged where it deserves it; ESTALE for a node that is no more, or that
 * never was inside an archive. */
int cronos_target_open(const CronosMount *mount, guint64 node, gboolean for_data,
                       CronosTarget *out_target);
void cronos_target_clear(CronosTarget *target);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CronosTarget, cronos_target_clear)

/* Logs a failure to read the archive of @slot, or has the directory looked at, where that has gone
 * on. Returns: its errno. */
int cronos_target_report_archive(const CronosMount *mount, const CronosSlot *slot,
                                 const GError *error);
/* The same of a member of @target. */
int cronos_target_report(const CronosMount *mount, const CronosTarget *target, const GError *error);
