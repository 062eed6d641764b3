/*
 * What differs between two profiles, as text: a line that says it all, then a table of rows.
 *
 * Place on the way of a sample: two profiles → diff → *this* → what the user reads.
 * Context: ordinary code.
 */
#include <math.h>
#include <string.h>

#include "profile/measure.h"
#include "report/diff.h"
#include "report/frame_text.h"
#include "report/report.h"

enum { WIDTH = 10 };

/* What a row is: one, and several. */
static const char *const row_words[][2] = {
    [SP_BY_FUNCTION] = {"function", "functions"},
    [SP_BY_FILE] = {"file", "files"},
    [SP_BY_FILE_AND_FUNCTION] = {"function", "functions"},
    [SP_BY_LINE] = {"line", "lines"},
    [SP_BY_ADDRESS] = {"address", "addresses"},
};

struct page {
    const struct sp_diff *diff;
    const char *unit; /* that all values are shown in */
    FILE *out;
};

static int64_t rounded(double value)
{
    return sp_truncated(round(value));
}

/*
 * The unit that is asked for; else one in which a hundredth of the larger total is at least 1: two decimals are enough
 * for everything shown.
 */
static const char *choose_unit(const struct sp_diff *diff)
{
    if (diff->options.unit && strcmp(diff->options.unit, SP_UNIT_MINIMUM) != 0)
        return diff->options.unit;
    double larger = fmax(fabs(diff->whole[SP_OLD]), fabs(diff->whole[SP_NEW]));
    const char *unit = sp_scale(rounded(larger / 100), diff->unit, SP_UNIT_AUTO).unit;
    return unit[0] != '\0' ? unit : diff->unit;
}

/* "1.50s", and with `sign` "+1.50s" or "±1.50s". */
static void put_value(const struct page *page, double value, const char *sign, int width)
{
    char number[SP_VALUE_TEXT_BYTES], text[SP_VALUE_TEXT_BYTES + 64];
    const char *unit = sp_scaled_text(rounded(value), page->diff->unit, page->unit, number);
    snprintf(text, sizeof(text), "%s%s%s", number[0] == '-' ? "" : sign, number, unit);
    sp_print_padded(text, (size_t)width, page->out);
}

static void put_change(const struct page *page, const struct sp_diff_value *value, int width)
{
    put_value(page, value->change, "+", width);
}

static void put_error(const struct page *page, const struct sp_diff_value *value, int width)
{
    if (page->diff->errors == SP_ERRORS_UNKNOWN)
        sp_print_padded("?", (size_t)width, page->out);
    else
        put_value(page, value->error, "±", width);
}

static bool has_relative(const struct sp_diff_value *value)
{
    return value->value[SP_OLD] != 0;
}

/* "+20.1% ±2.1": of OLD. */
static void put_relative(const struct page *page, const struct sp_diff_value *value)
{
    fprintf(page->out, "%+.1f%%", 100 * value->relative);
    if (page->diff->errors != SP_ERRORS_UNKNOWN)
        fprintf(page->out, " ±%.1f", 100 * value->relative_error);
}

static const char *what_became_of(const struct sp_diff_row *row)
{
    if (row->is_seen[SP_OLD] == row->is_seen[SP_NEW])
        return "";
    return row->is_seen[SP_NEW] ? " (new)" : " (gone)";
}

static void put_side(const struct page *page, const char *label, enum sp_side side)
{
    const struct sp_diff *diff = page->diff;
    char number[SP_VALUE_TEXT_BYTES];
    fprintf(page->out, "%s: %s, ", label, diff->options.names[side] ? diff->options.names[side] : "");
    put_value(page, diff->whole[side] / diff->scale[side], "", 0);
    if (diff->duration_ns[side] != 0) {
        const char *unit = sp_scaled_text(diff->duration_ns[side], "nanoseconds", SP_UNIT_AUTO, number);
        fprintf(page->out, " in %s%s", number, unit);
    }
    if (side == SP_NEW && diff->options.is_normalized)
        fprintf(page->out, "; multiplied by %.4g, to OLD's total",
                diff->scale[side] / (diff->scale[SP_OLD] > 0 ? diff->scale[SP_OLD] : 1));
    if (diff->options.is_per_second)
        fputs("; values are per second", page->out);
    fputc('\n', page->out);
}

/* How far the numbers can be trusted. */
static void put_errors(const struct page *page)
{
    const struct sp_diff *diff = page->diff;
    if (diff->errors == SP_ERRORS_UNKNOWN) {
        char reason[SP_DIFF_REASON_BYTES];
        sp_diff_why_unknown(diff, reason);
        fprintf(page->out, "Errors: not known, so nothing is marked: %s\n", reason);
        return;
    }
    fprintf(page->out,
            "Errors: ± is the sampling error, 95 %%, and %g %% that runs vary; * differs, in %zu test%s at 95 %%\n",
            100 * diff->options.run_variation, diff->n_tests, diff->n_tests == 1 ? "" : "s together");
}

/* Whether filters have left samples out. */
static bool is_part(const struct sp_diff *diff)
{
    return diff->total.value[SP_OLD] != diff->whole[SP_OLD] || diff->total.value[SP_NEW] != diff->whole[SP_NEW];
}

static void put_total(const struct page *page)
{
    const struct sp_diff_value *total = &page->diff->total;
    fputs(is_part(page->diff) ? "Selected: " : "Total: ", page->out);
    put_value(page, total->value[SP_OLD], "", 0);
    fputs(" to ", page->out);
    put_value(page, total->value[SP_NEW], "", 0);
    fputs(", ", page->out);
    put_change(page, total, 0);
    fputc(' ', page->out);
    put_error(page, total, 0);
    if (has_relative(total)) {
        fputs(", ", page->out);
        put_relative(page, total);
    }
    fputs(total->is_significant ? " *\n" : "\n", page->out);
}

/* The first row that differs, in words. */
static void put_first(const struct page *page)
{
    const struct sp_diff_row *row = &page->diff->rows[0];
    const struct sp_diff_value *value = page->diff->options.by_cum ? &row->cum : &row->flat;
    fprintf(page->out, "%s ", row->name);
    if (has_relative(value)) {
        put_relative(page, value);
    } else {
        put_change(page, value, 0);
        fputc(' ', page->out);
        put_error(page, value, 0);
    }
    fputs(what_became_of(row), page->out);
}

/* "3 functions differ, most of all: parse +20.1% ±2.1". */
static void put_findings(const struct page *page, size_t n)
{
    const struct sp_diff *diff = page->diff;
    const bool by_cum = diff->options.by_cum;
    fprintf(page->out, "%zu %s %s", n, row_words[diff->options.by][n != 1], n == 1 ? "differs" : "differ");
    if (by_cum)
        fprintf(page->out, " with what %s", n == 1 ? "it calls" : "they call");
    fputs(n == 1 ? ": " : ", most of all: ", page->out);
    put_first(page);
    fputc('\n', page->out);
}

/* The answer. */
static void put_headline(const struct page *page)
{
    const struct sp_diff *diff = page->diff;
    const size_t n_by_cum = diff->n_differing_by_cum, n = diff->options.by_cum ? n_by_cum : diff->n_differing;
    if (diff->errors == SP_ERRORS_UNKNOWN)
        fputs("Whether anything differs beyond sampling error is not known\n", page->out);
    else if (n > 0)
        put_findings(page, n);
    else if (n_by_cum > 0 || diff->total.is_significant)
        fprintf(page->out, "No %s differs by itself; %zu with what %s\n", row_words[diff->options.by][0], n_by_cum,
                n_by_cum == 1 ? "it calls" : "they call");
    else if (diff->n_tests == 0)
        fputs("There are too few samples to call anything different\n", page->out);
    else
        fputs("Nothing differs beyond sampling error\n", page->out);
}

/* Five columns: old, new, change, error, and the change in percent. Nothing, where there is nothing on either side. */
static void put_columns(const struct page *page, const struct sp_diff_value *value)
{
    if (value->value[SP_OLD] == 0 && value->value[SP_NEW] == 0) {
        fprintf(page->out, "%*s", 4 * (WIDTH + 1) + WIDTH, "");
        return;
    }
    put_value(page, value->value[SP_OLD], "", WIDTH);
    fputc(' ', page->out);
    put_value(page, value->value[SP_NEW], "", WIDTH);
    fputc(' ', page->out);
    put_change(page, value, WIDTH);
    fputc(' ', page->out);
    put_error(page, value, WIDTH);
    if (has_relative(value))
        fprintf(page->out, " %+*.1f%%", WIDTH - 2, 100 * value->relative);
    else
        fprintf(page->out, " %*s", WIDTH - 1, "");
    fputs(value->is_significant ? "*" : " ", page->out);
}

static void put_row(const struct page *page, const struct sp_diff_row *row)
{
    put_columns(page, &row->flat);
    fprintf(page->out, " %+7.2f ", row->share_change);
    put_columns(page, &row->cum);
    fprintf(page->out, "  %s%s\n", row->name, what_became_of(row));
}

void sp_diff_print(const struct sp_diff *diff, FILE *out)
{
    const struct page page = {.diff = diff, .unit = choose_unit(diff), .out = out};
    put_headline(&page);
    put_side(&page, "Old", SP_OLD);
    put_side(&page, "New", SP_NEW);
    fprintf(out, "Type: %s\n", diff->type);
    sp_report_print_filters(diff->options.active_filters, diff->options.n_active_filters, out);
    put_total(&page);
    put_errors(&page);
    fputs("  flat old   flat new     change      error       in %    share "
          "   cum old    cum new     change      error       in %\n",
          out);
    for (size_t i = 0; i < diff->n_shown; i++)
        put_row(&page, &diff->rows[i]);
}
