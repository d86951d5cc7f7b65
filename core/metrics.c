/* SPDX-License-Identifier: MIT
 * metrics.c - a text file for the node exporter
 *
 * The file itself is the memory: what a command does not know is read from what the last one wrote.
 * A lock on it keeps two commands from losing each other's numbers; since anybody who can read the
 * file could hold that for ever, it is waited for only a while. */
#include "core/metrics.h"

#include "core/catalog.h"
#include "core/error.h"
#include "core/file-identity.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX 65536u
#define FILE_START "# HELP cronos_"
#define LOCK_ATTEMPTS 100
#define LOCK_PAUSE_US 10000
#define TAG_DIGITS 8

typedef enum {
    GAUGE_ATTEMPT,
    GAUGE_SUCCESS,
    GAUGE_DURATION,
    GAUGE_FILES,
    GAUGE_BYTES,
    GAUGE_ARCHIVE_BYTES,
    GAUGE_UNREADABLE,
    GAUGE_BACKUPS,
    GAUGE_BACKUPS_BYTES,
    GAUGE_CLEAN,
    GAUGE_VERIFY,
    GAUGE_VERIFIED,
    GAUGE_DAMAGED,
    GAUGE_COUNT
} Gauge;

static const struct {
    const char *name, *help;
} gauges[GAUGE_COUNT] = {
    [GAUGE_ATTEMPT] = {"cronos_last_attempt_timestamp_seconds",
                       "When a backup was last asked for, seconds since the epoch."},
    [GAUGE_SUCCESS] = {"cronos_last_success_timestamp_seconds",
                       "When one was last made, or found not to be due."},
    [GAUGE_DURATION] = {"cronos_last_backup_duration_seconds",
                        "How long the last one that was made took, with its hooks."},
    [GAUGE_FILES] = {"cronos_last_backup_files", "Files in it."},
    [GAUGE_BYTES] = {"cronos_last_backup_source_bytes", "Their size."},
    [GAUGE_ARCHIVE_BYTES] = {"cronos_last_backup_archive_bytes", "Size of its archive."},
    [GAUGE_UNREADABLE] = {"cronos_last_backup_unreadable_paths",
                          "What could not be read for it, or changed meanwhile."},
    [GAUGE_BACKUPS] = {"cronos_backups", "Backups in the backup directory."},
    [GAUGE_BACKUPS_BYTES] = {"cronos_backups_bytes", "Size of their archives."},
    [GAUGE_CLEAN] = {"cronos_last_clean_timestamp_seconds", "When cronos clean was last run."},
    [GAUGE_VERIFY] = {"cronos_last_verify_timestamp_seconds", "When cronos verify was last run."},
    [GAUGE_VERIFIED] = {"cronos_last_verify_backups", "Backups that it checked."},
    [GAUGE_DAMAGED] = {"cronos_last_verify_damaged_backups", "Those that it found damaged."},
};

typedef struct {
    char *path;
    char *label;               /* {root="..."}, a blank */
    char *values[GAUGE_COUNT]; /* NULL: not known */
} Metrics;

static void set_count(Metrics *metrics, Gauge gauge, guint64 count)
{
    g_free(metrics->values[gauge]);
    metrics->values[gauge] = g_strdup_printf("%" G_GUINT64_FORMAT, count);
}

static void set_seconds(Metrics *metrics, Gauge gauge, double seconds)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    g_free(metrics->values[gauge]);
    metrics->values[gauge] = g_strdup(g_ascii_formatd(text, sizeof text, "%.3f", seconds));
}

static void set_now(Metrics *metrics, Gauge gauge)
{
    set_count(metrics, gauge, (guint64)(g_get_real_time() / G_USEC_PER_SEC));
}

static void count_backups(Metrics *metrics, const CronosConfig *config)
{
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(config), NULL);
    const GPtrArray *entries = catalog == NULL ? NULL : cronos_catalog_entries(catalog);
    guint64 count = 0, bytes = 0;

    for (guint i = 0; entries != NULL && i < entries->len; i++) {
        const CronosBackup *backup = entries->pdata[i];

        count += backup->foreign ? 0 : 1;
        bytes += backup->foreign ? 0 : backup->size_bytes;
    }
    if (entries == NULL)
        return;
    set_count(metrics, GAUGE_BACKUPS, count);
    set_count(metrics, GAUGE_BACKUPS_BYTES, bytes);
}

/* Returns: (owned) the label of all lines. The collector wants UTF-8. */
static char *format_label(const char *root)
{
    g_autofree char *valid = g_utf8_make_valid(root, -1);
    g_autoptr(GString) text = g_string_new("{root=\"");

    for (const char *at = valid; *at != '\0'; at++) {
        if (*at == '\\' || *at == '"')
            g_string_append_c(text, '\\');
        g_string_append(text, *at == '\n' ? "\\n" : "");
        if (*at != '\n')
            g_string_append_c(text, *at);
    }
    g_string_append(text, "\"} ");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Returns: (owned) the root's file: the configured one, or in the configured directory. */
static char *find_path(const CronosConfig *config)
{
    const char *configured = cronos_config_string(config, CRONOS_CONFIG_METRICS_TEXTFILE);
    const char *root = cronos_config_root(config);

    if (!g_file_test(configured, G_FILE_TEST_IS_DIR))
        return g_strdup(configured);
    g_autofree char *tag = g_compute_checksum_for_string(G_CHECKSUM_SHA256, root, -1);
    g_autofree char *base = g_path_get_basename(root);
    g_strcanon(base, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", '_');
    g_autofree char *name = g_strdup_printf("cronos-%s-%.*s.prom", base, TAG_DIGITS, tag);
    return g_build_filename(configured, name, NULL);
}

static void wait_for_lock(int fd)
{
    for (int i = 0; i < LOCK_ATTEMPTS; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR))
            return;
        g_usleep(LOCK_PAUSE_US);
    }
}

/* Whether nobody has replaced the file while the lock was waited for. */
static gboolean is_current(int fd, const char *path)
{
    struct stat open_status, named_status;

    return fstat(fd, &open_status) == 0 && lstat(path, &named_status) == 0 &&
           cronos_is_same_file(&open_status, &named_status);
}

/* Returns: the locked file, or -1 with @error. */
static int open_locked(const char *path, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(path);

    for (int i = 0; i < LOCK_ATTEMPTS; i++) {
        int fd =
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0644);

        if (fd < 0) {
            cronos_error_set_system(error, errno, "the metrics file \"%s\"", quoted);
            return -1;
        }
        wait_for_lock(fd);
        if (is_current(fd, path))
            return fd;
        close(fd);
    }
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                "the metrics file \"%s\" is replaced over and over", quoted);
    return -1;
}

static gboolean is_number(const char *text)
{
    char *end = NULL;

    g_ascii_strtod(text, &end);
    return end != text && *end == '\0';
}

/* Returns: FALSE where the line is another root's. */
static gboolean take_line(Metrics *metrics, const char *line)
{
    gsize name_length = strcspn(line, "{");

    if (*line == '#' || line[name_length] == '\0')
        return TRUE;
    if (!g_str_has_prefix(line + name_length, metrics->label))
        return FALSE;
    const char *value = line + name_length + strlen(metrics->label);
    for (guint i = 0; i < GAUGE_COUNT; i++)
        if (strlen(gauges[i].name) == name_length &&
            strncmp(gauges[i].name, line, name_length) == 0 && is_number(value)) {
            g_free(metrics->values[i]);
            metrics->values[i] = g_strdup(value);
        }
    return TRUE;
}

/* A file that is none of ours stays as it is, whatever the configuration says. */
static gboolean read_values(Metrics *metrics, int fd, GError **error)
{
    g_autofree char *text = g_malloc0(FILE_BYTES_MAX + 1);
    g_autofree char *quoted = cronos_quote_path(metrics->path);
    gssize got = TEMP_FAILURE_RETRY(pread(fd, text, FILE_BYTES_MAX, 0));
    gboolean ours = got == 0 || (got > 0 && g_str_has_prefix(text, FILE_START));
    g_auto(GStrv) lines = ours ? g_strsplit(text, "\n", -1) : NULL;

    for (char **line = lines; ours && *line != NULL; line++)
        ours = take_line(metrics, *line);
    if (got < 0)
        cronos_error_set_system(error, errno, "the metrics file \"%s\"", quoted);
    else if (!ours)
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "\"%s\" is left alone: it does not hold the metrics of this root", quoted);
    return ours;
}

static gboolean write_values(const Metrics *metrics, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *quoted = cronos_quote_path(metrics->path);
    g_autoptr(GError) failure = NULL;

    for (guint i = 0; i < GAUGE_COUNT; i++)
        if (metrics->values[i] != NULL)
            g_string_append_printf(text, "# HELP %s %s\n# TYPE %s gauge\n%s%s%s\n", gauges[i].name,
                                   gauges[i].help, gauges[i].name, gauges[i].name, metrics->label,
                                   metrics->values[i]);
    /* The exporter is another user, whatever the umask here is. */
    if (g_file_set_contents_full(metrics->path, text->str, (gssize)text->len,
                                 G_FILE_SET_CONTENTS_CONSISTENT, 0644, &failure) &&
        chmod(metrics->path, 0644) == 0)
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "the metrics file \"%s\": %s", quoted,
                failure != NULL ? failure->message : g_strerror(errno));
    return FALSE;
}

/* Renews the file: @change, which may be called with any @data, sets what is known now. */
static void renew(const CronosConfig *config, void (*change)(Metrics *metrics, gconstpointer data),
                  gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Metrics metrics = {0};

    if (*cronos_config_string(config, CRONOS_CONFIG_METRICS_TEXTFILE) == '\0')
        return;
    metrics.path = find_path(config);
    metrics.label = format_label(cronos_config_root(config));
    int fd = open_locked(metrics.path, &error);
    if (fd >= 0 && read_values(&metrics, fd, &error)) {
        count_backups(&metrics, config);
        change(&metrics, data);
        write_values(&metrics, &error);
    }
    if (fd >= 0)
        close(fd);
    if (error != NULL)
        cronos_log_event(CRONOS_LOG_ERROR, NULL, NULL, "%s", error->message);
    for (guint i = 0; i < GAUGE_COUNT; i++)
        g_free(metrics.values[i]);
    g_free(metrics.label);
    g_free(metrics.path);
}

typedef struct {
    const CronosCreateResult *result;
    double duration_seconds;
} Attempt;

static void change_create(Metrics *metrics, gconstpointer data)
{
    const Attempt *attempt = data;
    const CronosCreateResult *result = attempt->result;

    set_now(metrics, GAUGE_ATTEMPT);
    if (result == NULL)
        return;
    set_now(metrics, GAUGE_SUCCESS);
    if (result->declined != NULL)
        return;
    set_seconds(metrics, GAUGE_DURATION, attempt->duration_seconds);
    set_count(metrics, GAUGE_FILES, result->files);
    set_count(metrics, GAUGE_BYTES, result->bytes);
    set_count(metrics, GAUGE_ARCHIVE_BYTES, result->archive_bytes);
    set_count(metrics, GAUGE_UNREADABLE, result->unreadable->len);
}

void cronos_metrics_note_create(const CronosConfig *config, const CronosCreateResult *result,
                                double duration_seconds)
{
    const Attempt attempt = {result, duration_seconds};

    renew(config, change_create, &attempt);
}

static void change_clean(Metrics *metrics, gconstpointer data)
{
    (void)data;
    set_now(metrics, GAUGE_CLEAN);
}

void cronos_metrics_note_clean(const CronosConfig *config)
{
    renew(config, change_clean, NULL);
}

static void change_verify(Metrics *metrics, gconstpointer data)
{
    const guint *counts = data;

    set_now(metrics, GAUGE_VERIFY);
    set_count(metrics, GAUGE_VERIFIED, counts[0]);
    set_count(metrics, GAUGE_DAMAGED, counts[1]);
}

void cronos_metrics_note_verify(const CronosConfig *config, guint checked, guint damaged)
{
    const guint counts[] = {checked, damaged};

    renew(config, change_verify, counts);
}
