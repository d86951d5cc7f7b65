/* SPDX-License-Identifier: MIT
 * config.h - the configuration in force, and where each value came from */
#pragma once
#include <glib.h>

/* One key of cronos.conf. The table in config-table.c drives parsing, checking, defaults and
 * printing. */
typedef enum {
    CRONOS_CONFIG_BACKUP_DIRECTORY,             /* string; resolved against the root */
    CRONOS_CONFIG_BACKUP_RETENTION_DAYS,        /* int >= 0; 0: no limit by age */
    CRONOS_CONFIG_BACKUP_MAX_BACKUPS,           /* int >= 0; 0: no limit by number */
    CRONOS_CONFIG_BACKUP_KEEP_MINIMUM,          /* int >= 1 */
    CRONOS_CONFIG_BACKUP_KEEP_DAILY,            /* int >= 0; 0: none */
    CRONOS_CONFIG_BACKUP_KEEP_WEEKLY,           /* int >= 0; 0: none */
    CRONOS_CONFIG_BACKUP_KEEP_MONTHLY,          /* int >= 0; 0: none */
    CRONOS_CONFIG_BACKUP_COMPRESSION_LEVEL,     /* int 0..12 */
    CRONOS_CONFIG_BACKUP_EXCLUDE_PATTERNS,      /* list of strings */
    CRONOS_CONFIG_BACKUP_EXCLUDE_CACHES,        /* bool */
    CRONOS_CONFIG_AUTO_INTERVAL_HOURS,          /* int >= 0; 0: any time */
    CRONOS_CONFIG_AUTO_MIN_CHANGES,             /* int >= 1 */
    CRONOS_CONFIG_RESTORE_DEFAULT_STRATEGY,     /* string: new_location | overwrite */
    CRONOS_CONFIG_RESTORE_CREATE_RESTORE_POINT, /* bool */
    CRONOS_CONFIG_RESTORE_VERIFY_INTEGRITY,     /* bool */
    CRONOS_CONFIG_ARCHIVE_PASSPHRASE_FILE,      /* string; resolved against the root */
    CRONOS_CONFIG_ARCHIVE_PASSPHRASE_COMMAND,   /* string; "" in a file that lies in the root */
    CRONOS_CONFIG_HOOKS_BEFORE_CREATE,          /* string: a command of sh */
    CRONOS_CONFIG_HOOKS_AFTER_CREATE,           /* likewise */
    CRONOS_CONFIG_HOOKS_ON_FAILURE,             /* likewise */
    CRONOS_CONFIG_HOOKS_TIMEOUT_SECONDS,        /* int >= 0; 0: no limit */
    CRONOS_CONFIG_METRICS_TEXTFILE,             /* string; resolved against the root */
    CRONOS_CONFIG_SERVICE_URL,                  /* string: one server, or several and commas */
    CRONOS_CONFIG_SERVICE_SUBJECT_PREFIX,       /* string */
    CRONOS_CONFIG_SERVICE_QUEUE_GROUP,          /* string; "": none */
    CRONOS_CONFIG_SERVICE_QUEUE_LENGTH,         /* int 1..10000 */
    CRONOS_CONFIG_SERVICE_ALLOW_OVERWRITE,      /* bool */
    CRONOS_CONFIG_SERVICE_RESTORE_DIRECTORY,    /* string; resolved against the root; "": as core */
    CRONOS_CONFIG_SERVICE_TLS_CA_FILE,          /* string; resolved against the root */
    CRONOS_CONFIG_SERVICE_TLS_CERTIFICATE_FILE, /* string; resolved against the root */
    CRONOS_CONFIG_SERVICE_TLS_KEY_FILE,         /* string; resolved against the root */
    CRONOS_CONFIG_SERVICE_CREDENTIALS_FILE,     /* string; resolved against the root */
    CRONOS_CONFIG_SERVICE_USER,                 /* string */
    CRONOS_CONFIG_SERVICE_PASSWORD_FILE,        /* string; resolved against the root */
    CRONOS_CONFIG_SERVICE_TOKEN_FILE,           /* string; resolved against the root */
    CRONOS_CONFIG_LOG_FILE,                     /* string; resolved against the root */
    CRONOS_CONFIG_LOG_LEVEL,                    /* string: error | warning | info | debug */
    CRONOS_CONFIG_COUNT
} CronosConfigKey;

typedef enum {
    CRONOS_CONFIG_TYPE_STRING,
    CRONOS_CONFIG_TYPE_INT,
    CRONOS_CONFIG_TYPE_BOOL,
    CRONOS_CONFIG_TYPE_STRINGS,
} CronosConfigType;

typedef struct CronosConfig CronosConfig;

/* Loads the first of: @explicit_path (must exist), $CRONOS_CONFIG (must exist, if set and not
 * empty), ROOT/cronos.conf, $XDG_CONFIG_HOME/cronos/cronos.conf (or ~/.config),
 * /etc/cronos/cronos.conf; with none of them, defaults. @root: the project directory, made absolute
 * here. Returns: (owned), or NULL with @error: CONFIG ("FILE:LINE: reason"), NOT_FOUND (root),
 * system. Unknown keys and the like are collected as warnings ("FILE:LINE: unknown key ..., did you
 * mean ...?"). */
CronosConfig *cronos_config_load(const char *root, const char *explicit_path, GError **error);
void cronos_config_free(CronosConfig *config); /* NULL: no-op */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CronosConfig, cronos_config_free)

/* (borrowed) */
const char *cronos_config_root(const CronosConfig *config);             /* absolute */
const char *cronos_config_backup_directory(const CronosConfig *config); /* absolute */
const char *cronos_config_log_file(const CronosConfig *config); /* absolute; NULL: log.file is "" */
const char *cronos_config_file(const CronosConfig *config);     /* NULL: defaults alone */
const GPtrArray *cronos_config_warnings(const CronosConfig *config); /* of char * */
/* Why hooks must not be run: "FILE:LINE: ...", as an error reads; NULL: they may. */
const char *cronos_config_hooks_refusal(const CronosConfig *config);
/* The same of service.*, and of requests being served. */
const char *cronos_config_service_refusal(const CronosConfig *config);

/* Paths are absolute here, too. The key must be of the type asked for. */
const char *cronos_config_string(const CronosConfig *config, CronosConfigKey key);
int cronos_config_int(const CronosConfig *config, CronosConfigKey key);
gboolean cronos_config_bool(const CronosConfig *config, CronosConfigKey key);
const char *const *cronos_config_strings(const CronosConfig *config, CronosConfigKey key);

/* For `cronos config`: the dotted name, the type, and "default" or "FILE:LINE". (borrowed) */
const char *cronos_config_key_name(CronosConfigKey key);
CronosConfigType cronos_config_key_type(CronosConfigKey key);
const char *cronos_config_origin(const CronosConfig *config, CronosConfigKey key);
