/* SPDX-License-Identifier: MIT
 * zip-folders.c - folders by parent and name, while a table is built
 *
 * The hash is a polynomial over the name in a prime field, evaluated at a secret point, and
 * the slot a secret multiple of it: two names collide with a probability that does not depend on
 * how they were chosen. */
#include "core/zip/zip-tree-private.h"

#define PRIME 0x7fffffffu /* 2^31 - 1 */

void cronos_zip_folders_init(CronosZipFolders *folders)
{
    folders->bits = 6;
    folders->slots = g_new0(CronosZipFolderSlot, (gsize)1 << folders->bits);
    folders->used = 0;
    folders->chunk_key = (guint32)g_random_int_range(1 << 24, (gint32)(PRIME - 1));
    folders->slot_key = ((guint64)g_random_int() << 32 | g_random_int()) | 1;
}

void cronos_zip_folders_clear(CronosZipFolders *folders)
{
    g_clear_pointer(&folders->slots, g_free);
}

static guint32 step(guint32 hash, guint32 key, guint32 chunk)
{
    return (guint32)(((guint64)hash * key + chunk) % PRIME);
}

static guint32 hash_name(const CronosZipFolders *folders, guint32 parent, const char *name,
                         gsize length)
{
    guint32 key = folders->chunk_key;
    guint32 hash = step((guint32)length + 1, key, parent & 0xffffu);
    gsize i = 0;

    hash = step(hash, key, parent >> 16);
    for (; length - i >= 3; i += 3)
        hash = step(hash, key,
                    (guint32)(guint8)name[i] | (guint32)(guint8)name[i + 1] << 8 |
                        (guint32)(guint8)name[i + 2] << 16);
    for (; i < length; i++)
        hash = step(hash, key, (guint8)name[i]);
    return step(hash, key, 1);
}

static gsize first_slot(const CronosZipFolders *folders, guint32 hash)
{
    return (gsize)((hash * folders->slot_key) >> (64 - folders->bits));
}

static void grow(CronosZipFolders *folders)
{
    CronosZipFolderSlot *old = folders->slots;
    gsize old_size = (gsize)1 << folders->bits;
    gsize mask = old_size * 2 - 1;

    folders->bits++;
    folders->slots = g_new0(CronosZipFolderSlot, mask + 1);
    for (gsize i = 0; i < old_size; i++) {
        if (old[i].id == 0)
            continue;
        gsize at = first_slot(folders, old[i].hash);
        while (folders->slots[at].id != 0)
            at = (at + 1) & mask;
        folders->slots[at] = old[i];
    }
    g_free(old);
}

static gboolean is_folder(const CronosZipBuild *build, guint32 id, guint32 parent,
                          const CronosZipSlice *name)
{
    const CronosZipNode *node = &build->nodes[id];

    return node->parent == parent && node->name_length == name->length &&
           memcmp(cronos_zip_build_name(build, node), name->bytes, name->length) == 0;
}

guint32 cronos_zip_folders_intern(CronosZipBuild *build, guint32 parent, const CronosZipSlice *name)
{
    CronosZipFolders *folders = &build->folders;
    guint32 hash = hash_name(folders, parent, name->bytes, name->length);
    gsize mask = ((gsize)1 << folders->bits) - 1;
    gsize at = first_slot(folders, hash);

    for (; folders->slots[at].id != 0; at = (at + 1) & mask) {
        if (folders->slots[at].hash == hash &&
            is_folder(build, folders->slots[at].id, parent, name))
            return folders->slots[at].id;
    }
    if (build->implied >= build->implied_max)
        return CRONOS_ENTRY_NONE;
    build->implied++;
    guint32 id = cronos_zip_build_append(build, parent, name, CRONOS_ZIP_NO_HEADER,
                                         CRONOS_ZIP_NODE_DIRECTORY);
    folders->slots[at].hash = hash;
    folders->slots[at].id = id;
    if (++folders->used > mask / 2)
        grow(folders);
    return id;
}
