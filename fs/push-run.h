/* SPDX-License-Identifier: MIT
 * push-run.h - which processes read through which folders
 *
 * A run is one process going through one folder: the entry it read last, and how far the pushing
 * (push.h) went. A walk through many folders need not prove itself in each: what one folder showed
 * is credit for some more, and then a run begins where the folder has been listed. Threads: all
 * functions are safe, but new and free; no lock is held between them. */
#pragma once
#include "fs/target.h"

typedef struct CronosPushRuns CronosPushRuns;
typedef struct CronosPushRun CronosPushRun;

/* @pushers_max: how many threads may push at a time. */
CronosPushRuns *cronos_push_runs_new(guint pushers_max);
void cronos_push_runs_free(CronosPushRuns *runs); /* NULL: no-op */
/* Ends all runs, and waits until nobody pushes; none begins from then on. */
void cronos_push_runs_halt(CronosPushRuns *runs);

/* Note that the process @reader reads the file @target, or has listed the folder @folder to its
 * end. Returns: (borrowed) the run that the caller is to push, until cronos_push_runs_end; or NULL.
 * @out_helps: somebody pushes it already, and the reader overtook him. */
CronosPushRun *cronos_push_runs_note_read(CronosPushRuns *runs, const CronosTarget *target,
                                          pid_t reader, gboolean *out_helps);
CronosPushRun *cronos_push_runs_note_listed(CronosPushRuns *runs, const CronosTarget *folder,
                                            pid_t reader);
guint32 cronos_push_run_folder(const CronosPushRun *run);
/* Returns: how many files to push this time. */
guint cronos_push_runs_window(CronosPushRuns *runs, const CronosPushRun *run);
/* Gives the caller the next entry to push, before @end; the reader may have gone further than the
 * pushing. Returns: FALSE when there is none, or the reader is elsewhere. */
gboolean cronos_push_runs_claim(CronosPushRuns *runs, CronosPushRun *run, guint32 end,
                                guint32 *out_entry);
/* @awaited: the file that was left out, whose READ tells that the process is still there; or
 * CRONOS_ENTRY_NONE. */
void cronos_push_runs_end(CronosPushRuns *runs, CronosPushRun *run, guint32 awaited);

/* Returns: whether @entry is a file that one who reads all files would read. */
gboolean cronos_push_is_readable_file(const CronosArchive *archive, guint32 entry,
                                      guint64 *out_size);
