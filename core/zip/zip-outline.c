/* SPDX-License-Identifier: MIT
 * zip-outline.c - binary search in a central directory that is in order
 *
 * The order of a walk is that of the names as bytes, a slash sorting before every other byte and
 * the end of a name before that. A folder's header has a slash at its end, so "a/" follows where
 * "a" would be, and all of the folder follows at once. */
#include "core/zip/zip-outline-private.h"

#include "core/error.h"

#define FIRST_ENTRY 1u
/* What a look-up reads at once: about as many headers as there are from one step to the next. */
#define WINDOW_BYTES (32u * 1024)
#define WALK_BYTES (256u * 1024)
/* One header, as a rule. */
#define HEADER_BYTES 512u

CronosZipOutline *cronos_zip_outline_open(int fd, GError **error)
{
    g_autoptr(CronosZipOutline) outline = g_new0(CronosZipOutline, 1);

    outline->fd = fd;
    if (!cronos_zip_end_open(fd, &outline->end, &outline->file_mtime_ns, error) ||
        !cronos_zip_outline_survey(outline, error))
        return NULL;
    return g_steal_pointer(&outline);
}

void cronos_zip_outline_trim(CronosZipOutline *outline)
{
    cronos_zip_end_drop_tail(&outline->end);
}

void cronos_zip_outline_free(CronosZipOutline *outline)
{
    if (outline == NULL)
        return;
    cronos_zip_end_clear(&outline->end);
    g_free(outline->steps);
    g_free(outline->name_starts);
    g_free(outline->names);
    g_free(outline->before);
    g_free(outline->totals);
    g_free(outline);
}

guint32 cronos_zip_outline_count(const CronosZipOutline *outline)
{
    guint32 count = FIRST_ENTRY + (guint32)outline->has_stray;

    for (guint depth = 0; depth < outline->depth_count; depth++)
        count += outline->totals[depth];
    return count;
}

gsize cronos_zip_outline_memory_bytes(const CronosZipOutline *outline)
{
    return sizeof *outline + outline->end.comment_length + outline->end.tail_bytes +
           outline->step_count * sizeof(guint32) * (2 + (gsize)outline->depth_count) +
           outline->name_starts[outline->step_count] + outline->depth_count * sizeof(guint32);
}

const char *cronos_zip_outline_comment(const CronosZipOutline *outline, gsize *out_length)
{
    *out_length = outline->end.comment_length;
    return outline->end.comment_length > 0 ? outline->end.comment : NULL;
}

/* A slash as the lowest byte. */
static int rank_byte(char byte)
{
    return byte == '/' ? -1 : (guint8)byte;
}

static int compare_paths(const char *a, gsize a_length, const char *b, gsize b_length)
{
    gsize shared = 0, least = MIN(a_length, b_length);

    while (shared < least && a[shared] == b[shared])
        shared++;
    if (shared < least)
        return rank_byte(a[shared]) - rank_byte(b[shared]);
    return (a_length > b_length) - (a_length < b_length);
}

/* What is looked for: the first header that is not before a path; or, if .past, not before the end
 * of the folder whose path, with its slash, that is. */
typedef struct {
    const char *path;
    gsize length;
    gboolean past;
} Target;

static gboolean is_before(const char *name, gsize length, const Target *target)
{
    if (target->past && length >= target->length && memcmp(name, target->path, target->length) == 0)
        return TRUE;
    return compare_paths(name, length, target->path, target->length) < 0;
}

/* Returns: the last step whose header is before @target; 0 where there is none. */
static guint32 find_step(const CronosZipOutline *outline, const Target *target)
{
    const guint32 *starts = outline->name_starts;
    guint32 low = 0, high = outline->step_count;

    while (low < high) {
        guint32 middle = low + (high - low) / 2;

        if (is_before(outline->names + starts[middle], starts[middle + 1] - starts[middle], target))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

/* Returns: the step that the header at @at belongs to. */
static guint32 step_of(const CronosZipOutline *outline, gsize at)
{
    guint32 low = 0, high = outline->step_count;

    while (low < high) {
        guint32 middle = low + (high - low) / 2;

        if (outline->steps[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

static gsize step_start(const CronosZipOutline *outline, guint32 step)
{
    return step < outline->step_count ? outline->steps[step] : (gsize)outline->end.directory_bytes;
}

static guint depth_of(const char *name, gsize length)
{
    guint depth = 0;

    for (gsize i = 0; i + 1 < length; i++)
        depth += name[i] == '/';
    return depth;
}

static guint32 first_entry_of_depth(const CronosZipOutline *outline, guint depth)
{
    guint32 entry = FIRST_ENTRY;

    for (guint i = 0; i < MIN(depth, outline->depth_count); i++)
        entry += outline->totals[i];
    return entry + (guint32)(depth > 0 && outline->has_stray);
}

/* @rank: how many members of @depth are before it in the directory's order. */
static guint32 entry_of_rank(const CronosZipOutline *outline, guint depth, guint32 rank)
{
    gboolean behind_stray = depth == 0 && outline->has_stray && rank >= outline->stray_rank;

    return first_entry_of_depth(outline, depth) + rank + (guint32)behind_stray;
}

static guint32 members_before_step(const CronosZipOutline *outline, guint32 step, guint depth)
{
    return step < outline->step_count && depth < outline->depth_count
               ? outline->before[(gsize)step * outline->depth_count + depth]
               : 0;
}

static gboolean is_folder(const CronosZipHeader *header)
{
    return header->name_length > 0 && header->name[header->name_length - 1] == '/';
}

static void set_place(CronosZipPlace *place, const CronosZipHeader *header, gsize at, guint32 entry)
{
    *place =
        (CronosZipPlace){.entry = entry, .header = (guint32)at, .directory = is_folder(header)};
}

/* The same, with the header at hand: the one at @at, which the window holds. */
static void set_near_place(CronosZipPlace *place, const CronosZipWindow *window,
                           const CronosZipHeader *header, gsize at, guint32 entry)
{
    set_place(place, header, at, entry);
    place->near = window->bytes + (at - window->start);
    place->near_bytes = window->length - (at - window->start);
}

/* Returns: whether the header is that of @path, as a file or a folder. */
static gboolean has_path(const CronosZipHeader *header, const char *path, gsize length)
{
    return header->name_length == length + (gsize)is_folder(header) &&
           memcmp(header->name, path, length) == 0;
}

/* Goes on from the header at @at to the first one that is not before @target.
 * @rank: (in, out, nullable) has the members of @depth passed on the way added to it.
 * Returns: where that header is, or the directory's end. */
static gsize advance(CronosZipWindow *window, gsize at, const Target *target, guint depth,
                     guint32 *rank)
{
    CronosZipHeader header;

    while (cronos_zip_window_header(window, at, &header) &&
           is_before((const char *)header.name, header.name_length, target)) {
        if (rank != NULL)
            *rank += depth_of((const char *)header.name, header.name_length) == depth;
        at += cronos_zip_header_bytes(&header);
    }
    return at;
}

static void set_top(CronosZipPlace *place)
{
    *place = (CronosZipPlace){.entry = CRONOS_ENTRY_ROOT, .directory = TRUE};
}

static gboolean find_stray(CronosZipWindow *window, const char *path, gsize length,
                           CronosZipPlace *out_place)
{
    const CronosZipOutline *outline = window->outline;
    CronosZipHeader header;

    if (!outline->has_stray || memchr(path, '/', length) != NULL ||
        !cronos_zip_window_header(window, 0, &header) || !has_path(&header, path, length))
        return FALSE;
    set_place(out_place, &header, 0, FIRST_ENTRY + outline->stray_rank);
    return TRUE;
}

static gboolean find_in_order(CronosZipWindow *window, const char *path, gsize length,
                              CronosZipPlace *out_place)
{
    const CronosZipOutline *outline = window->outline;
    const Target target = {path, length, FALSE};
    guint depth = depth_of(path, length);
    guint32 step = find_step(outline, &target);
    guint32 rank = members_before_step(outline, step, depth);
    gsize at = advance(window, step_start(outline, step), &target, depth, &rank);
    CronosZipHeader header;

    if (!cronos_zip_window_header(window, at, &header) || !has_path(&header, path, length))
        return FALSE;
    set_place(out_place, &header, at, entry_of_rank(outline, depth, rank));
    return TRUE;
}

gboolean cronos_zip_outline_find(const CronosZipOutline *outline, const char *path, gsize length,
                                 CronosZipPlace *out_place, GError **error)
{
    CronosZipWindow window;

    if (length == 0) {
        set_top(out_place);
        return TRUE;
    }
    cronos_zip_window_init(&window, outline, WINDOW_BYTES);
    gboolean found = find_stray(&window, path, length, out_place) ||
                     find_in_order(&window, path, length, out_place);
    return cronos_zip_window_finish(&window, error) && found;
}

/* Returns: the last step before which no more than @rank members of @depth are. */
static guint32 step_of_rank(const CronosZipOutline *outline, guint depth, guint32 rank)
{
    guint32 low = 0, high = outline->step_count;

    while (low < high) {
        guint32 middle = low + (high - low) / 2;

        if (members_before_step(outline, middle, depth) <= rank)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

/* Returns: where the member is that has @rank others of its @depth before it. */
static gsize find_rank(CronosZipWindow *window, guint depth, guint32 rank)
{
    guint32 step = step_of_rank(window->outline, depth, rank);
    guint32 passed = members_before_step(window->outline, step, depth);
    gsize at = step_start(window->outline, step);
    CronosZipHeader header;

    for (; cronos_zip_window_header(window, at, &header); at += cronos_zip_header_bytes(&header))
        if (depth_of((const char *)header.name, header.name_length) == depth && passed++ == rank)
            break;
    return at;
}

/* @entry: neither the top folder's nor beyond the last. Returns: where its header is. */
static gsize header_of_entry(CronosZipWindow *window, guint32 entry)
{
    const CronosZipOutline *outline = window->outline;
    guint depth = 0;

    if (outline->has_stray && entry == FIRST_ENTRY + outline->stray_rank)
        return 0;
    while (entry >= first_entry_of_depth(outline, depth + 1))
        depth++;
    guint32 rank = entry - first_entry_of_depth(outline, depth);
    if (depth == 0 && outline->has_stray && rank > outline->stray_rank)
        rank--;
    return find_rank(window, depth, rank);
}

gboolean cronos_zip_outline_at(const CronosZipOutline *outline, guint32 entry,
                               CronosZipPlace *out_place, char **out_path, GError **error)
{
    CronosZipWindow window;
    CronosZipHeader header;

    if (entry == CRONOS_ENTRY_ROOT) {
        set_top(out_place);
        *out_path = g_strdup("");
        return TRUE;
    }
    *out_path = NULL;
    if (entry >= cronos_zip_outline_count(outline))
        return FALSE;
    cronos_zip_window_init(&window, outline, WINDOW_BYTES);
    gsize at = header_of_entry(&window, entry);
    if (cronos_zip_window_header(&window, at, &header)) {
        set_place(out_place, &header, at, entry);
        *out_path =
            g_strndup((const char *)header.name, header.name_length - (gsize)out_place->directory);
    }
    return cronos_zip_window_finish(&window, error) && *out_path != NULL;
}

gboolean cronos_zip_outline_info(const CronosZipOutline *outline, const CronosZipPlace *place,
                                 CronosMemberInfo *out_info, GError **error)
{
    CronosZipWindow window;
    CronosZipHeader header;

    if (place->entry == CRONOS_ENTRY_ROOT) {
        cronos_zip_implied_info(outline->file_mtime_ns, out_info);
        return TRUE;
    }
    if (place->near != NULL && cronos_zip_header_read(place->near, place->near_bytes, 0, &header))
        return cronos_zip_header_info(&header, place->directory, out_info, error);
    cronos_zip_window_init(&window, outline, HEADER_BYTES);
    gboolean known = cronos_zip_window_header(&window, place->header, &header) &&
                     cronos_zip_header_info(&header, place->directory, out_info, &window.error);
    return cronos_zip_window_finish(&window, error) && known;
}

/* Returns: how many members of @depth are before the header at @at. */
static guint32 rank_at(CronosZipWindow *window, gsize at, guint depth)
{
    guint32 step = step_of(window->outline, at);
    guint32 rank = members_before_step(window->outline, step, depth);
    CronosZipHeader header;

    for (gsize i = step_start(window->outline, step);
         i < at && cronos_zip_window_header(window, i, &header);
         i += cronos_zip_header_bytes(&header))
        rank += depth_of((const char *)header.name, header.name_length) == depth;
    return rank;
}

/* The children of one folder, while they are told. */
typedef struct {
    CronosZipWindow window;
    GString *prefix; /* path of the folder and a slash; empty: the top folder */
    gsize at;        /* where the next one is looked for */
    guint32 entry;   /* the next one's */
    GString *child;  /* path of the last one and a slash */
} Children;

/* Returns: whether @folder is one, and its header can be read. */
static gboolean start_children(Children *children, const CronosZipPlace *folder)
{
    const CronosZipOutline *outline = children->window.outline;
    guint depth = depth_of(children->prefix->str, children->prefix->len) + 1;
    CronosZipHeader header;

    children->at = outline->start;
    children->entry = FIRST_ENTRY;
    if (folder->entry == CRONOS_ENTRY_ROOT)
        return TRUE;
    if (!folder->directory)
        return FALSE;
    children->entry =
        entry_of_rank(outline, depth, rank_at(&children->window, folder->header, depth));
    if (!cronos_zip_window_header(&children->window, folder->header, &header))
        return FALSE;
    children->at = folder->header + cronos_zip_header_bytes(&header);
    return TRUE;
}

/* Goes on behind the folder that was told last, and all that is in it. */
static void skip_folder(Children *children)
{
    const Target target = {children->child->str, children->child->len, TRUE};
    gsize start =
        step_start(children->window.outline, find_step(children->window.outline, &target));

    children->at = advance(&children->window, MAX(children->at, start), &target, 0, NULL);
}

static gboolean next_is_stray(const Children *children)
{
    const CronosZipOutline *outline = children->window.outline;

    return children->prefix->len == 0 && outline->has_stray &&
           children->entry == FIRST_ENTRY + outline->stray_rank;
}

/* Returns: FALSE at the end, or where @func wants to stop. */
static gboolean tell_child(Children *children, CronosZipOutlineFunc func, gpointer user_data)
{
    gboolean stray = next_is_stray(children);
    gsize at = stray ? 0 : children->at, skipped = children->prefix->len;
    CronosZipHeader header;
    CronosZipPlace place;

    if (!cronos_zip_window_header(&children->window, at, &header) ||
        header.name_length <= skipped || memcmp(header.name, children->prefix->str, skipped) != 0)
        return FALSE;
    set_near_place(&place, &children->window, &header, at, children->entry++);
    if (!stray)
        children->at = at + cronos_zip_header_bytes(&header);
    if (!func(&place, (const char *)header.name + skipped,
              header.name_length - skipped - (gsize)place.directory, user_data))
        return FALSE;
    if (place.directory && !stray) {
        g_string_truncate(children->child, 0);
        g_string_append_len(children->child, (const char *)header.name, (gssize)header.name_length);
        skip_folder(children);
    }
    return TRUE;
}

gboolean cronos_zip_outline_children(const CronosZipOutline *outline, const CronosZipPlace *folder,
                                     const char *path, gsize length, CronosZipOutlineFunc func,
                                     gpointer user_data, GError **error)
{
    g_autoptr(GString) prefix = g_string_new_len(path, (gssize)length);
    g_autoptr(GString) child = g_string_new(NULL);
    Children children = {.prefix = prefix, .child = child};

    if (length > 0)
        g_string_append_c(prefix, '/');
    cronos_zip_window_init(&children.window, outline, WINDOW_BYTES);
    if (start_children(&children, folder))
        while (tell_child(&children, func, user_data))
            continue;
    return cronos_zip_window_finish(&children.window, error);
}

gboolean cronos_zip_outline_walk(const CronosZipOutline *outline, CronosZipOutlineFunc func,
                                 gpointer user_data, GError **error)
{
    CronosZipWindow window;
    CronosZipHeader header;
    CronosZipPlace place;

    cronos_zip_window_init(&window, outline, WALK_BYTES);
    for (gsize at = 0; cronos_zip_window_header(&window, at, &header);
         at += cronos_zip_header_bytes(&header)) {
        set_near_place(&place, &window, &header, at, CRONOS_ENTRY_NONE);
        if (!func(&place, (const char *)header.name, header.name_length - (gsize)place.directory,
                  user_data))
            break;
    }
    return cronos_zip_window_finish(&window, error);
}
