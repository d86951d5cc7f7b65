/* SPDX-License-Identifier: MIT
 * json-text.c - a strict reading of JSON before json-glib sees it
 *
 * json-glib 1.6 takes much that is no JSON (hexadecimal numbers, text after the end, "var x = "),
 * recurses without bound, wraps large integers round, and makes invalid UTF-8 of lone surrogates.
 * So each text is first copied, token by token, into one that both understand alike. */
#include "core/json-text.h"

#include "core/error.h"

#include <errno.h>
#include <math.h>
#include <string.h>

typedef struct {
    const char *at, *end;
    guint line;
    int depth;
    GString *clean;
    const char *reason; /* what is wrong, once something is */
} Reader;

static gboolean fail(Reader *reader, const char *reason)
{
    reader->reason = reason;
    return FALSE;
}

static char peek(const Reader *reader)
{
    return reader->at < reader->end ? *reader->at : '\0';
}

static void skip_blanks(Reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL) {
        reader->line += *reader->at == '\n';
        reader->at++;
    }
}

/* Takes @c and the blanks before it, if it is next. */
static gboolean take(Reader *reader, char c)
{
    skip_blanks(reader);
    if (peek(reader) != c)
        return FALSE;
    g_string_append_c(reader->clean, c);
    reader->at++;
    return TRUE;
}

static gboolean read_word(Reader *reader, const char *word)
{
    gsize length = strlen(word);

    if ((gsize)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return fail(reader, "a value is expected");
    g_string_append(reader->clean, word);
    reader->at += length;
    return TRUE;
}

static gsize skip_digits(Reader *reader)
{
    const char *start = reader->at;

    while (g_ascii_isdigit(peek(reader)))
        reader->at++;
    return (gsize)(reader->at - start);
}

static gboolean fits(const char *number, gboolean is_integer)
{
    errno = 0;
    if (is_integer) {
        g_ascii_strtoll(number, NULL, 10);
        return errno == 0;
    }
    return isfinite(g_ascii_strtod(number, NULL));
}

static gboolean read_number(Reader *reader)
{
    const char *start = reader->at;
    gboolean is_integer = TRUE;

    reader->at += peek(reader) == '-';
    gboolean leading_zero = peek(reader) == '0';
    gsize digits = skip_digits(reader);
    if (digits == 0 || (leading_zero && digits > 1))
        return fail(reader, "a number is malformed");
    if (peek(reader) == '.') {
        is_integer = FALSE;
        reader->at++;
        if (skip_digits(reader) == 0)
            return fail(reader, "a number is malformed");
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        is_integer = FALSE;
        reader->at++;
        reader->at += peek(reader) == '+' || peek(reader) == '-';
        if (skip_digits(reader) == 0)
            return fail(reader, "a number is malformed");
    }

    g_autofree char *number = g_strndup(start, (gsize)(reader->at - start));
    const char *quote = fits(number, is_integer) ? "" : "\"";
    g_string_append_printf(reader->clean, "%s%s%s", quote, number, quote);
    return TRUE;
}

/* Returns: the code unit of four hexadecimal digits at @at, or -1. */
static int hex_unit(const Reader *reader, const char *at)
{
    int unit = 0;

    if (reader->end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(at[i]);

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* Returns: the code unit of the low surrogate that is escaped next, or -1. */
static int low_surrogate(const Reader *reader)
{
    gboolean is_escape =
        reader->end - reader->at >= 6 && reader->at[0] == '\\' && reader->at[1] == 'u';
    int unit = is_escape ? hex_unit(reader, reader->at + 2) : -1;

    return unit >= 0xdc00 && unit < 0xe000 ? unit : -1;
}

static gboolean read_unicode_escape(Reader *reader)
{
    int unit = hex_unit(reader, reader->at);

    if (unit < 0)
        return fail(reader, "an escape in a string is malformed");
    reader->at += 4;

    int low = unit >= 0xd800 && unit < 0xdc00 ? low_surrogate(reader) : -1;
    if (low >= 0) {
        g_string_append_unichar(reader->clean,
                                0x10000u + (guint)(unit - 0xd800) * 0x400u + (guint)(low - 0xdc00));
        reader->at += 6;
    } else if (unit == 0 || (unit >= 0xd800 && unit < 0xe000)) {
        g_string_append(reader->clean, "\357\277\275");
    } else if (unit < 0x20 || unit == '"' || unit == '\\') {
        g_string_append_printf(reader->clean, "\\u%04x", (guint)unit);
    } else {
        g_string_append_unichar(reader->clean, (gunichar)unit);
    }
    return TRUE;
}

static gboolean read_escape(Reader *reader)
{
    char c = peek(reader);

    if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
        return fail(reader, "an escape in a string is malformed");
    reader->at++;
    if (c == 'u')
        return read_unicode_escape(reader);
    g_string_append_c(reader->clean, '\\');
    g_string_append_c(reader->clean, c);
    return TRUE;
}

static gboolean read_string(Reader *reader)
{
    if (peek(reader) != '"')
        return fail(reader, "a string in double quotes is expected");
    g_string_append_c(reader->clean, '"');
    for (reader->at++; reader->at < reader->end;) {
        char c = *reader->at++;

        if (c == '\\') {
            if (!read_escape(reader))
                return FALSE;
            continue;
        }
        if ((guchar)c < 0x20)
            return fail(reader, "a string holds a control character");
        g_string_append_c(reader->clean, c);
        if (c == '"')
            return TRUE;
    }
    return fail(reader, "a string is not closed");
}

static gboolean read_value(Reader *reader);

static gboolean read_array(Reader *reader)
{
    if (take(reader, ']'))
        return TRUE;
    do {
        if (!read_value(reader))
            return FALSE;
    } while (take(reader, ','));
    return take(reader, ']') || fail(reader, "\",\" or \"]\" is expected");
}

static gboolean read_object(Reader *reader)
{
    if (take(reader, '}'))
        return TRUE;
    do {
        skip_blanks(reader);
        if (!read_string(reader))
            return FALSE;
        if (!take(reader, ':'))
            return fail(reader, "\":\" is expected");
        if (!read_value(reader))
            return FALSE;
    } while (take(reader, ','));
    return take(reader, '}') || fail(reader, "\",\" or \"}\" is expected");
}

static gboolean read_nested(Reader *reader, gboolean (*read)(Reader *reader))
{
    if (reader->depth == CRONOS_JSON_DEPTH_MAX)
        return fail(reader, "arrays and objects are nested too deep");
    reader->depth++;
    gboolean good = read(reader);
    reader->depth--;
    return good;
}

static gboolean read_value(Reader *reader)
{
    if (take(reader, '{'))
        return read_nested(reader, read_object);
    if (take(reader, '['))
        return read_nested(reader, read_array);
    switch (peek(reader)) {
    case '"':
        return read_string(reader);
    case 't':
        return read_word(reader, "true");
    case 'f':
        return read_word(reader, "false");
    case 'n':
        return read_word(reader, "null");
    default:
        if (peek(reader) == '-' || g_ascii_isdigit(peek(reader)))
            return read_number(reader);
        return fail(reader, "a value is expected");
    }
}

static gboolean read_text(Reader *reader)
{
    if (!g_utf8_validate_len(reader->at, (gsize)(reader->end - reader->at), NULL))
        return fail(reader, "the text is not valid UTF-8");
    if (!read_value(reader))
        return FALSE;
    skip_blanks(reader);
    return reader->at == reader->end || fail(reader, "there is text after the end");
}

JsonNode *cronos_json_parse(const char *text, gsize length, GError **error)
{
    g_autoptr(GString) clean = g_string_sized_new(length);
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) local = NULL;
    gsize mark = length >= 3 && memcmp(text, "\357\273\277", 3) == 0 ? 3 : 0;
    Reader reader = {.at = text + mark, .end = text + length, .line = 1, .clean = clean};

    if (!read_text(&reader)) {
        g_set_error(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, "line %u: %s", reader.line,
                    reader.reason);
        return NULL;
    }
    if (!json_parser_load_from_data(parser, clean->str, (gssize)clean->len, &local)) {
        g_set_error_literal(error, CRONOS_ERROR, CRONOS_ERROR_USAGE, local->message);
        return NULL;
    }
    return json_parser_steal_root(parser);
}

/* json-glib 1.6 escapes the control characters of ASCII alone, so that others would reach a
 * terminal, and has each double end in ".0" that is printed without a point, even behind an
 * exponent: "1e+22.0", which is no JSON. Returns: (owned) @text without either. */
static char *mend_text(const char *text)
{
    GString *mended = g_string_sized_new(strlen(text));
    gboolean in_string = FALSE, in_exponent = FALSE;

    for (const char *at = text; *at != '\0'; at += g_utf8_skip[(guchar)*at]) {
        gunichar c = g_utf8_get_char(at);

        if (in_string && c == '\\') {
            g_string_append_c(mended, *at++);
            c = g_utf8_get_char(at);
        } else if (c == '"') {
            in_string = !in_string;
        } else if (in_exponent && g_str_has_prefix(at, ".0")) {
            at++;
            continue;
        }
        in_exponent =
            !in_string &&
            (c == 'e' || (in_exponent && c != '\0' && strchr("+-0123456789", (int)c) != NULL));
        if (in_string && cronos_character_disguises(c))
            g_string_append_printf(mended, "\\u%04x", c);
        else
            g_string_append_unichar(mended, c);
    }
    return g_string_free(mended, FALSE);
}

char *cronos_json_to_text(JsonNode *node, gboolean pretty)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();

    json_generator_set_root(generator, node);
    json_generator_set_pretty(generator, pretty);
    json_generator_set_indent(generator, 2);
    g_autofree char *text = json_generator_to_data(generator, NULL);
    return mend_text(text);
}

JsonNode *cronos_json_value(JsonObject *object, const char *key, GType type)
{
    JsonNode *node = object != NULL ? json_object_get_member(object, key) : NULL;

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type
               ? node
               : NULL;
}

JsonNode *cronos_json_node_of(JsonObject *object)
{
    JsonNode *node = json_node_alloc();

    return json_node_init_object(node, object);
}
