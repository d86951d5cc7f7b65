/* SPDX-License-Identifier: MIT
 * command-help.c - help, made from the table of commands
 *
 * 80 columns at most, plain ASCII, on stdout. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#define OPTION_COLUMN 27

static void option_print(const CronosOption *option)
{
    g_autofree char *left =
        option->letter != 0 ? g_strdup_printf("-%c, ", option->letter) : g_strdup("    ");
    g_autofree char *full = g_strconcat(left, "--", option->name, option->argument ? "=" : "",
                                        option->argument ? option->argument : "", NULL);

    if (strlen(full) + 2 > OPTION_COLUMN - 2)
        printf("  %s\n  %*s%s\n", full, OPTION_COLUMN - 2, "", option->help);
    else
        printf("  %-*s%s\n", OPTION_COLUMN - 2, full, option->help);
}

static void options_print(const char *title, const CronosOption *options)
{
    if (options == NULL || options->name == NULL)
        return;
    printf("\n%s:\n", title);
    for (; options->name != NULL; options++)
        option_print(options);
}

static void overview_print(void)
{
    puts("Usage: cronos [OPTION]... COMMAND [ARGUMENT]...\n\n"
         "Keeps point-in-time backups of a project directory as ordinary ZIP files.\n\n"
         "Commands:");
    for (const CronosCommand *const *at = cronos_commands; *at != NULL; at++) {
        g_autofree char *left = g_strdup_printf("%s %s", (*at)->name, (*at)->synopsis);

        printf("  %-*s%s\n", OPTION_COLUMN - 2, left, (*at)->summary);
    }
    options_print("Options, before or after the command", cronos_global_options);
    puts("\n\"cronos help COMMAND\" tells more of a command; cronos(1) tells all.");
}

void cronos_help_print(const CronosCommand *command)
{
    if (command == NULL) {
        overview_print();
        return;
    }
    printf("Usage: cronos %s [OPTION]...%s%s\n\n%s.\n", command->name,
           *command->synopsis != '\0' ? " " : "", command->synopsis, command->summary);
    if (command->details != NULL)
        printf("\n%s", command->details);
    options_print("Options", command->options);
    options_print("Options of every command", cronos_global_options);
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const CronosCommand *command = NULL;

    if (invocation->operand_count > 0) {
        command = cronos_command_lookup(invocation->operands[0], error);
        if (command == NULL)
            return CRONOS_EXIT_USAGE;
    }
    cronos_help_print(command);
    return CRONOS_EXIT_DONE;
}

const CronosCommand cronos_command_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "Show help",
    .operands_max = 1,
    .run = run,
};
