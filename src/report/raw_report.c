/*
 * The report `raw`: all of the profile as text, as `pprof -raw` prints it.
 *
 * Place on the way of a sample: profile → *this* → what the user reads.
 * Context: ordinary code.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "report/frame_text.h"
#include "report/label_lines.h"
#include "report/names.h"
#include "report/report.h"

enum {
    NS_PER_S = 1000000000,
    DURATION_WIDTH = 4, /* characters; the rest is cut off */
    DURATION_BYTES = 64,
};

/* Writes the decimals of a number, without zeros at the end: ".5"; nothing for 0. */
static void put_fraction(char *to, size_t size, uint64_t part, int digits)
{
    to[0] = '\0';
    if (part == 0)
        return;
    snprintf(to, size, ".%0*" PRIu64, digits, part);
    for (size_t end = strlen(to); to[end - 1] == '0';)
        to[--end] = '\0';
}

/* The local time, as Go prints it: "2006-01-02 15:04:05.999999999 -0700 MST". */
static void print_time(int64_t time_ns, FILE *out)
{
    int64_t part = time_ns % NS_PER_S;
    time_t seconds = time_ns / NS_PER_S - (part < 0);
    struct tm local;
    char until_seconds[64], zone[64], fraction[16];
    if (!localtime_r(&seconds, &local))
        return;
    if (!strftime(until_seconds, sizeof(until_seconds), "%Y-%m-%d %H:%M:%S", &local) ||
        !strftime(zone, sizeof(zone), "%z %Z", &local))
        return;
    put_fraction(fraction, sizeof(fraction), (uint64_t)(part < 0 ? part + NS_PER_S : part), 9);
    fprintf(out, "Time: %s%s %s\n", until_seconds, fraction, zone);
}

/* Less than a second: in the largest unit of which it has one. */
static void put_short_duration(char *to, uint64_t ns)
{
    char fraction[16];
    if (ns < 1000) {
        snprintf(to, DURATION_BYTES, "%" PRIu64 "ns", ns);
    } else if (ns < 1000000) {
        put_fraction(fraction, sizeof(fraction), ns % 1000, 3);
        snprintf(to, DURATION_BYTES, "%" PRIu64 "%sµs", ns / 1000, fraction);
    } else {
        put_fraction(fraction, sizeof(fraction), ns % 1000000, 6);
        snprintf(to, DURATION_BYTES, "%" PRIu64 "%sms", ns / 1000000, fraction);
    }
}

/* As Go writes a duration, "1h2m3.5s", of which pprof shows the first four characters. */
static void print_duration(int64_t duration_ns, FILE *out)
{
    char text[DURATION_BYTES] = "-", fraction[16];
    char *to = text + (duration_ns < 0);
    size_t room = DURATION_BYTES - 1;
    uint64_t ns = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns, seconds = ns / NS_PER_S;
    put_fraction(fraction, sizeof(fraction), ns % NS_PER_S, 9);
    if (seconds == 0)
        put_short_duration(to, ns);
    else if (seconds < 60)
        snprintf(to, room, "%" PRIu64 "%ss", seconds, fraction);
    else if (seconds < 3600)
        snprintf(to, room, "%" PRIu64 "m%" PRIu64 "%ss", seconds / 60, seconds % 60, fraction);
    else
        snprintf(to, room, "%" PRIu64 "h%" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
    size_t shown = strlen(text);
    while (sp_text_width(text, shown) > DURATION_WIDTH)
        shown--;
    fprintf(out, "Duration: %.*s\n", (int)shown, text);
}

static void print_sample_types(const struct sp_profile *profile, FILE *out)
{
    const char *space = "";
    for (size_t i = 0; i < profile->sample_types.n; i++) {
        const struct sp_value_type *type = &profile->sample_types.at[i];
        fprintf(out, "%s%s/%s%s", space, sp_profile_text(profile, type->type), sp_profile_text(profile, type->unit),
                type->type == profile->default_sample_type ? "[dflt]" : "");
        space = " ";
    }
    fputc('\n', out);
}

static void print_header(const struct sp_profile *profile, FILE *out)
{
    for (size_t i = 0; i < profile->comments.n; i++)
        fprintf(out, "Comment: %s\n", sp_profile_text(profile, profile->comments.at[i]));
    if (profile->doc_url != 0)
        fprintf(out, "Doc: %s\n", sp_profile_text(profile, profile->doc_url));
    fprintf(out, "PeriodType: %s %s\n", sp_profile_text(profile, profile->period_type.type),
            sp_profile_text(profile, profile->period_type.unit));
    fprintf(out, "Period: %" PRId64 "\n", profile->period);
    if (profile->time_ns != 0)
        print_time(profile->time_ns, out);
    if (profile->duration_ns != 0)
        print_duration(profile->duration_ns, out);
}

static void put_key(const struct sp_profile *profile, const struct sp_label_group *group, FILE *out)
{
    fprintf(out, "%s:[", sp_profile_text(profile, profile->labels.at[group->at[0]].key));
}

static void put_texts(const struct sp_profile *profile, const struct sp_label_group *group, const void *context,
                      FILE *out)
{
    (void)context;
    put_key(profile, group, out);
    for (uint32_t i = 0; i < group->n; i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", sp_profile_text(profile, profile->labels.at[group->at[i]].str));
    fputc(']', out);
}

static void put_numbers(const struct sp_profile *profile, const struct sp_label_group *group, const void *context,
                        FILE *out)
{
    (void)context;
    put_key(profile, group, out);
    for (uint32_t i = 0; i < group->n; i++) {
        const struct sp_label *label = &profile->labels.at[group->at[i]];
        fprintf(out, "%s%" PRId64, i > 0 ? " " : "", label->num);
        if (group->has_units)
            fprintf(out, " %s", sp_profile_text(profile, label->unit));
    }
    fputc(']', out);
}

static int print_labels(struct sp_label_lines *lines, const struct sp_profile *profile, const struct sp_sample *sample,
                        bool are_numbers, FILE *out)
{
    if (!sp_label_lines_has(profile, sample, are_numbers))
        return 0;
    fprintf(out, "%16s", "");
    int error = sp_label_lines_print(lines, profile, sample, are_numbers, are_numbers ? put_numbers : put_texts, NULL,
                                     " ", out);
    fputc('\n', out);
    return error;
}

static int print_sample(struct sp_label_lines *lines, const struct sp_profile *profile, size_t i, FILE *out)
{
    const struct sp_sample *sample = &profile->samples.at[i];
    const uint32_t *stack = profile->sample_locations.at + sample->first_location;
    for (size_t type = 0; type < profile->sample_types.n; type++)
        fprintf(out, " %10" PRId64, profile->values.at[i * profile->sample_types.n + type]);
    fputs(": ", out);
    for (uint32_t depth = 0; depth < sample->n_locations; depth++)
        fprintf(out, "%" PRIu64 " ", (uint64_t)stack[depth] + 1);
    fputc('\n', out);
    int error = print_labels(lines, profile, sample, false, out);
    return error ? error : print_labels(lines, profile, sample, true, out);
}

static int print_samples(const struct sp_profile *profile, FILE *out)
{
    struct sp_label_lines lines = {0};
    int error = 0;
    fputs("Samples:\n", out);
    print_sample_types(profile, out);
    for (size_t i = 0; !error && i < profile->samples.n; i++)
        error = print_sample(&lines, profile, i, out);
    sp_label_lines_done(&lines);
    return error;
}

static int print_line(const struct sp_profile *profile, const struct sp_line *line, struct sp_text_room *room,
                      FILE *out)
{
    if (line->function == SP_NONE) {
        fputs("??\n", out);
        return 0;
    }
    const struct sp_function *function = &profile->functions.at[line->function];
    const char *name = sp_function_shown_name(profile, function, room);
    const char *system_name = sp_profile_text(profile, function->system_name);
    if (!name)
        return -ENOMEM;
    fprintf(out, "%s %s:%" PRId64 ":%" PRId64 " s=%" PRId64, name, sp_profile_text(profile, function->filename),
            line->line, line->column, function->start_line);
    if (strcmp(name, system_name) != 0)
        fprintf(out, "(%s)", system_name);
    fputc('\n', out);
    return 0;
}

static int print_location(const struct sp_profile *profile, size_t i, struct sp_text_room *room, FILE *out)
{
    const struct sp_location *location = &profile->locations.at[i];
    int error = 0;
    fprintf(out, "%6zu: 0x%" PRIx64 " ", i + 1, location->address);
    if (location->mapping != SP_NONE)
        fprintf(out, "M=%" PRIu64 " ", (uint64_t)location->mapping + 1);
    if (location->is_folded)
        fputs("[F] ", out);
    if (location->n_lines == 0)
        fputc('\n', out);
    for (uint32_t line = 0; !error && line < location->n_lines; line++) {
        if (line > 0)
            fprintf(out, "%13s", "");
        error = print_line(profile, &profile->lines.at[location->first_line + line], room, out);
    }
    return error;
}

static int print_locations(const struct sp_profile *profile, FILE *out)
{
    struct sp_text_room room = {0};
    int error = 0;
    fputs("Locations\n", out);
    for (size_t i = 0; !error && i < profile->locations.n; i++)
        error = print_location(profile, i, &room, out);
    sp_text_room_done(&room);
    return error;
}

static void print_mapping(const struct sp_profile *profile, size_t i, FILE *out)
{
    const struct sp_mapping *mapping = &profile->mappings.at[i];
    fprintf(out, "%zu: 0x%" PRIx64 "/0x%" PRIx64 "/0x%" PRIx64 " %s %s %s%s%s%s\n", i + 1, mapping->start,
            mapping->limit, mapping->file_offset, sp_mapping_file(profile, (uint32_t)i),
            sp_profile_text(profile, mapping->build_id), mapping->has_functions ? "[FN]" : "",
            mapping->has_filenames ? "[FL]" : "", mapping->has_line_numbers ? "[LN]" : "",
            mapping->has_inline_frames ? "[IN]" : "");
}

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    const struct sp_profile *profile = report->profile;
    print_header(profile, out);
    int error = print_samples(profile, out);
    if (!error)
        error = print_locations(profile, out);
    if (error)
        return error;
    fputs("Mappings\n", out);
    for (size_t i = 0; i < profile->mappings.n; i++)
        print_mapping(profile, i, out);
    return 0;
}

/* In JSON, a whole profile is a format: `sigprof convert -f json`. */
const struct sp_report_kind sp_report_raw = {.name = "raw", .print = print};
