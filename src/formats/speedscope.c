/*
 * Writes a profile as speedscope's JSON.
 *
 * Place on the way of a sample: profile → *this* → file; speedscope.h shows the file. A frame is a function, an inlined
 * one like any other; its line is where the function begins, or else the first that was met, so that what a function
 * calls from several lines is one box. Negative values, which differences have, cannot be told: speedscope refuses
 * them. Values of zero are left out, and values beyond 2^53 are rounded by whoever reads JSON into doubles.
 *
 * Context: ordinary code.
 */
#include "formats/speedscope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/location_frames.h"
#include "profile/index.h"
#include "util/hash.h"
#include "util/json_out.h"
#include "util/room.h"

/* What tells frames apart. Where the function is not known, that is the mapping, or else the address. */
struct frame {
    uint32_t name, file; /* strings */
    int64_t start_line;
    uint32_t mapping;
    uint64_t address;
    struct sp_frame_place place;
};

struct writer {
    const struct sp_profile *profile;
    struct sp_location_frames list;
    struct frame *frames;
    size_t n_frames, frames_room;
    struct sp_index *index;
    struct sp_json json;
};

static struct frame frame_of(const struct sp_profile *profile, const struct sp_frame_place *place)
{
    struct frame frame = {.mapping = SP_NONE, .place = *place};
    if (place->line != NULL && place->line->function != SP_NONE) {
        const struct sp_function *function = &profile->functions.at[place->line->function];
        frame.name = function->name;
        frame.file = function->filename;
        frame.start_line = function->start_line;
    }
    if (frame.name == 0)
        frame.mapping = place->location->mapping;
    if (frame.name == 0 && frame.mapping == SP_NONE)
        frame.address = place->location->address;
    return frame;
}

static bool are_equal(const struct frame *a, const struct frame *b)
{
    return a->name == b->name && a->file == b->file && a->start_line == b->start_line && a->mapping == b->mapping &&
           a->address == b->address;
}

static uint32_t intern_frame(void *user, const struct sp_frame_place *place)
{
    struct writer *writer = user;
    const struct frame frame = frame_of(writer->profile, place);
    const uint64_t parts[] = {(uint64_t)frame.name << 32 | frame.file, (uint64_t)frame.start_line, frame.mapping,
                              frame.address};
    const uint64_t hash = sp_hash_bytes(sp_hash_seed(), parts, sizeof parts);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(writer->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(writer->index, &probe)) {
        if (are_equal(&writer->frames[i], &frame))
            return i;
    }
    void *frames = writer->frames;
    const bool has_room = sp_make_room(&frames, writer->n_frames, &writer->frames_room, sizeof *writer->frames);
    writer->frames = frames;
    if (!has_room || sp_index_put(writer->index, hash, (uint32_t)writer->n_frames) != 0)
        return SP_NONE;
    writer->frames[writer->n_frames] = frame;
    return (uint32_t)writer->n_frames++;
}

/* A name that speedscope shows, in a row of three; names are as long as they like. */
static void put_name(struct writer *writer, const struct sp_frame_name *name)
{
    if (name->open[0] == '\0') {
        sp_json_put_string(&writer->json, "name", name->text);
        return;
    }
    struct sp_bytes text = {0};
    sp_bytes_put(&text, name->open, strlen(name->open));
    sp_bytes_put(&text, name->text, name->length);
    sp_bytes_put(&text, name->close, strlen(name->close) + 1);
    if (text.error != 0 && writer->json.error == 0)
        writer->json.error = text.error;
    sp_json_put_string(&writer->json, "name", text.error == 0 ? (const char *)text.at : "");
    sp_bytes_done(&text);
}

static void put_frame(struct writer *writer, const struct frame *frame)
{
    char buffer[SP_FRAME_NAME_BYTES];
    const struct sp_frame_name name = sp_frame_name(writer->profile, &frame->place, buffer);
    const int64_t met = frame->place.line != NULL ? frame->place.line->line : 0;
    const int64_t line = frame->start_line > 0 ? frame->start_line : met;
    sp_json_line(&writer->json);
    sp_json_begin(&writer->json, '{');
    put_name(writer, &name);
    if (frame->file != 0)
        sp_json_put_string(&writer->json, "file", sp_profile_text(writer->profile, frame->file));
    if (line > 0)
        sp_json_put_int(&writer->json, "line", line);
    sp_json_end(&writer->json, '}');
}

/* speedscope's name of a unit; for what it does not know, "none". */
static const char *unit_of(const char *unit)
{
    static const char *const units[][2] = {
        {"nanoseconds", "nanoseconds"},
        {"nanosecond", "nanoseconds"},
        {"ns", "nanoseconds"},
        {"microseconds", "microseconds"},
        {"microsecond", "microseconds"},
        {"us", "microseconds"},
        {"milliseconds", "milliseconds"},
        {"millisecond", "milliseconds"},
        {"ms", "milliseconds"},
        {"seconds", "seconds"},
        {"second", "seconds"},
        {"s", "seconds"},
        {"bytes", "bytes"},
        {"byte", "bytes"},
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i][0]) == 0)
            return units[i][1];
    }
    return "none";
}

static int64_t value_of(const struct sp_profile *profile, size_t sample, size_t type)
{
    return profile->values.at[sample * profile->sample_types.n + type];
}

/* The samples' stacks, the root first; those without a value are not there. */
static void put_stacks(struct writer *writer, size_t type)
{
    sp_json_open(&writer->json, "samples", '[');
    for (size_t i = 0; i < writer->profile->samples.n; i++) {
        if (value_of(writer->profile, i, type) == 0)
            continue;
        struct sp_frame_walk walk = sp_frame_walk(&writer->list, writer->profile, i);
        sp_json_begin(&writer->json, '[');
        for (uint32_t frame; (frame = sp_frame_walk_inwards(&walk)) != SP_NONE;)
            sp_json_uint(&writer->json, frame);
        sp_json_end(&writer->json, ']');
    }
    sp_json_end(&writer->json, ']');
}

/* The weights, and with them the end of what is taken for time: their sum. */
static void put_weights(struct writer *writer, size_t type)
{
    double sum = 0;
    sp_json_open(&writer->json, "weights", '[');
    for (size_t i = 0; i < writer->profile->samples.n; i++) {
        const int64_t value = value_of(writer->profile, i, type);
        sum += (double)value;
        if (value != 0)
            sp_json_int(&writer->json, value);
    }
    sp_json_end(&writer->json, ']');
    sp_json_put_int(&writer->json, "startValue", 0);
    sp_json_key(&writer->json, "endValue");
    sp_json_real(&writer->json, sum);
}

static void put_profile(struct writer *writer, size_t type)
{
    const struct sp_value_type *of = &writer->profile->sample_types.at[type];
    sp_json_line(&writer->json);
    sp_json_begin(&writer->json, '{');
    sp_json_put_string(&writer->json, "type", "sampled");
    sp_json_put_string(&writer->json, "name", sp_profile_text(writer->profile, of->type));
    sp_json_put_string(&writer->json, "unit", unit_of(sp_profile_text(writer->profile, of->unit)));
    put_stacks(writer, type);
    put_weights(writer, type);
    sp_json_end(&writer->json, '}');
}

static int put_file(struct writer *writer, size_t first_type)
{
    struct sp_json *json = &writer->json;
    sp_json_begin(json, '{');
    sp_json_put_string(json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    sp_json_put_string(json, "exporter", "sigprof");
    sp_json_put_int(json, "activeProfileIndex", (int64_t)first_type);
    sp_json_open(json, "shared", '{');
    sp_json_open(json, "frames", '[');
    for (size_t i = 0; i < writer->n_frames; i++)
        put_frame(writer, &writer->frames[i]);
    sp_json_end(json, ']');
    sp_json_end(json, '}');
    sp_json_open(json, "profiles", '[');
    for (size_t type = 0; type < writer->profile->sample_types.n; type++)
        put_profile(writer, type);
    sp_json_end(json, ']');
    sp_json_end(json, '}');
    return sp_json_finish(json);
}

/* speedscope wants one profile at least, and no weight below zero. */
static bool can_be_told(const struct sp_profile *profile)
{
    for (size_t i = 0; i < profile->values.n; i++) {
        if (profile->values.at[i] < 0)
            return false;
    }
    return profile->sample_types.n > 0;
}

static int write_speedscope(const struct sp_profile *profile, const struct sp_write_options *options,
                            struct sp_bytes *out)
{
    if (sp_profile_check(profile, NULL, 0) != 0)
        return -EINVAL;
    if (!can_be_told(profile))
        return -ENOTSUP;
    struct writer writer = {.profile = profile, .index = sp_index_new()};
    sp_json_init(&writer.json, sp_bytes_sink, out);
    int error = writer.index != NULL ? sp_location_frames_init(&writer.list, profile, intern_frame, &writer) : -ENOMEM;
    if (error == 0)
        error = put_file(&writer, sp_write_value_index(profile, options));
    sp_location_frames_done(&writer.list);
    sp_index_free(writer.index);
    free(writer.frames);
    return error;
}

const struct sp_format sp_format_speedscope = {
    .name = "speedscope",
    .description = "JSON for speedscope, with all sample types",
    .suffixes = ".speedscope.json .speedscope",
    .has_names = true,
    .write = write_speedscope,
};
