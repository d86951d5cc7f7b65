/* SPDX-License-Identifier: MIT
 * verify.c - checking one backup, and reporting what was found by name */
#include "core/verify.h"
#include "core/compare-source.h"
#include "core/error.h"
#include "core/log.h"
#include "core/member-bytes.h"
#include "core/verify-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

CronosVerifyResult *cronos_verify_result_new(void)
{
    CronosVerifyResult *result = g_new0(CronosVerifyResult, 1);
    GPtrArray **const lists[] = {&result->damaged,   &result->unsupported, &result->repairs,
                                 &result->changed,   &result->missing,     &result->added,
                                 &result->unreadable};

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        *lists[i] = g_ptr_array_new_with_free_func(g_free);
    return result;
}

void cronos_verify_result_free(CronosVerifyResult *result)
{
    if (result == NULL)
        return;
    g_ptr_array_unref(result->damaged);
    g_ptr_array_unref(result->unsupported);
    g_ptr_array_unref(result->repairs);
    g_ptr_array_unref(result->changed);
    g_ptr_array_unref(result->missing);
    g_ptr_array_unref(result->added);
    g_ptr_array_unref(result->unreadable);
    g_free(result);
}

gboolean cronos_verify_result_is_whole(const CronosVerifyResult *result)
{
    return result->damaged->len == 0;
}

CronosArchive *cronos_verify_open(const char *directory, const char *file_name, GError **error)
{
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        g_autofree char *quoted = cronos_quote_path(directory);
        cronos_error_set_system(error, errno, "%s: cannot be opened", quoted);
        return NULL;
    }
    CronosArchive *archive = cronos_archive_open(fd, file_name, error);
    close(fd);
    return archive;
}

char *cronos_finding_path(CronosArchive *archive, const CronosFinding *finding)
{
    return finding->path != NULL ? g_strdup(finding->path)
                                 : cronos_archive_path(archive, finding->entry);
}

char *cronos_finding_report(CronosArchive *archive, const CronosFinding *finding)
{
    g_autofree char *path = cronos_finding_path(archive, finding);

    return cronos_member_report(path, finding->reason);
}

void cronos_findings_log(CronosArchive *archive, const GArray *findings, const char *backup_name)
{
    for (guint i = 0; i < findings->len; i++) {
        const CronosFinding *finding = &g_array_index(findings, CronosFinding, i);
        g_autofree char *path = cronos_finding_path(archive, finding);
        cronos_log_event(CRONOS_LOG_WARNING, backup_name, path, "%s: %s",
                         finding->unsupported ? "member that cannot be checked" : "damaged member",
                         finding->reason);
    }
}

static void take_findings(CronosVerifyResult *result, CronosArchive *archive,
                          const GArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const CronosFinding *finding = &g_array_index(findings, CronosFinding, i);
        g_ptr_array_add(finding->unsupported ? result->unsupported : result->damaged,
                        cronos_finding_report(archive, finding));
    }
}

static void take_repairs(CronosVerifyResult *result, CronosArchive *archive)
{
    const GPtrArray *first = NULL;
    guint64 count = cronos_archive_repairs(archive, &first);
    guint described = first == NULL ? 0 : first->len;

    for (guint i = 0; i < described; i++)
        g_ptr_array_add(result->repairs, g_strdup(g_ptr_array_index(first, i)));
    if (count > described)
        g_ptr_array_add(result->repairs,
                        g_strdup_printf("%" G_GUINT64_FORMAT " more names", count - described));
}

static gboolean check(const CronosConfig *config, CronosArchive *archive, const char *backup_name,
                      const CronosVerifyOptions *options, CronosTally *tally,
                      CronosVerifyResult *result, GError **error)
{
    CronosVerifyCounts checked = {0};

    cronos_verify_totals(archive, &result->members, &result->bytes);
    if (options->sample_percent == 0)
        cronos_tally_expect(tally, result->bytes, result->members);
    g_autoptr(GArray) findings = cronos_verify_chosen(archive, options, tally, &checked, error);
    if (findings == NULL)
        return FALSE;
    result->checked_members = checked.members;
    result->checked_bytes = checked.bytes;
    take_findings(result, archive, findings);
    take_repairs(result, archive);
    cronos_findings_log(archive, findings, backup_name);
    return !options->against_source ||
           cronos_compare_source(config, archive, options->threads, tally, NULL, result, error);
}

static gboolean check_sample(const CronosVerifyOptions *options, GError **error)
{
    /* Written so that what is not a number fails, too. */
    if (!(options->sample_percent >= 0 && options->sample_percent <= 100)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "a sample is more than 0 %% and at most 100 %% of the members");
        return FALSE;
    }
    if (options->sample_percent > 0 && options->against_source) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "comparing with the source reads everything: it does not go with a sample");
        return FALSE;
    }
    return TRUE;
}

CronosVerifyResult *cronos_verify(const CronosConfig *config, const CronosBackup *backup,
                                  const char *directory, const CronosVerifyOptions *options,
                                  const CronosProgress *progress, GError **error)
{
    static const CronosVerifyOptions defaults;
    g_autoptr(CronosVerifyResult) result = cronos_verify_result_new();
    CronosTally tally;

    if (directory == NULL)
        directory = cronos_config_backup_directory(config);
    if (options == NULL)
        options = &defaults;
    if (!check_sample(options, error))
        return NULL;
    g_autoptr(CronosArchive) archive = cronos_verify_open(directory, backup->file_name, error);
    if (archive == NULL)
        return NULL;
    cronos_tally_init(&tally, progress);
    gboolean done = check(config, archive, backup->file_name, options, &tally, result, error);
    cronos_tally_clear(&tally);
    if (!done)
        return NULL;
    cronos_log_result(cronos_verify_result_is_whole(result) ? CRONOS_LOG_INFO : CRONOS_LOG_WARNING,
                      backup->file_name, NULL,
                      "verified: %" G_GUINT64_FORMAT " members, %u damaged", result->members,
                      result->damaged->len);
    return g_steal_pointer(&result);
}
