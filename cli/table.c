/* SPDX-License-Identifier: MIT
 * table.c - aligned columns */
#include "cli/table.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    CronosStyle style;
    char **cells;
} Row;

struct CronosTable {
    const char *const *headings;
    guint columns;
    GArray *rows;
};

static void row_clear(gpointer data)
{
    g_strfreev(((Row *)data)->cells);
}

CronosTable *cronos_table_new(const char *const *headings)
{
    CronosTable *table = g_new0(CronosTable, 1);

    table->headings = headings;
    while (headings[table->columns] != NULL)
        table->columns++;
    table->rows = g_array_new(FALSE, FALSE, sizeof(Row));
    g_array_set_clear_func(table->rows, row_clear);
    return table;
}

void cronos_table_free(CronosTable *table)
{
    if (table == NULL)
        return;
    g_array_unref(table->rows);
    g_free(table);
}

void cronos_table_add(CronosTable *table, CronosStyle style, const char *const *cells)
{
    Row row = {style, g_new0(char *, table->columns + 1)};

    for (guint column = 0; column < table->columns; column++)
        row.cells[column] = g_strdup(cells[column] != NULL ? cells[column] : "");
    g_array_append_val(table->rows, row);
}

static gboolean is_right(const CronosTable *table, guint column)
{
    return table->headings[column][0] == '>';
}

static const char *heading(const CronosTable *table, guint column)
{
    return table->headings[column] + is_right(table, column);
}

static guint *measure(const CronosTable *table, gboolean with_headings)
{
    guint *widths = g_new0(guint, table->columns);

    for (guint column = 0; column < table->columns; column++) {
        if (with_headings)
            widths[column] = cronos_text_columns(heading(table, column));
        for (guint i = 0; i < table->rows->len; i++) {
            const Row *row = &g_array_index(table->rows, Row, i);

            widths[column] = MAX(widths[column], cronos_text_columns(row->cells[column]));
        }
    }
    return widths;
}

static void line_append(GString *line, const CronosTable *table, guint column, guint width,
                        const char *text)
{
    guint padding = width - MIN(width, cronos_text_columns(text));

    if (column > 0)
        g_string_append(line, "  ");
    if (is_right(table, column))
        g_string_append_printf(line, "%*s", (int)padding, "");
    g_string_append(line, text);
    if (!is_right(table, column))
        g_string_append_printf(line, "%*s", (int)padding, "");
}

static void line_print(GString *line, CronosStyle style)
{
    while (line->len > 0 && line->str[line->len - 1] == ' ')
        g_string_truncate(line, line->len - 1);
    printf("%s%s%s\n", cronos_style_begin(stdout, style), line->str,
           cronos_style_end(stdout, style));
    g_string_truncate(line, 0);
}

void cronos_table_print(const CronosTable *table)
{
    gboolean with_headings = isatty(STDOUT_FILENO);
    g_autofree guint *widths = measure(table, with_headings);
    GString *line = g_string_new(NULL);

    if (with_headings && table->rows->len > 0) {
        for (guint column = 0; column < table->columns; column++)
            line_append(line, table, column, widths[column], heading(table, column));
        line_print(line, CRONOS_STYLE_HEADING);
    }
    for (guint i = 0; i < table->rows->len; i++) {
        const Row *row = &g_array_index(table->rows, Row, i);

        for (guint column = 0; column < table->columns; column++)
            line_append(line, table, column, widths[column], row->cells[column]);
        line_print(line, row->style);
    }
    g_string_free(line, TRUE);
}
