/* SPDX-License-Identifier: MIT
 * passphrase.c - the passphrase of encrypted members
 *
 * The command is split as a shell would, but none is run: what stands in a configuration file is a
 * program and its arguments. */
#include "core/passphrase.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static GMutex lock;
static char *source_file, *source_command; /* under lock, as the below */
static const char *passphrase;             /* interned: handles keep it */

void cronos_passphrase_set_source(const char *file, const char *command)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);

    g_free(source_file);
    g_free(source_command);
    source_file = file != NULL && *file != '\0' ? g_strdup(file) : NULL;
    source_command = command != NULL && *command != '\0' ? g_strdup(command) : NULL;
    passphrase = NULL;
}

gboolean cronos_passphrase_is_configured(void)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);

    return source_file != NULL || source_command != NULL;
}

/* Returns: (owned) up to one byte more than a passphrase may have, NUL-terminated; NULL with errno.
 */
static char *read_start(int fd, gsize *out_length)
{
    g_autofree char *text = g_malloc0(CRONOS_PASSPHRASE_BYTES_MAX + 2);
    gsize length = 0;

    while (length <= CRONOS_PASSPHRASE_BYTES_MAX) {
        gssize got = read(fd, text + length, CRONOS_PASSPHRASE_BYTES_MAX + 1 - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return NULL;
        if (got == 0)
            break;
        length += (gsize)got;
    }
    *out_length = length;
    return g_steal_pointer(&text);
}

static char *read_file(const char *file, gsize *out_length, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(file);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char *text = fd >= 0 ? read_start(fd, out_length) : NULL;

    if (text == NULL)
        cronos_error_set_system(error, errno, "the passphrase's file \"%s\"", quoted);
    if (fd >= 0)
        close(fd);
    return text;
}

static gboolean set_command_error(const char *what, GError **error)
{
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, "the passphrase's command %s", what);
    return FALSE;
}

static char *run_command(const char *command, gsize *out_length, GError **error)
{
    g_auto(GStrv) argv = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GError) local = NULL;
    int status = 0;

    if (!g_shell_parse_argv(command, NULL, &argv, &local) ||
        !g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL,
                      NULL, &text, NULL, &status, &local)) {
        g_autofree char *quoted = cronos_quote_path(local->message);
        g_autofree char *what = g_strconcat("can not be run: ", quoted, NULL);

        set_command_error(what, error);
        return NULL;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        set_command_error("failed", error);
        return NULL;
    }
    *out_length = strlen(text);
    return g_steal_pointer(&text);
}

/* Cuts @text after its first line. */
static gboolean take_line(char *text, gsize length, GError **error)
{
    gsize line = strcspn(text, "\r\n");
    const char *what = NULL;

    if (line == 0)
        what = "the passphrase is empty";
    else if (line > CRONOS_PASSPHRASE_BYTES_MAX)
        what = "the passphrase is too long";
    else if (line < length && text[line] == '\0')
        what = "the passphrase holds a NUL byte";
    text[line] = '\0';
    if (what != NULL)
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED, what);
    return what == NULL;
}

const char *cronos_passphrase_get(GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    gsize length = 0;

    if (passphrase != NULL)
        return passphrase;
    if (source_file == NULL && source_command == NULL) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_UNSUPPORTED,
                            "is encrypted, and no passphrase is configured "
                            "(archive.passphrase_file)");
        return NULL;
    }
    g_autofree char *text = source_file != NULL ? read_file(source_file, &length, error)
                                                : run_command(source_command, &length, error);
    if (text == NULL || !take_line(text, length, error))
        return NULL;
    passphrase = g_intern_string(text);
    return passphrase;
}
