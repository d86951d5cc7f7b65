/* SPDX-License-Identifier: MIT
 * command-show.c - cronos show */
#include "cli/command.h"
#include "cli/json-output.h"
#include "cli/show-sizes.h"
#include "cli/terminal.h"
#include "core/archive.h"
#include "core/error.h"
#include "core/metadata.h"

static const CronosOption options[] = {
    CRONOS_NUMBER(0, "largest", largest, "N", "the N largest members, and kinds of them", 1,
                  G_MAXINT),
    CRONOS_FLAG(0, "json", json, "print a JSON object"),
    CRONOS_OPTIONS_END,
};

/* The metadata member that create added counts as a member and not as a file. */
typedef struct {
    guint64 members, files, directories, symlinks, bytes, stored_bytes;
    gboolean with_metadata; /* it is one of the members */
} Totals;

static void totals_add(Totals *totals, const CronosMemberInfo *info, gboolean is_metadata)
{
    if (info->implied)
        return;
    totals->members++;
    totals->stored_bytes += info->stored_bytes;
    if (is_metadata) {
        totals->with_metadata = TRUE;
        return;
    }
    switch (info->kind) {
    case CRONOS_MEMBER_FILE:
        totals->bytes += info->size_bytes;
        totals->files++;
        break;
    case CRONOS_MEMBER_DIRECTORY:
        totals->directories++;
        break;
    case CRONOS_MEMBER_SYMLINK:
        totals->symlinks++;
        break;
    }
}

static gboolean totals_count(CronosArchive *archive, Totals *out_totals, GError **error)
{
    guint32 count = cronos_archive_count(archive);
    guint32 own = cronos_archive_lookup_path(archive, CRONOS_METADATA_MEMBER);

    *out_totals = (Totals){0};
    if (own != CRONOS_ENTRY_NONE && !cronos_metadata_is_member(archive, own))
        own = CRONOS_ENTRY_NONE;
    for (guint32 entry = CRONOS_ENTRY_ROOT + 1; entry < count; entry++) {
        CronosMemberInfo info;

        if (!cronos_archive_info(archive, entry, &info, error))
            return FALSE;
        totals_add(out_totals, &info, entry == own);
    }
    return TRUE;
}

/* All that is shown; borrowed. */
typedef struct {
    const CronosCatalog *catalog;
    const CronosBackup *backup;
    const CronosArchive *archive;
    const Totals *totals;
    const CronosMemberSizes *sizes; /* NULL: not asked for */
    JsonObject *metadata;           /* NULL: there is none */
} Facts;

/* Returns: seconds since the epoch. */
static gint64 created_by_name(const CronosBackup *backup)
{
    return backup->foreign ? cronos_seconds_of(backup->mtime_ns) : backup->parsed.created;
}

static void set_identity(JsonObject *root, const Facts *facts)
{
    const CronosBackup *backup = facts->backup;
    gint64 created = created_by_name(backup);
    g_autofree char *path =
        g_build_filename(cronos_catalog_directory(facts->catalog), backup->file_name, NULL);

    cronos_metadata_created(facts->metadata, backup->parsed.timestamp, &created);
    cronos_json_set_text(root, "file_name", backup->file_name);
    cronos_json_set_text(root, "path", path);
    cronos_json_set_count(root, "size_bytes", backup->size_bytes);
    cronos_json_set_text(root, "created_at", backup->parsed.timestamp);
    cronos_json_set_time(root, "created_utc", created);
    cronos_json_set_text(root, "type", backup->parsed.type);
    cronos_json_set_text(root, "name", backup->parsed.name);
    json_object_set_boolean_member(root, "foreign", backup->foreign);
    json_object_set_boolean_member(root, "pinned", backup->pinned);
}

static void set_totals(JsonObject *root, const Totals *totals)
{
    cronos_json_set_count(root, "members", totals->members);
    cronos_json_set_count(root, "files", totals->files);
    cronos_json_set_count(root, "directories", totals->directories);
    cronos_json_set_count(root, "symlinks", totals->symlinks);
    cronos_json_set_count(root, "bytes", totals->bytes);
    cronos_json_set_count(root, "stored_bytes", totals->stored_bytes);
    if (totals->bytes > 0)
        json_object_set_double_member(root, "ratio",
                                      (double)totals->stored_bytes / (double)totals->bytes);
    else
        json_object_set_null_member(root, "ratio");
}

static void print_json(const Facts *facts)
{
    g_autoptr(JsonObject) root = json_object_new();
    const GPtrArray *repairs = NULL;
    guint64 repair_count = cronos_archive_repairs(facts->archive, &repairs);

    set_identity(root, facts);
    set_totals(root, facts->totals);
    cronos_json_set_count(root, "repair_count", repair_count);
    cronos_json_set_texts(root, "repairs", repairs);
    cronos_show_sizes_set(root, facts->archive, facts->sizes);
    cronos_json_set_object(root, "metadata", facts->metadata);
    cronos_json_print_object(root);
}

static void print_field(const char *label, const char *value)
{
    g_autofree char *quoted = cronos_quote_path(value);

    printf("%s%-12s%s%s\n", cronos_style_begin(stdout, CRONOS_STYLE_HEADING), label,
           cronos_style_end(stdout, CRONOS_STYLE_HEADING), quoted);
}

static void print_count(const char *label, guint64 value)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);

    print_field(label, text);
}

static void print_size(const char *label, guint64 bytes)
{
    g_autofree char *size = cronos_format_size(bytes);
    g_autofree char *text = bytes < 1024
                                ? g_strdup(size)
                                : g_strdup_printf("%s (%" G_GUINT64_FORMAT " bytes)", size, bytes);

    print_field(label, text);
}

static void print_identity(const CronosCatalog *catalog, const CronosBackup *backup)
{
    g_autofree char *time = cronos_format_time(created_by_name(backup));

    print_field("file", backup->file_name);
    print_field("directory", cronos_catalog_directory(catalog));
    if (!backup->foreign) {
        print_field("type", backup->parsed.type);
        print_field("name", backup->parsed.name);
    }
    print_field(backup->foreign ? "modified" : "created", time);
    print_size("size", backup->size_bytes);
    if (backup->pinned)
        print_field("pinned", "yes");
}

static void print_totals(const Totals *totals)
{
    g_autofree char *members =
        g_strdup_printf("%" G_GUINT64_FORMAT "%s", totals->members,
                        totals->with_metadata ? " (one is " CRONOS_METADATA_MEMBER ")" : "");

    print_field("members", members);
    print_count("files", totals->files);
    print_count("folders", totals->directories);
    print_count("links", totals->symlinks);
    print_size("content", totals->bytes);
    print_size("stored", totals->stored_bytes);
    if (totals->bytes > 0) {
        g_autofree char *ratio = g_strdup_printf("%.1f %%", 100.0 * (double)totals->stored_bytes /
                                                                (double)totals->bytes);

        print_field("ratio", ratio);
    }
}

/* @largest: as was asked for. */
static void print_text(const Facts *facts, int largest)
{
    const GPtrArray *repairs = NULL;
    guint64 repair_count = cronos_archive_repairs(facts->archive, &repairs);

    print_identity(facts->catalog, facts->backup);
    print_totals(facts->totals);
    if (repair_count > 0)
        print_count("repairs", repair_count);
    for (guint i = 0; repairs != NULL && i < repairs->len; i++)
        print_field("", g_ptr_array_index(repairs, i));
    if (facts->sizes != NULL)
        cronos_show_sizes_print(facts->archive, facts->sizes, (guint)largest);
    if (facts->metadata == NULL)
        return;
    g_autofree char *text = cronos_metadata_to_text(facts->metadata, TRUE);
    print_field("metadata", "");
    printf("%s%s", text, g_str_has_suffix(text, "\n") ? "" : "\n");
}

/* Returns: an exit status. */
static int show(const CronosInvocation *invocation, const CronosCatalog *catalog,
                const CronosBackup *backup, CronosArchive *archive, GError **error)
{
    const CronosArguments *arguments = invocation->arguments;
    g_autoptr(GError) no_metadata = NULL;
    g_autoptr(CronosMemberSizes) sizes = NULL;
    Totals totals;

    if (!totals_count(archive, &totals, error))
        return CRONOS_EXIT_FAILED;
    if (arguments->largest > 0) {
        sizes = cronos_member_sizes_read(archive, (guint)arguments->largest, error);
        if (sizes == NULL)
            return CRONOS_EXIT_FAILED;
    }
    g_autoptr(JsonObject) metadata = cronos_metadata_from_archive(archive, &no_metadata);
    if (no_metadata != NULL)
        cronos_say_warning("%s", no_metadata->message);
    const Facts facts = {
        .catalog = catalog,
        .backup = backup,
        .archive = archive,
        .totals = &totals,
        .sizes = sizes,
        .metadata = metadata,
    };
    if (arguments->json)
        print_json(&facts);
    else
        print_text(&facts, arguments->largest);
    return CRONOS_EXIT_DONE;
}

static int run(const CronosInvocation *invocation, GError **error)
{
    g_autoptr(CronosCatalog) catalog =
        cronos_catalog_read(cronos_config_backup_directory(invocation->config), error);
    if (catalog == NULL)
        return CRONOS_EXIT_FAILED;
    const CronosBackup *backup = cronos_choose_backup(catalog, invocation->operands[0], error);
    if (backup == NULL)
        return CRONOS_EXIT_FAILED;
    g_autoptr(CronosArchive) archive = cronos_open_backup(catalog, backup, error);
    if (archive == NULL)
        return CRONOS_EXIT_FAILED;
    return show(invocation, catalog, backup, archive, error);
}

const CronosCommand cronos_command_show = {
    .name = "show",
    .synopsis = "ID",
    .summary = "Show a backup's metadata and totals",
    .details =
        "ID: the file name, the same without .zip, NAME_TIMESTAMP, TIMESTAMP or \"latest\".\n"
        "--largest prints members and kinds of members by what they take in the archive:\n"
        "that, their size, how many there are of a kind, and path or extension.\n",
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .operand_missing = "the ID of a backup",
    .needs_config = TRUE,
    .run = run,
};
