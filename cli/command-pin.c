/* SPDX-License-Identifier: MIT
 * command-pin.c - cronos pin, cronos unpin */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/pin.h"

static gboolean change(CronosBackupDirectory *directory, const CronosBackup *backup, gboolean pin,
                       GError **error)
{
    g_autofree char *quoted = cronos_quote_path(backup->file_name);

    if (backup->pinned && pin) {
        cronos_say_note("%s is pinned already", quoted);
        return TRUE;
    }
    if (!backup->pinned && !pin) {
        cronos_say_note("%s is not pinned", quoted);
        return TRUE;
    }
    if (!(pin ? cronos_pin_set : cronos_pin_clear)(directory, backup->file_name, error))
        return FALSE;
    cronos_say_note("%s is %s", quoted,
                    pin ? "pinned: retention keeps it" : "left to retention again");
    return TRUE;
}

/* Returns: (owned) array of one backup an operand, borrowed from @catalog, or NULL with @error. */
static const CronosBackup **choose_all(const CronosInvocation *invocation,
                                       const CronosCatalog *catalog, GError **error)
{
    g_autofree const CronosBackup **chosen = g_new(const CronosBackup *, invocation->operand_count);

    for (guint i = 0; i < invocation->operand_count; i++) {
        chosen[i] = cronos_choose_backup(catalog, invocation->operands[i], error);
        if (chosen[i] == NULL)
            return NULL;
    }
    return g_steal_pointer(&chosen);
}

/* All are looked up before the first is changed. */
static int run_either(const CronosInvocation *invocation, gboolean pin, GError **error)
{
    const char *path = cronos_config_backup_directory(invocation->config);
    g_autoptr(CronosCatalog) catalog = cronos_catalog_read(path, error);
    if (catalog == NULL)
        return CRONOS_EXIT_FAILED;
    g_autofree const CronosBackup **chosen = choose_all(invocation, catalog, error);
    if (chosen == NULL)
        return CRONOS_EXIT_FAILED;
    g_autoptr(CronosBackupDirectory) directory =
        cronos_backup_directory_lock(path, cronos_interrupt_start(), error);
    if (directory == NULL)
        return CRONOS_EXIT_FAILED;
    for (guint i = 0; i < invocation->operand_count; i++)
        if (!change(directory, chosen[i], pin, error))
            return CRONOS_EXIT_FAILED;
    return CRONOS_EXIT_DONE;
}

static int run_pin(const CronosInvocation *invocation, GError **error)
{
    return run_either(invocation, TRUE, error);
}

static int run_unpin(const CronosInvocation *invocation, GError **error)
{
    return run_either(invocation, FALSE, error);
}

const CronosCommand cronos_command_pin = {
    .name = "pin",
    .synopsis = "ID...",
    .summary = "Keep backups whatever retention says",
    .details = "Puts a hidden file, .NAME.pin, beside each archive, which itself stays as it is.\n",
    .operands_min = 1,
    .operands_max = G_MAXUINT,
    .operand_missing = "the ID of a backup",
    .needs_config = TRUE,
    .run = run_pin,
};

const CronosCommand cronos_command_unpin = {
    .name = "unpin",
    .synopsis = "ID...",
    .summary = "Leave pinned backups to retention again",
    .details = "Removes nothing: the next create or clean decides.\n",
    .operands_min = 1,
    .operands_max = G_MAXUINT,
    .operand_missing = "the ID of a backup",
    .needs_config = TRUE,
    .run = run_unpin,
};
