/* SPDX-License-Identifier: MIT
 * notify.c - the datagrams of sd_notify(3)
 *
 * The protocol is one datagram to a socket whose name is in the environment: little enough to do
 * without another library. */
#include "cli/serve/notify.h"

#include "core/log.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <unistd.h>

static GMutex mutex;
static GSocket *manager; /* NULL: there is none; mutex */
static gint64 watchdog_us;

static GSocketAddress *address_of(const char *name)
{
    if (*name == '@') /* '@' stands for the NUL byte of an abstract name */
        return g_unix_socket_address_new_with_type(name + 1, -1, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
    return g_unix_socket_address_new(name);
}

static GSocket *socket_to(const char *name, GError **error)
{
    g_autoptr(GSocketAddress) address = address_of(name);
    g_autoptr(GSocket) socket = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_DATAGRAM,
                                             G_SOCKET_PROTOCOL_DEFAULT, error);

    if (socket == NULL || !g_socket_connect(socket, address, NULL, error))
        return NULL;
    return g_steal_pointer(&socket);
}

static void read_watchdog(void)
{
    const char *interval = g_getenv("WATCHDOG_USEC");
    const char *pid = g_getenv("WATCHDOG_PID");
    gint64 us = interval != NULL ? g_ascii_strtoll(interval, NULL, 10) : 0;

    if (us > 0 && (pid == NULL || g_ascii_strtoll(pid, NULL, 10) == getpid()))
        watchdog_us = MAX(us / 2, 1);
}

void cronos_notify_start(void)
{
    const char *name = g_getenv("NOTIFY_SOCKET");
    g_autoptr(GError) error = NULL;

    if (name != NULL && *name != '\0') {
        manager = socket_to(name, &error);
        if (manager == NULL)
            cronos_log_event(CRONOS_LOG_ERROR, NULL, NULL, "NOTIFY_SOCKET: %s", error->message);
        else
            read_watchdog();
    }
    g_unsetenv("NOTIFY_SOCKET");
    g_unsetenv("WATCHDOG_USEC");
    g_unsetenv("WATCHDOG_PID");
}

void cronos_notify(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_mutex_lock(&mutex);
    if (manager != NULL)
        g_socket_send(manager, text, strlen(text), NULL, NULL);
    g_mutex_unlock(&mutex);
}

gint64 cronos_notify_watchdog_us(void)
{
    return watchdog_us;
}
