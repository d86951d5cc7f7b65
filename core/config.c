/* SPDX-License-Identifier: MIT
 * config.c - cronos.conf read, checked, and answered for
 *
 * The table in config-table.c drives everything. Immutable once loaded. */
#include "core/config.h"

#include "core/config-source.h"
#include "core/config-trust.h"
#include "core/config-value.h"
#include "core/error.h"
#include "core/nearest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct CronosConfig {
    char *root;
    char *file;
    GPtrArray *warnings;
    char *hooks_refusal, *service_refusal;
    CronosConfigValue values[CRONOS_CONFIG_COUNT];
};

typedef config_t LibConfig;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LibConfig, config_destroy)

/* Returns: the length of the section in "section.key". */
static gsize section_length(const CronosConfigRow *row)
{
    return strcspn(row->name, ".");
}

static gboolean is_section(const char *name)
{
    for (guint i = 0; i < CRONOS_CONFIG_COUNT; i++) {
        if (strlen(name) == section_length(&cronos_config_rows[i]) &&
            strncmp(name, cronos_config_rows[i].name, strlen(name)) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Keys are held against their last part, too: the section is what people forget. */
static char *nearest_key(const char *name)
{
    const char *best = NULL;
    guint least = G_MAXUINT;
    const char *dot = strrchr(name, '.');
    const char *last = dot != NULL ? dot + 1 : name;

    for (guint i = 0; i < CRONOS_CONFIG_COUNT; i++) {
        const char *known = cronos_config_rows[i].name;
        guint distance =
            MIN(cronos_nearest_distance(name, known),
                cronos_nearest_distance(last, known + section_length(&cronos_config_rows[i]) + 1));

        if (distance < least) {
            least = distance;
            best = known;
        }
    }
    return cronos_nearest_is_close(last, least) ? g_strdup(best) : NULL;
}

static char *nearest_section(const char *name)
{
    g_autofree char *best = NULL;
    guint least = G_MAXUINT;

    for (guint i = 0; i < CRONOS_CONFIG_COUNT; i++) {
        g_autofree char *section =
            g_strndup(cronos_config_rows[i].name, section_length(&cronos_config_rows[i]));
        guint distance = cronos_nearest_distance(name, section);

        if (distance < least) {
            least = distance;
            g_free(best);
            best = g_steal_pointer(&section);
        }
    }
    return cronos_nearest_is_close(name, least) ? g_steal_pointer(&best) : NULL;
}

static void warn_unknown(CronosConfig *config, const config_setting_t *setting, const char *name)
{
    gboolean is_group = config_setting_is_group(setting);
    g_autofree char *where = cronos_config_setting_location(config->file, setting);
    g_autofree char *nearest = is_group ? nearest_section(name) : nearest_key(name);
    const char *what = is_group ? "section" : "key";

    g_ptr_array_add(config->warnings,
                    nearest != NULL ? g_strdup_printf("%s: unknown %s \"%s\", did you mean \"%s\"?",
                                                      where, what, name, nearest)
                                    : g_strdup_printf("%s: unknown %s \"%s\"", where, what, name));
}

static gboolean take_section(CronosConfig *config, const config_setting_t *section, GError **error)
{
    if (!config_setting_is_group(section)) {
        cronos_config_setting_error(error, config->file, section,
                                    "%s: must be a group: %s: { ... }",
                                    config_setting_name(section), config_setting_name(section));
        return FALSE;
    }
    for (int i = 0; i < config_setting_length(section); i++) {
        const config_setting_t *setting = config_setting_get_elem(section, (unsigned int)i);
        g_autofree char *name =
            g_strconcat(config_setting_name(section), ".", config_setting_name(setting), NULL);
        guint key = 0;

        while (key < CRONOS_CONFIG_COUNT && strcmp(cronos_config_rows[key].name, name) != 0)
            key++;
        if (key == CRONOS_CONFIG_COUNT)
            warn_unknown(config, setting, name);
        else if (!cronos_config_value_take(&config->values[key], &cronos_config_rows[key],
                                           config->file, setting, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean set_parse_error(const CronosConfig *config, const config_t *parsed, GError **error)
{
    g_autofree char *where = cronos_config_location(config->file, config_error_file(parsed),
                                                    (guint)config_error_line(parsed));

    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG, "%s: %s", where,
                config_error_text(parsed));
    return FALSE;
}

static gboolean load_file(CronosConfig *config, GError **error)
{
    g_auto(LibConfig) parsed;
    g_autofree char *directory = g_path_get_dirname(config->file);

    config_init(&parsed);
    g_autofree char *text = cronos_config_source_read(config->file, error);
    if (text == NULL)
        return FALSE;
    config_set_include_dir(&parsed, directory);
    if (config_read_string(&parsed, text) != CONFIG_TRUE)
        return set_parse_error(config, &parsed, error);

    const config_setting_t *top = config_root_setting(&parsed);
    for (int i = 0; i < config_setting_length(top); i++) {
        const config_setting_t *setting = config_setting_get_elem(top, (unsigned int)i);

        if (!is_section(config_setting_name(setting)))
            warn_unknown(config, setting, config_setting_name(setting));
        else if (!take_section(config, setting, error))
            return FALSE;
    }
    return TRUE;
}

static char **copy_strings(const char *const *strings)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (guint i = 0; strings != NULL && strings[i] != NULL; i++)
        g_strv_builder_add(builder, strings[i]);
    return g_strv_builder_end(builder);
}

static void set_defaults(CronosConfig *config)
{
    for (guint i = 0; i < CRONOS_CONFIG_COUNT; i++) {
        config->values[i].origin = g_strdup("default");
        config->values[i].number = cronos_config_rows[i].number;
        config->values[i].text = g_strdup(cronos_config_rows[i].text);
        config->values[i].texts = copy_strings(cronos_config_rows[i].texts);
    }
}

static char *absolute_path(const char *root, const char *path)
{
    g_autofree char *expanded = NULL;

    if (strcmp(path, "~") == 0 || g_str_has_prefix(path, "~/"))
        expanded = g_build_filename(g_get_home_dir(), path + 1, NULL);
    return g_canonicalize_filename(expanded != NULL ? expanded : path, root);
}

static void resolve_paths(CronosConfig *config)
{
    for (guint i = 0; i < CRONOS_CONFIG_COUNT; i++) {
        char **text = &config->values[i].text;

        if (cronos_config_rows[i].type != CRONOS_CONFIG_TYPE_STRING ||
            cronos_config_rows[i].kind == TEXT_WORD || cronos_config_rows[i].kind == TEXT_ANY ||
            **text == '\0')
            continue;
        g_autofree char *resolved = absolute_path(config->root, *text);
        g_free(*text);
        *text = g_steal_pointer(&resolved);
    }
}

/* Returns: whether the file was found in the root, and not named by the user. */
static gboolean is_found_in_root(const CronosConfig *config, const char *explicit_path)
{
    const char *named = g_getenv("CRONOS_CONFIG");
    g_autofree char *of_root = g_build_filename(config->root, "cronos.conf", NULL);

    return explicit_path == NULL && (named == NULL || *named == '\0') &&
           g_strcmp0(config->file, of_root) == 0;
}

/* Whoever unpacks a project of others must not run their commands by looking into its backups. */
static void refuse_command_of_root(CronosConfig *config)
{
    CronosConfigValue *value = &config->values[CRONOS_CONFIG_ARCHIVE_PASSPHRASE_COMMAND];

    if (*value->text == '\0')
        return;
    g_ptr_array_add(config->warnings,
                    g_strdup_printf("%s: archive.passphrase_command: commands are not taken from "
                                    "a file in the root; name the file by --config",
                                    value->origin));
    g_free(value->text);
    g_free(value->origin);
    value->text = g_strdup("");
    value->origin = g_strdup("default");
}

/* Returns: (owned) why @key, where it is set, must not be heeded: who else can have written it.
 * What was read may be gone by now; but where only the user can change the file and what leads to
 * it, nobody swapped it. */
static char *refusal_of(const CronosConfig *config, CronosConfigKey key, const char *consequence)
{
    const CronosConfigValue *value = &config->values[key];
    gboolean is_set = value->file != NULL && (value->text == NULL || *value->text != '\0');
    g_autofree char *problem = is_set ? cronos_config_trust_problem(value->file) : NULL;

    if (is_set && problem == NULL)
        problem = cronos_config_trust_problem(config->file);
    return problem == NULL
               ? NULL
               : g_strdup_printf("%s: %s: %s from this file, since %s; take that right away, or "
                                 "name the file by --config",
                                 value->origin, cronos_config_rows[key].name, consequence, problem);
}

/* Whoever can write to a project must not have others run what he likes, nor have them do what a
 * server of his choice asks for. */
static void refuse_what_others_wrote(CronosConfig *config)
{
    for (CronosConfigKey key = CRONOS_CONFIG_HOOKS_BEFORE_CREATE;
         key <= CRONOS_CONFIG_HOOKS_ON_FAILURE && config->hooks_refusal == NULL; key++)
        config->hooks_refusal = refusal_of(config, key, "no command is run");
    for (CronosConfigKey key = CRONOS_CONFIG_SERVICE_URL;
         key <= CRONOS_CONFIG_SERVICE_TOKEN_FILE && config->service_refusal == NULL; key++)
        config->service_refusal = refusal_of(config, key, "no request is served by what comes");
}

/* A backup leaves out its own directory: were that the root, every backup would be empty. */
static gboolean check_backup_directory(const CronosConfig *config, GError **error)
{
    const CronosConfigValue *value = &config->values[CRONOS_CONFIG_BACKUP_DIRECTORY];
    struct stat root, directory;

    if (strcmp(value->text, config->root) != 0 &&
        (stat(config->root, &root) != 0 || stat(value->text, &directory) != 0 ||
         root.st_dev != directory.st_dev || root.st_ino != directory.st_ino))
        return TRUE;
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG,
                "%s: backup.directory: must not be the root itself, \"%s\"", value->origin,
                config->root);
    return FALSE;
}

/* Returns: (owned) @root without symbolic links, or NULL. */
static char *resolve_root(const char *root, GError **error)
{
    g_autofree char *quoted = cronos_quote_path(root);
    char *resolved = realpath(root, NULL);
    int errnum = errno;

    if (resolved != NULL && !g_file_test(resolved, G_FILE_TEST_IS_DIR)) {
        free(resolved);
        resolved = NULL;
        errnum = ENOTDIR;
    }
    if (resolved == NULL && (errnum == ENOENT || errnum == ENOTDIR))
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND, "the root \"%s\" %s", quoted,
                    errnum == ENOENT ? "does not exist" : "is not a directory");
    else if (resolved == NULL)
        cronos_error_set_system(error, errnum, "the root \"%s\"", quoted);

    char *owned = g_strdup(resolved);
    free(resolved);
    return owned;
}

CronosConfig *cronos_config_load(const char *root, const char *explicit_path, GError **error)
{
    g_autoptr(CronosConfig) config = g_new0(CronosConfig, 1);
    g_autoptr(GError) local = NULL;

    config->warnings = g_ptr_array_new_with_free_func(g_free);
    set_defaults(config);
    config->root = resolve_root(root, error);
    if (config->root == NULL)
        return NULL;
    config->file = cronos_config_source_find(config->root, explicit_path, &local);
    if (local != NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    if (config->file != NULL && !load_file(config, error))
        return NULL;
    if (is_found_in_root(config, explicit_path)) {
        refuse_command_of_root(config);
        refuse_what_others_wrote(config);
    }
    resolve_paths(config);
    return check_backup_directory(config, error) ? g_steal_pointer(&config) : NULL;
}

void cronos_config_free(CronosConfig *config)
{
    if (config == NULL)
        return;
    for (guint i = 0; i < CRONOS_CONFIG_COUNT; i++) {
        g_free(config->values[i].origin);
        g_free(config->values[i].file);
        g_free(config->values[i].text);
        g_strfreev(config->values[i].texts);
    }
    g_ptr_array_unref(config->warnings);
    g_free(config->hooks_refusal);
    g_free(config->service_refusal);
    g_free(config->file);
    g_free(config->root);
    g_free(config);
}

const char *cronos_config_root(const CronosConfig *config)
{
    return config->root;
}

const char *cronos_config_backup_directory(const CronosConfig *config)
{
    return config->values[CRONOS_CONFIG_BACKUP_DIRECTORY].text;
}

const char *cronos_config_log_file(const CronosConfig *config)
{
    const char *file = config->values[CRONOS_CONFIG_LOG_FILE].text;

    return *file != '\0' ? file : NULL;
}

const char *cronos_config_file(const CronosConfig *config)
{
    return config->file;
}

const GPtrArray *cronos_config_warnings(const CronosConfig *config)
{
    return config->warnings;
}

const char *cronos_config_hooks_refusal(const CronosConfig *config)
{
    return config->hooks_refusal;
}

const char *cronos_config_service_refusal(const CronosConfig *config)
{
    return config->service_refusal;
}

const char *cronos_config_string(const CronosConfig *config, CronosConfigKey key)
{
    g_return_val_if_fail(cronos_config_rows[key].type == CRONOS_CONFIG_TYPE_STRING, NULL);
    return config->values[key].text;
}

int cronos_config_int(const CronosConfig *config, CronosConfigKey key)
{
    g_return_val_if_fail(cronos_config_rows[key].type == CRONOS_CONFIG_TYPE_INT, 0);
    return config->values[key].number;
}

gboolean cronos_config_bool(const CronosConfig *config, CronosConfigKey key)
{
    g_return_val_if_fail(cronos_config_rows[key].type == CRONOS_CONFIG_TYPE_BOOL, FALSE);
    return config->values[key].number;
}

const char *const *cronos_config_strings(const CronosConfig *config, CronosConfigKey key)
{
    g_return_val_if_fail(cronos_config_rows[key].type == CRONOS_CONFIG_TYPE_STRINGS, NULL);
    return (const char *const *)config->values[key].texts;
}

const char *cronos_config_key_name(CronosConfigKey key)
{
    return cronos_config_rows[key].name;
}

CronosConfigType cronos_config_key_type(CronosConfigKey key)
{
    return cronos_config_rows[key].type;
}

const char *cronos_config_origin(const CronosConfig *config, CronosConfigKey key)
{
    return config->values[key].origin;
}
