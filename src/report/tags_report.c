/*
 * The report `tags`: for each label's key its values, with the sums of the samples that have them, as `pprof -tags`
 * prints it.
 *
 * Place on the way of a sample: profile → select → *this* → what the user reads.
 *
 * A label is looked up by key and value, without making its text. Only what is seen for the first time is formatted,
 * and then found again by its text: "1kB" may be many numbers.
 *
 *   label ──seen──▶ tag (key, text, sum)
 *
 * Context: ordinary code of one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "profile/measure.h"
#include "report/columns.h"
#include "report/label_lines.h"
#include "report/report_json.h"
#include "util/arena.h"
#include "util/hash.h"

struct tag {
    uint32_t key;
    const char *text;
    int64_t sum;
};

/* A label's value, and its tag. */
struct seen {
    uint32_t key, str, tag;
    int64_t num;
};

struct tags {
    const struct sp_report *report;
    struct tag *at;
    size_t n, capacity;
    struct seen *seen;
    size_t n_seen, seen_capacity;
    struct sp_index *index, *seen_index;
    struct sp_arena *texts;
};

/* Room for one more item of `bytes` bytes. */
static bool has_room(void **at, size_t n, size_t *capacity, size_t bytes)
{
    if (n < *capacity)
        return true;
    size_t larger = *capacity ? *capacity * 2 : 64;
    void *moved = n < SP_NONE ? reallocarray(*at, larger, bytes) : NULL;
    if (!moved)
        return false;
    *at = moved;
    *capacity = larger;
    return true;
}

static uint32_t add_tag(struct tags *tags, uint32_t key, const char *text, uint64_t hash)
{
    void *at = tags->at;
    if (!has_room(&at, tags->n, &tags->capacity, sizeof(*tags->at)))
        return SP_NONE;
    tags->at = at;
    tags->at[tags->n] = (struct tag){.key = key, .text = sp_arena_copy(tags->texts, text, strlen(text))};
    if (!tags->at[tags->n].text || sp_index_put(tags->index, hash, (uint32_t)tags->n) != 0)
        return SP_NONE;
    return (uint32_t)tags->n++;
}

/* The tag of `key` and `text`, new where needed; SP_NONE when there is no memory. */
static uint32_t find_tag(struct tags *tags, uint32_t key, const char *text)
{
    uint64_t hash = sp_hash_bytes(sp_hash_word(sp_hash_seed(), key), text, strlen(text));
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(tags->index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(tags->index, &probe)) {
        if (tags->at[i].key == key && strcmp(tags->at[i].text, text) == 0)
            return i;
    }
    return add_tag(tags, key, text, hash);
}

static uint32_t find_new(struct tags *tags, const struct sp_label *label)
{
    const struct sp_report *report = tags->report;
    if (sp_label_is_text(label))
        return find_tag(tags, label->key, sp_profile_text(report->profile, label->str));
    char number[SP_VALUE_TEXT_BYTES];
    const char *unit =
        sp_scaled_text(label->num, sp_label_unit(report->label_units, label->key), report->options.unit, number);
    char *text = NULL;
    if (asprintf(&text, "%s%s", number, unit) < 0)
        return SP_NONE;
    uint32_t tag = find_tag(tags, label->key, text);
    free(text);
    return tag;
}

static uint32_t remember(struct tags *tags, const struct sp_label *label, uint64_t hash)
{
    void *at = tags->seen;
    uint32_t tag = find_new(tags, label);
    if (tag == SP_NONE || !has_room(&at, tags->n_seen, &tags->seen_capacity, sizeof(*tags->seen)))
        return SP_NONE;
    tags->seen = at;
    tags->seen[tags->n_seen] = (struct seen){label->key, label->str, tag, label->num};
    if (sp_index_put(tags->seen_index, hash, (uint32_t)tags->n_seen) != 0)
        return SP_NONE;
    tags->n_seen++;
    return tag;
}

/* The tag of a label; SP_NONE when there is no memory. */
static uint32_t tag_of(struct tags *tags, const struct sp_label *label)
{
    int64_t num = label->str ? 0 : label->num;
    struct sp_label plain = {.key = label->key, .str = label->str, .num = num, .unit = label->unit};
    uint64_t hash = sp_hash_word(sp_hash_seed(), (uint64_t)label->key << 32 | label->str);
    hash = sp_hash_word(hash, (uint64_t)num);
    struct sp_probe probe;
    for (uint32_t i = sp_index_first(tags->seen_index, hash, &probe); i != SP_INDEX_NONE;
         i = sp_index_next(tags->seen_index, &probe)) {
        const struct seen *seen = &tags->seen[i];
        if (seen->key == label->key && seen->str == label->str && seen->num == num)
            return seen->tag;
    }
    return remember(tags, &plain, hash);
}

static int add_sample(struct tags *tags, size_t i)
{
    const struct sp_profile *profile = tags->report->profile;
    const struct sp_sample *sample = &profile->samples.at[i];
    for (uint32_t label = 0; label < sample->n_labels; label++) {
        const struct sp_label *at = &profile->labels.at[sample->first_label + label];
        if (!sp_label_is_text(at) && !sp_label_is_number(at))
            continue;
        uint32_t tag = tag_of(tags, at);
        if (tag == SP_NONE)
            return -ENOMEM;
        tags->at[tag].sum = sp_wrapping_sum(tags->at[tag].sum, sp_report_value(tags->report, i));
    }
    return 0;
}

/* By key's name, then the largest magnitudes first, then by text. */
static int compare(const void *a, const void *b, void *profile)
{
    const struct tag *left = a, *right = b;
    if (left->key != right->key)
        return strcmp(sp_profile_text(profile, left->key), sp_profile_text(profile, right->key));
    uint64_t left_size = (uint64_t)sp_magnitude(left->sum), right_size = (uint64_t)sp_magnitude(right->sum);
    if (left_size != right_size)
        return left_size > right_size ? -1 : 1;
    return strcmp(left->text, right->text);
}

static int collect(struct tags *tags, struct sp_report *report)
{
    *tags =
        (struct tags){.report = report, .index = sp_index_new(), .seen_index = sp_index_new(), .texts = sp_arena_new()};
    int error = tags->index && tags->seen_index && tags->texts ? 0 : -ENOMEM;
    for (size_t i = 0; !error && i < report->profile->samples.n; i++)
        error = add_sample(tags, i);
    if (!error && tags->n > 1)
        qsort_r(tags->at, tags->n, sizeof(*tags->at), compare, report->profile);
    return error;
}

static void tags_done(struct tags *tags)
{
    free(tags->at);
    free(tags->seen);
    sp_index_free(tags->index);
    sp_index_free(tags->seen_index);
    sp_arena_free(tags->texts);
}

/* The end of the key's tags that begin at `first`, and their sum. */
static size_t end_of_key(const struct tags *tags, size_t first, int64_t *sum)
{
    size_t end = first;
    *sum = 0;
    for (; end < tags->n && tags->at[end].key == tags->at[first].key; end++)
        *sum = sp_wrapping_sum(*sum, tags->at[end].sum);
    return end;
}

/* " (50.00%)", or nothing where there is no total. */
static void put_percent(const struct sp_report *report, int64_t value, FILE *out)
{
    char percent[SP_PERCENT_TEXT_BYTES];
    if (report->total <= 0)
        return;
    sp_percent_text(value, report->total, percent);
    fprintf(out, " (%s)", percent);
}

/* The block of one key, columns being separated by tabs. */
static void put_key(const struct tags *tags, size_t first, size_t end, int64_t sum, FILE *out)
{
    const struct sp_report *report = tags->report;
    char value[SP_REPORT_VALUE_BYTES], total[SP_REPORT_VALUE_BYTES];
    sp_report_value_text(report, sum, value);
    sp_report_value_text(report, report->total, total);
    fprintf(out, "%s:\t Total %s of %s", sp_profile_text(report->profile, tags->at[first].key), value, total);
    put_percent(report, sum, out);
    fputc('\n', out);
    for (size_t i = first; i < end; i++) {
        sp_report_value_text(report, tags->at[i].sum, value);
        fprintf(out, " \t%s", value);
        put_percent(report, tags->at[i].sum, out);
        fprintf(out, ":\t %s\n", tags->at[i].text);
    }
    fputc('\n', out);
}

/* All blocks, to be freed: 0 or -ENOMEM. */
static int make_text(const struct tags *tags, char **text, size_t *size)
{
    FILE *memory = open_memstream(text, size);
    if (!memory)
        return -ENOMEM;
    int64_t sum;
    for (size_t first = 0, end; first < tags->n; first = end) {
        end = end_of_key(tags, first, &sum);
        put_key(tags, first, end, sum, memory);
    }
    bool has_failed = ferror(memory);
    return fclose(memory) == 0 && !has_failed ? 0 : -ENOMEM;
}

static int print(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    struct tags tags;
    char *text = NULL;
    size_t size = 0;
    int error = collect(&tags, report);
    if (!error)
        error = make_text(&tags, &text, &size);
    if (!error)
        error = sp_columns_print(text, size, out);
    free(text);
    tags_done(&tags);
    return error;
}

static void put_json_key(struct sp_json *json, const struct tags *tags, size_t first, size_t end, int64_t sum)
{
    sp_json_line(json);
    sp_json_begin(json, '{');
    sp_json_put_string(json, "key", sp_profile_text(tags->report->profile, tags->at[first].key));
    sp_json_put_int(json, "value", sp_report_divided(tags->report, sum));
    sp_json_open(json, "tags", '[');
    for (size_t i = first; i < end; i++) {
        sp_json_begin(json, '{');
        sp_json_put_string(json, "tag", tags->at[i].text);
        sp_json_put_int(json, "value", sp_report_divided(tags->report, tags->at[i].sum));
        sp_json_end(json, '}');
    }
    sp_json_end(json, ']');
    sp_json_end(json, '}');
}

static int print_json(struct sp_report *report, FILE *out, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    struct tags tags;
    struct sp_json json;
    int64_t sum;
    int error = collect(&tags, report);
    if (!error) {
        sp_report_json_begin(&json, report, "tags", out);
        sp_json_open(&json, "keys", '[');
        for (size_t first = 0, end; first < tags.n; first = end) {
            end = end_of_key(&tags, first, &sum);
            put_json_key(&json, &tags, first, end, sum);
        }
        sp_json_end(&json, ']');
        sp_report_json_end(&json);
    }
    tags_done(&tags);
    return error;
}

const struct sp_report_kind sp_report_tags = {.name = "tags", .print = print, .print_json = print_json};
