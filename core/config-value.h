/* SPDX-License-Identifier: MIT
 * config-value.h - one value of cronos.conf held against what its key takes (shared inside core) */
#pragma once
#include "core/config.h"

#include <libconfig.h>

typedef enum {
    TEXT_WORD, /* one of the row's words */
    TEXT_PATH, /* made absolute against the root */
    TEXT_PATH_OR_EMPTY,
    TEXT_PATTERNS, /* of core/pattern.h */
    TEXT_ANY,
} CronosConfigTextKind;

/* What a key is: a row of the table in config-table.c. */
typedef struct {
    const char *name; /* "section.key" */
    CronosConfigType type;
    int minimum, maximum;      /* of an int */
    int number;                /* default of an int or a bool */
    CronosConfigTextKind kind; /* of a string or of strings */
    const char *text;          /* default of a string */
    const char *const *texts;  /* default of strings */
    const char *const *words;  /* that a TEXT_WORD may be */
} CronosConfigRow;

/* By CronosConfigKey. */
extern const CronosConfigRow cronos_config_rows[CRONOS_CONFIG_COUNT];

typedef struct {
    char *origin;
    char *file; /* absolute; NULL: a default */
    int number;
    char *text;
    char **texts;
} CronosConfigValue;

/* Takes @setting as the value of the key @row, where type and range allow it, and notes where it
 * stands. @file: the main configuration file; included ones libconfig knows itself.
 * Returns: FALSE with @error CONFIG. */
gboolean cronos_config_value_take(CronosConfigValue *value, const CronosConfigRow *row,
                                  const char *file, const config_setting_t *setting,
                                  GError **error);

/* Returns: (owned) "FILE:LINE" of a line that libconfig names; @included: nullable, relative to the
 * directory of @file. */
char *cronos_config_location(const char *file, const char *included, guint line);
/* Returns: (owned) the absolute path of the file that @included names, or of @file. */
char *cronos_config_source_path(const char *file, const char *included);
/* "FILE:LINE" of @setting. */
char *cronos_config_setting_location(const char *file, const config_setting_t *setting);
/* Sets @error CONFIG, "FILE:LINE: reason". */
void cronos_config_setting_error(GError **error, const char *file, const config_setting_t *setting,
                                 const char *format, ...) G_GNUC_PRINTF(4, 5);
