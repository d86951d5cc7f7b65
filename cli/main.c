/* SPDX-License-Identifier: MIT
 * main.c - cronos: parses, loads the configuration, runs a command, picks the exit status
 *
 * This is the only place that turns an error into a line on stderr and a status. */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/log.h"
#include "core/passphrase.h"
#include "core/standard-descriptors.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* Returns: @status, or failure where the result could not be written. */
static int close_stdout(int status)
{
    int errnum = cronos_terminal_flush_output();
    gboolean failed = ferror(stdout) != 0;

    errno = 0;
    if (fclose(stdout) != 0 || failed) {
        errnum = errnum != 0 ? errnum : errno;
        if (errnum != EPIPE)
            cronos_say_error("standard output: %s",
                             errnum != 0 ? g_strerror(errnum) : "write error");
        return status == CRONOS_EXIT_DONE ? CRONOS_EXIT_FAILED : status;
    }
    return status;
}

/* @command: nullable. What help itself has to say is no help. */
static int usage_hint(const CronosCommand *command)
{
    gboolean overview = command == NULL || command == &cronos_command_help;

    fprintf(stderr, "Try 'cronos%s%s --help'.\n", overview ? "" : " ",
            overview ? "" : command->name);
    return CRONOS_EXIT_USAGE;
}

static int error_report(const CronosCommand *command, const GError *error)
{
    if (g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CANCELLED) &&
        cronos_interrupt_signal() != 0) {
        cronos_say_error("interrupted; no file is left half written");
        return CRONOS_EXIT_SIGNAL + cronos_interrupt_signal();
    }
    cronos_say_error("%s", error->message);
    if (g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_USAGE))
        return usage_hint(command);
    if (g_error_matches(error, CRONOS_ERROR, CRONOS_ERROR_CONFIG))
        return CRONOS_EXIT_USAGE;
    return CRONOS_EXIT_FAILED;
}

/* Core logs as warnings what its results tell as well, and the command prints these: stderr takes
 * from the log what nobody else tells, or, asked to be verbose, all of it but the results. */
static void start_log(const CronosConfig *config, const CronosCommand *command)
{
    gboolean all =
        cronos_terminal_is_verbose() || (command->is_service && !cronos_terminal_is_quiet());
    CronosLogOptions options = {
        .program = "cronos",
        .file_level = CRONOS_LOG_INFO,
        .stderr_level = all ? CRONOS_LOG_INFO : CRONOS_LOG_ERROR,
        .use_stderr = TRUE,
        .tells_results = !command->is_service,
        .file = cronos_config_log_file(config),
        .before_line = cronos_terminal_clear_line,
    };

    cronos_log_level_parse(cronos_config_string(config, CRONOS_CONFIG_LOG_LEVEL),
                           &options.file_level);
    cronos_log_start(&options);
}

/* Returns: (owned) or NULL with @error; warnings have been printed. */
static CronosConfig *load_config(const CronosArguments *arguments, const CronosCommand *command,
                                 GError **error)
{
    CronosConfig *config = cronos_config_load(arguments->root != NULL ? arguments->root : ".",
                                              arguments->config_file, error);

    if (config == NULL)
        return NULL;
    const GPtrArray *warnings = cronos_config_warnings(config);
    for (guint i = 0; warnings != NULL && i < warnings->len; i++)
        cronos_say_config_warning(g_ptr_array_index(warnings, i));
    start_log(config, command);
    cronos_passphrase_set_source(
        cronos_config_string(config, CRONOS_CONFIG_ARCHIVE_PASSPHRASE_FILE),
        cronos_config_string(config, CRONOS_CONFIG_ARCHIVE_PASSPHRASE_COMMAND));
    return config;
}

static gboolean check_operands(const CronosInvocation *invocation, GError **error)
{
    const CronosCommand *command = invocation->command;

    if (invocation->operand_count < command->operands_min) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "%s needs %s", command->name,
                    command->operand_missing);
        return FALSE;
    }
    if (invocation->operand_count > command->operands_max) {
        g_autofree char *quoted = cronos_quote_path(invocation->operands[command->operands_max]);

        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "%s: unexpected argument \"%s\"",
                    command->name, quoted);
        return FALSE;
    }
    return TRUE;
}

static int run_command(CronosInvocation *invocation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CronosConfig) config = NULL;

    if (!check_operands(invocation, &error))
        return error_report(invocation->command, error);
    if (invocation->command->needs_config) {
        config = load_config(invocation->arguments, invocation->command, &error);
        if (config == NULL) {
            cronos_say_error("%s", error->message);
            return CRONOS_EXIT_USAGE;
        }
        invocation->config = config;
    }
    int status = invocation->command->run(invocation, &error);
    return error != NULL ? error_report(invocation->command, error) : status;
}

/* Returns: whether --help or --version has been answered. */
static gboolean answer_at_once(const CronosArguments *arguments, const CronosCommand *command)
{
    if (arguments->help)
        cronos_help_print(command);
    else if (arguments->version)
        puts("cronos " CRONOS_VERSION);
    return arguments->help || arguments->version;
}

/* @argv: the command's name and what follows it. */
static int dispatch(int argc, char **argv, CronosArguments *arguments)
{
    g_auto(GStrv) operands = NULL;
    g_autoptr(GError) error = NULL;
    const CronosCommand *command = cronos_command_lookup(argv[0], &error);

    if (command == NULL)
        return error_report(NULL, error);
    if (!cronos_options_parse(&argc, &argv, command->options, arguments, &operands, &error) ||
        !cronos_terminal_start(arguments->color, arguments->quiet, arguments->verbose, &error))
        return error_report(command, error);
    if (answer_at_once(arguments, command))
        return CRONOS_EXIT_DONE;
    CronosInvocation invocation = {
        .command = command,
        .arguments = arguments,
        .operands = (const char *const *)operands,
        .operand_count = g_strv_length(operands),
    };
    return run_command(&invocation);
}

static int parse_and_run(int argc, char **argv)
{
    g_auto(CronosArguments) arguments;
    g_autoptr(GError) error = NULL;

    cronos_arguments_init(&arguments);
    if (!cronos_options_parse_global(&argc, &argv, &arguments, &error) ||
        !cronos_terminal_start(arguments.color, arguments.quiet, arguments.verbose, &error))
        return error_report(NULL, error);
    if (argc > 1 && g_str_equal(argv[1], "--")) { /* GOption leaves it where an option follows */
        argc--;
        argv++;
    }
    if (argc > 1)
        return dispatch(argc - 1, argv + 1, &arguments);
    if (answer_at_once(&arguments, NULL))
        return CRONOS_EXIT_DONE;
    cronos_say_error("no command given");
    return usage_hint(NULL);
}

int main(int argc, char **argv)
{
    cronos_standard_descriptors_open();
    setlocale(LC_ALL, "");
    g_set_prgname("cronos");
    return close_stdout(parse_and_run(argc, argv));
}
