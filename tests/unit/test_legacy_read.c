/*
 * Legacy CPU profiles as pprof reads them: words of both widths and orders, the frames that go, the mappings of the
 * text behind, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/formats.h"
#include "formats/maps_line.h"

enum { LIMIT = 64 << 20 };

struct kind {
    unsigned width;
    bool is_big_endian;
};
static const struct kind little = {8, false};

static void put_words(struct sp_bytes *bytes, struct kind kind, const uint64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < kind.width; k++) {
            const unsigned shift = 8 * (kind.is_big_endian ? kind.width - 1 - k : k);
            const uint8_t byte = (uint8_t)(words[i] >> shift);
            sp_bytes_put(bytes, &byte, 1);
        }
}
#define PUT(bytes, kind, ...) \
    put_words((bytes), (kind), (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

static struct sp_profile *read_good(struct sp_bytes *bytes)
{
    struct sp_profile *profile = NULL;
    char why[200] = "";
    const int error = sp_profile_read_bytes(bytes, LIMIT, &profile, why, sizeof why);
    if (error)
        fail_msg("%s", why);
    assert_int_equal(sp_profile_check(profile, why, sizeof why), 0);
    return profile;
}

static struct sp_profile *read_words(struct kind kind, const uint64_t *words, size_t n, const char *maps)
{
    struct sp_bytes bytes = {0};
    PUT(&bytes, kind, 0, 3, 0, 4000, 0);
    put_words(&bytes, kind, words, n);
    PUT(&bytes, kind, 0, 1, 0);
    sp_bytes_put(&bytes, maps, strlen(maps));
    return read_good(&bytes);
}
#define READ(kind, maps, ...) \
    read_words((kind), (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8, (maps))

static void assert_stack(const struct sp_profile *profile, size_t sample, const uint64_t *addresses, uint32_t n)
{
    const struct sp_sample *at = &profile->samples.at[sample];
    assert_int_equal(at->n_locations, n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(profile->locations.at[profile->sample_locations.at[at->first_location + i]].address,
                         addresses[i]);
}
#define ASSERT_STACK(profile, sample, ...)                             \
    assert_stack((profile), (sample), (const uint64_t[]){__VA_ARGS__}, \
                 sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void assert_mapping(const struct sp_profile *profile, size_t i, uint64_t start, uint64_t limit, uint64_t offset,
                           const char *file)
{
    assert_true(i < profile->mappings.n);
    const struct sp_mapping *mapping = &profile->mappings.at[i];
    assert_int_equal(mapping->start, start);
    assert_int_equal(mapping->limit, limit);
    assert_int_equal(mapping->file_offset, offset);
    assert_string_equal(sp_profile_text(profile, mapping->file), file);
}

static void test_words_of_both_widths_and_orders(void **state)
{
    (void)state;
    static const struct kind kinds[] = {{4, false}, {4, true}, {8, false}, {8, true}};
    for (size_t i = 0; i < 4; i++) {
        struct sp_profile *profile =
            READ(kinds[i], "1000-3000 r-xp 0 8:1 7 /bin/x\n", 5, 3, 0x1100, 0x1201, 0x2001, 2, 1, 0x1100);
        assert_int_equal(profile->samples.n, 2);
        ASSERT_STACK(profile, 0, 0x1100, 0x1200, 0x2000);
        ASSERT_STACK(profile, 1, 0x1100);
        assert_int_equal(profile->period, 4000000);
        const int64_t values[] = {5, 20000000, 2, 8000000};
        assert_memory_equal(profile->values.at, values, sizeof values);
        assert_string_equal(sp_profile_text(profile, profile->sample_types.at[0].type), "samples");
        assert_string_equal(sp_profile_text(profile, profile->sample_types.at[1].unit), "nanoseconds");
        assert_string_equal(sp_profile_text(profile, profile->period_type.type), "cpu");
        assert_non_null(strstr(sp_profile_text(profile, profile->drop_frames), "|__restore"));
        assert_mapping(profile, 0, 0x1000, 0x3000, 0, "/bin/x");
        assert_int_equal(profile->locations.at[0].mapping, 0);
        sp_profile_free(profile);
    }
}

static void test_frame_behind_all_leaves_goes(void **state)
{
    (void)state;
    struct sp_profile *profile =
        READ(little, "", 1, 4, 0x10, 0x901, 0x902, 0x31, 1, 3, 0x11, 0x901, 0x902, 1, 3, 0x12, 0x901, 0x902);
    ASSERT_STACK(profile, 0, 0x10, 0x30);
    ASSERT_STACK(profile, 1, 0x11);
    assert_int_equal(profile->locations.n, 4);
    sp_profile_free(profile);
}

static void test_leaf_that_is_there_twice_goes_but_not_its_location(void **state)
{
    (void)state;
    struct sp_profile *profile = READ(little, "", 1, 3, 0x10, 0x10, 0x31, 1, 2, 0x20, 0x31, 1, 1, 0x5);
    ASSERT_STACK(profile, 0, 0x10, 0x30);
    ASSERT_STACK(profile, 1, 0x20, 0x30);
    assert_int_equal(profile->locations.n, 5);
    sp_profile_free(profile);
}

static void test_trailer_may_be_missing(void **state)
{
    (void)state;
    struct sp_bytes bytes = {0};
    PUT(&bytes, little, 0, 3, 0, 1000, 0, 7, 1, 0x10);
    struct sp_profile *profile = read_good(&bytes);
    assert_int_equal(profile->values.at[0], 7);
    sp_profile_free(profile);
}

static void test_mappings_are_joined_and_the_program_comes_first(void **state)
{
    (void)state;
    struct sp_profile *profile = READ(little,
                                      "7f0000-7f1000 r-xp 00000000 08:01 5   /lib/libc.so.6\n"
                                      "7f1000-7f2000 rw-p 00001000 08:01 5   /lib/libc.so.6\n"
                                      "401000-402000 r-xp 00001000 08:01 6   /bin/some program\n"
                                      "402000-403000 r-xp 00002000 08:01 6   /bin/some program\n"
                                      "800000-801000 r-xp 00000000 00:00 0   [vdso]\n",
                                      1, 3, 0x402800, 0x7f0801, 0x400801, 1, 2, 0x900000, 0x802001);
    assert_mapping(profile, 0, 0x400000, 0x403000, 0, "/bin/some"); /* as pprof cuts it */
    assert_mapping(profile, 1, 0x7f0000, 0x7f1000, 0, "/lib/libc.so.6");
    assert_mapping(profile, 2, 0x800000, 0x801000, 0, "[vdso]");
    assert_mapping(profile, 3, 0, UINT64_MAX, 0, "");
    static const uint32_t expected[] = {0, 1, 0, 3, 3};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(profile->locations.at[i].mapping, expected[i]);
    sp_profile_free(profile);
}

static void test_mapping_is_extended_to_the_beginning_of_its_file(void **state)
{
    (void)state;
    struct sp_profile *profile = READ(little, "500000-501000 r-xp 00004000 08:01 5 /a\n", 1, 2, 0x4fd000, 0x4fd801);
    assert_mapping(profile, 0, 0x4fc000, 0x501000, 0, "/a");
    assert_int_equal(profile->locations.at[0].mapping, 0);
    sp_profile_free(profile);
}

/* The first of the list wins. */
static void test_mappings_that_overlap(void **state)
{
    (void)state;
    struct sp_profile *profile =
        READ(little, "2000-9000 /a\n1000-4000 /b\n", 1, 3, 0x3000, 0x1001, 0x8001, 1, 1, UINT64_MAX);
    static const uint32_t expected[] = {0, 1, 0, 2};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(profile->locations.at[i].mapping, expected[i]);
    sp_profile_free(profile);
}

static void assert_line(const char *text, uint64_t start, uint64_t limit, uint64_t offset, const char *file)
{
    struct sp_maps_line line;
    assert_true(sp_maps_line_parse(text, strlen(text), &line));
    assert_int_equal(line.start, start);
    assert_int_equal(line.limit, limit);
    assert_int_equal(line.offset, offset);
    assert_int_equal(line.file.n, strlen(file));
    assert_memory_equal(line.file.n ? line.file.at : "", file, line.file.n);
}

static void test_lines_of_a_map(void **state)
{
    (void)state;
    struct sp_maps_line line;
    assert_line("40000-80000 r-xp 00001000 fd:01 17 /bin/x (deleted)\r", 0x40000, 0x80000, 0x1000, "/bin/x");
    assert_line("  0x40000-0x80000: /bin/x (@FF00) abc123", 0x40000, 0x80000, 0xff00, "/bin/x");
    assert_line("40000-80000 r-xs 00001000 fd:01 17 /shm", 0x40000, 0x80000, 0, "");
    assert_line("deadbeef", 0xdeadbee, 0xf, 0, "");
    assert_false(sp_maps_line_parse("hello", 5, &line));
    assert_false(sp_maps_line_parse("", 0, &line));
    assert_false(sp_maps_line_parse("10000000000000000-20000000000000000 /x", 38, &line));
}

static void assert_first_file(const char *maps, const char *file)
{
    struct sp_profile *profile = READ(little, maps, 1, 1, 0x40000);
    assert_string_equal(sp_profile_text(profile, profile->mappings.at[0].file), file);
    sp_profile_free(profile);
}

static void test_attributes_of_a_map(void **state)
{
    (void)state;
    assert_first_file("build=/opt\n40000-80000 r-xp /y$build/x\n", "/y/opt/x");
    assert_first_file("I0102 a.cc:12] b = /opt \r\nI0102 a.cc:13] 40000-80000 r-xp $b/$build\n", "/opt//optuild");
    assert_first_file("a=1\na=2\nb=$a$a\n40000-80000 $b$c\n", "11$c");
    assert_first_file("40000-80000 $b/x\nb=1\n", "$b/x");
    assert_first_file("line=40000-80000 r-xp\n$line /x\n", "/x");
    assert_first_file("I0102 a.cc:12] 40000 80000 r-xp /y\n", "/y");
    assert_first_file("=x\n40000-80000 /$/y$\n", "/x/yx");
}

/* Each value is the one before it, many times: they would be longer than any memory. */
static void test_attributes_do_not_grow_without_limit(void **state)
{
    (void)state;
    struct sp_bytes maps = {0};
    sp_bytes_put(&maps, "a=0123456789\n", 13);
    for (char name = 'b'; name < 'z'; name++) {
        sp_bytes_put(&maps, (const char[]){name, '='}, 2);
        for (int i = 0; i < 100; i++)
            sp_bytes_put(&maps, (const char[]){'$', (char)(name - 1)}, 2);
        sp_bytes_put(&maps, "\n", 1);
    }
    sp_bytes_put(&maps, "40000-80000 $y\n\0", 16);
    struct sp_profile *profile = READ(little, (const char *)maps.at, 1, 1, 0x40000);
    assert_int_equal(profile->mappings.n, 1);
    assert_true(strlen(sp_profile_text(profile, profile->mappings.at[0].file)) <= 1 << 16);
    sp_profile_free(profile);
    free(maps.at);
}

static void assert_refused(struct sp_bytes *bytes, int error, const char *words)
{
    struct sp_profile *profile;
    char why[200] = "";
    assert_int_equal(sp_profile_read_bytes(bytes, LIMIT, &profile, why, sizeof why), error);
    if (!strstr(why, words))
        fail_msg("\"%s\" is not in \"%s\"", words, why);
}

static void test_damaged_files_are_refused(void **state)
{
    (void)state;
    struct sp_bytes bytes = {0};
    PUT(&bytes, little, 0, 3, 0, 1000, 0, 7, 2, 0x10);
    assert_refused(&bytes, -EINVAL, "the file ends within the record (at byte 40");
    PUT(&bytes, little, 0, 3, 0, 1000, 0, 7, UINT64_MAX, 0x10);
    assert_refused(&bytes, -EINVAL, "at byte 40");
    PUT(&bytes, little, 0, 3, 0, 1000, 0, UINT64_C(1) << 60, 1, 0x10);
    assert_refused(&bytes, -EINVAL, "too large");
    PUT(&bytes, little, 0, 3, 0, UINT64_MAX, 0);
    assert_refused(&bytes, -EINVAL, "period");
    PUT(&bytes, little, 0, 3, 1, 1000, 0);
    assert_refused(&bytes, -EINVAL, "Java");
    PUT(&bytes, little, 0, 3, 0, 0, 0);
    assert_refused(&bytes, -EINVAL, "known format");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_both_widths_and_orders),
        cmocka_unit_test(test_frame_behind_all_leaves_goes),
        cmocka_unit_test(test_leaf_that_is_there_twice_goes_but_not_its_location),
        cmocka_unit_test(test_trailer_may_be_missing),
        cmocka_unit_test(test_mappings_are_joined_and_the_program_comes_first),
        cmocka_unit_test(test_mapping_is_extended_to_the_beginning_of_its_file),
        cmocka_unit_test(test_mappings_that_overlap),
        cmocka_unit_test(test_lines_of_a_map),
        cmocka_unit_test(test_attributes_of_a_map),
        cmocka_unit_test(test_attributes_do_not_grow_without_limit),
        cmocka_unit_test(test_damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
