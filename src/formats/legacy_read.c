/*
 * Reads a legacy CPU profile, by pprof's rules.
 *
 * Place on the way of a sample: file → *this* → profile; legacy.h draws the file.
 *
 * Words have 32 or 64 bits in either order of bytes; the header tells which. Nothing of the file is copied before it is
 * known to hold together: the records are walked several times, once to check them, up to twice to find a frame that
 * nearly all stacks have next to their leaf (then it is the signal handler's, and goes), and once to make samples.
 * Addresses but the leaf's are return addresses: one is taken off. A caller that thereby is the leaf's address less one
 * is the leaf once more, from the unwinder, and goes, too; its location stays.
 *
 * pprof takes a file that ends within a record for one with frames at 0; here it is refused. A missing trailer is fine.
 *
 * Context: ordinary code.
 * Source of the rules: google/pprof, profile/legacy_profile.go.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/id_map.h"
#include "formats/legacy.h"
#include "formats/legacy_text.h"
#include "formats/maps.h"

enum {
    HEADER_WORDS = 5,
    NS_PER_US = 1000,
    STRIPS_MAX = 2,
    SIMILAR_SAMPLES = 32, /* one of so many may lack the handler's frame */
};

struct words {
    const uint8_t *data;
    size_t size;
    unsigned width; /* bytes of a word */
    bool is_big_endian;
};

struct record {
    uint64_t count;
    size_t frames_at; /* byte of the first address */
    size_t n_frames;
};

struct reading {
    struct words words;
    struct sp_profile *profile;
    struct sp_id_map locations; /* by address; that of 0 is: */
    uint32_t location_of_0;
    uint32_t *stack; /* of a sample */
    size_t deepest, n_records;
    size_t records_end; /* byte where the text begins */
    uint64_t strips[STRIPS_MAX];
    unsigned n_strips;
    const char *wrong; /* NULL, or what */
    size_t wrong_at;
};

static uint64_t word_at(const struct words *words, size_t position)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < words->width; i++) {
        const unsigned from = words->is_big_endian ? i : words->width - 1 - i;
        word = word << 8 | words->data[position + from];
    }
    return word;
}

/* Whether the header is one in words of this width and order. Its third word is 0 for C++, and 1 for Java. */
static bool has_header(const struct words *words)
{
    const unsigned width = words->width;
    return words->size >= HEADER_WORDS * (size_t)width && word_at(words, 0) == 0 && word_at(words, width) == 3 &&
           word_at(words, 2 * (size_t)width) <= 1 && word_at(words, 3 * (size_t)width) > 0 &&
           word_at(words, 4 * (size_t)width) == 0;
}

static bool find_words(const uint8_t *data, size_t size, struct words *words)
{
    for (unsigned i = 0; i < 4; i++) {
        *words = (struct words){.data = data, .size = size, .width = i < 2 ? 4 : 8, .is_big_endian = i % 2 == 1};
        if (has_header(words))
            return true;
    }
    return false;
}

bool sp_legacy_looks_like(const uint8_t *data, size_t size)
{
    struct words words;
    return find_words(data, size, &words);
}

/*
 * The record at `*at`, behind which `*at` then is: false at the end of the records. What of a record is not there is an
 * error of the first walk; later ones do not meet it.
 */
static bool next_record(struct reading *reading, size_t *at, struct record *record)
{
    const struct words *words = &reading->words;
    const size_t begin = *at, left = words->size - begin;
    if (left == 0)
        return false;
    if (left < 2 * (size_t)words->width) {
        reading->wrong = "the file ends within the record";
        reading->wrong_at = begin;
        return false;
    }
    const uint64_t n = word_at(words, begin + words->width);
    *record = (struct record){.count = word_at(words, begin), .frames_at = begin + 2 * (size_t)words->width};
    if (n > (left - 2 * (size_t)words->width) / words->width) {
        reading->wrong = "the file ends within the record";
        reading->wrong_at = begin;
        return false;
    }
    record->n_frames = (size_t)n;
    *at = record->frames_at + record->n_frames * words->width;
    return record->count != 0 || n != 1 || word_at(words, record->frames_at) != 0;
}

/* The address of frame `i`: of the call, where the file has where it returns to. */
static uint64_t frame_of(const struct reading *reading, const struct record *record, size_t i)
{
    return word_at(&reading->words, record->frames_at + i * reading->words.width) - (i > 0);
}

/* How many frames behind the leaf go. */
static size_t stripped(const struct reading *reading, const struct record *record)
{
    size_t n = 0;
    for (unsigned i = 0; i < reading->n_strips; i++) {
        if (record->n_frames - n > 1 && frame_of(reading, record, 1 + n) == reading->strips[i])
            n++;
    }
    return n;
}

static size_t first_record(const struct reading *reading)
{
    return HEADER_WORDS * (size_t)reading->words.width;
}

/* Values are counts, and counts times the period: both have to be numbers. */
static void check_records(struct reading *reading)
{
    struct record record;
    size_t at = first_record(reading), begin = at;
    int64_t value;
    for (; next_record(reading, &at, &record); begin = at) {
        if (record.count > INT64_MAX ||
            __builtin_mul_overflow((int64_t)record.count, reading->profile->period, &value)) {
            reading->wrong = "the count times the period is too large for a number of 64 bits";
            reading->wrong_at = begin;
            return;
        }
        reading->n_records++;
        if (record.n_frames > reading->deepest)
            reading->deepest = record.n_frames;
    }
    reading->records_end = at;
}

/*
 * Finds an address that stands behind the leaf in nearly all samples. It then is in more than half of them, and the
 * only one of which that can be so is found by voting: each vote for another takes one of it.
 */
static bool find_strip(struct reading *reading, uint64_t *address)
{
    struct record record;
    size_t votes = 0, n = 0;
    for (size_t at = first_record(reading); next_record(reading, &at, &record);) {
        const size_t skipped = stripped(reading, &record);
        if (record.n_frames - skipped < 2)
            continue;
        const uint64_t second = frame_of(reading, &record, 1 + skipped);
        if (votes == 0)
            *address = second;
        votes += second == *address ? 1 : (size_t)-1;
    }
    for (size_t at = first_record(reading); votes > 0 && next_record(reading, &at, &record);) {
        const size_t skipped = stripped(reading, &record);
        n += record.n_frames - skipped > 1 && frame_of(reading, &record, 1 + skipped) == *address;
    }
    return n > 0 && n >= reading->n_records - reading->n_records / SIMILAR_SAMPLES;
}

static uint32_t location_of(struct reading *reading, uint64_t address)
{
    uint32_t known = address == 0 ? reading->location_of_0 : sp_id_map_get(&reading->locations, address);
    if (known != SP_ID_NONE)
        return known;
    const struct sp_location location = {.mapping = SP_NONE, .address = address};
    known = sp_profile_add_location(reading->profile, &location, NULL, 0);
    if (address == 0)
        reading->location_of_0 = known;
    else if (sp_id_map_put(&reading->locations, address, known) != 0)
        reading->profile->error = -ENOMEM;
    return known;
}

static void add_sample(struct reading *reading, const struct record *record)
{
    const size_t skipped = stripped(reading, record);
    size_t n = 0;
    for (size_t i = 0; i < record->n_frames; i = i == 0 ? 1 + skipped : i + 1)
        reading->stack[n++] = location_of(reading, frame_of(reading, record, i));
    const struct sp_location *locations = reading->profile->locations.at;
    if (n > 1 && !reading->profile->error &&
        locations[reading->stack[0]].address == locations[reading->stack[1]].address + 1) {
        n--;
        memmove(reading->stack + 1, reading->stack + 2, (n - 1) * sizeof *reading->stack);
    }
    const int64_t count = (int64_t)record->count, values[] = {count, count * reading->profile->period};
    sp_profile_append_sample(reading->profile, reading->stack, (uint32_t)n, NULL, 0, values);
}

static void add_samples(struct reading *reading)
{
    struct record record;
    reading->stack = malloc((reading->deepest + 1) * sizeof *reading->stack);
    if (!reading->stack || sp_id_map_init(&reading->locations, 0) != 0) {
        reading->profile->error = -ENOMEM;
        return;
    }
    for (size_t at = first_record(reading); !reading->profile->error && next_record(reading, &at, &record);)
        add_sample(reading, &record);
}

static void start_profile(struct reading *reading)
{
    struct sp_profile *profile = reading->profile;
    const size_t width = reading->words.width;
    const uint64_t period_us = word_at(&reading->words, 3 * width);
    if (word_at(&reading->words, 2 * width) != 0) {
        reading->wrong = "it is a Java profile, which cannot be read";
        reading->wrong_at = 2 * width;
    } else if (period_us > INT64_MAX / NS_PER_US) {
        reading->wrong = "the period is too large for a number of 64 bits";
        reading->wrong_at = 3 * width;
    }
    profile->period = (int64_t)(period_us % (INT64_MAX / NS_PER_US + 1)) * NS_PER_US;
    sp_profile_add_sample_type(profile, "samples", "count");
    sp_profile_add_sample_type(profile, "cpu", "nanoseconds");
    profile->period_type = profile->sample_types.n == 2 ? profile->sample_types.at[1] : (struct sp_value_type){0};
    profile->drop_frames = sp_profile_string(profile, sp_legacy_cpu_frames);
}

static void read_all(struct reading *reading)
{
    start_profile(reading);
    if (!reading->wrong)
        check_records(reading);
    if (reading->wrong || reading->profile->error)
        return;
    while (reading->n_strips < STRIPS_MAX && find_strip(reading, &reading->strips[reading->n_strips]))
        reading->n_strips++;
    add_samples(reading);
    sp_maps_read(reading->profile, reading->words.data + reading->records_end,
                 reading->words.size - reading->records_end);
    sp_maps_assign(reading->profile);
}

/* What the attempt came to: 0, or an error and its sentence. */
static int result_of(const struct reading *reading, char *why, size_t why_size)
{
    const int error = sp_profile_error(reading->profile);
    if (reading->wrong) {
        snprintf(why, why_size, "%s (at byte %zu of the uncompressed profile)", reading->wrong, reading->wrong_at);
        return -EINVAL;
    }
    if (error == -EFBIG)
        snprintf(why, why_size, "it takes more than %zu bytes of memory or has too many addresses outside of mappings",
                 reading->profile->memory_limit);
    else if (error)
        snprintf(why, why_size, "there is not enough memory to read it");
    return error;
}

int sp_legacy_read(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                   size_t why_size)
{
    struct reading reading = {.profile = sp_profile_new(), .location_of_0 = SP_ID_NONE};
    if (!reading.profile) {
        snprintf(why, why_size, "there is not enough memory to read it");
        return -ENOMEM;
    }
    reading.profile->memory_limit = memory_limit;
    if (find_words(data, size, &reading.words))
        read_all(&reading);
    else
        reading.wrong = "there is no header of a legacy CPU profile";
    const int error = result_of(&reading, why, why_size);
    sp_id_map_done(&reading.locations);
    free(reading.stack);
    if (error) {
        sp_profile_free(reading.profile);
        return error;
    }
    reading.profile->memory_limit = SIZE_MAX;
    *profile = reading.profile;
    return 0;
}
