/* SPDX-License-Identifier: MIT
 * zip-scratch.c - what each thread keeps for decoding */
#include "core/zip/zip-scratch.h"

#include "core/error.h"

#include <libdeflate.h>

#define ROOM_LEAST (64u << 10)
/* Larger buffers are not kept. */
#define ROOM_KEPT (2u << 20)

typedef struct {
    struct libdeflate_decompressor *decompressor;
    guint8 *buffer;
    gsize room;
} Scratch;

static void scratch_free(gpointer data)
{
    Scratch *scratch = data;

    libdeflate_free_decompressor(scratch->decompressor);
    g_free(scratch->buffer);
    g_free(scratch);
}

static GPrivate scratch_key = G_PRIVATE_INIT(scratch_free);

static Scratch *get_scratch(void)
{
    Scratch *scratch = g_private_get(&scratch_key);

    if (scratch == NULL) {
        scratch = g_new0(Scratch, 1);
        g_private_set(&scratch_key, scratch);
    }
    return scratch;
}

struct libdeflate_decompressor *cronos_zip_scratch_decompressor(GError **error)
{
    Scratch *scratch = get_scratch();

    if (scratch->decompressor == NULL)
        scratch->decompressor = libdeflate_alloc_decompressor();
    if (scratch->decompressor == NULL)
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                            "not enough memory to decode the member");
    return scratch->decompressor;
}

guint8 *cronos_zip_scratch_buffer(gsize room, GError **error)
{
    Scratch *scratch = get_scratch();

    if (scratch->room >= room)
        return scratch->buffer;
    g_free(scratch->buffer);
    scratch->room = MAX(room, ROOM_LEAST);
    scratch->buffer = g_try_malloc(scratch->room);
    if (scratch->buffer != NULL)
        return scratch->buffer;
    scratch->room = 0;
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                        "not enough memory to decode the member");
    return NULL;
}

void cronos_zip_scratch_trim(void)
{
    Scratch *scratch = get_scratch();

    if (scratch->room <= ROOM_KEPT)
        return;
    g_clear_pointer(&scratch->buffer, g_free);
    scratch->room = 0;
}
