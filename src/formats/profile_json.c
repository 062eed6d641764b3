/*
 * Writes a profile as JSON. docs/profile-json.md has the schema: what changes here changes there.
 *
 * Place on the way of a sample: profile → *this* → file. Everything is written as it is met, one noun in a line.
 * Numbers that a reader's doubles would not hold are strings (sp_json_exact), addresses always are.
 *
 * Context: ordinary code.
 */
#include "formats/profile_json.h"

#include <errno.h>

#include "formats/bytes.h"
#include "formats/location_frames.h"
#include "util/json_out.h"

enum { SCHEMA_VERSION = 1 };

struct writer {
    const struct sp_profile *profile;
    struct sp_json json;
};

static void put_text(struct writer *writer, const char *key, uint32_t string)
{
    sp_json_put_string(&writer->json, key, sp_profile_text(writer->profile, string));
}

/* Left out where it is "". */
static void put_text_if_any(struct writer *writer, const char *key, uint32_t string)
{
    if (string != 0)
        put_text(writer, key, string);
}

static void put_number(struct writer *writer, const char *key, int64_t value)
{
    sp_json_key(&writer->json, key);
    sp_json_exact(&writer->json, value);
}

static void put_number_if_any(struct writer *writer, const char *key, int64_t value)
{
    if (value != 0)
        put_number(writer, key, value);
}

static void put_address(struct writer *writer, const char *key, uint64_t value)
{
    sp_json_key(&writer->json, key);
    sp_json_hex(&writer->json, value);
}

/* A position; null for none. */
static void put_index(struct writer *writer, const char *key, uint32_t index)
{
    if (index == SP_NONE)
        sp_json_put_null(&writer->json, key);
    else
        sp_json_put_int(&writer->json, key, index);
}

static void put_flag_if_set(struct writer *writer, const char *key, bool flag)
{
    if (flag)
        sp_json_put_bool(&writer->json, key, true);
}

static void put_type(struct writer *writer, const struct sp_value_type *type)
{
    sp_json_begin(&writer->json, '{');
    put_text(writer, "type", type->type);
    put_text(writer, "unit", type->unit);
    sp_json_end(&writer->json, '}');
}

static void put_label(struct writer *writer, const struct sp_label *label)
{
    sp_json_begin(&writer->json, '{');
    put_text(writer, "key", label->key);
    if (label->str != 0)
        put_text(writer, "str", label->str);
    else
        put_number(writer, "num", label->num);
    put_text_if_any(writer, "unit", label->unit);
    sp_json_end(&writer->json, '}');
}

static void put_sample(struct writer *writer, size_t i)
{
    const struct sp_profile *profile = writer->profile;
    const struct sp_sample *sample = &profile->samples.at[i];
    const size_t n_types = profile->sample_types.n;
    sp_json_begin(&writer->json, '{');
    sp_json_open(&writer->json, "values", '[');
    for (size_t type = 0; type < n_types; type++)
        sp_json_exact(&writer->json, profile->values.at[i * n_types + type]);
    sp_json_end(&writer->json, ']');
    sp_json_open(&writer->json, "locations", '[');
    for (uint32_t l = 0; l < sample->n_locations; l++)
        sp_json_uint(&writer->json, profile->sample_locations.at[sample->first_location + l]);
    sp_json_end(&writer->json, ']');
    if (sample->n_labels > 0) {
        sp_json_open(&writer->json, "labels", '[');
        for (uint32_t l = 0; l < sample->n_labels; l++)
            put_label(writer, &profile->labels.at[sample->first_label + l]);
        sp_json_end(&writer->json, ']');
    }
    sp_json_end(&writer->json, '}');
}

static void put_mapping(struct writer *writer, size_t i)
{
    const struct sp_mapping *mapping = &writer->profile->mappings.at[i];
    sp_json_begin(&writer->json, '{');
    put_address(writer, "start", mapping->start);
    put_address(writer, "limit", mapping->limit);
    put_address(writer, "offset", mapping->file_offset);
    put_text(writer, "file", mapping->file);
    put_text_if_any(writer, "build_id", mapping->build_id);
    put_flag_if_set(writer, "has_functions", mapping->has_functions);
    put_flag_if_set(writer, "has_filenames", mapping->has_filenames);
    put_flag_if_set(writer, "has_line_numbers", mapping->has_line_numbers);
    put_flag_if_set(writer, "has_inline_frames", mapping->has_inline_frames);
    sp_json_end(&writer->json, '}');
}

static void put_line(struct writer *writer, const struct sp_line *line)
{
    sp_json_begin(&writer->json, '{');
    put_index(writer, "function", line->function);
    put_number_if_any(writer, "line", line->line);
    put_number_if_any(writer, "column", line->column);
    sp_json_end(&writer->json, '}');
}

static void put_location(struct writer *writer, size_t i)
{
    const struct sp_location *location = &writer->profile->locations.at[i];
    sp_json_begin(&writer->json, '{');
    put_index(writer, "mapping", location->mapping);
    put_address(writer, "address", location->address);
    put_flag_if_set(writer, "is_folded", location->is_folded);
    sp_json_open(&writer->json, "lines", '[');
    for (uint32_t line = 0; line < location->n_lines; line++)
        put_line(writer, &writer->profile->lines.at[location->first_line + line]);
    sp_json_end(&writer->json, ']');
    sp_json_end(&writer->json, '}');
}

static void put_function(struct writer *writer, size_t i)
{
    const struct sp_function *function = &writer->profile->functions.at[i];
    sp_json_begin(&writer->json, '{');
    put_text(writer, "name", function->name);
    if (function->system_name != function->name)
        put_text(writer, "system_name", function->system_name);
    put_text_if_any(writer, "filename", function->filename);
    put_number_if_any(writer, "start_line", function->start_line);
    sp_json_end(&writer->json, '}');
}

static void put_fact(struct writer *writer, size_t i)
{
    const struct sp_fact *fact = &writer->profile->facts.at[i];
    sp_json_begin(&writer->json, '{');
    put_text(writer, "key", fact->key);
    put_number(writer, "value", fact->value);
    put_text_if_any(writer, "text", fact->text);
    sp_json_end(&writer->json, '}');
}

static void put_account(struct writer *writer, size_t i)
{
    const struct sp_account *account = &writer->profile->accounts.at[i];
    sp_json_begin(&writer->json, '{');
    sp_json_put_int(&writer->json, "pid", account->pid);
    sp_json_put_int(&writer->json, "tid", account->tid);
    sp_json_put_int(&writer->json, "n_threads", account->n_threads);
    put_text(writer, "process", account->process);
    put_text(writer, "thread", account->thread);
    put_text_if_any(writer, "reason", account->reason);
    put_number(writer, "kernel_ns", account->kernel_ns);
    put_number(writer, "recorded_ns", account->recorded_ns);
    put_number(writer, "unsampled_ns", account->unsampled_ns);
    sp_json_end(&writer->json, '}');
}

static void put_sample_type(struct writer *writer, size_t i)
{
    put_type(writer, &writer->profile->sample_types.at[i]);
}

static void put_comment(struct writer *writer, size_t i)
{
    sp_json_string(&writer->json, sp_profile_text(writer->profile, writer->profile->comments.at[i]));
}

static void put_list(struct writer *writer, const char *key, size_t n, void (*put)(struct writer *writer, size_t i))
{
    sp_json_line(&writer->json);
    sp_json_open(&writer->json, key, '[');
    for (size_t i = 0; i < n; i++) {
        sp_json_line(&writer->json);
        put(writer, i);
    }
    sp_json_end(&writer->json, ']');
}

/* What is said of the profile as a whole, before its lists, so that a reader of a stream has it first. */
static void put_header(struct writer *writer, size_t default_type)
{
    const struct sp_profile *profile = writer->profile;
    sp_json_put_int(&writer->json, "version", SCHEMA_VERSION);
    put_number(writer, "time_ns", profile->time_ns);
    put_number(writer, "duration_ns", profile->duration_ns);
    sp_json_key(&writer->json, "period_type");
    put_type(writer, &profile->period_type);
    put_number(writer, "period", profile->period);
    put_text_if_any(writer, "default_sample_type", profile->default_sample_type);
    put_text_if_any(writer, "drop_frames", profile->drop_frames);
    put_text_if_any(writer, "keep_frames", profile->keep_frames);
    put_text_if_any(writer, "doc_url", profile->doc_url);
    sp_json_put_int(&writer->json, "value_index", (int64_t)default_type);
    put_list(writer, "comments", profile->comments.n, put_comment);
}

static int write_json(const struct sp_profile *profile, const struct sp_write_options *options, struct sp_bytes *out)
{
    if (sp_profile_check(profile, NULL, 0) != 0)
        return -EINVAL;
    struct writer writer = {.profile = profile};
    sp_json_init(&writer.json, sp_bytes_sink, out);
    sp_json_begin(&writer.json, '{');
    put_header(&writer, sp_write_value_index(profile, options));
    put_list(&writer, "sample_types", profile->sample_types.n, put_sample_type);
    put_list(&writer, "mappings", profile->mappings.n, put_mapping);
    put_list(&writer, "functions", profile->functions.n, put_function);
    put_list(&writer, "locations", profile->locations.n, put_location);
    put_list(&writer, "samples", profile->samples.n, put_sample);
    if (profile->facts.n > 0)
        put_list(&writer, "facts", profile->facts.n, put_fact);
    if (profile->accounts.n > 0)
        put_list(&writer, "accounts", profile->accounts.n, put_account);
    sp_json_end(&writer.json, '}');
    return sp_json_finish(&writer.json);
}

const struct sp_format sp_format_json = {
    .name = "json",
    .description = "the whole profile as JSON, as docs/profile-json.md says",
    .suffixes = ".json",
    .has_names = true,
    .write = write_json,
};
