/* SPDX-License-Identifier: MIT
 * reply-buffer.c - each serving thread's buffer */
#include "fs/reply-buffer.h"

#include <stdlib.h>

#define PAGE_BYTES 4096u
/* A READ of the usual read-ahead fits without growing. */
#define LEAST_BYTES (128u * 1024)

typedef struct {
    gsize size;
    void *bytes;
} Buffer;

static void buffer_free(gpointer data)
{
    Buffer *buffer = data;

    free(buffer->bytes);
    g_free(buffer);
}

void *cronos_reply_buffer(gsize size)
{
    static GPrivate own = G_PRIVATE_INIT(buffer_free);
    Buffer *buffer = g_private_get(&own);

    if (buffer == NULL) {
        buffer = g_new0(Buffer, 1);
        g_private_set(&own, buffer);
    }
    if (buffer->size >= size && buffer->bytes != NULL)
        return buffer->bytes;
    free(buffer->bytes);
    buffer->bytes = NULL;
    buffer->size = MAX(size, LEAST_BYTES);
    if (posix_memalign(&buffer->bytes, PAGE_BYTES, buffer->size) != 0)
        buffer->bytes = NULL;
    return buffer->bytes;
}
