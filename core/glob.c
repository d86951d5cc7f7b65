/* SPDX-License-Identifier: MIT
 * glob.c - see glob.h
 *
 * PCRE2's own conversion of globs does the translation. It agrees with git on everything inside a
 * component (tests/unit/test-pattern.c holds both against each other), apart from an unknown class,
 * which is refused here beforehand. "**" never reaches it: between slashes it is not a matter of
 * one component, elsewhere it means '*'.
 *
 * A match that PCRE2 gives up (its limits, no memory) counts as no match. Names as long as an
 * archive can hold stay far below those limits, since the expressions commit at each '*'. */
#include "core/glob.h"

#include "core/error.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

typedef enum {
    GLOB_LITERAL,
    GLOB_SUFFIX, /* '*' and a literal; an empty one matches all */
    GLOB_EXPRESSION,
} GlobKind;

struct CronosGlob {
    GlobKind kind;
    GString *text; /* the literal, unescaped */
    pcre2_code *code;
};

static const char *const classes[] = {"alnum", "alpha", "blank", "cntrl", "digit", "graph",
                                      "lower", "print", "punct", "space", "upper", "xdigit"};

static gboolean is_class(const char *name, gsize length)
{
    for (guint i = 0; i < G_N_ELEMENTS(classes); i++) {
        if (strlen(classes[i]) == length && memcmp(classes[i], name, length) == 0)
            return TRUE;
    }
    return FALSE;
}

static const char *refuse(GError **error, const char *reason)
{
    g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, reason);
    return NULL;
}

/* Returns: what follows the "[:class:]" at @set; @set + 1 where it is a mere '[' in a set. */
static const char *class_end(const char *set, GError **error)
{
    const char *name = set + 2;
    const char *end;

    if (set[1] != ':')
        return set + 1;
    end = strchr(name, ']');
    if (end == NULL || end == name || end[-1] != ':')
        return set + 1;
    if (!is_class(name, (gsize)(end - 1 - name)))
        return refuse(error, "unknown character class");
    return end + 1;
}

/* Returns: what follows the set that starts at @set with '['. */
static const char *set_end(const char *set, GError **error)
{
    const char *at = set + 1;

    if (*at == '!' || *at == '^')
        at++;
    for (const char *first = at; at != NULL; first = NULL) {
        if (*at == '\0' || (*at == '\\' && at[1] == '\0'))
            return refuse(error, "'[' without its ']'");
        if (*at == ']' && at != first)
            return at + 1;
        if (*at == '[')
            at = class_end(at, error);
        else
            at += *at == '\\' ? 2 : 1;
    }
    return NULL;
}

gssize cronos_glob_component_length(const char *pattern, GError **error)
{
    const char *at = pattern;

    while (at != NULL && *at != '\0' && *at != '/') {
        if (*at == '[') {
            at = set_end(at, error);
        } else if (*at != '\\') {
            at++;
        } else if (at[1] == '/') {
            break;
        } else if (at[1] == '\0') {
            at = refuse(error, "'\\' at the end, with nothing to escape");
        } else {
            at += 2;
        }
    }
    return at == NULL ? -1 : at - pattern;
}

/* Returns: (owned) @component without its escapes, or NULL where it has a wildcard. */
static GString *literal_of(const char *component, gsize length)
{
    GString *literal = g_string_sized_new(length);

    for (gsize i = 0; i < length; i++) {
        if (strchr("*?[", component[i]) != NULL) {
            g_string_free(literal, TRUE);
            return NULL;
        }
        if (component[i] == '\\')
            i++;
        g_string_append_c(literal, component[i]);
    }
    return literal;
}

/* Returns: (owned) @component with each run of '*' as one: PCRE2 gives "**" a meaning of its own.
 */
static GString *with_single_stars(const char *component, gsize length)
{
    GString *single = g_string_sized_new(length);
    gboolean after_star = FALSE;

    for (const char *at = component; at < component + length;) {
        gboolean is_star = *at == '*';
        const char *next = at + 1;

        if (*at == '[')
            next = set_end(at, NULL);
        else if (*at == '\\')
            next = at + 2;
        if (!is_star || !after_star)
            g_string_append_len(single, at, next - at);
        after_star = is_star;
        at = next;
    }
    return single;
}

static gboolean set_pcre2_error(GError **error, int code)
{
    PCRE2_UCHAR message[256];

    if (pcre2_get_error_message(code, message, sizeof message) < 0)
        message[0] = '\0';
    g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "%s", (const char *)message);
    return FALSE;
}

static int convert(const GString *glob, PCRE2_UCHAR **out_expression, PCRE2_SIZE *out_length)
{
    pcre2_convert_context *context = pcre2_convert_context_create(NULL);

    if (context == NULL)
        return PCRE2_ERROR_NOMEMORY;
    pcre2_set_glob_separator(context, '/');
    pcre2_set_glob_escape(context, '\\');
    *out_expression = NULL;
    int result = pcre2_pattern_convert((PCRE2_SPTR)glob->str, glob->len, PCRE2_CONVERT_GLOB,
                                       out_expression, out_length, context);
    pcre2_convert_context_free(context);
    return result;
}

static pcre2_code *compile(const GString *component, GError **error)
{
    PCRE2_UCHAR *expression;
    PCRE2_SIZE length;
    PCRE2_SIZE where;
    int result = convert(component, &expression, &length);

    if (result != 0) {
        set_pcre2_error(error, result);
        return NULL;
    }
    pcre2_code *code = pcre2_compile(expression, length, 0, &result, &where, NULL);
    pcre2_converted_pattern_free(expression);
    if (code == NULL)
        set_pcre2_error(error, result);
    else
        pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* where it can not, pcre2_match interprets */
    return code;
}

CronosGlob *cronos_glob_new(const char *component, gsize length, GError **error)
{
    g_autoptr(CronosGlob) glob = g_new0(CronosGlob, 1);
    GString *single = with_single_stars(component, length);
    gboolean starred = single->len > 0 && single->str[0] == '*';

    glob->kind = starred ? GLOB_SUFFIX : GLOB_LITERAL;
    glob->text = literal_of(single->str + starred, single->len - starred);
    if (glob->text == NULL) {
        glob->kind = GLOB_EXPRESSION;
        glob->code = compile(single, error);
    }
    g_string_free(single, TRUE);
    return glob->text == NULL && glob->code == NULL ? NULL : g_steal_pointer(&glob);
}

void cronos_glob_free(CronosGlob *glob)
{
    if (glob == NULL)
        return;
    if (glob->text != NULL)
        g_string_free(glob->text, TRUE);
    pcre2_code_free(glob->code);
    g_free(glob);
}

static void free_match_data(gpointer data)
{
    pcre2_match_data_free(data);
}

static pcre2_match_data *thread_match_data(void)
{
    static GPrivate slot = G_PRIVATE_INIT(free_match_data);
    pcre2_match_data *data = g_private_get(&slot);

    if (data == NULL) {
        data = pcre2_match_data_create(1, NULL);
        g_private_set(&slot, data);
    }
    return data;
}

static gboolean match_expression(const pcre2_code *code, const char *name, gsize length)
{
    pcre2_match_data *data = thread_match_data();

    if (data == NULL)
        return FALSE;
    int result = pcre2_match(code, (PCRE2_SPTR)name, length, 0, 0, data, NULL);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
        result = pcre2_match(code, (PCRE2_SPTR)name, length, 0, PCRE2_NO_JIT, data, NULL);
    return result >= 0;
}

gboolean cronos_glob_match(const CronosGlob *glob, const char *name, gsize length)
{
    switch (glob->kind) {
    case GLOB_LITERAL:
        return length == glob->text->len && memcmp(name, glob->text->str, length) == 0;
    case GLOB_SUFFIX:
        return length >= glob->text->len &&
               memcmp(name + length - glob->text->len, glob->text->str, glob->text->len) == 0;
    case GLOB_EXPRESSION:
        return match_expression(glob->code, name, length);
    }
    return FALSE;
}

const char *cronos_glob_literal(const CronosGlob *glob)
{
    return glob->kind == GLOB_LITERAL ? glob->text->str : NULL;
}
