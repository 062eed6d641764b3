/*
 * The pprof format's entry in the table of formats, and how its files are told from others.
 * Context: ordinary code.
 */
#include "formats/pprof.h"

#include "formats/gzip.h"
#include "util/reader.h"

/* Whether `field`, the first one of a file, can stand in a profile.proto. */
static bool is_profile_field(const struct sp_field *field) {
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

static bool looks_like_pprof(const uint8_t *data, size_t size) {
    if (sp_is_gzip(data, size))
        return true;
    struct sp_reader reader;
    struct sp_field field;
    sp_reader_init(&reader, data, size);
    return sp_reader_field(&reader, &field) && is_profile_field(&field);
}

const struct sp_format sp_format_pprof = {
    .name = "pprof",
    .description = "profile.proto in gzip, as go tool pprof and most other tools read it",
    .looks_like = looks_like_pprof,
    .read = sp_pprof_read,
    .write = sp_pprof_write,
};
