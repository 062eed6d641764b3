/*
 * What a misspelled name was meant to be.
 *
 * The distance is Damerau's (letters put in, left out, changed, or two neighbours swapped), as a typing hand errs; a
 * name is near when at most a third of its letters are wrong.
 *
 * Context: ordinary code of the command's only thread.
 */
#include <stdint.h>
#include <string.h>

#include "option.h"

enum { MOST_LETTERS = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The distance between two words of at most MOST_LETTERS. Rows of the matrix of all beginnings, the last three kept. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t rows[3][MOST_LETTERS + 1];
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *row = rows[i % 3], *before = rows[(i + 2) % 3], *before_that = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            row[j] = least(least(before[j], row[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before_that[j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}

const char *sp_nearest_name(const char *word, const char *const *names, size_t n)
{
    const size_t length = strlen(word);
    const char *nearest = NULL;
    size_t smallest = SIZE_MAX;
    for (size_t i = 0; i < n && length > 1 && length <= MOST_LETTERS; i++) {
        const size_t n_name = strlen(names[i]);
        if (n_name > MOST_LETTERS)
            continue;
        const size_t found = distance(word, length, names[i], n_name);
        if (found < smallest && found * 3 <= (n_name > length ? n_name : length)) {
            smallest = found;
            nearest = names[i];
        }
    }
    return nearest;
}
