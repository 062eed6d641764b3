/*
 * The report `top`. See top_report.h.
 *
 * Layout, numbers, order and what is left out are those of google/pprof as in Go 1.26, so that the two can be read
 * side by side and compared by machines. (Go 1.19 writes the Time line differently.) In particular: functions with
 * less than half a percent of the total are dropped, and one unit is chosen for all values, such that the smallest
 * shown is still more than 0. One thing is left out: the profile's drop_frames and keep_frames are not applied.
 *
 * Context: ordinary code.
 */
#include "report/top_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "profile/measure.h"
#include "report/names.h"
#include "report/nodes.h"

#define NODE_FRACTION 0.005 /* functions below this share of the total are dropped */
#define STEP_FRACTION 0.001 /* calls below it say nothing about inlining */

enum {
    VALUE_WIDTH = 10,
    NS_PER_S = 1000000000,
};

struct top {
    const struct sp_profile *profile;
    FILE *out;
    struct sp_nodes nodes;
    struct sp_node **rows; /* those with a value, not dropped, sorted; the first n_shown are shown */
    size_t n_rows, n_shown, n_dropped;
    size_t value_index;
    const char *type, *unit; /* of the sample type */
    const char *shown_unit;  /* that values are printed in */
};

/* Whether no other sample type has this one's name. pprof cannot tell namesakes apart, and leaves them out. */
static bool is_unique_type(const struct sp_profile *profile, size_t index)
{
    for (size_t i = 0; i < profile->sample_types.n; i++) {
        if (i != index && profile->sample_types.at[i].type == profile->sample_types.at[index].type)
            return false;
    }
    return true;
}

/* The sample type that the profile asks for, or the last one: 0 or -ENODATA. */
static int choose_sample_type(const struct sp_profile *profile, size_t *chosen)
{
    size_t n_unique = 0, first = 0, last = 0;
    for (size_t i = 0; i < profile->sample_types.n; i++) {
        if (!is_unique_type(profile, i))
            continue;
        if (profile->default_sample_type != 0 && profile->sample_types.at[i].type == profile->default_sample_type) {
            *chosen = i;
            return 0;
        }
        first = n_unique++ == 0 ? i : first;
        last = i;
    }
    if (n_unique == 0)
        return -ENODATA;
    *chosen = n_unique == profile->sample_types.n ? last : first;
    return 0;
}

static int compare_magnitudes(int64_t a, int64_t b)
{
    int64_t left = sp_magnitude(a), right = sp_magnitude(b);
    return (left < right) - (left > right);
}

static int compare_rows(const struct sp_node *a, const struct sp_node *b, bool by_cum)
{
    int order = by_cum ? compare_magnitudes(a->cum, b->cum) : compare_magnitudes(a->flat, b->flat);
    if (order == 0)
        order = sp_node_compare_shown(a, b);
    if (order == 0)
        order = by_cum ? compare_magnitudes(a->flat, b->flat) : compare_magnitudes(a->cum, b->cum);
    return order ? order : sp_node_compare_hidden(a, b);
}

static int compare_by_flat(const void *a, const void *b)
{
    return compare_rows(*(struct sp_node *const *)a, *(struct sp_node *const *)b, false);
}

static int compare_by_cum(const void *a, const void *b)
{
    return compare_rows(*(struct sp_node *const *)a, *(struct sp_node *const *)b, true);
}

/* The share of a value, as a limit. */
static int64_t share(int64_t value, double fraction)
{
    return sp_magnitude(sp_truncated((double)value * fraction));
}

static int64_t sum_of_flat(const struct sp_nodes *nodes)
{
    int64_t sum = 0;
    for (size_t i = 0; i < nodes->n; i++)
        sum = sp_wrapping_sum(sum, nodes->at[i].flat);
    return sum;
}

/* Picks the nodes with a value and drops the small ones. */
static int select_rows(struct top *top, int64_t node_cutoff)
{
    top->rows = reallocarray(NULL, top->nodes.n + 1, sizeof(struct sp_node *));
    if (!top->rows)
        return -ENOMEM;
    for (size_t i = 0; i < top->nodes.n; i++) {
        struct sp_node *node = &top->nodes.at[i];
        if (node->flat == 0 && node->cum == 0)
            continue;
        if (sp_magnitude(node->cum) < node_cutoff)
            top->n_dropped++;
        else
            top->rows[top->n_rows++] = node;
    }
    return 0;
}

static int choose_rows(struct top *top, const struct sp_top_options *options)
{
    int64_t flat_sum = sum_of_flat(&top->nodes);
    int error = select_rows(top, share(flat_sum, NODE_FRACTION));
    if (error)
        return error;
    qsort(top->rows, top->n_rows, sizeof(struct sp_node *), options->by_cum ? compare_by_cum : compare_by_flat);
    top->n_shown = options->n && options->n < top->n_rows ? options->n : top->n_rows;
    for (size_t i = 0; i < top->n_shown; i++)
        top->rows[i]->is_kept = true;
    bool is_trimmed = top->n_dropped > 0 || top->n_shown < top->n_rows;
    return sp_nodes_find_inlines(&top->nodes, top->value_index, is_trimmed, share(flat_sum, STEP_FRACTION));
}

/* The smallest magnitude of a shown value that is not 0; the total when there is none. */
static int64_t smallest_value(const struct top *top)
{
    int64_t smallest = 0;
    for (size_t i = 0; i < top->n_shown; i++) {
        int64_t value = sp_magnitude(top->rows[i]->flat);
        if (value == 0)
            value = sp_magnitude(top->rows[i]->cum);
        if (value > 0 && (smallest == 0 || value < smallest))
            smallest = value;
    }
    return smallest ? smallest : top->nodes.total;
}

/* 100 * value modulo 2^64. */
static int64_t hundredfold(int64_t value)
{
    return (int64_t)((uint64_t)value * 100);
}

/* The unit for all values: that of the smallest, or a larger one that still leaves it two decimals. */
static void choose_unit(struct top *top)
{
    top->shown_unit = SP_UNIT_AUTO;
    if (top->n_shown == 0)
        return;
    int64_t smallest = smallest_value(top), largest = top->nodes.total;
    const char *unit = sp_scale(smallest, top->unit, SP_UNIT_AUTO).unit;
    if (strcmp(unit, sp_scale(largest, top->unit, SP_UNIT_AUTO).unit) != 0 && hundredfold(smallest) < largest)
        unit = sp_scale(hundredfold(smallest), top->unit, SP_UNIT_AUTO).unit;
    top->shown_unit = unit[0] ? unit : top->unit;
}

/* How many characters (not bytes) a text has. */
static int n_characters(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Prints a value with its unit, right-aligned in `width` characters. */
static void print_value(const struct top *top, int64_t value, int width)
{
    char number[SP_VALUE_TEXT_BYTES];
    const char *unit = sp_scaled_text(value, top->unit, top->shown_unit, number);
    int padding = width - n_characters(number) - n_characters(unit);
    fprintf(top->out, "%*s%s%s", padding > 0 ? padding : 0, "", number, unit);
}

static void print_percent(const struct top *top, int64_t value, int64_t total)
{
    char text[SP_PERCENT_TEXT_BYTES];
    sp_percent_text(value, total, text);
    fputs(text, top->out);
}

/* The executable: the first mapping. */
static void print_executable(const struct top *top)
{
    if (top->profile->mappings.n == 0)
        return;
    const struct sp_mapping *mapping = &top->profile->mappings.at[0];
    const char *file = sp_profile_text(top->profile, mapping->file);
    if (file[0] && !(mapping->build_id == 0 && sp_is_address_of_profile(file))) {
        size_t length;
        const char *base = sp_base_name(file, &length);
        fprintf(top->out, "File: %.*s\n", (int)length, base);
    }
    if (mapping->build_id != 0)
        fprintf(top->out, "Build ID: %s\n", sp_profile_text(top->profile, mapping->build_id));
}

/* Comments, except those that are marked as not for reports. */
static void print_comments(const struct top *top)
{
    for (size_t i = 0; i < top->profile->comments.n; i++) {
        const char *comment = sp_profile_text(top->profile, top->profile->comments.at[i]);
        if (comment[0] != '#')
            fprintf(top->out, "%s\n", comment);
    }
}

static void print_time(const struct top *top)
{
    int64_t ns = top->profile->time_ns;
    time_t seconds = (time_t)(ns / NS_PER_S - (ns % NS_PER_S < 0)); /* rounded down, also before 1970 */
    struct tm local;
    char text[64];
    if (ns != 0 && localtime_r(&seconds, &local) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &local))
        fprintf(top->out, "Time: %s\n", text);
}

static void print_duration(const struct top *top)
{
    int64_t duration_ns = top->profile->duration_ns;
    if (duration_ns == 0)
        return;
    char number[SP_VALUE_TEXT_BYTES];
    const char *unit = sp_scaled_text(duration_ns, "nanoseconds", SP_UNIT_AUTO, number);
    fprintf(top->out, "Duration: %s%s, Total samples = ", number, unit);
    print_value(top, top->nodes.total, 0);
    fputc(' ', top->out);
    struct sp_scaled total = sp_scale(top->nodes.total, top->unit, "nanoseconds");
    if (strcmp(total.unit, "ns") == 0 && total.value != 0) {
        fputc('(', top->out);
        print_percent(top, sp_truncated(total.value), duration_ns);
        fputc(')', top->out);
    }
    fputc('\n', top->out);
}

static void print_header(const struct top *top)
{
    print_executable(top);
    print_comments(top);
    if (top->type[0])
        fprintf(top->out, "Type: %s\n", top->type);
    if (top->profile->doc_url != 0)
        fprintf(top->out, "Doc: %s\n", sp_profile_text(top->profile, top->profile->doc_url));
    print_time(top);
    print_duration(top);
}

/* What is shown, and what is not. */
static void print_selection(const struct top *top)
{
    int64_t total = top->nodes.total, shown = 0;
    for (size_t i = 0; i < top->n_shown; i++)
        shown = sp_wrapping_sum(shown, top->rows[i]->flat);
    char percent[SP_PERCENT_TEXT_BYTES];
    sp_percent_text(shown, total, percent);
    fputs("Showing nodes accounting for ", top->out);
    print_value(top, shown, 0);
    fprintf(top->out, ", %s of ", percent + strspn(percent, " "));
    print_value(top, total, 0);
    fputs(" total\n", top->out);
    if (total != 0 && top->n_dropped > 0) {
        fprintf(top->out, "Dropped %zu node%s (cum <= ", top->n_dropped, top->n_dropped > 1 ? "s" : "");
        print_value(top, share(total, NODE_FRACTION), 0);
        fputs(")\n", top->out);
    }
    if (total != 0 && top->n_shown > 0 && top->n_shown < top->n_rows)
        fprintf(top->out, "Showing top %zu nodes out of %zu\n", top->n_shown, top->n_rows);
}

static const char *inline_mark(const struct sp_node *node)
{
    if (!node->is_inlined)
        return "";
    return node->is_called ? " (partial-inline)" : " (inline)";
}

static void print_row(const struct top *top, const struct sp_node *node, int64_t flat_so_far)
{
    int64_t total = top->nodes.total;
    print_value(top, node->flat, VALUE_WIDTH);
    fputc(' ', top->out);
    print_percent(top, node->flat, total);
    fputc(' ', top->out);
    print_percent(top, flat_so_far, total);
    fputc(' ', top->out);
    print_value(top, node->cum, VALUE_WIDTH);
    fputc(' ', top->out);
    print_percent(top, node->cum, total);
    struct sp_node_name name = sp_node_name(node);
    fprintf(top->out, "  %s%.*s%s%s\n", name.open, (int)name.length, name.text, name.close, inline_mark(node));
}

static void print_rows(const struct top *top)
{
    int64_t flat_so_far = 0;
    fprintf(top->out, "%10s %5s%% %5s%% %10s %5s%%\n", "flat", "flat", "sum", "cum", "cum");
    for (size_t i = 0; i < top->n_shown; i++) {
        flat_so_far = sp_wrapping_sum(flat_so_far, top->rows[i]->flat);
        print_row(top, top->rows[i], flat_so_far);
    }
}

int sp_report_top(const struct sp_profile *profile, const struct sp_top_options *options, FILE *out)
{
    struct top top = {.profile = profile, .out = out};
    int error = choose_sample_type(profile, &top.value_index);
    if (error)
        return error;
    const struct sp_value_type *type = &profile->sample_types.at[top.value_index];
    top.type = sp_profile_text(profile, type->type);
    top.unit = sp_profile_text(profile, type->unit);
    error = sp_nodes_init(&top.nodes, profile, top.value_index);
    if (!error)
        error = choose_rows(&top, options);
    if (!error) {
        choose_unit(&top);
        print_header(&top);
        print_selection(&top);
        print_rows(&top);
    }
    free(top.rows);
    sp_nodes_done(&top.nodes);
    return error;
}
