/* SPDX-License-Identifier: MIT
 * show-sizes.c - what makes a backup large */
#include "cli/show-sizes.h"

#include "cli/json-output.h"
#include "cli/table.h"
#include "core/error.h"

static void print_heading(const char *text)
{
    printf("%s%s%s\n", cronos_style_begin(stdout, CRONOS_STYLE_HEADING), text,
           cronos_style_end(stdout, CRONOS_STYLE_HEADING));
}

static void print_largest(const CronosArchive *archive, const GArray *largest)
{
    static const char *const headings[] = {">STORED", ">SIZE", "PATH", NULL};
    g_autoptr(CronosTable) table = cronos_table_new(headings);

    for (guint i = 0; i < largest->len; i++) {
        const CronosSizedMember *member = &g_array_index(largest, CronosSizedMember, i);
        g_autofree char *stored = cronos_format_size(member->stored_bytes);
        g_autofree char *size = cronos_format_size(member->size_bytes);
        g_autofree char *path = cronos_archive_path(archive, member->entry);
        g_autofree char *quoted = cronos_quote_path(path);

        cronos_table_add(table, CRONOS_STYLE_PLAIN, (const char *const[]){stored, size, quoted});
    }
    print_heading("largest");
    cronos_table_print(table);
}

static const char *kind_label(const CronosKindSizes *kind)
{
    if (kind->kind == CRONOS_MEMBER_DIRECTORY)
        return "folders";
    if (kind->kind == CRONOS_MEMBER_SYMLINK)
        return "links";
    return *kind->extension != '\0' ? kind->extension : "no extension";
}

static void add_kind(CronosTable *table, const char *label, const CronosKindSizes *kind)
{
    g_autofree char *stored = cronos_format_size(kind->stored_bytes);
    g_autofree char *size = cronos_format_size(kind->size_bytes);
    g_autofree char *members = g_strdup_printf("%" G_GUINT64_FORMAT, kind->members);

    cronos_table_add(table, CRONOS_STYLE_PLAIN,
                     (const char *const[]){stored, size, members, label});
}

static void print_kinds(const GPtrArray *kinds, guint count)
{
    static const char *const headings[] = {">STORED", ">SIZE", ">MEMBERS", "KIND", NULL};
    g_autoptr(CronosTable) table = cronos_table_new(headings);
    CronosKindSizes rest = {0};

    for (guint i = 0; i < kinds->len; i++) {
        const CronosKindSizes *kind = g_ptr_array_index(kinds, i);

        if (i < count) {
            add_kind(table, kind_label(kind), kind);
            continue;
        }
        rest.members += kind->members;
        rest.size_bytes += kind->size_bytes;
        rest.stored_bytes += kind->stored_bytes;
    }
    if (rest.members > 0)
        add_kind(table, "all others", &rest);
    print_heading("kinds");
    cronos_table_print(table);
}

void cronos_show_sizes_print(const CronosArchive *archive, const CronosMemberSizes *sizes,
                             guint count)
{
    print_largest(archive, sizes->largest);
    print_kinds(sizes->kinds, count);
}

static JsonArray *largest_to_json(const CronosArchive *archive, const GArray *largest)
{
    JsonArray *array = json_array_sized_new(largest->len);

    for (guint i = 0; i < largest->len; i++) {
        const CronosSizedMember *member = &g_array_index(largest, CronosSizedMember, i);
        g_autofree char *path = cronos_archive_path(archive, member->entry);
        JsonObject *object = json_object_new();

        cronos_json_set_text(object, "path", path);
        cronos_json_set_count(object, "bytes", member->size_bytes);
        cronos_json_set_count(object, "stored_bytes", member->stored_bytes);
        json_array_add_object_element(array, object);
    }
    return array;
}

static JsonArray *kinds_to_json(const GPtrArray *kinds)
{
    static const char *const words[] = {
        [CRONOS_MEMBER_FILE] = "file",
        [CRONOS_MEMBER_DIRECTORY] = "directory",
        [CRONOS_MEMBER_SYMLINK] = "symlink",
    };
    JsonArray *array = json_array_sized_new(kinds->len);

    for (guint i = 0; i < kinds->len; i++) {
        const CronosKindSizes *kind = g_ptr_array_index(kinds, i);
        JsonObject *object = json_object_new();

        cronos_json_set_text(object, "kind", words[kind->kind]);
        cronos_json_set_text(object, "extension", kind->extension);
        cronos_json_set_count(object, "members", kind->members);
        cronos_json_set_count(object, "bytes", kind->size_bytes);
        cronos_json_set_count(object, "stored_bytes", kind->stored_bytes);
        json_array_add_object_element(array, object);
    }
    return array;
}

void cronos_show_sizes_set(JsonObject *root, const CronosArchive *archive,
                           const CronosMemberSizes *sizes)
{
    if (sizes == NULL) {
        json_object_set_null_member(root, "largest");
        json_object_set_null_member(root, "kinds");
        return;
    }
    json_object_set_array_member(root, "largest", largest_to_json(archive, sizes->largest));
    json_object_set_array_member(root, "kinds", kinds_to_json(sizes->kinds));
}
