/*
 * Writes a profile as a legacy CPU profile.
 *
 * Place on the way of a sample: profile → *this* → file; legacy.h draws the file. What the format has no place for is
 * left out: names, labels (records of one stack that differed in them stand apart; readers add them up), times.
 *
 * Addresses: a location of ours holds a caller's return address less one, and readers of this format take the one off
 * themselves. So callers get it back. A location without an address, as the one of frames that were left out, thus
 * becomes a caller at 1, which readers see at 0: it keeps its place in the stack. A leaf cannot be at 0: google-pprof
 * would take its record for the trailer; it is written as 1.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/legacy.h"

enum { NS_PER_US = 1000, PATH_COLUMN = 73 };

/* How a sample's values become a count of periods: one of them, divided. */
struct count_rule {
    size_t column;
    int64_t divisor;
};

static void put_word(struct sp_bytes *out, uint64_t word)
{
    sp_bytes_put(out, &word, sizeof word);
}

static bool is_text(const struct sp_profile *profile, uint32_t string, const char *text)
{
    return strcmp(sp_profile_text(profile, string), text) == 0;
}

/* Counts as they are, else times by the period. False where the profile has neither. */
static bool find_rule(const struct sp_profile *profile, struct count_rule *rule)
{
    const struct sp_value_type *types = profile->sample_types.at;
    for (size_t i = 0; i < profile->sample_types.n; i++) {
        *rule = (struct count_rule){.column = i, .divisor = 1};
        if (is_text(profile, types[i].unit, "count"))
            return true;
    }
    for (size_t i = 0; i < profile->sample_types.n; i++) {
        *rule = (struct count_rule){.column = i, .divisor = profile->period};
        if (profile->period > 0 && is_text(profile, types[i].unit, "nanoseconds"))
            return true;
    }
    return false;
}

/* The file's one address space cannot be that of several. */
static bool has_several_processes(const struct sp_profile *profile)
{
    const struct sp_label *first = NULL;
    for (size_t i = 0; i < profile->labels.n; i++) {
        const struct sp_label *label = &profile->labels.at[i];
        if (!is_text(profile, label->key, "pid"))
            continue;
        if (first == NULL)
            first = label;
        if (label->num != first->num || label->str != first->str)
            return true;
    }
    return false;
}

/* The period to the nearest microsecond; readers refuse 0. */
static void write_header(const struct sp_profile *profile, struct sp_bytes *out)
{
    const int64_t period_us = profile->period / NS_PER_US + (profile->period % NS_PER_US >= NS_PER_US / 2);
    const uint64_t words[] = {0, 3, 0, period_us > 0 ? (uint64_t)period_us : 1, 0};
    sp_bytes_put(out, words, sizeof words);
}

static uint64_t pc_of(const struct sp_profile *profile, uint32_t location, bool is_leaf)
{
    const uint64_t address = profile->locations.at[location].address;
    if (is_leaf)
        return address != 0 ? address : 1;
    return address != UINT64_MAX ? address + 1 : address;
}

/* A sample without a stack becomes one frame at 1: its count belongs to the total. */
static void write_record(const struct sp_profile *profile, const struct sp_sample *sample, uint64_t count,
                         struct sp_bytes *out)
{
    const uint32_t *locations = profile->sample_locations.at + sample->first_location;
    put_word(out, count);
    put_word(out, sample->n_locations > 0 ? sample->n_locations : 1);
    if (sample->n_locations == 0)
        put_word(out, 1);
    for (uint32_t i = 0; i < sample->n_locations; i++)
        put_word(out, pc_of(profile, locations[i], i == 0));
}

/* 0, or -ENOTSUP: a negative count, as a difference of two profiles has. */
static int write_records(const struct sp_profile *profile, const struct count_rule *rule, struct sp_bytes *out)
{
    for (size_t i = 0; i < profile->samples.n; i++) {
        const int64_t value = profile->values.at[i * profile->sample_types.n + rule->column];
        if (value < 0)
            return -ENOTSUP;
        const int64_t count = value / rule->divisor + (value % rule->divisor > (rule->divisor - 1) / 2);
        if (count > 0)
            write_record(profile, &profile->samples.at[i], (uint64_t)count, out);
    }
    return 0;
}

/* The kernel escapes newlines in paths, so that a line is a mapping. */
static void put_path(struct sp_bytes *out, const char *path)
{
    for (const char *end; (end = strchr(path, '\n')) != NULL; path = end + 1) {
        sp_bytes_put(out, path, (size_t)(end - path));
        sp_bytes_put(out, "\\012", 4);
    }
    sp_bytes_put(out, path, strlen(path));
}

/* Device and inode are not known any more, and readers do not want them. */
static void write_mapping(const struct sp_profile *profile, const struct sp_mapping *mapping, struct sp_bytes *out)
{
    char line[128];
    const char *path = sp_profile_text(profile, mapping->file);
    const int n = snprintf(line, sizeof line, "%08" PRIx64 "-%08" PRIx64 " r-xp %08" PRIx64 " 00:00 0 ", mapping->start,
                           mapping->limit, mapping->file_offset);
    sp_bytes_put(out, line, (size_t)n);
    for (int column = n; path[0] != 0 && column < PATH_COLUMN; column++)
        sp_bytes_put(out, " ", 1);
    put_path(out, path);
    sp_bytes_put(out, "\n", 1);
}

/* By address, as the kernel has them; where one took another's place, the later one first: readers take the first. */
static int by_start(const void *a, const void *b)
{
    const struct sp_mapping *const *left = a, *const *right = b;
    if ((*left)->start != (*right)->start)
        return (*left)->start < (*right)->start ? -1 : 1;
    return *left > *right ? -1 : 1;
}

static int write_mappings(const struct sp_profile *profile, struct sp_bytes *out)
{
    const size_t n = profile->mappings.n;
    const struct sp_mapping **sorted = calloc(n + 1, sizeof *sorted);
    if (sorted == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        sorted[i] = &profile->mappings.at[i];
    qsort(sorted, n, sizeof *sorted, by_start);
    for (size_t i = 0; i < n; i++)
        write_mapping(profile, sorted[i], out);
    free(sorted);
    return 0;
}

int sp_legacy_write(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out)
{
    (void)options; /* find_rule knows which values are counts of periods */
    static const uint64_t trailer[] = {0, 1, 0};
    struct count_rule rule;
    if (sp_profile_check(profile, NULL, 0) != 0)
        return -EINVAL;
    if (!find_rule(profile, &rule) || has_several_processes(profile))
        return -ENOTSUP;
    write_header(profile, out);
    int error = write_records(profile, &rule, out);
    sp_bytes_put(out, trailer, sizeof trailer);
    if (error == 0)
        error = write_mappings(profile, out);
    return error != 0 ? error : out->error;
}
