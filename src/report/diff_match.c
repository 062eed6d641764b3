/*
 * What is the same on both sides although its file is called otherwise: a build in another folder. See diff_rows.h.
 * Context: ordinary code.
 */
#include <stdlib.h>
#include <string.h>

#include "report/diff_rows.h"
#include "report/names.h"

/* What only OLD has comes first, then what only NEW has, then the others. */
static int rank(const struct sp_diff_row *row)
{
    if (row->is_seen[SP_OLD] == row->is_seen[SP_NEW])
        return 2;
    return row->is_seen[SP_NEW];
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* The name of a row of files without its folders; of others the file does not count. */
static const char *file_apart_from_folders(const struct sp_diff_row *row)
{
    size_t length;
    return row->function[0] == '\0' && row->file[0] != '\0' ? sp_base_name(row->file, &length) : "";
}

/* By all but the folders and names of files. */
static int compare_apart_from_files(const struct sp_diff_row *a, const struct sp_diff_row *b)
{
    int order = strcmp(a->function, b->function);
    if (order == 0)
        order = strcmp(file_apart_from_folders(a), file_apart_from_folders(b));
    if (order == 0)
        order = compare_numbers((uint64_t)a->line, (uint64_t)b->line);
    if (order == 0)
        order = compare_numbers((uint64_t)a->column, (uint64_t)b->column);
    if (order == 0)
        order = compare_numbers(a->offset, b->offset);
    return order ? order : strcmp(a->object, b->object);
}

static int compare_for_matching(const void *a, const void *b)
{
    const struct sp_diff_row *left = a, *right = b;
    int order = compare_apart_from_files(left, right);
    if (order == 0)
        order = rank(left) - rank(right);
    return order ? order : strcmp(left->file, right->file);
}

/* How many of rows[0..n) are of one side only. */
static size_t n_of_rank(const struct sp_diff_row *rows, size_t n, int wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += rank(&rows[i]) == wanted;
    return found;
}

static void take_new_side(struct sp_diff_row *to, const struct sp_diff_row *from)
{
    sp_diff_add(&to->flat, SP_NEW, from->flat.value[SP_NEW], from->flat.variance[SP_NEW]);
    sp_diff_add(&to->cum, SP_NEW, from->cum.value[SP_NEW], from->cum.variance[SP_NEW]);
    to->is_seen[SP_NEW] = true;
}

void sp_diff_match_files(struct sp_diff *diff)
{
    size_t kept = 0;
    if (diff->n > 1)
        qsort(diff->rows, diff->n, sizeof(*diff->rows), compare_for_matching);
    for (size_t first = 0, end; first < diff->n; first = end) {
        for (end = first + 1; end < diff->n && compare_apart_from_files(&diff->rows[first], &diff->rows[end]) == 0;
             end++)
            ;
        const struct sp_diff_row *rows = diff->rows + first;
        bool is_pair = n_of_rank(rows, end - first, 0) == 1 && n_of_rank(rows, end - first, 1) == 1;
        for (size_t i = first; i < end; i++) {
            if (is_pair && i == first + 1)
                take_new_side(&diff->rows[kept - 1], &diff->rows[i]);
            else if (diff->rows[i].is_seen[SP_OLD] || diff->rows[i].is_seen[SP_NEW])
                diff->rows[kept++] = diff->rows[i];
        }
    }
    diff->n = kept;
}
