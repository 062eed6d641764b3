/*
 * Cutting lines. See cut_lines.h.
 *
 * Widths are those that terminals agree on: nothing for marks that combine with the character before, two columns for
 * East Asian and pictorial characters. wcwidth(3) would tell them only under a locale with UTF-8, which need not be.
 *
 * Context: any; no state.
 */
#include "cut_lines.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAB_COLUMNS = 8 };

#define ESCAPE '\033'

struct range {
    uint32_t first, last;
};

static const struct range combining[] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
static const struct range wide[] = {{0x1100, 0x115f},   {0x2e80, 0xa4cf},  {0xac00, 0xd7a3}, {0xf900, 0xfaff},
                                    {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6}, {0x1f300, 0x1f64f},
                                    {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

static bool is_in(uint32_t character, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    }
    return false;
}

/* The character at text[0..size), size > 0, and how many bytes it has: one where it is not UTF-8. */
static uint32_t character_at(const char *text, size_t size, size_t *bytes)
{
    const unsigned char first = (unsigned char)text[0];
    const size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    uint32_t character = n == 1 ? first : first & (0xffu >> (n + 1));
    *bytes = 1;
    if (n > size)
        return first;
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return first;
        character = character << 6 | ((unsigned char)text[i] & 0x3f);
    }
    *bytes = n;
    return character;
}

/* How long the SGR sequence at text[0..size) is; 0: there is none. */
static size_t sequence_bytes(const char *text, size_t size)
{
    if (size < 2 || text[0] != ESCAPE || text[1] != '[')
        return 0;
    for (size_t i = 2; i < size; i++) {
        if (text[i] >= '@' && text[i] <= '~')
            return i + 1;
    }
    return 0;
}

/* How many columns a character takes that begins at `column`. */
static size_t columns_of(uint32_t character, size_t column)
{
    if (character == '\t')
        return TAB_COLUMNS - column % TAB_COLUMNS;
    if (is_in(character, combining, sizeof combining / sizeof combining[0]))
        return 0;
    return is_in(character, wide, sizeof wide / sizeof wide[0]) ? 2 : 1;
}

/* Where the line is to be cut, so that "…" has a place: its size where it is not too wide. */
static size_t find_cut(const char *line, size_t size, size_t columns)
{
    size_t column = 0, cut = 0;
    for (size_t at = 0; at < size;) {
        size_t bytes = sequence_bytes(line + at, size - at);
        if (!bytes)
            column += columns_of(character_at(line + at, size - at, &bytes), column);
        if (column > columns)
            return cut;
        at += bytes;
        if (column < columns)
            cut = at;
    }
    return size;
}

static void print_cut(FILE *out, const char *line, size_t size, size_t columns)
{
    while (columns < SIZE_MAX && size > 0 && strchr(" \t", line[size - 1]))
        size--;
    const size_t cut = find_cut(line, size, columns);
    fwrite(line, 1, cut, out);
    if (cut == size)
        return;
    fputs("…", out);
    for (size_t at = cut; at < size;) { /* colours end where they would have ended */
        const size_t bytes = sequence_bytes(line + at, size - at);
        fwrite(line + at, 1, bytes, out);
        at += bytes ? bytes : 1;
    }
}

char *sp_cut_lines(const char *text, size_t size, size_t columns, size_t *cut_size, size_t *n_lines)
{
    char *cut = NULL;
    FILE *out = open_memstream(&cut, cut_size);
    *n_lines = 0;
    for (size_t at = 0; out && at < size; ++*n_lines) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - text) - at : size - at;
        print_cut(out, text + at, length, columns);
        if (end)
            fputc('\n', out);
        at += length + 1;
    }
    const bool has_failed = out && ferror(out);
    if (!out || fclose(out) != 0 || has_failed) {
        free(cut);
        return NULL;
    }
    return cut;
}

/* Bytes of the control character at text[0..size): C0, DEL, or C1, which in UTF-8 is C2 80 to C2 9F; 0: it is none. */
static size_t control_bytes(const char *text, size_t size)
{
    const unsigned char first = (unsigned char)text[0];
    if (first < ' ' || first == 0x7f)
        return first != '\n' && first != '\t';
    return first == 0xc2 && size > 1 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0 ? 2 : 0;
}

size_t sp_make_harmless(char *text, size_t size)
{
    size_t n = 0;
    for (size_t at = 0; at < size;) {
        const size_t control = control_bytes(text + at, size - at);
        text[n++] = control ? '?' : text[at];
        at += control ? control : 1;
    }
    return n;
}
