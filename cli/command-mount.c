/* SPDX-License-Identifier: MIT
 * command-mount.c - cronos mount: becomes cronosfs */
#include "cli/command.h"
#include "core/error.h"
#include "core/passphrase.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const CronosOption options[] = {
    CRONOS_LIST('o', "options", mount_options, "OPTIONS", "mount options, as cronosfs takes them"),
    CRONOS_FLAG('f', "foreground", foreground, "stay in the foreground"),
    CRONOS_OPTIONS_END,
};

static char *beside_this_program(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *directory = self != NULL ? g_path_get_dirname(self) : NULL;

    return directory != NULL ? g_build_filename(directory, "cronosfs", NULL) : NULL;
}

/* Returns: (owned) path of the daemon's program, or NULL with @error. */
static char *find_daemon(GError **error)
{
    g_autofree char *beside = beside_this_program();

    if (beside != NULL && g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer(&beside);
    if (g_file_test(CRONOS_BINDIR "/cronosfs", G_FILE_TEST_IS_EXECUTABLE))
        return g_strdup(CRONOS_BINDIR "/cronosfs");
    char *found = g_find_program_in_path("cronosfs");
    if (found == NULL)
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_FAILED,
                    "cronosfs is neither beside this program, nor in %s, nor in PATH",
                    CRONOS_BINDIR);
    return found;
}

/* Commas end an option, and backslashes escape, in what FUSE parses. */
static char *escape_option(const char *value)
{
    GString *escaped = g_string_new(NULL);

    for (const char *at = value; *at != '\0'; at++) {
        if (*at == ',' || *at == '\\')
            g_string_append_c(escaped, '\\');
        g_string_append_c(escaped, *at);
    }
    return g_string_free(escaped, FALSE);
}

/* Returns: whether the log's directory is there, or could be made, and takes a file. */
static gboolean is_log_writable(const char *file)
{
    if (access(file, F_OK) == 0)
        return access(file, W_OK) == 0;
    for (g_autofree char *directory = g_path_get_dirname(file);;) {
        if (access(directory, F_OK) == 0)
            return access(directory, W_OK | X_OK) == 0;
        char *parent = g_path_get_dirname(directory);
        gboolean is_top = g_str_equal(parent, directory);
        g_free(directory);
        directory = parent;
        if (is_top)
            return FALSE;
    }
}

static gboolean names_option(const GPtrArray *mount_options, const char *name)
{
    for (guint i = 0; mount_options != NULL && i < mount_options->len; i++) {
        g_auto(GStrv) parts = g_strsplit(g_ptr_array_index(mount_options, i), ",", -1);

        for (char **part = parts; *part != NULL; part++)
            if (g_str_has_prefix(*part, name) && (*part)[strlen(name)] == '=')
                return TRUE;
    }
    return FALSE;
}

static void add_option(GStrvBuilder *builder, const char *option)
{
    g_strv_builder_add_many(builder, "-o", option, NULL);
}

static void add_log_options(GStrvBuilder *builder, const CronosInvocation *invocation)
{
    const GPtrArray *given = invocation->arguments->mount_options;
    const char *file = cronos_config_log_file(invocation->config);

    if (!names_option(given, "log_level")) {
        g_autofree char *option = g_strconcat(
            "log_level=", cronos_config_string(invocation->config, CRONOS_CONFIG_LOG_LEVEL), NULL);

        add_option(builder, option);
    }
    if (file != NULL && !names_option(given, "log_file") && is_log_writable(file)) {
        g_autofree char *escaped = escape_option(file);
        g_autofree char *option = g_strconcat("log_file=", escaped, NULL);

        add_option(builder, option);
    }
}

/* Returns: a descriptor that the daemon inherits, of memory that holds the passphrase; -1 with
 * @error. */
static int hold_passphrase(GError **error)
{
    const char *passphrase = cronos_passphrase_get(error);
    gsize length;

    if (passphrase == NULL)
        return -1;
    length = strlen(passphrase);
    int fd = memfd_create("passphrase", 0);
    if (fd >= 0 && pwrite(fd, passphrase, length, 0) == (gssize)length)
        return fd;
    cronos_error_set_system(error, errno, "handing on the passphrase");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The daemon runs no command: what one has to tell is found out here. */
static gboolean add_passphrase_option(GStrvBuilder *builder, const CronosInvocation *invocation,
                                      GError **error)
{
    const char *file =
        cronos_config_string(invocation->config, CRONOS_CONFIG_ARCHIVE_PASSPHRASE_FILE);

    if (!cronos_passphrase_is_configured() ||
        names_option(invocation->arguments->mount_options, "passphrase_file"))
        return TRUE;
    if (*file != '\0') {
        g_autofree char *escaped = escape_option(file);
        g_autofree char *option = g_strconcat("passphrase_file=", escaped, NULL);

        add_option(builder, option);
        return TRUE;
    }
    int fd = hold_passphrase(error);
    if (fd < 0)
        return FALSE;
    g_autofree char *option = g_strdup_printf("passphrase_file=/proc/self/fd/%d", fd);
    add_option(builder, option);
    return TRUE;
}

/* A path that begins with '-' must not be taken for an option. */
static void add_path(GStrvBuilder *builder, const char *path)
{
    g_autofree char *safe = *path == '-' ? g_strconcat("./", path, NULL) : g_strdup(path);

    g_strv_builder_add(builder, safe);
}

/* Returns: (owned), or NULL with @error. */
static char **daemon_arguments(const CronosInvocation *invocation, const char *program,
                               GError **error)
{
    const CronosArguments *arguments = invocation->arguments;
    gboolean has_directory = invocation->operand_count > 1;
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    g_strv_builder_add(builder, program);
    for (guint i = 0; arguments->mount_options != NULL && i < arguments->mount_options->len; i++)
        add_option(builder, g_ptr_array_index(arguments->mount_options, i));
    add_log_options(builder, invocation);
    if (!add_passphrase_option(builder, invocation, error))
        return NULL;
    if (arguments->foreground)
        g_strv_builder_add(builder, "-f");
    add_path(builder, has_directory ? invocation->operands[0]
                                    : cronos_config_backup_directory(invocation->config));
    add_path(builder, invocation->operands[has_directory ? 1 : 0]);
    return g_strv_builder_end(builder);
}

static int run(const CronosInvocation *invocation, GError **error)
{
    g_autofree char *program = find_daemon(error);

    if (program == NULL)
        return CRONOS_EXIT_FAILED;
    g_auto(GStrv) daemon = daemon_arguments(invocation, program, error);
    if (daemon == NULL)
        return CRONOS_EXIT_FAILED;
    fflush(NULL);
    execv(program, daemon);
    cronos_error_set_system(error, errno, "%s", program);
    return CRONOS_EXIT_FAILED;
}

const CronosCommand cronos_command_mount = {
    .name = "mount",
    .synopsis = "[DIR] MOUNTPOINT",
    .summary = "Show backups as folders below MOUNTPOINT",
    .details = "DIR: where the archives lie (the configured backup directory). The mount is\n"
               "read-only and live; cronosfs(1) tells of its options.\n",
    .options = options,
    .operands_min = 1,
    .operands_max = 2,
    .operand_missing = "a MOUNTPOINT",
    .needs_config = TRUE,
    .run = run,
};
