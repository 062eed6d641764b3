/* Folded stacks as they are written, and which format a file's name stands for. */
#include <errno.h>

#include "made_profile.h"

static void test_line_is_root_first_with_inlined_frames(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "nanoseconds");
    const uint32_t root = made_frame(&made, "main", "m.c", 3);
    const struct sp_line inlined[] = {made_line(&made, "inner", "i.h", 1), made_line(&made, "outer", "o.c", 2)};
    const uint32_t leaf = made_location(&made, SP_NONE, inlined, 2);
    made_sample(&made, 5, 2, leaf, root);
    made_sample(&made, 1, 1, root);
    made_expect(&made, "folded", "main;outer;inner 5\nmain 1\n");
    sp_profile_free(made.profile);
}

static void test_stacks_that_read_the_same_are_one_line(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "nanoseconds");
    const uint32_t here = made_frame(&made, "f", "a.c", 3), there = made_frame(&made, "f", "b.c", 4);
    const uint32_t root = made_frame(&made, "main", "m.c", 3), once = made_frame(&made, "g", "", 0);
    made_sample(&made, 1, 2, here, root);
    made_sample(&made, 4, 2, once, root);
    made_sample(&made, 2, 2, there, root);
    made_sample(&made, 7, 3, here, there, root);
    made_sample(&made, 0, 1, root);
    made_sample(&made, -4, 2, once, root);
    made_sample(&made, INT64_MAX, 1, once);
    made_sample(&made, INT64_MAX, 1, once);
    made_expect(&made, "folded", "main;f 3\nmain;f;f 7\ng 9223372036854775807\n");
    sp_profile_free(made.profile);
}

static void test_names_cannot_break_a_line(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "nanoseconds");
    made_sample(&made, 1, 1, made_frame(&made, "a;b\nc\rd\te f \xc3\xbc", "", 0));
    made_sample(&made, 1, 1, made_frame(&made, "a:b c d e f \xc3\xbc", "", 0));
    made_expect(&made, "folded", "a:b c d e f \xc3\xbc 2\n");
    sp_profile_free(made.profile);
}

static void test_frames_without_a_name_are_their_file_or_address(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "nanoseconds");
    const uint32_t library = made_mapping(&made, 0, 0x8000, "/usr/lib/libc.so.6");
    const uint32_t vdso = made_mapping(&made, 0, 0x8000, "[vdso]"), nameless = made_mapping(&made, 0, 0x8000, "");
    const struct sp_line no_function = {.function = SP_NONE, .line = 3};
    const uint32_t in_library = made_location(&made, library, NULL, 0), in_vdso = made_location(&made, vdso, NULL, 0);
    made_sample(&made, 1, 2, in_vdso, in_library);
    made.next_address = 0xabc;
    const uint32_t bare = made_location(&made, SP_NONE, NULL, 0),
                   of_nothing = made_location(&made, nameless, &no_function, 1);
    made_sample(&made, 2, 2, of_nothing, bare);
    made.next_address = 0;
    made_sample(&made, 3, 1, made_location(&made, SP_NONE, NULL, 0));
    made_sample(&made, 4, 0);
    made_expect(&made, "folded", "[libc.so.6];[vdso] 1\n0xabc;0xabd 2\n<unknown> 3\n<unknown> 4\n");
    sp_profile_free(made.profile);
}

static void test_value_is_the_wanted_or_the_default_one(void **state)
{
    (void)state;
    struct made made = made_new("objects", "count");
    sp_profile_add_sample_type(made.profile, "space", "bytes");
    made_sample(&made, 5, 1, made_frame(&made, "f", "", 0)); /* 5 and 10 */
    made_expect(&made, "folded", "f 10\n");
    made.profile->default_sample_type = sp_profile_string(made.profile, "objects");
    made_expect(&made, "folded", "f 5\n");
    char *text = made_written(&made, "folded", &(struct sp_write_options){.value_index = 1});
    assert_string_equal(text, "f 10\n");
    free(text);
    text = made_written(&made, "folded", &(struct sp_write_options){.value_index = SP_VALUE_DEFAULT});
    assert_string_equal(text, "f 5\n");
    free(text);
    sp_profile_free(made.profile);
}

static void test_profile_that_does_not_hold_together_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"folded", "speedscope", "json", "firefox", "callgrind"};
    struct made made = made_new("cpu", "nanoseconds");
    made_sample(&made, 5, 1, 17u);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sp_bytes bytes = {0};
        assert_int_equal(sp_format_find(names[i])->write(made.profile, NULL, &bytes), -EINVAL);
        assert_int_equal(bytes.n, 0);
        sp_bytes_done(&bytes);
    }
    sp_profile_free(made.profile);
}

static void test_empty_profile_is_no_line(void **state)
{
    (void)state;
    struct made made = {sp_profile_new(), 0};
    assert_non_null(made.profile);
    made_expect(&made, "folded", "");
    sp_profile_free(made.profile);
}

static void test_format_is_told_by_the_longest_suffix(void **state)
{
    (void)state;
    assert_string_equal(sp_format_of_path("a.pb.gz")->name, "pprof");
    assert_string_equal(sp_format_of_path("/x.d/a.pb")->name, "proto");
    assert_string_equal(sp_format_of_path("a.pb.gz.folded")->name, "folded");
    assert_null(sp_format_of_path("a.gz"));
    assert_null(sp_format_of_path(".folded"));
    assert_null(sp_format_of_path(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_is_root_first_with_inlined_frames),
        cmocka_unit_test(test_stacks_that_read_the_same_are_one_line),
        cmocka_unit_test(test_names_cannot_break_a_line),
        cmocka_unit_test(test_frames_without_a_name_are_their_file_or_address),
        cmocka_unit_test(test_value_is_the_wanted_or_the_default_one),
        cmocka_unit_test(test_profile_that_does_not_hold_together_is_refused),
        cmocka_unit_test(test_empty_profile_is_no_line),
        cmocka_unit_test(test_format_is_told_by_the_longest_suffix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
