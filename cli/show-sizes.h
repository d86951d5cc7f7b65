/* SPDX-License-Identifier: MIT
 * show-sizes.h - what makes a backup large, for cronos show --largest */
#pragma once
#include "core/member-sizes.h"

#include <json-glib/json-glib.h>

/* Prints the largest members, and as many kinds of members with the rest of them in one sum, as
 * tables on stdout. @count: as was asked for. */
void cronos_show_sizes_print(const CronosArchive *archive, const CronosMemberSizes *sizes,
                             guint count);
/* Sets "largest" and "kinds" of @root. @sizes: NULL: both are null. */
void cronos_show_sizes_set(JsonObject *root, const CronosArchive *archive,
                           const CronosMemberSizes *sizes);
