/*
 * Reads legacy profiles that are text: what the kinds have in common. See legacy_text.h.
 * Context: ordinary code.
 */
#include "formats/legacy_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/is_text.h"
#include "formats/maps.h"
#include "util/room.h"

enum { LINES_LOOKED_AT = 1000 };

void sp_legacy_text_next(struct sp_legacy_text *text)
{
    if (!sp_lines_next(&text->lines, &text->line)) {
        text->line = (struct sp_span){"", 0};
        text->at_end = true;
    }
    while (text->line.n > 0 && sp_is_blank(text->line.at[0]))
        text->line.at++, text->line.n--;
}

void sp_legacy_text_skip_comments(struct sp_legacy_text *text)
{
    while (!text->at_end && (text->line.n == 0 || text->line.at[0] == '#'))
        sp_legacy_text_next(text);
}

static bool contains(struct sp_span line, const char *words)
{
    return line.n > 0 && memmem(line.at, line.n, words, strlen(words)) != NULL;
}

bool sp_legacy_text_is_map(const struct sp_legacy_text *text)
{
    return contains(text->line, "--- Memory map: ---") || contains(text->line, "MAPPED_LIBRARIES:");
}

void sp_legacy_text_fail(struct sp_legacy_text *text, const char *wrong)
{
    if (!text->wrong)
        text->wrong = wrong;
}

static uint32_t location_of(struct sp_legacy_text *text, uint64_t address)
{
    uint32_t known = address == 0 ? text->location_of_0 : sp_id_map_get(&text->locations, address);
    if (known != SP_ID_NONE)
        return known;
    const struct sp_location location = {.mapping = SP_NONE, .address = address};
    known = sp_profile_add_location(text->profile, &location, NULL, 0);
    if (address == 0)
        text->location_of_0 = known;
    else if (sp_id_map_put(&text->locations, address, known) != 0)
        text->profile->error = -ENOMEM;
    return known;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number whose digits list->at[0..] are; the list then begins behind it. */
static uint64_t take_hex(struct sp_legacy_text *text, struct sp_span *list)
{
    uint64_t value = 0;
    for (; list->n > 0 && hex_digit(list->at[0]) >= 0; list->at++, list->n--) {
        if (value >> 60 != 0)
            sp_legacy_text_fail(text, "an address has more than 64 bits");
        value = value << 4 | (uint64_t)hex_digit(list->at[0]);
    }
    return value;
}

static void push(struct sp_legacy_text *text, uint64_t address)
{
    if (sp_make_room((void **)&text->stack, text->n_stack, &text->stack_capacity, sizeof *text->stack))
        text->stack[text->n_stack++] = location_of(text, address);
    else
        text->profile->error = -ENOMEM;
}

void sp_legacy_text_add_addresses(struct sp_legacy_text *text, struct sp_span list, bool has_leaf)
{
    while (list.n > 2 && !text->profile->error && !text->wrong) {
        if (list.at[0] != '0' || list.at[1] != 'x' || hex_digit(list.at[2]) < 0) {
            list.at++, list.n--;
            continue;
        }
        list.at += 2, list.n -= 2;
        const uint64_t address = take_hex(text, &list);
        push(text, has_leaf && text->n_stack == 0 ? address : address - 1);
    }
}

int64_t sp_legacy_text_round(double value)
{
    if (value >= 0x1p63)
        return INT64_MAX;
    return value > -0x1p63 ? (int64_t)value : INT64_MIN;
}

bool sp_legacy_take_text(struct sp_span *line, const char *words)
{
    struct sp_span ahead = *line;
    const size_t n = strlen(words);
    while (ahead.n > 0 && sp_is_blank(ahead.at[0]))
        ahead.at++, ahead.n--;
    if (ahead.n < n || memcmp(ahead.at, words, n) != 0)
        return false;
    *line = (struct sp_span){ahead.at + n, ahead.n - n};
    return true;
}

bool sp_take_whole(struct sp_span *line, int64_t *value)
{
    struct sp_span ahead = *line;
    while (ahead.n > 0 && sp_is_blank(ahead.at[0]))
        ahead.at++, ahead.n--;
    size_t n = ahead.n > 0 && ahead.at[0] == '-';
    while (n < ahead.n && ahead.at[n] >= '0' && ahead.at[n] <= '9')
        n++;
    if (sp_parse_whole((struct sp_span){ahead.at, n}, value) != 0)
        return false;
    *line = (struct sp_span){ahead.at + n, ahead.n - n};
    return true;
}

/* "goroutine profile: total 3" */
static bool is_counts(struct sp_span line)
{
    size_t n = 0;
    int64_t total;
    while (n < line.n && !sp_is_blank(line.at[n]))
        n++;
    line.at += n, line.n -= n;
    return n > 0 && sp_legacy_take_text(&line, "profile: total") && sp_take_whole(&line, &total) && line.n == 0;
}

typedef void read_kind(struct sp_legacy_text *text);

/* The reader of what begins with this line, or NULL. */
static read_kind *kind_of(struct sp_span line)
{
    static const struct {
        const char *begin;
        read_kind *read;
    } kinds[] = {
        {"heap profile:", sp_legacy_text_heap},         {"--- contentionz ", sp_legacy_text_contention},
        {"--- contention:", sp_legacy_text_contention}, {"--- mutex:", sp_legacy_text_contention},
        {"--- threadz ", sp_legacy_text_threads},       {"--- Thread ", sp_legacy_text_threads},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct sp_span rest = line;
        if (sp_legacy_take_text(&rest, kinds[i].begin))
            return kinds[i].read;
    }
    return is_counts(line) ? sp_legacy_text_counts : NULL;
}

/* Whether the first line that is no comment is a kind's. */
static bool looks_like_legacy_text(const uint8_t *data, size_t size)
{
    struct sp_lines lines = sp_lines_of(data, size);
    struct sp_span line;
    for (unsigned i = 0; sp_is_text(data, size) && i < LINES_LOOKED_AT && sp_lines_next(&lines, &line); i++) {
        if (line.n > 0 && line.at[0] != '#')
            return kind_of(line) != NULL;
    }
    return false;
}

static void read_all(struct sp_legacy_text *text)
{
    sp_legacy_text_next(text);
    sp_legacy_text_skip_comments(text);
    read_kind *read = kind_of(text->line);
    if (read == NULL || sp_id_map_init(&text->locations, 0) != 0) {
        sp_legacy_text_fail(text, "no legacy profile begins like this");
        return;
    }
    read(text);
    while (!text->wrong && !text->at_end && !sp_legacy_text_is_map(text))
        sp_legacy_text_next(text);
    if (text->wrong)
        return;
    sp_maps_read(text->profile, (const uint8_t *)text->lines.at, (size_t)(text->lines.end - text->lines.at));
    sp_maps_assign(text->profile);
}

static int read_legacy_text(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile,
                            char *why, size_t why_size)
{
    struct sp_legacy_text text = {
        .lines = sp_lines_of(data, size), .profile = sp_profile_new(), .location_of_0 = SP_ID_NONE};
    if (text.profile) {
        text.profile->memory_limit = memory_limit;
        read_all(&text);
    }
    sp_id_map_done(&text.locations);
    free(text.stack);
    return sp_text_result(text.profile, text.wrong ? text.wrong : "", text.lines.number, profile, why, why_size);
}

const struct sp_format sp_format_legacy_text = {
    .name = "legacy-text",
    .description = "heap, contention, thread and goroutine profiles as text",
    .looks_like = looks_like_legacy_text,
    .read = read_legacy_text,
};
