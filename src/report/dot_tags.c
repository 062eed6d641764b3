/*
 * The tags below a node. See dot_tags.h.
 *
 * At most four are shown at a node, and four numbers below each; more numbers are put together to ranges.
 *
 * Context: ordinary code.
 */
#include "report/dot_tags.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/measure.h"

enum {
    MOST_TAGS = 4,
    RANGE_BYTES = 2 * SP_REPORT_VALUE_BYTES + 4,
    SOURCE_BYTES = 48,
};

/* What all tags of a node have to do with. */
struct drawing {
    const struct sp_report *report;
    FILE *out;
    bool is_by_flat; /* the node has callees: what they have is not shown at this one */
    bool has_any;
};

static double distance(const struct sp_tag *tag, const struct sp_tag *other)
{
    return fabs((double)tag->number - sp_scale(other->number, other->unit, tag->unit).value);
}

static void number_text(int64_t number, const char *unit, char text[SP_REPORT_VALUE_BYTES])
{
    const char *shown = sp_scaled_text(number, unit, SP_UNIT_AUTO, text);
    size_t length = strlen(text);
    snprintf(text + length, SP_REPORT_VALUE_BYTES - length, "%s", shown);
}

/* Tags that are shown as one. */
struct range {
    const struct sp_tag *first, *least, *most;
    struct sp_tag sum;
    bool is_several;
    char name[RANGE_BYTES];
};

static void add_to_range(struct range *range, const struct sp_tag *tag)
{
    range->is_several = true;
    if (sp_truncated(sp_scale(tag->number, tag->unit, range->least->unit).value) < range->least->number)
        range->least = tag;
    if (sp_truncated(sp_scale(tag->number, tag->unit, range->most->unit).value) > range->most->number)
        range->most = tag;
    range->sum.flat = sp_wrapping_sum(range->sum.flat, tag->flat);
    range->sum.flat_divisor = sp_wrapping_sum(range->sum.flat_divisor, tag->flat_divisor);
    range->sum.cum = sp_wrapping_sum(range->sum.cum, tag->cum);
    range->sum.cum_divisor = sp_wrapping_sum(range->sum.cum_divisor, tag->cum_divisor);
}

static struct sp_tag finished(struct range *range)
{
    char least[SP_REPORT_VALUE_BYTES], most[SP_REPORT_VALUE_BYTES];
    number_text(range->least->number, range->least->unit, least);
    number_text(range->most->number, range->most->unit, most);
    if (range->is_several)
        snprintf(range->name, sizeof(range->name), "%s..%s", least, most);
    else
        snprintf(range->name, sizeof(range->name), "%s", least);
    return (struct sp_tag){
        .texts = "", .name = range->name, .flat = sp_tag_flat(&range->sum), .cum = sp_tag_cum(&range->sum)};
}

/* Puts all tags to the nearest of the first four: `shown` is then those. */
static void collapse(const struct sp_tag *tags, size_t n, struct range ranges[MOST_TAGS],
                     struct sp_tag shown[MOST_TAGS], bool is_by_flat)
{
    for (size_t i = 0; i < MOST_TAGS; i++)
        ranges[i] = (struct range){.first = &tags[i], .least = &tags[i], .most = &tags[i], .sum = tags[i]};
    for (size_t i = MOST_TAGS; i < n; i++) {
        size_t nearest = 0;
        for (size_t j = 1; j < MOST_TAGS; j++) {
            if (distance(&tags[i], ranges[j].first) < distance(&tags[i], ranges[nearest].first))
                nearest = j;
        }
        add_to_range(&ranges[nearest], &tags[i]);
    }
    for (size_t i = 0; i < MOST_TAGS; i++)
        shown[i] = finished(&ranges[i]);
    sp_tags_sort(shown, MOST_TAGS, is_by_flat);
}

/* One tag's box, `prefix` and a number being its name, and the line to it. */
static void write_box(struct drawing *drawing, const char *source, const char *prefix, size_t i, const char *name,
                      int64_t value, const char *style)
{
    char weight[SP_REPORT_VALUE_BYTES];
    sp_report_value_text(drawing->report, value, weight);
    fprintf(drawing->out, "%s_%zu [label = \"%s\" id=\"%s_%zu\" fontsize=8 shape=box3d tooltip=\"%s\"]\n", prefix, i,
            name, prefix, i, weight);
    fprintf(drawing->out, "%s -> %s_%zu [label=\" %s\" weight=100 tooltip=\"%s\" labeltooltip=\"%s\"%s]\n", source,
            prefix, i, weight, weight, weight, style);
    drawing->has_any = true;
}

/* Numbers, below the box `source`. */
static void write_numbers(struct drawing *drawing, struct sp_tag *tags, size_t n, const char *source)
{
    struct range ranges[MOST_TAGS];
    struct sp_tag collapsed[MOST_TAGS];
    char prefix[SOURCE_BYTES + 1];
    snprintf(prefix, sizeof(prefix), "N%s", source);
    sp_tags_sort(tags, n, drawing->is_by_flat);
    const struct sp_tag *shown = tags;
    if (n > MOST_TAGS) {
        collapse(tags, n, ranges, collapsed, drawing->is_by_flat);
        shown = collapsed;
        n = MOST_TAGS;
    }
    for (size_t i = 0; i < n; i++) {
        bool is_flat = drawing->is_by_flat || sp_tag_flat(&shown[i]) == sp_tag_cum(&shown[i]);
        int64_t value = is_flat ? sp_tag_flat(&shown[i]) : sp_tag_cum(&shown[i]);
        if (value != 0)
            write_box(drawing, source, prefix, i, shown[i].name, value, is_flat ? "" : " style=\"dotted\"");
    }
}

/* Numbers of one set of texts that stand in tags[0..n): moved to the front of them. */
static size_t gather_numbers(struct sp_tag *tags, size_t n, const char *texts)
{
    size_t n_found = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(tags[i].texts, texts) != 0)
            continue;
        struct sp_tag found = tags[i];
        tags[i] = tags[n_found];
        tags[n_found++] = found;
    }
    return n_found;
}

static size_t texts_first(struct sp_tag *tags, size_t n)
{
    size_t n_texts = 0;
    for (size_t i = 0; i < n; i++) {
        if (tags[i].name)
            continue;
        struct sp_tag found = tags[i];
        tags[i] = tags[n_texts];
        tags[n_texts++] = found;
    }
    return n_texts;
}

int sp_dot_tags(const struct sp_graph *graph, struct sp_node_tags *tags, uint32_t node, size_t id, bool *has_any,
                FILE *out)
{
    struct drawing drawing = {.report = graph->report, .out = out, .is_by_flat = graph->nodes[node].n_out > 0};
    size_t n = tags->first[node + 1] - tags->first[node];
    struct sp_tag *texts = n ? tags->at + tags->first[node] : NULL;
    size_t n_texts = texts_first(texts, n);
    struct sp_tag *numbers = n ? texts + n_texts : NULL;
    char source[SOURCE_BYTES];
    sp_tags_sort(texts, n_texts, drawing.is_by_flat);
    for (size_t i = 0; i < n_texts && i < MOST_TAGS; i++) {
        int64_t value = drawing.is_by_flat ? sp_tag_flat(&texts[i]) : sp_tag_cum(&texts[i]);
        if (value == 0)
            continue;
        snprintf(source, sizeof(source), "N%zu", id);
        write_box(&drawing, source, source, i, texts[i].texts, value, "");
        snprintf(source, sizeof(source), "N%zu_%zu", id, i);
        write_numbers(&drawing, numbers, gather_numbers(numbers, n - n_texts, texts[i].texts), source);
    }
    snprintf(source, sizeof(source), "N%zu", id);
    write_numbers(&drawing, numbers, gather_numbers(numbers, n - n_texts, ""), source);
    *has_any = drawing.has_any;
    return 0;
}
