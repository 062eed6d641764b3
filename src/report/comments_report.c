/*
 * The report `comments`: what the profile's comments say, a line each.
 *
 * Place on the way of a sample: profile → *this* → what the user reads.
 * Context: ordinary code.
 */
#include "report/report_json.h"

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    for (size_t i = 0; i < report->profile->comments.n; i++)
        fprintf(out, "%s\n", sp_profile_text(report->profile, report->profile->comments.at[i]));
    return 0;
}

static int print_json(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    struct sp_json json;
    sp_report_json_begin(&json, report, "comments", out);
    sp_json_open(&json, "comments", '[');
    for (size_t i = 0; i < report->profile->comments.n; i++)
        sp_json_string(&json, sp_profile_text(report->profile, report->profile->comments.at[i]));
    sp_json_end(&json, ']');
    sp_report_json_end(&json);
    return 0;
}

const struct sp_report_kind sp_report_comments = {.name = "comments", .print = print, .print_json = print_json};
