/*
 * Writes a profile of made-up stacks, the same for the same arguments: as large as asked for, and of the shape that
 * real ones have: stacks share most of their frames, and some are much hotter than others.
 *
 * usage: make_profile OUT SAMPLES DEPTH LOCATIONS SEED [COLD]     (OUT.pb is not compressed, any other OUT is in gzip)
 *
 * SAMPLES are as they stand in a profile: each stack is there once. With COLD, every fourth call is another one than
 * the most frequent, instead of every sixteenth: then hardly two stacks are the same. Locations (one line each, every
 * eighth with an inlined one) are the same for every seed; the samples differ. There is a function for ten locations,
 * and a mapping of a program and of a library.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/formats.h"
#include "formats/pprof.h"
#include "util/output_file.h"

enum {
    LOCATIONS_OF_FUNCTION = 10,
    INLINED_EVERY = 8,
    FUNCTIONS_OF_FILE = 20,
    CODE_BYTES = 16, /* of a location */
    CALLS = 6,       /* how many different callees a frame has */
    MOST_DRAWS = 32, /* for one new stack, in the mean */
    PERIOD_NS = 10000000,
};

/* Marsaglia's xorshift64. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void add_mappings(struct sp_profile *profile, uint64_t code_bytes)
{
    const char *const files[] = {"/usr/bin/program", "/usr/lib/libthings.so.1"};
    for (size_t i = 0; i < 2; i++) {
        const struct sp_mapping mapping = {
            .start = (i + 1) << 32,
            .limit = ((i + 1) << 32) + code_bytes,
            .file = sp_profile_string(profile, files[i]),
            .build_id = sp_profile_string(profile, i ? "bb22" : "aa11"),
            .has_functions = true,
            .has_filenames = true,
            .has_line_numbers = true,
            .has_inline_frames = true,
        };
        sp_profile_add_mapping(profile, &mapping);
    }
}

static uint32_t function_of(struct sp_profile *profile, uint32_t number)
{
    char name[128], file[128];
    snprintf(name, sizeof name, "things::part_%u::Worker<Item%u>::do_the_work_%u", number / FUNCTIONS_OF_FILE,
             number % 7, number);
    snprintf(file, sizeof file, "/src/things/part_%u.cc", number / FUNCTIONS_OF_FILE);
    const struct sp_function function = {
        .name = sp_profile_string(profile, name),
        .system_name = sp_profile_string(profile, name),
        .filename = sp_profile_string(profile, file),
        .start_line = number % 1000,
    };
    return sp_profile_function(profile, &function);
}

static void add_locations(struct sp_profile *profile, uint32_t n)
{
    add_mappings(profile, (uint64_t)n * CODE_BYTES);
    for (uint32_t i = 0; i < n; i++) {
        const struct sp_location location = {
            .mapping = i % 5 == 0,
            .address = profile->mappings.at[i % 5 == 0].start + (uint64_t)i * CODE_BYTES,
        };
        const uint32_t own = function_of(profile, i / LOCATIONS_OF_FUNCTION);
        const uint32_t inlined = function_of(profile, (i * 7 + 3) % (n / LOCATIONS_OF_FUNCTION + 1));
        const struct sp_line lines[] = {{.function = inlined, .line = i % 300}, {.function = own, .line = i % 1000}};
        const uint32_t n_lines = i % INLINED_EVERY == 0 ? 2 : 1;
        sp_profile_add_location(profile, &location, lines + 2 - n_lines, n_lines);
    }
}

/* A walk from the root: each frame has a few callees, the first of which is the most frequent. */
static void add_sample(struct sp_profile *profile, uint32_t depth, uint32_t *stack, uint64_t *random, unsigned others)
{
    uint64_t frame = 0;
    for (uint32_t i = depth; i-- > 0;) {
        stack[i] = (uint32_t)(frame % profile->locations.n);
        const uint64_t draw = next_random(random), call = draw % others == 0 ? 1 + (draw >> 32) % (CALLS - 1) : 0;
        frame = (frame + call + 1) * UINT64_C(0x9e3779b97f4a7c15);
        frame ^= frame >> 29;
    }
    const int64_t count = 1 + (int64_t)(next_random(random) % 4), values[] = {count, count * PERIOD_NS};
    sp_profile_add_sample(profile, stack, depth, NULL, 0, values);
}

static struct sp_profile *make(uint32_t n_samples, uint32_t depth, uint32_t n_locations, uint64_t seed, unsigned others)
{
    struct sp_profile *profile = sp_profile_new();
    uint32_t *stack = calloc(depth + 1, sizeof *stack);
    if (!profile || !stack)
        exit(1);
    sp_profile_add_sample_type(profile, "samples", "count");
    sp_profile_add_sample_type(profile, "cpu", "nanoseconds");
    add_locations(profile, n_locations);
    uint64_t random = seed * 2 + 1;
    for (uint64_t i = 0; profile->samples.n < n_samples && i < (uint64_t)n_samples * MOST_DRAWS; i++)
        add_sample(profile, depth, stack, &random, others);
    profile->period_type = profile->sample_types.at[1];
    profile->period = PERIOD_NS;
    profile->time_ns = INT64_C(1700000000000000000) + (int64_t)seed;
    profile->duration_ns = INT64_C(10000000000);
    free(stack);
    return profile;
}

int main(int argc, char **argv)
{
    if (argc != 6 && argc != 7) {
        fputs("usage: make_profile OUT SAMPLES DEPTH LOCATIONS SEED [COLD]\n", stderr);
        return 2;
    }
    struct sp_bytes bytes = {0};
    struct sp_output_file file;
    struct sp_profile *profile =
        make((uint32_t)strtoul(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10),
             (uint32_t)strtoul(argv[4], NULL, 10), strtoull(argv[5], NULL, 10), argc == 7 ? 4 : 16);
    const size_t length = strlen(argv[1]);
    const struct sp_write_options how = {.value_index = SP_VALUE_DEFAULT};
    const bool is_plain = length > 3 && strcmp(argv[1] + length - 3, ".pb") == 0;
    int error = is_plain ? sp_pprof_write_plain(profile, &how, &bytes) : sp_pprof_write(profile, &how, &bytes);
    if (!error)
        error = sp_output_open(argv[1], &file);
    if (!error) {
        error = sp_output_write(file.fd, bytes.at, bytes.n);
        if (!error)
            error = sp_output_commit(&file);
    }
    if (error)
        fprintf(stderr, "make_profile: %s: %s\n", argv[1], strerror(-error));
    sp_bytes_done(&bytes);
    sp_profile_free(profile);
    return error ? 1 : 0;
}
