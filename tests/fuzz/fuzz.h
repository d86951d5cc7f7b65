/* SPDX-License-Identifier: MIT
 * fuzz.h - what every fuzz target shares
 *
 * A target takes any bytes and must come back: no crash, no hang, nothing left behind. What is
 * more, it holds what it gets against what must be true of every result, and aborts where that
 * fails. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns: (owned) an anonymous file that holds @size bytes of @data, open at its start. */
static inline int fuzz_file(const void *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0 || (size > 0 && pwrite(fd, data, size, 0) != (ssize_t)size))
        g_error("can not make a file in memory");
    return fd;
}

/* A failure has a reason that can be told, and a success has none. */
static inline void fuzz_check_error(gboolean ok, const GError *error)
{
    g_assert_true(ok == (error == NULL));
    if (error != NULL)
        g_assert_true(error->message != NULL && *error->message != '\0' &&
                      g_utf8_validate(error->message, -1, NULL));
}

/* Splits @size bytes of @data at each newline, NUL bytes taken out.
 * Returns: (owned) NULL-terminated, at most @most strings. */
static inline char **fuzz_lines(const uint8_t *data, size_t size, guint most)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < size; i++) {
        if (data[i] != '\0')
            g_string_append_c(text, (char)data[i]);
    }
    char **lines = g_strsplit(text->str, "\n", (gint)most);
    g_string_free(text, TRUE);
    return lines;
}
