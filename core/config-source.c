/* SPDX-License-Identifier: MIT
 * config-source.c - finding and reading configuration files
 *
 * libconfig does the parsing; what stands here only keeps from it what it can not take. Limits: a
 * file of at most 1 MiB, includes nested at most 10 deep (libconfig's own limit), at most 100 of
 * them in all. Paths in @include are relative to the directory of the main configuration file. */
#include "core/config-source.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1024u * 1024u)
#define INCLUDE_DEPTH_MAX 10
#define INCLUDES_MAX 100

static gboolean exists(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0;
}

static char *require_file(const char *path, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);

    /* An empty name would be that of the current directory. */
    if (*path != '\0' && exists(absolute))
        return g_steal_pointer(&absolute);

    int errnum = *path != '\0' ? errno : ENOENT;
    g_autofree char *quoted = cronos_quote_path(path);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG, "configuration file \"%s\": %s", quoted,
                g_strerror(errnum));
    return NULL;
}

static char *user_config_path(void)
{
    const char *xdg = g_getenv("XDG_CONFIG_HOME");

    /* The XDG specification has relative paths ignored. */
    if (xdg != NULL && g_path_is_absolute(xdg))
        return g_build_filename(xdg, "cronos", "cronos.conf", NULL);
    return g_build_filename(g_get_home_dir(), ".config", "cronos", "cronos.conf", NULL);
}

char *cronos_config_source_find(const char *root, const char *explicit_path, GError **error)
{
    const char *named = g_getenv("CRONOS_CONFIG");

    if (explicit_path != NULL)
        return require_file(explicit_path, error);
    if (named != NULL && *named != '\0')
        return require_file(named, error);

    g_autofree char *of_root = g_build_filename(root, "cronos.conf", NULL);
    if (exists(of_root))
        return g_steal_pointer(&of_root);
    g_autofree char *of_user = user_config_path();
    if (exists(of_user))
        return g_steal_pointer(&of_user);
    return exists("/etc/cronos/cronos.conf") ? g_strdup("/etc/cronos/cronos.conf") : NULL;
}

static void G_GNUC_PRINTF(4, 5)
    set_error(GError **error, const char *path, guint line, const char *format, ...)
{
    va_list args;
    g_autofree char *quoted = cronos_quote_path(path);

    va_start(args, format);
    g_autofree char *reason = g_strdup_vprintf(format, args);
    va_end(args);
    if (line > 0)
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG, "%s:%u: %s", quoted, line, reason);
    else
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG, "%s: %s", quoted, reason);
}

/* Returns: (owned) up to one byte more than a file may have, NUL-terminated; NULL with errno. */
static char *read_bytes(int fd, gsize *out_length)
{
    g_autofree char *text = g_malloc(FILE_BYTES_MAX + 2);
    gsize length = 0;

    while (length <= FILE_BYTES_MAX) {
        gssize got = read(fd, text + length, FILE_BYTES_MAX + 1 - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return NULL;
        if (got == 0)
            break;
        length += (gsize)got;
    }
    text[length] = '\0';
    *out_length = length;
    return g_steal_pointer(&text);
}

static char *read_text(const char *path, GError **error)
{
    struct stat status;
    gsize length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, &status) != 0) {
        set_error(error, path, 0, "%s", g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        set_error(error, path, 0, "not a regular file");
        close(fd);
        return NULL;
    }

    g_autofree char *text = read_bytes(fd, &length);
    int errnum = errno;
    close(fd);
    if (text == NULL)
        set_error(error, path, 0, "%s", g_strerror(errnum));
    else if (length > FILE_BYTES_MAX)
        set_error(error, path, 0, "larger than 1 MiB");
    else if (memchr(text, '\0', length) != NULL)
        set_error(error, path, 0, "not a text file: it holds a NUL byte");
    else
        return g_steal_pointer(&text);
    return NULL;
}

/* Where one pass over a text stands. */
typedef struct {
    const char *path, *directory;
    const char *at;
    guint line;
    int depth;
    guint *includes; /* files included so far, in the whole scan */
} Scan;

static void step(Scan *scan)
{
    scan->line += *scan->at == '\n';
    scan->at++;
}

static void skip_string(Scan *scan)
{
    for (step(scan); *scan->at != '\0' && *scan->at != '"'; step(scan)) {
        if (*scan->at == '\\' && scan->at[1] != '\0')
            step(scan);
    }
    if (*scan->at != '\0')
        step(scan);
}

static void skip_line(Scan *scan)
{
    while (*scan->at != '\0' && *scan->at != '\n')
        step(scan);
}

static void skip_block_comment(Scan *scan)
{
    while (*scan->at != '\0' && !g_str_has_prefix(scan->at, "*/"))
        step(scan);
    for (int i = 0; i < 2 && *scan->at != '\0'; i++)
        step(scan);
}

static gboolean is_word_character(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '-' || c == '*';
}

/* A number of at most 32 bits, or of at most 64 where it ends in "L"; floats pass. */
static gboolean check_number(Scan *scan, GError **error)
{
    const char *start = scan->at;
    gboolean is_hex = start[0] == '0' && (start[1] == 'x' || start[1] == 'X');
    char *end = NULL;

    errno = 0;
    guint64 value = g_ascii_strtoull(start, &end, is_hex ? 16 : 10);
    gboolean is_long = *end == 'L';
    gboolean is_float = !is_hex && (*end == '.' || *end == 'e' || *end == 'E');
    gboolean fits = errno == 0 && value <= (is_long ? (guint64)G_MAXINT64 : (guint64)G_MAXINT32);

    while (g_ascii_isalnum(*scan->at) || *scan->at == '.')
        scan->at++;
    if (fits || is_float)
        return TRUE;
    set_error(error, scan->path, scan->line, "the number %.*s is too large",
              (int)MIN(scan->at - start, 64), start);
    return FALSE;
}

static gboolean check_text(Scan *scan, GError **error);

static gboolean check_include(Scan *scan, GError **error)
{
    g_autoptr(GError) local = NULL;
    const char *name = strchr(scan->at, '"');
    const char *end = name != NULL ? strpbrk(name + 1, "\"\n") : NULL;
    guint line = scan->line;

    skip_line(scan);
    if (end == NULL || *end != '"') {
        set_error(error, scan->path, line, "@include needs a path in quotes");
        return FALSE;
    }
    if (name[1] == '/') {
        set_error(error, scan->path, line, "@include needs a path relative to \"%s\"",
                  scan->directory);
        return FALSE;
    }

    g_autofree char *relative = g_strndup(name + 1, (gsize)(end - name - 1));
    g_autofree char *path = g_build_filename(scan->directory, relative, NULL);
    g_autofree char *text = read_text(path, &local);
    Scan inner = {path, scan->directory, text, 1, scan->depth + 1, scan->includes};

    if (text == NULL)
        set_error(error, scan->path, line, "can not include %s", local->message);
    else if (inner.depth > INCLUDE_DEPTH_MAX)
        set_error(error, scan->path, line, "includes are nested too deep");
    else if (++*scan->includes > INCLUDES_MAX)
        set_error(error, scan->path, line, "too many includes");
    else
        return check_text(&inner, error);
    return FALSE;
}

static gboolean check_text(Scan *scan, GError **error)
{
    while (*scan->at != '\0') {
        if (*scan->at == '"')
            skip_string(scan);
        else if (*scan->at == '#' || g_str_has_prefix(scan->at, "//"))
            skip_line(scan);
        else if (g_str_has_prefix(scan->at, "/*"))
            skip_block_comment(scan);
        else if (g_ascii_isdigit(*scan->at)) {
            if (!check_number(scan, error))
                return FALSE;
        } else if (g_str_has_prefix(scan->at, "@include")) {
            if (!check_include(scan, error))
                return FALSE;
        } else if (g_ascii_isalpha(*scan->at) || *scan->at == '*') {
            while (is_word_character(*scan->at))
                step(scan);
        } else {
            step(scan);
        }
    }
    return TRUE;
}

char *cronos_config_source_read(const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *text = read_text(path, error);
    guint includes = 0;
    Scan scan = {path, directory, text, 1, 0, &includes};

    if (text == NULL || !check_text(&scan, error))
        return NULL;
    return g_steal_pointer(&text);
}
