/* SPDX-License-Identifier: MIT
 * content-table.c - slots of content, and the sums of their owners
 *
 * Invariant: own_bytes[b] is the sum of the stored bytes in the slots whose owner is b. */
#include "core/content-table.h"

#define SLOTS_MIN 4096u
#define NOBODY G_MAXUINT32        /* the slot is free */
#define SEVERAL (G_MAXUINT32 - 1) /* more than one backup holds it */

typedef struct {
    guint64 key;
    guint64 stored_bytes;
    guint32 owner;
} Slot;

struct CronosContentTable {
    Slot *slots;
    gsize mask; /* their number, a power of two, less one */
    gsize taken;
    guint64 *own_bytes;
};

static Slot *slots_new(gsize count)
{
    Slot *slots = g_new(Slot, count);

    for (gsize i = 0; i < count; i++)
        slots[i].owner = NOBODY;
    return slots;
}

CronosContentTable *cronos_content_table_new(guint32 backups)
{
    CronosContentTable *table = g_new0(CronosContentTable, 1);

    table->slots = slots_new(SLOTS_MIN);
    table->mask = SLOTS_MIN - 1;
    table->own_bytes = g_new0(guint64, backups);
    return table;
}

void cronos_content_table_free(CronosContentTable *table)
{
    if (table == NULL)
        return;
    g_free(table->slots);
    g_free(table->own_bytes);
    g_free(table);
}

/* Returns: the slot of @key, or the free one where it belongs. */
static Slot *find_slot(Slot *slots, gsize mask, guint64 key)
{
    gsize at = (gsize)key & mask;

    while (slots[at].owner != NOBODY && slots[at].key != key)
        at = (at + 1) & mask;
    return &slots[at];
}

static void grow(CronosContentTable *table)
{
    gsize count = (table->mask + 1) * 2;
    Slot *slots = slots_new(count);

    for (gsize i = 0; i <= table->mask; i++)
        if (table->slots[i].owner != NOBODY)
            *find_slot(slots, count - 1, table->slots[i].key) = table->slots[i];
    g_free(table->slots);
    table->slots = slots;
    table->mask = count - 1;
}

static void add(CronosContentTable *table, guint32 backup, const CronosContent *content)
{
    Slot *slot = find_slot(table->slots, table->mask, content->key);

    if (slot->owner == NOBODY) {
        *slot = (Slot){content->key, content->stored_bytes, backup};
        table->own_bytes[backup] += content->stored_bytes;
        table->taken++;
    } else if (slot->owner != SEVERAL && slot->owner != backup) {
        table->own_bytes[slot->owner] -= slot->stored_bytes;
        slot->owner = SEVERAL;
    }
}

void cronos_content_table_merge(CronosContentTable *table, guint32 backup, const GArray *contents)
{
    for (guint i = 0; i < contents->len; i++) {
        if (table->taken >= table->mask / 4 * 3)
            grow(table);
        add(table, backup, &g_array_index(contents, CronosContent, i));
    }
}

guint64 cronos_content_table_own_bytes(const CronosContentTable *table, guint32 backup)
{
    return table->own_bytes[backup];
}
