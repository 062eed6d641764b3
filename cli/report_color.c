/*
 * Colours for the text of a report. See report_color.h. Lines are told by their form, which is pprof's: what looks like
 * none of them has no colour.
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

enum { MUCH = 10, SOME = 2 }; /* percent */

/* A row of top or tree: flat flat% sum% cum cum%, and then the name or `| name`. */
enum { FLAT, FLAT_SHARE, SUM_SHARE, CUM, CUM_SHARE, N_COLUMNS };

struct part {
    const char *at;
    size_t size;
};

static struct part next_word(const char **at, const char *end)
{
    while (*at < end && **at == ' ')
        ++*at;
    struct part word = {.at = *at};
    while (*at < end && **at != ' ')
        ++*at;
    word.size = (size_t)(*at - word.at);
    return word;
}

static bool is_share(struct part word)
{
    return word.size > 1 && word.at[word.size - 1] == '%' &&
           (word.at[0] == '-' || (word.at[0] >= '0' && word.at[0] <= '9'));
}

/* The columns of a row, and where what follows them begins; NULL: it is no row. */
static const char *split_row(struct part line, struct part columns[N_COLUMNS])
{
    const char *at = line.at, *end = at + line.size;
    for (int i = 0; i < N_COLUMNS; i++)
        columns[i] = next_word(&at, end);
    return is_share(columns[FLAT_SHARE]) && is_share(columns[SUM_SHARE]) && is_share(columns[CUM_SHARE]) ? at : NULL;
}

static void print_colored(FILE *out, const char *color, struct part part)
{
    fprintf(out, "%s%.*s%s", color, (int)part.size, part.at, color[0] ? PLAIN : "");
}

/* strtod ends at the sign of percent, which is there. */
static const char *color_of_share(struct part share)
{
    const double percent = strtod(share.at, NULL);
    return percent >= MUCH || percent <= -MUCH ? RED : percent >= SOME || percent <= -SOME ? YELLOW : "";
}

static void print_until(FILE *out, const char **at, const char *end)
{
    fwrite(*at, 1, (size_t)(end - *at), out);
    *at = end;
}

static void print_share(FILE *out, const char **at, struct part share)
{
    print_until(out, at, share.at);
    print_colored(out, color_of_share(share), share);
    *at = share.at + share.size;
}

static bool print_row(FILE *out, struct part line)
{
    struct part columns[N_COLUMNS];
    const char *at = line.at, *end = at + line.size, *rest = split_row(line, columns);
    if (!rest)
        return false;
    print_share(out, &at, columns[FLAT_SHARE]);
    print_share(out, &at, columns[CUM_SHARE]);
    const struct part bar = next_word(&rest, end);
    if (bar.size == 1 && bar.at[0] == '|') { /* between its callers and callees it would be lost */
        print_until(out, &at, bar.at + 1);
        print_colored(out, BOLD, (struct part){at, (size_t)(end - at)});
    } else {
        print_until(out, &at, end);
    }
    return true;
}

/* A label's value in tags: "   200ms (  100%): perl". */
static bool print_label(FILE *out, struct part line)
{
    const char *at = line.at, *end = at + line.size;
    next_word(&at, end);
    const struct part open = next_word(&at, end);
    struct part share = open;
    if (open.size == 1 && open.at[0] == '(')
        share = next_word(&at, end);
    else if (open.size > 1 && open.at[0] == '(')
        share = (struct part){open.at + 1, open.size - 1};
    if (share.size < 3 || memcmp(share.at + share.size - 2, "):", 2) != 0)
        return false;
    share.size -= 2;
    if (!is_share(share))
        return false;
    at = line.at;
    print_share(out, &at, share);
    print_until(out, &at, end);
    return true;
}

static bool begins(struct part line, const char *with)
{
    return line.size >= strlen(with) && memcmp(line.at, with, strlen(with)) == 0;
}

/* The names of columns; a key of tags; a function of list or disasm. */
static bool is_heading(struct part line)
{
    if (begins(line, "ROUTINE ======================== "))
        return true;
    const bool is_blank = begins(line, " ");
    return is_blank && ((memmem(line.at, line.size, "flat%", 5) && memmem(line.at, line.size, "cum%", 4)) ||
                        memmem(line.at, line.size, ": Total ", 8));
}

/* What stands before the rows: nothing of it begins with a blank or a dash. */
static bool is_head(struct part line)
{
    return !begins(line, " ") && !begins(line, "-") && !begins(line, "ROUTINE ");
}

static void print_line(FILE *out, struct part line, bool *is_in_head)
{
    struct part text = line;
    while (text.size > 0 && strchr(" \t", text.at[text.size - 1]))
        text.size--;
    *is_in_head = *is_in_head && is_head(line);
    if (*is_in_head && text.size > 0)
        print_colored(out, DIM, text);
    else if (is_heading(text))
        print_colored(out, BOLD, text);
    else if (!print_row(out, text) && !print_label(out, text))
        fwrite(text.at, 1, text.size, out);
    fwrite(text.at + text.size, 1, line.size - text.size, out);
}

int sp_report_color(char **text, size_t *size)
{
    char *colored = NULL;
    size_t colored_size = 0;
    bool is_in_head = true;
    FILE *out = open_memstream(&colored, &colored_size);
    for (size_t at = 0; out && at < *size;) {
        const char *end = memchr(*text + at, '\n', *size - at);
        const size_t length = end ? (size_t)(end - *text) - at : *size - at;
        print_line(out, (struct part){*text + at, length}, &is_in_head);
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
