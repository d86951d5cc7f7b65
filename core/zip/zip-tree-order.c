/* SPDX-License-Identifier: MIT
 * zip-tree-order.c - sorting the nodes of an archive into their final, breadth-first order
 *
 * Nodes are grouped by parent (counting sort), each group is sorted by name unless it is sorted
 * already, equal names are reduced to one, and the groups are written from the top. */
#include "core/zip/zip-tree-private.h"

#define DROPPED G_MAXUINT32

typedef struct {
    guint64 prefix; /* eight bytes of the name after what all of the group share, big-endian */
    guint32 id;
    guint32 skip; /* bytes shared by the group */
} SortKey;

/* The children of @id are the slots from the end of the group before to this one's end: until the
 * final table is written, first_child holds that end. */
static guint32 group_start(const CronosZipBuild *build, guint32 id)
{
    return id == 0 ? 0 : build->nodes[id - 1].first_child;
}

static guint32 *group_by_parent(CronosZipBuild *build)
{
    guint32 *order = g_new(guint32, build->count);
    guint32 sum = 0;

    for (guint32 id = 1; id < build->count; id++)
        build->nodes[build->nodes[id].parent].first_child++;
    for (guint32 id = 0; id < build->count; id++) {
        guint32 children = build->nodes[id].first_child;

        build->nodes[id].first_child = sum;
        sum += children;
    }
    for (guint32 id = 1; id < build->count; id++)
        order[build->nodes[build->nodes[id].parent].first_child++] = id;
    return order;
}

static int compare_bytes(const char *a, gsize a_length, const char *b, gsize b_length)
{
    int order = memcmp(a, b, MIN(a_length, b_length));

    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_nodes(const CronosZipBuild *build, guint32 a, guint32 b)
{
    const CronosZipNode *left = &build->nodes[a], *right = &build->nodes[b];

    return compare_bytes(cronos_zip_build_name(build, left), left->name_length,
                         cronos_zip_build_name(build, right), right->name_length);
}

static int compare_keys(gconstpointer a, gconstpointer b, gpointer user_data)
{
    const SortKey *left = a, *right = b;

    if (left->prefix != right->prefix)
        return left->prefix < right->prefix ? -1 : 1;
    int order = compare_nodes(user_data, left->id, right->id);
    return order != 0 ? order : (left->id > right->id) - (left->id < right->id);
}

static gboolean is_sorted(const CronosZipBuild *build, const guint32 *group, guint32 count)
{
    for (guint32 i = 1; i < count; i++) {
        cronos_zip_mapping_touch(build->mapping, build->nodes[group[i]].name);
        if (compare_nodes(build, group[i - 1], group[i]) >= 0)
            return FALSE;
    }
    return TRUE;
}

static gsize shared_prefix(const CronosZipBuild *build, const guint32 *group, guint32 count)
{
    const CronosZipNode *first = &build->nodes[group[0]];
    const char *name = cronos_zip_build_name(build, first);
    gsize shared = first->name_length;

    for (guint32 i = 1; i < count && shared > 0; i++) {
        const CronosZipNode *node = &build->nodes[group[i]];
        const char *other = cronos_zip_build_name(build, node);
        gsize n = 0;

        cronos_zip_mapping_touch(build->mapping, node->name);
        shared = MIN(shared, node->name_length);
        while (n < shared && name[n] == other[n])
            n++;
        shared = n;
    }
    return shared;
}

static guint64 key_prefix(const CronosZipBuild *build, const CronosZipNode *node, gsize skip)
{
    const char *name = cronos_zip_build_name(build, node);
    guint8 bytes[8] = {0};
    guint64 value;

    memcpy(bytes, name + skip, MIN(sizeof bytes, node->name_length - skip));
    memcpy(&value, bytes, sizeof value);
    return GUINT64_FROM_BE(value);
}

static void sort_group(CronosZipBuild *build, guint32 *group, guint32 count)
{
    g_autofree SortKey *keys = g_new(SortKey, count);
    gsize skip = shared_prefix(build, group, count);

    for (guint32 i = 0; i < count; i++) {
        const CronosZipNode *node = &build->nodes[group[i]];

        cronos_zip_mapping_touch(build->mapping, node->name);
        keys[i].id = group[i];
        keys[i].prefix = key_prefix(build, node, skip);
    }
    g_qsort_with_data(keys, (gint)count, sizeof *keys, compare_keys, build);
    for (guint32 i = 0; i < count; i++)
        group[i] = keys[i].id;
}

/* Equal names are neighbours now, in the directory's order. A folder is never dropped, since its
 * members are below it; there is at most one. Returns: how many were dropped. */
static guint32 drop_duplicates(CronosZipBuild *build, guint32 *group, guint32 count)
{
    guint32 dropped = 0;

    for (guint32 i = 1, kept = 0; i < count; i++) {
        const CronosZipNode *earlier = &build->nodes[group[kept]];
        gboolean folder = (earlier->flags & CRONOS_ZIP_NODE_DIRECTORY) != 0;

        if (compare_nodes(build, group[kept], group[i]) != 0) {
            kept = i;
            continue;
        }
        guint32 loser = folder ? i : kept;
        gboolean conflict =
            folder || (build->nodes[group[i]].flags & CRONOS_ZIP_NODE_DIRECTORY) != 0;
        cronos_zip_build_note(build, build->nodes[group[loser]].header,
                              conflict ? "left out: a folder has the same name"
                                       : "left out: a later member has the same name");
        kept = folder ? kept : i;
        group[loser] = DROPPED;
        dropped++;
    }
    return dropped;
}

static guint32 sort_groups(CronosZipBuild *build, guint32 *order)
{
    guint32 dropped = 0;

    for (guint32 id = 0; id < build->count; id++) {
        guint32 begin = group_start(build, id);
        guint32 count = build->nodes[id].first_child - begin;

        if (count < 2 || is_sorted(build, order + begin, count))
            continue;
        sort_group(build, order + begin, count);
        dropped += drop_duplicates(build, order + begin, count);
    }
    return dropped;
}

static void write_table(const CronosZipBuild *build, const guint32 *order, CronosZipTree *tree)
{
    CronosZipNode *final = tree->nodes;
    guint32 next = 1;

    final[0] = build->nodes[0];
    final[0].first_child = 0;
    for (guint32 i = 0; i < next; i++) {
        /* Until its turn comes, a node keeps the number it had here. */
        guint32 id = final[i].first_child;

        final[i].first_child = next;
        for (guint32 at = group_start(build, id); at < build->nodes[id].first_child; at++) {
            if (order[at] == DROPPED)
                continue;
            final[next] = build->nodes[order[at]];
            final[next].parent = i;
            final[next++].first_child = order[at];
        }
    }
    memset(&final[next], 0, sizeof *final);
    final[next].first_child = next;
}

void cronos_zip_build_order(CronosZipBuild *build, CronosZipTree *out_tree)
{
    g_autofree guint32 *order = group_by_parent(build);
    guint32 dropped = sort_groups(build, order);

    cronos_zip_mapping_trim(build->mapping);
    out_tree->count = build->count - dropped;
    out_tree->nodes = g_new(CronosZipNode, (gsize)out_tree->count + 1);
    write_table(build, order, out_tree);
}
