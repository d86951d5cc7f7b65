/* SPDX-License-Identifier: MIT
 * restore-kept.c - is what is about to be replaced or deleted in the restore point as it is
 *
 * What was changed after the restore point's walk had begun may be in it as it was before, or not
 * at all. The time of its last change tells. But that time moves, too, when one of several names of
 * a file goes, as here, or when its mode is changed: what bears a younger one is looked up in the
 * restore point. Inode, size and time of modification as they were vouch for the content. */
#include "core/file-time.h"
#include "core/restore-private.h"
#include "core/scan.h"
#include "core/verify-private.h"

static CronosArchive *open_point(CronosRestoreJob *job)
{
    pthread_mutex_lock(&job->lock);
    if (!job->point_sought)
        job->point = cronos_verify_open(job->point_directory, job->result->restore_point, NULL);
    job->point_sought = TRUE;
    CronosArchive *point = job->point;
    pthread_mutex_unlock(&job->lock);
    return point;
}

/* Returns: whether a change since the walk began would have moved @time_ns: it is older, or a clock
 * that was set back has left it in the future. */
static gboolean would_have_moved(const CronosRestoreJob *job, gint64 time_ns)
{
    return cronos_file_time_is_earlier(time_ns, job->point_ns) ||
           cronos_file_time_is_earlier(g_get_real_time() * 1000, time_ns);
}

static gboolean point_holds(CronosRestoreJob *job, const char *path, const CronosMemberInfo *there)
{
    CronosArchive *point = open_point(job);
    guint32 entry = point == NULL ? CRONOS_ENTRY_NONE : cronos_archive_lookup_path(point, path);
    CronosMemberInfo held;

    if (entry == CRONOS_ENTRY_NONE || !cronos_archive_info(point, entry, &held, NULL) ||
        !held.has_identity || held.kind != there->kind || held.inode != there->inode ||
        held.size_bytes != there->size_bytes || held.mtime_ns != there->mtime_ns)
        return FALSE;
    return would_have_moved(job, there->mtime_ns) ||
           (held.ctime_ns == there->ctime_ns && would_have_moved(job, there->ctime_ns));
}

gboolean cronos_restore_is_kept(CronosRestoreJob *job, const char *path, const struct stat *status)
{
    CronosMemberInfo there;

    if (job->point_ns == 0 || S_ISDIR(status->st_mode) ||
        !cronos_member_info_from_stat(status, &there))
        return TRUE;
    return cronos_file_time_is_earlier(there.ctime_ns, job->point_ns) ||
           point_holds(job, path, &there);
}
