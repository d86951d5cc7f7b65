/* SPDX-License-Identifier: MIT
 * commands.c - the table of commands */
#include "cli/command.h"
#include "core/error.h"
#include "core/nearest.h"

const CronosCommand *const cronos_commands[] = {
    &cronos_command_create, &cronos_command_list,     &cronos_command_show,
    &cronos_command_cat,    &cronos_command_versions, &cronos_command_find,
    &cronos_command_diff,   &cronos_command_restore,  &cronos_command_clean,
    &cronos_command_pin,    &cronos_command_unpin,    &cronos_command_verify,
    &cronos_command_mount,  &cronos_command_umount,   &cronos_command_serve,
    &cronos_command_config, &cronos_command_help,     NULL,
};

/* Returns: (borrowed) the one that @name is a slip of the keys for, or NULL. */
static const CronosCommand *nearest_command(const char *name)
{
    const CronosCommand *nearest = NULL;
    guint least = G_MAXUINT;

    for (const CronosCommand *const *at = cronos_commands; *at != NULL; at++) {
        guint distance = cronos_nearest_distance(name, (*at)->name);

        if (distance >= least)
            continue;
        least = distance;
        nearest = *at;
    }
    return cronos_nearest_is_close(name, least) ? nearest : NULL;
}

const CronosCommand *cronos_command_lookup(const char *name, GError **error)
{
    for (const CronosCommand *const *at = cronos_commands; *at != NULL; at++)
        if (g_str_equal((*at)->name, name))
            return *at;

    g_autofree char *quoted = cronos_quote_path(name);
    const CronosCommand *nearest = nearest_command(name);
    if (nearest != NULL)
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "there is no command \"%s\"; did you mean \"%s\"?", quoted, nearest->name);
    else
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "there is no command \"%s\"", quoted);
    return NULL;
}
