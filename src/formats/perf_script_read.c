/*
 * Reads what perf script printed.
 *
 * Place on the way of a sample: file → *this* → profile; perf_script.h shows the lines.
 *
 * Sample types are samples/count, and one for each event: its periods where perf printed them (nanoseconds of the two
 * events that are clocks), else its samples. They have to be known before the first sample, so the headers are read
 * twice. Labels tell thread, tid and pid; samples that are alike in all are added up.
 *
 * Frames of one address and module are one location. Inlined frames stand before the frame that they are inlined into,
 * and become lines of its location; a frame that perf has no name for has no line. Should one address of a module have
 * two names, as in two processes' versions of it, it becomes several locations.
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/is_text.h"
#include "formats/perf_script.h"
#include "formats/perf_script_line.h"
#include "util/room.h"

enum {
    EVENTS_MAX = 64,         /* each sample has a value of each */
    LINES_LOOKED_AT = 10000, /* for a first header: perf script --header begins with comments */
};

struct event {
    struct sp_span name;
    bool has_periods;
};

struct reading {
    struct sp_lines lines;
    struct sp_profile *profile;
    struct event events[EVENTS_MAX];
    size_t n_events;
    uint32_t thread, tid, pid; /* strings: keys of labels */

    /* The sample that is being read. */
    bool is_open;
    struct sp_perf_header header;
    uint32_t *stack;
    size_t n_stack, stack_capacity;
    struct sp_line *inlined; /* into the next frame */
    size_t n_inlined, inlined_capacity;

    uint32_t *mapping_of; /* by string: the mapping of that file, or SP_NONE */
    size_t n_mapping_of, mapping_of_capacity;
    int64_t first_ns, last_ns; /* -1: no time yet */
    char wrong[160];           /* "", or what; the line is that of `lines` */
};

static bool is_same(struct sp_span a, struct sp_span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

/* The number of an event, or n_events. */
static size_t event_of(const struct reading *reading, struct sp_span name)
{
    size_t i = 0;
    while (i < reading->n_events && !is_same(reading->events[i].name, name))
        i++;
    return i;
}

static bool is_comment(struct sp_span line)
{
    return line.n > 0 && line.at[0] == '#';
}

/* What the line is, in the sample that is open or not: one of a frame's may read as a header's, and the other way. */
enum line_kind { LINE_EMPTY, LINE_HEADER, LINE_FRAME, LINE_SOURCE, LINE_OTHER };

/* "file.c:12", which perf script -F +srcline puts below a frame. */
static bool is_source(struct sp_span line)
{
    size_t n = line.n;
    while (n > 0 && line.at[n - 1] >= '0' && line.at[n - 1] <= '9')
        n--;
    return n > 1 && n < line.n && line.at[n - 1] == ':';
}

static enum line_kind classify(struct sp_span line, bool is_open, bool takes_frames, struct sp_perf_header *header,
                               struct sp_perf_frame *frame)
{
    if (line.n == 0)
        return LINE_EMPTY;
    const bool is_indented = sp_is_blank(line.at[0]);
    if (is_indented && takes_frames && sp_perf_frame_parse(line, frame))
        return LINE_FRAME;
    if (sp_perf_header_parse(line, header))
        return LINE_HEADER;
    if (is_indented && is_open && sp_perf_frame_parse(line, frame))
        return LINE_FRAME;
    return is_indented && is_open && is_source(line) ? LINE_SOURCE : LINE_OTHER;
}

static void note_event(struct reading *reading, const struct sp_perf_header *header)
{
    const size_t i = event_of(reading, header->event);
    if (i == EVENTS_MAX) {
        snprintf(reading->wrong, sizeof reading->wrong, "there are more than %d events, which is the limit",
                 EVENTS_MAX);
        return;
    }
    if (i == reading->n_events)
        reading->events[reading->n_events++] = (struct event){.name = header->event};
    reading->events[i].has_periods |= header->period >= 0;
}

/* The first time through: which events there are. */
static void find_events(struct reading *reading)
{
    const struct sp_lines begin = reading->lines;
    struct sp_span line;
    bool is_open = false, takes_frames = false;
    while (!reading->wrong[0] && sp_lines_next(&reading->lines, &line)) {
        struct sp_perf_header header;
        struct sp_perf_frame frame;
        if (is_comment(line))
            continue;
        const enum line_kind kind = classify(line, is_open, takes_frames, &header, &frame);
        if (kind == LINE_EMPTY)
            is_open = takes_frames = false;
        if (kind != LINE_HEADER)
            continue;
        is_open = true;
        takes_frames = header.rest.n == 0;
        if (header.is_sample)
            note_event(reading, &header);
    }
    if (!reading->wrong[0])
        reading->lines = begin;
}

/* The event without what it is restricted to: "cpu-clock" of "cpu-clock:u". */
static bool is_clock(struct sp_span name)
{
    static const char *const clocks[] = {"cpu-clock", "task-clock"};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        const size_t n = strlen(clocks[i]);
        if (name.n >= n && memcmp(name.at, clocks[i], n) == 0 && (name.n == n || name.at[n] == ':'))
            return true;
    }
    return false;
}

/* A copy with NUL behind it, in the profile: what is not UTF-8 is replaced. */
static const char *text_of(struct reading *reading, struct sp_span span)
{
    return sp_profile_text(reading->profile, sp_profile_string_n(reading->profile, span.at, span.n));
}

static void add_sample_types(struct reading *reading)
{
    struct sp_profile *profile = reading->profile;
    sp_profile_add_sample_type(profile, "samples", "count");
    for (size_t i = 0; i < reading->n_events; i++) {
        const struct event *event = &reading->events[i];
        const bool is_time = event->has_periods && is_clock(event->name);
        const char *name = event->name.n > 0 ? text_of(reading, event->name) : "events";
        sp_profile_add_sample_type(profile, name, is_time ? "nanoseconds" : "count");
        if (i == 0 && reading->n_events > 1)
            profile->default_sample_type = sp_profile_string(profile, name);
    }
    reading->thread = sp_profile_string(profile, "thread");
    reading->tid = sp_profile_string(profile, "tid");
    reading->pid = sp_profile_string(profile, "pid");
}

static bool reserve(struct reading *reading, void **at, size_t n, size_t *capacity, size_t item_bytes)
{
    if (sp_make_room(at, n, capacity, item_bytes))
        return true;
    reading->profile->error = -ENOMEM;
    return false;
}

/* The mapping of a module. Names are all there: nobody need look for the file. */
static uint32_t mapping_of(struct reading *reading, struct sp_span module)
{
    if (module.n == 0 || reading->profile->error)
        return SP_NONE;
    const uint32_t file = sp_profile_string_n(reading->profile, module.at, module.n);
    while (reading->n_mapping_of <= file) {
        if (!reserve(reading, (void **)&reading->mapping_of, reading->n_mapping_of, &reading->mapping_of_capacity,
                     sizeof *reading->mapping_of))
            return SP_NONE;
        reading->mapping_of[reading->n_mapping_of++] = SP_NONE;
    }
    if (reading->mapping_of[file] == SP_NONE) {
        const struct sp_mapping mapping = {.file = file, .has_functions = true};
        reading->mapping_of[file] = sp_profile_add_mapping(reading->profile, &mapping);
    }
    return reading->mapping_of[file];
}

/* Adds a frame to the lines of the next location. */
static void add_line(struct reading *reading, struct sp_span symbol)
{
    struct sp_profile *profile = reading->profile;
    if (!reserve(reading, (void **)&reading->inlined, reading->n_inlined, &reading->inlined_capacity,
                 sizeof *reading->inlined))
        return;
    const uint32_t name = sp_profile_string_n(profile, symbol.at, symbol.n);
    const struct sp_function function = {.name = name, .system_name = name};
    reading->inlined[reading->n_inlined++] = (struct sp_line){.function = sp_profile_function(profile, &function)};
}

static bool has_lines(const struct sp_profile *profile, const struct sp_location *location, const struct sp_line *lines,
                      size_t n)
{
    for (uint32_t i = 0; i < location->n_lines && i < n; i++)
        if (profile->lines.at[location->first_line + i].function != lines[i].function)
            return false;
    return location->n_lines == n;
}

/* Ends a location, whose lines are `inlined`. */
static void add_location(struct reading *reading, struct sp_span module, uint64_t address)
{
    struct sp_profile *profile = reading->profile;
    const size_t n = reading->n_inlined;
    reading->n_inlined = 0;
    const uint32_t mapping = mapping_of(reading, module);
    const size_t known = profile->locations.n;
    uint32_t index = sp_profile_location(profile, mapping, address);
    if (profile->error ||
        !reserve(reading, (void **)&reading->stack, reading->n_stack, &reading->stack_capacity, sizeof *reading->stack))
        return;
    if (profile->locations.n > known) {
        sp_profile_set_lines(profile, index, reading->inlined, (uint32_t)n);
    } else if (!has_lines(profile, &profile->locations.at[index], reading->inlined, n)) {
        const struct sp_location location = {.mapping = mapping, .address = address};
        index = sp_profile_add_location(profile, &location, reading->inlined, (uint32_t)n);
    }
    reading->stack[reading->n_stack++] = index;
}

static void add_frame(struct reading *reading, const struct sp_perf_frame *frame)
{
    if (frame->symbol.n > 0)
        add_line(reading, frame->symbol);
    if (!frame->is_inlined)
        add_location(reading, frame->module, frame->address);
}

static void note_time(struct reading *reading, int64_t ns)
{
    if (ns < 0)
        return;
    if (reading->first_ns < 0 || ns < reading->first_ns)
        reading->first_ns = ns;
    if (ns > reading->last_ns)
        reading->last_ns = ns;
}

static void close_sample(struct reading *reading)
{
    struct sp_profile *profile = reading->profile;
    const struct sp_perf_header *header = &reading->header;
    struct sp_label labels[3];
    uint32_t n = 0;
    int64_t values[1 + EVENTS_MAX] = {1};
    if (!reading->is_open)
        return;
    reading->is_open = false;
    if (!header->is_sample)
        return;
    if (reading->n_inlined > 0)
        add_location(reading, (struct sp_span){0}, 0);
    const size_t event = event_of(reading, header->event);
    values[1 + event] = header->period >= 0 ? header->period : reading->events[event].has_periods ? 0 : 1;
    labels[n++] =
        (struct sp_label){.key = reading->thread, .str = sp_profile_string_n(profile, header->comm.at, header->comm.n)};
    labels[n++] = (struct sp_label){.key = reading->tid, .num = header->tid};
    if (header->pid >= 0)
        labels[n++] = (struct sp_label){.key = reading->pid, .num = header->pid};
    note_time(reading, header->time_ns);
    sp_profile_add_sample(profile, reading->stack, (uint32_t)reading->n_stack, labels, n, values);
}

static void open_sample(struct reading *reading, const struct sp_perf_header *header)
{
    struct sp_perf_frame frame;
    close_sample(reading);
    reading->header = *header;
    reading->is_open = true;
    reading->n_stack = reading->n_inlined = 0;
    if (header->rest.n > 0 && header->is_sample && sp_perf_frame_parse(header->rest, &frame) && frame.module.n > 0)
        add_frame(reading, &frame);
}

static void read_line(struct reading *reading, struct sp_span line)
{
    struct sp_perf_header header;
    struct sp_perf_frame frame;
    switch (classify(line, reading->is_open, reading->is_open && reading->header.rest.n == 0, &header, &frame)) {
    case LINE_EMPTY:
        close_sample(reading);
        break;
    case LINE_HEADER:
        open_sample(reading, &header);
        break;
    case LINE_FRAME:
        if (reading->header.is_sample)
            add_frame(reading, &frame);
        break;
    case LINE_SOURCE:
        break;
    case LINE_OTHER:
        snprintf(reading->wrong, sizeof reading->wrong, "it is neither a sample's header nor a frame");
        break;
    }
}

static void read_all(struct reading *reading)
{
    struct sp_profile *profile = reading->profile;
    struct sp_span line;
    find_events(reading);
    if (reading->wrong[0])
        return;
    add_sample_types(reading);
    while (!reading->wrong[0] && !profile->error && sp_lines_next(&reading->lines, &line)) {
        if (!is_comment(line))
            read_line(reading, line);
    }
    close_sample(reading);
    if (reading->first_ns >= 0)
        profile->duration_ns = reading->last_ns - reading->first_ns;
}

int sp_perf_script_read(const uint8_t *data, size_t size, size_t memory_limit, struct sp_profile **profile, char *why,
                        size_t why_size)
{
    struct reading reading = {
        .lines = sp_lines_of(data, size), .profile = sp_profile_new(), .first_ns = -1, .last_ns = -1};
    if (reading.profile) {
        reading.profile->memory_limit = memory_limit;
        read_all(&reading);
    }
    free(reading.stack);
    free(reading.inlined);
    free(reading.mapping_of);
    return sp_text_result(reading.profile, reading.wrong, reading.lines.number, profile, why, why_size);
}

/* Whether the first line that is no comment is a header. */
static bool looks_like_perf_script(const uint8_t *data, size_t size)
{
    struct sp_lines lines = sp_lines_of(data, size);
    struct sp_span line;
    struct sp_perf_header header;
    if (!sp_is_text(data, size))
        return false;
    for (unsigned i = 0; i < LINES_LOOKED_AT && sp_lines_next(&lines, &line); i++) {
        if (line.n > 0 && !is_comment(line))
            return sp_perf_header_parse(line, &header);
    }
    return false;
}

const struct sp_format sp_format_perf_script = {
    .name = "perf-script",
    .description = "what perf script prints",
    .has_names = true,
    .looks_like = looks_like_perf_script,
    .read = sp_perf_script_read,
};
