/*
 * The legacy CPU profile, byte for byte as gperftools describes it, and what of a profile goes into it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "formats/formats.h"

enum { PERIOD_NS = 4000000, HEADER_WORDS = 5, TRAILER_WORDS = 3 };

static struct sp_profile *new_profile(void)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_profile_add_sample_type(profile, "samples", "count");
    sp_profile_add_sample_type(profile, "cpu", "nanoseconds");
    profile->period = PERIOD_NS;
    return profile;
}

static uint32_t add_mapping(struct sp_profile *profile, uint64_t start, uint64_t limit, uint64_t offset,
                            const char *file)
{
    const struct sp_mapping mapping = {
        .start = start, .limit = limit, .file_offset = offset, .file = sp_profile_string(profile, file)};
    return sp_profile_add_mapping(profile, &mapping);
}

static void add_sample(struct sp_profile *profile, const uint32_t *locations, uint32_t n, const struct sp_label *label,
                       int64_t count)
{
    const int64_t values[] = {count, count * PERIOD_NS};
    sp_profile_add_sample(profile, locations, n, label, label != NULL, values);
}

static int write_legacy(const struct sp_profile *profile, struct sp_bytes *bytes)
{
    const struct sp_format *format = sp_format_find("legacy");
    assert_non_null(format);
    assert_int_equal(sp_profile_error(profile), 0);
    return format->write(profile, NULL, bytes);
}

static void assert_file(const struct sp_profile *profile, const uint64_t *words, size_t n_words, const char *maps)
{
    struct sp_bytes bytes = {0};
    assert_int_equal(write_legacy(profile, &bytes), 0);
    assert_int_equal(bytes.n, n_words * sizeof *words + strlen(maps));
    assert_memory_equal(bytes.at, words, n_words * sizeof *words);
    assert_memory_equal(bytes.at + n_words * sizeof *words, maps, strlen(maps));
    sp_bytes_done(&bytes);
}
#define ASSERT_FILE(profile, maps, ...)                     \
    assert_file((profile), (const uint64_t[]){__VA_ARGS__}, \
                sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (maps))

static void test_file_is_header_records_trailer_and_mappings(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    const uint32_t program = add_mapping(profile, 0x555555555000, 0x555555556000, 0x1000, "/usr/bin/some program");
    const uint32_t library = add_mapping(profile, 0x7f0000000000, 0x7f0000100000, 0, "/lib/libc.so.6");
    const uint32_t first[] = {sp_profile_location(profile, library, 0x7f0000000123),
                              sp_profile_location(profile, program, 0x555555555678),
                              sp_profile_location(profile, program, 0x555555555001)};
    add_sample(profile, first, 3, NULL, 5);
    add_sample(profile, first + 1, 1, NULL, 2);
    ASSERT_FILE(profile,
                "555555555000-555555556000 r-xp 00001000 00:00 0                          /usr/bin/some program\n"
                "7f0000000000-7f0000100000 r-xp 00000000 00:00 0                          /lib/libc.so.6\n",
                0, 3, 0, 4000, 0, 5, 3, 0x7f0000000123, 0x555555555679, 0x555555555002, 2, 1, 0x555555555678, 0, 1, 0);
    sp_profile_free(profile);
}

/* Where the path stands in a line of the kernel's own. */
static void test_path_column_is_the_kernels(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_bytes bytes = {0};
    char line[512] = "";
    const char *path = NULL;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL)
        skip();
    while (path == NULL && fgets(line, sizeof line, maps) != NULL)
        path = strlen(line) > 25 && line[12] == '-' ? strchr(line, '/') : NULL;
    fclose(maps);
    if (path == NULL)
        skip();
    add_mapping(profile, 0x555555555000, 0x555555556000, 0, "/x");
    assert_int_equal(write_legacy(profile, &bytes), 0);
    const char *text = (const char *)bytes.at + (HEADER_WORDS + TRAILER_WORDS) * sizeof(uint64_t);
    const char *ours = memchr(text, '/', bytes.n - (size_t)(text - (const char *)bytes.at));
    assert_int_equal(ours - text, path - line);
    sp_bytes_done(&bytes);
    sp_profile_free(profile);
}

static void test_profile_without_samples_is_header_and_trailer(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    ASSERT_FILE(profile, "", 0, 3, 0, 4000, 0, 0, 1, 0);
    sp_profile_free(profile);
}

static void test_period_is_rounded_and_never_0(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    profile->period = 333333;
    ASSERT_FILE(profile, "", 0, 3, 0, 333, 0, 0, 1, 0);
    profile->period = 1500;
    ASSERT_FILE(profile, "", 0, 3, 0, 2, 0, 0, 1, 0);
    profile->period = 10;
    ASSERT_FILE(profile, "", 0, 3, 0, 1, 0, 0, 1, 0);
    sp_profile_free(profile);
}

/* A gap of frames, code at 0, and a stack of no frame: none ends the records early, none takes a count away. */
static void test_frame_without_address_keeps_its_place(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    const struct sp_location nowhere = {.mapping = SP_NONE};
    const uint32_t gap = sp_profile_add_location(profile, &nowhere, NULL, 0);
    const uint32_t deep[] = {sp_profile_location(profile, SP_NONE, 0x1000), gap,
                             sp_profile_location(profile, SP_NONE, 0x1fff)};
    add_sample(profile, deep, 3, NULL, 1);
    add_sample(profile, &gap, 1, NULL, 2);
    add_sample(profile, NULL, 0, NULL, 3);
    ASSERT_FILE(profile, "", 0, 3, 0, 4000, 0, 1, 3, 0x1000, 1, 0x2000, 2, 1, 1, 3, 1, 1, 0, 1, 0);
    sp_profile_free(profile);
}

static void test_record_of_count_0_is_left_out(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    const uint32_t location = sp_profile_location(profile, SP_NONE, 0x1000);
    add_sample(profile, &location, 1, NULL, 0);
    ASSERT_FILE(profile, "", 0, 3, 0, 4000, 0, 0, 1, 0);
    sp_profile_free(profile);
}

static void test_mappings_come_by_address_and_the_later_of_two_first(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    add_mapping(profile, 0x7000, 0x8000, 0, "/old");
    add_mapping(profile, 0x1000, 0x2000, 0, "/a\nb");
    add_mapping(profile, 0x7000, 0x9000, 0, "/new");
    add_mapping(profile, 0x5000, 0x6000, 0, "");
    ASSERT_FILE(profile,
                "00001000-00002000 r-xp 00000000 00:00 0                                  /a\\012b\n"
                "00005000-00006000 r-xp 00000000 00:00 0 \n"
                "00007000-00009000 r-xp 00000000 00:00 0                                  /new\n"
                "00007000-00008000 r-xp 00000000 00:00 0                                  /old\n",
                0, 3, 0, 4000, 0, 0, 1, 0);
    sp_profile_free(profile);
}

/* Threads' samples of one stack stand apart; two processes' addresses do not fit into one file. */
static void test_labels_of_threads_are_dropped_and_of_processes_refused(void **state)
{
    (void)state;
    struct sp_profile *profile = new_profile();
    struct sp_bytes bytes = {0};
    const uint32_t location = sp_profile_location(profile, SP_NONE, 0x1000);
    struct sp_label label = {.key = sp_profile_string(profile, "tid"), .num = 7};
    add_sample(profile, &location, 1, &label, 1);
    label.num = 8;
    add_sample(profile, &location, 1, &label, 2);
    ASSERT_FILE(profile, "", 0, 3, 0, 4000, 0, 1, 1, 0x1000, 2, 1, 0x1000, 0, 1, 0);
    label.key = sp_profile_string(profile, "pid");
    add_sample(profile, &location, 1, &label, 3);
    label.num = 9;
    add_sample(profile, &location, 1, &label, 4);
    assert_int_equal(write_legacy(profile, &bytes), -ENOTSUP);
    sp_bytes_done(&bytes);
    sp_profile_free(profile);
}

static struct sp_profile *profile_of_one_value(const char *type, const char *unit, int64_t value)
{
    struct sp_profile *profile = sp_profile_new();
    assert_non_null(profile);
    sp_profile_add_sample_type(profile, type, unit);
    profile->period = PERIOD_NS;
    const uint32_t location = sp_profile_location(profile, SP_NONE, 0x1000);
    sp_profile_add_sample(profile, &location, 1, NULL, 0, &value);
    return profile;
}

static void test_times_become_counts_and_others_are_refused(void **state)
{
    (void)state;
    struct sp_bytes bytes = {0};
    struct sp_profile *times = profile_of_one_value("cpu", "nanoseconds", 5 * PERIOD_NS / 2);
    ASSERT_FILE(times, "", 0, 3, 0, 4000, 0, 3, 1, 0x1000, 0, 1, 0);
    times->period = 0;
    assert_int_equal(write_legacy(times, &bytes), -ENOTSUP);
    sp_profile_free(times);
    struct sp_profile *space = profile_of_one_value("space", "bytes", 5);
    assert_int_equal(write_legacy(space, &bytes), -ENOTSUP);
    sp_profile_free(space);
    struct sp_profile *difference = profile_of_one_value("samples", "count", -5);
    assert_int_equal(write_legacy(difference, &bytes), -ENOTSUP);
    sp_profile_free(difference);
    sp_bytes_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_is_header_records_trailer_and_mappings),
        cmocka_unit_test(test_path_column_is_the_kernels),
        cmocka_unit_test(test_profile_without_samples_is_header_and_trailer),
        cmocka_unit_test(test_period_is_rounded_and_never_0),
        cmocka_unit_test(test_frame_without_address_keeps_its_place),
        cmocka_unit_test(test_record_of_count_0_is_left_out),
        cmocka_unit_test(test_mappings_come_by_address_and_the_later_of_two_first),
        cmocka_unit_test(test_labels_of_threads_are_dropped_and_of_processes_refused),
        cmocka_unit_test(test_times_become_counts_and_others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
