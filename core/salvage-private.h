/* SPDX-License-Identifier: MIT
 * salvage-private.h - what the parts of salvage share */
#pragma once
#include "core/progress-tally.h"
#include "core/salvage.h"
#include "core/zip/zip-remains.h"
#include "core/zip/zip-tree.h"

/* Which members are to be salvaged, and under which names. */
typedef struct {
    const CronosZipRemains *remains; /* borrowed */
    CronosZipTree tree;              /* a node's header is a member's number */
    guint32 *nodes;                  /* of each member; CRONOS_ENTRY_NONE: none */
} CronosSalvagePlan;

/* Returns: FALSE with @error UNSUPPORTED. On TRUE, free with cronos_salvage_plan_clear. */
gboolean cronos_salvage_plan_make(const CronosZipRemains *remains, CronosSalvagePlan *out_plan,
                                  GError **error);
void cronos_salvage_plan_clear(CronosSalvagePlan *plan);
/* Returns: (owned) the path of the member at @node in the new archive, NUL-terminated. */
GString *cronos_salvage_plan_path(const CronosSalvagePlan *plan, guint32 node);
/* Returns: (owned) the member's name as the archive has it, NUL-terminated; "" where it can no
 * longer be read. */
GString *cronos_salvage_name(const CronosZipRemains *remains, guint32 number);

CronosSalvageResult *cronos_salvage_result_new(void);
/* Copies all members of @plan from the archive open on @fd to the empty file open on @out_fd, and
 * adds to @result what it did and could not do. Returns: FALSE with @error: CANCELLED, or a system
 * error of the new file. */
gboolean cronos_salvage_copy(int fd, int out_fd, const CronosSalvagePlan *plan, CronosTally *tally,
                             CronosSalvageResult *result, GError **error);
/* All of it but for names and places: from the file open on @fd to the empty one open on @out_fd,
 * which is a valid archive then. Returns: FALSE with @error as above, or UNSUPPORTED. */
gboolean cronos_salvage_file(int fd, int out_fd, CronosTally *tally, CronosSalvageResult *result,
                             GError **error);
