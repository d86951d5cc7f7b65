/* SPDX-License-Identifier: MIT
 * progress.h - how long work in core tells of its progress and is asked to stop */
#pragma once
#include <gio/gio.h>

typedef struct {
    guint64 bytes_done, bytes_total;     /* total 0: not known yet */
    guint64 members_done, members_total; /* total 0: not known yet */
    const char *current;                 /* path being worked on, or NULL; valid in the call only */
} CronosProgressState;

/* @callback may be NULL; it may be called from any thread, never from two at once, and must be
 * cheap: callers of it do not rate-limit. @cancellable may be NULL; work in core polls it and
 * fails with CRONOS_ERROR_CANCELLED, leaving nothing half done behind. */
typedef struct {
    void (*callback)(const CronosProgressState *state, gpointer user_data);
    gpointer user_data;
    GCancellable *cancellable;
} CronosProgress;
