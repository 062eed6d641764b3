/*
 * The pprof format's entry in the table of formats, and how its files are told from others.
 * Context: ordinary code.
 */
#include "formats/pprof.h"

#include "formats/gzip.h"
#include "formats/is_text.h"
#include "util/reader.h"

enum { FIELDS_TO_LOOK_AT = 8 };

/* Whether `field`, one of the first of a file, can stand in a profile.proto. */
static bool is_profile_field(const struct sp_field *field)
{
    switch (field->number) {
    case PPROF_SAMPLE_TYPE:
    case PPROF_SAMPLE:
    case PPROF_MAPPING:
    case PPROF_LOCATION:
    case PPROF_FUNCTION:
    case PPROF_STRING:
    case PPROF_PERIOD_TYPE:
        return field->wire == SP_WIRE_BYTES;
    case PPROF_DROP_FRAMES:
    case PPROF_KEEP_FRAMES:
    case PPROF_TIME_NANOS:
    case PPROF_DURATION_NANOS:
    case PPROF_PERIOD:
    case PPROF_DEFAULT_SAMPLE_TYPE:
    case PPROF_DOC_URL:
        return field->wire == SP_WIRE_VARINT;
    case PPROF_COMMENT:
        return field->wire == SP_WIRE_VARINT || field->wire == SP_WIRE_BYTES;
    default:
        return false;
    }
}

/*
 * Whether the first fields are those of a profile. Text can pass for a field or two, so it is none. A file that is cut
 * off has an error early, but begins with a message or a string all the same; its reader then says where it is cut.
 */
static bool looks_like_pprof(const uint8_t *data, size_t size)
{
    if (sp_is_gzip(data, size))
        return true;
    if (sp_is_text(data, size))
        return false;
    struct sp_reader reader;
    struct sp_field field;
    unsigned n_fields = 0, n_messages = 0;
    sp_reader_init(&reader, data, size);
    for (; n_fields < FIELDS_TO_LOOK_AT && sp_reader_field(&reader, &field); n_fields++) {
        if (!is_profile_field(&field) && (n_fields == 0 || field.number <= PPROF_DOC_URL))
            return false;
        n_messages += field.wire == SP_WIRE_BYTES;
    }
    return n_fields > 0 && (n_messages > 0 || !reader.error);
}

const struct sp_format sp_format_pprof = {
    .name = "pprof",
    .description = "profile.proto in gzip, as go tool pprof and most other tools read it",
    .suffixes = ".pb.gz .pprof",
    .is_binary = true,
    .has_names = true,
    .looks_like = looks_like_pprof,
    .read = sp_pprof_read,
    .write = sp_pprof_write,
};

/* pprof's reader is this one's, too. */
const struct sp_format sp_format_proto = {
    .name = "proto",
    .description = "profile.proto, not compressed",
    .suffixes = ".pb .proto",
    .is_binary = true,
    .has_names = true,
    .write = sp_pprof_write_plain,
};
