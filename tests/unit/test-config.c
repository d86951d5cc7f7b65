/* SPDX-License-Identifier: MIT
 * test-config.c - cronos.conf: defaults, values, errors with file and line, warnings */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/config.h"
#include "core/error.h"
#include "temporary.h"

static char *root;

static int set_up(void **state)
{
    g_unsetenv("CRONOS_CONFIG");
    g_setenv("XDG_CONFIG_HOME", "/nonexistent", TRUE);
    root = temporary_new();
    return 0;
}

static int tear_down(void **state)
{
    temporary_free(root);
    return 0;
}

static CronosConfig *load_text(const char *text, GError **error)
{
    temporary_write(root, "cronos.conf", text);
    return cronos_config_load(root, NULL, error);
}

static void assert_below_root(const char *path, const char *relative)
{
    g_autofree char *expected = g_build_filename(root, relative, NULL);

    assert_string_equal(path, expected);
}

static void test_defaults(void **state)
{
    static const char *const excludes[] = {".venv", "__pycache__",  ".git",  "backups", "logs",
                                           "data",  "node_modules", "*.pyc", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosConfig) config = cronos_config_load(root, NULL, &error);

    assert_non_null(config);
    assert_string_equal(cronos_config_root(config), root);
    assert_null(cronos_config_file(config));
    assert_below_root(cronos_config_backup_directory(config), "backups");
    assert_below_root(cronos_config_log_file(config), "logs/egos_system.log");
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_RETENTION_DAYS), 30);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_MAX_BACKUPS), 100);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_KEEP_MINIMUM), 1);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_KEEP_DAILY), 0);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_KEEP_WEEKLY), 0);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_KEEP_MONTHLY), 0);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_COMPRESSION_LEVEL), 9);
    assert_false(cronos_config_bool(config, CRONOS_CONFIG_BACKUP_EXCLUDE_CACHES));
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_AUTO_INTERVAL_HOURS), 0);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_AUTO_MIN_CHANGES), 1);
    assert_string_equal(cronos_config_string(config, CRONOS_CONFIG_HOOKS_BEFORE_CREATE), "");
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_HOOKS_TIMEOUT_SECONDS), 300);
    assert_string_equal(cronos_config_string(config, CRONOS_CONFIG_METRICS_TEXTFILE), "");
    assert_null(cronos_config_hooks_refusal(config));
    assert_true(cronos_config_bool(config, CRONOS_CONFIG_RESTORE_CREATE_RESTORE_POINT));
    assert_true(cronos_config_bool(config, CRONOS_CONFIG_RESTORE_VERIFY_INTEGRITY));
    assert_string_equal(cronos_config_string(config, CRONOS_CONFIG_RESTORE_DEFAULT_STRATEGY),
                        "new_location");
    assert_string_equal(cronos_config_string(config, CRONOS_CONFIG_LOG_LEVEL), "info");
    assert_true(g_strv_equal(cronos_config_strings(config, CRONOS_CONFIG_BACKUP_EXCLUDE_PATTERNS),
                             excludes));
    for (int key = 0; key < CRONOS_CONFIG_COUNT; key++) {
        assert_string_equal(cronos_config_origin(config, (CronosConfigKey)key), "default");
        assert_non_null(strchr(cronos_config_key_name((CronosConfigKey)key), '.'));
    }
}

static void test_values(void **state)
{
    static const char *const excludes[] = {"a", "/b/**", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosConfig) config =
        load_text("backup: {\n"
                  "  directory = \"/var/backups/x/../y\";\n"
                  "  retention_days = 7L;\n"
                  "  max_backups = 0;\n"
                  "  keep_daily = 7; keep_weekly = 2147483647; keep_monthly = 0x0c;\n"
                  "  compression_level = 12;\n"
                  "  exclude_patterns = ( \"a\", \"/b/**\" );\n"
                  "  exclude_caches = true;\n"
                  "};\n"
                  "restore = { default_strategy = \"overwrite\"; verify_integrity = false; };\n"
                  "log: { file = \"\"; level = \"debug\"; };\n",
                  &error);
    g_autofree char *origin = g_strdup_printf("%s/cronos.conf:3", root);

    assert_non_null(config);
    assert_int_equal(cronos_config_warnings(config)->len, 0);
    assert_string_equal(cronos_config_backup_directory(config), "/var/backups/y");
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_RETENTION_DAYS), 7);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_MAX_BACKUPS), 0);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_KEEP_DAILY), 7);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_KEEP_WEEKLY), G_MAXINT);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_KEEP_MONTHLY), 12);
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_COMPRESSION_LEVEL), 12);
    assert_true(cronos_config_bool(config, CRONOS_CONFIG_BACKUP_EXCLUDE_CACHES));
    assert_true(g_strv_equal(cronos_config_strings(config, CRONOS_CONFIG_BACKUP_EXCLUDE_PATTERNS),
                             excludes));
    assert_string_equal(cronos_config_string(config, CRONOS_CONFIG_RESTORE_DEFAULT_STRATEGY),
                        "overwrite");
    assert_false(cronos_config_bool(config, CRONOS_CONFIG_RESTORE_VERIFY_INTEGRITY));
    assert_true(cronos_config_bool(config, CRONOS_CONFIG_RESTORE_CREATE_RESTORE_POINT));
    assert_null(cronos_config_log_file(config));
    assert_string_equal(cronos_config_origin(config, CRONOS_CONFIG_BACKUP_RETENTION_DAYS), origin);
    assert_string_equal(cronos_config_origin(config, CRONOS_CONFIG_BACKUP_KEEP_MINIMUM), "default");
}

static void test_empty_list(void **state)
{
    g_autoptr(CronosConfig) config = load_text("backup: { exclude_patterns = []; };", NULL);

    assert_non_null(config);
    assert_null(cronos_config_strings(config, CRONOS_CONFIG_BACKUP_EXCLUDE_PATTERNS)[0]);
}

static void test_home(void **state)
{
    g_autofree char *expected = g_build_filename(g_get_home_dir(), "b", NULL);
    g_autoptr(CronosConfig) config = load_text("backup: { directory = \"~/b\"; };", NULL);

    assert_non_null(config);
    assert_string_equal(cronos_config_backup_directory(config), expected);
}

static void assert_refused(const char *text, guint line, const char *reason)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = g_strdup_printf("%s/cronos.conf:%u: %s", root, line, reason);

    assert_null(load_text(text, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG));
    assert_string_equal(error->message, expected);
}

static void test_wrong_values(void **state)
{
    assert_refused("backup:\n{\nretention_days = \"abc\"; };", 3,
                   "backup.retention_days: must be a whole number of 0 or more, not \"abc\"");
    assert_refused("backup: { retention_days = 1.5; };", 1,
                   "backup.retention_days: must be a whole number of 0 or more, not 1.5");
    assert_refused("backup: { max_backups = -1; };", 1,
                   "backup.max_backups: must be a whole number of 0 or more, not -1");
    assert_refused("backup: { keep_minimum = 0; };", 1,
                   "backup.keep_minimum: must be a whole number of 1 or more, not 0");
    assert_refused("backup: { keep_daily = -1; };", 1,
                   "backup.keep_daily: must be a whole number of 0 or more, not -1");
    assert_refused("backup: { keep_weekly = \"4\"; };", 1,
                   "backup.keep_weekly: must be a whole number of 0 or more, not \"4\"");
    assert_refused("backup: { keep_monthly = true; };", 1,
                   "backup.keep_monthly: must be a whole number of 0 or more, not true");
    assert_refused("backup: { compression_level = 13; };", 1,
                   "backup.compression_level: must be a whole number from 0 to 12, not 13");
    assert_refused("backup: { max_backups = 3000000000L; };", 1,
                   "backup.max_backups: must be a whole number of 0 or more and at most "
                   "2147483647, not 3000000000");
    assert_refused("backup: { exclude_caches = 1; };", 1,
                   "backup.exclude_caches: must be true or false, not 1");
    assert_refused("\n\nlog: { level = \"loud\"; };", 3,
                   "log.level: must be one of \"error\", \"warning\", \"info\", \"debug\", not "
                   "\"loud\"");
    assert_refused("backup: { directory = \"\"; };", 1,
                   "backup.directory: must be a path in quotes, not \"\"");
    assert_refused("backup: { directory = { a = 1; }; };", 1,
                   "backup.directory: must be a path in quotes, not a group");
    assert_refused("backup: { exclude_patterns = \"x\"; };", 1,
                   "backup.exclude_patterns: must be a list of strings: [ \"...\", \"...\" ], not "
                   "\"x\"");
    assert_refused("backup: { exclude_patterns = ( \"x\", 1 ); };", 1,
                   "backup.exclude_patterns: must be a list of strings: [ \"...\", \"...\" ], not "
                   "1");
    assert_refused("backup = 1;", 1, "backup: must be a group: backup: { ... }");
}

/* libconfig 1.5 keeps 32 bits of a larger number and says nothing: 4294967297 became 1. */
static void test_numbers_cut_off(void **state)
{
    assert_refused("# 99999999999\nbackup: {\n max_backups = 4294967297; };", 3,
                   "the number 4294967297 is too large");
    assert_refused("backup: { max_backups = 0x100000001; };", 1,
                   "the number 0x100000001 is too large");
    assert_refused("backup: { max_backups = 99999999999999999999L; };", 1,
                   "the number 99999999999999999999L is too large");

    g_autoptr(CronosConfig) config = load_text(
        "/* 99999999999\n */ // 99999999999\nlog: { file = \"\\\"99999999999\"; };\n", NULL);
    assert_non_null(config);
}

static void test_parse_errors(void **state)
{
    assert_refused("backup: {\n  directory = ;\n};", 2, "syntax error");
    assert_refused("log: { level = \"info\";\n level = \"debug\"; };", 2, "duplicate setting name");
}

static void test_include(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *origin = g_strdup_printf("%s/more.conf:2", root);
    g_autofree char *wrong = g_strdup_printf("%s/more.conf:1: log.level: ", root);

    temporary_write(root, "more.conf", "log: {\n level = \"debug\"; };\n");
    g_autoptr(CronosConfig) config = load_text("@include \"more.conf\"\n", &error);
    assert_non_null(config);
    assert_string_equal(cronos_config_string(config, CRONOS_CONFIG_LOG_LEVEL), "debug");
    assert_string_equal(cronos_config_origin(config, CRONOS_CONFIG_LOG_LEVEL), origin);

    temporary_write(root, "more.conf", "log: { level = 1; };\n");
    assert_null(load_text("@include \"more.conf\"\n", &error));
    assert_true(g_str_has_prefix(error->message, wrong));
}

/* libconfig 1.5 ends the process when it includes a directory, and recurses into itself. */
static void test_bad_includes(void **state)
{
    g_autofree char *path = g_build_filename(root, "cronos.conf", NULL);
    g_autofree char *fifo = g_build_filename(root, "fifo", NULL);
    static const char *const texts[] = {
        "\n@include \".\"\n",           "\n@include \"missing\"\n",       "\n@include \"fifo\"\n",
        "\n@include \"cronos.conf\"\n", "\n@include \"/etc/hostname\"\n", "\n@include \"x\n",
    };

    assert_int_equal(mkfifo(fifo, 0600), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *where = g_strdup_printf("%s:2: ", path);

        assert_null(load_text(texts[i], &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG));
        assert_true(g_str_has_prefix(error->message, where));
    }
}

/* Nine files, each of which includes the next one ten times, would be read a thousand million
 * times. */
static void test_too_many_includes(void **state)
{
    g_autoptr(GError) error = NULL;

    for (int i = 1; i < 9; i++) {
        g_autofree char *name = g_strdup_printf("%d.conf", i);
        g_autofree char *line = g_strdup_printf("@include \"%d.conf\"\n", i + 1);
        g_autoptr(GString) text = g_string_new(NULL);

        for (int j = 0; j < 10; j++)
            g_string_append(text, line);
        temporary_write(root, name, text->str);
    }
    temporary_write(root, "9.conf", "");
    assert_null(load_text("@include \"1.conf\"\n", &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG));
    assert_non_null(strstr(error->message, "too many includes"));
}

static void test_unreadable_texts(void **state)
{
    g_autofree char *large = g_strnfill(1024 * 1024 + 1, '\n');
    g_autofree char *path = g_build_filename(root, "cronos.conf", NULL);
    g_autoptr(GError) error = NULL;

    assert_null(load_text(large, &error));
    assert_non_null(strstr(error->message, "larger than 1 MiB"));
    g_clear_error(&error);

    assert_true(g_file_set_contents(path, "log: { };\0x", 11, NULL));
    assert_null(cronos_config_load(root, NULL, &error));
    assert_non_null(strstr(error->message, "NUL"));
    g_clear_error(&error);

    assert_int_equal(g_unlink(path), 0);
    assert_int_equal(g_mkdir(path, 0700), 0);
    assert_null(cronos_config_load(root, NULL, &error));
    assert_non_null(strstr(error->message, "not a regular file"));
}

static void test_warnings(void **state)
{
    static const char *const expected[] = {
        "2: unknown key \"backup.retension_days\", did you mean \"backup.retention_days\"?",
        "3: unknown section \"restor\", did you mean \"restore\"?",
        "4: unknown key \"max_backups\", did you mean \"backup.max_backups\"?",
        "5: unknown section \"zebra\"",
        "6: unknown key \"log.zebra\"",
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosConfig) config = load_text("backup: {\n retension_days = 1; };\n"
                                               "restor: { };\n"
                                               "max_backups = 3;\n"
                                               "zebra: { };\n"
                                               "log: { zebra = 1; };\n",
                                               &error);

    assert_non_null(config);
    const GPtrArray *warnings = cronos_config_warnings(config);
    assert_int_equal(warnings->len, G_N_ELEMENTS(expected));
    for (guint i = 0; i < warnings->len; i++) {
        g_autofree char *text = g_strdup_printf("%s/cronos.conf:%s", root, expected[i]);
        assert_string_equal(g_ptr_array_index(warnings, i), text);
    }
    assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_RETENTION_DAYS), 30);
}

static void assert_hooks_refused(const char *path, mode_t mode, const char *reason)
{
    struct stat before;
    g_autoptr(GError) error = NULL;

    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(chmod(path, mode), 0);
    g_autoptr(CronosConfig) config = cronos_config_load(root, NULL, &error);
    assert_non_null(config);
    if (reason == NULL) {
        assert_null(cronos_config_hooks_refusal(config));
    } else {
        g_autofree char *problem = g_strdup_printf("since %s %s", path, reason);
        assert_non_null(cronos_config_hooks_refusal(config));
        assert_non_null(strstr(cronos_config_hooks_refusal(config), problem));
    }
    assert_int_equal(chmod(path, before.st_mode & 07777), 0);
}

/* Commands are taken from the root's own file only where nobody else can have written it. */
static void test_hooks_of_others(void **state)
{
    g_autofree char *folder = g_build_filename(root, "more", NULL);
    g_autofree char *included = g_build_filename(folder, "more.conf", NULL);
    g_autofree char *file = g_build_filename(root, "cronos.conf", NULL);
    const char *everybody = "can be written by everybody", *group = "can be written by its group";

    temporary_write(root, "cronos.conf", "@include \"more/more.conf\"\n");
    assert_int_equal(g_mkdir(folder, 0755), 0);
    temporary_write(root, "more/more.conf", "hooks: {\n on_failure = \"true\"; };\n");
    assert_hooks_refused(file, 0644, NULL);
    assert_hooks_refused(file, 0664, group);
    assert_hooks_refused(file, 0606, everybody);
    assert_hooks_refused(included, 0666, everybody);
    assert_hooks_refused(folder, 0775, group);
    assert_hooks_refused(root, 0777, everybody);
    assert_hooks_refused(root, 01777, NULL);

    /* Whoever names the file means it; and without commands there is nothing to refuse. */
    assert_int_equal(chmod(file, 0666), 0);
    g_autoptr(CronosConfig) named = cronos_config_load(root, file, NULL);
    assert_null(cronos_config_hooks_refusal(named));
    temporary_write(root, "more/more.conf", "hooks: { timeout_seconds = 1; };\n");
    assert_hooks_refused(file, 0666, NULL);
}

/* Nor is a service told by others what to do and whom to obey. */
static void test_service_of_others(void **state)
{
    g_autofree char *file = g_build_filename(root, "cronos.conf", NULL);

    temporary_write(root, "cronos.conf", "service: {\n queue_length = 7; };\n");
    g_autoptr(CronosConfig) own = cronos_config_load(root, NULL, NULL);
    assert_null(cronos_config_service_refusal(own));
    assert_int_equal(chmod(file, 0664), 0);
    g_autoptr(CronosConfig) others = cronos_config_load(root, NULL, NULL);
    assert_non_null(strstr(cronos_config_service_refusal(others),
                           "cronos.conf:2: service.queue_length: no request is served"));
    assert_null(cronos_config_hooks_refusal(others));
    g_autoptr(CronosConfig) named = cronos_config_load(root, file, NULL);
    assert_null(cronos_config_service_refusal(named));

    temporary_write(root, "cronos.conf", "hooks: { timeout_seconds = 1; };\n");
    g_autoptr(CronosConfig) without = cronos_config_load(root, NULL, NULL);
    assert_null(cronos_config_service_refusal(without));
}

static void test_hooks_of_another_user(void **state)
{
    g_autofree char *file = g_build_filename(root, "cronos.conf", NULL);
    g_autofree char *target = g_build_filename(root, "target", NULL);
    const char *reason = geteuid() == 0 ? "belongs to the user 54321" : NULL;

    temporary_write(root, "target", "hooks: { after_create = \"true\"; };\n");
    assert_int_equal(symlink("target", file), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(target, 54321, 54321), 0);
    assert_hooks_refused(target, 0644, reason);
}

static void test_order_of_files(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *user = g_build_filename(root, "xdg", "cronos", NULL);
    g_autofree char *xdg = g_path_get_dirname(user);
    g_autofree char *named = g_build_filename(root, "named.conf", NULL);
    g_autofree char *given = g_build_filename(root, "given.conf", NULL);
    const char *files[] = {"xdg/cronos/cronos.conf", "cronos.conf", "named.conf", "given.conf"};

    assert_int_equal(g_mkdir_with_parents(user, 0700), 0);
    g_setenv("XDG_CONFIG_HOME", xdg, TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *text = g_strdup_printf("backup: { max_backups = %u; };", i + 1);

        temporary_write(root, files[i], text);
        if (i == 2)
            g_setenv("CRONOS_CONFIG", named, TRUE);
        g_autoptr(CronosConfig) config = cronos_config_load(root, i == 3 ? given : NULL, &error);
        assert_non_null(config);
        assert_int_equal(cronos_config_int(config, CRONOS_CONFIG_BACKUP_MAX_BACKUPS), i + 1);
        assert_below_root(cronos_config_file(config), files[i]);
    }

    assert_int_equal(g_unlink(named), 0);
    assert_null(cronos_config_load(root, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG));
    assert_non_null(strstr(error->message, "named.conf"));
    g_clear_error(&error);
    assert_null(cronos_config_load(root, "/nonexistent/x.conf", &error));
    assert_non_null(strstr(error->message, "/nonexistent/x.conf"));
}

static void test_root(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *link = g_build_filename(root, "link", NULL);
    g_autofree char *real = g_build_filename(root, "real", NULL);
    g_autofree char *missing = g_build_filename(root, "missing", NULL);
    g_autofree char *file = g_build_filename(root, "file", NULL);

    assert_int_equal(g_mkdir(real, 0700), 0);
    assert_int_equal(symlink("real", link), 0);
    g_autoptr(CronosConfig) config = cronos_config_load(link, NULL, &error);
    assert_non_null(config);
    assert_string_equal(cronos_config_root(config), real);

    assert_null(cronos_config_load(missing, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND));
    assert_non_null(strstr(error->message, "does not exist"));
    g_clear_error(&error);
    temporary_write(root, "file", "");
    assert_null(cronos_config_load(file, NULL, &error));
    assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_NOT_FOUND));
    assert_non_null(strstr(error->message, "not a directory"));
}

static void test_root_as_backup_directory(void **state)
{
    g_autofree char *link = g_build_filename(root, "self", NULL);

    assert_int_equal(symlink(".", link), 0);
    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;

        assert_null(load_text(i == 0 ? "backup: { directory = \".\"; };"
                                     : "backup: { directory = \"self\"; };",
                              &error));
        assert_true(g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG));
        assert_non_null(strstr(error->message, "cronos.conf:1: backup.directory"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_home, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parse_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_include, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_includes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_includes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_warnings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hooks_of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_service_of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hooks_of_another_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_of_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_root_as_backup_directory, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
