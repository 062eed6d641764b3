/*
 * Reads the samples of a profile.proto: stacks, values and labels.
 *
 * Place on the way of a sample: file → *this* → profile; see pprof_read.c.
 * Context: ordinary code.
 */
#include "formats/pprof_decoder.h"

static void read_label(struct pprof_decoder *decoder, struct sp_reader message)
{
    struct sp_label label = {0};
    struct sp_field field;
    while (sp_pprof_next(decoder, &message, &field)) {
        switch (field.number) {
        case LABEL_KEY:
            label.key = sp_pprof_string(decoder, &message, &field);
            break;
        case LABEL_STR:
            label.str = sp_pprof_string(decoder, &message, &field);
            break;
        case LABEL_NUM:
            label.num = (int64_t)sp_reader_number(&message, &field);
            break;
        case LABEL_UNIT:
            label.unit = sp_pprof_string(decoder, &message, &field);
            break;
        }
    }
    PPROF_PUSH(decoder, decoder->labels, label);
}

/* The location of that id; SP_ID_NONE, and then the file is refused, when there is none. */
static uint32_t find_location(struct pprof_decoder *decoder, uint64_t id, size_t position)
{
    uint32_t location = sp_id_map_get(&decoder->locations, id);
    if (location == SP_ID_NONE)
        sp_pprof_fail(decoder, position, "a sample refers to a location that does not exist");
    return location;
}

/* One number, or a packed list of them: most of a file is these, so there is room for all before the first is read. */
static void read_frames(struct pprof_decoder *decoder, struct sp_reader *message, const struct sp_field *field)
{
    if (field->wire != SP_WIRE_BYTES) {
        PPROF_PUSH(decoder, decoder->stack, find_location(decoder, sp_reader_number(message, field), field->position));
        return;
    }
    struct sp_reader packed = field->bytes;
    PPROF_RESERVE(decoder, decoder->stack, sp_reader_left(&packed));
    if (decoder->error || sp_reader_left(&packed) == 0)
        return;
    uint32_t *to = decoder->stack.at + decoder->stack.n, location = 0;
    while (sp_reader_left(&packed) && location != SP_ID_NONE) {
        uint64_t id = sp_reader_varint(&packed);
        if (!packed.error)
            *to++ = location = find_location(decoder, id, field->position);
    }
    decoder->stack.n = (size_t)(to - decoder->stack.at);
    sp_reader_adopt(message, &packed);
}

static void read_values(struct pprof_decoder *decoder, struct sp_reader *message, const struct sp_field *field)
{
    if (field->wire != SP_WIRE_BYTES) {
        PPROF_PUSH(decoder, decoder->values, (int64_t)sp_reader_number(message, field));
        return;
    }
    struct sp_reader packed = field->bytes;
    while (sp_reader_left(&packed))
        PPROF_PUSH(decoder, decoder->values, (int64_t)sp_reader_varint(&packed));
    sp_reader_adopt(message, &packed);
}

void sp_pprof_read_sample(struct pprof_decoder *decoder, struct sp_reader message, size_t position)
{
    struct sp_field field;
    decoder->stack.n = decoder->labels.n = decoder->values.n = 0;
    while (sp_pprof_next(decoder, &message, &field)) {
        if (field.number == SAMPLE_LOCATION_ID)
            read_frames(decoder, &message, &field);
        else if (field.number == SAMPLE_VALUE)
            read_values(decoder, &message, &field);
        else if (field.number == SAMPLE_LABEL)
            read_label(decoder, sp_reader_message(&message, &field));
    }
    if (decoder->values.n != decoder->profile->sample_types.n || decoder->values.n == 0)
        sp_pprof_fail(decoder, position, "a sample's number of values is not that of the sample types");
    if (!decoder->file.error && !decoder->error)
        sp_profile_append_sample(decoder->profile, decoder->stack.at, (uint32_t)decoder->stack.n, decoder->labels.at,
                                 (uint32_t)decoder->labels.n, decoder->values.at);
}
