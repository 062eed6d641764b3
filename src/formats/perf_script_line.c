/*
 * Takes the lines of perf script apart. See perf_script_line.h.
 *
 * The name of a thread may have blanks and numbers in it, so a header is recognised by what comes behind: the first
 * word that is a thread's number and has a time behind it (there may be a CPU between them), or, where no line has
 * times, an event at the end of the line.
 *
 * Context: ordinary code.
 */
#include "formats/perf_script_line.h"

#include <string.h>

enum { NS_DIGITS = 9, HEX_DIGITS_MAX = 16 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static struct sp_span skip_blanks(struct sp_span text)
{
    while (text.n > 0 && sp_is_blank(text.at[0]))
        text.at++, text.n--;
    return text;
}

/* The first word of `text`, which then begins behind it; empty at the end. */
static struct sp_span take_word(struct sp_span *text)
{
    *text = skip_blanks(*text);
    struct sp_span word = {text->at, 0};
    while (word.n < text->n && !sp_is_blank(text->at[word.n]))
        word.n++;
    text->at += word.n;
    text->n -= word.n;
    return word;
}

static bool is_number(struct sp_span word)
{
    for (size_t i = 0; i < word.n; i++)
        if (!is_digit(word.at[i]))
            return false;
    return word.n > 0;
}

/* "PID/TID" or "TID". perf prints -1 for what it does not know. */
static bool parse_ids(struct sp_span word, struct sp_perf_header *header)
{
    const char *slash = word.n > 0 ? memchr(word.at, '/', word.n) : NULL;
    struct sp_span tid = word;
    header->pid = -1;
    if (slash) {
        const struct sp_span pid = {word.at, (size_t)(slash - word.at)};
        tid = (struct sp_span){slash + 1, word.n - pid.n - 1};
        if (sp_parse_whole(pid, &header->pid) != 0)
            return false;
    }
    if (tid.n == 0 || (!is_digit(tid.at[0]) && tid.at[0] != '-'))
        return false;
    return sp_parse_whole(tid, &header->tid) == 0;
}

/* "[003]" */
static bool is_cpu(struct sp_span word)
{
    return word.n > 2 && word.at[0] == '[' && word.at[word.n - 1] == ']' &&
           is_number((struct sp_span){word.at + 1, word.n - 2});
}

/* "37279.833829:" */
static bool parse_time(struct sp_span word, int64_t *ns)
{
    const char *dot = word.n > 0 ? memchr(word.at, '.', word.n) : NULL;
    if (!dot || word.at[word.n - 1] != ':')
        return false;
    const struct sp_span whole = {word.at, (size_t)(dot - word.at)}, part = {dot + 1, word.n - whole.n - 2};
    int64_t value;
    if (!is_number(whole) || !is_number(part) || part.n > NS_DIGITS || sp_parse_whole(whole, ns) != 0 ||
        sp_parse_whole(part, &value) != 0)
        return false;
    for (size_t i = part.n; i < NS_DIGITS; i++)
        value *= 10;
    if (__builtin_mul_overflow(*ns, INT64_C(1000000000), ns) || __builtin_add_overflow(*ns, value, ns))
        return false;
    return true;
}

/* The end of an event's name: a colon with a blank or nothing behind it. Names have colons inside. */
static bool take_event(struct sp_span *text, struct sp_span *event)
{
    *text = skip_blanks(*text);
    for (size_t i = 1; i < text->n; i++) {
        if (sp_is_blank(text->at[i]))
            return false;
        if (text->at[i] == ':' && (i + 1 == text->n || sp_is_blank(text->at[i + 1]))) {
            *event = (struct sp_span){text->at, i};
            text->at += i + 1;
            text->n -= i + 1;
            return true;
        }
    }
    return false;
}

/* What stands behind the time: period and event, either of which may be missing. */
static void parse_event(struct sp_span text, struct sp_perf_header *header)
{
    struct sp_span behind = text;
    const struct sp_span word = take_word(&behind);
    header->period = -1;
    header->event = (struct sp_span){0};
    header->is_sample = true;
    if (is_number(word) && sp_parse_whole(word, &header->period) == 0)
        text = behind;
    else
        header->period = -1;
    if (!take_event(&text, &header->event))
        header->is_sample = skip_blanks(text).n == 0;
    header->rest = skip_blanks(text);
}

/* Whether `text` is what follows a thread's number. Without a time, only an event at the end of the line will do. */
static bool parse_behind_ids(struct sp_span text, bool needs_time, struct sp_perf_header *header)
{
    struct sp_span behind = text;
    struct sp_span word = take_word(&behind);
    if (is_cpu(word)) {
        text = behind;
        word = take_word(&behind);
    }
    header->time_ns = -1;
    if (parse_time(word, &header->time_ns)) {
        parse_event(behind, header);
        return true;
    }
    header->time_ns = -1;
    if (needs_time)
        return false;
    parse_event(text, header);
    return header->event.n > 0 && header->rest.n == 0;
}

static bool parse_at(struct sp_span line, bool needs_time, struct sp_perf_header *header)
{
    struct sp_span behind = line;
    take_word(&behind); /* of the name, which has one at least */
    while (behind.n > 0) {
        const char *name_end = behind.at;
        const struct sp_span word = take_word(&behind);
        if (parse_ids(word, header) && parse_behind_ids(behind, needs_time, header)) {
            header->comm = (struct sp_span){line.at, (size_t)(name_end - line.at)};
            return true;
        }
    }
    return false;
}

bool sp_perf_header_parse(struct sp_span line, struct sp_perf_header *header)
{
    line = skip_blanks(line);
    return line.n > 0 && (parse_at(line, true, header) || parse_at(line, false, header));
}

/* Cuts "+0x1f" off the end. */
static struct sp_span without_offset(struct sp_span text)
{
    size_t n = text.n;
    while (n > 0 && is_hex(text.at[n - 1]))
        n--;
    if (n < text.n && n > 3 && memcmp(text.at + n - 3, "+0x", 3) == 0)
        text.n = n - 3;
    return text;
}

static bool is_text(struct sp_span span, const char *text)
{
    return span.n == strlen(text) && memcmp(span.at, text, span.n) == 0;
}

/* Where "(MODULE)" at the end begins, which may have parentheses inside: the text's end when there is none. */
static size_t module_begin(struct sp_span text)
{
    size_t depth = 0;
    if (text.n == 0 || text.at[text.n - 1] != ')')
        return text.n;
    for (size_t i = text.n; i-- > 0;) {
        depth += text.at[i] == ')';
        if (text.at[i] == '(' && --depth == 0)
            return i == 0 || sp_is_blank(text.at[i - 1]) ? i : text.n;
    }
    return text.n;
}

static bool take_address(struct sp_span *text, uint64_t *address)
{
    const struct sp_span word = take_word(text);
    *address = 0;
    if (word.n == 0 || word.n > HEX_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < word.n; i++) {
        const char c = word.at[i];
        if (!is_hex(c))
            return false;
        *address = *address << 4 | (uint64_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return true;
}

bool sp_perf_frame_parse(struct sp_span line, struct sp_perf_frame *frame)
{
    *frame = (struct sp_perf_frame){0};
    if (!take_address(&line, &frame->address))
        return false;
    line = skip_blanks(line);
    const size_t begin = module_begin(line);
    if (begin < line.n)
        frame->module = (struct sp_span){line.at + begin + 1, line.n - begin - 2};
    line.n = begin;
    while (line.n > 0 && sp_is_blank(line.at[line.n - 1]))
        line.n--;
    if (!is_text(line, "[unknown]"))
        frame->symbol = without_offset(line);
    frame->is_inlined = is_text(frame->module, "inlined");
    frame->module = frame->is_inlined ? (struct sp_span){0} : without_offset(frame->module);
    return true;
}
