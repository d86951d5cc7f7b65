/* SPDX-License-Identifier: MIT
 * options.h - what a command line may hold, as tables, and the values it held
 *
 * Parsing is GOption's: long options with '=' or a blank, clusters of letters, "--" ends options,
 * no abbreviations. Texts are kept as bytes, whatever the locale. */
#pragma once
#include <glib.h>

/* Values of all options. Lists: NULL-terminated arrays of char *, or NULL. Numbers: -1 unless
 * given. */
typedef struct {
    char *root, *config_file, *color;
    gboolean quiet, verbose, no_progress, help, version;

    gboolean all, dry_run, json, sizes;
    int largest;
    char *type;
    GPtrArray *include, *exclude, *pairs, *metadata_files;
    gboolean no_default_excludes, full, if_changed;
    int level, threads;
    char *to, *strategy;
    gboolean delete_extra, yes, keep_going, no_verify, no_restore_point, same_permissions;
    int retention_days, max_backups, keep_daily, keep_weekly, keep_monthly;
    gboolean against_source;
    char *since, *until;
    gboolean source, exit_code;
    char *sample, *repair_to;
    GPtrArray *mount_options;
    GPtrArray *split; /* what parsing made of the command line: lives as long as argv is used */
    gboolean foreground;
} CronosArguments;

void cronos_arguments_init(CronosArguments *arguments);
void cronos_arguments_clear(CronosArguments *arguments);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CronosArguments, cronos_arguments_clear)

/* Returns: (borrowed) @list as a NULL-terminated array, or NULL where it is NULL. */
const char *const *cronos_arguments_strings(const GPtrArray *list);

typedef enum {
    CRONOS_OPTION_FLAG,   /* gboolean */
    CRONOS_OPTION_TEXT,   /* char * */
    CRONOS_OPTION_NUMBER, /* int, minimum to maximum */
    CRONOS_OPTION_LIST,   /* GPtrArray *, one element a use */
} CronosOptionKind;

typedef struct {
    char letter;      /* 0: none */
    const char *name; /* NULL ends a table */
    CronosOptionKind kind;
    gsize offset;         /* of the value in CronosArguments */
    const char *argument; /* what help calls the value; NULL for flags */
    const char *help;
    int minimum, maximum;
} CronosOption;

#define CRONOS_FLAG(letter, name, field, help)                                                     \
    {                                                                                              \
        letter, name, CRONOS_OPTION_FLAG, G_STRUCT_OFFSET(CronosArguments, field), NULL, help, 0,  \
            0                                                                                      \
    }
#define CRONOS_TEXT(letter, name, field, argument, help)                                           \
    {                                                                                              \
        letter, name, CRONOS_OPTION_TEXT, G_STRUCT_OFFSET(CronosArguments, field), argument, help, \
            0, 0                                                                                   \
    }
#define CRONOS_LIST(letter, name, field, argument, help)                                           \
    {                                                                                              \
        letter, name, CRONOS_OPTION_LIST, G_STRUCT_OFFSET(CronosArguments, field), argument, help, \
            0, 0                                                                                   \
    }
#define CRONOS_NUMBER(letter, name, field, argument, help, least, most)                            \
    {                                                                                              \
        letter, name, CRONOS_OPTION_NUMBER, G_STRUCT_OFFSET(CronosArguments, field), argument,     \
            help, least, most                                                                      \
    }
#define CRONOS_OPTIONS_END                                                                         \
    {                                                                                              \
        0, NULL, CRONOS_OPTION_FLAG, 0, NULL, NULL, 0, 0                                           \
    }

/* The options every command takes, before or after its name. */
extern const CronosOption cronos_global_options[];

/* Parses the global options in front of the command's name and takes them out of @argv (its first
 * element, the program's name, stays). @argv: owned by the caller, strings borrowed.
 * Returns: FALSE with @error USAGE. */
gboolean cronos_options_parse_global(int *argc, char ***argv, CronosArguments *arguments,
                                     GError **error);
/* Parses what follows a command's name: @options, the global options and operands.
 * @out_operands: (owned) NULL-terminated. Returns: FALSE with @error USAGE. */
gboolean cronos_options_parse(int *argc, char ***argv, const CronosOption *options,
                              CronosArguments *arguments, char ***out_operands, GError **error);
