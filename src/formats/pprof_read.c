/*
 * Reads a profile.proto.
 *
 * Place on the way of a sample: file → *this* → profile.
 *
 * The fields of a profile may come in any order, and what refers often comes before what is referred to. So the first
 * pass over the file keeps the strings and counts the rest, and remembers between which bytes each kind of message
 * stands; the later passes read one kind each, in the order in which they refer to each other. Usual files have each
 * kind in one piece, so every byte is still visited about once.
 *
 * What is refused is what google/pprof refuses too: ids that are 0 or there twice, references to locations, functions
 * and strings that do not exist, a number of values other than that of the sample types, a string table that does not
 * begin with "". A location's mapping that does not exist counts as none, as there.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/bytes.h"
#include "formats/gzip.h"
#include "formats/pprof_decoder.h"

static void read_string(struct pprof_decoder *decoder, struct sp_reader *file, const struct sp_field *field)
{
    struct sp_reader bytes = sp_reader_message(file, field);
    size_t length = sp_reader_left(&bytes);
    if (decoder->strings.n == 0 && length != 0)
        sp_reader_fail(file, field->position, "string 0 is not empty");
    uint32_t index = sp_profile_string_n(decoder->profile, (const char *)bytes.at, length);
    PPROF_PUSH(decoder, decoder->strings, index);
}

static void count_field(struct pprof_decoder *decoder, const struct sp_field *field, size_t end)
{
    const unsigned kind = sp_pprof_kind(field->number);
    if (kind == PPROF_N_KINDS)
        return;
    struct pprof_extent *extent = &decoder->kinds[kind];
    if (extent->n++ == 0)
        extent->first = field->position;
    extent->end = end;
}

static void read_strings_and_count(struct pprof_decoder *decoder)
{
    struct sp_reader *file = &decoder->file, start = *file;
    struct sp_field field;
    while (!decoder->error && !decoder->profile->error && sp_reader_field(file, &field)) {
        count_field(decoder, &field, sp_reader_position(file));
        if (field.number == PPROF_STRING)
            read_string(decoder, file, &field);
    }
    if (decoder->strings.n == 0)
        sp_pprof_fail(decoder, sp_reader_position(file), "there is no string table");
    if (!file->error)
        *file = start;
}

static struct sp_value_type read_value_type(struct pprof_decoder *decoder, struct sp_reader message)
{
    struct sp_value_type type = {0};
    struct sp_field field;
    while (sp_pprof_next(decoder, &message, &field)) {
        if (field.number == VALUE_TYPE_TYPE)
            type.type = sp_pprof_string(decoder, &message, &field);
        else if (field.number == VALUE_TYPE_UNIT)
            type.unit = sp_pprof_string(decoder, &message, &field);
    }
    return type;
}

static void read_sample_type(struct pprof_decoder *decoder, struct sp_reader message, size_t position)
{
    (void)position;
    struct sp_value_type type = read_value_type(decoder, message);
    sp_profile_add_sample_type(decoder->profile, sp_profile_text(decoder->profile, type.type),
                               sp_profile_text(decoder->profile, type.unit));
}

static void read_comments(struct pprof_decoder *decoder, const struct sp_field *field)
{
    struct sp_profile *profile = decoder->profile;
    struct sp_reader *file = &decoder->file;
    if (field->wire != SP_WIRE_BYTES) {
        sp_profile_add_comment(profile, sp_profile_text(profile, sp_pprof_string(decoder, file, field)));
        return;
    }
    struct sp_reader packed = field->bytes;
    struct sp_field item = {.wire = SP_WIRE_VARINT, .position = field->position};
    while (sp_reader_left(&packed) && !file->error && !profile->error) {
        item.value = sp_reader_varint(&packed);
        sp_profile_add_comment(profile, sp_profile_text(profile, sp_pprof_string(decoder, file, &item)));
    }
    sp_reader_adopt(file, &packed);
}

static void read_time(struct pprof_decoder *decoder, const struct sp_field *field)
{
    if (decoder->profile->time_ns != 0)
        sp_pprof_fail(decoder, field->position, "a second profile begins (the file is several profiles in a row)");
    decoder->profile->time_ns = (int64_t)sp_reader_number(&decoder->file, field);
}

static void read_header_field(struct pprof_decoder *decoder, const struct sp_field *field)
{
    struct sp_profile *profile = decoder->profile;
    struct sp_reader *file = &decoder->file;
    switch (field->number) {
    case PPROF_DROP_FRAMES:
        profile->drop_frames = sp_pprof_string(decoder, file, field);
        break;
    case PPROF_KEEP_FRAMES:
        profile->keep_frames = sp_pprof_string(decoder, file, field);
        break;
    case PPROF_TIME_NANOS:
        read_time(decoder, field);
        break;
    case PPROF_DURATION_NANOS:
        profile->duration_ns = (int64_t)sp_reader_number(file, field);
        break;
    case PPROF_PERIOD_TYPE:
        profile->period_type = read_value_type(decoder, sp_reader_message(file, field));
        break;
    case PPROF_PERIOD:
        profile->period = (int64_t)sp_reader_number(file, field);
        break;
    case PPROF_COMMENT:
        read_comments(decoder, field);
        break;
    case PPROF_DEFAULT_SAMPLE_TYPE:
        profile->default_sample_type = sp_pprof_string(decoder, file, field);
        break;
    case PPROF_DOC_URL:
        profile->doc_url = sp_pprof_string(decoder, file, field);
        break;
    }
}

static bool may_go_on(const struct pprof_decoder *decoder)
{
    return !decoder->file.error && !decoder->error && !decoder->profile->error;
}

/* A reader of the bytes between which all messages of a kind stand. */
static struct sp_reader extent_of(const struct pprof_decoder *decoder, unsigned kind)
{
    struct sp_reader extent = decoder->file;
    extent.end = extent.base + decoder->kinds[kind].end;
    extent.at = extent.base + decoder->kinds[kind].first;
    return extent;
}

/* Reads all messages of one kind. The first pass has walked these fields already, so they are well-formed. */
static void read_kind(struct pprof_decoder *decoder, unsigned kind,
                      void (*read)(struct pprof_decoder *, struct sp_reader message, size_t position))
{
    struct sp_reader extent = extent_of(decoder, kind);
    struct sp_field field;
    while (may_go_on(decoder) && sp_reader_field(&extent, &field)) {
        if (sp_pprof_kind(field.number) == kind)
            read(decoder, sp_reader_message(&decoder->file, &field), field.position);
    }
}

static void read_header(struct pprof_decoder *decoder)
{
    for (unsigned kind = PPROF_DROP_FRAMES; kind <= PPROF_DOC_URL; kind++) {
        struct sp_reader extent = extent_of(decoder, kind);
        struct sp_field field;
        while (may_go_on(decoder) && sp_reader_field(&extent, &field)) {
            if (field.number == kind)
                read_header_field(decoder, &field);
        }
    }
}

/* Makes room for the ids of all messages of a kind. */
static void prepare_ids_of(struct pprof_decoder *decoder, struct sp_id_map *map, size_t n)
{
    if (may_go_on(decoder) && sp_pprof_may_take(decoder, n * sizeof(*map->dense)) && sp_id_map_init(map, n) != 0)
        decoder->error = -ENOMEM;
}

static void prepare_ids(struct pprof_decoder *decoder)
{
    prepare_ids_of(decoder, &decoder->mappings, decoder->kinds[PPROF_MAPPING].n);
    prepare_ids_of(decoder, &decoder->functions, decoder->kinds[PPROF_FUNCTION].n);
    prepare_ids_of(decoder, &decoder->locations, decoder->kinds[PPROF_LOCATION].n);
}

static void read_all(struct pprof_decoder *decoder)
{
    read_strings_and_count(decoder);
    prepare_ids(decoder);
    read_header(decoder);
    read_kind(decoder, PPROF_SAMPLE_TYPE, read_sample_type);
    read_kind(decoder, PPROF_MAPPING, sp_pprof_read_mapping);
    read_kind(decoder, PPROF_FUNCTION, sp_pprof_read_function);
    read_kind(decoder, PPROF_LOCATION, sp_pprof_read_location);
    read_kind(decoder, PPROF_SAMPLE, sp_pprof_read_sample);
    read_kind(decoder, PPROF_KIND_FACT, sp_pprof_read_fact);
    read_kind(decoder, PPROF_KIND_ACCOUNT, sp_pprof_read_account);
}

static void decoder_done(struct pprof_decoder *decoder)
{
    sp_id_map_done(&decoder->mappings);
    sp_id_map_done(&decoder->functions);
    sp_id_map_done(&decoder->locations);
    free(decoder->strings.at);
    free(decoder->stack.at);
    free(decoder->labels.at);
    free(decoder->values.at);
    free(decoder->lines.at);
}

/* What the attempt came to: 0, or an error and its sentence. */
static int result_of(const struct pprof_decoder *decoder, char *why, size_t why_size)
{
    int memory_error = decoder->error ? decoder->error : decoder->profile->error;
    if (decoder->file.error) {
        snprintf(why, why_size, "%s (at byte %zu of the uncompressed profile)", decoder->file.error,
                 decoder->file.error_at);
        return -EINVAL;
    }
    if (memory_error == -EFBIG)
        snprintf(why, why_size, "it takes more than %zu bytes of memory, which is the limit",
                 decoder->profile->memory_limit);
    else if (memory_error)
        snprintf(why, why_size, "there is not enough memory to read it");
    return memory_error;
}

static int read_plain(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                      size_t why_size)
{
    struct pprof_decoder decoder = {.profile = sp_profile_new()};
    if (!decoder.profile) {
        snprintf(why, why_size, "there is not enough memory to read it");
        return -ENOMEM;
    }
    decoder.profile->memory_limit = memory_limit;
    sp_reader_init(&decoder.file, data, size);
    if (size == 0)
        sp_pprof_fail(&decoder, 0, "the profile is empty");
    read_all(&decoder);
    int error = result_of(&decoder, why, why_size);
    decoder_done(&decoder);
    if (error) {
        sp_profile_free(decoder.profile);
        return error;
    }
    decoder.profile->memory_limit = SIZE_MAX;
    *profile = decoder.profile;
    return 0;
}

int sp_pprof_read(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                  size_t why_size)
{
    if (!sp_is_gzip(data, size))
        return read_plain(data, size, memory_limit, profile, why, why_size);
    struct sp_bytes plain = {0};
    int error = sp_gunzip(data, size, memory_limit, &plain, why, why_size);
    if (!error)
        error = read_plain(plain.at, plain.n, memory_limit, profile, why, why_size);
    sp_bytes_done(&plain);
    return error;
}
