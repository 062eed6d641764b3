/*
 * Folded stacks: what is a stack, a name and a count, and what is refused with its line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "formats/bytes.h"
#include "formats/folded.h"
#include "read_text.h"

static struct sp_profile *read_text(const char *text)
{
    return read_as(&sp_format_folded, text);
}

/* The names from the leaf on, with | between them. */
static void assert_sample(const struct sp_profile *profile, size_t i, const char *names, int64_t value)
{
    char joined[200] = "";
    const struct sp_sample *sample = &profile->samples.at[i];
    for (uint32_t k = 0; k < sample->n_locations; k++) {
        const struct sp_location *location =
            &profile->locations.at[profile->sample_locations.at[sample->first_location + k]];
        assert_int_equal(location->n_lines, 1);
        const uint32_t function = profile->lines.at[location->first_line].function;
        strcat(strcat(joined, k > 0 ? "|" : ""), sp_profile_text(profile, profile->functions.at[function].name));
    }
    assert_string_equal(joined, names);
    assert_int_equal(profile->values.at[i * profile->sample_types.n], value);
}

static void test_stacks_are_read_and_added_up(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("# of a run\nmain;f;g 3\n\nmain;f 2\nmain;f;g 4\nmain;f;f 1");
    assert_int_equal(profile->samples.n, 3);
    assert_sample(profile, 0, "g|f|main", 7);
    assert_sample(profile, 1, "f|main", 2);
    assert_sample(profile, 2, "f|f|main", 1);
    assert_int_equal(profile->locations.n, 3);
    assert_string_equal(sp_profile_text(profile, profile->sample_types.at[0].type), "samples");
    assert_string_equal(sp_profile_text(profile, profile->sample_types.at[0].unit), "count");
    sp_profile_free(profile);
}

static void test_names_are_kept_as_they_are(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("\r\nmy app;std::map<int, x>::at(int) const;do_x_[k] 5\r\n"
                                           "a;;b_[i] -2\nworker 7 \t 9  \r\n 4\n;x 1\n[unknown];\xc3\xa4 8\n");
    assert_sample(profile, 0, "do_x_[k]|std::map<int, x>::at(int) const|my app", 5);
    assert_sample(profile, 1, "b_[i]||a", -2);
    assert_sample(profile, 2, "worker 7", 9);
    assert_sample(profile, 3, "", 4);
    assert_int_equal(profile->samples.at[3].n_locations, 0);
    assert_sample(profile, 4, "x|", 1);
    assert_sample(profile, 5, "\xc3\xa4|[unknown]", 8);
    sp_profile_free(profile);
}

static void test_two_counts_are_two_types_where_all_lines_have_them(void **state)
{
    (void)state;
    struct sp_profile *profile = read_text("a;b 1 2\na;c 0 7\n");
    assert_int_equal(profile->sample_types.n, 2);
    const int64_t values[] = {1, 2, 0, 7};
    assert_memory_equal(profile->values.at, values, sizeof values);
    assert_sample(profile, 1, "c|a", 0);
    sp_profile_free(profile);
    profile = read_text("a;b 1 2\na;c 7\n");
    assert_int_equal(profile->sample_types.n, 1);
    assert_sample(profile, 0, "b 1|a", 2);
    sp_profile_free(profile);
}

static void assert_refused(const char *text, int error, const char *expected)
{
    struct sp_bytes bytes = {0};
    struct sp_profile *profile;
    char why[200] = "";
    sp_bytes_put(&bytes, text, strlen(text));
    assert_int_equal(sp_profile_read_bytes(&bytes, LIMIT, &profile, why, sizeof why), error);
    assert_string_equal(why, expected);
}

static void test_what_is_no_stack_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_refused("# x\na;b 1.5\n", -EINVAL, "line 2: the count 1.5 is not a whole number");
    assert_refused("a;b 1\n\na;b\n", -EINVAL, "line 3: there is no count at the end");
    assert_refused("a;b 1\n7\n", -EINVAL, "line 2: there is no stack before the count");
    assert_refused("a 9223372036854775808\n", -EINVAL,
                   "line 1: the count 9223372036854775808 is too large for a number of 64 bits");
    assert_refused("a;b 1 1.5\n", -EINVAL, "line 1: the count 1.5 is not a whole number");
    assert_refused("# nothing\n\n", -EINVAL, "it is not a profile of a known format");
    assert_refused("hello world\n", -EINVAL, "it is not a profile of a known format");
}

/* A field of a profile.proto may begin as text does. */
static void test_text_is_not_taken_for_a_binary_profile(void **state)
{
    (void)state;
    static const char *const begins[] = {"\n\nmain", "Z", "2", "j", "\"", "*", "H", "x"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        char text[300];
        strcpy(text, begins[i]);
        memset(text + strlen(begins[i]), 'y', 250 - strlen(begins[i]));
        strcpy(text + 250, ";f 3\n");
        sp_profile_free(read_text(text));
    }
}

static void test_memory_is_limited(void **state)
{
    (void)state;
    struct sp_bytes bytes = {0};
    struct sp_profile *profile;
    char why[200] = "";
    for (unsigned i = 0; i < 5000; i++) {
        const uint8_t name[] = {(uint8_t)('a' + i % 26), (uint8_t)('a' + i / 26 % 26), (uint8_t)('a' + i / 676), ';'};
        sp_bytes_put(&bytes, name, sizeof name);
    }
    sp_bytes_put(&bytes, "x 1\n", 4);
    assert_int_equal(sp_profile_read_bytes(&bytes, 64 << 10, &profile, why, sizeof why), -EFBIG);
    assert_non_null(strstr(why, "limit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stacks_are_read_and_added_up),
        cmocka_unit_test(test_names_are_kept_as_they_are),
        cmocka_unit_test(test_two_counts_are_two_types_where_all_lines_have_them),
        cmocka_unit_test(test_what_is_no_stack_is_refused_with_its_line),
        cmocka_unit_test(test_text_is_not_taken_for_a_binary_profile),
        cmocka_unit_test(test_memory_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
