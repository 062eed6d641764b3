/*
 * How nodes got onto the stacks, as inlined code or by calls: without edges the same as with all of them.
 */
#include "made_stacks.h"

#include "report/graph.h"

/* Marsaglia's xorshift64. */
static uint32_t draw(uint64_t *random, uint32_t n)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (uint32_t)((*random >> 32) % n);
}

/* Stacks of a few functions, some of which are inlined into others; `lowest` is the smallest value. */
static struct sp_profile *random_profile(uint64_t *random, uint32_t n_functions, int64_t lowest)
{
    struct sp_profile *profile = new_profile();
    uint32_t n_samples = 1 + draw(random, 40);
    for (uint32_t i = 0; i < n_samples; i++) {
        char stack[256] = "";
        uint32_t n = 1 + draw(random, MOST_FRAMES);
        for (uint32_t frame = 0; frame < n; frame++) {
            size_t length = strlen(stack);
            const char *before = frame == 0 ? "" : draw(random, 4) == 0 ? "<" : " ";
            snprintf(stack + length, sizeof(stack) - length, "%sf%u", before, (unsigned)draw(random, n_functions));
        }
        add(profile, 1, lowest + (int64_t)draw(random, 10) * (int64_t)draw(random, 10), stack);
    }
    return profile;
}

static struct sp_report_options random_options(uint64_t *random)
{
    const double fractions[] = {0, 0.005, 0.05, 0.2};
    struct sp_report_options options = usual_options();
    options.node_fraction = fractions[draw(random, 4)];
    options.edge_fraction = fractions[draw(random, 4)];
    options.node_count = draw(random, 2) * (1 + draw(random, 6));
    options.drop_negative = draw(random, 2) == 0;
    return options;
}

static void assert_same_marks(struct sp_profile *profile, const struct sp_report_options *options)
{
    struct sp_report report;
    struct sp_graph with, without;
    assert_int_equal(sp_report_init(&report, profile, options), 0);
    assert_int_equal(sp_graph_init_trimmed(&with, &report, true), 0);
    assert_int_equal(sp_graph_init_trimmed(&without, &report, false), 0);
    assert_int_equal(with.n_shown, without.n_shown);
    for (size_t i = 0; i < with.n_shown; i++) {
        const struct sp_node *expected = &with.nodes[with.order[i]], *node = &without.nodes[without.order[i]];
        assert_string_equal(node->name, expected->name);
        assert_int_equal(node->is_inlined, expected->is_inlined);
        if (expected->is_inlined)
            assert_int_equal(node->is_called, expected->is_called);
    }
    sp_graph_done(&with);
    sp_graph_done(&without);
    sp_report_done(&report);
}

static void test_marks_are_those_of_the_edges(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (unsigned i = 0; i < 2000; i++) {
        const struct sp_report_options options = random_options(&random);
        uint32_t n_functions = 2 + draw(&random, 12) * draw(&random, 12);
        struct sp_profile *profile = random_profile(&random, n_functions, i % 4 == 0 ? -20 : 0);
        assert_same_marks(profile, &options);
        sp_profile_free(profile);
    }
}

/* Sums of calls that do not fit turn around, and then a large edge may end as a small one. */
static void test_marks_where_sums_overflow(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    add(profile, 1, INT64_MAX, "f main");
    add(profile, 1, INT64_MAX, "f main");
    add(profile, 1, 2, "f main");
    add(profile, 1, 5, "f<g main");
    assert_same_marks(profile, &options);
    sp_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_are_those_of_the_edges),
        cmocka_unit_test(test_marks_where_sums_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
