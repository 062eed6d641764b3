/*
 * Colours for the text of a report. See report_color.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "report_color.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN "\033[0m"
#define DIM "\033[2m"
#define BOLD "\033[1m"
#define RED "\033[31m"
#define YELLOW "\033[33m"

/* The first percentage of a line that begins with a value, as a row does; negative: there is none. */
static double percentage_of(const char *line, size_t size)
{
    const char *sign = memchr(line, '%', size);
    if (!sign)
        return -1;
    const char *digits = sign;
    while (digits > line && (digits[-1] == '.' || (digits[-1] >= '0' && digits[-1] <= '9')))
        digits--;
    return digits == sign ? -1 : strtod(digits, NULL);
}

static bool is_row(const char *line, size_t size)
{
    size_t i = 0;
    while (i < size && line[i] == ' ')
        i++;
    return i < size && ((line[i] >= '0' && line[i] <= '9') || line[i] == '-' || line[i] == '.');
}

static const char *color_of(const char *line, size_t size, bool is_heading)
{
    if (is_row(line, size)) {
        const double percentage = percentage_of(line, size);
        return percentage >= 10 ? RED : percentage >= 2 ? YELLOW : NULL;
    }
    return is_heading ? DIM : NULL;
}

/* The line of the columns' names ends the headings. */
static bool is_column_line(const char *line, size_t size)
{
    return memmem(line, size, "flat", 4) && memmem(line, size, "cum", 3) && !is_row(line, size);
}

static void print_line(FILE *out, const char *line, size_t size, bool *is_heading)
{
    const char *color = color_of(line, size, *is_heading);
    if (*is_heading && is_column_line(line, size)) {
        *is_heading = false;
        color = BOLD;
    }
    if (color && size > 0)
        fprintf(out, "%s%.*s" PLAIN, color, (int)size, line);
    else
        fwrite(line, 1, size, out);
}

int sp_report_color(char **text, size_t *size)
{
    char *colored = NULL;
    size_t colored_size = 0;
    bool is_heading = true;
    FILE *out = open_memstream(&colored, &colored_size);
    for (size_t at = 0; out && at < *size;) {
        const char *end = memchr(*text + at, '\n', *size - at);
        const size_t length = end ? (size_t)(end - *text) - at : *size - at;
        print_line(out, *text + at, length, &is_heading);
        if (end)
            fputc('\n', out);
        at += length + 1;
    }
    const bool has_failed = out && ferror(out);
    if (!out || fclose(out) != 0 || has_failed) {
        free(colored);
        return -ENOMEM;
    }
    free(*text);
    *text = colored;
    *size = colored_size;
    return 0;
}
