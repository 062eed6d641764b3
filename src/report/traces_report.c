/*
 * The report `traces`: every sample, with its labels and its stack, as `pprof -traces` prints it.
 *
 * Place on the way of a sample: profile → select → *this* → what the user reads.
 *
 * A location's lines look the same in all samples, but for the value in front of a stack's first one. So they are made
 * once, and the samples are printed by copying.
 *
 *   text:   "             leaf (inline)\n             its caller\n" "             main\n" …
 *           ▲ starts[0]                                           ▲ starts[1]
 *
 * Context: ordinary code.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"
#include "report/frame_text.h"
#include "report/label_lines.h"
#include "report/names.h"
#include "report/report_json.h"

#define SEPARATOR "-----------+-------------------------------------------------------\n"

enum {
    VALUE_WIDTH = 10,
    KEY_WIDTH = 10,
};

struct traces {
    const struct sp_report *report;
    FILE *out;
    char *text; /* of all locations */
    size_t text_size;
    size_t *starts; /* [locations.n + 1] */
    struct sp_label_lines labels;
};

static int write_location(const struct sp_profile *profile, const struct sp_location *location,
                          struct sp_text_room *room, FILE *out)
{
    const struct sp_line *lines = profile->lines.at + location->first_line;
    int error = 0;
    for (uint32_t i = 0; !error && i < (location->n_lines ? location->n_lines : 1); i++) {
        fprintf(out, "%*s   ", VALUE_WIDTH, "");
        error = sp_frame_print(profile, location, location->n_lines ? &lines[i] : NULL, room, out);
        fputs(i + 1 < location->n_lines ? " (inline)\n" : "\n", out);
    }
    return error;
}

static int write_locations(const struct sp_profile *profile, size_t *starts, FILE *out)
{
    struct sp_text_room room = {0};
    int error = 0;
    for (size_t i = 0; !error && i < profile->locations.n; i++) {
        starts[i] = (size_t)ftello(out);
        error = write_location(profile, &profile->locations.at[i], &room, out);
    }
    starts[profile->locations.n] = (size_t)ftello(out);
    sp_text_room_done(&room);
    return error;
}

static int make_texts(struct traces *traces)
{
    const struct sp_profile *profile = traces->report->profile;
    traces->starts = reallocarray(NULL, profile->locations.n + 1, sizeof(*traces->starts));
    FILE *memory = open_memstream(&traces->text, &traces->text_size);
    int error = traces->starts && memory ? write_locations(profile, traces->starts, memory) : -ENOMEM;
    if (memory) {
        bool has_failed = ferror(memory);
        if ((fclose(memory) != 0 || has_failed) && !error)
            error = -ENOMEM;
    }
    return error;
}

/* The profile's labels; an empty line where it has none. */
static int print_header(const struct traces *traces)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return -ENOMEM;
    sp_report_print_profile_labels(traces->report, memory);
    int error = fclose(memory) == 0 ? 0 : -ENOMEM;
    if (!error)
        fputs(size > 0 ? text : "\n", traces->out);
    free(text);
    return error;
}

static void put_key(const struct sp_profile *profile, const struct sp_label_group *group, FILE *out)
{
    sp_print_padded(sp_profile_text(profile, profile->labels.at[group->at[0]].key), KEY_WIDTH, out);
    fputs(": ", out);
}

static void put_texts(const struct sp_profile *profile, const struct sp_label_group *group, const void *context,
                      FILE *out)
{
    (void)context;
    put_key(profile, group, out);
    for (uint32_t i = 0; i < group->n; i++)
        fprintf(out, " %s", sp_profile_text(profile, profile->labels.at[group->at[i]].str));
    fputc('\n', out);
}

static void put_numbers(const struct sp_profile *profile, const struct sp_label_group *group, const void *context,
                        FILE *out)
{
    const struct sp_report *report = context;
    char number[SP_VALUE_TEXT_BYTES];
    put_key(profile, group, out);
    for (uint32_t i = 0; i < group->n; i++) {
        const struct sp_label *label = &profile->labels.at[group->at[i]];
        const char *unit = sp_label_unit(report->label_units, label->key);
        unit = sp_scaled_text(label->num, unit, SP_UNIT_AUTO, number);
        fprintf(out, " %s%s", number, unit);
    }
    fputc('\n', out);
}

static int64_t value_of(const struct sp_report *report, size_t i)
{
    return sp_report_mean(sp_report_value(report, i), sp_report_divisor(report, i));
}

static void print_stack(const struct traces *traces, size_t i)
{
    const struct sp_sample *sample = &traces->report->profile->samples.at[i];
    const uint32_t *stack = traces->report->profile->sample_locations.at + sample->first_location;
    sp_report_print_value(traces->report, value_of(traces->report, i), VALUE_WIDTH, traces->out);
    for (uint32_t depth = 0; depth < sample->n_locations; depth++) {
        size_t start = traces->starts[stack[depth]], end = traces->starts[stack[depth] + 1];
        start += depth == 0 ? VALUE_WIDTH : 0;
        fwrite(traces->text + start, 1, end - start, traces->out);
    }
}

static int print_sample(struct traces *traces, size_t i)
{
    const struct sp_profile *profile = traces->report->profile;
    const struct sp_sample *sample = &profile->samples.at[i];
    if (sample->n_locations == 0)
        return 0;
    fputs(SEPARATOR, traces->out);
    int error = sp_label_lines_print(&traces->labels, profile, sample, false, put_texts, NULL, "", traces->out);
    if (!error)
        error =
            sp_label_lines_print(&traces->labels, profile, sample, true, put_numbers, traces->report, "", traces->out);
    if (!error)
        print_stack(traces, i);
    return error;
}

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    struct traces traces = {.report = report, .out = out};
    int error = make_texts(&traces);
    if (!error)
        error = print_header(&traces);
    for (size_t i = 0; !error && i < report->profile->samples.n; i++)
        error = print_sample(&traces, i);
    if (!error)
        fputs(SEPARATOR, out);
    sp_label_lines_done(&traces.labels);
    free(traces.starts);
    free(traces.text);
    return error;
}

static void put_json_text(struct sp_json *json, const char *key, const char *text)
{
    if (text[0] != '\0')
        sp_json_put_string(json, key, text);
}

static int put_json_frames(struct sp_json *json, const struct sp_profile *profile, const struct sp_location *location,
                           struct sp_text_room *room)
{
    const struct sp_line none = {.function = SP_NONE};
    for (uint32_t i = 0; i < (location->n_lines ? location->n_lines : 1); i++) {
        const struct sp_line *line = location->n_lines ? &profile->lines.at[location->first_line + i] : &none;
        const struct sp_function *function = line->function == SP_NONE ? NULL : &profile->functions.at[line->function];
        const char *name = function ? sp_function_shown_name(profile, function, room) : "";
        if (!name)
            return -ENOMEM;
        sp_json_begin(json, '{');
        put_json_text(json, "function", name);
        if (name[0] == '\0')
            put_json_text(json, "object", sp_mapping_file(profile, location->mapping));
        put_json_text(json, "file", function ? sp_profile_text(profile, function->filename) : "");
        if (line->line != 0)
            sp_json_put_int(json, "line", line->line);
        if (location->address != 0) {
            sp_json_key(json, "address");
            sp_json_hex(json, location->address);
        }
        if (i + 1 < location->n_lines)
            sp_json_put_bool(json, "inlined", true);
        sp_json_end(json, '}');
    }
    return 0;
}

static int put_json_sample(struct sp_json *json, const struct sp_report *report, size_t i, struct sp_text_room *room)
{
    const struct sp_sample *sample = &report->profile->samples.at[i];
    const uint32_t *stack = report->profile->sample_locations.at + sample->first_location;
    int error = 0;
    sp_json_line(json);
    sp_json_begin(json, '{');
    sp_json_put_int(json, "value", sp_report_divided(report, value_of(report, i)));
    sp_report_json_labels(json, report, sample);
    sp_json_open(json, "frames", '[');
    for (uint32_t depth = 0; !error && depth < sample->n_locations; depth++)
        error = put_json_frames(json, report->profile, &report->profile->locations.at[stack[depth]], room);
    sp_json_end(json, ']');
    sp_json_end(json, '}');
    return error;
}

static int print_json(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    struct sp_json json;
    struct sp_text_room room = {0};
    int error = 0;
    sp_report_json_begin(&json, report, "traces", out);
    sp_json_open(&json, "samples", '[');
    for (size_t i = 0; !error && i < report->profile->samples.n; i++)
        error = put_json_sample(&json, report, i, &room);
    sp_json_end(&json, ']');
    sp_report_json_end(&json);
    sp_text_room_done(&room);
    return error;
}

const struct sp_report_kind sp_report_traces = {.name = "traces", .print = print, .print_json = print_json};
