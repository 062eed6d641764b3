/*
 * Legacy profiles that are text; the numbers expected are go tool pprof's.
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
#include "formats/legacy_text.h"
#include "read_text.h"

#define MAPS                                            \
    "00400000-00403000 r-xp 00000000 08:01 17 /bin/x\n" \
    "7f0000-7f9000 r-xp 00000000 08:01 17 /lib/libc.so.6\n"

static struct sp_profile *read_text(const char *text)
{
    return read_as(&sp_format_legacy_text, text);
}

/* A sample's values, and its stack from the leaf on. */
static void assert_sample(const struct sp_profile *profile, size_t i, const char *expected)
{
    char text[300] = "";
    size_t n = 0;
    assert_true(i < profile->samples.n);
    const struct sp_sample *sample = &profile->samples.at[i];
    for (size_t k = 0; k < profile->sample_types.n; k++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%jd ",
                              (intmax_t)profile->values.at[i * profile->sample_types.n + k]);
    n += (size_t)snprintf(text + n, sizeof text - n, "@");
    for (uint32_t k = 0; k < sample->n_locations; k++) {
        const uint32_t location = profile->sample_locations.at[sample->first_location + k];
        n += (size_t)snprintf(text + n, sizeof text - n, " %jx", (uintmax_t)profile->locations.at[location].address);
    }
    assert_string_equal(text, expected);
}

static void assert_type(const struct sp_profile *profile, size_t i, const char *type)
{
    assert_true(i < profile->sample_types.n);
    assert_string_equal(sp_profile_text(profile, profile->sample_types.at[i].type), type);
}

static void test_sampled_heap_is_scaled(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("heap profile:   3:  5000 [ 10: 90000] @ heap_v2/524288\n"
                                           "   1:   1000 [  4:  40000] @ 0x401010 0x401020 0x7f0001\n"
                                           "#\t0x40100f\tmain.f+0x3\t/src/main.go:4\n\n"
                                           "   2:   4000 [  6:  50000] @ 0x401010 0x402020\n"
                                           "   0:   0 [  6:  50000] @\n\n"
                                           "MAPPED_LIBRARIES:\n" MAPS);
    assert_int_equal(profile->samples.n, 3);
    assert_type(profile, 0, "alloc_objects");
    assert_type(profile, 3, "inuse_space");
    assert_sample(profile, 0, "211 2117215 524 524788 @ 40100f 40101f 7f0000");
    assert_sample(profile, 1, "380 3170794 525 1050577 @ 40100f 40201f");
    const struct sp_label *label = &profile->labels.at[profile->samples.at[0].first_label];
    assert_string_equal(sp_profile_text(profile, label->key), "bytes");
    assert_int_equal(label->num, 1000);
    assert_int_equal(profile->period, 524288);
    assert_non_null(strstr(sp_profile_text(profile, profile->drop_frames), "|operator new(\\[\\])?|simple_alloc"));
    assert_string_equal(sp_profile_text(profile, profile->keep_frames),
                        "runtime\\.panic|runtime\\.reflectcall|runtime\\.call[0-9]*");
    assert_int_equal(profile->mappings.n, 2);
    assert_int_equal(profile->locations.at[2].mapping, 1);
    sp_profile_free(profile);
}

static void test_heap_that_is_not_sampled_is_as_it_is(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("heap profile: 1: 1000 [1: 1000] @ heapprofile\n1: 1000 [1: 1000] @ 0x11\n");
    assert_type(profile, 0, "objects");
    assert_type(profile, 1, "space");
    assert_sample(profile, 0, "1 1000 @ 10");
    assert_int_equal(profile->period, 1);
    sp_profile_free(profile);
    profile = read_text("heap profile: 1: 1000 [7: 9000] @ growthz\n1: 1000 [7: 9000] @ 0x11\n");
    assert_int_equal(profile->sample_types.n, 2);
    sp_profile_free(profile);
}

static void test_contention_is_in_nanoseconds(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("--- contentionz 0 ---\ncycles/second = 3000000000\nsampling period = 100\n"
                                           "ms since reset = 16502\ndiscarded samples = 0\n"
                                           "  35258904 12 @ 0x401010 0x401020\n  100 1 @ 0x401010 0x1\n"
                                           "--- Memory map: ---\n" MAPS);
    assert_type(profile, 0, "contentions");
    assert_type(profile, 1, "delay");
    assert_sample(profile, 0, "1200 1175296800 @ 40100f 40101f");
    assert_sample(profile, 1, "100 3333 @ 40100f 0");
    assert_int_equal(profile->duration_ns, INT64_C(16502000000));
    assert_int_equal(profile->period, 100);
    assert_int_equal(profile->mappings.n, 2);
    sp_profile_free(profile);
    profile = read_text("--- mutex:\ncycles/second=2000000000\nsampling period=1\n2000 3 @ 0x11\n#\t0x10\tsync.f\n");
    assert_sample(profile, 0, "3 1000 @ 10");
    sp_profile_free(profile);
}

static void test_counts(void **state)
{
    (void)state;
    struct sp_profile *profile =
        read_text("goroutine profile: total 6\n5 @ 0x47dece 0x45f466\n# labels: {\"a\":\"b\"}\n"
                  "#\t0x47decd\truntime.gopark+0xcd\n\n1 @ 0x442c51\n");
    assert_type(profile, 0, "goroutine");
    assert_sample(profile, 0, "5 @ 47decd 45f465");
    assert_sample(profile, 1, "1 @ 442c50");
    sp_profile_free(profile);
}

static void test_threads(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("--- threadz 1 ---\n\n--- Thread 7ff (name: main/14748) stack: ---\n"
                                           "  PC: 0x00401010: helper(arg *)\n  0x00401011 0x402010\n"
                                           "--- Thread 7fe (name: thread1/14749) stack: ---\n"
                                           "[same as previous thread]\n"
                                           "--- Thread 7fd (name: t/1) stack: ---\n  0x401010 0x401010 0x402010\n"
                                           "--- Memory map: ---\n" MAPS);
    assert_type(profile, 0, "thread");
    assert_int_equal(profile->samples.n, 2);
    assert_sample(profile, 0, "2 @ 401010 401010 40200f");
    assert_sample(profile, 1, "1 @ 401010 40200f");
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

static void test_damage_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_refused("heap profile: 1: 2 [3: 4] @ heap/2\n1: 2 [3: 4] @ 0x10\n1: 2 [3\n",
                   "line 3: it is not \"COUNT: SIZE [COUNT: SIZE] @ ADDRESSES\"");
    assert_refused("heap profile: 1: 2 [3: 4] @ heap/2\n0: 2 [0: 0] @ 0x10\n", "line 2: there are bytes of no object");
    assert_refused("heap profile: 1: 2 [3: 4] @ heap_v9\n",
                   "line 1: it is not the header of a heap profile of a known kind");
    assert_refused("goroutine profile: total 1\n1 @ 0x12345678912345678\n", "line 2: an address has more than 64 bits");
    assert_refused("goroutine profile: total 1\n1 @\n", "line 2: it is not \"COUNT @ ADDRESSES\"");
    assert_refused("--- mutex:\ncycles/second=x\n", "line 2: it is not an attribute and its number");
    assert_refused("--- mutex:\nformat = java\n", "line 2: it is not \"DELAY COUNT @ ADDRESSES\"");
    assert_refused("--- threadz 1 ---\n--- what\n",
                   "line 2: it is not \"--- Thread ID (name: NAME/NUMBER) stack: ---\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampled_heap_is_scaled),
        cmocka_unit_test(test_heap_that_is_not_sampled_is_as_it_is),
        cmocka_unit_test(test_contention_is_in_nanoseconds),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_damage_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
