/*
 * Columns of text. See columns.h.
 *
 *     cells[first_cell[line] .. first_cell[line + 1])    the last cell of a line is in no column
 *
 * Context: ordinary code.
 */
#include "report/columns.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "report/frame_text.h"

enum {
    GAP = 1,
    WIDEST = 1000, /* cells that are wider move no others: a name of a megabyte must not be paid for on each line */
};

struct cell {
    size_t start, length; /* in the text */
    size_t width;         /* characters */
    size_t column_width;  /* 0: in no column */
};

struct columns {
    const char *text;
    struct cell *cells;
    size_t *first_cell; /* [n_lines + 1] */
    size_t *active;     /* the lines that have a cell in the column in question */
    size_t n_lines;
};

static bool ends_cell(char c)
{
    return c == '\t' || c == '\v' || c == '\n' || c == '\f';
}

static bool ends_line(char c)
{
    return c == '\n' || c == '\f';
}

static int allocate(struct columns *columns, size_t n)
{
    size_t n_cells = 1, n_lines = 1;
    for (size_t i = 0; i < n; i++) {
        n_cells += ends_cell(columns->text[i]);
        n_lines += ends_line(columns->text[i]);
    }
    columns->cells = calloc(n_cells, sizeof(*columns->cells));
    columns->first_cell = reallocarray(NULL, n_lines + 1, sizeof(*columns->first_cell));
    columns->active = reallocarray(NULL, n_lines, sizeof(*columns->active));
    return columns->cells && columns->first_cell && columns->active ? 0 : -ENOMEM;
}

static void split(struct columns *columns, size_t n)
{
    size_t n_cells = 0, start = 0;
    columns->first_cell[0] = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && !ends_cell(columns->text[i]))
            continue;
        if (i == n && i == start && n_cells == columns->first_cell[columns->n_lines])
            break; /* nothing behind the last line */
        size_t length = i - start;
        columns->cells[n_cells++] =
            (struct cell){.start = start, .length = length, .width = sp_text_width(columns->text + start, length)};
        start = i + 1;
        if (i == n || ends_line(columns->text[i]))
            columns->first_cell[++columns->n_lines] = n_cells;
    }
}

static size_t n_columns_of(const struct columns *columns, size_t line)
{
    return columns->first_cell[line + 1] - columns->first_cell[line] - 1;
}

/* Gives the cells of `column` in lines active[0..n), which follow one another, their width. */
static void measure_block(struct columns *columns, size_t column, const size_t *active, size_t n)
{
    size_t widest = 0;
    for (size_t i = 0; i < n; i++) {
        const struct cell *cell = &columns->cells[columns->first_cell[active[i]] + column];
        if (cell->width > widest && cell->width <= WIDEST)
            widest = cell->width;
    }
    for (size_t i = 0; i < n; i++)
        columns->cells[columns->first_cell[active[i]] + column].column_width = widest + GAP;
}

static void measure_column(struct columns *columns, size_t column, size_t n_active)
{
    size_t first = 0;
    for (size_t i = 1; i <= n_active; i++) {
        if (i < n_active && columns->active[i] == columns->active[i - 1] + 1)
            continue;
        measure_block(columns, column, columns->active + first, i - first);
        first = i;
    }
}

/* Column by column, with those lines alone that reach it. */
static void measure(struct columns *columns)
{
    size_t n_active = columns->n_lines;
    for (size_t i = 0; i < n_active; i++)
        columns->active[i] = i;
    for (size_t column = 0; n_active > 0; column++) {
        size_t n = 0;
        for (size_t i = 0; i < n_active; i++) {
            if (n_columns_of(columns, columns->active[i]) > column)
                columns->active[n++] = columns->active[i];
        }
        n_active = n;
        measure_column(columns, column, n_active);
    }
}

static void print_line(const struct columns *columns, size_t line, FILE *out)
{
    for (size_t i = columns->first_cell[line]; i < columns->first_cell[line + 1]; i++) {
        const struct cell *cell = &columns->cells[i];
        for (size_t pad = cell->width; pad < cell->column_width; pad++)
            fputc(' ', out);
        fwrite(columns->text + cell->start, 1, cell->length, out);
    }
}

int sp_columns_print(const char *text, size_t n, FILE *out)
{
    struct columns columns = {.text = text};
    int error = allocate(&columns, n);
    if (!error) {
        split(&columns, n);
        measure(&columns);
        for (size_t i = 0; i < columns.n_lines; i++) {
            print_line(&columns, i, out);
            if (i + 1 < columns.n_lines || (n > 0 && ends_line(text[n - 1])))
                fputc('\n', out);
        }
    }
    free(columns.cells);
    free(columns.first_cell);
    free(columns.active);
    return error;
}
