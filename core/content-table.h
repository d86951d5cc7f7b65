/* SPDX-License-Identifier: MIT
 * content-table.h - what content is in one backup alone (shared inside core)
 *
 * A hash table by open addressing: 24 bytes a slot, at most three quarters of them taken. Threads:
 * one at a time. */
#pragma once
#include <glib.h>

/* One member's content: what tells it from others, and the bytes that it is stored in. */
typedef struct {
    guint64 key;
    guint64 stored_bytes;
} CronosContent;

typedef struct CronosContentTable CronosContentTable;

/* @backups: how many there are to be; they are numbered from 0. */
CronosContentTable *cronos_content_table_new(guint32 backups);
void cronos_content_table_free(CronosContentTable *table); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosContentTable, cronos_content_table_free)

/* Adds all that backup number @backup holds; @contents: of CronosContent. Once a backup. */
void cronos_content_table_merge(CronosContentTable *table, guint32 backup, const GArray *contents);
/* Returns: the stored bytes of what, of all that was merged, backup number @backup alone holds. */
guint64 cronos_content_table_own_bytes(const CronosContentTable *table, guint32 backup);
