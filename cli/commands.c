/* SPDX-License-Identifier: MIT
 * commands.c - the table of commands */
#include "cli/command.h"

const CronosCommand *const cronos_commands[] = {
    &cronos_command_create, &cronos_command_list,     &cronos_command_show,
    &cronos_command_cat,    &cronos_command_versions, &cronos_command_find,
    &cronos_command_diff,   &cronos_command_restore,  &cronos_command_clean,
    &cronos_command_pin,    &cronos_command_unpin,    &cronos_command_verify,
    &cronos_command_mount,  &cronos_command_umount,   &cronos_command_serve,
    &cronos_command_config, &cronos_command_help,     NULL,
};

const CronosCommand *cronos_command_lookup(const char *name)
{
    for (const CronosCommand *const *at = cronos_commands; *at != NULL; at++)
        if (g_str_equal((*at)->name, name))
            return *at;
    return NULL;
}
