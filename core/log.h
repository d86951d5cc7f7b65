/* SPDX-License-Identifier: MIT
 * log.h - structured logging for both programs (GLib g_log_structured)
 *
 * Core emits events; where they go is set once by the program: stderr, the journal where stderr is
 * one, and a file made when the first line is written. Threads: all safe after start. */
#pragma once
#include <glib.h>

typedef enum {
    CRONOS_LOG_ERROR,
    CRONOS_LOG_WARNING,
    CRONOS_LOG_INFO,
    CRONOS_LOG_DEBUG,
} CronosLogLevel;

typedef struct {
    const char *program;         /* "cronos", "cronosfs" */
    CronosLogLevel file_level;   /* least important level written to the file */
    CronosLogLevel stderr_level; /* the same for stderr */
    gboolean tells_results;      /* the program prints results in words of its own: those of
                                    cronos_log_result do not go to stderr */
    gboolean use_stderr; /* FALSE once a daemon has detached: the journal is then used where there
                            is one */
    const char *file;    /* nullable; copied; its directory is made when first written */
    void (*before_line)(void); /* nullable: called before each line on stderr, from any thread, so
                                  that a progress bar can be cleared; must not log */
} CronosLogOptions;

/* Installs the writer, once. A file that can not be written is reported once on stderr, and work
 * goes on. */
void cronos_log_start(const CronosLogOptions *options);
/* For a process that is about to give up the right to open files: another one writes for it.
 * cronos_log_relay_open makes a channel: what it says into ends[1] is heard at ends[0]. Returns:
 * FALSE with errno. */
gboolean cronos_log_relay_open(int ends[2]);
/* From now on what would go to the file or the journal goes into @fd; borrowed, to the end. */
void cronos_log_relay_use(int fd);
/* Waits for one event from @fd and writes it. Returns: FALSE at the end of what the other says. */
gboolean cronos_log_relay_pass_on(int fd);
/* Calls before_line, for somebody who writes to stderr past the log, as a command that is run does.
 */
void cronos_log_make_way(void);
/* After daemonizing: no more stderr. */
void cronos_log_detach(void);

/* One event, one line. Nothing happens before cronos_log_start. @backup: archive file name or NULL;
 * @path: member or file, or NULL: fields BACKUP= and PATH= of the journal, and at the line's end in
 * text. */
void cronos_log_event(CronosLogLevel level, const char *backup, const char *path,
                      const char *format, ...) G_GNUC_PRINTF(4, 5);
/* The same of what core has done for its caller, as the result that it gives back says, too. */
void cronos_log_result(CronosLogLevel level, const char *backup, const char *path,
                       const char *format, ...) G_GNUC_PRINTF(4, 5);
/* Returns: FALSE for a word that is no level. */
gboolean cronos_log_level_parse(const char *word, CronosLogLevel *out_level);
