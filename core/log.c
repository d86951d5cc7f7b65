/* SPDX-License-Identifier: MIT
 * log.c - GLib's structured log, written to stderr, the journal and a file
 *
 * Events of cronos never end the process, whatever G_DEBUG says: a damaged archive is no bug. They
 * are told by a field of ours; every other message (GLib's own criticals, say) is handled as GLib
 * does by default, fatality included, and goes to the file from warning up.
 * Invariants: one event is one write on an O_APPEND descriptor, so lines of several processes never
 * mix. Before cronos_log_start events are dropped. */
#include "core/log-private.h"

#include "core/error.h"
#include "core/file-identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENT_FIELD "CRONOS_EVENT"
#define RESULT_FIELD "CRONOS_RESULT" /* of cronos_log_result's alone */
#define FIELDS_MAX 8u

static const struct {
    const char *word;
    const char *priority; /* of syslog(3) */
    const char *stderr_prefix;
    GLogLevelFlags flags;
} levels[] = {
    [CRONOS_LOG_ERROR] = {"error", "3", "error: ", G_LOG_LEVEL_CRITICAL},
    [CRONOS_LOG_WARNING] = {"warning", "4", "warning: ", G_LOG_LEVEL_WARNING},
    [CRONOS_LOG_INFO] = {"info", "6", "", G_LOG_LEVEL_INFO},
    [CRONOS_LOG_DEBUG] = {"debug", "7", "debug: ", G_LOG_LEVEL_DEBUG},
};

/* Written by cronos_log_start before any event; what changes later is guarded by the lock. */
static struct {
    gboolean started; /* atomic */
    char *program;
    char *file;
    CronosLogLevel file_level, stderr_level;
    gboolean stderr_is_journal, tells_results;
    void (*before_line)(void);
    GMutex lock;         /* guards all below, and the order of lines */
    gboolean use_stderr; /* atomic, too: read without the lock */
    int fd;              /* of the file; -1: not open */
    int relay_fd;        /* to who writes for this process; -1: nobody */
    gboolean failed;     /* the file could not be opened or written, and that was reported */
} sink = {.fd = -1, .relay_fd = -1};

gboolean cronos_log_level_parse(const char *word, CronosLogLevel *out_level)
{
    for (guint i = 0; i < G_N_ELEMENTS(levels); i++) {
        if (strcmp(word, levels[i].word) == 0) {
            *out_level = (CronosLogLevel)i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean write_all(int fd, const char *bytes, gsize length)
{
    while (length > 0) {
        gssize written = write(fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return FALSE;
        bytes += written;
        length -= (gsize)written;
    }
    return TRUE;
}

static const GLogField *find_field(const GLogField *fields, gsize count, const char *key)
{
    for (gsize i = 0; i < count; i++) {
        if (strcmp(fields[i].key, key) == 0)
            return &fields[i];
    }
    return NULL;
}

/* Returns: (owned) a field's value on one line; NULL where it is missing. */
static char *field_text(const GLogField *fields, gsize count, const char *key)
{
    const GLogField *field = find_field(fields, count, key);

    if (field == NULL || field->value == NULL)
        return NULL;
    return cronos_quote_bytes(field->value,
                              field->length < 0 ? strlen(field->value) : (gsize)field->length);
}

static void append_pair(GString *line, const char *key, const char *value)
{
    if (value == NULL)
        return;
    if (*value != '\0' && strpbrk(value, " \"=") == NULL)
        g_string_append_printf(line, " %s=%s", key, value);
    else
        g_string_append_printf(line, " %s=\"%s\"", key, value);
}

/* Appends "message backup=... path=...\n". */
static void append_text(GString *line, const GLogField *fields, gsize count)
{
    g_autofree char *message = field_text(fields, count, "MESSAGE");
    g_autofree char *backup = field_text(fields, count, "BACKUP");
    g_autofree char *path = field_text(fields, count, "PATH");

    g_string_append(line, message != NULL ? message : "");
    append_pair(line, "backup", backup);
    append_pair(line, "path", path);
    g_string_append_c(line, '\n');
}

static void write_stderr(const char *line, gsize length)
{
    if (sink.before_line != NULL)
        sink.before_line();
    fflush(stderr);
    write_all(STDERR_FILENO, line, length);
}

static void report_file_failure(int errnum)
{
    g_autofree char *quoted = cronos_quote_path(sink.file);
    g_autofree char *text = g_strdup_printf("%s: warning: can not write the log file \"%s\": %s\n",
                                            sink.program, quoted, g_strerror(errnum));

    if (!sink.failed && sink.use_stderr)
        write_stderr(text, strlen(text));
    sink.failed = TRUE;
}

static gboolean open_file(void)
{
    g_autofree char *directory = g_path_get_dirname(sink.file);
    int fd = -1;

    if (g_mkdir_with_parents(directory, 0750) == 0)
        fd = open(sink.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                  0640);
    if (fd < 0)
        return FALSE;
    if (sink.fd >= 0)
        close(sink.fd);
    sink.fd = fd;
    return TRUE;
}

static void write_file(CronosLogLevel level, const GLogField *fields, gsize count)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S%z");
    g_autoptr(GString) line = g_string_new(NULL);

    g_string_printf(line, "%s %s %s[%d]: ", time, levels[level].word, sink.program, (int)getpid());
    append_text(line, fields, count);
    /* A file that was moved away or removed (logrotate) is made anew; where that can not be, the
     * old descriptor serves on. */
    if ((sink.fd < 0 || !cronos_is_open_file(sink.fd, sink.file)) && !open_file() && sink.fd < 0)
        report_file_failure(errno);
    else if (!write_all(sink.fd, line->str, line->len))
        report_file_failure(errno);
}

/* Caller holds the lock. */
static void write_to_sinks(guint sinks, GLogLevelFlags flags, CronosLogLevel level,
                           const GLogField *fields, gsize count)
{
    if (sinks == 0 || (sink.relay_fd >= 0 &&
                       cronos_log_relay_send(sink.relay_fd, sinks, flags, level, fields, count)))
        return;
    if ((sinks & CRONOS_LOG_TO_JOURNAL) != 0)
        g_log_writer_journald(flags, fields, count, NULL);
    if ((sinks & CRONOS_LOG_TO_FILE) != 0 && sink.file != NULL)
        write_file(level, fields, count);
}

void cronos_log_write_for(guint sinks, GLogLevelFlags flags, CronosLogLevel level,
                          const GLogField *fields, gsize count)
{
    g_mutex_lock(&sink.lock);
    write_to_sinks(sinks, flags, level, fields, count);
    g_mutex_unlock(&sink.lock);
}

static void write_to_terminal(CronosLogLevel level, const GLogField *fields, gsize count)
{
    g_autoptr(GString) line = g_string_new(NULL);

    g_string_printf(line, "%s: %s", sink.program, levels[level].stderr_prefix);
    append_text(line, fields, count);
    write_stderr(line->str, line->len);
}

/* The least important level that goes to stderr or, once that is gone, to the journal. */
static CronosLogLevel people_level(void)
{
    return g_atomic_int_get(&sink.use_stderr) ? sink.stderr_level
                                              : MAX(sink.stderr_level, sink.file_level);
}

static void write_event(GLogLevelFlags flags, CronosLogLevel level, const GLogField *fields,
                        gsize count)
{
    guint sinks = sink.file != NULL && level <= sink.file_level ? CRONOS_LOG_TO_FILE : 0;
    gboolean told =
        sink.tells_results && sink.use_stderr && find_field(fields, count, RESULT_FIELD) != NULL;

    if (level <= people_level() && (sink.stderr_is_journal || !sink.use_stderr) && !told)
        sinks |= CRONOS_LOG_TO_JOURNAL;
    else if (level <= people_level() && !told)
        write_to_terminal(level, fields, count);
    write_to_sinks(sinks, flags, level, fields, count);
}

/* What GLib or another library has to say. */
static void write_foreign(GLogLevelFlags flags, const GLogField *fields, gsize count)
{
    guint sinks = 0;

    if (sink.file != NULL &&
        (flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) != 0)
        sinks |= CRONOS_LOG_TO_FILE;
    if (!g_atomic_int_get(&sink.use_stderr))
        sinks |= CRONOS_LOG_TO_JOURNAL;
    cronos_log_write_for(sinks, flags,
                         (flags & G_LOG_LEVEL_WARNING) != 0 ? CRONOS_LOG_WARNING : CRONOS_LOG_ERROR,
                         fields, count);
    g_log_writer_default(flags, fields, count, NULL);
}

static GLogWriterOutput writer(GLogLevelFlags flags, const GLogField *fields, gsize count,
                               gpointer unused)
{
    const GLogField *event = find_field(fields, count, EVENT_FIELD);
    CronosLogLevel level;

    if (event == NULL || !cronos_log_level_parse(event->value, &level)) {
        write_foreign(flags, fields, count);
        return G_LOG_WRITER_HANDLED;
    }
    g_mutex_lock(&sink.lock);
    write_event(flags, level, fields, count);
    g_mutex_unlock(&sink.lock);
    return G_LOG_WRITER_HANDLED;
}

void cronos_log_start(const CronosLogOptions *options)
{
    g_return_if_fail(!g_atomic_int_get(&sink.started));
    sink.program = g_strdup(options->program);
    sink.file = g_strdup(options->file);
    sink.file_level = options->file_level;
    sink.stderr_level = options->stderr_level;
    sink.use_stderr = options->use_stderr;
    sink.tells_results = options->tells_results;
    sink.before_line = options->before_line;
    sink.stderr_is_journal = g_log_writer_is_journald(STDERR_FILENO);
    g_log_set_writer_func(writer, NULL, NULL);
    g_atomic_int_set(&sink.started, TRUE);
}

void cronos_log_relay_use(int fd)
{
    g_mutex_lock(&sink.lock);
    sink.relay_fd = fd;
    g_mutex_unlock(&sink.lock);
}

void cronos_log_make_way(void)
{
    g_mutex_lock(&sink.lock);
    if (sink.use_stderr && sink.before_line != NULL)
        sink.before_line();
    g_mutex_unlock(&sink.lock);
}

void cronos_log_detach(void)
{
    g_mutex_lock(&sink.lock);
    g_atomic_int_set(&sink.use_stderr, FALSE);
    g_mutex_unlock(&sink.lock);
}

static void log_event(CronosLogLevel level, gboolean result, const char *backup, const char *path,
                      const char *format, va_list args) G_GNUC_PRINTF(5, 0);

static void log_event(CronosLogLevel level, gboolean result, const char *backup, const char *path,
                      const char *format, va_list args)
{
    if (!g_atomic_int_get(&sink.started) ||
        (level > people_level() && (sink.file == NULL || level > sink.file_level)))
        return;
    g_autofree char *message = g_strdup_vprintf(format, args);
    GLogField fields[FIELDS_MAX] = {
        {"MESSAGE", message, -1},
        {"PRIORITY", levels[level].priority, -1},
        {"GLIB_DOMAIN", G_LOG_DOMAIN, -1},
        {"SYSLOG_IDENTIFIER", sink.program, -1},
        {EVENT_FIELD, levels[level].word, -1},
    };
    gsize count = 5;

    if (backup != NULL)
        fields[count++] = (GLogField){"BACKUP", backup, -1};
    if (path != NULL)
        fields[count++] = (GLogField){"PATH", path, -1};
    if (result)
        fields[count++] = (GLogField){RESULT_FIELD, "1", -1};
    g_log_structured_array(levels[level].flags, fields, count);
}

void cronos_log_event(CronosLogLevel level, const char *backup, const char *path,
                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_event(level, FALSE, backup, path, format, args);
    va_end(args);
}

void cronos_log_result(CronosLogLevel level, const char *backup, const char *path,
                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_event(level, TRUE, backup, path, format, args);
    va_end(args);
}
