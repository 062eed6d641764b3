/*
 * The text of perf script: headers of all kinds, frames, inlined ones, several events, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/perf_script.h"
#include "formats/perf_script_line.h"
#include "read_text.h"

static struct sp_profile *read_text(const char *text)
{
    return read_as(&sp_format_perf_script, text);
}

/* The frames of a sample from the leaf on: names of a location with + between them, or its address; modules. */
static void assert_stack(const struct sp_profile *profile, size_t i, const char *expected)
{
    char joined[400] = "";
    size_t n = 0;
    const struct sp_sample *sample = &profile->samples.at[i];
    for (uint32_t k = 0; k < sample->n_locations; k++) {
        const struct sp_location *at = &profile->locations.at[profile->sample_locations.at[sample->first_location + k]];
        n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%jx", k > 0 ? " " : "", (uintmax_t)at->address);
        for (uint32_t line = 0; line < at->n_lines; line++) {
            const uint32_t function = profile->lines.at[at->first_line + line].function;
            n += (size_t)snprintf(joined + n, sizeof joined - n, ",%s",
                                  sp_profile_text(profile, profile->functions.at[function].name));
        }
        if (at->mapping != SP_NONE)
            n += (size_t)snprintf(joined + n, sizeof joined - n, "@%s",
                                  sp_profile_text(profile, profile->mappings.at[at->mapping].file));
    }
    assert_string_equal(joined, expected);
}

static void assert_type(const struct sp_profile *profile, size_t i, const char *type, const char *unit)
{
    assert_true(i < profile->sample_types.n);
    assert_string_equal(sp_profile_text(profile, profile->sample_types.at[i].type), type);
    assert_string_equal(sp_profile_text(profile, profile->sample_types.at[i].unit), unit);
}

static void assert_label(const struct sp_profile *profile, size_t i, uint32_t label, const char *key, const char *text,
                         int64_t number)
{
    const struct sp_sample *sample = &profile->samples.at[i];
    assert_true(label < sample->n_labels);
    const struct sp_label *at = &profile->labels.at[sample->first_label + label];
    assert_string_equal(sp_profile_text(profile, at->key), key);
    assert_string_equal(sp_profile_text(profile, at->str), text);
    assert_int_equal(at->num, number);
}

static void test_samples_with_call_chains(void **state)
{
    (void)state;
    struct sp_profile *profile =
        read_text("# ========\n# captured on: today\n\n"
                  "Web Content 1 1234/1236 [003] 37279.833829:     250000 cpu-clock:u: \n"
                  "\tffffffff8165c344 do_syscall_64+0x71 ([kernel.kallsyms])\n"
                  "\t           d43b8 std::map<int, (anonymous)>::at(int) const+0x8 (/usr/lib/x (deleted))\n"
                  "\t    7fda112ef538 [unknown] ([unknown])\n\n"
                  "sh 77/77 [000] 37279.933829:     250000 cpu-clock:u: \n\n"
                  "Web Content 1 1234/1236 [001] 37280.833829:     250001 cpu-clock:u: \r\n"
                  "\tffffffff8165c344 do_syscall_64+0x71 ([kernel.kallsyms])\r\n"
                  "\t           d43b8 std::map<int, (anonymous)>::at(int) const+0x8 (/usr/lib/x (deleted))\r\n"
                  "\t    7fda112ef538 [unknown] ([unknown])\r\n");
    assert_type(profile, 0, "samples", "count");
    assert_type(profile, 1, "cpu-clock:u", "nanoseconds");
    assert_int_equal(profile->samples.n, 2);
    assert_stack(profile, 0,
                 "ffffffff8165c344,do_syscall_64@[kernel.kallsyms] "
                 "d43b8,std::map<int, (anonymous)>::at(int) const@/usr/lib/x (deleted) 7fda112ef538@[unknown]");
    assert_stack(profile, 1, "");
    const int64_t values[] = {2, 500001, 1, 250000};
    assert_memory_equal(profile->values.at, values, sizeof values);
    assert_label(profile, 0, 0, "thread", "Web Content 1", 0);
    assert_label(profile, 0, 1, "tid", "", 1236);
    assert_label(profile, 0, 2, "pid", "", 1234);
    assert_int_equal(profile->duration_ns, 1000000000);
    sp_profile_free(profile);
}

static void test_inlined_frames_are_lines_of_one_location(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("app 5 1.5: 1 cycles:\n"
                                           "\t 1234 inner+0x4 (inlined)\n"
                                           "  app.c:12\n"
                                           "\t 1234 middle+0x4 (inlined)\n"
                                           "\t 1234 outer+0x14 (/bin/app+0x1234)\n"
                                           "\t 1300 main+0x20 (/bin/app)\n");
    assert_stack(profile, 0, "1234,inner,middle,outer@/bin/app 1300,main@/bin/app");
    assert_type(profile, 1, "cycles", "count");
    sp_profile_free(profile);
}

static void test_each_event_is_a_sample_type(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("a 5/5 1.5: 10 cycles: \n\t1 f (/x)\n\n"
                                           "a 5/5 1.6: sched:sched_switch: prev_comm=a ==> next_comm=b\n\t1 f (/x)\n\n"
                                           "a 5/5 1.7: 20 cycles: \n\t1 f (/x)\n\n");
    assert_type(profile, 0, "samples", "count");
    assert_type(profile, 1, "cycles", "count");
    assert_type(profile, 2, "sched:sched_switch", "count");
    assert_int_equal(profile->samples.n, 1);
    const int64_t values[] = {3, 30, 1};
    assert_memory_equal(profile->values.at, values, sizeof values);
    assert_string_equal(sp_profile_text(profile, profile->default_sample_type), "cycles");
    sp_profile_free(profile);
}

/* The names of threads are right-aligned there, and may look like an address. */
static void test_samples_without_call_chains(void **state)
{
    (void)state;
    struct sp_profile *profile =
        read_text("             add  1234 [002] 1.500000:     250000 cpu-clock:  1f2 f+0x2 (/x)\n"
                  "             add  1234 [002] 1.500001:     250000 cpu-clock:  1f3 f+0x3 (/x)\n");
    assert_int_equal(profile->samples.n, 2);
    assert_stack(profile, 0, "1f2,f@/x");
    assert_stack(profile, 1, "1f3,f@/x");
    assert_label(profile, 0, 0, "thread", "add", 0);
    sp_profile_free(profile);
}

static void test_fields_that_are_missing(void **state)
{
    (void)state;
    struct sp_profile *profile =
        read_text("perf 19/20 cycles:u:\n\t10 main\n\nperf 19/20 cycles:u:\n\t20 f(int)+0x5\n");
    assert_stack(profile, 0, "10,main");
    assert_stack(profile, 1, "20,f(int)");
    assert_int_equal(profile->values.at[1], 1);
    assert_int_equal(profile->duration_ns, 0);
    sp_profile_free(profile);
    profile = read_text("swapper 0 [001] 5.25: \n\tffffffff81000000 idle ([kernel.kallsyms])\n");
    assert_type(profile, 1, "events", "count");
    sp_profile_free(profile);
}

/* --show-mmap-events and the like. */
static void test_other_records_are_passed_over(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("a 5 1.0: PERF_RECORD_COMM exec: a:5/5\n"
                                           "a 5 1.0: PERF_RECORD_MMAP2 5/5: [0x1(0x2) @ 0 08:01 1 2]: r-xp /x\n"
                                           "a 5 1.5: 10 cycles:\n\t1 f (/x)\n");
    assert_int_equal(profile->samples.n, 1);
    assert_int_equal(profile->sample_types.n, 2);
    sp_profile_free(profile);
}

static void test_one_address_of_two_names_is_two_locations(void **state)
{
    (void)state;
    struct sp_profile *profile =
        read_text("a 5 1.5: 10 cycles:\n\t1 f (/x)\n\t1 g (/x)\n\nb 6 1.5: 10 cycles:\n\t1 f (/x)\n");
    assert_stack(profile, 0, "1,f@/x 1,g@/x");
    assert_stack(profile, 1, "1,f@/x");
    assert_int_equal(profile->locations.n, 2);
    sp_profile_free(profile);
}

static void assert_refused(const char *text, const char *expected)
{
    struct sp_bytes bytes = {0};
    struct sp_profile *profile;
    char why[200] = "";
    sp_bytes_put(&bytes, text, strlen(text));
    assert_int_equal(sp_profile_read_bytes(&bytes, LIMIT, &profile, why, sizeof why), -EINVAL);
    assert_string_equal(why, expected);
}

static void test_damaged_text_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_refused("a 5 1.5: 10 cycles:\n\t1 f (/x)\nwhat is this\n",
                   "line 3: it is neither a sample's header nor a frame");
    assert_refused("a 5 1.5: 10 cycles:\n\tmain (/x)\n", "line 2: it is neither a sample's header nor a frame");
    assert_refused("a 5 1.5: 10 cycles:\n\n\t1 f (/x)\n", "line 3: it is neither a sample's header nor a frame");
    assert_refused("a 5 1.5: 10 cycles:\n\t12345678901234567 f (/x)\n",
                   "line 2: it is neither a sample's header nor a frame");
    char many[8000] = "";
    for (unsigned i = 0; i < 65; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "a 5 1.5: 10 event%u:\n\n", i);
    assert_refused(many, "line 129: there are more than 64 events, which is the limit");
}

static void test_other_text_is_not_taken_for_it(void **state)
{
    (void)state;
    static const char *const texts[] = {"main;f 12\n", "a 5 1.5\n", "Thread 1 foo: 12\n",
                                        "heap profile: 1: 2 [ 3: 4 ] @\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(sp_format_perf_script.looks_like((const uint8_t *)texts[i], strlen(texts[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_with_call_chains),
        cmocka_unit_test(test_inlined_frames_are_lines_of_one_location),
        cmocka_unit_test(test_each_event_is_a_sample_type),
        cmocka_unit_test(test_samples_without_call_chains),
        cmocka_unit_test(test_fields_that_are_missing),
        cmocka_unit_test(test_other_records_are_passed_over),
        cmocka_unit_test(test_one_address_of_two_names_is_two_locations),
        cmocka_unit_test(test_damaged_text_is_refused_with_its_line),
        cmocka_unit_test(test_other_text_is_not_taken_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
