/*
 * The report `tree`: against texts that google/pprof prints for the same profiles.
 */
#include "made_stacks.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_has_callers_and_callees),
        cmocka_unit_test(test_tree_leads_over_what_is_trimmed),
        cmocka_unit_test(test_tree_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
