/* SPDX-License-Identifier: MIT
 * command.h - what a command is, and the table of them
 *
 * The table drives everything that knows of commands: dispatch, parsing and help. A command owns
 * one file, command-NAME.c, and one CronosCommand in it; unpin shares that of pin. */
#pragma once
#include "cli/options.h"
#include "core/archive.h"
#include "core/catalog.h"
#include "core/config.h"

enum {
    CRONOS_EXIT_DONE = 0,
    CRONOS_EXIT_FAILED = 1,
    CRONOS_EXIT_USAGE = 2,      /* wrong usage or configuration */
    CRONOS_EXIT_INCOMPLETE = 3, /* done, but some files could not be read or written */
    CRONOS_EXIT_SIGNAL = 128,   /* plus the number of the signal that stopped the work */
};

typedef struct CronosCommand CronosCommand;

/* One call of a command; everything in it is borrowed. */
typedef struct {
    const CronosCommand *command;
    const CronosArguments *arguments;
    const char *const *operands; /* NULL-terminated; their number is within the command's bounds */
    guint operand_count;
    const CronosConfig *config; /* NULL where the command does without */
} CronosInvocation;

struct CronosCommand {
    const char *name;
    const char *synopsis; /* operands alone, as in "ID [PATH]..." */
    const char *summary;  /* one line for the overview */
    const char *details;  /* nullable; further lines of help, at most 80 columns each */
    const CronosOption *options;
    guint operands_min, operands_max;
    const char *operand_missing; /* what to ask for where there are too few */
    gboolean needs_config;
    gboolean is_service; /* what it logs goes to stderr, too: nobody else tells it */
    /* Returns: an exit status. With @error set, the caller prints it and derives the status. */
    int (*run)(const CronosInvocation *invocation, GError **error);
};

/* In the order of help, NULL-terminated. */
extern const CronosCommand *const cronos_commands[];
/* Returns: (borrowed), or NULL with @error USAGE, which names the nearest command there is. */
const CronosCommand *cronos_command_lookup(const char *name, GError **error);

extern const CronosCommand cronos_command_create;
extern const CronosCommand cronos_command_list;
extern const CronosCommand cronos_command_show;
extern const CronosCommand cronos_command_cat;
extern const CronosCommand cronos_command_versions;
extern const CronosCommand cronos_command_find;
extern const CronosCommand cronos_command_diff;
extern const CronosCommand cronos_command_restore;
extern const CronosCommand cronos_command_clean;
extern const CronosCommand cronos_command_pin;
extern const CronosCommand cronos_command_unpin;
extern const CronosCommand cronos_command_verify;
extern const CronosCommand cronos_command_mount;
extern const CronosCommand cronos_command_umount;
extern const CronosCommand cronos_command_serve;
extern const CronosCommand cronos_command_config;
extern const CronosCommand cronos_command_help;

/* Help goes to stdout. @command: NULL for the overview. */
void cronos_help_print(const CronosCommand *command);

/* cronos_catalog_find of @typed, or of what follows the directory in it where that is the backup
 * directory, with a note on stderr where older backups answer to it too. */
const CronosBackup *cronos_choose_backup(const CronosCatalog *catalog, const char *typed,
                                         GError **error);
/* Returns: (owned, nullable) what to say where @catalog has no backup at all: "no backups in
 * DIRECTORY"; NULL where it has any. */
char *cronos_describe_absence(const CronosCatalog *catalog);
/* Opens the archive of @backup, which is in @catalog. Returns: (owned), or NULL with @error. */
CronosArchive *cronos_open_backup(const CronosCatalog *catalog, const CronosBackup *backup,
                                  GError **error);

/* What verify does with --repair-to: salvages @backup, which lies in the directory of @catalog,
 * into the new archive that was asked for. Returns: an exit status, as the command's run does. */
int cronos_verify_repair(const CronosInvocation *invocation, const CronosCatalog *catalog,
                         const CronosBackup *backup, GError **error);
