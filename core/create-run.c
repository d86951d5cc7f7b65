/* SPDX-License-Identifier: MIT
 * create-run.c - what one call of cronos_create works with, from its options */
#include "core/create-run.h"
#include "core/error.h"
#include "core/metadata.h"

#include <string.h>
#include <unistd.h>

#define NS_PER_S G_GINT64_CONSTANT(1000000000)

void cronos_create_result_free(CronosCreateResult *result)
{
    if (result == NULL)
        return;
    g_free(result->path);
    g_free(result->file_name);
    g_free(result->declined);
    g_free(result->hook_error);
    g_ptr_array_unref(result->unreadable);
    g_ptr_array_unref(result->damaged);
    g_ptr_array_unref(result->excluded_paths);
    g_ptr_array_unref(result->unmatched);
    g_ptr_array_unref(result->removed);
    g_free(result);
}

static CronosCreateResult *result_new(void)
{
    CronosCreateResult *result = g_new0(CronosCreateResult, 1);

    result->unreadable = g_ptr_array_new_with_free_func(g_free);
    result->damaged = g_ptr_array_new_with_free_func(g_free);
    result->excluded_paths = g_ptr_array_new_with_free_func(g_free);
    result->unmatched = g_ptr_array_new_with_free_func(g_free);
    result->removed = g_ptr_array_new_with_free_func(g_free);
    return result;
}

const char *create_run_root(const CreateRun *run)
{
    return run->options->root != NULL ? run->options->root : cronos_config_root(run->config);
}

/* SOURCE_DATE_EPOCH pins every time stamp that is not a file's own; never to the future, since
 * reuse trusts files older than the start of a backup. */
gint64 create_now_ns(void)
{
    const char *pinned = g_getenv("SOURCE_DATE_EPOCH");
    gint64 now = g_get_real_time() * 1000;
    gint64 seconds;

    if (pinned == NULL ||
        !g_ascii_string_to_signed(pinned, 10, 0, G_MAXINT64 / NS_PER_S, &seconds, NULL))
        return now;
    return MIN(seconds * NS_PER_S, now);
}

static void add_patterns(GPtrArray *list, const char *const *patterns)
{
    for (guint i = 0; patterns != NULL && patterns[i] != NULL; i++)
        g_ptr_array_add(list, (gpointer)(guintptr)patterns[i]);
}

/* The same of what the options name. */
static gboolean add_given(CreateRun *run, GPtrArray *list, const char *const *patterns,
                          GError **error)
{
    if (!run->options->typed_patterns) {
        add_patterns(list, patterns);
        return TRUE;
    }
    for (guint i = 0; patterns != NULL && patterns[i] != NULL; i++) {
        char *pattern = cronos_pattern_from_typed(patterns[i], create_run_root(run), error);

        if (pattern == NULL)
            return FALSE;
        g_ptr_array_add(run->typed, pattern);
        g_ptr_array_add(list, pattern);
    }
    return TRUE;
}

/* The lists in force: as typed and configured, in this order. */
static gboolean prepare_patterns(CreateRun *run, GError **error)
{
    const CronosCreateOptions *options = run->options;
    gboolean everything = options->include == NULL || options->include[0] == NULL;
    static const char *const all[] = {"**/*", NULL};

    run->include = g_ptr_array_new();
    run->exclude = g_ptr_array_new();
    run->typed = g_ptr_array_new_with_free_func(g_free);
    if (everything)
        add_patterns(run->include, all);
    else if (!add_given(run, run->include, options->include, error))
        return FALSE;
    if (!options->no_default_excludes)
        add_patterns(run->exclude,
                     cronos_config_strings(run->config, CRONOS_CONFIG_BACKUP_EXCLUDE_PATTERNS));
    if (!add_given(run, run->exclude, options->exclude, error))
        return FALSE;
    g_ptr_array_add(run->include, NULL);
    g_ptr_array_add(run->exclude, NULL);
    if (!everything) {
        run->include_patterns =
            cronos_patterns_new((const char *const *)run->include->pdata, error);
        if (run->include_patterns == NULL)
            return FALSE;
        if (options->typed_patterns)
            run->matches = create_matches_new((const char *const *)run->include->pdata);
    }
    run->exclude_patterns = cronos_patterns_new((const char *const *)run->exclude->pdata, error);
    return run->exclude_patterns != NULL;
}

static void prepare_scan(CreateRun *run)
{
    run->skip[0] = cronos_config_backup_directory(run->config);
    run->skip_files[0] = cronos_config_log_file(run->config);
    run->scan = (CronosScanOptions){
        .root = create_run_root(run),
        .include = run->include_patterns,
        .exclude = run->exclude_patterns,
        .skip_directories = run->skip,
        .skip_files = run->skip_files,
        .keep_excluded = run->options->name_excluded,
        .exclude_caches = !run->options->with_caches &&
                          cronos_config_bool(run->config, CRONOS_CONFIG_BACKUP_EXCLUDE_CACHES),
    };
}

/* Returns: (owned), or NULL with @error. A root named ".files" makes backups named "files". */
static char *name_of(const CreateRun *run, GError **error)
{
    if (run->options->name != NULL)
        return cronos_backup_name_normalize(run->options->name, error);
    g_autofree char *base = g_path_get_basename(create_run_root(run));
    const char *visible = base + strspn(base, ".");

    return cronos_backup_name_normalize(g_str_equal(base, "/") ? "root" : visible, error);
}

gboolean create_run_prepare(CreateRun *run, const CronosProgress *progress, GError **error)
{
    const CronosCreateOptions *options = run->options;

    cronos_tally_init(&run->tally, progress);
    run->fd = -1;
    run->free_bytes = G_MAXUINT64;
    run->cancellable = progress == NULL ? NULL : progress->cancellable;
    run->result = result_new();
    run->type = options->type == NULL ? CRONOS_BACKUP_TYPE_MANUAL : options->type;
    run->name = name_of(run, error);
    if (run->name == NULL || !cronos_backup_type_check(run->type, error))
        return FALSE;
    if (options->metadata != NULL && !cronos_metadata_check_user(options->metadata, error))
        return FALSE;
    run->level = options->level >= 0
                     ? options->level
                     : cronos_config_int(run->config, CRONOS_CONFIG_BACKUP_COMPRESSION_LEVEL);
    if (run->level > 12) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "compression level %d is not between 0 and 12", run->level);
        return FALSE;
    }
    if (!prepare_patterns(run, error))
        return FALSE;
    prepare_scan(run);
    return TRUE;
}

void create_run_clear(CreateRun *run)
{
    if (run->temporary != NULL && run->directory != NULL)
        (void)unlinkat(cronos_backup_directory_fd(run->directory), run->temporary, 0);
    if (run->fd >= 0)
        close(run->fd);
    cronos_reuse_free(run->reuse);
    cronos_backup_directory_unlock(run->directory);
    g_free(run->temporary);
    g_free(run->name);
    g_clear_pointer(&run->include, g_ptr_array_unref);
    g_clear_pointer(&run->exclude, g_ptr_array_unref);
    g_clear_pointer(&run->matches, g_ptr_array_unref);
    g_clear_pointer(&run->typed, g_ptr_array_unref);
    cronos_patterns_free(run->include_patterns);
    cronos_patterns_free(run->exclude_patterns);
    cronos_create_result_free(run->result);
    cronos_tally_clear(&run->tally);
}
