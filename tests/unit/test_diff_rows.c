/*
 * What the rows of differences are: functions, files, lines, addresses; and what filters leave of two profiles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "made_profile.h"
#include "report/diff.h"

/* The difference of the two, of frames as fine as `options` say. They are freed. */
static struct sp_diff compare(const struct made *old, const struct made *new, const struct sp_diff_options *options)
{
    struct sp_profile *const profiles[] = {old->profile, new->profile};
    const struct sp_granularity_options granularity = {.by = options->by == SP_BY_FUNCTION ? SP_BY_FILE_AND_FUNCTION
                                                                                           : options->by};
    struct sp_diff diff;
    char why[SP_DIFF_REASON_BYTES] = "";
    assert_int_equal(sp_select_granularity(old->profile, &granularity), 0);
    assert_int_equal(sp_select_granularity(new->profile, &granularity), 0);
    if (sp_diff_init(&diff, profiles, options, why, sizeof why) != 0)
        fail_msg("%s", why);
    sp_profile_free(old->profile);
    sp_profile_free(new->profile);
    return diff;
}

static void expect_row(const struct sp_diff *diff, size_t i, const char *name, double old, double new)
{
    assert_true(i < diff->n);
    assert_string_equal(diff->rows[i].name, name);
    assert_true(diff->rows[i].flat.value[SP_OLD] == old);
    assert_true(diff->rows[i].flat.value[SP_NEW] == new);
}

/* f has 30 and 10 in two lines of a file below `folder`, g has `more`. */
static struct made two_lines(const char *folder, int64_t more)
{
    struct made made = made_new("samples", "count");
    char file[64];
    snprintf(file, sizeof file, "%s/f.c", folder);
    made_sample(&made, 30, 1, made_frame(&made, "f", file, 3));
    made_sample(&made, 10, 1, made_frame(&made, "f", file, 4));
    made_sample(&made, more, 1, made_frame(&made, "g", file, 9));
    return made;
}

static void test_diff_by_line(void **state)
{
    (void)state;
    const struct made old = two_lines("/a", 20), new = two_lines("/a", 80);
    struct sp_diff diff = compare(&old, &new, &(struct sp_diff_options){.sample_type = "", .by = SP_BY_LINE});
    assert_int_equal(diff.n, 3);
    expect_row(&diff, 0, "g /a/f.c:9", 20, 80);
    expect_row(&diff, 1, "f /a/f.c:3", 30, 30);
    expect_row(&diff, 2, "f /a/f.c:4", 10, 10);
    assert_true(diff.rows[0].flat.is_significant);
    assert_string_equal(diff.rows[0].function, "g");
    assert_int_equal(diff.rows[0].line, 9);
    sp_diff_done(&diff);
}

static void test_diff_by_file_in_another_folder(void **state)
{
    (void)state;
    const struct made old = two_lines("/a", 20), new = two_lines("/b", 80);
    struct sp_diff diff = compare(&old, &new, &(struct sp_diff_options){.sample_type = "", .by = SP_BY_FILE});
    assert_int_equal(diff.n, 1);
    expect_row(&diff, 0, "/a/f.c", 60, 120);
    assert_string_equal(diff.rows[0].function, "");
    sp_diff_done(&diff);
}

static void test_diff_by_line_in_another_folder(void **state)
{
    (void)state;
    const struct made old = two_lines("/a", 20), new = two_lines("/b", 20);
    struct sp_diff diff = compare(&old, &new, &(struct sp_diff_options){.sample_type = "", .by = SP_BY_LINE});
    assert_int_equal(diff.n, 3);
    for (size_t i = 0; i < diff.n; i++)
        assert_true(diff.rows[i].flat.change == 0 && diff.rows[i].is_seen[SP_OLD] && diff.rows[i].is_seen[SP_NEW]);
    sp_diff_done(&diff);
}

static void test_diff_functions_show_files_when_asked(void **state)
{
    (void)state;
    const struct made old = two_lines("/a", 20), new = two_lines("/a", 20);
    struct sp_diff diff =
        compare(&old, &new, &(struct sp_diff_options){.sample_type = "", .by = SP_BY_FILE_AND_FUNCTION});
    assert_int_equal(diff.n, 2);
    expect_row(&diff, 0, "f /a/f.c", 40, 40);
    sp_diff_done(&diff);
}

static void test_diff_trims_paths(void **state)
{
    (void)state;
    const struct made old = two_lines("/a", 20), new = two_lines("/a", 20);
    struct sp_diff diff =
        compare(&old, &new, &(struct sp_diff_options){.sample_type = "", .by = SP_BY_FILE, .trim_path = "/a"});
    expect_row(&diff, 0, "f.c", 60, 60);
    sp_diff_done(&diff);
}

/* A program and a library of which 10 samples each are at 0x40 behind their beginnings. */
static struct made two_binaries(uint64_t base, const char *build_id)
{
    struct made made = made_new("samples", "count");
    const char *const files[] = {"/bin/app", "/lib/lib.so"}, *const ids[] = {build_id, "1bbb"};
    for (uint64_t i = 0; i < 2; i++) {
        const struct sp_mapping mapping = {.start = base + i * 0x10000,
                                           .limit = base + i * 0x10000 + 0x1000,
                                           .file_offset = 0x2000,
                                           .file = sp_profile_string(made.profile, files[i]),
                                           .build_id = sp_profile_string(made.profile, ids[i])};
        made.next_address = mapping.start + 0x40;
        const struct sp_line line = made_line(&made, "f", "f.c", 1);
        made_sample(&made, 10, 1, made_location(&made, sp_profile_add_mapping(made.profile, &mapping), &line, 1));
    }
    return made;
}

static const struct sp_diff_options by_address = {.sample_type = "", .by = SP_BY_ADDRESS};

static void test_diff_by_address_wherever_it_is_loaded(void **state)
{
    (void)state;
    const struct made old = two_binaries(0x550000000000, "1aaa"), new = two_binaries(0x560000000000, "1aaa");
    struct sp_diff diff = compare(&old, &new, &by_address);
    assert_int_equal(diff.n, 2);
    expect_row(&diff, 0, "0000550000000040 f f.c:1", 10, 10);
    assert_int_equal(diff.rows[0].offset, 0x2040);
    assert_string_equal(diff.rows[0].object, "1aaa");
    expect_row(&diff, 1, "0000550000010040 f f.c:1", 10, 10);
    assert_string_equal(diff.rows[1].object, "1bbb");
    sp_diff_done(&diff);
}

static void test_diff_refuses_addresses_of_other_builds(void **state)
{
    (void)state;
    const struct made old = two_binaries(0x1000, "1aaa"), new = two_binaries(0x1000, "1ccc");
    struct sp_profile *const profiles[] = {old.profile, new.profile};
    struct sp_diff diff;
    char why[SP_DIFF_REASON_BYTES] = "";
    assert_int_equal(sp_diff_init(&diff, profiles, &by_address, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "different builds of app:"));
    sp_diff_done(&diff);
    /* Not when nothing is left of it. */
    sp_profile_keep_samples(new.profile, (bool[]){false, true});
    assert_int_equal(sp_diff_init(&diff, profiles, &by_address, why, sizeof why), 0);
    sp_diff_done(&diff);
    sp_profile_free(old.profile);
    sp_profile_free(new.profile);
}

/* Filters leave g of both sides: its errors are of its own samples, and what it is scaled to and its share are not. */
static void test_diff_of_a_part_knows_the_whole(void **state)
{
    (void)state;
    struct made made[] = {two_lines("/a", 60), two_lines("/a", 360)};
    struct sp_diff_whole wholes[SP_N_SIDES];
    char why[SP_DIFF_REASON_BYTES] = "";
    for (enum sp_side side = SP_OLD; side < SP_N_SIDES; side++) {
        assert_int_equal(sp_diff_measure(made[side].profile, "", &wholes[side], why, sizeof why), 0);
        sp_profile_keep_samples(made[side].profile, (bool[]){false, false, true});
    }
    assert_true(wholes[SP_OLD].value == 100 && wholes[SP_NEW].value == 400 && wholes[SP_NEW].variance == 400);
    const struct sp_diff_options options = {.sample_type = "", .is_normalized = true, .wholes = wholes};
    struct sp_diff diff = compare(&made[SP_OLD], &made[SP_NEW], &options);
    assert_int_equal(diff.n, 1);
    assert_true(diff.scale[SP_NEW] == 0.25);
    expect_row(&diff, 0, "g", 60, 90);
    assert_true(diff.total.value[SP_OLD] == 60 && diff.total.value[SP_NEW] == 90);
    assert_true(diff.rows[0].share_change == 30);
    assert_true(diff.rows[0].flat.variance[SP_OLD] == 60 && diff.rows[0].flat.variance[SP_NEW] == 360 * 0.0625);
    sp_diff_done(&diff);
}

/* What is left is the whole then; a single sample weighs no less for that. */
static void test_diff_of_a_part_by_itself(void **state)
{
    (void)state;
    struct made made[] = {two_lines("/a", 60), two_lines("/a", 360)};
    const struct sp_diff_whole wholes[] = {{100, 100}, {400, 400}};
    for (enum sp_side side = SP_OLD; side < SP_N_SIDES; side++) {
        sp_profile_set_fact(made[side].profile, "recorded.count", side ? 300 : 100, NULL);
        sp_profile_set_fact(made[side].profile, "recorded.weight", side ? 400 : 100, NULL);
        sp_profile_keep_samples(made[side].profile, (bool[]){false, false, true});
    }
    const struct sp_diff_options options = {
        .sample_type = "", .is_normalized = true, .is_relative = true, .wholes = wholes};
    struct sp_diff diff = compare(&made[SP_OLD], &made[SP_NEW], &options);
    expect_row(&diff, 0, "g", 60, 60);
    assert_true(diff.rows[0].share_change == 0);
    assert_true(fabs(diff.heavy[SP_NEW] - 100. * 60 / 360) < 1e-9);
    assert_true(fabs(diff.weight[SP_NEW] - 60. / 360) < 1e-9);
    sp_diff_done(&diff);
}

/* Where a filter leaves nothing of a side, the weight of its samples is still known. */
static void test_diff_of_nothing_and_something(void **state)
{
    (void)state;
    struct made old = two_lines("/a", 20), new = two_lines("/a", 20);
    const struct sp_diff_whole wholes[] = {{600, 6000}, {60, 60}};
    sp_profile_keep_samples(old.profile, (bool[]){false, false, false});
    struct sp_diff diff = compare(&old, &new, &(struct sp_diff_options){.sample_type = "", .wholes = wholes});
    assert_true(diff.weight[SP_OLD] == 10 && diff.weight[SP_NEW] == 1);
    assert_int_equal(diff.errors, SP_ERRORS_BY_COUNT);
    sp_diff_done(&diff);
}

/* A caller that grew by less than its callee, and another callee that shrank. */
static void test_diff_sorts_by_cum(void **state)
{
    (void)state;
    struct made made[] = {made_new("samples", "count"), made_new("samples", "count")};
    for (int side = 0; side < 2; side++) {
        const uint32_t caller = made_frame(&made[side], "caller", "c.c", 0);
        made_sample(&made[side], 1000, 2, made_frame(&made[side], "leaf", "c.c", 0), caller);
        made_sample(&made[side], side ? 800 : 100, 2, made_frame(&made[side], "grows", "c.c", 0), caller);
        made_sample(&made[side], side ? 400 : 100, 2, caller, caller);
    }
    struct sp_diff diff = compare(&made[0], &made[1], &(struct sp_diff_options){.sample_type = "", .by_cum = true});
    assert_string_equal(diff.rows[0].name, "caller");
    assert_string_equal(diff.rows[1].name, "grows");
    assert_int_equal(diff.n_differing_by_cum, 2);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    sp_diff_print(&diff, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "2 functions differ with what they call, most of all: caller +83.3%"));
    free(text);
    sp_diff_done(&diff);
}

/* Contentions are sampled by their delays and scaled: nothing says how many there were. */
static void test_diff_says_why_errors_are_not_known(void **state)
{
    (void)state;
    struct made old = made_new("contentions", "count"), new = made_new("contentions", "count");
    made_sample(&old, 100, 1, made_frame(&old, "lock", "l.c", 0));
    made_sample(&new, 900, 1, made_frame(&new, "lock", "l.c", 0));
    struct sp_diff diff = compare(&old, &new, &(struct sp_diff_options){.sample_type = ""});
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    sp_diff_print(&diff, out);
    sp_diff_print_json(&diff, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "nothing is marked: nothing says how many independent samples contentions of OLD and "
                                 "NEW stands for"));
    assert_non_null(strstr(text, "\"errors_by\":\"unknown\",\"errors_unknown\":\"nothing says"));
    assert_non_null(strstr(text, "\"p\":null,\"is_tested\":false,\"is_significant\":null"));
    assert_null(strstr(text, "*"));
    free(text);
    sp_diff_done(&diff);
}

static void test_diff_with_itself_is_nothing(void **state)
{
    (void)state;
    static const enum sp_granularity all[] = {SP_BY_FUNCTION, SP_BY_FILE, SP_BY_FILE_AND_FUNCTION, SP_BY_LINE,
                                              SP_BY_ADDRESS};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const struct made old = two_binaries(0x1000, "1aaa"), new = two_binaries(0x1000, "1aaa");
        struct sp_diff diff = compare(&old, &new, &(struct sp_diff_options){.sample_type = "", .by = all[i]});
        assert_true(diff.n > 0 && diff.n_differing + diff.n_differing_by_cum == 0);
        for (size_t row = 0; row < diff.n; row++)
            assert_true(diff.rows[row].flat.change == 0 && diff.rows[row].cum.change == 0);
        assert_true(diff.total.change == 0);
        sp_diff_done(&diff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diff_by_line),
        cmocka_unit_test(test_diff_by_file_in_another_folder),
        cmocka_unit_test(test_diff_by_line_in_another_folder),
        cmocka_unit_test(test_diff_functions_show_files_when_asked),
        cmocka_unit_test(test_diff_trims_paths),
        cmocka_unit_test(test_diff_by_address_wherever_it_is_loaded),
        cmocka_unit_test(test_diff_refuses_addresses_of_other_builds),
        cmocka_unit_test(test_diff_of_a_part_knows_the_whole),
        cmocka_unit_test(test_diff_of_a_part_by_itself),
        cmocka_unit_test(test_diff_of_nothing_and_something),
        cmocka_unit_test(test_diff_sorts_by_cum),
        cmocka_unit_test(test_diff_says_why_errors_are_not_known),
        cmocka_unit_test(test_diff_with_itself_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
