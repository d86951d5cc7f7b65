/* SPDX-License-Identifier: MIT
 * push.h - small files, handed to the kernel before it asks for them
 *
 * A READ's round trip costs more than the decoding of a small file. Once a process is seen to read
 * the files of a folder one after another, the next ones are decoded ahead and put into the page
 * cache: first a few, then more while it goes on. It stops where the process does something else;
 * who reads but one file of a folder is never served another. One that goes through folder after
 * folder gets the next one's first files as soon as it has listed it.
 *
 * The thread that answers the request does it: a few files before the answer, so that the reader
 * does not come for the very next one at once, the others while the reader has those to work on. To
 * store a page is to wait for a READ of that page: only some threads may push at a time, so that
 * there is always one left to answer; files are stored in ascending order; and no lock is held.
 * Nothing is stored but what was decoded whole, and its checksum right.
 *
 * Threads: all functions are safe, but new and free. */
#pragma once
#include "fs/push-run.h"

/* Room that cronos_push_begin needs. */
#define CRONOS_PUSH_BUFFER_BYTES (256u * 1024)

struct fuse_session;

/* One READ's part, from its answer being ready to what is pushed after it. */
typedef struct {
    CronosPush *push;
    CronosPushRun *run; /* NULL: nothing to push */
    const CronosTarget *target;
    void *buffer;
    guint32 end; /* of the folder */
    guint entries, files, files_max;
    gboolean helps; /* somebody else pushes, too */
    guint64 bytes;
    guint32 awaited;
} CronosPushing;

/* @session: borrowed, outlives it. @threads: how many serve the session at most. */
CronosPush *cronos_push_new(struct fuse_session *session, guint threads);
void cronos_push_free(CronosPush *push); /* NULL: no-op; no request is served any more */
/* Ends what is under way and waits for its end; nothing is pushed from then on. Do it while
 * requests are still served. */
void cronos_push_halt(CronosPush *push);

/* The first @got bytes of @target are about to go to the process @reader. Pushes the rest of that
 * file, and some files. @buffer: CRONOS_PUSH_BUFFER_BYTES; borrowed, as @target, until the end. */
void cronos_push_begin(CronosPush *push, const CronosTarget *target, pid_t reader, gsize got,
                       void *buffer, CronosPushing *out_pushing);
/* The process @reader has listed @folder to its end. Where it has read through others before,
 * pushes some files. @buffer: as above. */
void cronos_push_begin_listed(CronosPush *push, const CronosTarget *folder, pid_t reader,
                              void *buffer, CronosPushing *out_pushing);
/* They have gone. Pushes the other files. */
void cronos_push_end(CronosPushing *pushing);
