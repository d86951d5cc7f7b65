/* SPDX-License-Identifier: MIT
 * command-diff.c - cronos diff */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json-output.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "core/differences.h"
#include "core/error.h"

static const CronosOption options[] = {
    CRONOS_FLAG(0, "source", source, "compare with the project directory"),
    CRONOS_FLAG(0, "exit-code", exit_code, "make the exit status 1 where there are differences"),
    CRONOS_FLAG(0, "json", json, "print a JSON object"),
    CRONOS_OPTIONS_END,
};

/* What is compared; the backups are borrowed from the catalog. */
typedef struct {
    const CronosBackup *before;
    const CronosBackup *after; /* NULL: the project directory */
} Sides;

static const char *difference_word(CronosDifferenceKind kind)
{
    static const char *const words[] = {
        [CRONOS_DIFFERENCE_ADDED] = "added",
        [CRONOS_DIFFERENCE_REMOVED] = "removed",
        [CRONOS_DIFFERENCE_CHANGED] = "changed",
    };

    return words[kind];
}

/* Returns: (owned) the size of a file, else what it is; NULL where nothing is known. */
static char *side_text(gboolean known, const CronosMemberInfo *info)
{
    if (!known)
        return NULL;
    return info->kind == CRONOS_MEMBER_FILE ? cronos_format_size(info->size_bytes)
                                            : g_strdup(cronos_kind_word(info->kind));
}

static void print_table(const GArray *differences)
{
    static const char *const headings[] = {"CHANGE", ">BEFORE", ">AFTER", "PATH", NULL};
    g_autoptr(CronosTable) table = cronos_table_new(headings);

    for (guint i = 0; i < differences->len; i++) {
        const CronosDifference *difference = &g_array_index(differences, CronosDifference, i);
        g_autofree char *before = side_text(difference->has_before, &difference->before);
        g_autofree char *after = side_text(difference->has_after, &difference->after);
        g_autofree char *path = cronos_quote_path(difference->path);

        cronos_table_add(
            table, CRONOS_STYLE_PLAIN,
            (const char *const[]){difference_word(difference->kind), before, after, path});
    }
    cronos_table_print(table);
}

static void set_side(JsonObject *object, const char *key, gboolean known,
                     const CronosMemberInfo *info)
{
    g_autoptr(JsonObject) side = known ? json_object_new() : NULL;

    if (known)
        cronos_json_set_member(side, info);
    cronos_json_set_object(object, key, side);
}

static void print_json(const Sides *sides, const CronosDifferences *found)
{
    g_autoptr(JsonObject) root = json_object_new();
    JsonArray *array = json_array_sized_new(found->differences->len);

    for (guint i = 0; i < found->differences->len; i++) {
        const CronosDifference *difference =
            &g_array_index(found->differences, CronosDifference, i);
        JsonObject *object = json_object_new();

        cronos_json_set_text(object, "change", difference_word(difference->kind));
        cronos_json_set_text(object, "path", difference->path);
        set_side(object, "before", difference->has_before, &difference->before);
        set_side(object, "after", difference->has_after, &difference->after);
        json_array_add_object_element(array, object);
    }
    cronos_json_set_text(root, "before", sides->before->file_name);
    cronos_json_set_text(root, "after", sides->after != NULL ? sides->after->file_name : NULL);
    json_object_set_array_member(root, "differences", array);
    cronos_json_set_texts(root, "unreadable", found->unreadable);
    cronos_json_print_object(root);
}

static gboolean choose_sides(const CronosInvocation *invocation, const CronosCatalog *catalog,
                             Sides *out_sides, GError **error)
{
    const char *const *ids = invocation->operands;
    gboolean source = invocation->arguments->source;

    *out_sides = (Sides){NULL, NULL};
    if (source && invocation->operand_count > 1) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                    "--source and a second ID exclude each other");
        return FALSE;
    }
    out_sides->before = cronos_choose_backup(catalog, ids[0], error);
    if (out_sides->before == NULL || source)
        return out_sides->before != NULL;
    out_sides->after =
        cronos_choose_backup(catalog, invocation->operand_count > 1 ? ids[1] : "latest", error);
    if (out_sides->after != out_sides->before || invocation->operand_count > 1)
        return out_sides->after != NULL;
    g_autofree char *name = cronos_quote_path(out_sides->before->file_name);
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE,
                "%s is the latest backup: a second ID, or --source, must say what to compare it "
                "with",
                name);
    return FALSE;
}

/* Returns: (owned), or NULL with @error. */
static CronosDifferences *compare(const CronosInvocation *invocation, const CronosCatalog *catalog,
                                  const Sides *sides, GError **error)
{
    g_autoptr(CronosArchive) before = cronos_open_backup(catalog, sides->before, error);
    if (before == NULL)
        return NULL;
    g_autoptr(CronosArchive) after =
        sides->after != NULL ? cronos_open_backup(catalog, sides->after, error) : NULL;
    if (after == NULL && sides->after != NULL)
        return NULL;
    g_autoptr(CronosProgressBar) bar =
        cronos_progress_bar_new("comparing", invocation->arguments->no_progress);
    CronosProgress progress = cronos_progress_bar_hook(bar, cronos_interrupt_start());
    return after != NULL
               ? cronos_differences_between(before, after, &progress, error)
               : cronos_differences_from_source(invocation->config, before, 0, &progress, error);
}

static int run(const CronosInvocation *invocation, GError **error)
{
    const CronosArguments *arguments = invocation->arguments;
    Sides sides;
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(invocation->config), error);

    if (catalog == NULL || !choose_sides(invocation, catalog, &sides, error))
        return CRONOS_EXIT_FAILED;
    g_autoptr(CronosDifferences) found = compare(invocation, catalog, &sides, error);
    if (found == NULL)
        return CRONOS_EXIT_FAILED;
    if (arguments->json)
        print_json(&sides, found);
    else
        print_table(found->differences);
    for (guint i = 0; i < found->unreadable->len; i++)
        cronos_say_error("%s", (const char *)g_ptr_array_index(found->unreadable, i));
    if (found->unreadable->len > 0)
        return CRONOS_EXIT_INCOMPLETE;
    return arguments->exit_code && found->differences->len > 0 ? CRONOS_EXIT_FAILED
                                                               : CRONOS_EXIT_DONE;
}

const CronosCommand cronos_command_diff = {
    .name = "diff",
    .synopsis = "ID [ID2]",
    .summary = "Tell what changed from one backup to another",
    .details = "Prints what was added, removed and changed, with the sizes before and after.\n"
               "ID2: the latest backup, unless another is named; with --source, the project\n"
               "directory.\n",
    .options = options,
    .operands_min = 1,
    .operands_max = 2,
    .operand_missing = "the ID of a backup",
    .needs_config = TRUE,
    .run = run,
};
