/*
 * From samples to the processes that locations are of, and from names to locations. See perf_owners.h.
 *
 * Context: ordinary code; one profile by one thread at a time.
 */
#include "symbolize/perf_owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In find_owners: no sample has been seen with the location; it is not to be named. */
enum { NOT_SEEN = -1, NOT_WANTED = -2 };

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), n = strlen(end);
    return length >= n && strcmp(text + length - n, end) == 0;
}

/* Memory without a file, or with one that has no name any more, as compilers at run time use. */
static bool is_made_code(const struct sp_profile *profile, const struct sp_location *location)
{
    if (location->mapping >= profile->mappings.n)
        return true;
    const char *file = sp_profile_text(profile, profile->mappings.at[location->mapping].file);
    return file[0] == '\0' || strncmp(file, "//anon", 6) == 0 || strncmp(file, "[anon", 5) == 0 ||
           strcmp(file, "[heap]") == 0 || strcmp(file, "/dev/zero") == 0 || ends_with(file, " (deleted)");
}

/* The pid of all accounts, or 0. */
static int64_t only_pid(const struct sp_profile *profile)
{
    int64_t pid = 0;
    for (size_t i = 0; i < profile->accounts.n; i++) {
        int64_t other = profile->accounts.at[i].pid;
        if (pid != 0 && other != pid)
            return 0;
        pid = other;
    }
    return pid;
}

/* The pid that a sample is labelled with, or `otherwise`. */
static int64_t pid_of_sample(const struct sp_profile *profile, const struct sp_sample *sample, int64_t otherwise)
{
    for (uint32_t i = 0; i < sample->n_labels; i++) {
        const struct sp_label *label = &profile->labels.at[sample->first_label + i];
        if (label->str == 0 && strcmp(sp_profile_text(profile, label->key), "pid") == 0)
            return label->num > 0 && label->num <= INT32_MAX ? label->num : 0;
    }
    return otherwise;
}

static int compare_by_pid(const void *a, const void *b)
{
    const struct sp_perf_want *x = a, *y = b;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return (x->location > y->location) - (x->location < y->location);
}

static int compare_by_location(const void *a, const void *b)
{
    const struct sp_perf_want *x = a, *y = b;
    if (x->location != y->location)
        return x->location < y->location ? -1 : 1;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Sorts, and leaves one of each that are the same. */
static void sort_and_unite(struct sp_perf_wants *wants)
{
    size_t kept = 0;
    if (wants->n > 1)
        qsort(wants->at, wants->n, sizeof(*wants->at), compare_by_pid);
    for (size_t i = 0; i < wants->n; i++)
        if (kept == 0 || compare_by_pid(&wants->at[kept - 1], &wants->at[i]) != 0)
            wants->at[kept++] = wants->at[i];
    wants->n = kept;
}

static bool grow(struct sp_perf_wants *wants)
{
    const size_t capacity = wants->capacity ? 2 * wants->capacity : 64;
    void *grown = reallocarray(wants->at, capacity, sizeof(*wants->at));
    if (!grown)
        return false;
    wants->at = grown;
    wants->capacity = capacity;
    return true;
}

/* Appends a want, which may be there already: those are united before room is made for more. */
static int add_want(struct sp_perf_wants *wants, const struct sp_perf_want *want)
{
    if (wants->n == wants->capacity) {
        sort_and_unite(wants);
        if (2 * wants->n >= wants->capacity && !grow(wants))
            return -ENOMEM;
    }
    wants->at[wants->n++] = *want;
    return 0;
}

/* `owners[i]`: whose sample was the last with location i. */
static int find_owners(struct sp_perf_wants *wants, const struct sp_profile *profile, int64_t *owners)
{
    const int64_t only = only_pid(profile);
    int error = 0;
    for (size_t i = 0; i < profile->samples.n && !error; i++) {
        const struct sp_sample *sample = &profile->samples.at[i];
        const int64_t pid = pid_of_sample(profile, sample, only);
        for (uint32_t k = 0; k < sample->n_locations && !error; k++) {
            const uint32_t location = profile->sample_locations.at[sample->first_location + k];
            if (owners[location] == NOT_WANTED || owners[location] == pid)
                continue;
            owners[location] = pid;
            error = add_want(wants, &(struct sp_perf_want){.pid = pid,
                                                           .address = profile->locations.at[location].address,
                                                           .location = location,
                                                           .function = SP_NONE});
        }
    }
    return error;
}

int sp_perf_wants_init(struct sp_perf_wants *wants, const struct sp_profile *profile, bool is_forced)
{
    *wants = (struct sp_perf_wants){0};
    int64_t *owners = calloc(profile->locations.n + 1, sizeof(*owners));
    if (!owners)
        return -ENOMEM;
    for (size_t i = 0; i < profile->locations.n; i++) {
        const struct sp_location *location = &profile->locations.at[i];
        const bool is_wanted = (location->n_lines == 0 || is_forced) && is_made_code(profile, location);
        owners[i] = is_wanted ? NOT_SEEN : NOT_WANTED;
    }
    const int error = find_owners(wants, profile, owners);
    free(owners);
    sort_and_unite(wants);
    return error;
}

void sp_perf_wants_done(struct sp_perf_wants *wants)
{
    free(wants->at);
    *wants = (struct sp_perf_wants){0};
}

static void set_function(struct sp_profile *profile, uint32_t location, uint32_t function)
{
    const struct sp_line line = {.function = function};
    const uint32_t mapping = profile->locations.at[location].mapping;
    sp_profile_set_lines(profile, location, &line, 1);
    if (mapping < profile->mappings.n) {
        profile->mappings.at[mapping].has_functions = true;
        profile->mappings.at[mapping].has_filenames |= profile->functions.at[function].filename != 0;
    }
}

/* A location as that of `want`, with its function; or that itself where there is no memory. */
static uint32_t copy_location(struct sp_profile *profile, const struct sp_perf_want *want)
{
    const struct sp_location location = {.mapping = profile->locations.at[want->location].mapping,
                                         .address = want->address};
    const uint32_t copy = sp_profile_add_location(profile, &location, NULL, 0);
    if (sp_profile_error(profile))
        return want->location;
    set_function(profile, copy, want->function);
    return copy;
}

/*
 * Names wants[0..n), all of one location. Writes `places[i]`, the location of wants[i] from now on; true when one of
 * them is another. The old one stays with those that have no name, if any, else with the first.
 */
static bool name_location(struct sp_profile *profile, const struct sp_perf_want *wants, size_t n, uint32_t *places)
{
    uint32_t kept = wants[0].function;
    bool is_split = false;
    for (size_t i = 0; i < n; i++)
        if (wants[i].function == SP_NONE)
            kept = SP_NONE;
    if (kept != SP_NONE)
        set_function(profile, wants[0].location, kept);
    for (size_t i = 0; i < n; i++) {
        const bool is_kept = wants[i].function == kept || wants[i].function == SP_NONE;
        places[i] = is_kept ? wants[i].location : copy_location(profile, &wants[i]);
        is_split |= !is_kept;
    }
    return is_split;
}

/* Leads each sample to the locations that are its process's now. `places` is beside `wants`, sorted by location. */
static void move_samples(const struct sp_perf_wants *wants, const uint32_t *places, struct sp_profile *profile)
{
    const int64_t only = only_pid(profile);
    for (size_t i = 0; i < profile->samples.n; i++) {
        const struct sp_sample *sample = &profile->samples.at[i];
        struct sp_perf_want key = {.pid = pid_of_sample(profile, sample, only)};
        for (size_t k = sample->first_location; k < (size_t)sample->first_location + sample->n_locations; k++) {
            key.location = profile->sample_locations.at[k];
            const struct sp_perf_want *want =
                bsearch(&key, wants->at, wants->n, sizeof(*wants->at), compare_by_location);
            if (want)
                sp_profile_replace_location(profile, k, places[want - wants->at]);
        }
    }
}

int sp_perf_wants_apply(struct sp_perf_wants *wants, struct sp_profile *profile)
{
    uint32_t *places = calloc(wants->n + 1, sizeof(*places));
    bool is_split = false;
    if (!places)
        return -ENOMEM;
    if (wants->n > 1)
        qsort(wants->at, wants->n, sizeof(*wants->at), compare_by_location);
    for (size_t first = 0, end; first < wants->n; first = end) {
        for (end = first + 1; end < wants->n && wants->at[end].location == wants->at[first].location;)
            end++;
        is_split |= name_location(profile, &wants->at[first], end - first, &places[first]);
    }
    if (is_split)
        move_samples(wants, places, profile);
    free(places);
    return sp_profile_error(profile);
}
