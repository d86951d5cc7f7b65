/* SPDX-License-Identifier: MIT
 * zip-outline-survey.c - one pass over a central directory: is it in the order of a walk?
 *
 * Each name is held against the one before it alone. What it shares with that one has been looked
 * at; so it is enough that its folder is among the folders the last name was in, or is the last
 * name itself, and that its own last component is a proper one and sorts behind the sibling that
 * was open.
 *
 * The directory is read and not mapped: in pieces that stay in the processor's cache that is
 * several times as fast as the page faults of a map would be. */
#include "core/error.h"
#include "core/zip/zip-io.h"
#include "core/zip/zip-outline-private.h"
#include "core/zip/zip-tree.h"

#define PIECE_BYTES (256u * 1024)

typedef struct {
    GByteArray *names;
    GArray *name_starts;
    GArray *steps, *before; /* as in the outline, the latter with all depths */
    guint32 count;          /* members in order so far */
    guint32 totals[CRONOS_ZIP_OUTLINE_DEPTHS];
    guint deepest;
    /* The name before, and the folders that may go on: how long each one's path is. */
    const char *last; /* in the window, or in .last_room once that has moved on */
    gsize last_length;
    char *last_room;
    guint open;
    gsize folders[CRONOS_ZIP_OUTLINE_DEPTHS + 1];
    GString *stray; /* its name, NULL: none */
    guint32 stray_rank;
} Survey;

/* Returns: whether the index would take the header's name as it is. */
static gboolean is_plain_header(const CronosZipHeader *header)
{
    guint8 made_by = cronos_zip_header_made_by(header);
    gsize length;

    return (made_by == ZIP_MADE_BY_UNIX || made_by == ZIP_MADE_BY_OSX) &&
           ((cronos_zip_header_flags(header) & ZIP_FLAG_UTF8) != 0 ||
            cronos_zip_extra_find(header->name + header->name_length, header->extra_length,
                                  ZIP_EXTRA_UNICODE_PATH, &length) == NULL);
}

static gboolean is_plain_component(const char *name, gsize length)
{
    if (length == 0 || length > CRONOS_ZIP_COMPONENT_MAX || memchr(name, '\0', length) != NULL)
        return FALSE;
    return name[0] != '.' || (length > 1 && (length > 2 || name[1] != '.'));
}

static int compare_components(const char *a, gsize a_length, const char *b, gsize b_length)
{
    int order = memcmp(a, b, MIN(a_length, b_length));

    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* Goes back to the folder whose path is the first @length bytes of @name. */
static gboolean reopen_folder(Survey *survey, const char *name, gsize length)
{
    while (survey->folders[survey->open] > length)
        survey->open--;
    return survey->folders[survey->open] == length && memcmp(name, survey->last, length) == 0;
}

/* @leaf: of the new name, in the folder whose path has @folder_length bytes. */
static gboolean is_behind_last(const Survey *survey, gsize folder_length, const char *leaf,
                               gsize leaf_length)
{
    if (survey->last_length <= folder_length)
        return TRUE;
    const char *sibling = survey->last + folder_length;
    gsize rest = survey->last_length - folder_length;
    const char *slash = memchr(sibling, '/', rest);

    return compare_components(sibling, slash != NULL ? (gsize)(slash - sibling) : rest, leaf,
                              leaf_length) < 0;
}

static gboolean is_beside_stray(Survey *survey, const char *leaf, gsize leaf_length)
{
    if (survey->open > 0 || survey->stray == NULL)
        return TRUE;
    int order = compare_components(leaf, leaf_length, survey->stray->str, survey->stray->len);

    survey->stray_rank += order < 0;
    return order != 0;
}

static void take_note(Survey *survey, guint32 at, const char *name, gsize length)
{
    if (survey->count++ % CRONOS_ZIP_OUTLINE_STEP == 0) {
        guint32 name_start = survey->names->len;

        g_array_append_val(survey->steps, at);
        g_array_append_val(survey->name_starts, name_start);
        g_byte_array_append(survey->names, (const guint8 *)name, (guint)length);
        g_array_append_vals(survey->before, survey->totals, CRONOS_ZIP_OUTLINE_DEPTHS);
    }
    survey->totals[survey->open]++;
    survey->deepest = MAX(survey->deepest, survey->open);
}

static gboolean take_member(Survey *survey, const CronosZipHeader *header, guint32 at)
{
    const char *name = (const char *)header->name;
    gsize length = header->name_length;
    gboolean directory = length > 0 && name[length - 1] == '/';
    gsize body = length - (gsize)directory;
    const char *slash = body > 0 ? memrchr(name, '/', body) : NULL;
    gsize folder_length = slash != NULL ? (gsize)(slash - name) + 1 : 0;
    const char *leaf = name + folder_length;

    if (!is_plain_component(leaf, body - folder_length) ||
        (!directory && cronos_zip_header_says_directory(header)) ||
        !reopen_folder(survey, name, folder_length) ||
        !is_behind_last(survey, folder_length, leaf, body - folder_length) ||
        !is_beside_stray(survey, leaf, body - folder_length) ||
        survey->open >= CRONOS_ZIP_OUTLINE_DEPTHS)
        return FALSE;
    take_note(survey, at, name, length);
    if (directory)
        survey->folders[++survey->open] = length;
    survey->last = name;
    survey->last_length = length;
    return TRUE;
}

static gboolean is_stray(const CronosZipHeader *header)
{
    const char *name = (const char *)header->name;

    return is_plain_component(name, header->name_length) &&
           memchr(name, '/', header->name_length) == NULL &&
           !cronos_zip_header_says_directory(header);
}

/* @at: from the directory's start. Returns: whether all was in order so far. */
static gboolean take_header(Survey *survey, const CronosZipHeader *header, guint32 at)
{
    if (!is_plain_header(header))
        return FALSE;
    if (at > 0 || !is_stray(header))
        return take_member(survey, header, at);
    survey->stray = g_string_new_len((const char *)header->name, (gssize)header->name_length);
    return TRUE;
}

static gboolean has_all_members(const CronosZipEnd *end, guint64 members)
{
    return end->members_exact ? members == end->members : (members & 0xffff) == end->members;
}

/* The last name, before the window moves on. */
static void save_last(Survey *survey)
{
    if (survey->last != survey->last_room)
        memcpy(survey->last_room, survey->last, survey->last_length);
    survey->last = survey->last_room;
}

/* Returns: whether all is in order. @out_start: where the first member in order begins. */
static gboolean scan(Survey *survey, CronosZipWindow *window, gsize *out_start)
{
    const CronosZipEnd *end = &window->outline->end;
    CronosZipHeader header;
    gsize at = 0;

    *out_start = 0;
    for (;;) {
        if (!cronos_zip_window_peek(window, at, &header)) {
            save_last(survey);
            if (!cronos_zip_window_header(window, at, &header))
                break;
        }
        if (!take_header(survey, &header, (guint32)at))
            return FALSE;
        at += cronos_zip_header_bytes(&header);
        if (survey->count == 0)
            *out_start = at;
    }
    return at == end->directory_bytes &&
           has_all_members(end, survey->count + (guint64)(survey->stray != NULL));
}

static guint32 *copy_numbers(const guint32 *numbers, gsize count)
{
    guint32 *copy = g_new(guint32, MAX(count, 1));

    if (count > 0)
        memcpy(copy, numbers, count * sizeof *copy);
    return copy;
}

static void keep_notes(const Survey *survey, CronosZipOutline *outline)
{
    guint32 end = survey->names->len;

    g_array_append_val(survey->name_starts, end);
    outline->step_count = survey->steps->len;
    outline->depth_count = survey->deepest + 1;
    outline->steps = copy_numbers((guint32 *)(gpointer)survey->steps->data, outline->step_count);
    outline->name_starts =
        copy_numbers((guint32 *)(gpointer)survey->name_starts->data, outline->step_count + 1);
    outline->names = g_malloc(MAX(end, 1));
    if (end > 0)
        memcpy(outline->names, survey->names->data, end);
    outline->totals = copy_numbers(survey->totals, outline->depth_count);
    outline->before = g_new(guint32, MAX((gsize)outline->step_count * outline->depth_count, 1));
    for (guint32 step = 0; step < outline->step_count; step++)
        memcpy(outline->before + (gsize)step * outline->depth_count,
               &g_array_index(survey->before, guint32, step * CRONOS_ZIP_OUTLINE_DEPTHS),
               outline->depth_count * sizeof(guint32));
    outline->has_stray = survey->stray != NULL;
    outline->stray_rank = survey->stray_rank;
}

gboolean cronos_zip_outline_survey(CronosZipOutline *outline, GError **error)
{
    Survey survey = {.names = g_byte_array_new(),
                     .name_starts = g_array_new(FALSE, FALSE, sizeof(guint32)),
                     .steps = g_array_new(FALSE, FALSE, sizeof(guint32)),
                     .before = g_array_new(FALSE, FALSE, sizeof(guint32)),
                     .last_room = g_malloc(G_MAXUINT16)};
    CronosZipWindow window;

    survey.last = survey.last_room;
    if (outline->end.directory_bytes > CRONOS_ZIP_END_DIRECTORY_MAX)
        cronos_zip_announce(outline->fd, outline->end.directory_offset,
                            outline->end.directory_bytes);
    cronos_zip_window_init(&window, outline, PIECE_BYTES);
    gboolean in_order = scan(&survey, &window, &outline->start);
    if (in_order)
        keep_notes(&survey, outline);
    if (survey.stray != NULL)
        g_string_free(survey.stray, TRUE);
    g_free(survey.last_room);
    g_byte_array_unref(survey.names);
    g_array_unref(survey.name_starts);
    g_array_unref(survey.steps);
    g_array_unref(survey.before);
    /* What damage there is is for the index to tell of. */
    if (g_error_matches(window.error, CRONOS_ERROR, CRONOS_ERROR_DAMAGED))
        g_clear_error(&window.error);
    return cronos_zip_window_finish(&window, error) && in_order;
}
