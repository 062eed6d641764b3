/*
 * Mappings from text, and locations into mappings. See maps.h.
 *
 * pprof looks for each location through all mappings, the first of the list winning. Here the mappings are sorted once
 * where they do not overlap, as those of a kernel never do, and each location is a binary search. What remains is what
 * pprof does for locations outside of all mappings, and for mappings that overlap: going through the list, for which
 * there is a budget.
 *
 * Context: ordinary code.
 */
#include "formats/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/maps_attributes.h"

/* Steps through the list that all locations together may take: a second or two. */
#define STEPS_MAX (UINT64_C(1) << 30)
/* Where programs that are not position-independent begin. */
#define PROGRAM_START UINT64_C(0x400000)

static void add_line(struct sp_profile *profile, const struct sp_maps_line *line)
{
    const struct sp_piece permissions = line->permissions;
    if (permissions.n != 0 && !memchr(permissions.at, 'x', permissions.n))
        return;
    const struct sp_mapping mapping = {
        .start = line->start,
        .limit = line->limit,
        .file_offset = line->offset,
        .file = sp_profile_string_n(profile, line->file.at, line->file.n),
        .build_id = sp_profile_string_n(profile, line->build_id.at, line->build_id.n),
    };
    sp_profile_add_mapping(profile, &mapping);
}

static bool may_be_same(uint32_t a, uint32_t b)
{
    return a == 0 || b == 0 || a == b;
}

/* Whether two mappings are one that was split. */
static bool is_continued(const struct sp_mapping *mapping, const struct sp_mapping *next)
{
    if (!may_be_same(mapping->file, next->file) || !may_be_same(mapping->build_id, next->build_id) ||
        mapping->limit != next->start)
        return false;
    return mapping->file_offset == 0 || next->file_offset == 0 ||
           mapping->file_offset + (mapping->limit - mapping->start) == next->file_offset;
}

static void join_split(struct sp_profile *profile)
{
    size_t n = 0;
    for (size_t i = 0; i < profile->mappings.n; i++) {
        const struct sp_mapping mapping = profile->mappings.at[i];
        struct sp_mapping *last = n > 0 ? &profile->mappings.at[n - 1] : NULL;
        if (!last || !is_continued(last, &mapping)) {
            profile->mappings.at[n++] = mapping;
            continue;
        }
        last->limit = mapping.limit;
        last->file = mapping.file != 0 ? mapping.file : last->file;
        last->build_id = mapping.build_id != 0 ? mapping.build_id : last->build_id;
    }
    profile->mappings.n = n;
}

/* Whether a file is called as shared libraries are: *.so, or .so. or .so_ and a digit anywhere. */
static bool is_library(const char *file)
{
    for (const char *at = file; (at = strstr(at, ".so")) != NULL; at += 3) {
        if (at[3] == '\0' || ((at[3] == '.' || at[3] == '_') && at[4] >= '0' && at[4] <= '9'))
            return true;
    }
    return false;
}

static void put_program_first(struct sp_profile *profile)
{
    for (size_t i = 0; i < profile->mappings.n; i++) {
        const char *file = sp_profile_text(profile, profile->mappings.at[i].file);
        if (file[0] == '\0' || strcmp(file, "(deleted)") == 0 || file[0] == '[' || is_library(file))
            continue;
        const struct sp_mapping first = profile->mappings.at[0];
        profile->mappings.at[0] = profile->mappings.at[i];
        profile->mappings.at[i] = first;
        return;
    }
}

static void read_line(struct sp_profile *profile, struct sp_maps_attributes *attributes, struct sp_piece text)
{
    struct sp_maps_line line;
    text = sp_maps_attributes_replace(attributes, sp_maps_without_log_prefix(text));
    if (sp_maps_line_parse(text.at, text.n, &line))
        add_line(profile, &line);
    else
        sp_maps_attributes_take(attributes, text);
}

void sp_maps_read(struct sp_profile *profile, const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    struct sp_maps_attributes attributes = {0};
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline ? newline : end;
        read_line(profile, &attributes, (struct sp_piece){at, (size_t)(line_end - at)});
        at = newline ? newline + 1 : end;
    }
    if (attributes.text.error || attributes.line.error)
        profile->error = -ENOMEM;
    sp_maps_attributes_free(&attributes);
    join_split(profile);
    put_program_first(profile);
}

struct search {
    struct sp_profile *profile;
    uint32_t *sorted; /* mappings by their start, where none overlap; NULL otherwise */
    uint32_t fake;    /* the mapping of what is in none, or SP_NONE */
    size_t n;         /* mappings but for that one */
    uint64_t steps;
};

static int by_start(const void *a, const void *b, void *mappings)
{
    const struct sp_mapping *at = mappings;
    const uint64_t left = at[*(const uint32_t *)a].start, right = at[*(const uint32_t *)b].start;
    return (left > right) - (left < right);
}

/* Sorts the mappings, or gives up: with -ENOMEM, or because some overlap or end before they begin. */
static void sort(struct search *search)
{
    const struct sp_mapping *mappings = search->profile->mappings.at;
    if (search->n == 0)
        return;
    search->sorted = malloc(search->n * sizeof *search->sorted);
    if (!search->sorted) {
        search->profile->error = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < search->n; i++)
        search->sorted[i] = (uint32_t)i;
    qsort_r(search->sorted, search->n, sizeof *search->sorted, by_start, search->profile->mappings.at);
    for (size_t i = 0; i < search->n; i++) {
        const struct sp_mapping *mapping = &mappings[search->sorted[i]];
        const bool overlaps = i > 0 && mappings[search->sorted[i - 1]].limit > mapping->start;
        if (overlaps || mapping->limit < mapping->start) {
            free(search->sorted);
            search->sorted = NULL;
            return;
        }
    }
}

/* The mapping that has `address`, by bisection; SP_NONE. */
static uint32_t bisect(const struct search *search, uint64_t address)
{
    const struct sp_mapping *mappings = search->profile->mappings.at;
    size_t low = 0, high = search->n; /* those before `low` start at or before it, those from `high` on behind it */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (mappings[search->sorted[middle]].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || address >= mappings[search->sorted[low - 1]].limit)
        return SP_NONE;
    return search->sorted[low - 1];
}

/* The first of the list that has `address`, or with `below` that had it if its file's beginning were mapped before. */
static uint32_t walk(struct search *search, uint64_t address, bool below)
{
    const struct sp_mapping *mappings = search->profile->mappings.at;
    for (size_t i = 0; i < search->n; i++) {
        const struct sp_mapping *mapping = &mappings[i];
        const bool has = below ? mapping->file_offset != 0 && mapping->start - mapping->file_offset <= address &&
                                     address < mapping->start
                               : mapping->start <= address && address < mapping->limit;
        if (has)
            return (uint32_t)i;
    }
    search->steps += search->n;
    return SP_NONE;
}

/*
 * The last resort; once there is a mapping of all addresses, it is that. A mapping whose beginning was not told is
 * extended to it, after which it may overlap others: then the sorted list says no more, and the first of the list has
 * to be found by going through it.
 */
static uint32_t find_outside(struct search *search, uint64_t address)
{
    if (search->fake != SP_NONE && address != UINT64_MAX)
        return search->fake;
    const uint32_t extended = walk(search, address, true);
    if (extended != SP_NONE) {
        struct sp_mapping *mapping = &search->profile->mappings.at[extended];
        mapping->start -= mapping->file_offset;
        mapping->file_offset = 0;
        free(search->sorted);
        search->sorted = NULL;
        sort(search);
        search->steps += 32 * search->n;
        return extended;
    }
    if (search->fake == SP_NONE)
        search->fake = sp_profile_add_mapping(search->profile, &(struct sp_mapping){.limit = UINT64_MAX});
    return search->fake;
}

static uint32_t find(struct search *search, uint64_t address)
{
    if (address == 0)
        return SP_NONE;
    uint32_t mapping = search->sorted ? bisect(search, address) : walk(search, address, false);
    if (!search->sorted)
        search->steps += search->n;
    return mapping != SP_NONE ? mapping : find_outside(search, address);
}

/* What pprof mends of the first mapping: huge pages before the program, and a start that leaves out its headers. */
static void mend_first(struct sp_profile *profile)
{
    struct sp_mapping *at = profile->mappings.at;
    if (profile->mappings.n > 1 && strncmp(sp_profile_text(profile, at[0].file), "/anon_hugepage", 14) == 0 &&
        at[0].limit == at[1].start)
        memmove(at, at + 1, --profile->mappings.n * sizeof *at);
    if (profile->mappings.n > 0 && at[0].start - at[0].file_offset == PROGRAM_START) {
        at[0].start = PROGRAM_START;
        at[0].file_offset = 0;
    }
}

void sp_maps_assign(struct sp_profile *profile)
{
    if (profile->error)
        return;
    mend_first(profile);
    struct search search = {.profile = profile, .fake = SP_NONE, .n = profile->mappings.n};
    sort(&search);
    for (size_t i = 0; i < profile->locations.n && !profile->error; i++) {
        profile->locations.at[i].mapping = find(&search, profile->locations.at[i].address);
        if (search.steps > STEPS_MAX)
            profile->error = -EFBIG;
    }
    free(search.sorted);
}
