/* SPDX-License-Identifier: MIT
 * differences-private.h - a list of differences while it is made */
#pragma once
#include "core/differences.h"

CronosDifferences *cronos_differences_new(void);
/* @path: taken over. @before, @after: copied; NULL: nothing is there, or nothing is known of it.
 * Returns: (borrowed) until the next one is added. */
CronosDifference *cronos_differences_add(CronosDifferences *differences, CronosDifferenceKind kind,
                                         char *path, const CronosMemberInfo *before,
                                         const CronosMemberInfo *after);
