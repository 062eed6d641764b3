/*
 * Reads the parts of a profile.proto that samples refer to: mappings, functions and locations.
 *
 * Place on the way of a sample: file → *this* → profile; see pprof_read.c.
 * Context: ordinary code.
 */
#include "formats/pprof_decoder.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

bool sp_pprof_may_take(struct pprof_decoder *decoder, size_t bytes)
{
    const struct sp_profile *profile = decoder->profile;
    const size_t taken = profile->memory_bytes + decoder->scratch_bytes;
    if (taken > profile->memory_limit || bytes > profile->memory_limit - taken) {
        decoder->error = -EFBIG;
        return false;
    }
    decoder->scratch_bytes += bytes;
    return true;
}

bool sp_pprof_grow(struct pprof_decoder *decoder, void **at, size_t *capacity, size_t item_bytes)
{
    size_t larger = *capacity ? *capacity * 2 : FIRST_CAPACITY;
    if (!sp_pprof_may_take(decoder, (larger - *capacity) * item_bytes))
        return false;
    void *moved = realloc(*at, larger * item_bytes);
    if (!moved) {
        decoder->error = -ENOMEM;
        return false;
    }
    *at = moved;
    *capacity = larger;
    return true;
}

void sp_pprof_fail(struct pprof_decoder *decoder, size_t position, const char *error)
{
    sp_reader_fail(&decoder->file, position, error);
}

uint32_t sp_pprof_string(struct pprof_decoder *decoder, struct sp_reader *message, const struct sp_field *field)
{
    uint64_t index = sp_reader_number(message, field);
    if (index < decoder->strings.n)
        return decoder->strings.at[index];
    sp_reader_fail(message, field->position, "a string index is out of range");
    return 0;
}

/* What is wrong with an id, by what has it. */
struct id_errors {
    const char *missing, *doubled;
};
#define ID_ERRORS(thing)                                                      \
    {                                                                         \
        "a " thing "'s id is 0 or missing", "two " thing "s have the same id" \
    }
static const struct id_errors mapping_errors = ID_ERRORS("mapping"), function_errors = ID_ERRORS("function"),
                              location_errors = ID_ERRORS("location");

/* Gives the thing that was read at `position` its id. */
static void put_id(struct pprof_decoder *decoder, struct sp_id_map *map, const struct id_errors *errors, uint64_t id,
                   uint32_t index, size_t position)
{
    if (id == 0) {
        sp_pprof_fail(decoder, position, errors->missing);
        return;
    }
    int error = sp_id_map_put(map, id, index);
    if (error == -EEXIST)
        sp_pprof_fail(decoder, position, errors->doubled);
    else if (error)
        decoder->error = error;
}

void sp_pprof_read_mapping(struct pprof_decoder *decoder, struct sp_reader message, size_t position)
{
    struct sp_mapping mapping = {0};
    uint64_t id = 0;
    struct sp_field field;
    while (sp_pprof_next(decoder, &message, &field)) {
        switch (field.number) {
        case MAPPING_ID:
            id = sp_reader_number(&message, &field);
            break;
        case MAPPING_START:
            mapping.start = sp_reader_number(&message, &field);
            break;
        case MAPPING_LIMIT:
            mapping.limit = sp_reader_number(&message, &field);
            break;
        case MAPPING_OFFSET:
            mapping.file_offset = sp_reader_number(&message, &field);
            break;
        case MAPPING_FILE:
            mapping.file = sp_pprof_string(decoder, &message, &field);
            break;
        case MAPPING_BUILD_ID:
            mapping.build_id = sp_pprof_string(decoder, &message, &field);
            break;
        case MAPPING_HAS_FUNCTIONS:
            mapping.has_functions = sp_reader_number(&message, &field) != 0;
            break;
        case MAPPING_HAS_FILENAMES:
            mapping.has_filenames = sp_reader_number(&message, &field) != 0;
            break;
        case MAPPING_HAS_LINE_NUMBERS:
            mapping.has_line_numbers = sp_reader_number(&message, &field) != 0;
            break;
        case MAPPING_HAS_INLINE_FRAMES:
            mapping.has_inline_frames = sp_reader_number(&message, &field) != 0;
            break;
        }
    }
    put_id(decoder, &decoder->mappings, &mapping_errors, id, sp_profile_add_mapping(decoder->profile, &mapping),
           position);
}

void sp_pprof_read_function(struct pprof_decoder *decoder, struct sp_reader message, size_t position)
{
    struct sp_function function = {0};
    uint64_t id = 0;
    struct sp_field field;
    while (sp_pprof_next(decoder, &message, &field)) {
        switch (field.number) {
        case FUNCTION_ID:
            id = sp_reader_number(&message, &field);
            break;
        case FUNCTION_NAME:
            function.name = sp_pprof_string(decoder, &message, &field);
            break;
        case FUNCTION_SYSTEM_NAME:
            function.system_name = sp_pprof_string(decoder, &message, &field);
            break;
        case FUNCTION_FILENAME:
            function.filename = sp_pprof_string(decoder, &message, &field);
            break;
        case FUNCTION_START_LINE:
            function.start_line = (int64_t)sp_reader_number(&message, &field);
            break;
        }
    }
    put_id(decoder, &decoder->functions, &function_errors, id, sp_profile_append_function(decoder->profile, &function),
           position);
}

static void read_line(struct pprof_decoder *decoder, struct sp_reader message, size_t position)
{
    struct sp_line line = {.function = SP_NONE};
    struct sp_field field;
    while (sp_pprof_next(decoder, &message, &field)) {
        uint64_t number = field.number <= LINE_COLUMN ? sp_reader_number(&message, &field) : 0;
        if (field.number == LINE_FUNCTION_ID)
            line.function = sp_id_map_get(&decoder->functions, number);
        else if (field.number == LINE_LINE)
            line.line = (int64_t)number;
        else if (field.number == LINE_COLUMN)
            line.column = (int64_t)number;
    }
    if (line.function == SP_ID_NONE)
        sp_pprof_fail(decoder, position, "a location's line refers to no function that exists");
    PPROF_PUSH(decoder, decoder->lines, line);
}

void sp_pprof_read_location(struct pprof_decoder *decoder, struct sp_reader message, size_t position)
{
    struct sp_location location = {.mapping = SP_NONE};
    uint64_t id = 0;
    struct sp_field field;
    decoder->lines.n = 0;
    while (sp_pprof_next(decoder, &message, &field)) {
        switch (field.number) {
        case LOCATION_ID:
            id = sp_reader_number(&message, &field);
            break;
        case LOCATION_MAPPING_ID:
            location.mapping = sp_id_map_get(&decoder->mappings, sp_reader_number(&message, &field));
            break;
        case LOCATION_ADDRESS:
            location.address = sp_reader_number(&message, &field);
            break;
        case LOCATION_LINE:
            read_line(decoder, sp_reader_message(&message, &field), field.position);
            break;
        case LOCATION_IS_FOLDED:
            location.is_folded = sp_reader_number(&message, &field) != 0;
            break;
        }
    }
    uint32_t index =
        sp_profile_add_location(decoder->profile, &location, decoder->lines.at, (uint32_t)decoder->lines.n);
    put_id(decoder, &decoder->locations, &location_errors, id, index, position);
}
