/* SPDX-License-Identifier: MIT
 * error.c - error domains, and names made fit for a message */
#include "core/error.h"

#include <string.h>

/* The formatter would take the quarks' names for subtractions. */
/* clang-format off */
G_DEFINE_QUARK(cronos-error-quark, cronos_error)
G_DEFINE_QUARK(cronos-system-error-quark, cronos_system_error)
/* clang-format on */

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
