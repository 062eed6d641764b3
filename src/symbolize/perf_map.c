/*
 * Reading a perf map for a few addresses. See perf_map.h.
 *
 * The last line that holds an address names it. So the lines are read from the last to the first, and an address that
 * has a name is out of the game: `next[i]` leads to the first address from i on that has none, with paths halved on the
 * way (union-find). A line over a million addresses costs a million steps once, and then next to nothing.
 * Context: any thread.
 */
#include "symbolize/perf_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct search {
    const uint64_t *addresses;
    size_t n;
    size_t *next; /* n + 1 */
    struct sp_perf_map_name *names;
    int64_t n_named;
};

struct line {
    uint64_t start, size;
    struct sp_perf_map_name name;
};

/* The value of a hex digit, or -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads a hex number and the blank behind it; false when there is none, or one of more than 64 bits. */
static bool read_hex(const char **at, const char *end, uint64_t *value)
{
    const char *c = *at;
    if (end - c > 2 && c[0] == '0' && (c[1] | 0x20) == 'x')
        c += 2;
    const char *digits = c;
    for (*value = 0; c < end && digit_value(*c) >= 0; c++) {
        if (*value >> 60)
            return false;
        *value = *value << 4 | (uint64_t)digit_value(*c);
    }
    if (c == digits || c == end || *c != ' ')
        return false;
    *at = c + 1;
    return true;
}

static bool parse_line(const char *at, const char *end, struct line *line)
{
    if (!read_hex(&at, end, &line->start) || !read_hex(&at, end, &line->size) || line->size == 0)
        return false;
    if (end > at && end[-1] == '\r')
        end--;
    size_t length = (size_t)(end - at);
    line->name = (struct sp_perf_map_name){at, length < SP_PERF_MAP_NAME_MAX ? length : SP_PERF_MAP_NAME_MAX};
    return length > 0;
}

/* The first address from `i` on without a name. */
static size_t first_unnamed(struct search *search, size_t i)
{
    while (search->next[i] != i) {
        search->next[i] = search->next[search->next[i]];
        i = search->next[i];
    }
    return i;
}

static size_t first_not_below(const struct search *search, uint64_t address)
{
    size_t low = 0, high = search->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (search->addresses[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void name_range(struct search *search, const struct line *line)
{
    size_t i = first_unnamed(search, first_not_below(search, line->start));
    while (i < search->n && search->addresses[i] - line->start < line->size) {
        search->names[i] = line->name;
        search->n_named++;
        search->next[i] = i + 1;
        i = first_unnamed(search, i + 1);
    }
}

int64_t sp_perf_map_find(const char *text, size_t size, const uint64_t *addresses, size_t n,
                         struct sp_perf_map_name *names)
{
    struct search search = {.addresses = addresses, .n = n, .names = names};
    search.next = calloc(n + 1, sizeof(*search.next));
    if (!search.next)
        return -ENOMEM;
    for (size_t i = 0; i <= n; i++)
        search.next[i] = i;
    for (size_t i = 0; i < n; i++)
        names[i] = (struct sp_perf_map_name){0};
    const char *end = size ? memrchr(text, '\n', size) : NULL; /* of the line before it */
    while (end && search.n_named < (int64_t)n) {
        const char *before = end > text ? memrchr(text, '\n', (size_t)(end - text)) : NULL;
        struct line line;
        if (parse_line(before ? before + 1 : text, end, &line))
            name_range(&search, &line);
        end = before;
    }
    free(search.next);
    return search.n_named;
}
