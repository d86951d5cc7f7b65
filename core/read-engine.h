/* SPDX-License-Identifier: MIT
 * read-engine.h - decoded bytes of a ZIP member at any offset
 *
 * How they are had is this module's matter alone: small members are decoded whole, straight into
 * the request or into a cache (read-cache.h); large ones by resumable streams (read-streams.h);
 * stored ones are read where they lie. */
#pragma once
#include "core/zip/zip-index.h"

/* Members of up to this size are decoded whole, and checked before a byte of them is delivered. */
#define CRONOS_READ_WHOLE_MAX (1u << 20)

typedef struct CronosReadEngine CronosReadEngine;

/* @fd, @index: borrowed, must outlive the engine. */
CronosReadEngine *cronos_read_engine_new(int fd, const CronosZipIndex *index);
/* Drops what is cached for it. NULL: no-op. No read may be under way. */
void cronos_read_engine_free(CronosReadEngine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosReadEngine, cronos_read_engine_free)

/* Returns: bytes read, fewer than @size only at the end of the member; -1 with @error DAMAGED,
 * UNSUPPORTED or a system error. Threads: any number at once. */
gssize cronos_read_engine_read(CronosReadEngine *engine, guint32 entry, guint64 offset,
                               void *buffer, gsize size, GError **error);
