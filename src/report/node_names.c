/*
 * The names of nodes: "00000000004011a0 main.f /src/f.c:12:3", with what there is of it. See graph.h.
 *
 * A name is a few pieces of text, which are printed or compared in a row, so that none has to be made.
 *
 * Context: ordinary code.
 */
#include <stdlib.h>
#include <string.h>

#include "report/graph.h"
#include "report/names.h"

enum {
    MOST_PIECES = 16,
    NUMBER_BYTES = 24,
    MOST_NUMBERS = 4,
    HEX_DIGITS = 16,
};

struct piece {
    const char *at;
    size_t length;
};

struct pieces {
    struct piece at[MOST_PIECES];
    size_t n, n_numbers;
    char numbers[MOST_NUMBERS][NUMBER_BYTES]; /* the texts of those */
};

static void add(struct pieces *pieces, const char *text, size_t length)
{
    pieces->at[pieces->n++] = (struct piece){text, length};
}

static void add_text(struct pieces *pieces, const char *text)
{
    add(pieces, text, strlen(text));
}

/* A number with at least `n_least` digits. */
static void add_digits(struct pieces *pieces, uint64_t number, unsigned base, size_t n_least)
{
    char *text = pieces->numbers[pieces->n_numbers++], *end = text + NUMBER_BYTES, *at = end;
    for (; number != 0 || (size_t)(end - at) < n_least; number /= base)
        *--at = "0123456789abcdef"[number % base];
    add(pieces, at, (size_t)(end - at));
}

static void add_number(struct pieces *pieces, int64_t number)
{
    if (number < 0)
        add_text(pieces, "-");
    add_digits(pieces, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10, 1);
}

static void add_space(struct pieces *pieces)
{
    if (pieces->n > 0)
        add_text(pieces, " ");
}

static void add_place(struct pieces *pieces, const struct sp_node *node)
{
    add_space(pieces);
    add_text(pieces, node->file);
    add_text(pieces, ":");
    add_number(pieces, node->line);
    if (node->column == 0)
        return;
    add_text(pieces, ":");
    add_number(pieces, node->column);
}

static void add_object(struct pieces *pieces, const char *file)
{
    size_t length;
    const char *base = sp_base_name(file, &length);
    add_space(pieces);
    add_text(pieces, "[");
    add(pieces, base, length);
    add_text(pieces, "]");
}

/* What a report shows. */
static void collect_shown(const struct sp_node *node, struct pieces *pieces)
{
    pieces->n = pieces->n_numbers = 0;
    if (node->address != 0)
        add_digits(pieces, node->address, 16, HEX_DIGITS);
    if (node->name[0] != '\0') {
        add_space(pieces);
        add_text(pieces, node->name);
    }
    if (node->line != 0) {
        add_place(pieces, node);
    } else if (node->file[0] != '\0') {
        add_space(pieces);
        add_text(pieces, node->file);
    } else if (node->name[0] == '\0' && node->object[0] != '\0') {
        add_object(pieces, node->object);
    } else if (node->name[0] == '\0') {
        add_space(pieces);
        add_text(pieces, "<unknown>");
    }
}

/* The character at *offset of piece *i, 0 behind the end; both move on to the next one. */
static int next_character(const struct pieces *pieces, size_t *i, size_t *offset)
{
    while (*i < pieces->n && *offset == pieces->at[*i].length) {
        ++*i;
        *offset = 0;
    }
    return *i < pieces->n ? (unsigned char)pieces->at[*i].at[(*offset)++] : 0;
}

static int compare_pieces(const struct pieces *left, const struct pieces *right)
{
    size_t l = 0, l_offset = 0, r = 0, r_offset = 0;
    for (;;) {
        int a = next_character(left, &l, &l_offset), b = next_character(right, &r, &r_offset);
        if (a != b || a == 0)
            return a - b;
    }
}

static bool is_name_only(const struct sp_node *node)
{
    return node->name[0] != '\0' && node->file[0] == '\0' && node->address == 0 && node->line == 0;
}

int sp_node_compare_shown(const struct sp_node *a, const struct sp_node *b)
{
    if (is_name_only(a) && is_name_only(b))
        return strcmp(a->name, b->name);
    if (a->address != 0 && b->address != 0 && a->address != b->address)
        return a->address < b->address ? -1 : 1;
    struct pieces left, right;
    collect_shown(a, &left);
    collect_shown(b, &right);
    return compare_pieces(&left, &right);
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int sp_node_compare_hidden(const struct sp_node *a, const struct sp_node *b)
{
    int order = strcmp(a->name, b->name);
    if (order == 0)
        order = strcmp(a->file, b->file);
    if (order == 0)
        order = compare_numbers(a->start_line, b->start_line);
    if (order == 0)
        order = compare_numbers(a->line, b->line);
    if (order == 0)
        order = compare_numbers(a->column, b->column);
    return order ? order : strcmp(a->object, b->object);
}

int sp_node_compare_names(const struct sp_node *a, const struct sp_node *b)
{
    int order = sp_node_compare_shown(a, b);
    return order ? order : sp_node_compare_hidden(a, b);
}

void sp_node_print_name(const struct sp_node *node, FILE *out)
{
    struct pieces pieces;
    collect_shown(node, &pieces);
    for (size_t i = 0; i < pieces.n; i++)
        fwrite(pieces.at[i].at, 1, pieces.at[i].length, out);
}

char *sp_node_name_text(const struct sp_node *node)
{
    struct pieces pieces;
    size_t length = 0;
    collect_shown(node, &pieces);
    for (size_t i = 0; i < pieces.n; i++)
        length += pieces.at[i].length;
    char *text = malloc(length + 1), *end = text;
    for (size_t i = 0; text && i < pieces.n; i++)
        end = mempcpy(end, pieces.at[i].at, pieces.at[i].length);
    if (text)
        *end = '\0';
    return text;
}
