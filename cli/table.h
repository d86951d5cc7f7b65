/* SPDX-License-Identifier: MIT
 * table.h - rows of text in aligned columns, on stdout
 *
 * Two blanks stand between columns, none at a line's end. Headings appear on a terminal only, so
 * that what a script reads is rows alone. */
#pragma once
#include "cli/terminal.h"

typedef struct CronosTable CronosTable;

/* @headings: NULL-terminated, static; a heading with a leading '>' aligns its column right. */
CronosTable *cronos_table_new(const char *const *headings);
void cronos_table_free(CronosTable *table); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosTable, cronos_table_free)
/* @cells: one a column, valid UTF-8, copied; NULL is empty. */
void cronos_table_add(CronosTable *table, CronosStyle style, const char *const *cells);
void cronos_table_print(const CronosTable *table);
