/* SPDX-License-Identifier: MIT
 * outbox.h - messages on their way to the server, kept until it has them
 *
 * A thread of its own delivers them, in order. What could not be delivered is tried again, so that
 * a server that goes away costs no message; one whose delivery was not confirmed may come twice.
 * Memory is bounded: who answers strangers waits for room, and what is soon out of date is passed
 * over while something else waits. Threads: all safe. */
#pragma once
#include <glib.h>

#define CRONOS_OUTBOX_MESSAGES_MAX 1000u /* that may wait before CRONOS_OUTBOX_PATIENT does */

typedef struct {
    char *subject, *text;
} CronosMessage;

typedef enum {
    CRONOS_OUTBOX_AT_ONCE, /* never waits; for what is bounded in number */
    CRONOS_OUTBOX_PATIENT, /* waits for room */
    CRONOS_OUTBOX_PASSING, /* dropped where anything else waits to be delivered */
} CronosOutboxManner;

typedef struct CronosOutbox CronosOutbox;

/* @deliver: called from the outbox' thread with an array of CronosMessage *; returns whether the
 * server has all of them. Returns: (owned). */
CronosOutbox *cronos_outbox_new(gboolean (*deliver)(const GPtrArray *messages, gpointer user_data),
                                gpointer user_data);
/* @subject: nullable: nothing is sent. Both are copied. */
void cronos_outbox_push(CronosOutbox *outbox, CronosOutboxManner manner, const char *subject,
                        const char *text);
/* The server can be reached again. */
void cronos_outbox_wake(CronosOutbox *outbox);
/* No more waiting for room: for the end, when who waits must come back. */
void cronos_outbox_hurry(CronosOutbox *outbox);
/* Returns: how many messages the server does not have yet. */
guint cronos_outbox_waiting(CronosOutbox *outbox);
/* Delivers what is left, for at most @patience_us, logs each message that can not be, and ends the
 * thread: what is pushed afterwards goes nowhere. Returns: the number of messages lost. */
guint cronos_outbox_close(CronosOutbox *outbox, gint64 patience_us);
void cronos_outbox_free(CronosOutbox *outbox); /* once closed */
