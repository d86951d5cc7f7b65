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
#define METADATA "metadata"
#define ERROR "error"
#define VALUE_BYTES_MAX 65536u /* XATTR_SIZE_MAX of the kernel */

/* Returns: (owned) the value, or NULL: @out_errno says why. */
typedef char *(*ValueFunction)(CronosSlot *slot, int *out_errno);

static char *copy_value(const char *value, int *out_errno)
{
    *out_errno = value == NULL ? ENODATA : 0;
    return g_strdup(value);
}

static char *type_value(CronosSlot *slot, int *out_errno)
{
    return copy_value(cronos_slot_backup(slot)->parsed.type, out_errno);
}

static char *name_value(CronosSlot *slot, int *out_errno)
{
    return copy_value(cronos_slot_backup(slot)->parsed.name, out_errno);
}

static char *created_at_value(CronosSlot *slot, int *out_errno)
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

/* Returns: (owned) @metadata as a value, or NULL where it is too long for one. */
static char *text_of(JsonObject *metadata)
{
    g_autofree char *text = cronos_metadata_to_text(metadata, FALSE);

    g_strchomp(text);
    return strlen(text) <= VALUE_BYTES_MAX ? g_steal_pointer(&text) : NULL;
}

static char *metadata_value(CronosSlot *slot, int *out_errno)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosArchive) archive = cronos_slot_open_data(slot, &error);
    g_autoptr(JsonObject) metadata =
        archive != NULL ? cronos_metadata_from_archive(archive, &error) : NULL;
    char *text = metadata != NULL ? text_of(metadata) : NULL;

    *out_errno = text != NULL ? 0 : errno_without_value(error);
    return text;
}

static char *error_value(CronosSlot *slot, int *out_errno)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosArchive) archive = cronos_slot_open(slot, &error);

    if (archive != NULL || !is_defect(error)) {
        *out_errno = archive != NULL ? ENODATA : cronos_errno_from_error(error);
        return NULL;
    }
    return copy_value(error->message, out_errno);
}

static const struct {
    const char *name;
    ValueFunction value;
    gboolean opens; /* the archive */
} attributes[] = {
    {PREFIX "type", type_value, FALSE},
    {PREFIX "name", name_value, FALSE},
    {PREFIX "created_at", created_at_value, FALSE},
    {PREFIX METADATA, metadata_value, TRUE},
    {PREFIX ERROR, error_value, TRUE},
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
            *out_value = attributes[i].value(slot, &errnum);
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

static void append_name(GString *names, const char *name)
{
    g_string_append_len(names, name, (gssize)strlen(name) + 1);
}

/* What the tail of an archive that is not open, and shall not be, tells there is. */
static void append_by_tail(GString *names, CronosSlot *slot)
{
    g_autoptr(GError) error = NULL;

    if (cronos_slot_backup(slot)->foreign)
        return;
    g_autoptr(JsonObject) metadata = cronos_slot_read_metadata(slot, &error);
    g_autofree char *text = metadata != NULL ? text_of(metadata) : NULL;
    if (text != NULL)
        append_name(names, PREFIX METADATA);
    if (error != NULL && is_defect(error))
        append_name(names, PREFIX ERROR);
}

void cronos_op_listxattr(fuse_req_t request, fuse_ino_t node, size_t size)
{
    g_autoptr(CronosSlot) slot = folder_slot(fuse_req_userdata(request), node);
    g_autoptr(GString) names = g_string_new(NULL);
    gboolean settled = slot != NULL && cronos_slot_is_settled(slot);

    for (guint i = 0; slot != NULL && i < G_N_ELEMENTS(attributes); i++) {
        int errnum;

        if (attributes[i].opens && !settled)
            continue;
        g_autofree char *value = attributes[i].value(slot, &errnum);
        if (value != NULL)
            append_name(names, attributes[i].name);
    }
    if (slot != NULL && !settled)
        append_by_tail(names, slot);
    reply(request, names->str, names->len, size);
}
