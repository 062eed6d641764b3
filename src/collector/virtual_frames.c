/*
 * Reading the functions of interpreters, and making locations of them.
 *
 * Place and context: see virtual_frames.h.
 */
#include "collector/virtual_frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/grow.h"
#include "util/hash.h"

#define UNKNOWN_FUNCTION "[unknown function]"

/* An entry of the segment's, copied. False: it makes no sense. */
static bool read_entry(const struct sp_segment *segment, uint64_t at, uint64_t used, struct sp_function_name *head,
                       char texts[2 * SP_NAME_BYTES])
{
    const char *names = sp_segment_names(segment);
    if (used - at < sizeof *head)
        return false;
    memcpy(head, names + at, sizeof *head);
    const uint64_t texts_bytes = (uint64_t)head->name_bytes + head->file_bytes;
    if (head->name_bytes >= SP_NAME_BYTES || head->file_bytes >= SP_NAME_BYTES || head->bytes % 8 != 0 ||
        head->bytes > used - at || head->bytes < sizeof *head + texts_bytes)
        return false;
    memcpy(texts, names + at + sizeof *head, texts_bytes);
    return true;
}

/* What has been made known since the last time. Entries do not change, so none is read twice. */
static void read_names(struct sp_virtual_functions *functions, const struct sp_segment *segment,
                       struct sp_profile *profile)
{
    char texts[2 * SP_NAME_BYTES];
    struct sp_function_name head;
    const uint64_t used = sp_load_acquire(&segment->header->names_used);
    while (!functions->is_damaged && functions->bytes < used) {
        if (used > SP_NAMES_BYTES || !read_entry(segment, functions->bytes, used, &head, texts)) {
            functions->is_damaged = true;
            return;
        }
        const uint32_t name = sp_profile_string_n(profile, texts, head.name_bytes);
        const struct sp_function function = {
            .name = name,
            .system_name = name,
            .filename = sp_profile_string_n(profile, texts + head.name_bytes, head.file_bytes),
            .start_line = head.start_line,
        };
        const uint32_t index = sp_profile_function(profile, &function);
        if (!SP_RESERVE(profile, functions->known, 1))
            return;
        functions->known.at[functions->known.n++] = index;
        functions->bytes += head.bytes;
    }
}

static uint32_t find_function(struct sp_virtual_functions *functions, const struct sp_segment *segment,
                              struct sp_profile *profile, uint32_t number)
{
    if (number > functions->known.n)
        read_names(functions, segment, profile);
    if (number >= 1 && number <= functions->known.n)
        return functions->known.at[number - 1];
    const uint32_t name = sp_profile_string(profile, UNKNOWN_FUNCTION);
    return sp_profile_function(profile, &(struct sp_function){.name = name, .system_name = name});
}

static uint32_t add_location(struct sp_virtual_locations *locations, struct sp_profile *profile, uint64_t hash,
                             uint32_t function, uint32_t number)
{
    const struct sp_line line = {.function = function, .line = number};
    const struct sp_location location = {.mapping = SP_NONE};
    if (!SP_RESERVE(profile, locations->known, 1))
        return SP_NONE;
    if (sp_index_put(locations->index, hash, (uint32_t)locations->known.n) != 0) {
        sp_profile_fail(profile, -ENOMEM);
        return SP_NONE;
    }
    const uint32_t made = sp_profile_add_location(profile, &location, &line, 1);
    locations->known.at[locations->known.n++] =
        (struct sp_virtual_location){.function = function, .line = number, .location = made};
    return made;
}

uint32_t sp_virtual_location(struct sp_virtual_locations *locations, struct sp_virtual_functions *functions,
                             const struct sp_segment *segment, struct sp_profile *profile, uint64_t word)
{
    const uint32_t line = (uint32_t)word;
    const uint32_t function = find_function(functions, segment, profile, (uint32_t)(word >> 32) & SP_VIRTUAL_FUNCTIONS);
    const uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)function << 32 | line);
    struct sp_probe probe;
    if (locations->index == NULL && (locations->index = sp_index_new()) == NULL) {
        sp_profile_fail(profile, -ENOMEM);
        return SP_NONE;
    }
    for (uint32_t i = sp_index_first(locations->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(locations->index, &probe))
        if (locations->known.at[i].function == function && locations->known.at[i].line == line)
            return locations->known.at[i].location;
    return add_location(locations, profile, hash, function, line);
}

void sp_virtual_functions_done(struct sp_virtual_functions *functions)
{
    free(functions->known.at);
}

void sp_virtual_locations_done(struct sp_virtual_locations *locations)
{
    free(locations->known.at);
    sp_index_free(locations->index);
}
