/* SPDX-License-Identifier: MIT
 * zip-tree.c - from the headers of a central directory to nodes
 *
 * One pass in the directory's order. A member's folder is looked up component by component only
 * when it is not that of the member before. */
#include "core/zip/zip-tree-private.h"

#include "core/error.h"
#include "core/zip/zip-name.h"

#define DIGITAL_SIGNATURE 0x05054b50u /* 4.3.13, may end the directory */
#define TRIM_BYTES (4u << 20)
#define NOTE_NAME_BYTES 1024u
/* The arena begins with these two bytes; they stand for names that can not be used. */
#define UNUSABLE "__"

const char *cronos_zip_build_name(const CronosZipBuild *build, const CronosZipNode *node)
{
    const guint8 *base =
        node->flags & CRONOS_ZIP_NODE_ARENA ? build->arena->data : build->directory;

    return (const char *)base + node->name;
}

void cronos_zip_build_note(CronosZipBuild *build, guint32 header, const char *what)
{
    CronosZipHeader raw;

    if (build->note != NULL) {
        build->note(build, header, what);
        return;
    }
    if (build->repairs++ >= CRONOS_ZIP_REPAIR_NOTES ||
        !cronos_zip_header_read(build->directory, build->bytes, header, &raw))
        return;
    gboolean cut = raw.name_length > NOTE_NAME_BYTES;
    g_autofree char *quoted =
        cronos_quote_bytes((const char *)raw.name, cut ? NOTE_NAME_BYTES : raw.name_length);
    g_ptr_array_add(build->notes, g_strdup_printf("%s%s: %s", quoted, cut ? "..." : "", what));
}

guint32 cronos_zip_build_append(CronosZipBuild *build, guint32 parent, const CronosZipSlice *name,
                                guint32 header, guint16 flags)
{
    if (build->count == build->room) {
        build->room += build->room / 2 + 1024;
        build->nodes = g_renew(CronosZipNode, build->nodes, build->room);
    }
    CronosZipNode *node = &build->nodes[build->count];
    node->header = header;
    node->name = name->offset;
    node->parent = parent;
    node->first_child = 0;
    node->name_length = (guint16)name->length;
    node->flags = name->flags | flags;
    return build->count++;
}

static gboolean is_dot(const CronosZipSlice *s)
{
    return s->length == 1 && s->bytes[0] == '.';
}

static gboolean is_dot_dot(const CronosZipSlice *s)
{
    return s->length == 2 && s->bytes[0] == '.' && s->bytes[1] == '.';
}

static void make_unusable(const CronosZipBuild *build, CronosZipSlice *s)
{
    s->bytes = (const char *)build->arena->data;
    s->offset = 0;
    s->flags = CRONOS_ZIP_NODE_ARENA;
}

/* Cuts the first component and its slash off @path. */
static CronosZipSlice cut_component(CronosZipSlice *path)
{
    CronosZipSlice component = *path;
    const char *slash = memchr(path->bytes, '/', path->length);
    gsize used;

    if (slash != NULL)
        component.length = (gsize)(slash - path->bytes);
    used = MIN(component.length + 1, path->length);
    path->bytes += used;
    path->offset += (guint32)used;
    path->length -= used;
    return component;
}

/* Returns: what is wrong with @path beyond repair, or NULL. */
static const char *refusal(CronosZipSlice path)
{
    guint depth = 0;

    while (path.length > 0) {
        CronosZipSlice component = cut_component(&path);

        if (component.length > CRONOS_ZIP_COMPONENT_MAX)
            return "left out: a name in it is too long";
        if (component.length > 0 && ++depth > CRONOS_ZIP_DEPTH_MAX)
            return "left out: nested too deeply";
    }
    return NULL;
}

/* Walks down @path, which holds folders only, making those that are not there yet.
 * Returns: the folder, or CRONOS_ENTRY_NONE with @out_why. */
static guint32 walk(CronosZipBuild *build, CronosZipSlice path, gboolean *out_repaired,
                    const char **out_why)
{
    guint32 folder = CRONOS_ENTRY_ROOT;
    gboolean first = TRUE;

    *out_why = refusal(path);
    if (*out_why != NULL)
        return CRONOS_ENTRY_NONE;
    for (; path.length > 0; first = FALSE) {
        CronosZipSlice component = cut_component(&path);

        /* "./a" is how some tools write "a": nothing to report. */
        if (component.length == 0 || is_dot(&component)) {
            *out_repaired |= component.length == 0 || !first;
            continue;
        }
        if (is_dot_dot(&component)) {
            *out_repaired = TRUE;
            make_unusable(build, &component);
        }
        folder = cronos_zip_folders_intern(build, folder, &component);
        if (folder == CRONOS_ENTRY_NONE) {
            *out_why = "left out: too many folders for the archive's size";
            return folder;
        }
    }
    return folder;
}

static guint32 find_folder(CronosZipBuild *build, const CronosZipSlice *path,
                           gboolean *out_repaired, const char **out_why)
{
    gboolean in_map = (path->flags & CRONOS_ZIP_NODE_ARENA) == 0;

    if (path->length == 0)
        return CRONOS_ENTRY_ROOT;
    if (in_map && build->last_path != NULL && build->last_length == path->length &&
        memcmp(build->last_path, path->bytes, path->length) == 0) {
        *out_repaired |= build->last_repaired;
        return build->last_folder;
    }
    gboolean repaired = FALSE;
    guint32 folder = walk(build, *path, &repaired, out_why);
    if (in_map && folder != CRONOS_ENTRY_NONE) {
        build->last_path = path->bytes;
        build->last_length = path->length;
        build->last_folder = folder;
        build->last_repaired = repaired;
    }
    *out_repaired |= repaired;
    return folder;
}

static void claim_folder(CronosZipBuild *build, guint32 folder, guint32 header)
{
    CronosZipNode *node = &build->nodes[folder];

    if (node->header != CRONOS_ZIP_NO_HEADER)
        cronos_zip_build_note(build, header,
                              "the folder is listed more than once; the last counts");
    else if (folder != CRONOS_ENTRY_ROOT)
        build->implied--;
    node->header = header;
}

/* @leaf: the last component of a member's path. */
static void add_leaf(CronosZipBuild *build, guint32 folder, CronosZipSlice leaf, gboolean directory,
                     guint32 header, gboolean repaired)
{
    const char *why = NULL;

    if (directory) {
        /* Goes the way of every other folder in a path, so that "." and ".." are seen to. */
        if (leaf.length > 0 && !is_dot(&leaf)) {
            if (is_dot_dot(&leaf)) {
                make_unusable(build, &leaf);
                repaired = TRUE;
            }
            folder = cronos_zip_folders_intern(build, folder, &leaf);
        } else {
            repaired |= folder != CRONOS_ENTRY_ROOT;
        }
        if (folder == CRONOS_ENTRY_NONE)
            why = "left out: too many folders for the archive's size";
        else
            claim_folder(build, folder, header);
    } else if (leaf.length == 0) {
        why = "left out: it has no name";
    } else {
        if (is_dot(&leaf) || is_dot_dot(&leaf)) {
            make_unusable(build, &leaf);
            repaired = TRUE;
        }
        cronos_zip_build_append(build, folder, &leaf, header, 0);
    }
    if (why != NULL)
        cronos_zip_build_note(build, header, why);
    else if (repaired)
        cronos_zip_build_note(build, header, "the name was made safe");
}

static CronosZipSlice slice_name(const CronosZipBuild *build, const CronosZipName *name)
{
    CronosZipSlice slice = {.bytes = name->bytes, .offset = name->offset, .length = name->length};

    if (slice.bytes == NULL) {
        slice.bytes = (const char *)build->arena->data + name->offset;
        slice.flags = CRONOS_ZIP_NODE_ARENA;
    }
    return slice;
}

/* Splits "folders/leaf". Returns: whether slashes at the end said that it is a folder. */
static gboolean split_leaf(CronosZipSlice *path, CronosZipSlice *out_leaf, gboolean *out_repaired)
{
    gsize whole = path->length;

    while (path->length > 0 && path->bytes[path->length - 1] == '/')
        path->length--;
    gboolean slashed = path->length < whole;
    *out_repaired |= whole - path->length > 1 || (slashed && path->length == 0);

    const char *slash = path->length > 0 ? memrchr(path->bytes, '/', path->length) : NULL;
    gsize before = slash != NULL ? (gsize)(slash - path->bytes) + 1 : 0;
    *out_leaf = *path;
    out_leaf->bytes += before;
    out_leaf->offset += (guint32)before;
    out_leaf->length -= before;
    path->length = before;
    return slashed;
}

void cronos_zip_build_add(CronosZipBuild *build, CronosZipSlice path, gboolean directory,
                          gboolean repaired, guint32 header)
{
    CronosZipSlice leaf;
    const char *why = NULL;

    directory |= split_leaf(&path, &leaf, &repaired);
    guint32 folder = find_folder(build, &path, &repaired, &why);
    if (why == NULL)
        why = refusal(leaf);
    if (why != NULL)
        cronos_zip_build_note(build, header, why);
    else
        add_leaf(build, folder, leaf, directory, header, repaired);
}

void cronos_zip_build_add_copy(CronosZipBuild *build, const char *path, gsize length,
                               gboolean directory, gboolean repaired, guint32 header)
{
    guint32 start = build->arena->len, nodes = build->count, kept = start;
    CronosZipSlice slice = {.offset = start, .length = length, .flags = CRONOS_ZIP_NODE_ARENA};

    g_byte_array_append(build->arena, (const guint8 *)path, (guint)length);
    slice.bytes = (const char *)build->arena->data + start;
    cronos_zip_build_add(build, slice, directory, repaired, header);
    if (build->count > nodes + 1)
        return;
    if (build->count == nodes + 1 && build->nodes[nodes].name >= start) {
        CronosZipNode *node = &build->nodes[nodes];

        memmove(build->arena->data + start, build->arena->data + node->name, node->name_length);
        node->name = start;
        kept += node->name_length;
    }
    g_byte_array_set_size(build->arena, kept);
}

static void add_member(CronosZipBuild *build, const CronosZipHeader *header, guint32 at)
{
    CronosZipName name;

    cronos_zip_name_decode(header, build->directory, build->arena, &name);
    cronos_zip_build_add(build, slice_name(build, &name), cronos_zip_header_says_directory(header),
                         name.repaired, at);
}

static gboolean damaged_at(GError **error, guint64 offset)
{
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                "the central directory is damaged at offset %" G_GUINT64_FORMAT, offset);
    return FALSE;
}

static gboolean scan_headers(CronosZipBuild *build, const CronosZipEnd *end, GError **error)
{
    CronosZipHeader header;
    guint64 members = 0;
    gsize at = 0, trimmed = 0;

    for (; cronos_zip_header_read(build->directory, build->bytes, at, &header); members++) {
        if (build->arena->len > G_MAXUINT32 - 4 * 65536u) {
            g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                                "the central directory is too large");
            return FALSE;
        }
        add_member(build, &header, (guint32)at);
        at += cronos_zip_header_bytes(&header);
        if (at - trimmed >= TRIM_BYTES) {
            cronos_zip_mapping_trim(build->mapping);
            trimmed = at;
        }
    }
    if (at < build->bytes &&
        (build->bytes - at < 4 || zip_get32(build->directory + at) != DIGITAL_SIGNATURE))
        return damaged_at(error, end->directory_offset + at);
    if (end->members_exact ? members != end->members : (members & 0xffff) != end->members) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                    "the central directory holds %" G_GUINT64_FORMAT
                    " members, but the end record says %" G_GUINT64_FORMAT,
                    members, end->members);
        return FALSE;
    }
    return TRUE;
}

void cronos_zip_build_start(CronosZipBuild *build, CronosZipMapping *mapping, gsize bytes,
                            guint64 members)
{
    CronosZipSlice nothing = {0};

    build->mapping = mapping;
    build->directory = cronos_zip_mapping_bytes(mapping);
    build->bytes = bytes;
    build->arena = g_byte_array_new();
    g_byte_array_append(build->arena, (const guint8 *)UNUSABLE, strlen(UNUSABLE));
    build->notes = g_ptr_array_new_with_free_func(g_free);
    build->implied_max = (guint32)(build->bytes / 8 + 65536);
    /* A count that lies is bounded by the directory's size; pages not used are never touched. */
    build->room = (guint32)(MIN(members, build->bytes / ZIP_CENTRAL_SIZE) + 1024);
    build->nodes = g_new(CronosZipNode, build->room);
    cronos_zip_folders_init(&build->folders);
    cronos_zip_build_append(build, CRONOS_ENTRY_ROOT, &nothing, CRONOS_ZIP_NO_HEADER,
                            CRONOS_ZIP_NODE_DIRECTORY);
}

void cronos_zip_build_finish(CronosZipBuild *build, gboolean ok, CronosZipTree *out_tree)
{
    memset(out_tree, 0, sizeof *out_tree);
    cronos_zip_folders_clear(&build->folders);
    if (ok)
        cronos_zip_build_order(build, out_tree);
    g_clear_pointer(&build->nodes, g_free);
    out_tree->repairs = build->repairs;
    out_tree->notes = g_steal_pointer(&build->notes);
    out_tree->arena_bytes = build->arena->len;
    out_tree->arena =
        g_realloc(g_byte_array_free(g_steal_pointer(&build->arena), FALSE), out_tree->arena_bytes);
    if (!ok)
        cronos_zip_tree_clear(out_tree);
}

gboolean cronos_zip_tree_build(CronosZipMapping *mapping, const CronosZipEnd *end,
                               CronosZipTree *out_tree, GError **error)
{
    CronosZipBuild build = {0};

    cronos_zip_build_start(&build, mapping, (gsize)end->directory_bytes, end->members);
    gboolean ok = scan_headers(&build, end, error);
    cronos_zip_build_finish(&build, ok, out_tree);
    return ok;
}

guint32 cronos_zip_tree_lookup(const CronosZipTree *tree, const guint8 *directory, guint32 folder,
                               const char *name, gsize length)
{
    guint32 low = tree->nodes[folder].first_child;
    guint32 high = tree->nodes[folder + 1].first_child;

    while (low < high) {
        guint32 middle = low + (high - low) / 2;
        const CronosZipNode *node = &tree->nodes[middle];
        int order = memcmp(cronos_zip_node_name(tree, directory, node), name,
                           MIN(node->name_length, length));

        if (order == 0 && node->name_length == length)
            return middle;
        if (order < 0 || (order == 0 && node->name_length < length))
            low = middle + 1;
        else
            high = middle;
    }
    return CRONOS_ENTRY_NONE;
}

void cronos_zip_tree_clear(CronosZipTree *tree)
{
    g_clear_pointer(&tree->nodes, g_free);
    g_clear_pointer(&tree->arena, g_free);
    g_clear_pointer(&tree->notes, g_ptr_array_unref);
}
