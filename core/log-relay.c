/* SPDX-License-Identifier: MIT
 * log-relay.c - events of a process that may open nothing, written by one that may
 *
 * An event is a packet: a header, then key and value of each field, both with their NUL. Nothing in
 * it is trusted: who sends it may have been taken over, and can say what he likes in the log, and
 * no more. */
#include "core/log-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIELDS_MAX 16u
#define VALUE_BYTES_MAX 8192u
#define PACKET_BYTES_MAX (64u * 1024)

typedef struct {
    guint32 sinks, level;
    guint32 flags;
} Header;

gboolean cronos_log_relay_open(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
}

static void append_field(GString *packet, const GLogField *field)
{
    gsize length = field->length < 0 ? strlen(field->value) : (gsize)field->length;

    length = strnlen(field->value, MIN(length, VALUE_BYTES_MAX));
    if (packet->len + strlen(field->key) + length + 2 > PACKET_BYTES_MAX)
        return;
    g_string_append_len(packet, field->key, (gssize)strlen(field->key) + 1);
    g_string_append_len(packet, field->value, (gssize)length);
    g_string_append_c(packet, '\0');
}

gboolean cronos_log_relay_send(int fd, guint sinks, GLogLevelFlags flags, CronosLogLevel level,
                               const GLogField *fields, gsize count)
{
    const Header header = {sinks, level, flags};
    g_autoptr(GString) packet = g_string_new_len((const char *)&header, sizeof header);
    gssize sent;

    for (gsize i = 0; i < MIN(count, FIELDS_MAX); i++)
        append_field(packet, &fields[i]);
    do
        sent = write(fd, packet->str, packet->len);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* Returns: the text at *@at, and moves that behind it; NULL where none ends before @end. */
static const char *take_text(const char **at, const char *end)
{
    const char *text = *at, *nul = memchr(text, '\0', (gsize)(end - text));

    if (nul == NULL)
        return NULL;
    *at = nul + 1;
    return text;
}

static void pass_on(const char *packet, gsize length)
{
    const char *at = packet + sizeof(Header), *end = packet + length, *key, *value;
    GLogField fields[FIELDS_MAX];
    Header header;
    gsize count = 0;

    if (length < sizeof header)
        return;
    memcpy(&header, packet, sizeof header);
    while (count < FIELDS_MAX && (key = take_text(&at, end)) != NULL &&
           (value = take_text(&at, end)) != NULL)
        fields[count++] = (GLogField){key, value, -1};
    if (header.level <= CRONOS_LOG_DEBUG)
        cronos_log_write_for(header.sinks, (GLogLevelFlags)header.flags,
                             (CronosLogLevel)header.level, fields, count);
}

gboolean cronos_log_relay_pass_on(int fd)
{
    g_autofree char *packet = g_malloc(PACKET_BYTES_MAX);
    gssize got = read(fd, packet, PACKET_BYTES_MAX);

    if (got > 0)
        pass_on(packet, (gsize)got);
    return got > 0 || (got < 0 && errno == EINTR);
}
