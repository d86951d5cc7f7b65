/* SPDX-License-Identifier: MIT
 * pattern.c - lists of gitignore patterns
 *
 * A pattern is a run of components, of which "**" is one of its own. Since nothing but "**" matches
 * a slash, a path is held against it component by component, with one point to come back to (the
 * last "**"): the cost is bounded by the product of their numbers of components.
 *
 * The last match decides, so rules are tried from the last to the first. Those that are one plain
 * name, the greater part of most lists, are found in a hash table instead, with their place in the
 * list. */
#include "core/pattern.h"

#include "core/error.h"
#include "core/glob.h"

#include <string.h>

typedef struct {
    GPtrArray *components; /* of CronosGlob *; NULL stands for "**" */
    guint place;           /* in the list, from 1 */
    gboolean anchored;     /* held against the whole path, else against its last component */
    gboolean directories_only;
    gboolean negated;
} Rule;

/* The last rules that name one plain name; 0: none. */
typedef struct {
    guint any;
    guint directory;
} Name;

struct CronosPatterns {
    GPtrArray *rules;  /* of Rule *, in their order */
    GHashTable *names; /* char * to Name * */
    guint8 *negated;   /* by place */
};

static void free_glob(gpointer glob)
{
    cronos_glob_free(glob);
}

static void rule_free(gpointer data)
{
    Rule *rule = data;

    g_ptr_array_unref(rule->components);
    g_free(rule);
}

/* Returns: (owned) @glob without its trailing blanks, unless they are escaped. */
static char *without_trailing_spaces(const char *glob)
{
    gsize kept = 0;

    for (gsize i = 0; glob[i] != '\0'; i++) {
        if (glob[i] == '\\' && glob[i + 1] != '\0')
            kept = ++i + 1;
        else if (glob[i] != ' ')
            kept = i + 1;
    }
    return g_strndup(glob, kept);
}

static gboolean is_any_depth(const char *component, gsize length)
{
    return length >= 2 && strspn(component, "*") >= length;
}

/* Takes @pattern apart at its slashes. */
static gboolean add_components(Rule *rule, const char *pattern, GError **error)
{
    for (;;) {
        gssize length = cronos_glob_component_length(pattern, error);
        CronosGlob *glob = NULL;

        if (length < 0)
            return FALSE;
        if (!rule->anchored || !is_any_depth(pattern, (gsize)length)) {
            glob = cronos_glob_new(pattern, (gsize)length, error);
            if (glob == NULL)
                return FALSE;
        }
        g_ptr_array_add(rule->components, glob);
        pattern += length;
        if (*pattern == '\0')
            return TRUE;
        pattern += *pattern == '\\' ? 2 : 1;
    }
}

static gboolean rule_parse(Rule *rule, char *pattern, GError **error)
{
    if (*pattern == '!') {
        rule->negated = TRUE;
        pattern++;
    }
    gsize length = strlen(pattern);
    if (length > 0 && pattern[length - 1] == '/') {
        rule->directories_only = TRUE;
        pattern[length - 1] = '\0';
    }
    rule->anchored = strchr(pattern, '/') != NULL;
    if (*pattern == '/')
        pattern++;
    if (*pattern == '\0') {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "it is empty");
        return FALSE;
    }
    return add_components(rule, pattern, error);
}

static Rule *rule_new(const char *glob, guint place, GError **error)
{
    g_autofree char *pattern = without_trailing_spaces(glob);
    Rule *rule = g_new0(Rule, 1);

    rule->components = g_ptr_array_new_with_free_func(free_glob);
    rule->place = place;
    if (!rule_parse(rule, pattern, error)) {
        g_autofree char *quoted = cronos_quote_path(glob);

        g_prefix_error(error, "Pattern '%s' can not be used: ", quoted);
        rule_free(rule);
        return NULL;
    }
    /* "**" and a single component: at any depth, which is what a component alone means. */
    if (rule->components->len == 2 && rule->components->pdata[0] == NULL &&
        rule->components->pdata[1] != NULL) {
        g_ptr_array_remove_index(rule->components, 0);
        rule->anchored = FALSE;
    }
    return rule;
}

/* Returns: FALSE where the rule is not one plain name. */
static gboolean add_to_names(CronosPatterns *patterns, const Rule *rule)
{
    const char *literal =
        rule->anchored ? NULL : cronos_glob_literal(g_ptr_array_index(rule->components, 0));
    Name *name;

    if (literal == NULL)
        return FALSE;
    name = g_hash_table_lookup(patterns->names, literal);
    if (name == NULL) {
        name = g_new0(Name, 1);
        g_hash_table_insert(patterns->names, g_strdup(literal), name);
    }
    name->directory = rule->place;
    if (!rule->directories_only)
        name->any = rule->place;
    return TRUE;
}

CronosPatterns *cronos_patterns_new(const char *const *globs, GError **error)
{
    g_autoptr(CronosPatterns) patterns = g_new0(CronosPatterns, 1);
    guint count = 0;

    while (globs[count] != NULL)
        count++;
    patterns->rules = g_ptr_array_new_with_free_func(rule_free);
    patterns->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    patterns->negated = g_new0(guint8, count + 1);
    for (guint i = 0; i < count; i++) {
        Rule *rule = rule_new(globs[i], i + 1, error);

        if (rule == NULL)
            return NULL;
        patterns->negated[rule->place] = (guint8)rule->negated;
        if (add_to_names(patterns, rule))
            rule_free(rule);
        else
            g_ptr_array_add(patterns->rules, rule);
    }
    return g_steal_pointer(&patterns);
}

void cronos_patterns_free(CronosPatterns *patterns)
{
    if (patterns == NULL)
        return;
    g_ptr_array_unref(patterns->rules);
    g_hash_table_unref(patterns->names);
    g_free(patterns->negated);
    g_free(patterns);
}

/* Holds @path, component by component, against all components of @rule. A "**" takes as few path
 * components as it can; the last one met takes one more whenever what follows it fails. */
static gboolean matches_whole_path(const Rule *rule, const char *path)
{
    guint count = rule->components->len;
    guint at = 0;
    guint after_any_depth = 0; /* 0: none met */
    const char *resume = NULL;

    while (path != NULL) {
        const char *slash = strchrnul(path, '/');
        const char *next = *slash == '/' ? slash + 1 : NULL;
        const CronosGlob *glob = at < count ? g_ptr_array_index(rule->components, at) : NULL;

        if (at < count && glob == NULL) {
            if (++at == count)
                return TRUE;
            after_any_depth = at;
            resume = next;
        } else if (glob != NULL && cronos_glob_match(glob, path, (gsize)(slash - path))) {
            at++;
            path = next;
        } else if (after_any_depth > 0) {
            at = after_any_depth;
            path = resume;
            resume = path == NULL ? NULL : strchr(path, '/');
            resume = resume == NULL ? NULL : resume + 1;
        } else {
            return FALSE;
        }
    }
    return at == count;
}

static gboolean rule_matches(const Rule *rule, const char *path, const char *name,
                             gboolean is_directory)
{
    if (rule->directories_only && !is_directory)
        return FALSE;
    if (rule->anchored)
        return matches_whole_path(rule, path);
    return cronos_glob_match(g_ptr_array_index(rule->components, 0), name, strlen(name));
}

gboolean cronos_patterns_match(const CronosPatterns *patterns, const char *path,
                               gboolean is_directory)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const Name *plain = g_hash_table_lookup(patterns->names, name);
    guint place = 0;

    if (plain != NULL)
        place = is_directory ? plain->directory : plain->any;
    for (guint i = patterns->rules->len; i-- > 0;) {
        const Rule *rule = g_ptr_array_index(patterns->rules, i);

        if (rule->place < place)
            break;
        if (rule_matches(rule, path, name, is_directory)) {
            place = rule->place;
            break;
        }
    }
    return place > 0 && !patterns->negated[place];
}

gboolean cronos_patterns_match_any_parent(const CronosPatterns *patterns, const char *path,
                                          gboolean is_directory)
{
    g_autofree char *parent = g_strdup(path);

    for (char *slash = strchr(parent, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (cronos_patterns_match(patterns, parent, TRUE))
            return TRUE;
        *slash = '/';
    }
    return cronos_patterns_match(patterns, path, is_directory);
}
