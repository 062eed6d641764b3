/*
 * Differences of two profiles: what is matched with what, and above all what is called different.
 *
 * The statistical tests draw their samples by a generator with a fixed seed: they come out alike each time. Their
 * bounds: nothing differs in truth, so at most 5 % of the comparisons may call anything different, of 400 that is 20;
 * corrections for whole numbers make it less.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/diff.h"

enum { PERIOD = 1000000, N_FUNCTIONS = 40, N_TRIALS = 400 };

static const struct sp_diff_options usual = {.sample_type = ""};

static struct sp_profile *new_profile(bool has_count)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    if (has_count)
        sp_profile_add_sample_type(profile, "samples", "count");
    sp_profile_add_sample_type(profile, "cpu", "nanoseconds");
    profile->period_type = profile->sample_types.at[has_count];
    profile->period = PERIOD;
    return profile;
}

static uint32_t frame(struct sp_profile *profile, const char *name, const char *file)
{
    uint32_t text = sp_profile_string(profile, name);
    struct sp_function function = {.name = text, .system_name = text, .filename = sp_profile_string(profile, file)};
    struct sp_line line = {.function = sp_profile_function(profile, &function)};
    return sp_profile_add_location(profile, &(struct sp_location){.mapping = SP_NONE}, &line, 1);
}

/* `n` samples of `name`, called by main. */
static void add(struct sp_profile *profile, const char *name, const char *file, int64_t n)
{
    uint32_t stack[] = {frame(profile, name, file), frame(profile, "main", "main.c")};
    int64_t values[] = {n, n * PERIOD};
    sp_profile_append_sample(profile, stack, 2, NULL, 0, values + (profile->sample_types.n == 1));
}

/* The difference of the two, which are freed. */
static struct sp_diff compare(struct sp_profile *old, struct sp_profile *new, const struct sp_diff_options *options)
{
    struct sp_diff diff;
    char why[200] = "";
    assert_int_equal(sp_profile_check(old, why, sizeof(why)), 0);
    assert_int_equal(sp_profile_check(new, why, sizeof(why)), 0);
    assert_int_equal(sp_diff_init(&diff, (struct sp_profile *const[]){old, new}, options, why, sizeof(why)), 0);
    sp_profile_free(old);
    sp_profile_free(new);
    return diff;
}

static const struct sp_diff_row *row_of(const struct sp_diff *diff, const char *name)
{
    for (size_t i = 0; i < diff->n; i++) {
        if (strcmp(diff->rows[i].name, name) == 0)
            return &diff->rows[i];
    }
    fail_msg("no row of %s", name);
    return NULL;
}

static uint64_t state_of_chance;

static double chance(void)
{
    state_of_chance = state_of_chance * 6364136223846793005u + 1442695040888963407u;
    return ((double)(state_of_chance >> 11) + 0.5) * 0x1p-53;
}

/* A number of events, where `mean` are expected: Poisson's distribution. */
static int64_t poisson(double mean)
{
    int64_t n = 0;
    for (double time = -log(chance()); time < mean; time -= log(chance()))
        n++;
    return n;
}

/* A run: function i is expected to have (i + 1) * mean samples, the slow one `slowdown` times as many. */
static struct sp_profile *run(double mean, double slowdown)
{
    struct sp_profile *profile = new_profile(true);
    for (int i = 0; i < N_FUNCTIONS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%d", i);
        add(profile, name, "f.c", poisson(mean * (i + 1) * (i == N_FUNCTIONS / 2 ? slowdown : 1)));
    }
    return profile;
}

static bool has_difference(const struct sp_diff *diff)
{
    bool found = diff->total.is_significant;
    for (size_t i = 0; i < diff->n; i++)
        found |= diff->rows[i].flat.is_significant || diff->rows[i].cum.is_significant;
    return found;
}

/* Leaves one of `every` functions. */
static void keep_some(struct sp_profile *profile, size_t every)
{
    bool is_kept[N_FUNCTIONS];
    for (size_t i = 0; i < N_FUNCTIONS; i++)
        is_kept[i] = i % every == 0;
    sp_profile_keep_samples(profile, is_kept);
}

/*
 * How many comparisons of alike runs find a difference. `longer`: NEW is so many times as long; one of `every`
 * functions is looked at.
 */
static size_t n_false_alarms(double mean, double longer, size_t every, struct sp_diff_options options)
{
    size_t n = 0;
    state_of_chance = 20261124;
    for (int trial = 0; trial < N_TRIALS; trial++) {
        struct sp_profile *sides[] = {run(mean, 1), run(mean * longer, 1)};
        struct sp_diff_whole wholes[SP_N_SIDES];
        char why[200];
        for (enum sp_side side = SP_OLD; side < SP_N_SIDES; side++) {
            assert_int_equal(sp_diff_measure(sides[side], "", &wholes[side], why, sizeof(why)), 0);
            keep_some(sides[side], every);
        }
        options.wholes = wholes;
        struct sp_diff diff = compare(sides[SP_OLD], sides[SP_NEW], &options);
        n += has_difference(&diff);
        sp_diff_done(&diff);
    }
    return n;
}

static void test_diff_of_alike_runs_is_nothing(void **state)
{
    (void)state;
    assert_in_range(n_false_alarms(20, 1, 1, usual), 1, N_TRIALS / 20); /* and not so careful as to be of no use */
    assert_in_range(n_false_alarms(0.2, 1, 1, usual), 0, N_TRIALS / 20);
}

static void test_diff_of_alike_shares_is_nothing(void **state)
{
    (void)state;
    struct sp_diff_options normalized = {.sample_type = "", .is_normalized = true};
    assert_in_range(n_false_alarms(2, 10, 1, normalized), 0, N_TRIALS / 20);
    assert_in_range(n_false_alarms(20, 0.1, 1, normalized), 0, N_TRIALS / 20);
}

/* What filters leave of both, scaled by what there was before them. */
static void test_diff_of_alike_parts_is_nothing(void **state)
{
    (void)state;
    struct sp_diff_options normalized = {.sample_type = "", .is_normalized = true};
    assert_in_range(n_false_alarms(20, 1, 4, usual), 0, N_TRIALS / 20);
    assert_in_range(n_false_alarms(20, 0.1, 4, normalized), 0, N_TRIALS / 20);
}

static void test_diff_shows_the_slower_function_alone(void **state)
{
    (void)state;
    size_t n_alone = 0;
    state_of_chance = 1;
    for (int trial = 0; trial < 100; trial++) {
        struct sp_profile *old = run(200, 1), *new = run(200, 1.2);
        struct sp_diff diff = compare(old, new, &usual);
        assert_true(diff.n_differing > 0);
        assert_string_equal(diff.rows[0].name, "f20");
        assert_true(fabs(diff.rows[0].flat.relative - 0.2) < 2 * diff.rows[0].flat.relative_error);
        n_alone += diff.n_differing == 1;
        sp_diff_done(&diff);
    }
    assert_in_range(n_alone, 95, 100);
}

/* The true change is within ± the error in 95 % of cases; of 400, 4 standard deviations less are 362. */
static void test_diff_error_holds_the_truth(void **state)
{
    (void)state;
    size_t n_within = 0;
    state_of_chance = 2;
    for (int trial = 0; trial < N_TRIALS; trial++) {
        struct sp_diff_value value = {.value = {(double)poisson(1000), (double)poisson(1300)}};
        memcpy(value.variance, value.value, sizeof(value.variance));
        sp_diff_judge(&value, (double[]){1, 1}, 0, 0);
        n_within += fabs(value.change - 300) <= value.error;
    }
    assert_in_range(n_within, 362, 398);
}

/* 147 periods that one sample stood for say nothing; 600 besides them do. */
static void test_diff_of_a_heavy_sample_is_none(void **state)
{
    struct sp_diff_value start = {.value = {147, 0}, .variance = {147, 0}};
    struct sp_diff_value slower = {.value = {3000, 3600}, .variance = {3000, 3600}};
    (void)state;
    sp_diff_judge(&start, (double[]){1, 1}, 147, 0.01);
    assert_true(start.p > 0.99);
    sp_diff_judge(&start, (double[]){1, 1}, 0, 0.01);
    assert_true(start.p < 1e-9);
    sp_diff_judge(&slower, (double[]){1, 1}, 147, 0.01);
    assert_true(slower.p < 1e-5);
}

static void test_diff_callers_differ_by_cum(void **state)
{
    (void)state;
    struct sp_profile *old = new_profile(true), *new = new_profile(true);
    add(old, "f", "f.c", 1000);
    add(new, "f", "f.c", 2000);
    struct sp_diff diff = compare(old, new, &usual);
    assert_int_equal(diff.n_differing, 1);
    assert_true(row_of(&diff, "main")->cum.is_significant);
    assert_false(row_of(&diff, "main")->flat.is_significant);
    assert_true(diff.total.is_significant);
    assert_string_equal(diff.rows[0].name, "f");
    const struct sp_diff_row *worst;
    assert_true(fabs(sp_diff_worst_growth(&diff, &worst) - 100) < 1e-9);
    sp_diff_done(&diff);
}

static void test_diff_new_and_gone_functions(void **state)
{
    (void)state;
    struct sp_profile *old = new_profile(true), *new = new_profile(true);
    add(old, "stays", "a.c", 1000);
    add(old, "goes", "a.c", 100);
    add(new, "stays", "a.c", 1000);
    add(new, "comes", "a.c", 100);
    struct sp_diff diff = compare(old, new, &usual);
    assert_int_equal(diff.n_differing, 2);
    assert_true(row_of(&diff, "goes")->is_seen[SP_OLD] && !row_of(&diff, "goes")->is_seen[SP_NEW]);
    assert_true(!row_of(&diff, "comes")->is_seen[SP_OLD] && row_of(&diff, "comes")->is_seen[SP_NEW]);
    assert_true(row_of(&diff, "goes")->flat.is_significant && row_of(&diff, "comes")->flat.is_significant);
    const struct sp_diff_row *worst;
    assert_true(fabs(sp_diff_worst_growth(&diff, &worst) - 100. / 11) < 1e-9); /* of OLD's total */
    assert_ptr_equal(worst, row_of(&diff, "comes"));
    sp_diff_done(&diff);
}

/* Builds in other folders match by name, if there is one on each side; namesakes match by file alone. */
static void test_diff_matches_names(void **state)
{
    (void)state;
    struct sp_profile *old = new_profile(true), *new = new_profile(true);
    add(old, "f", "/build/1/f.c", 100);
    add(new, "f", "/build/2/f.c", 100);
    add(old, "init", "a.c", 50);
    add(old, "init", "b.c", 60);
    add(new, "init", "a.c", 50);
    add(new, "init", "c.c", 70);
    struct sp_diff diff = compare(old, new, &usual);
    const struct sp_diff_row *f = row_of(&diff, "f");
    assert_true(f->flat.value[SP_OLD] == 100. * PERIOD && f->flat.value[SP_NEW] == 100. * PERIOD);
    assert_int_equal(diff.n, 4); /* main, f, init of a.c, and that of b.c, which is in c.c now */
    assert_false(has_difference(&diff));
    sp_diff_done(&diff);
}

static void test_diff_errors_by_period(void **state)
{
    (void)state;
    struct sp_profile *old = new_profile(false), *new = new_profile(false);
    add(old, "f", "f.c", 10000);
    add(new, "f", "f.c", 10500);
    struct sp_diff diff = compare(old, new, &usual);
    assert_int_equal(diff.errors, SP_ERRORS_BY_PERIOD);
    assert_true(fabs(diff.rows[0].flat.error - 1.96 * sqrt(20500) * PERIOD) < 0.001 * diff.rows[0].flat.error);
    assert_true(diff.rows[0].flat.is_significant);
    sp_diff_done(&diff);
}

/* A change that sampling does not explain may still be how runs vary. */
static void test_diff_allows_for_runs(void **state)
{
    (void)state;
    struct sp_profile *old = new_profile(false), *new = new_profile(false);
    struct sp_diff_options options = {.sample_type = "", .run_variation = 0.02};
    add(old, "f", "f.c", 100000);
    add(new, "f", "f.c", 103000);
    struct sp_diff diff = compare(old, new, &options);
    assert_false(has_difference(&diff));
    sp_diff_done(&diff);
}

/* Where a timer fires more often than the kernel looks at it, a sample weighs more, and says as much less. */
static void test_diff_overruns_weigh_more(void **state)
{
    (void)state;
    struct sp_profile *old = new_profile(true), *new = new_profile(true);
    sp_profile_set_fact(old, "recorded.count", 100, NULL);
    sp_profile_set_fact(old, "recorded.weight", 400, NULL);
    add(old, "f", "f.c", 400);
    add(new, "f", "f.c", 400);
    struct sp_diff diff = compare(old, new, &usual);
    assert_true(fabs(diff.rows[0].flat.variance[SP_OLD] / diff.rows[0].flat.variance[SP_NEW] - 4) < 1e-9);
    sp_diff_done(&diff);
}

static void test_diff_without_known_errors(void **state)
{
    (void)state;
    struct sp_profile *sides[2];
    for (int i = 0; i < 2; i++) {
        sides[i] = sp_profile_new();
        sp_profile_add_sample_type(sides[i], "inuse_space", "bytes");
        uint32_t stack = frame(sides[i], "f", "f.c");
        sp_profile_append_sample(sides[i], &stack, 1, NULL, 0, (int64_t[]){1024 * (i + 1)});
    }
    struct sp_diff diff = compare(sides[0], sides[1], &usual);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    sp_diff_print(&diff, out);
    fclose(out);
    assert_false(has_difference(&diff));
    assert_non_null(strstr(text, "Whether anything differs beyond sampling error is not known\n"));
    free(text);
    sp_diff_done(&diff);
}

static void test_diff_refuses(void **state)
{
    (void)state;
    struct sp_profile *old = new_profile(true), *new = sp_profile_new();
    struct sp_diff diff;
    char why[200] = "";
    sp_profile_add_sample_type(new, "inuse_space", "bytes");
    struct sp_profile *const sides[] = {old, new}, *const same[] = {old, old};
    assert_int_equal(sp_diff_init(&diff, sides, &usual, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "OLD has cpu in nanoseconds, NEW has inuse_space in bytes"));
    sp_diff_done(&diff);
    struct sp_diff_options options = {.sample_type = "", .is_per_second = true};
    assert_int_equal(sp_diff_init(&diff, same, &options, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "OLD does not say how long"));
    sp_diff_done(&diff);
    sp_profile_free(old);
    sp_profile_free(new);
}

static void test_diff_per_second(void **state)
{
    (void)state;
    struct sp_profile *old = new_profile(true), *new = new_profile(true);
    old->duration_ns = 1000000000;
    new->duration_ns = 2000000000;
    add(old, "f", "f.c", 1000);
    add(new, "f", "f.c", 2000);
    struct sp_diff diff = compare(old, new, &(struct sp_diff_options){.sample_type = "", .is_per_second = true});
    assert_false(has_difference(&diff));
    assert_true(diff.total.change == 0);
    sp_diff_done(&diff);
}

static void test_diff_text(void **state)
{
    (void)state;
    struct sp_profile *old = new_profile(true), *new = new_profile(true);
    add(old, "f", "f.c", 1000);
    add(old, "g", "f.c", 500);
    add(new, "f", "f.c", 1500);
    add(new, "g", "f.c", 510);
    struct sp_diff_options options = {.sample_type = "", .names = {"a.pb.gz", "b.pb.gz"}};
    struct sp_diff diff = compare(old, new, &options);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    sp_diff_print(&diff, out);
    fclose(out);
    assert_string_equal(
        text, "1 function differs: f +50.0% ±12.0\n"
              "Old: a.pb.gz, 1500ms\n"
              "New: b.pb.gz, 2010ms\n"
              "Type: cpu\n"
              "Total: 1500ms to 2010ms, +510ms ±116.12ms, +34.0% ±9.0 *\n"
              "Errors: ± is the sampling error, 95 %, and 0 % that runs vary; * differs, in 3 tests together at 95 %\n"
              "  flat old   flat new     change      error       in %    share    cum old    cum new     change      "
              "error       in %\n"
              "    1000ms     1500ms     +500ms      ±98ms    +50.0%*   +7.96     1000ms     1500ms     +500ms      "
              "±98ms    +50.0%*  f\n"
              "                                                         +0.00     1500ms     2010ms     +510ms  "
              "±116.12ms    +34.0%*  main\n"
              "     500ms      510ms      +10ms   ±62.29ms     +2.0%    -7.96      500ms      510ms      +10ms   "
              "±62.29ms     +2.0%   g\n");
    free(text);
    sp_diff_done(&diff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diff_of_alike_runs_is_nothing),
        cmocka_unit_test(test_diff_of_alike_shares_is_nothing),
        cmocka_unit_test(test_diff_of_alike_parts_is_nothing),
        cmocka_unit_test(test_diff_shows_the_slower_function_alone),
        cmocka_unit_test(test_diff_error_holds_the_truth),
        cmocka_unit_test(test_diff_of_a_heavy_sample_is_none),
        cmocka_unit_test(test_diff_callers_differ_by_cum),
        cmocka_unit_test(test_diff_new_and_gone_functions),
        cmocka_unit_test(test_diff_matches_names),
        cmocka_unit_test(test_diff_errors_by_period),
        cmocka_unit_test(test_diff_allows_for_runs),
        cmocka_unit_test(test_diff_overruns_weigh_more),
        cmocka_unit_test(test_diff_without_known_errors),
        cmocka_unit_test(test_diff_refuses),
        cmocka_unit_test(test_diff_per_second),
        cmocka_unit_test(test_diff_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
