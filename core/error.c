/* SPDX-License-Identifier: MIT
 * error.c - error domains, and names made fit for a message */
#include "core/error.h"

#include <string.h>

/* Not by G_DEFINE_QUARK, whose number is read and written by all threads as it comes: harmless, but
 * a race. */
static GQuark quark_once(gsize *quark, const char *name)
{
    if (g_once_init_enter(quark))
        g_once_init_leave(quark, g_quark_from_static_string(name));
    return (GQuark)*quark;
}

GQuark cronos_error_quark(void)
{
    static gsize quark;

    return quark_once(&quark, "cronos-error-quark");
}

GQuark cronos_system_error_quark(void)
{
    static gsize quark;

    return quark_once(&quark, "cronos-system-error-quark");
}

void cronos_error_set_system(GError **error, int errnum, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, CRONOS_SYSTEM_ERROR, errnum, "%s: %s", what, g_strerror(errnum));
}

gboolean cronos_character_disguises(gunichar c)
{
    return g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f;
}

char *cronos_quote_bytes(const char *bytes, gsize length)
{
    GString *quoted = g_string_sized_new(length);
    const char *end = bytes + length;

    while (bytes < end) {
        gunichar c = g_utf8_get_char_validated(bytes, end - bytes);

        if (c == (gunichar)-1 || c == (gunichar)-2 || cronos_character_disguises(c)) {
            g_string_append_printf(quoted, "\\%03o", (unsigned char)*bytes++);
        } else if (c == '\\') {
            g_string_append(quoted, "\\\\");
            bytes++;
        } else {
            g_string_append_unichar(quoted, c);
            bytes += g_unichar_to_utf8(c, NULL);
        }
    }
    return g_string_free(quoted, FALSE);
}

char *cronos_quote_path(const char *path)
{
    return cronos_quote_bytes(path, strlen(path));
}
