/* SPDX-License-Identifier: MIT
 * restore-temporary.c - see restore-temporary.h */
#include "core/restore-temporary.h"
#include "core/directory-names.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_AT (sizeof CRONOS_RESTORE_TEMPORARY_PREFIX - 1)
#define SECOND_AT (FIRST_AT + CRONOS_RESTORE_TEMPORARY_FIRST_DIGITS + 1)

static gboolean are_digits(const char *text, gsize length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

gboolean cronos_restore_temporary_is_name(const char *name)
{
    return name[0] == '.' && g_str_has_prefix(name, CRONOS_RESTORE_TEMPORARY_PREFIX) &&
           are_digits(name + FIRST_AT, CRONOS_RESTORE_TEMPORARY_FIRST_DIGITS) &&
           name[SECOND_AT - 1] == '-' &&
           are_digits(name + SECOND_AT, CRONOS_RESTORE_TEMPORARY_SECOND_DIGITS) &&
           name[SECOND_AT + CRONOS_RESTORE_TEMPORARY_SECOND_DIGITS] == '\0';
}

/* A process id means something only where it was given. */
static gpointer digest_of_here(gpointer unused)
{
    char space[NAME_MAX + 1] = "";

    (void)unused;
    if (readlink("/proc/self/ns/pid", space, sizeof space - 1) < 0)
        space[0] = '\0';
    g_autofree char *here = g_strconcat(g_get_host_name(), "/", space, NULL);
    char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, here, -1);
    sum[CRONOS_RESTORE_TEMPORARY_FIRST_DIGITS] = '\0';
    return sum;
}

static const char *here_digits(void)
{
    static GOnce once = G_ONCE_INIT;

    return g_once(&once, digest_of_here, NULL);
}

void cronos_restore_temporary_make_name(char name[CRONOS_RESTORE_TEMPORARY_NAME_BYTES])
{
    g_snprintf(name, CRONOS_RESTORE_TEMPORARY_NAME_BYTES,
               CRONOS_RESTORE_TEMPORARY_PREFIX "%s-%08x%08x", here_digits(), (unsigned)getpid(),
               g_random_int());
}

/* Returns: whether @name was made here by a process that no longer runs. */
static gboolean is_dead(const char *name)
{
    char digits[9] = "";

    if (!cronos_restore_temporary_is_name(name) ||
        memcmp(name + FIRST_AT, here_digits(), CRONOS_RESTORE_TEMPORARY_FIRST_DIGITS) != 0)
        return FALSE;
    memcpy(digits, name + SECOND_AT, sizeof digits - 1);
    gulong pid = strtoul(digits, NULL, 16);
    return pid > 0 && pid <= INT_MAX && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

void cronos_restore_temporary_clear(int fd,
                                    gboolean (*is_wanted)(const char *name, gpointer user_data),
                                    gpointer user_data)
{
    int errnum = 0;
    g_autoptr(CronosDirectoryNames) names = cronos_directory_names_list(fd, &errnum);

    for (gsize i = 0; i < cronos_directory_names_count(names); i++) {
        unsigned char type;
        const char *name = cronos_directory_names_get(names, i, &type);

        if (is_dead(name) && !is_wanted(name, user_data) && unlinkat(fd, name, 0) == 0)
            cronos_log_event(CRONOS_LOG_INFO, NULL, name,
                             "removed what an interrupted restore left behind");
    }
}
