/* SPDX-License-Identifier: MIT
 * error.h - how core reports failure
 *
 * Two domains: CRONOS_ERROR for what this project decides, with few codes that callers branch on,
 * and CRONOS_SYSTEM_ERROR for what the kernel answered, whose code is the errno value. Every
 * message names the file or member it is about and stands alone as a line, without a full stop. */
#pragma once
#include <glib.h>

#define CRONOS_ERROR (cronos_error_quark())
#define CRONOS_SYSTEM_ERROR (cronos_system_error_quark())

typedef enum {
    CRONOS_ERROR_FAILED,      /* anything no caller branches on */
    CRONOS_ERROR_USAGE,       /* an argument, name or pattern that can not be accepted */
    CRONOS_ERROR_CONFIG,      /* the configuration file is wrong */
    CRONOS_ERROR_NOT_FOUND,   /* no such backup, member or path */
    CRONOS_ERROR_DAMAGED,     /* the archive contradicts its format or its checksums */
    CRONOS_ERROR_UNSUPPORTED, /* a valid archive that needs what cronos can not do */
    CRONOS_ERROR_UNSAFE,      /* a member that would be written outside of the target */
    CRONOS_ERROR_NOT_EMPTY,   /* a restore target that holds something already */
    CRONOS_ERROR_NO_SPACE,    /* known beforehand not to fit */
    CRONOS_ERROR_CHANGED,     /* a file changed while it was read */
    CRONOS_ERROR_CANCELLED,   /* the user or a signal asked to stop */
} CronosErrorCode;

GQuark cronos_error_quark(void);
GQuark cronos_system_error_quark(void);

/* Sets @error to CRONOS_SYSTEM_ERROR with code @errnum and the message
 * "<formatted text>: <strerror(errnum)>". @error may be NULL. */
void cronos_error_set_system(GError **error, int errnum, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Returns: whether @c is a control character, or makes a terminal show a name as another one: line
 * and paragraph separators, and the controls of bidirectional text. */
gboolean cronos_character_disguises(gunichar c);

/* Returns: (owned) @bytes as UTF-8 fit for a terminal line: control characters, newlines,
 * bidirectional controls and invalid bytes are written as octal escapes ("\012"), a backslash as
 * two. Never NULL. */
char *cronos_quote_bytes(const char *bytes, gsize length);
/* The same for a NUL-terminated path. */
char *cronos_quote_path(const char *path);
