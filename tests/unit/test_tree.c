/*
 * The report `tree`: against texts that google/pprof prints for the same profiles.
 */
#include "made_stacks.h"

#include <errno.h>

static void test_tree_has_callers_and_callees(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    add(profile, 1, 30, "leaf<middle main");
    add(profile, 1, 20, "leaf main");
    add(profile, 1, 10, "other main");
    assert_prints(&sp_report_tree, profile, &options,
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 60ns, 100% of 60ns total\n"
                  "----------------------------------------------------------+-------------\n"
                  "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t \n"
                  "----------------------------------------------------------+-------------\n"
                  "                                              30ns 60.00% |   middle (inline)\n"
                  "                                              20ns 40.00% |   main\n"
                  "      50ns 83.33% 83.33%       50ns 83.33%                | leaf\n"
                  "----------------------------------------------------------+-------------\n"
                  "                                              10ns   100% |   main\n"
                  "      10ns 16.67%   100%       10ns 16.67%                | other\n"
                  "----------------------------------------------------------+-------------\n"
                  "         0     0%   100%       60ns   100%                | main\n"
                  "                                              30ns 50.00% |   middle\n"
                  "                                              20ns 33.33% |   leaf\n"
                  "                                              10ns 16.67% |   other\n"
                  "----------------------------------------------------------+-------------\n"
                  "                                              30ns   100% |   main\n"
                  "         0     0%   100%       30ns 50.00%                | middle\n"
                  "                                              30ns   100% |   leaf (inline)\n"
                  "----------------------------------------------------------+-------------\n");
}

static void test_tree_leads_over_what_is_trimmed(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    options.node_count = 2;
    options.by_cum = true;
    add(profile, 1, 30, "a x main");
    add(profile, 1, 20, "a y main");
    assert_prints(&sp_report_tree, profile, &options,
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 50ns, 100% of 50ns total\n"
                  "Showing top 2 nodes out of 4\n"
                  "----------------------------------------------------------+-------------\n"
                  "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t \n"
                  "----------------------------------------------------------+-------------\n"
                  "                                              50ns   100% |   main\n"
                  "      50ns   100%   100%       50ns   100%                | a\n"
                  "----------------------------------------------------------+-------------\n"
                  "         0     0%   100%       50ns   100%                | main\n"
                  "                                              50ns   100% |   a\n"
                  "----------------------------------------------------------+-------------\n");
}

static void test_tree_of_nothing(void **state)
{
    (void)state;
    struct sp_report_options options = usual_options();
    assert_prints(&sp_report_tree, new_profile(), &options,
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 0, 0% of 0 total\n"
                  "----------------------------------------------------------+-------------\n"
                  "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t \n");
}

static struct sp_regex *expression(const char *pattern)
{
    struct sp_regex *regex = NULL;
    char why[256];
    assert_int_equal(sp_regex_new(pattern, &regex, why, sizeof(why)), 0);
    return regex;
}

static void test_peek_shows_what_matches(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_regex *regex = expression("^mid");
    options.symbol = regex;
    options.node_fraction = options.edge_fraction = 0;
    add(profile, 1, 30000, "leaf middle main");
    add(profile, 1, 1, "main");
    assert_prints(&sp_report_peek, profile, &options,
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 30001ns, 100% of 30001ns total\n"
                  "----------------------------------------------------------+-------------\n"
                  "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t \n"
                  "----------------------------------------------------------+-------------\n"
                  "                                           30000ns   100% |   main\n"
                  "         0     0%     0%    30000ns   100%                | middle\n"
                  "                                           30000ns   100% |   leaf\n"
                  "----------------------------------------------------------+-------------\n");
    sp_regex_free(regex);
}

static void test_peek_without_match(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    struct sp_regex *regex = expression("^none$");
    struct sp_report report;
    FILE *out = fopen("/dev/null", "w");
    char why[256];
    options.symbol = regex;
    add(profile, 1, 30, "leaf main");
    assert_int_equal(sp_report_init(&report, profile, &options), 0);
    assert_int_equal(sp_report_peek.print(&report, out, why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "no matches found for regexp: ^none$");
    fclose(out);
    sp_report_done(&report);
    sp_regex_free(regex);
    sp_profile_free(profile);
}

static void test_json_of_top(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    add(profile, 1, 30, "leaf@a.c:7<main");
    add(profile, 1, 10, "main");
    assert_printed(&sp_report_top, true, profile, &options,
                   "{\"report\":\"top\",\"type\":\"cpu\",\"unit\":\"nanoseconds\",\"total\":40,\"shown\":40,"
                   "\"nodes_shown\":2,\"nodes_before_limit\":2,\"nodes_dropped\":0,\"rows\":[\n"
                   "{\"name\":\"leaf a.c:7\",\"function\":\"leaf\",\"file\":\"a.c\",\"line\":7,"
                   "\"inlined\":\"always\",\"flat\":30,\"flat_percent\":75,\"sum_percent\":75,\"cum\":30,"
                   "\"cum_percent\":75},\n"
                   "{\"name\":\"main\",\"function\":\"main\",\"flat\":10,\"flat_percent\":25,"
                   "\"sum_percent\":100,\"cum\":40,\"cum_percent\":100}]}\n");
}

static void test_json_of_tree(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_report_options options = usual_options();
    options.node_count = 2;
    add(profile, 1, 30, "leaf between main");
    assert_printed(&sp_report_tree, true, profile, &options,
                   "{\"report\":\"tree\",\"type\":\"cpu\",\"unit\":\"nanoseconds\",\"total\":30,\"shown\":30,"
                   "\"nodes_shown\":2,\"nodes_before_limit\":3,\"nodes_dropped\":0,\"rows\":[\n"
                   "{\"name\":\"leaf\",\"function\":\"leaf\",\"flat\":30,\"flat_percent\":100,\"sum_percent\":100,"
                   "\"cum\":30,\"cum_percent\":100,\"callers\":[\n"
                   "{\"name\":\"between\",\"function\":\"between\",\"value\":30,\"percent\":100}],\"callees\":[]},\n"
                   "{\"name\":\"between\",\"function\":\"between\",\"flat\":0,\"flat_percent\":0,"
                   "\"sum_percent\":100,\"cum\":30,\"cum_percent\":100,\"callers\":[],\"callees\":[\n"
                   "{\"name\":\"leaf\",\"function\":\"leaf\",\"value\":30,\"percent\":100}]}]}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_has_callers_and_callees),
        cmocka_unit_test(test_tree_leads_over_what_is_trimmed),
        cmocka_unit_test(test_tree_of_nothing),
        cmocka_unit_test(test_peek_shows_what_matches),
        cmocka_unit_test(test_peek_without_match),
        cmocka_unit_test(test_json_of_top),
        cmocka_unit_test(test_json_of_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
