/* Callgrind's format as it is written: names once, costs, calls. */
#include <errno.h>

#include "made_profile.h"

static void test_file_has_costs_and_calls_by_function(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "nano seconds");
    const uint32_t program = made_mapping(&made, 0x1000, 0x2000, "/bin/x");
    const struct sp_line lines[] = {made_line(&made, "inner\n", "i.h", 1), made_line(&made, "outer", "o.c", 2)};
    const struct sp_line of_main = made_line(&made, "main", "o.c", 9);
    const uint32_t leaf = made_location(&made, program, lines, 2), root = made_location(&made, program, &of_main, 1);
    const uint32_t bare = made_location(&made, SP_NONE, NULL, 0);
    made_sample(&made, 5, 3, leaf, root, bare);
    made_sample(&made, 3, 2, leaf, root);
    made_sample(&made, 1, 1, root);
    made_sample(&made, 0, 1, bare);
    made_sample(&made, 9, 0);
    made_expect(&made, "callgrind",
                "# callgrind format\nversion: 1\ncreator: sigprof\npositions: instr line\nevents: cpu(nano_seconds)\n"
                "summary: 9\n"
                "\nob=(1) /bin/x\nfl=(1) i.h\nfn=(1) inner \n0x1000 1 8\n"
                "\nob=(1)\nfl=(2) o.c\nfn=(2) outer\n0x1000 2 0\n"
                "cob=(1)\ncfl=(1)\ncfn=(1)\ncalls=2 0x1000 1\n0x1000 2 8\n"
                "\nob=(1)\nfl=(2)\nfn=(3) main\n0x1001 9 1\ncob=(1)\ncfl=(2)\ncfn=(2)\ncalls=2 0x1000 2\n0x1001 9 8\n"
                "\nob=(2) ???\nfl=(3) ???\nfn=(4) 0x1002\n0x1002 0 0\ncob=(1)\ncfl=(2)\ncfn=(3)\ncalls=1 0x1001 9\n"
                "0x1002 0 5\n"
                "\ntotals: 9\n");
    sp_profile_free(made.profile);
}

static void test_recursion_counts_once_a_stack(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "ns");
    const uint32_t f = made_frame(&made, "f", "", 1), g = made_frame(&made, "g", "", 2);
    made_sample(&made, 5, 6, f, f, g, f, g, f);
    made_sample(&made, 2, 3, g, f, g);
    made_expect(&made, "callgrind",
                "# callgrind format\nversion: 1\ncreator: sigprof\npositions: instr line\nevents: cpu(ns)\nsummary: 7\n"
                "\nob=(1) ???\nfl=(1) ???\nfn=(1) f\n0x1000 1 5\n"
                "cob=(1)\ncfl=(1)\ncfn=(2) g\ncalls=2 0x1001 2\n0x1000 1 7\n"
                "\nob=(1)\nfl=(1)\nfn=(2)\n0x1001 2 2\n"
                "cob=(1)\ncfl=(1)\ncfn=(1)\ncalls=2 0x1000 1\n0x1001 2 7\n"
                "\ntotals: 7\n");
    sp_profile_free(made.profile);
}

static void test_negative_cost_is_refused(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "ns");
    struct sp_bytes bytes = {0};
    made_sample(&made, -5, 1, made_frame(&made, "f", "", 1));
    assert_int_equal(sp_format_find("callgrind")->write(made.profile, NULL, &bytes), -ENOTSUP);
    assert_int_equal(bytes.n, 0);
    sp_bytes_done(&bytes);
    sp_profile_free(made.profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_has_costs_and_calls_by_function),
        cmocka_unit_test(test_recursion_counts_once_a_stack),
        cmocka_unit_test(test_negative_cost_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
