/* SPDX-License-Identifier: MIT
 * pool.h - which archives are kept indexed: a bound on their memory and descriptors
 *
 * When a newly opened archive takes the sum over the bound, the ones unused for longest are dropped
 * and opened again, with the same numbers, when they are asked for. The few used last always stay,
 * so that reading several huge archives side by side does not index them over and over: memory is
 * bounded by the budget or by those few, whichever is more.
 *
 * Lock order: a slot's lock is never taken while the pool's is held. */
#pragma once
#include "fs/slot.h"

/* Dropping never leaves fewer than these. */
#define CRONOS_POOL_KEPT_MINIMUM 4u

/* @descriptors_max: files that archives may hold open together. */
CronosPool *cronos_pool_new(gsize budget_bytes, guint descriptors_max);
void cronos_pool_free(CronosPool *pool); /* NULL: no-op; drops what is open */

/* @slot has just opened an archive that weighs @memory_bytes; its lock must not be held. */
void cronos_pool_add(CronosPool *pool, CronosSlot *slot, gsize memory_bytes);
void cronos_pool_remove(CronosPool *pool, CronosSlot *slot);
/* A clock that moves with each archive opened: cheap marks of recent use. */
guint64 cronos_pool_now(CronosPool *pool);
void cronos_pool_tick(CronosPool *pool);
/* Each slot counts its own descriptor, and its outline's. */
void cronos_pool_count_descriptor(CronosPool *pool, int difference);
/* Returns: whether there are enough for another one to be kept. */
gboolean cronos_pool_has_descriptors(CronosPool *pool);
