/*
 * The lines about the whole profile with which each text report begins. See report.h.
 * Context: ordinary code.
 */
#include <string.h>
#include <time.h>

#include "profile/measure.h"
#include "report/names.h"
#include "report/report.h"

enum { NS_PER_S = 1000000000 };

/* The executable: the first mapping. */
static void print_executable(const struct sp_profile *profile, FILE *out)
{
    if (profile->mappings.n == 0)
        return;
    const struct sp_mapping *mapping = &profile->mappings.at[0];
    size_t length;
    const char *base = sp_base_name(sp_mapping_file(profile, 0), &length);
    if (sp_mapping_file(profile, 0)[0])
        fprintf(out, "File: %.*s\n", (int)length, base);
    if (mapping->build_id != 0)
        fprintf(out, "Build ID: %s\n", sp_profile_text(profile, mapping->build_id));
}

/* Comments, except those that are marked as not for reports. */
static void print_comments(const struct sp_profile *profile, FILE *out)
{
    for (size_t i = 0; i < profile->comments.n; i++) {
        const char *comment = sp_profile_text(profile, profile->comments.at[i]);
        if (comment[0] != '#')
            fprintf(out, "%s\n", comment);
    }
}

static void print_time(const struct sp_profile *profile, FILE *out)
{
    int64_t ns = profile->time_ns;
    time_t seconds = (time_t)(ns / NS_PER_S - (ns % NS_PER_S < 0)); /* rounded down, also before 1970 */
    struct tm local;
    char text[64];
    if (ns != 0 && localtime_r(&seconds, &local) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &local))
        fprintf(out, "Time: %s\n", text);
}

static void print_duration(const struct sp_report *report, FILE *out)
{
    int64_t duration_ns = report->profile->duration_ns;
    if (duration_ns == 0)
        return;
    char number[SP_VALUE_TEXT_BYTES];
    const char *unit = sp_scaled_text(duration_ns, "nanoseconds", SP_UNIT_AUTO, number);
    fprintf(out, "Duration: %s%s, Total samples = ", number, unit);
    sp_report_print_value(report, report->total, 0, out);
    fputc(' ', out);
    struct sp_scaled total = sp_scale(report->total, report->unit, "nanoseconds");
    if (strcmp(total.unit, "ns") == 0 && total.value != 0) {
        fputc('(', out);
        sp_report_print_percent(sp_truncated(total.value), duration_ns, out);
        fputc(')', out);
    }
    fputc('\n', out);
}

void sp_report_print_profile_labels(const struct sp_report *report, FILE *out)
{
    const struct sp_profile *profile = report->profile;
    print_executable(profile, out);
    print_comments(profile, out);
    if (report->type[0])
        fprintf(out, "Type: %s\n", report->type);
    if (profile->doc_url != 0)
        fprintf(out, "Doc: %s\n", sp_profile_text(profile, profile->doc_url));
    print_time(profile, out);
    print_duration(report, out);
}
