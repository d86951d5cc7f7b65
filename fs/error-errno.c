/* SPDX-License-Identifier: MIT
 * error-errno.c - failures on their way to the kernel */
#include "fs/error-errno.h"

#include "core/error.h"
#include "core/log.h"
#include "fs/node.h"

#include <errno.h>
#include <pthread.h>

#define QUIET_SECONDS 60
/* Of two members that share a place the later one is reported again, at worst. */
#define REMEMBERED 256u

static int errno_from_code(int code)
{
    switch (code) {
    case CRONOS_ERROR_UNSUPPORTED:
        return EOPNOTSUPP;
    case CRONOS_ERROR_NOT_FOUND:
        return ENOENT;
    case CRONOS_ERROR_USAGE:
        return EINVAL;
    case CRONOS_ERROR_UNSAFE:
        return EACCES;
    case CRONOS_ERROR_NO_SPACE:
        return ENOSPC;
    case CRONOS_ERROR_CHANGED:
        return ESTALE;
    default:
        return EIO;
    }
}

int cronos_errno_from_error(const GError *error)
{
    if (error->domain == CRONOS_ERROR)
        return errno_from_code(error->code);
    if (error->domain == CRONOS_SYSTEM_ERROR && error->code > 0)
        return error->code;
    return EIO;
}

/* Returns: whether @node was reported less than QUIET_SECONDS ago; else remembers it. */
static gboolean was_reported(guint64 node)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct {
        guint64 node;
        gint64 until_us;
    } reported[REMEMBERED]; /* lock */
    guint place = (guint)((node ^ node >> 32) % REMEMBERED);
    gint64 now_us = g_get_monotonic_time();

    pthread_mutex_lock(&lock);
    gboolean quiet = reported[place].node == node && now_us < reported[place].until_us;
    if (!quiet) {
        reported[place].node = node;
        reported[place].until_us = now_us + QUIET_SECONDS * G_USEC_PER_SEC;
    }
    pthread_mutex_unlock(&lock);
    return quiet;
}

int cronos_report_error(const CronosSlot *slot, const CronosArchive *archive, guint32 entry,
                        const GError *error)
{
    if (was_reported(cronos_node(cronos_slot_number(slot), entry)))
        return cronos_errno_from_error(error);

    g_autofree char *path =
        archive != NULL && entry != CRONOS_ENTRY_ROOT ? cronos_archive_path(archive, entry) : NULL;
    cronos_log_event(CRONOS_LOG_WARNING, cronos_slot_backup(slot)->file_name, path, "%s",
                     error->message);
    return cronos_errno_from_error(error);
}
