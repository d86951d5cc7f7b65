/* SPDX-License-Identifier: MIT
 * xattr.c - extended attributes of the folders that stand for archives
 *
 * user.cronos.type, .name, .created_at (backups); .metadata (one line of JSON) where there is any,
 * and no more than fits; .error where the archive can not be opened. Nothing else has any.
 *
 * Programs that copy or list ask for the names of each file's: that must not open archives. Of one
 * backup that is not open, only the tail is read for it, as `cronos list` does; of other archives,
 * nothing. */
#include "fs/operations.h"

#include "core/error.h"
#include "core/metadata.h"
#include "fs/error-errno.h"
#include "fs/node.h"

#include <errno.h>
#include <string.h>

#define PREFIX "user.cronos."
#define VALUE_BYTES_MAX 65536u /* XATTR_SIZE_MAX of the kernel */

/* @brief: do not open the archive. Returns: (owned) the value, or NULL: @out_errno says why. */
typedef char *(*ValueFunction)(CronosSlot *slot, gboolean brief, int *out_errno);

static char *copy_value(const char *value, int *out_errno)
{
    *out_errno = value == NULL ? ENODATA : 0;
    return g_strdup(value);
}

static char *type_value(CronosSlot *slot, gboolean brief, int *out_errno)
{
    return copy_value(cronos_slot_backup(slot)->parsed.type, out_errno);
}

static char *name_value(CronosSlot *slot, gboolean brief, int *out_errno)
{
    return copy_value(cronos_slot_backup(slot)->parsed.name, out_errno);
}

static char *created_at_value(CronosSlot *slot, gboolean brief, int *out_errno)
{
    return copy_value(cronos_slot_backup(slot)->parsed.timestamp, out_errno);
}

/* What makes the archive a broken one, and no passing trouble. */
static gboolean is_defect(const GError *error)
{
    return g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED) ||
           g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED);
}

static int errno_without_value(const GError *error)
{
    return error == NULL || is_defect(error) ? ENODATA : cronos_errno_from_error(error);
}

/* Of an archive that is not open, and shall not be. Returns: (owned) or NULL, with @error or
 * without.
 */
static JsonObject *glance(CronosSlot *slot, GError **error)
{
    return cronos_slot_backup(slot)->foreign ? NULL : cronos_slot_read_metadata(slot, error);
}

/* Returns: (owned) or NULL, with @error or without. */
static JsonObject *read_metadata(CronosSlot *slot, gboolean brief, GError **error)
{
    if (brief && !cronos_slot_is_settled(slot))
        return glance(slot, error);
    g_autoptr(CronosArchive) archive = cronos_slot_open_data(slot, error);
    return archive != NULL ? cronos_metadata_from_archive(archive, error) : NULL;
}

static char *metadata_value(CronosSlot *slot, gboolean brief, int *out_errno)
{
    g_autoptr(GError) error = NULL;
    JsonObject *metadata = read_metadata(slot, brief, &error);

    if (metadata == NULL) {
        *out_errno = errno_without_value(error);
        return NULL;
    }
    g_autofree char *text = cronos_metadata_to_text(metadata, FALSE);
    json_object_unref(metadata);
    g_strchomp(text);
    return copy_value(strlen(text) <= VALUE_BYTES_MAX ? text : NULL, out_errno);
}

static void look_for_error(CronosSlot *slot, gboolean brief, GError **error)
{
    if (brief && !cronos_slot_is_settled(slot)) {
        JsonObject *metadata = glance(slot, error);

        g_clear_pointer(&metadata, json_object_unref);
    } else {
        cronos_archive_unref(cronos_slot_open(slot, error));
    }
}

static char *error_value(CronosSlot *slot, gboolean brief, int *out_errno)
{
    g_autoptr(GError) error = NULL;

    look_for_error(slot, brief, &error);
    if (error != NULL && !is_defect(error)) {
        *out_errno = cronos_errno_from_error(error);
        return NULL;
    }
    return copy_value(error != NULL ? error->message : NULL, out_errno);
}

static const struct {
    const char *name;
    ValueFunction value;
} attributes[] = {
    {PREFIX "type", type_value},
    {PREFIX "name", name_value},
    {PREFIX "created_at", created_at_value},
    {PREFIX "metadata", metadata_value},
    {PREFIX "error", error_value},
};

/* Returns: (owned) the archive whose folder @node is, or NULL. */
static CronosSlot *folder_slot(const CronosMount *mount, guint64 node)
{
    return cronos_node_entry(node) == CRONOS_ENTRY_ROOT && !cronos_node_is_versions(node)
               ? cronos_tree_slot(mount->tree, cronos_node_slot(node))
               : NULL;
}

static int get(const CronosMount *mount, guint64 node, const char *name, char **out_value)
{
    int errnum = ENODATA;

    /* Other name spaces are unknown here: programs stop asking then, as they would not for each
     * file that merely has none. */
    if (!g_str_has_prefix(name, "user."))
        return EOPNOTSUPP;
    g_autoptr(CronosSlot) slot = folder_slot(mount, node);
    for (guint i = 0; slot != NULL && i < G_N_ELEMENTS(attributes); i++)
        if (strcmp(name, attributes[i].name) == 0)
            *out_value = attributes[i].value(slot, FALSE, &errnum);
    return errnum;
}

/* Both calls ask with size 0 first, how much there is. */
static void reply(fuse_req_t request, const char *bytes, size_t length, size_t size)
{
    if (size == 0)
        fuse_reply_xattr(request, length);
    else if (length > size)
        fuse_reply_err(request, ERANGE);
    else
        fuse_reply_buf(request, bytes, length);
}

void cronos_op_getxattr(fuse_req_t request, fuse_ino_t node, const char *name, size_t size)
{
    g_autofree char *value = NULL;
    int errnum = get(fuse_req_userdata(request), node, name, &value);

    if (errnum != 0)
        fuse_reply_err(request, errnum);
    else
        reply(request, value, strlen(value), size);
}

void cronos_op_listxattr(fuse_req_t request, fuse_ino_t node, size_t size)
{
    g_autoptr(CronosSlot) slot = folder_slot(fuse_req_userdata(request), node);
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; slot != NULL && i < G_N_ELEMENTS(attributes); i++) {
        int errnum;
        g_autofree char *value = attributes[i].value(slot, TRUE, &errnum);

        if (value != NULL)
            g_string_append_len(names, attributes[i].name, (gssize)strlen(attributes[i].name) + 1);
    }
    reply(request, names->str, names->len, size);
}
