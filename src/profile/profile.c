/*
 * The profile's life cycle, strings, types, mappings, functions and locations. Samples are in sample.c, facts and
 * accounts in facts.c.
 *
 * Place on the way of a sample: see profile.h.
 * Context: ordinary code of one thread at a time.
 */
#include "profile/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/grow.h"
#include "profile/intern.h"
#include "profile/utf8.h"
#include "util/arena.h"
#include "util/hash.h"

struct sp_profile *sp_profile_new(void)
{
    struct sp_profile *profile = calloc(1, sizeof(*profile));
    if (!profile)
        return NULL;
    profile->memory_limit = SIZE_MAX;
    profile->string_arena = sp_arena_new();
    profile->string_index = sp_index_new();
    profile->function_index = sp_index_new();
    profile->location_index = sp_index_new();
    profile->sample_index = sp_index_new();
    if (!profile->string_arena || !profile->string_index || !profile->function_index || !profile->location_index ||
        !profile->sample_index || (sp_profile_string(profile, ""), profile->error)) {
        sp_profile_free(profile);
        return NULL;
    }
    return profile;
}

void sp_profile_free(struct sp_profile *profile)
{
    if (!profile)
        return;
    free(profile->strings.at);
    free(profile->sample_types.at);
    free(profile->mappings.at);
    free(profile->functions.at);
    free(profile->locations.at);
    free(profile->lines.at);
    free(profile->samples.at);
    free(profile->sample_locations.at);
    free(profile->labels.at);
    free(profile->values.at);
    free(profile->comments.at);
    free(profile->facts.at);
    free(profile->accounts.at);
    sp_arena_free(profile->string_arena);
    sp_index_free(profile->string_index);
    sp_index_free(profile->function_index);
    sp_index_free(profile->location_index);
    sp_index_free(profile->sample_index);
    free(profile);
}

int sp_profile_error(const struct sp_profile *profile)
{
    return profile->error;
}

bool sp_profile_index_put(struct sp_profile *profile, struct sp_index *index, uint64_t hash, size_t position)
{
    size_t added = sp_index_bytes_after_put(index) - sp_index_bytes(index);
    if (!sp_profile_may_take(profile, added))
        return false;
    if (sp_index_put(index, hash, (uint32_t)position) != 0) {
        profile->memory_bytes -= added;
        sp_profile_fail(profile, -ENOMEM);
        return false;
    }
    return true;
}

/* The new string `text[0..length)`, known to be UTF-8. */
static uint32_t add_string(struct sp_profile *profile, uint64_t hash, const char *text, size_t length)
{
    size_t at = profile->strings.n;
    if (!SP_RESERVE(profile, profile->strings, 1) || !sp_profile_may_take(profile, length + 1))
        return 0;
    const char *copy = sp_arena_copy(profile->string_arena, text, length);
    if (!copy) {
        sp_profile_fail(profile, -ENOMEM);
        return 0;
    }
    if (!sp_profile_index_put(profile, profile->string_index, hash, at))
        return 0;
    profile->strings.at[profile->strings.n++] = copy;
    return (uint32_t)at;
}

static uint32_t intern(struct sp_profile *profile, const char *text, size_t length)
{
    uint64_t hash = sp_hash_bytes(sp_hash_seed(), text, length);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(profile->string_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(profile->string_index, &probe)) {
        const char *known = profile->strings.at[i];
        if (strncmp(known, text, length) == 0 && known[length] == '\0')
            return i;
    }
    return add_string(profile, hash, text, length);
}

/* The string that `text` becomes when what is not UTF-8 in it is replaced. */
static uint32_t intern_repaired(struct sp_profile *profile, const char *text, size_t length)
{
    char *repaired = length <= PTRDIFF_MAX / SP_UTF8_REPAIRED_MAX(1) ? malloc(SP_UTF8_REPAIRED_MAX(length)) : NULL;
    if (!repaired) {
        sp_profile_fail(profile, -ENOMEM);
        return 0;
    }
    uint32_t index = intern(profile, repaired, sp_utf8_repair(repaired, text, length));
    free(repaired);
    return index;
}

uint32_t sp_profile_string_n(struct sp_profile *profile, const char *text, size_t length)
{
    if (profile->error)
        return 0;
    if (length == 0)
        text = "";
    return sp_utf8_is_valid(text, length) ? intern(profile, text, length) : intern_repaired(profile, text, length);
}

uint32_t sp_profile_string(struct sp_profile *profile, const char *text)
{
    return text ? sp_profile_string_n(profile, text, strlen(text)) : 0;
}

const char *sp_profile_text(const struct sp_profile *profile, uint32_t index)
{
    return index < profile->strings.n ? profile->strings.at[index] : "";
}

void sp_profile_add_sample_type(struct sp_profile *profile, const char *type, const char *unit)
{
    if (profile->samples.n > 0)
        sp_profile_fail(profile, -EINVAL);
    struct sp_value_type added = {.type = sp_profile_string(profile, type), .unit = sp_profile_string(profile, unit)};
    if (SP_RESERVE(profile, profile->sample_types, 1))
        profile->sample_types.at[profile->sample_types.n++] = added;
}

void sp_profile_add_comment(struct sp_profile *profile, const char *text)
{
    uint32_t comment = sp_profile_string(profile, text);
    if (SP_RESERVE(profile, profile->comments, 1))
        profile->comments.at[profile->comments.n++] = comment;
}

uint32_t sp_profile_add_mapping(struct sp_profile *profile, const struct sp_mapping *mapping)
{
    if (!SP_RESERVE(profile, profile->mappings, 1))
        return 0;
    profile->mappings.at[profile->mappings.n] = *mapping;
    return (uint32_t)profile->mappings.n++;
}

void sp_profile_swap_mappings(struct sp_profile *profile, uint32_t a, uint32_t b)
{
    if (a == b)
        return;
    const struct sp_mapping first = profile->mappings.at[a];
    profile->mappings.at[a] = profile->mappings.at[b];
    profile->mappings.at[b] = first;
    for (size_t i = 0; i < profile->locations.n; i++) {
        uint32_t *mapping = &profile->locations.at[i].mapping;
        if (*mapping == a)
            *mapping = b;
        else if (*mapping == b)
            *mapping = a;
    }
}

static uint64_t function_hash(const struct sp_function *function)
{
    uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)function->name << 32 | function->system_name);
    return sp_hash_word(sp_hash_word(hash, function->filename), (uint64_t)function->start_line);
}

static bool is_same_function(const struct sp_function *a, const struct sp_function *b)
{
    return a->name == b->name && a->system_name == b->system_name && a->filename == b->filename &&
           a->start_line == b->start_line;
}

uint32_t sp_profile_function(struct sp_profile *profile, const struct sp_function *function)
{
    uint64_t hash = function_hash(function);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(profile->function_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(profile->function_index, &probe)) {
        if (is_same_function(&profile->functions.at[i], function))
            return i;
    }
    if (!SP_RESERVE(profile, profile->functions, 1) ||
        !sp_profile_index_put(profile, profile->function_index, hash, profile->functions.n))
        return 0;
    profile->functions.at[profile->functions.n] = *function;
    return (uint32_t)profile->functions.n++;
}

uint32_t sp_profile_append_function(struct sp_profile *profile, const struct sp_function *function)
{
    if (!SP_RESERVE(profile, profile->functions, 1))
        return 0;
    profile->functions.at[profile->functions.n] = *function;
    return (uint32_t)profile->functions.n++;
}

uint32_t sp_profile_location(struct sp_profile *profile, uint32_t mapping, uint64_t address)
{
    uint64_t hash = sp_hash_word(sp_hash_word(sp_hash_seed(), mapping), address);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(profile->location_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(profile->location_index, &probe)) {
        const struct sp_location *known = &profile->locations.at[i];
        if (known->mapping == mapping && known->address == address)
            return i;
    }
    struct sp_location added = {.mapping = mapping, .address = address};
    if (!SP_RESERVE(profile, profile->locations, 1) ||
        !sp_profile_index_put(profile, profile->location_index, hash, profile->locations.n))
        return 0;
    return sp_profile_add_location(profile, &added, NULL, 0);
}

void sp_profile_set_lines(struct sp_profile *profile, uint32_t location, const struct sp_line *lines, uint32_t n)
{
    if (profile->error || location >= profile->locations.n)
        return;
    struct sp_location *changed = &profile->locations.at[location];
    if (n > changed->n_lines) {
        if (!SP_RESERVE(profile, profile->lines, n))
            return;
        changed->first_line = (uint32_t)profile->lines.n;
        profile->lines.n += n;
    }
    changed->n_lines = n;
    if (n)
        memcpy(profile->lines.at + changed->first_line, lines, n * sizeof(*lines));
}

uint32_t sp_profile_add_location(struct sp_profile *profile, const struct sp_location *location,
                                 const struct sp_line *lines, uint32_t n)
{
    if (!SP_RESERVE(profile, profile->locations, 1) || !SP_RESERVE(profile, profile->lines, n))
        return 0;
    uint32_t at = (uint32_t)profile->locations.n++;
    struct sp_location *added = &profile->locations.at[at];
    *added = *location;
    added->first_line = 0;
    added->n_lines = 0;
    sp_profile_set_lines(profile, at, lines, n);
    return at;
}
