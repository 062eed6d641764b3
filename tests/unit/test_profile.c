/*
 * The profile in memory: interning, merging, growth, limits, and the check that it holds together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "profile/profile.h"
#include "util/reader.h"

enum { MANY = 50000 };

static void assert_good(const struct sp_profile *profile)
{
    char why[256] = "";
    if (sp_profile_check(profile, why, sizeof(why)) != 0)
        fail_msg("the profile does not hold together: %s", why);
    assert_int_equal(sp_profile_error(profile), 0);
}

static void assert_text(const struct sp_profile *profile, uint32_t index, const char *expected)
{
    assert_string_equal(sp_profile_text(profile, index), expected);
}

static struct sp_profile *new_profile(void)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_profile_add_sample_type(profile, "samples", "count");
    sp_profile_add_sample_type(profile, "cpu", "nanoseconds");
    return profile;
}

static void test_profile_new_is_empty_and_valid(void **state)
{
    (void)state;
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    assert_good(profile);
    assert_int_equal(profile->strings.n, 1);
    assert_text(profile, 0, "");
    assert_text(profile, 12345, "");
    sp_profile_free(profile);
    sp_profile_free(NULL);
}

static void test_string_is_interned_once(void **state)
{
    (void)state;
    struct sp_profile *profile = sp_profile_new();
    assert_int_equal(sp_profile_string(profile, ""), 0);
    assert_int_equal(sp_profile_string(profile, NULL), 0);
    assert_int_equal(sp_profile_string_n(profile, "xyz", 0), 0);
    uint32_t name = sp_profile_string(profile, "main");
    assert_int_equal(sp_profile_string_n(profile, "mainly", 4), name);
    assert_int_not_equal(sp_profile_string(profile, "mainly"), name);
    assert_int_not_equal(sp_profile_string(profile, "mai"), name);
    assert_text(profile, name, "main");
    sp_profile_free(profile);
}

static void test_string_many_stay_distinct(void **state)
{
    (void)state;
    struct sp_profile *profile = sp_profile_new();
    char text[32];
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < MANY; i++) {
            snprintf(text, sizeof(text), "function %u", i);
            assert_int_equal(sp_profile_string(profile, text), i + 1);
        }
    }
    assert_int_equal(profile->strings.n, MANY + 1);
    assert_text(profile, MANY, "function 49999");
    assert_good(profile);
    sp_profile_free(profile);
}

static void test_string_not_utf8_is_repaired(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *expected;
    } cases[] = {
        {"plain ascii text", 16, "plain ascii text"},
        {"gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f"},
        {"\xf0\x9f\x94\xa5", 4, "\xf0\x9f\x94\xa5"},
        {"a\xff", 2, "a\xef\xbf\xbd"},
        {"eight---\x80z", 10, "eight---\xef\xbf\xbdz"},
        {"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd"},                                 /* overlong */
        {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* surrogate */
        {"\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* beyond U+10FFFF */
        {"cut\xe2\x82", 5, "cut\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\0b", 3,
         "a\xef\xbf\xbd"
         "b"},
        {"12345678\0b", 10,
         "12345678\xef\xbf\xbd"
         "b"},
    };
    struct sp_profile *profile = sp_profile_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_text(profile, sp_profile_string_n(profile, cases[i].bytes, cases[i].n), cases[i].expected);
    sp_profile_free(profile);
}

static void test_function_equal_in_all_fields_is_one(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_function function = {.name = 1, .system_name = 2, .filename = 3, .start_line = 4};
    uint32_t first = sp_profile_function(profile, &function);
    assert_int_equal(sp_profile_function(profile, &function), first);
    function.start_line = 5;
    assert_int_equal(sp_profile_function(profile, &function), first + 1);
    assert_int_equal(sp_profile_append_function(profile, &function), first + 2);
    assert_int_equal(profile->functions.n, 3);
    sp_profile_free(profile);
}

static void test_location_is_found_again_also_with_lines(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_mapping mapping = {.start = 0x1000, .limit = 0x9000};
    uint32_t map = sp_profile_add_mapping(profile, &mapping);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(sp_profile_location(profile, map, i), i);
    assert_int_equal(sp_profile_location(profile, SP_NONE, 7), MANY);
    struct sp_function function = {.name = 1};
    struct sp_line lines[] = {{sp_profile_function(profile, &function), 10, 0}, {0, 20, 3}};
    sp_profile_set_lines(profile, 7, lines, 2);
    assert_int_equal(sp_profile_location(profile, map, 7), 7);
    assert_int_equal(profile->locations.at[7].n_lines, 2);
    assert_int_equal(profile->lines.at[profile->locations.at[7].first_line + 1].column, 3);
    sp_profile_set_lines(profile, 7, lines + 1, 1);
    assert_int_equal(profile->lines.at[profile->locations.at[7].first_line].line, 20);
    assert_good(profile);
    sp_profile_free(profile);
}

static void test_sample_equal_ones_add_up(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    uint32_t stack[] = {sp_profile_location(profile, SP_NONE, 1), sp_profile_location(profile, SP_NONE, 2)};
    struct sp_label label = {.key = sp_profile_string(profile, "thread"), .num = 7};
    int64_t values[] = {1, INT64_MAX - 5};
    uint32_t first = sp_profile_add_sample(profile, stack, 2, &label, 1, values);
    assert_int_equal(sp_profile_add_sample(profile, stack, 2, &label, 1, values), first);
    assert_int_equal(profile->values.at[0], 2);
    assert_true(profile->values.at[1] == INT64_MAX);
    label.num = 8;
    assert_int_equal(sp_profile_add_sample(profile, stack, 2, &label, 1, values), first + 1);
    assert_int_equal(sp_profile_add_sample(profile, stack, 2, NULL, 0, values), first + 2);
    assert_int_equal(sp_profile_add_sample(profile, stack, 1, NULL, 0, values), first + 3);
    assert_int_equal(sp_profile_add_sample(profile, NULL, 0, NULL, 0, values), first + 4);
    assert_int_equal(sp_profile_add_sample(profile, NULL, 0, NULL, 0, values), first + 4);
    assert_int_equal(sp_profile_append_sample(profile, stack, 1, NULL, 0, values), first + 5);
    assert_int_equal(profile->samples.n, 6);
    assert_good(profile);
    sp_profile_free(profile);
}

static void test_label_is_dropped_from_all_samples(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    const int64_t values[] = {1, 10};
    const uint32_t tid = sp_profile_string(profile, "tid"), pid = sp_profile_string(profile, "pid");
    const struct sp_label labels[] = {{.key = pid, .num = 7}, {.key = tid, .num = 8}};
    sp_profile_add_sample(profile, NULL, 0, labels, 2, values);
    sp_profile_add_sample(profile, NULL, 0, labels, 1, values);
    sp_profile_drop_label(profile, pid);
    assert_int_equal(profile->samples.at[0].n_labels, 1);
    assert_int_equal(profile->labels.at[profile->samples.at[0].first_label].key, tid);
    assert_int_equal(profile->samples.at[1].n_labels, 0);
    assert_good(profile);
    sp_profile_free(profile);
}

static void test_sample_type_after_a_sample_is_an_error(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    int64_t values[] = {1, 2};
    sp_profile_add_sample(profile, NULL, 0, NULL, 0, values);
    sp_profile_add_sample_type(profile, "late", "count");
    assert_int_equal(sp_profile_error(profile), -EINVAL);
    assert_int_equal(profile->sample_types.n, 2);
    sp_profile_free(profile);
}

/* At any limit, whatever was refused, the profile holds together, and takes no more than the limit. */
static void test_memory_limit_keeps_the_profile_valid(void **state)
{
    (void)state;
    char why[256];
    for (size_t limit = 0; limit < 40000; limit += 97) {
        struct sp_profile *profile = new_profile();
        profile->memory_limit = profile->memory_bytes + limit;
        for (uint32_t i = 0; i < 1000; i++) {
            char name[32];
            snprintf(name, sizeof(name), "f%u", i);
            struct sp_function function = {.name = sp_profile_string(profile, name)};
            struct sp_line line = {.function = sp_profile_function(profile, &function), .line = i};
            uint32_t location = sp_profile_location(profile, SP_NONE, i);
            sp_profile_set_lines(profile, location, &line, profile->error ? 0 : 1);
            sp_profile_add_sample(profile, &location, 1, NULL, 0, (int64_t[]){1, 2});
            sp_profile_add_comment(profile, name);
            sp_profile_set_fact(profile, name, i, name);
            sp_profile_add_account(profile, &(struct sp_account){.pid = 1, .thread = sp_profile_string(profile, name)});
        }
        assert_int_equal(sp_profile_error(profile), -EFBIG);
        assert_int_equal(sp_profile_check(profile, why, sizeof(why)), 0);
        assert_true(profile->memory_bytes <= profile->memory_limit);
        sp_profile_free(profile);
    }
}

static void test_fact_set_again_replaces_the_value(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    assert_null(sp_profile_fact(profile, "fired.count"));
    sp_profile_set_fact(profile, "fired.count", 1, NULL);
    sp_profile_set_fact(profile, "trigger.used", 0, "timer");
    sp_profile_set_fact(profile, "fired.count", 2, "two");
    assert_int_equal(profile->facts.n, 2);
    assert_int_equal(sp_profile_fact(profile, "fired.count")->value, 2);
    assert_text(profile, sp_profile_fact(profile, "fired.count")->text, "two");
    assert_text(profile, sp_profile_fact(profile, "trigger.used")->text, "timer");
    assert_null(sp_profile_fact(profile, "fired"));
    const struct sp_fact same = *sp_profile_fact(profile, "fired.count");
    sp_profile_append_fact(profile, &same);
    assert_int_equal(profile->facts.n, 3);
    assert_good(profile);
    sp_profile_free(profile);
}

static void assert_refused(struct sp_profile *profile, const char *expected)
{
    char why[256] = "";
    assert_int_equal(sp_profile_check(profile, why, sizeof(why)), -EINVAL);
    if (!strstr(why, expected))
        fail_msg("\"%s\" does not name \"%s\"", why, expected);
    assert_int_equal(sp_profile_check(profile, NULL, 0), -EINVAL);
}

static void test_check_names_what_is_wrong(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_mapping mapping = {0};
    struct sp_function function = {0};
    sp_profile_add_mapping(profile, &mapping);
    struct sp_line line = {.function = sp_profile_function(profile, &function)};
    uint32_t location = sp_profile_location(profile, 0, 1);
    sp_profile_set_lines(profile, location, &line, 1);
    struct sp_label label = {0};
    sp_profile_add_sample(profile, &location, 1, &label, 1, (int64_t[]){1, 2});
    sp_profile_add_comment(profile, "x");
    sp_profile_set_fact(profile, "key", 1, "text");
    sp_profile_add_account(profile, &(struct sp_account){.pid = 1});
    assert_good(profile);

#define WITH(place, wrong, expected)         \
    do {                                     \
        __typeof__(place) right = (place);   \
        (place) = (wrong);                   \
        assert_refused(profile, (expected)); \
        (place) = right;                     \
        assert_good(profile);                \
    } while (0)
    WITH(profile->doc_url, 99, "header");
    WITH(profile->sample_types.at[1].unit, 99, "sample type 1");
    WITH(profile->comments.at[0], 99, "comment 0");
    WITH(profile->mappings.at[0].build_id, 99, "mapping 0");
    WITH(profile->functions.at[0].filename, 99, "function 0");
    WITH(profile->locations.at[0].mapping, 1, "location 0");
    WITH(profile->locations.at[0].first_line, 1, "lines of location 0");
    WITH(profile->locations.at[0].n_lines, UINT32_MAX, "lines of location 0");
    WITH(profile->lines.at[0].function, 1, "function 1");
    WITH(profile->labels.at[0].unit, 99, "label 0");
    WITH(profile->samples.at[0].n_locations, 2, "stack of sample 0");
    WITH(profile->samples.at[0].first_label, UINT32_MAX, "labels of sample 0");
    WITH(profile->sample_locations.at[0], 1, "location 1");
    WITH(profile->facts.at[0].key, 99, "fact 0");
    WITH(profile->facts.at[0].text, 99, "fact 0");
    WITH(profile->accounts.at[0].process, 99, "account 0");
    WITH(profile->accounts.at[0].thread, 99, "account 0");
    WITH(profile->accounts.at[0].reason, 99, "account 0");
    WITH(profile->accounts.at[0].tid, -1, "negative pid or tid");
    WITH(profile->accounts.at[0].unsampled_ns, -1, "negative time");
    WITH(profile->values.n, 1, "values");
    WITH(profile->sample_types.n, 0, "no sample types");
#undef WITH
    sp_profile_free(profile);
}

static void test_reader_remembers_its_first_error(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x96, 0x01, 0x05, 1, 2, 3, 4, 0x80};
    struct sp_reader reader;
    sp_reader_init(&reader, data, sizeof(data));
    assert_int_equal(sp_reader_varint(&reader), 150);
    assert_int_equal(sp_reader_varint(&reader), 5);
    assert_int_equal(sp_reader_fixed(&reader, 4), 0x04030201);
    assert_int_equal(sp_reader_varint(&reader), 0);
    assert_int_equal(reader.error_at, 7);
    assert_string_equal(reader.error, "the data end inside a number");
    assert_int_equal(sp_reader_varint(&reader), 0);
    assert_int_equal(sp_reader_fixed(&reader, 1), 0);
    struct sp_reader sub = sp_reader_sub(&reader, 100);
    assert_int_equal(sp_reader_left(&sub), 0);
    assert_int_equal(reader.error_at, 7);
    sp_reader_init(&reader, NULL, 0);
    assert_int_equal(sp_reader_left(&reader), 0);
}

static void test_reader_refuses_numbers_that_do_not_end(void **state)
{
    (void)state;
    static const uint8_t longest[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    static const uint8_t too_long[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
    struct sp_reader reader;
    sp_reader_init(&reader, longest, sizeof(longest));
    assert_true(sp_reader_varint(&reader) == UINT64_MAX);
    assert_null(reader.error);
    sp_reader_init(&reader, too_long, sizeof(too_long));
    sp_reader_varint(&reader);
    assert_non_null(reader.error);
}

static void test_swap_mappings_takes_locations_along(void **state)
{
    (void)state;
    struct sp_profile *profile = sp_profile_new();
    for (uint64_t i = 0; i < 3; i++) {
        const struct sp_mapping mapping = {.start = 0x1000 * i, .limit = 0x1000 * (i + 1)};
        sp_profile_add_mapping(profile, &mapping);
    }
    const uint32_t of_first = sp_profile_location(profile, 0, 1), of_last = sp_profile_location(profile, 2, 0x2001);
    const uint32_t of_none = sp_profile_location(profile, SP_NONE, 7);
    sp_profile_swap_mappings(profile, 0, 2);
    assert_int_equal(profile->mappings.at[0].start, 0x2000);
    assert_int_equal(profile->mappings.at[2].start, 0);
    assert_int_equal(profile->locations.at[of_first].mapping, 2);
    assert_int_equal(profile->locations.at[of_last].mapping, 0);
    assert_int_equal(profile->locations.at[of_none].mapping, SP_NONE);
    sp_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_swap_mappings_takes_locations_along),
        cmocka_unit_test(test_profile_new_is_empty_and_valid),
        cmocka_unit_test(test_string_is_interned_once),
        cmocka_unit_test(test_string_many_stay_distinct),
        cmocka_unit_test(test_string_not_utf8_is_repaired),
        cmocka_unit_test(test_function_equal_in_all_fields_is_one),
        cmocka_unit_test(test_location_is_found_again_also_with_lines),
        cmocka_unit_test(test_sample_equal_ones_add_up),
        cmocka_unit_test(test_label_is_dropped_from_all_samples),
        cmocka_unit_test(test_sample_type_after_a_sample_is_an_error),
        cmocka_unit_test(test_memory_limit_keeps_the_profile_valid),
        cmocka_unit_test(test_fact_set_again_replaces_the_value),
        cmocka_unit_test(test_check_names_what_is_wrong),
        cmocka_unit_test(test_reader_remembers_its_first_error),
        cmocka_unit_test(test_reader_refuses_numbers_that_do_not_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
