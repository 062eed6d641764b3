/*
 * The reports traces, tags, raw and comments, against texts that google/pprof prints for the same profiles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/report.h"

static uint32_t add_function(struct sp_profile *profile, const char *name, const char *system_name, const char *file)
{
    struct sp_function function = {.name = sp_profile_string(profile, name),
                                   .system_name = sp_profile_string(profile, system_name),
                                   .filename = sp_profile_string(profile, file),
                                   .start_line = 3};
    return sp_profile_function(profile, &function);
}

static struct sp_profile *new_profile(void)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_profile_add_sample_type(profile, "samples", "count");
    sp_profile_add_sample_type(profile, "cpu", "nanoseconds");
    struct sp_mapping mapping = {.start = 0x1000,
                                 .limit = 0x9000,
                                 .file = sp_profile_string(profile, "/usr/bin/prog"),
                                 .build_id = sp_profile_string(profile, "abc123"),
                                 .has_functions = true,
                                 .has_inline_frames = true};
    sp_profile_add_mapping(profile, &mapping);
    return profile;
}

/* Locations 0: leaf inlined into its caller; 1: main; 2: nothing is known but the mapping; 3: nothing at all. */
static void add_locations(struct sp_profile *profile)
{
    struct sp_line inlined[] = {
        {.function = add_function(profile, "leaf", "leaf", "/src//a/../leaf.c"), .line = 7, .column = 2},
        {.function = add_function(profile, "ns::caller", "_ZN2ns6callerEv", "caller.c"), .line = 9}};
    struct sp_line main_line = {.function = add_function(profile, "main", "main", "")};
    sp_profile_add_location(profile, &(struct sp_location){.mapping = 0, .address = 0x1234}, inlined, 2);
    sp_profile_add_location(profile, &(struct sp_location){.mapping = 0}, &main_line, 1);
    sp_profile_add_location(profile, &(struct sp_location){.mapping = 0, .is_folded = true}, NULL, 0);
    sp_profile_add_location(profile, &(struct sp_location){.mapping = SP_NONE}, NULL, 0);
}

static struct sp_label text_label(struct sp_profile *profile, const char *key, const char *value)
{
    return (struct sp_label){.key = sp_profile_string(profile, key), .str = sp_profile_string(profile, value)};
}

static struct sp_label number_label(struct sp_profile *profile, const char *key, int64_t number, const char *unit)
{
    return (struct sp_label){
        .key = sp_profile_string(profile, key), .num = number, .unit = sp_profile_string(profile, unit)};
}

static struct sp_profile *labelled_profile(void)
{
    struct sp_profile *profile = new_profile();
    add_locations(profile);
    struct sp_label labels[] = {
        text_label(profile, "thread", "two"),        number_label(profile, "bytes", 4096, "bytes"),
        text_label(profile, "a long long key", "x"), text_label(profile, "thread", "one"),
        number_label(profile, "bytes", 0, ""),       number_label(profile, "bytes", 1024, "")};
    sp_profile_append_sample(profile, (uint32_t[]){0, 1}, 2, labels, 6, (int64_t[]){1, 1500000000});
    sp_profile_append_sample(profile, (uint32_t[]){2, 3, 1}, 3, labels, 1, (int64_t[]){2, 500000000});
    sp_profile_append_sample(profile, NULL, 0, NULL, 0, (int64_t[]){2, 0});
    return profile;
}

static char *render(struct sp_profile *profile, const struct sp_report_kind *kind, bool is_json)
{
    char *text = NULL, why[100];
    size_t size;
    struct sp_report report;
    struct sp_report_options options = {
        .value_index = 1, .mean_index = SP_NO_VALUE, .divide_by = 1, .unit = SP_UNIT_MINIMUM};
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(sp_profile_check(profile, why, sizeof(why)), 0);
    assert_int_equal(sp_report_init(&report, profile, &options), 0);
    assert_int_equal((is_json ? kind->print_json : kind->print)(&report, out, why, sizeof(why)), 0);
    sp_report_done(&report);
    fclose(out);
    return text;
}

/* The report of the profile, which is freed, is `expected`. */
static void assert_report(struct sp_profile *profile, const struct sp_report_kind *kind, const char *expected)
{
    char *text = render(profile, kind, false);
    assert_string_equal(text, expected);
    free(text);
    sp_profile_free(profile);
}

static void test_traces(void **state)
{
    (void)state;
    assert_report(labelled_profile(), &sp_report_traces,
                  "File: prog\n"
                  "Build ID: abc123\n"
                  "Type: cpu\n"
                  "-----------+-------------------------------------------------------\n"
                  "    thread:  two one\n"
                  "a long long key:  x\n"
                  "     bytes:  4kB 1kB\n"
                  "     1.50s   0000000000001234 leaf /src/leaf.c:7:2 (inline)\n"
                  "             0000000000001234 ns::caller caller.c:9\n"
                  "             main\n"
                  "-----------+-------------------------------------------------------\n"
                  "    thread:  two\n"
                  "     500ms   [prog]\n"
                  "             <unknown>\n"
                  "             main\n"
                  "-----------+-------------------------------------------------------\n");
}

static void test_traces_of_nothing(void **state)
{
    (void)state;
    struct sp_profile *profile = sp_profile_new();
    sp_profile_add_sample_type(profile, "", "");
    sp_profile_add_sample_type(profile, "", "");
    assert_report(profile, &sp_report_traces,
                  "\n-----------+-------------------------------------------------------\n");
}

static void test_tags(void **state)
{
    (void)state;
    assert_report(labelled_profile(), &sp_report_tags,
                  " a long long key: Total 1.50s of 2s (75.00%)\n"
                  "                  1.50s (75.00%): x\n"
                  "\n"
                  " bytes: Total 3s of 2s (150.00%)\n"
                  "        1.50s (75.00%): 1kB\n"
                  "        1.50s (75.00%): 4kB\n"
                  "\n"
                  " thread: Total 3.50s of 2s (175.00%)\n"
                  "            2s (  100%): two\n"
                  "         1.50s (75.00%): one\n"
                  "\n");
}

static void test_tags_without_labels(void **state)
{
    (void)state;
    assert_report(new_profile(), &sp_report_tags, "");
}

static void test_tags_json(void **state)
{
    (void)state;
    struct sp_profile *profile = labelled_profile();
    char *text = render(profile, &sp_report_tags, true);
    assert_non_null(
        strstr(text, "{\"report\":\"tags\",\"type\":\"cpu\",\"unit\":\"nanoseconds\",\"total\":2000000000,"));
    assert_non_null(
        strstr(text, "{\"key\":\"thread\",\"value\":3500000000,\"tags\":[{\"tag\":\"two\",\"value\":2000000000}"));
    free(text);
    sp_profile_free(profile);
}

static void test_traces_json(void **state)
{
    (void)state;
    struct sp_profile *profile = labelled_profile();
    char *text = render(profile, &sp_report_traces, true);
    assert_non_null(strstr(text, "{\"value\":1500000000,\"labels\":[{\"key\":\"thread\",\"text\":\"two\"},"
                                 "{\"key\":\"bytes\",\"number\":4096,\"unit\":\"bytes\"}"));
    assert_non_null(strstr(text, "{\"function\":\"main\"}"));
    free(text);
    sp_profile_free(profile);
}

static void test_raw(void **state)
{
    (void)state;
    setenv("TZ", "IST-5:30", 1);
    tzset();
    struct sp_profile *profile = labelled_profile();
    profile->time_ns = 1700000000999500000;
    profile->duration_ns = 62500000000;
    profile->period = 10000000;
    profile->period_type = profile->sample_types.at[1];
    profile->default_sample_type = profile->sample_types.at[1].type;
    profile->doc_url = sp_profile_string(profile, "https://example.org");
    sp_profile_add_comment(profile, "#said");
    assert_report(profile, &sp_report_raw,
                  "Comment: #said\n"
                  "Doc: https://example.org\n"
                  "PeriodType: cpu nanoseconds\n"
                  "Period: 10000000\n"
                  "Time: 2023-11-15 03:43:20.9995 +0530 IST\n"
                  "Duration: 1m2.\n"
                  "Samples:\n"
                  "samples/count cpu/nanoseconds[dflt]\n"
                  "          1 1500000000: 1 2 \n"
                  "                a long long key:[x] thread:[two one]\n"
                  "                bytes:[4096 bytes 1024 ]\n"
                  "          2  500000000: 3 4 2 \n"
                  "                thread:[two]\n"
                  "          2          0: \n"
                  "Locations\n"
                  "     1: 0x1234 M=1 leaf /src//a/../leaf.c:7:2 s=3\n"
                  "             ns::caller caller.c:9:0 s=3(_ZN2ns6callerEv)\n"
                  "     2: 0x0 M=1 main :0:0 s=3\n"
                  "     3: 0x0 M=1 [F] \n"
                  "     4: 0x0 \n"
                  "Mappings\n"
                  "1: 0x1000/0x9000/0x0 /usr/bin/prog abc123 [FN][IN]\n");
}

/* The line of `raw` that begins with `start`. */
static void assert_raw_line(int64_t time_ns, int64_t duration_ns, const char *expected)
{
    struct sp_profile *profile = new_profile();
    setenv("TZ", "UTC", 1);
    tzset();
    profile->time_ns = time_ns;
    profile->duration_ns = duration_ns;
    char *text = render(profile, &sp_report_raw, false);
    char *from = strstr(text, time_ns ? "Time: " : "Duration: ");
    assert_non_null(from);
    *strchr(from, '\n') = '\0';
    assert_string_equal(from, expected);
    free(text);
    sp_profile_free(profile);
}

static void test_raw_times(void **state)
{
    (void)state;
    assert_raw_line(1700000000000000000, 0, "Time: 2023-11-14 22:13:20 +0000 UTC");
    assert_raw_line(-1, 0, "Time: 1969-12-31 23:59:59.999999999 +0000 UTC");
    assert_raw_line(0, 1, "Duration: 1ns");
    assert_raw_line(0, -1500, "Duration: -1.5");
    assert_raw_line(0, 10000, "Duration: 10µs");
    assert_raw_line(0, 1500, "Duration: 1.5µ");
    assert_raw_line(0, 999999999, "Duration: 999.");
    assert_raw_line(0, 1000000000, "Duration: 1s");
    assert_raw_line(0, 30000000000, "Duration: 30s");
    assert_raw_line(0, 60000000000, "Duration: 1m0s");
    assert_raw_line(0, 3600000000000, "Duration: 1h0m");
    assert_raw_line(0, INT64_MIN, "Duration: -256");
}

static void test_comments(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    sp_profile_add_comment(profile, "first");
    sp_profile_add_comment(profile, "#second");
    assert_report(profile, &sp_report_comments, "first\n#second\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traces), cmocka_unit_test(test_traces_of_nothing),   cmocka_unit_test(test_traces_json),
        cmocka_unit_test(test_tags),   cmocka_unit_test(test_tags_without_labels), cmocka_unit_test(test_tags_json),
        cmocka_unit_test(test_raw),    cmocka_unit_test(test_raw_times),           cmocka_unit_test(test_comments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
