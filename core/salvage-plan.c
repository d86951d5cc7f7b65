/* SPDX-License-Identifier: MIT
 * salvage-plan.c - names for the members that are left, by the rules of core/zip/zip-index.h */
#include "core/error.h"
#include "core/salvage-private.h"
#include "core/zip/zip-name.h"
#include "core/zip/zip-tree-private.h"

#define ARENA_MAX (1u << 30)

typedef struct {
    CronosZipBuild build; /* first: notes come back by it */
    const CronosZipRemains *remains;
    GByteArray *decoded; /* scratch for names that had to be changed */
} Builder;

GString *cronos_salvage_name(const CronosZipRemains *remains, guint32 number)
{
    g_autofree guint8 *bytes = NULL;
    CronosZipHeader header;

    if (!cronos_zip_remains_header(remains, number, FALSE, &header, &bytes, NULL))
        return g_string_new(NULL);
    return g_string_new_len((const char *)header.name, (gssize)header.name_length);
}

static void note(CronosZipBuild *build, guint32 header, const char *what)
{
    const Builder *builder = (const Builder *)build;

    if (build->repairs++ >= CRONOS_ZIP_REPAIR_NOTES)
        return;
    GString *name = cronos_salvage_name(builder->remains, header);
    gboolean cut = name->len > CRONOS_ZIP_COMPONENT_MAX;
    g_autofree char *quoted =
        cronos_quote_bytes(name->str, cut ? CRONOS_ZIP_COMPONENT_MAX : name->len);
    g_ptr_array_add(build->notes, g_strdup_printf("%s%s: %s", quoted, cut ? "..." : "", what));
    g_string_free(name, TRUE);
}

static void add_member(Builder *builder, guint32 number)
{
    CronosZipBuild *build = &builder->build;
    g_autofree guint8 *bytes = NULL;
    CronosZipHeader header;
    CronosZipName name;

    if (cronos_zip_remains_get(builder->remains, number)->reason != NULL ||
        !cronos_zip_remains_header(builder->remains, number, FALSE, &header, &bytes, NULL))
        return;
    g_byte_array_set_size(builder->decoded, 0);
    cronos_zip_name_decode(&header, bytes, builder->decoded, &name);
    const char *path =
        name.bytes != NULL ? name.bytes : (const char *)builder->decoded->data + name.offset;
    build->implied_max =
        (guint32)MIN((guint64)build->implied_max + name.length / 8, CRONOS_ZIP_REMAINS_MAX);
    cronos_zip_build_add_copy(build, path, name.length, cronos_zip_header_says_directory(&header),
                              name.repaired, number);
}

typedef struct {
    guint64 central;
    guint32 number;
} Place;

static int compare_places(gconstpointer a, gconstpointer b)
{
    const Place *left = a, *right = b;

    if (left->central != right->central)
        return left->central < right->central ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

/* The last of equal names counts: the last in the central directory, where there is one; those that
 * are not in it are older. */
static GArray *order_members(const CronosZipRemains *remains)
{
    guint32 count = cronos_zip_remains_count(remains);
    GArray *places = g_array_sized_new(FALSE, FALSE, sizeof(Place), count);

    for (guint32 i = 0; i < count; i++) {
        guint64 central = cronos_zip_remains_get(remains, i)->central;
        Place place = {central == CRONOS_ZIP_NOWHERE ? 0 : central, i};

        g_array_append_val(places, place);
    }
    if (cronos_zip_remains_has_directory(remains))
        g_array_sort(places, compare_places);
    return places;
}

static gboolean add_members(Builder *builder, GError **error)
{
    g_autoptr(GArray) places = order_members(builder->remains);

    for (guint i = 0; i < places->len; i++) {
        add_member(builder, g_array_index(places, Place, i).number);
        if (builder->build.arena->len > ARENA_MAX) {
            g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                                "the names in the archive take more than 1 GiB");
            return FALSE;
        }
    }
    return TRUE;
}

static void number_nodes(CronosSalvagePlan *plan)
{
    guint32 count = cronos_zip_remains_count(plan->remains);

    plan->nodes = g_new(guint32, MAX(count, 1));
    for (guint32 i = 0; i < count; i++)
        plan->nodes[i] = CRONOS_ENTRY_NONE;
    for (guint32 node = CRONOS_ENTRY_ROOT + 1; node < plan->tree.count; node++)
        if (plan->tree.nodes[node].header != CRONOS_ZIP_NO_HEADER)
            plan->nodes[plan->tree.nodes[node].header] = node;
}

gboolean cronos_salvage_plan_make(const CronosZipRemains *remains, CronosSalvagePlan *out_plan,
                                  GError **error)
{
    Builder builder = {.build.note = note, .remains = remains};
    g_autoptr(CronosZipMapping) nothing = cronos_zip_mapping_new(-1, 0, 0, error);

    *out_plan = (CronosSalvagePlan){.remains = remains};
    if (nothing == NULL)
        return FALSE;
    builder.decoded = g_byte_array_new();
    cronos_zip_build_start(&builder.build, nothing, 0, 0);
    gboolean ok = add_members(&builder, error);
    cronos_zip_build_finish(&builder.build, ok, &out_plan->tree);
    g_byte_array_unref(builder.decoded);
    if (ok)
        number_nodes(out_plan);
    return ok;
}

void cronos_salvage_plan_clear(CronosSalvagePlan *plan)
{
    cronos_zip_tree_clear(&plan->tree);
    g_clear_pointer(&plan->nodes, g_free);
}

GString *cronos_salvage_plan_path(const CronosSalvagePlan *plan, guint32 node)
{
    GString *path = g_string_new(NULL);

    for (; node != CRONOS_ENTRY_ROOT; node = plan->tree.nodes[node].parent) {
        const CronosZipNode *here = &plan->tree.nodes[node];

        g_string_prepend(path, path->len > 0 ? "/" : "");
        g_string_prepend_len(path, cronos_zip_node_name(&plan->tree, (const guint8 *)"", here),
                             here->name_length);
    }
    return path;
}
