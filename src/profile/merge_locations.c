/*
 * Merging: the locations that samples need, and their mappings, functions and strings.
 *
 * Place on the way of a sample: part of merging, see merge.h.
 *
 * A lookup of a location misses the CPU's caches up to three times: its place in the index, the location, its lines.
 * So those that a batch of samples needs first are looked up together, one step for all of them after the other, and
 * each step begins to load what the next one looks at.
 *
 * Context: ordinary code of one thread at a time.
 */
#include "profile/intern.h"
#include "profile/merger.h"
#include "util/hash.h"

/* Mappings of about the same size count as the same: loaders differ in how they round. */
enum { PAGE_BYTES = 0x1000 };

uint32_t sp_merger_string(struct sp_merger *merger, uint32_t string)
{
    uint32_t *at = &merger->maps.strings[string];
    if (*at == SP_NONE)
        *at = sp_profile_string(merger->merged, sp_profile_text(merger->source, string));
    return *at;
}

static uint64_t size_in_pages(const struct sp_mapping *mapping)
{
    return (mapping->limit - mapping->start + PAGE_BYTES - 1) / PAGE_BYTES;
}

static uint32_t find_or_add_mapping(struct sp_merger *merger, const struct sp_mapping *wanted)
{
    struct sp_profile *merged = merger->merged;
    uint64_t hash = sp_hash_word(sp_hash_word(sp_hash_word(sp_hash_seed(), size_in_pages(wanted)), wanted->file_offset),
                                 sp_mapping_identity(wanted));
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(merger->indexes.mappings, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(merger->indexes.mappings, &probe)) {
        const struct sp_mapping *known = &merged->mappings.at[i];
        if (size_in_pages(known) == size_in_pages(wanted) && known->file_offset == wanted->file_offset &&
            sp_mapping_identity(known) == sp_mapping_identity(wanted))
            return i;
    }
    sp_profile_index_put(merged, merger->indexes.mappings, hash, merged->mappings.n);
    return sp_profile_add_mapping(merged, wanted);
}

static struct mapped map_mapping(struct sp_merger *merger, uint32_t position)
{
    if (position == SP_NONE)
        return (struct mapped){.mapping = SP_NONE};
    struct mapped *mapped = &merger->maps.mappings[position];
    if (mapped->mapping != SP_NONE)
        return *mapped;
    struct sp_mapping wanted = merger->source->mappings.at[position];
    wanted.file = sp_merger_string(merger, wanted.file);
    wanted.build_id = sp_merger_string(merger, wanted.build_id);
    uint32_t found = find_or_add_mapping(merger, &wanted);
    if (!merger->merged->error)
        *mapped = (struct mapped){found, merger->merged->mappings.at[found].start - wanted.start};
    return *mapped;
}

static uint32_t map_function(struct sp_merger *merger, uint32_t position)
{
    if (position == SP_NONE)
        return SP_NONE;
    uint32_t *mapped = &merger->maps.functions[position];
    if (*mapped != SP_NONE)
        return *mapped;
    const struct sp_function *function = &merger->source->functions.at[position];
    const struct sp_function wanted = {
        .name = sp_merger_string(merger, function->name),
        .system_name = sp_merger_string(merger, function->system_name),
        .filename = sp_merger_string(merger, function->filename),
        .start_line = function->start_line,
    };
    return *mapped = sp_profile_function(merger->merged, &wanted);
}

static uint64_t location_hash(const struct sp_location *location, const struct sp_line *lines)
{
    uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)location->mapping << 1 | location->is_folded);
    hash = sp_hash_word(hash, location->address);
    for (uint32_t i = 0; i < location->n_lines; i++)
        hash = sp_hash_word(sp_hash_word(hash, lines[i].function), (uint64_t)lines[i].line);
    return hash;
}

/* pprof tells lines apart by function and line, and by the column of the last one: in its key, others are overwritten.
 */
static bool are_same_lines(const struct sp_line *a, const struct sp_line *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i].function != b[i].function || a[i].line != b[i].line)
            return false;
    return n == 0 || a[n - 1].column == b[n - 1].column;
}

/* All addresses are those of the merged mapping already, so comparing them compares offsets in it. */
static uint32_t find_or_add_location(struct sp_merger *merger, const struct sp_location *wanted, uint64_t hash)
{
    struct sp_profile *merged = merger->merged;
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(merger->indexes.locations, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(merger->indexes.locations, &probe)) {
        const struct sp_location *known = &merged->locations.at[i];
        if (known->mapping == wanted->mapping && known->address == wanted->address &&
            known->is_folded == wanted->is_folded && known->n_lines == wanted->n_lines &&
            are_same_lines(merged->lines.at + known->first_line, merger->lines, wanted->n_lines))
            return i;
    }
    sp_profile_index_put(merged, merger->indexes.locations, hash, merged->locations.n);
    return sp_profile_add_location(merged, wanted, merger->lines, wanted->n_lines);
}

/* The location at a position of the source as it is to be in the merged profile; its lines go to merger->lines. */
static struct sp_location map_location(struct sp_merger *merger, uint32_t position)
{
    struct sp_location wanted = merger->source->locations.at[position];
    const struct mapped mapping = map_mapping(merger, wanted.mapping);
    wanted.mapping = mapping.mapping;
    wanted.address += mapping.displacement;
    for (uint32_t i = 0; i < wanted.n_lines; i++) {
        merger->lines[i] = merger->source->lines.at[wanted.first_line + i];
        merger->lines[i].function = map_function(merger, merger->lines[i].function);
    }
    return wanted;
}

void sp_merger_first_mapping(struct sp_merger *merger)
{
    map_mapping(merger, 0);
}

void sp_merger_need_location(struct sp_merger *merger, uint32_t position)
{
    struct sp_merge_batch *batch = &merger->batch;
    __builtin_prefetch(&merger->source->locations.at[position]);
    merger->maps.locations[position] = 0; /* until it is known; so that it is needed once */
    batch->needed[batch->n_needed++].position = position;
}

static void prefetch_lines(const struct sp_profile *profile, uint32_t position)
{
    const struct sp_location *location = &profile->locations.at[position];
    if (location->n_lines > 0)
        __builtin_prefetch(&profile->lines.at[location->first_line]);
}

void sp_merger_prefetch_needed(const struct sp_merger *merger)
{
    for (size_t i = 0; i < merger->batch.n_needed; i++)
        prefetch_lines(merger->source, merger->batch.needed[i].position);
}

void sp_merger_hash_needed(struct sp_merger *merger, struct sp_needed_location *needed)
{
    const struct sp_location wanted = map_location(merger, needed->position);
    needed->hash = location_hash(&wanted, merger->lines);
    sp_index_prefetch(merger->indexes.locations, needed->hash);
}

/* Begins to load the locations that are likely the equal ones; then their lines. */
static void prefetch_equals(struct sp_merger *merger)
{
    const struct sp_profile *merged = merger->merged;
    const struct sp_merge_batch *batch = &merger->batch;
    struct sp_probe probe;
    for (size_t i = 0; i < batch->n_needed; i++) {
        const uint32_t likely = sp_index_first(merger->indexes.locations, batch->needed[i].hash, &probe);
        batch->needed[i].likely = likely;
        if (likely != SP_INDEX_NONE)
            __builtin_prefetch(&merged->locations.at[likely]);
    }
    for (size_t i = 0; i < batch->n_needed; i++)
        if (batch->needed[i].likely != SP_INDEX_NONE)
            prefetch_lines(merged, batch->needed[i].likely);
}

void sp_merger_take_needed(struct sp_merger *merger)
{
    const struct sp_merge_batch *batch = &merger->batch;
    prefetch_equals(merger);
    for (size_t i = 0; i < batch->n_needed; i++) {
        const struct sp_location wanted = map_location(merger, batch->needed[i].position);
        merger->maps.locations[batch->needed[i].position] =
            find_or_add_location(merger, &wanted, batch->needed[i].hash);
    }
}
