/*
 * The report `top`: its layout and numbers, against texts that google/pprof prints for the same profiles.
 * tests/e2e/reports_equal_pprof.py compares many more with the real one.
 */
#include "made_stacks.h"

#include <errno.h>

#include "profile/measure.h"
#include "report/names.h"

/* The report of the profile's default type, which is freed, is `expected`. */
static void assert_report(struct sp_profile *profile, struct sp_report_options asked, const char *expected)
{
    struct sp_report_options options = usual_options();
    char why[256];
    options.node_count = asked.node_count;
    options.by_cum = asked.by_cum;
    assert_int_equal(sp_report_find_value(profile, "", &options.value_index, why, sizeof(why)), 0);
    assert_prints(&sp_report_top, profile, &options, expected);
}

static void test_top_layout(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    struct sp_profile *profile = new_profile();
    profile->mappings.at[0].build_id = sp_profile_string(profile, "abc123");
    profile->time_ns = 1700000000999999999;
    profile->duration_ns = 2000000000;
    sp_profile_add_comment(profile, "a comment");
    sp_profile_add_comment(profile, "#hidden");
    add(profile, 100, 1000000000, "hot main");
    add(profile, 50, 500000000, "warm hot main");
    add(profile, 1, 10000000, "main");
    assert_report(profile, (struct sp_report_options){0},
                  "File: prog\n"
                  "Build ID: abc123\n"
                  "a comment\n"
                  "Type: cpu\n"
                  "Time: 2023-11-14 22:13:20 UTC\n"
                  "Duration: 2s, Total samples = 1.51s (75.50%)\n"
                  "Showing nodes accounting for 1.51s, 100% of 1.51s total\n"
                  "      flat  flat%   sum%        cum   cum%\n"
                  "        1s 66.23% 66.23%      1.50s 99.34%  hot\n"
                  "     0.50s 33.11% 99.34%      0.50s 33.11%  warm\n"
                  "     0.01s  0.66%   100%      1.51s   100%  main\n");
}

static void test_top_by_cum_and_first_n(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    add(profile, 1, 30000000, "a main");
    add(profile, 1, 20000000, "b main");
    add(profile, 1, 20000000, "c b main");
    assert_report(profile, (struct sp_report_options){.node_count = 2, .by_cum = true},
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 20ms, 28.57% of 70ms total\n"
                  "Showing top 2 nodes out of 4\n"
                  "      flat  flat%   sum%        cum   cum%\n"
                  "         0     0%     0%       70ms   100%  main\n"
                  "      20ms 28.57% 28.57%       40ms 57.14%  b\n");
}

static void test_top_recursion_counts_once_a_stack(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    add(profile, 1, 30, "f f g f");
    add(profile, 1, 10, "g f g");
    assert_report(profile, (struct sp_report_options){0},
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 40ns, 100% of 40ns total\n"
                  "      flat  flat%   sum%        cum   cum%\n"
                  "      30ns 75.00% 75.00%       40ns   100%  f\n"
                  "      10ns 25.00%   100%       40ns   100%  g\n");
}

static void test_top_marks_inlined_functions(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    add(profile, 1, 30, "always<caller main");
    add(profile, 1, 20, "sometimes<caller main");
    add(profile, 1, 10, "sometimes main");
    add(profile, 1, 5, "main");
    assert_report(profile, (struct sp_report_options){0},
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 65ns, 100% of 65ns total\n"
                  "      flat  flat%   sum%        cum   cum%\n"
                  "      30ns 46.15% 46.15%       30ns 46.15%  always (inline)\n"
                  "      30ns 46.15% 92.31%       30ns 46.15%  sometimes (partial-inline)\n"
                  "       5ns  7.69%   100%       65ns   100%  main\n"
                  "         0     0%   100%       50ns 76.92%  caller\n");
}

static void test_top_drops_what_is_below_half_a_percent(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    add(profile, 1, 99300000, "big");
    add(profile, 1, 499999, "small");
    add(profile, 1, 200001, "less");
    assert_report(profile, (struct sp_report_options){0},
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 99.30ms, 99.30% of 100ms total\n"
                  "Dropped 2 nodes (cum <= 0.50ms)\n"
                  "      flat  flat%   sum%        cum   cum%\n"
                  "   99.30ms 99.30% 99.30%    99.30ms 99.30%  big\n");
}

static void test_top_names_what_has_no_symbol(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_mapping library = {.file = sp_profile_string(profile, "/usr/lib/libfoo.so")};
    uint32_t map = sp_profile_add_mapping(profile, &library);
    struct sp_location in_library = {.mapping = map}, in_nothing = {.mapping = SP_NONE};
    uint32_t here[] = {sp_profile_add_location(profile, &in_library, NULL, 0),
                       sp_profile_add_location(profile, &in_library, NULL, 0)};
    uint32_t nowhere = sp_profile_add_location(profile, &in_nothing, NULL, 0);
    sp_profile_append_sample(profile, here, 2, NULL, 0, (int64_t[]){1, 10});
    sp_profile_append_sample(profile, &here[1], 1, NULL, 0, (int64_t[]){1, 20});
    sp_profile_append_sample(profile, &nowhere, 1, NULL, 0, (int64_t[]){1, 5});
    assert_report(profile, (struct sp_report_options){0},
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 35ns, 100% of 35ns total\n"
                  "      flat  flat%   sum%        cum   cum%\n"
                  "      30ns 85.71% 85.71%       30ns 85.71%  [libfoo.so]\n"
                  "       5ns 14.29%   100%        5ns 14.29%  <unknown>\n");
}

static void test_top_default_sample_type(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    profile->default_sample_type = sp_profile_string(profile, "samples");
    add(profile, 3, 1000, "f");
    assert_report(profile, (struct sp_report_options){0},
                  "File: prog\n"
                  "Type: samples\n"
                  "Showing nodes accounting for 3, 100% of 3 total\n"
                  "      flat  flat%   sum%        cum   cum%\n"
                  "         3   100%   100%          3   100%  f\n");
}

static void test_top_of_nothing(void **state)
{
    (void)state;
    assert_report(new_profile(), (struct sp_report_options){0},
                  "File: prog\n"
                  "Type: cpu\n"
                  "Showing nodes accounting for 0, 0% of 0 total\n"
                  "      flat  flat%   sum%        cum   cum%\n");
    struct sp_profile *profile = sp_profile_new();
    struct sp_report report;
    size_t index;
    char why[256];
    assert_int_equal(sp_report_find_value(profile, "", &index, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "profile has no samples");
    assert_int_equal(sp_report_init(&report, profile, &(struct sp_report_options){.divide_by = 1}), -ENODATA);
    sp_report_done(&report);
    sp_profile_free(profile);
}

static void assert_value(int64_t value, const char *from, const char *to, const char *expected)
{
    char number[SP_VALUE_TEXT_BYTES], text[2 * SP_VALUE_TEXT_BYTES];
    const char *unit = sp_scaled_text(value, from, to, number);
    snprintf(text, sizeof(text), "%s%s", number, unit);
    assert_string_equal(text, expected);
}

static void test_measure_units(void **state)
{
    (void)state;
    assert_value(0, "nanoseconds", SP_UNIT_AUTO, "0");
    assert_value(1500, "nanoseconds", SP_UNIT_AUTO, "1.50us");
    assert_value(-1500, "ns", "ms", "0");
    assert_value(-16000000, "ns", "s", "-0.02s");
    assert_value(7200, "seconds", SP_UNIT_AUTO, "2hrs");
    assert_value(1 << 20, "bytes", SP_UNIT_AUTO, "1MB");
    assert_value(1536, "Bytes", SP_UNIT_AUTO, "1.50kB");
    assert_value(12, "count", SP_UNIT_AUTO, "12");
    assert_value(12, "widgets", "widgets", "12widgets");
    assert_value(3, "nanogcu", SP_UNIT_AUTO, "3n*GCU");
    assert_value(INT64_MIN, "count", SP_UNIT_AUTO, "-9223372036854775808");
    assert_value(5, "a unit whose name is longer than all that are known", SP_UNIT_AUTO, "5");
}

static void assert_percent(int64_t value, int64_t total, const char *expected)
{
    char text[SP_PERCENT_TEXT_BYTES];
    sp_percent_text(value, total, text);
    assert_string_equal(text, expected);
}

static void test_measure_percentages(void **state)
{
    (void)state;
    assert_percent(0, 0, "    0%");
    assert_percent(1, 0, "    0%");
    assert_percent(9996, 10000, "  100%");
    assert_percent(-1, 3, "33.33%");
    assert_percent(1, 1000, "  0.1%");
    assert_percent(1, 10000000, "1e-05%");
    assert_percent(INT64_MIN, 1, "922337203685477580800.00%");
}

static void assert_short(const char *name, const char *expected)
{
    char text[128];
    snprintf(text, sizeof(text), "%s", name);
    if (sp_name_is_long_form(text))
        sp_name_shorten(text);
    assert_string_equal(text, expected);
}

static void test_names_are_shortened_as_by_pprof(void **state)
{
    (void)state;
    assert_short("main", "main");
    assert_short("main.(*T).method", "main.(*T).method");
    assert_short("std::vector<int, std::allocator<int> >::push_back(int const&)", "std::vector::push_back");
    assert_short("main.(*list[...]).sorted", "main.(*list[...]).sorted");
    assert_short("java.Class.<init>", "java.Class.<init>");
    assert_short("ns::a)b(c)", "ns::a)b(c)");
    assert_short("ns::f(g(h)", "ns::f(g(h)");
    assert_short("<x>", "");
}

static void assert_clean(const char *path, const char *expected)
{
    char text[128];
    snprintf(text, sizeof(text), "%s", path);
    assert_int_equal(sp_path_is_clean(text), strcmp(path, expected) == 0);
    sp_path_clean(text);
    assert_string_equal(text, expected);
}

static void test_names_clean_paths(void **state)
{
    (void)state;
    assert_clean("/usr/src/a.c", "/usr/src/a.c");
    assert_clean("a.c", "a.c");
    assert_clean("..a/.b/c..", "..a/.b/c..");
    assert_clean("/", "/");
    assert_clean("//usr//src/./a.c/", "/usr/src/a.c");
    assert_clean("/usr/lib/../src/a.c", "/usr/src/a.c");
    assert_clean("/../../a.c", "/a.c");
    assert_clean("a/../../b", "../b");
    assert_clean("../../b/..", "../..");
    assert_clean("./a", "a");
    assert_clean("a/..", ".");
    assert_clean("/a/..", "/");
}

static void assert_trimmed(const char *path, const char *trim_path, const char *source_path, const char *expected)
{
    assert_string_equal(sp_trimmed_path(path, trim_path, source_path), expected);
}

static void test_names_trimmed_paths(void **state)
{
    (void)state;
    assert_trimmed("/build/x/src/a.c", NULL, NULL, "/build/x/src/a.c");
    assert_trimmed("/build/x/src/a.c", "/build", NULL, "x/src/a.c");
    assert_trimmed("/build/x/src/a.c", "/other:/build/x/", "", "src/a.c");
    assert_trimmed("/builder/a.c", "/build", NULL, "/builder/a.c");
    assert_trimmed("/build/project/src/a.c", "", "/home/me/project", "src/a.c");
    assert_trimmed("/build/project/src/a.c", NULL, "/elsewhere:/home/me/project/", "src/a.c");
    assert_trimmed("/build/project/src/a.c", "/build", "/home/me/project", "project/src/a.c");
    assert_trimmed("/proc/self/cwd/./a.c", NULL, NULL, "a.c");
    assert_trimmed("/proc/self/cwd/a.c", "/build", NULL, "a.c");
}

static void assert_base(const char *path, const char *expected)
{
    size_t length;
    const char *base = sp_base_name(path, &length);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(base, expected, length);
}

static void test_names_base(void **state)
{
    (void)state;
    assert_base("/usr/bin/prog", "prog");
    assert_base("prog", "prog");
    assert_base("/opt/x//", "x");
    assert_base("///", "/");
    assert_base("", ".");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_layout),
        cmocka_unit_test(test_top_by_cum_and_first_n),
        cmocka_unit_test(test_top_recursion_counts_once_a_stack),
        cmocka_unit_test(test_top_marks_inlined_functions),
        cmocka_unit_test(test_top_drops_what_is_below_half_a_percent),
        cmocka_unit_test(test_top_names_what_has_no_symbol),
        cmocka_unit_test(test_top_default_sample_type),
        cmocka_unit_test(test_top_of_nothing),
        cmocka_unit_test(test_measure_units),
        cmocka_unit_test(test_measure_percentages),
        cmocka_unit_test(test_names_are_shortened_as_by_pprof),
        cmocka_unit_test(test_names_base),
        cmocka_unit_test(test_names_clean_paths),
        cmocka_unit_test(test_names_trimmed_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
