/*
 * Merging of profiles: what counts as the same, order, headers, sample types and units, facts and accounts. Expected
 * values follow from pprof's rules (google/pprof, profile/merge.go); tests/e2e/test_merge.py asks pprof itself.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>

#include "profile/merge.h"
#include "profile/scale.h"

enum { WHY_BYTES = 300 };

static struct sp_profile *new_profile(const char *type, const char *unit)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_profile_add_sample_type(profile, type, unit);
    return profile;
}

static struct sp_profile *new_cpu(void)
{
    return new_profile("cpu", "nanoseconds");
}

static uint32_t add_mapping(struct sp_profile *profile, uint64_t start, uint64_t limit, const char *file,
                            const char *build_id)
{
    const struct sp_mapping mapping = {.start = start,
                                       .limit = limit,
                                       .file = sp_profile_string(profile, file),
                                       .build_id = sp_profile_string(profile, build_id)};
    return sp_profile_add_mapping(profile, &mapping);
}

static uint32_t add_function(struct sp_profile *profile, const char *name)
{
    const struct sp_function function = {.name = sp_profile_string(profile, name)};
    return sp_profile_function(profile, &function);
}

/* A location with one line. */
static uint32_t add_location(struct sp_profile *profile, uint32_t mapping, uint64_t address, const char *name,
                             int64_t number)
{
    const struct sp_location location = {.mapping = mapping, .address = address};
    const struct sp_line line = {.function = add_function(profile, name), .line = number};
    return sp_profile_add_location(profile, &location, &line, 1);
}

static void add_sample(struct sp_profile *profile, uint32_t location, int64_t value)
{
    const int64_t values[] = {value, value, value, value};
    sp_profile_append_sample(profile, &location, 1, NULL, 0, values);
}

/* Merges and frees. */
static struct sp_profile *merge(struct sp_profile *const *profiles, size_t n)
{
    struct sp_profile *merged = NULL;
    char why[WHY_BYTES] = "";
    if (sp_profile_merge(profiles, n, &merged, why, sizeof why) != 0)
        fail_msg("not merged: %s", why);
    if (sp_profile_check(merged, why, sizeof why) != 0)
        fail_msg("what was merged does not hold together: %s", why);
    for (size_t i = 0; i < n; i++)
        sp_profile_free(profiles[i]);
    return merged;
}

static const char *name_of(const struct sp_profile *profile, size_t sample)
{
    uint32_t location = profile->sample_locations.at[profile->samples.at[sample].first_location];
    const struct sp_line *line = &profile->lines.at[profile->locations.at[location].first_line];
    return sp_profile_text(profile, profile->functions.at[line->function].name);
}

static void test_same_code_at_another_address_is_the_same(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu(), *b = new_cpu();
    uint32_t in_a = add_mapping(a, 0x10000, 0x20000, "/bin/x", "ab");
    uint32_t in_b = add_mapping(b, 0x70000, 0x7f001, "/elsewhere/x", "ab"); /* as many pages */
    add_sample(a, add_location(a, in_a, 0x10100, "f", 1), 5);
    add_sample(b, add_location(b, in_b, 0x70100, "f", 1), 7);
    add_sample(b, add_location(b, in_b, 0x70200, "f", 1), 9);
    struct sp_profile *merged = merge((struct sp_profile *const[]){a, b}, 2);
    assert_int_equal(merged->mappings.n, 1);
    assert_int_equal(merged->functions.n, 1);
    assert_int_equal(merged->locations.n, 2);
    assert_int_equal(merged->locations.at[1].address, 0x10200);
    assert_int_equal(merged->samples.n, 2);
    assert_int_equal(merged->values.at[0], 12);
    assert_int_equal(merged->values.at[1], 9);
    sp_profile_free(merged);
}

static void test_mappings_differ_by_size_offset_and_build_id(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu();
    const uint32_t mappings[] = {add_mapping(a, 0, 0x1000, "x", ""),   add_mapping(a, 0, 0x2000, "x", ""),
                                 add_mapping(a, 0, 0x1000, "y", ""),   add_mapping(a, 0, 0x1000, "x", "ab"),
                                 add_mapping(a, 0, 0x0fff, "y", "ab"), add_mapping(a, 0, 0x1000, "", "x")};
    a->mappings.at[1].file_offset = 0;
    for (size_t i = 0; i < sizeof mappings / sizeof mappings[0]; i++)
        add_sample(a, add_location(a, mappings[i], 1, "f", 1), 1);
    struct sp_profile *merged = merge((struct sp_profile *const[]){a}, 1);
    /* The fifth is the fourth by its build id; the sixth has a build id that is spelled as the first one's file. */
    assert_int_equal(merged->mappings.n, 4);
    sp_profile_free(merged);
}

static void test_first_mapping_stays_first_and_others_come_as_needed(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu();
    add_mapping(a, 0x1000, 0x2000, "program", "");
    add_mapping(a, 0x3000, 0x5000, "unused", "");
    uint32_t used = add_mapping(a, 0x6000, 0x9000, "used", "");
    add_location(a, used, 0x6001, "unused", 1);
    add_sample(a, add_location(a, used, 0x6002, "f", 1), 1);
    struct sp_profile *merged = merge((struct sp_profile *const[]){a}, 1);
    assert_int_equal(merged->mappings.n, 2);
    assert_string_equal(sp_profile_text(merged, merged->mappings.at[0].file), "program");
    assert_int_equal(merged->locations.n, 1);
    assert_int_equal(merged->functions.n, 1);
    sp_profile_free(merged);
}

static uint32_t string_of(const struct sp_profile *profile, const char *text)
{
    for (uint32_t i = 0; i < profile->strings.n; i++)
        if (strcmp(sp_profile_text(profile, i), text) == 0)
            return i;
    fail_msg("there is no string \"%s\"", text);
    return SP_NONE;
}

static void test_strings_come_sample_by_sample(void **state)
{
    (void)state;
    const char *const functions[] = {"f", "g"}, *const keys[] = {"of f", "of g"};
    struct sp_profile *a = new_cpu();
    for (size_t i = 2; i-- > 0;)
        add_location(a, SP_NONE, i, functions[i], 1);
    for (uint32_t i = 0; i < 2; i++) {
        const struct sp_label label = {.key = sp_profile_string(a, keys[i]), .num = 1};
        const uint32_t stack[] = {1 - i, 1 - i, 1};
        sp_profile_append_sample(a, stack, 3, &label, 1, (const int64_t[]){1});
    }
    struct sp_profile *merged = merge((struct sp_profile *const[]){a}, 1);
    assert_int_equal(merged->locations.n, 2);
    assert_true(string_of(merged, "f") < string_of(merged, "of f"));
    assert_true(string_of(merged, "of f") < string_of(merged, "g"));
    assert_true(string_of(merged, "g") < string_of(merged, "of g"));
    sp_profile_free(merged);
}

static void test_locations_differ_by_lines_and_outermost_column(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu();
    uint32_t f = add_function(a, "f"), g = add_function(a, "g");
    const struct sp_location location = {.mapping = SP_NONE, .address = 1};
    const struct sp_line lines[][2] = {
        {{f, 1, 1}, {g, 2, 1}}, {{f, 1, 9}, {g, 2, 1}}, {{f, 1, 1}, {g, 2, 9}}, {{f, 2, 1}, {g, 2, 1}}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        add_sample(a, sp_profile_add_location(a, &location, lines[i], 2), 1);
    struct sp_profile *merged = merge((struct sp_profile *const[]){a}, 1);
    assert_int_equal(merged->locations.n, 3); /* the second is the first */
    assert_int_equal(merged->values.at[0], 2);
    sp_profile_free(merged);
}

static void add_labelled(struct sp_profile *profile, uint32_t location, const struct sp_label *labels, uint32_t n)
{
    sp_profile_append_sample(profile, &location, 1, labels, n, (const int64_t[]){1});
}

static void test_labels_are_the_same_in_any_order_of_keys(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu();
    uint32_t at = add_location(a, SP_NONE, 1, "f", 1);
    uint32_t b = sp_profile_string(a, "b"), c = sp_profile_string(a, "c"), x = sp_profile_string(a, "x");
    const struct sp_label number = {.key = c, .num = 7, .unit = x}, text = {.key = c, .str = x}, other = {b, x, 0, 0};
    const struct sp_label zero = {.key = x};
    add_labelled(a, at, (const struct sp_label[]){number, text, other}, 3);
    add_labelled(a, at, (const struct sp_label[]){other, zero, text, number}, 4);
    add_labelled(a, at, (const struct sp_label[]){text, other}, 2);
    add_labelled(a, at, (const struct sp_label[]){text, text, other}, 3);
    struct sp_profile *merged = merge((struct sp_profile *const[]){a}, 1);
    assert_int_equal(merged->samples.n, 3);
    assert_int_equal(merged->values.at[0], 2);
    assert_int_equal(merged->samples.at[0].n_labels, 3);
    const struct sp_label *labels = merged->labels.at + merged->samples.at[0].first_label;
    assert_string_equal(sp_profile_text(merged, labels[0].key), "b");
    assert_string_equal(sp_profile_text(merged, labels[1].str), "x");
    assert_int_equal(labels[2].num, 7);
    sp_profile_free(merged);
}

static void test_zero_samples_go_before_and_after_adding_up(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu(), *b = new_cpu();
    add_sample(a, add_location(a, SP_NONE, 1, "zero", 1), 0);
    add_sample(a, add_location(a, SP_NONE, 2, "cancelled", 1), 5);
    add_sample(a, add_location(a, SP_NONE, 3, "kept", 1), 5);
    add_sample(b, add_location(b, SP_NONE, 2, "cancelled", 1), -5);
    struct sp_profile *merged = merge((struct sp_profile *const[]){a, b}, 2);
    assert_int_equal(merged->samples.n, 1);
    assert_int_equal(merged->functions.n, 1);
    assert_string_equal(name_of(merged, 0), "kept");
    sp_profile_free(merged);
}

static void test_headers_are_combined(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu(), *b = new_cpu(), *c = new_cpu();
    const int64_t times[] = {50, 40, 60}, periods[] = {0, 20, 10};
    struct sp_profile *const all[] = {a, b, c};
    for (size_t i = 0; i < 3; i++) {
        all[i]->time_ns = times[i];
        all[i]->period = periods[i];
        all[i]->duration_ns = 100;
    }
    sp_profile_add_comment(a, "one");
    sp_profile_add_comment(b, "two");
    sp_profile_add_comment(b, "one");
    b->doc_url = sp_profile_string(b, "url");
    b->default_sample_type = sp_profile_string(b, "cpu");
    a->drop_frames = sp_profile_string(a, "drop");
    b->keep_frames = sp_profile_string(b, "keep");
    struct sp_profile *merged = merge(all, 3);
    assert_int_equal(merged->time_ns, 40);
    assert_int_equal(merged->duration_ns, 300);
    assert_int_equal(merged->period, 20);
    assert_int_equal(merged->comments.n, 2);
    assert_string_equal(sp_profile_text(merged, merged->comments.at[1]), "two");
    assert_string_equal(sp_profile_text(merged, merged->doc_url), "url");
    assert_string_equal(sp_profile_text(merged, merged->default_sample_type), "cpu");
    assert_string_equal(sp_profile_text(merged, merged->drop_frames), "drop");
    assert_int_equal(merged->keep_frames, 0);
    sp_profile_free(merged);
}

/* As pprof has it: a time of 0 counts, unless it is the first. */
static void test_time_zero_is_the_earliest_until_the_next(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu(), *b = new_cpu();
    a->time_ns = 50;
    struct sp_profile *merged = merge((struct sp_profile *const[]){a, b}, 2);
    assert_int_equal(merged->time_ns, 0);
    sp_profile_free(merged);
}

static struct sp_profile *new_typed(const char *const *types, size_t n, uint64_t address)
{
    struct sp_profile *profile = sp_profile_new();
    const int64_t values[] = {1, 10, 100, 1000};
    for (size_t i = 0; i < n; i++)
        sp_profile_add_sample_type(profile, types[i], "count");
    uint32_t location = add_location(profile, SP_NONE, address, "f", 1);
    sp_profile_append_sample(profile, &location, 1, NULL, 0, values);
    return profile;
}

static void test_common_sample_types_are_kept_in_the_first_order(void **state)
{
    (void)state;
    struct sp_profile *a = new_typed((const char *const[]){"x", "y", "z"}, 3, 1);
    struct sp_profile *b = new_typed((const char *const[]){"z", "y"}, 2, 1);
    struct sp_profile *c = new_typed((const char *const[]){"y", "w", "z"}, 3, 2);
    const int64_t only_x[] = {7, 0, 0};
    uint32_t location = add_location(a, SP_NONE, 9, "only x", 1);
    sp_profile_append_sample(a, &location, 1, NULL, 0, only_x);
    a->default_sample_type = sp_profile_string(a, "x");
    struct sp_profile *merged = merge((struct sp_profile *const[]){a, b, c}, 3);
    assert_int_equal(merged->sample_types.n, 2);
    assert_string_equal(sp_profile_text(merged, merged->sample_types.at[0].type), "y");
    assert_string_equal(sp_profile_text(merged, merged->default_sample_type), "y");
    assert_int_equal(merged->samples.n, 2);
    assert_int_equal(merged->values.at[0], 20);
    assert_int_equal(merged->values.at[1], 101);
    assert_int_equal(merged->values.at[2], 1);
    assert_int_equal(merged->values.at[3], 100);
    sp_profile_free(merged);
}

static void test_units_meet_at_the_finest(void **state)
{
    (void)state;
    struct sp_profile *a = new_profile("cpu", "milliseconds"), *b = new_profile("cpu", "us");
    struct sp_profile *c = new_profile("cpu", "s");
    struct sp_profile *const all[] = {a, b, c};
    const char *const units[] = {"ms", "microseconds", "seconds"};
    for (size_t i = 0; i < 3; i++) {
        all[i]->period_type.type = sp_profile_string(all[i], "cpu");
        all[i]->period_type.unit = sp_profile_string(all[i], units[i]);
        all[i]->period = 3;
        add_sample(all[i], add_location(all[i], SP_NONE, 1, "f", 1), 2);
    }
    struct sp_profile *merged = merge(all, 3);
    assert_string_equal(sp_profile_text(merged, merged->sample_types.at[0].unit), "us");
    assert_string_equal(sp_profile_text(merged, merged->period_type.unit), "microseconds");
    assert_int_equal(merged->values.at[0], 2002002);
    assert_int_equal(merged->period, 3000000);
    sp_profile_free(merged);
}

static void assert_refused(struct sp_profile *a, struct sp_profile *b, const char *expected)
{
    struct sp_profile *merged = NULL;
    char why[WHY_BYTES] = "";
    assert_int_equal(sp_profile_merge((struct sp_profile *const[]){a, b}, 2, &merged, why, sizeof why), -EINVAL);
    assert_string_equal(why, expected);
    assert_null(merged);
    sp_profile_free(a);
    sp_profile_free(b);
}

static void test_what_does_not_go_together_is_refused(void **state)
{
    (void)state;
    assert_refused(new_profile("cpu", "ns"), new_profile("space", "bytes"),
                   "its sample types (space) are none that all the profiles before it have (cpu)");
    assert_refused(new_profile("x", "ns"), new_profile("x", "bytes"),
                   "its samples are x/bytes, those of the profiles before it x/ns: they do not add up");
    struct sp_profile *a = new_cpu(), *b = new_cpu();
    a->period_type.type = sp_profile_string(a, "cpu");
    b->period_type.type = sp_profile_string(b, "wall");
    assert_refused(a, b, "its period is of wall/, that of the profiles before it of cpu/: they do not add up");
    struct sp_profile *merged = NULL;
    char why[WHY_BYTES];
    assert_int_equal(sp_profile_merge(NULL, 0, &merged, why, sizeof why), -EINVAL);
}

/* After a profile that does not fit, others still may be added. */
static void test_merger_goes_on_after_a_refusal(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu(), *b = new_profile("space", "bytes"), *merged;
    char why[WHY_BYTES];
    add_sample(a, add_location(a, SP_NONE, 1, "f", 1), 3);
    struct sp_merger *merger = sp_merger_new();
    assert_int_equal(sp_merger_add(merger, a, why, sizeof why), 0);
    assert_int_equal(sp_merger_add(merger, b, why, sizeof why), -EINVAL);
    assert_int_equal(sp_merger_add(merger, a, why, sizeof why), 0);
    assert_int_equal(sp_merger_finish(merger, &merged, why, sizeof why), 0);
    assert_int_equal(merged->values.at[0], 6);
    sp_merger_free(merger);
    sp_profile_free(merged);
    sp_profile_free(a);
    sp_profile_free(b);
}

static struct sp_profile *new_recording(int64_t period, int64_t fired, int64_t kernel_ns)
{
    struct sp_profile *profile = new_cpu();
    add_sample(profile, add_location(profile, SP_NONE, 1, "f", 1), 1);
    sp_profile_set_fact(profile, "trigger.used", 2, "timer");
    sp_profile_set_fact(profile, "period_ns", period, NULL);
    sp_profile_set_fact(profile, "fired.count", fired, NULL);
    const struct sp_account account = {
        .pid = 5, .tid = 6, .n_threads = 1, .thread = sp_profile_string(profile, "t"), .kernel_ns = kernel_ns};
    sp_profile_add_account(profile, &account);
    return profile;
}

static void test_facts_and_accounts_are_added_up(void **state)
{
    (void)state;
    struct sp_profile *merged =
        merge((struct sp_profile *const[]){new_recording(10, 3, 7), new_recording(20, 4, 8)}, 2);
    assert_int_equal(merged->facts.n, 2); /* the periods differ */
    assert_string_equal(sp_profile_text(merged, sp_profile_fact(merged, "trigger.used")->text), "timer");
    assert_int_equal(sp_profile_fact(merged, "trigger.used")->value, 2);
    assert_int_equal(sp_profile_fact(merged, "fired.count")->value, 7);
    assert_int_equal(merged->accounts.n, 1);
    assert_int_equal(merged->accounts.at[0].kernel_ns, 15);
    sp_profile_free(merged);
}

static void test_facts_of_a_part_are_left_out(void **state)
{
    (void)state;
    struct sp_profile *other = new_cpu();
    add_sample(other, add_location(other, SP_NONE, 1, "f", 1), 1);
    struct sp_profile *merged = merge((struct sp_profile *const[]){new_recording(10, 3, 7), other}, 2);
    assert_int_equal(merged->facts.n, 0);
    assert_int_equal(merged->accounts.n, 0);
    sp_profile_free(merged);
}

static void test_scaling_rounds_half_away_from_zero(void **state)
{
    (void)state;
    assert_int_equal(sp_scaled_value(5, 0.5), 3);
    assert_int_equal(sp_scaled_value(-5, 0.5), -3);
    assert_int_equal(sp_scaled_value(1, 0.49999999999999994), 0);
    assert_int_equal(sp_scaled_value(INT64_C(4503599627370497), 1.0), INT64_C(4503599627370497));
    assert_int_equal(sp_scaled_value(INT64_MAX, 4), INT64_MIN);
    assert_int_equal(sp_scaled_value(7, -1), -7);
}

static void test_scaling_drops_what_becomes_zero(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu();
    add_sample(a, add_location(a, SP_NONE, 1, "small", 1), 1);
    add_sample(a, add_location(a, SP_NONE, 2, "large", 1), 100);
    assert_int_equal(sp_profile_scale(a, 1), 0);
    assert_int_equal(a->samples.n, 2);
    assert_int_equal(sp_profile_scale(a, -0.25), 0);
    assert_int_equal(a->samples.n, 1);
    assert_string_equal(name_of(a, 0), "large");
    assert_int_equal(a->values.at[0], -25);
    assert_int_equal(a->values.n, 1);
    sp_profile_free(a);
}

static void test_normalize_makes_sums_equal(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu(), *b = new_cpu(), *c = new_profile("x", "y");
    char why[WHY_BYTES];
    add_sample(a, add_location(a, SP_NONE, 1, "f", 1), 10);
    add_sample(a, add_location(a, SP_NONE, 2, "g", 1), 30);
    add_sample(b, add_location(b, SP_NONE, 1, "f", 1), 80);
    assert_int_equal(sp_profile_normalize(a, b, why, sizeof why), 0);
    assert_int_equal(a->values.at[0], 20);
    assert_int_equal(a->values.at[1], 60);
    assert_int_equal(sp_profile_normalize(a, c, why, sizeof why), -EINVAL);
    sp_profile_free(a);
    sp_profile_free(b);
    sp_profile_free(c);
}

static void test_set_label_replaces_texts_of_its_key(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu();
    uint32_t at = add_location(a, SP_NONE, 1, "f", 1), key = sp_profile_string(a, SP_BASE_LABEL);
    uint32_t old = sp_profile_string(a, "old");
    add_labelled(a, at, (const struct sp_label[]){{key, old, 0, 0}, {key, 0, 5, 0}, {old, old, 0, 0}}, 3);
    add_labelled(a, at, NULL, 0);
    assert_int_equal(sp_profile_set_label(a, SP_BASE_LABEL, SP_BASE_LABEL_VALUE), 0);
    assert_int_equal(a->samples.at[0].n_labels, 3);
    assert_int_equal(a->samples.at[1].n_labels, 1);
    const struct sp_label *label = &a->labels.at[a->samples.at[1].first_label];
    assert_int_equal(label->key, key);
    assert_string_equal(sp_profile_text(a, label->str), "true");
    assert_int_equal(sp_profile_check(a, NULL, 0), 0);
    sp_profile_free(a);
}

static void test_profile_without_mappings_gets_one(void **state)
{
    (void)state;
    struct sp_profile *a = new_cpu();
    add_sample(a, add_location(a, SP_NONE, 1, "f", 1), 1);
    sp_profile_ensure_mapping(a);
    sp_profile_ensure_mapping(a);
    assert_int_equal(a->mappings.n, 1);
    assert_int_equal(a->locations.at[0].mapping, 0);
    sp_profile_free(a);
}

static void test_doubled_types_go(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    struct sp_profile *a = new_typed((const char *const[]){"x", "y", "x", "z"}, 4, 1);
    assert_int_equal(sp_profile_drop_doubled_types(a, why, sizeof why), 0);
    assert_int_equal(a->sample_types.n, 2);
    assert_int_equal(a->values.at[0], 10);
    assert_int_equal(a->values.at[1], 1000);
    assert_string_equal(sp_profile_text(a, a->default_sample_type), "y");
    sp_profile_free(a);
    a = new_typed((const char *const[]){"x", "x"}, 2, 1);
    assert_int_equal(sp_profile_drop_doubled_types(a, why, sizeof why), -EINVAL);
    sp_profile_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_code_at_another_address_is_the_same),
        cmocka_unit_test(test_mappings_differ_by_size_offset_and_build_id),
        cmocka_unit_test(test_first_mapping_stays_first_and_others_come_as_needed),
        cmocka_unit_test(test_strings_come_sample_by_sample),
        cmocka_unit_test(test_locations_differ_by_lines_and_outermost_column),
        cmocka_unit_test(test_labels_are_the_same_in_any_order_of_keys),
        cmocka_unit_test(test_zero_samples_go_before_and_after_adding_up),
        cmocka_unit_test(test_headers_are_combined),
        cmocka_unit_test(test_time_zero_is_the_earliest_until_the_next),
        cmocka_unit_test(test_common_sample_types_are_kept_in_the_first_order),
        cmocka_unit_test(test_units_meet_at_the_finest),
        cmocka_unit_test(test_what_does_not_go_together_is_refused),
        cmocka_unit_test(test_merger_goes_on_after_a_refusal),
        cmocka_unit_test(test_facts_and_accounts_are_added_up),
        cmocka_unit_test(test_facts_of_a_part_are_left_out),
        cmocka_unit_test(test_scaling_rounds_half_away_from_zero),
        cmocka_unit_test(test_scaling_drops_what_becomes_zero),
        cmocka_unit_test(test_normalize_makes_sums_equal),
        cmocka_unit_test(test_set_label_replaces_texts_of_its_key),
        cmocka_unit_test(test_profile_without_mappings_gets_one),
        cmocka_unit_test(test_doubled_types_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
