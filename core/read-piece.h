/* SPDX-License-Identifier: MIT
 * read-piece.h - a stretch of a large member's decoded bytes, at hand */
#pragma once
#include "core/read-cache.h"

typedef struct {
    CronosReadBlock *block; /* owned: release it with cronos_read_cache_release */
    const guint8 *bytes;    /* within the block */
    gsize size;
    guint64 offset; /* of the first of them in the member */
} CronosReadPiece;
