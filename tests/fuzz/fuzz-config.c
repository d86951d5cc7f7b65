/* SPDX-License-Identifier: MIT
 * fuzz-config.c - the input is a configuration file
 *
 * It stands under one fixed name, which it may itself include: @include "900". */
#include "tests/fuzz/fuzz.h"

#include "core/config.h"
#include "core/error.h"
#include "core/log.h"

#include <fcntl.h>

#define FILE_NUMBER 900
#define FILE_PATH "/proc/self/fd/900"

static void check_value(const CronosConfig *config, CronosConfigKey key)
{
    g_assert_nonnull(cronos_config_origin(config, key));
    switch (cronos_config_key_type(key)) {
    case CRONOS_CONFIG_TYPE_STRING:
        g_assert_nonnull(cronos_config_string(config, key));
        break;
    case CRONOS_CONFIG_TYPE_INT:
        g_assert_cmpint(cronos_config_int(config, key), >=, 0);
        break;
    case CRONOS_CONFIG_TYPE_BOOL:
        g_assert_true(cronos_config_bool(config, key) <= TRUE);
        break;
    case CRONOS_CONFIG_TYPE_STRINGS:
        g_assert_nonnull(cronos_config_strings(config, key));
        break;
    }
}

/* What other parts take for granted. */
static void check_ranges(const CronosConfig *config)
{
    CronosLogLevel level;
    const char *strategy = cronos_config_string(config, CRONOS_CONFIG_RESTORE_DEFAULT_STRATEGY);
    const char *log_file = cronos_config_log_file(config);

    g_assert_cmpint(cronos_config_int(config, CRONOS_CONFIG_BACKUP_KEEP_MINIMUM), >=, 1);
    g_assert_cmpint(cronos_config_int(config, CRONOS_CONFIG_BACKUP_COMPRESSION_LEVEL), <=, 12);
    g_assert_true(g_path_is_absolute(cronos_config_backup_directory(config)));
    g_assert_true(log_file == NULL || g_path_is_absolute(log_file));
    g_assert_true(strcmp(strategy, "new_location") == 0 || strcmp(strategy, "overwrite") == 0);
    g_assert_true(
        cronos_log_level_parse(cronos_config_string(config, CRONOS_CONFIG_LOG_LEVEL), &level));
}

static void check_warnings(const CronosConfig *config)
{
    const GPtrArray *warnings = cronos_config_warnings(config);

    for (guint i = 0; warnings != NULL && i < warnings->len; i++)
        g_assert_true(g_utf8_validate(g_ptr_array_index(warnings, i), -1, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    int fd = fuzz_file(data, size);

    g_assert_true(dup2(fd, FILE_NUMBER) == FILE_NUMBER);
    close(fd);
    g_autoptr(CronosConfig) config = cronos_config_load("/", FILE_PATH, &error);
    close(FILE_NUMBER);
    fuzz_check_error(config != NULL, error);
    g_assert_true(config != NULL || g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG));
    if (config != NULL) {
        for (CronosConfigKey key = 0; key < CRONOS_CONFIG_COUNT; key++)
            check_value(config, key);
        check_ranges(config);
        check_warnings(config);
    }
    return 0;
}
