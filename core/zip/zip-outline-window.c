/* SPDX-License-Identifier: MIT
 * zip-outline-window.c - a part of a central directory, read when it is needed */
#include "core/zip/zip-outline-private.h"

#include "core/error.h"

/* Name, extra fields and comment have at most 65,535 bytes each. */
#define HEADER_BYTES_MAX (ZIP_CENTRAL_SIZE + 3 * 65535u)

void cronos_zip_window_init(CronosZipWindow *window, const CronosZipOutline *outline, gsize bytes)
{
    *window = (CronosZipWindow){.outline = outline, .bytes = g_malloc(bytes), .room = bytes};
}

gboolean cronos_zip_window_finish(CronosZipWindow *window, GError **error)
{
    gboolean read = window->error == NULL;

    if (!read)
        g_propagate_error(error, window->error);
    g_free(window->bytes);
    return read;
}

gboolean cronos_zip_window_peek(const CronosZipWindow *window, gsize at,
                                CronosZipHeader *out_header)
{
    return at >= window->start &&
           cronos_zip_header_read(window->bytes, window->length, at - window->start, out_header);
}

/* Has the window begin at @at, with at least @bytes where the directory has as many. */
static gboolean move_to(CronosZipWindow *window, gsize at, gsize bytes)
{
    const CronosZipEnd *end = &window->outline->end;

    if (window->room < bytes) {
        window->bytes = g_realloc(window->bytes, bytes);
        window->room = bytes;
    }
    window->start = at;
    window->length = (gsize)MIN(end->directory_bytes - at, window->room);
    if (cronos_zip_end_read(end, window->outline->fd, window->bytes, window->length,
                            end->directory_offset + at, &window->error))
        return TRUE;
    window->length = 0;
    return FALSE;
}

gboolean cronos_zip_window_header(CronosZipWindow *window, gsize at, CronosZipHeader *out_header)
{
    gsize end = (gsize)window->outline->end.directory_bytes;

    if (window->error != NULL || at >= end)
        return FALSE;
    if (cronos_zip_window_peek(window, at, out_header))
        return TRUE;
    if (!move_to(window, at, 0) || cronos_zip_window_peek(window, at, out_header))
        return window->error == NULL;
    /* A long one. */
    if (window->length < end - at && window->length < HEADER_BYTES_MAX &&
        (!move_to(window, at, HEADER_BYTES_MAX) || cronos_zip_window_peek(window, at, out_header)))
        return window->error == NULL;
    g_set_error_literal(&window->error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED,
                        "the central directory is damaged, or changed since it was opened");
    return FALSE;
}
