/*
 * Writes a profile as profile.proto.
 *
 * Place on the way of a sample: profile → *this* → file. The ids are positions + 1, the string table is the profile's
 * own (each string once, the first one ""), fields that are zero are left out, and lists of numbers are packed.
 *
 * Representation: a message stands behind its length, so its fields are first collected in a scratch block.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/gzip.h"
#include "formats/pprof.h"
#include "util/reader.h"

/* What the output goes to, and the scratch blocks of messages in it and of those within those. */
struct writer {
    const struct sp_profile *profile;
    struct sp_bytes *out;
    struct sp_bytes message, inner;
};

static void put_key(struct sp_bytes *to, unsigned number, enum sp_wire wire)
{
    sp_bytes_put_varint(to, number << 3 | (unsigned)wire);
}

static void put_number(struct sp_bytes *to, unsigned number, uint64_t value)
{
    if (value == 0)
        return;
    put_key(to, number, SP_WIRE_VARINT);
    sp_bytes_put_varint(to, value);
}

static void put_bytes(struct sp_bytes *to, unsigned number, const void *data, size_t n)
{
    put_key(to, number, SP_WIRE_BYTES);
    sp_bytes_put_varint(to, n);
    sp_bytes_put(to, data, n);
}

/* Appends the scratch block as a field, and empties it. */
static void put_message(struct sp_bytes *to, unsigned number, struct sp_bytes *message)
{
    put_bytes(to, number, message->at, message->n);
    if (message->error)
        to->error = message->error;
    message->n = 0;
}

/* The id of the thing at `position`; 0 is none. */
static uint64_t id_of(uint32_t position)
{
    return position == SP_NONE ? 0 : (uint64_t)position + 1;
}

static void write_value_type(struct writer *writer, unsigned number, const struct sp_value_type *type)
{
    put_number(&writer->message, VALUE_TYPE_TYPE, type->type);
    put_number(&writer->message, VALUE_TYPE_UNIT, type->unit);
    put_message(writer->out, number, &writer->message);
}

static void write_stack(struct writer *writer, const struct sp_sample *sample)
{
    if (sample->n_locations == 0)
        return;
    const uint32_t *locations = writer->profile->sample_locations.at + sample->first_location;
    if (sp_bytes_reserve(&writer->inner, (size_t)sample->n_locations * SP_LONGEST_VARINT)) {
        uint8_t *at = writer->inner.at;
        for (uint32_t i = 0; i < sample->n_locations; i++)
            at = sp_varint(at, id_of(locations[i]));
        writer->inner.n = (size_t)(at - writer->inner.at);
    }
    put_message(&writer->message, SAMPLE_LOCATION_ID, &writer->inner);
}

static void write_label(struct writer *writer, const struct sp_label *label)
{
    put_number(&writer->inner, LABEL_KEY, label->key);
    put_number(&writer->inner, LABEL_STR, label->str);
    if (label->str == 0) {
        put_number(&writer->inner, LABEL_NUM, (uint64_t)label->num);
        put_number(&writer->inner, LABEL_UNIT, label->unit);
    }
    put_message(&writer->message, SAMPLE_LABEL, &writer->inner);
}

static void write_sample(struct writer *writer, size_t i)
{
    const struct sp_profile *profile = writer->profile;
    const struct sp_sample *sample = &profile->samples.at[i];
    write_stack(writer, sample);
    for (size_t v = 0; v < profile->sample_types.n; v++)
        sp_bytes_put_varint(&writer->inner, (uint64_t)profile->values.at[i * profile->sample_types.n + v]);
    put_message(&writer->message, SAMPLE_VALUE, &writer->inner);
    for (uint32_t label = 0; label < sample->n_labels; label++)
        write_label(writer, &profile->labels.at[sample->first_label + label]);
    put_message(writer->out, PPROF_SAMPLE, &writer->message);
}

static void write_mapping(struct writer *writer, uint32_t i)
{
    const struct sp_mapping *mapping = &writer->profile->mappings.at[i];
    put_number(&writer->message, MAPPING_ID, id_of(i));
    put_number(&writer->message, MAPPING_START, mapping->start);
    put_number(&writer->message, MAPPING_LIMIT, mapping->limit);
    put_number(&writer->message, MAPPING_OFFSET, mapping->file_offset);
    put_number(&writer->message, MAPPING_FILE, mapping->file);
    put_number(&writer->message, MAPPING_BUILD_ID, mapping->build_id);
    put_number(&writer->message, MAPPING_HAS_FUNCTIONS, mapping->has_functions);
    put_number(&writer->message, MAPPING_HAS_FILENAMES, mapping->has_filenames);
    put_number(&writer->message, MAPPING_HAS_LINE_NUMBERS, mapping->has_line_numbers);
    put_number(&writer->message, MAPPING_HAS_INLINE_FRAMES, mapping->has_inline_frames);
    put_message(writer->out, PPROF_MAPPING, &writer->message);
}

/* A line without a function is left out: readers refuse a file that has one. */
static void write_line(struct writer *writer, const struct sp_line *line)
{
    if (line->function == SP_NONE)
        return;
    put_number(&writer->inner, LINE_FUNCTION_ID, id_of(line->function));
    put_number(&writer->inner, LINE_LINE, (uint64_t)line->line);
    put_number(&writer->inner, LINE_COLUMN, (uint64_t)line->column);
    put_message(&writer->message, LOCATION_LINE, &writer->inner);
}

static void write_location(struct writer *writer, uint32_t i)
{
    const struct sp_location *location = &writer->profile->locations.at[i];
    put_number(&writer->message, LOCATION_ID, id_of(i));
    put_number(&writer->message, LOCATION_MAPPING_ID, id_of(location->mapping));
    put_number(&writer->message, LOCATION_ADDRESS, location->address);
    for (uint32_t line = 0; line < location->n_lines; line++)
        write_line(writer, &writer->profile->lines.at[location->first_line + line]);
    put_number(&writer->message, LOCATION_IS_FOLDED, location->is_folded);
    put_message(writer->out, PPROF_LOCATION, &writer->message);
}

static void write_function(struct writer *writer, uint32_t i)
{
    const struct sp_function *function = &writer->profile->functions.at[i];
    put_number(&writer->message, FUNCTION_ID, id_of(i));
    put_number(&writer->message, FUNCTION_NAME, function->name);
    put_number(&writer->message, FUNCTION_SYSTEM_NAME, function->system_name);
    put_number(&writer->message, FUNCTION_FILENAME, function->filename);
    put_number(&writer->message, FUNCTION_START_LINE, (uint64_t)function->start_line);
    put_message(writer->out, PPROF_FUNCTION, &writer->message);
}

static void write_fact(struct writer *writer, const struct sp_fact *fact)
{
    put_number(&writer->message, FACT_KEY, fact->key);
    put_number(&writer->message, FACT_TEXT, fact->text);
    put_number(&writer->message, FACT_VALUE, (uint64_t)fact->value);
    put_message(writer->out, PPROF_FACT, &writer->message);
}

static void write_account(struct writer *writer, const struct sp_account *account)
{
    put_number(&writer->message, ACCOUNT_PID, (uint64_t)account->pid);
    put_number(&writer->message, ACCOUNT_TID, (uint64_t)account->tid);
    put_number(&writer->message, ACCOUNT_N_THREADS, account->n_threads);
    put_number(&writer->message, ACCOUNT_PROCESS, account->process);
    put_number(&writer->message, ACCOUNT_THREAD, account->thread);
    put_number(&writer->message, ACCOUNT_REASON, account->reason);
    put_number(&writer->message, ACCOUNT_KERNEL_NS, (uint64_t)account->kernel_ns);
    put_number(&writer->message, ACCOUNT_RECORDED_NS, (uint64_t)account->recorded_ns);
    put_number(&writer->message, ACCOUNT_UNSAMPLED_NS, (uint64_t)account->unsampled_ns);
    put_message(writer->out, PPROF_ACCOUNT, &writer->message);
}

/* The fields of the profile itself that are not lists of messages. */
static void write_header(struct writer *writer)
{
    const struct sp_profile *profile = writer->profile;
    put_number(writer->out, PPROF_DROP_FRAMES, profile->drop_frames);
    put_number(writer->out, PPROF_KEEP_FRAMES, profile->keep_frames);
    put_number(writer->out, PPROF_TIME_NANOS, (uint64_t)profile->time_ns);
    put_number(writer->out, PPROF_DURATION_NANOS, (uint64_t)profile->duration_ns);
    if (profile->period_type.type || profile->period_type.unit)
        write_value_type(writer, PPROF_PERIOD_TYPE, &profile->period_type);
    put_number(writer->out, PPROF_PERIOD, (uint64_t)profile->period);
    for (size_t i = 0; i < profile->comments.n; i++)
        sp_bytes_put_varint(&writer->message, profile->comments.at[i]);
    if (profile->comments.n)
        put_message(writer->out, PPROF_COMMENT, &writer->message);
    put_number(writer->out, PPROF_DEFAULT_SAMPLE_TYPE, profile->default_sample_type);
    put_number(writer->out, PPROF_DOC_URL, profile->doc_url);
}

static void write_profile(struct writer *writer)
{
    const struct sp_profile *profile = writer->profile;
    for (size_t i = 0; i < profile->sample_types.n; i++)
        write_value_type(writer, PPROF_SAMPLE_TYPE, &profile->sample_types.at[i]);
    for (size_t i = 0; i < profile->samples.n; i++)
        write_sample(writer, i);
    for (uint32_t i = 0; i < profile->mappings.n; i++)
        write_mapping(writer, i);
    for (uint32_t i = 0; i < profile->locations.n; i++)
        write_location(writer, i);
    for (uint32_t i = 0; i < profile->functions.n; i++)
        write_function(writer, i);
    for (size_t i = 0; i < profile->strings.n; i++)
        put_bytes(writer->out, PPROF_STRING, profile->strings.at[i], strlen(profile->strings.at[i]));
    write_header(writer);
    for (size_t i = 0; i < profile->facts.n; i++)
        write_fact(writer, &profile->facts.at[i]);
    for (size_t i = 0; i < profile->accounts.n; i++)
        write_account(writer, &profile->accounts.at[i]);
}

int sp_pprof_write_plain(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out)
{
    (void)options; /* all types are written */
    if (sp_profile_check(profile, NULL, 0) != 0)
        return -EINVAL;
    struct writer writer = {.profile = profile, .out = out};
    write_profile(&writer);
    sp_bytes_done(&writer.message);
    sp_bytes_done(&writer.inner);
    return out->error;
}

int sp_pprof_write(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out)
{
    struct sp_bytes plain = {0};
    int error = sp_pprof_write_plain(profile, options, &plain);
    const bool is_halved = options && options->may_use_threads && plain.n >= SP_GZIP_LARGE_BYTES;
    if (!error)
        error = (is_halved ? sp_gzip_halves : sp_gzip)(plain.at, plain.n, out);
    sp_bytes_done(&plain);
    return error;
}
