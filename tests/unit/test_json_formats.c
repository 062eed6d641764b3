/* Formats that are JSON: what is in them, as text. That they are JSON, and fit together, is looked at by the e2e tests.
 */
#include <errno.h>

#include "made_profile.h"

static void test_speedscope_has_a_profile_for_each_type(void **state)
{
    (void)state;
    struct made made = made_new("samples", "count");
    sp_profile_add_sample_type(made.profile, "cpu", "nanoseconds");
    const struct sp_line lines[] = {made_line(&made, "in\"ner", "i.h", 1), made_line(&made, "outer", "o.c", 2)};
    const uint32_t leaf = made_location(&made, SP_NONE, lines, 2), root = made_frame(&made, "main", "", 0);
    made_sample(&made, 5, 2, leaf, root);
    made_sample(&made, 0, 1, root);
    made_sample(&made, 1, 0);
    made_expect(
        &made, "speedscope",
        "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"sigprof\","
        "\"activeProfileIndex\":1,\"shared\":{\"frames\":[\n"
        "{\"name\":\"in\\\"ner\",\"file\":\"i.h\",\"line\":1},\n"
        "{\"name\":\"outer\",\"file\":\"o.c\",\"line\":2},\n{\"name\":\"main\"}]},\"profiles\":[\n"
        "{\"type\":\"sampled\",\"name\":\"samples\",\"unit\":\"none\",\"samples\":[[2,1,0],[]],\"weights\":[5,1],"
        "\"startValue\":0,\"endValue\":6},\n"
        "{\"type\":\"sampled\",\"name\":\"cpu\",\"unit\":\"nanoseconds\",\"samples\":[[2,1,0],[]],"
        "\"weights\":[10,2],\"startValue\":0,\"endValue\":12}]}\n");
    sp_profile_free(made.profile);
}

static void test_speedscope_frames_are_functions(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "nanoseconds");
    const uint32_t library = made_mapping(&made, 0, 0x8000, "/lib/libc.so.6");
    const uint32_t here = made_frame(&made, "f", "f.c", 7), there = made_frame(&made, "f", "f.c", 9);
    const uint32_t bare = made_location(&made, library, NULL, 0), other = made_location(&made, library, NULL, 0);
    made_sample(&made, 1, 4, here, there, bare, other);
    made_expect_part(&made, "speedscope",
                     "[\n{\"name\":\"f\",\"file\":\"f.c\",\"line\":7},\n{\"name\":\"[libc.so.6]\"}]},");
    made_expect_part(&made, "speedscope", "\"samples\":[[1,1,0,0]]");
    sp_profile_free(made.profile);
}

static void test_speedscope_refuses_what_it_cannot_tell(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "nanoseconds");
    struct made empty = {sp_profile_new(), 0};
    struct sp_bytes bytes = {0};
    made_sample(&made, -1, 1, made_frame(&made, "f", "", 0));
    assert_int_equal(sp_format_find("speedscope")->write(made.profile, NULL, &bytes), -ENOTSUP);
    assert_int_equal(sp_format_find("speedscope")->write(empty.profile, NULL, &bytes), -ENOTSUP);
    sp_bytes_done(&bytes);
    sp_profile_free(made.profile);
    sp_profile_free(empty.profile);
}

static void test_firefox_has_tables_for_each_thread(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "nanoseconds");
    struct sp_profile *profile = made.profile;
    const uint32_t library = made_mapping(&made, 0x1000, 0x2000, "/lib/libx.so");
    profile->mappings.at[library].file_offset = 0x300;
    profile->mappings.at[library].build_id = sp_profile_string(profile, "00112233445566778899aabbccddeeff00112233");
    made_mapping(&made, 0x5000, 0x6000, "/lib/unused.so");
    const struct sp_line lines[] = {made_line(&made, "inner", "i.h", 1), made_line(&made, "outer", "o.c", 2)};
    const uint32_t leaf = made_location(&made, library, lines, 2), bare = made_location(&made, library, NULL, 0);
    const uint32_t keys[] = {sp_profile_string(profile, "thread"), sp_profile_string(profile, "tid"),
                             sp_profile_string(profile, "pid")};
    const struct sp_label first[] = {{.key = keys[0], .str = sp_profile_string(profile, "w")},
                                     {.key = keys[1], .num = 8},
                                     {.key = keys[2], .num = 7}};
    const struct sp_label second[] = {{.key = keys[1], .num = 7}, {.key = keys[2], .num = 7}};
    made_sample_of(&made, first, 3, 10000000, 2, leaf, bare);
    made_sample_of(&made, second, 2, 20000000, 1, bare);
    made_sample_of(&made, first, 3, 500000, 2, bare, bare);
    made_sample_of(&made, first, 3, 0, 1, bare);
    char *text = made_written(&made, "firefox", NULL);
    static const char *const parts[] = {
        "\"preprocessedProfileVersion\":58,",
        "\"product\":\"libx.so\"",
        "\"libs\":[{\"arch\":\"\",\"name\":\"libx.so\",\"path\":\"/lib/libx.so\",\"debugName\":\"libx.so\","
        "\"debugPath\":\"/lib/libx.so\",\"breakpadId\":\"33221100554477668899AABBCCDDEEFF0\","
        "\"codeId\":\"00112233445566778899aabbccddeeff00112233\"}],",
        ",\"libx.so\",\"0x301\"],\"sources\":{\"length\":2,\"uuid\":[null,null],",
        "\n{\"name\":\"w\",\"isMainThread\":false,\"processType\":\"default\",\"pid\":\"7\",\"tid\":8,",
        "\"samples\":{\"stack\":[2,3],\"time\":[0,10],\"weight\":[10,0.5],\"weightType\":\"tracing-ms\",\"length\":2}",
        "\"stackTable\":{\"frame\":[0,1,2,0],\"prefix\":[null,0,1,0],\"length\":4}",
        "\"frameTable\":{\"address\":[769,768,768],\"inlineDepth\":[0,0,1],\"category\":[1,1,1],",
        "\"func\":[0,1,2],\"nativeSymbol\":[null,null,null],\"innerWindowID\":[0,0,0],\"line\":[null,2,1],",
        "\"resource\":[0,0,0],\"source\":[null,1,0]",
        "\n{\"name\":\"thread 7\",\"isMainThread\":true,",
        "\"samples\":{\"stack\":[0],\"time\":[0],\"weight\":[20],",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(text, parts[i]) == NULL)
            fail_msg("\"%s\" is not in:\n%s", parts[i], text);
    }
    assert_null(strstr(text, "\"name\":\"unused.so"));
    free(text);
    sp_profile_free(profile);
}

static void test_firefox_weights_are_of_the_type(void **state)
{
    (void)state;
    struct made made = made_new("objects", "count");
    sp_profile_add_sample_type(made.profile, "space", "bytes");
    made_sample(&made, -3, 1, made_frame(&made, "f", "", 0));
    made_expect_part(&made, "firefox", "\"time\":[0],\"weight\":[-6],\"weightType\":\"bytes\"");
    made.profile->default_sample_type = sp_profile_string(made.profile, "objects");
    made_expect_part(&made, "firefox", "\"time\":[0],\"weight\":[-3],\"weightType\":\"samples\"");
    made_expect_part(&made, "firefox", "\"name\":\"all threads\"");
    sp_profile_free(made.profile);
}

static void test_json_has_every_noun(void **state)
{
    (void)state;
    struct made made = made_new("cpu", "nanoseconds");
    struct sp_profile *profile = made.profile;
    const uint32_t mapping = made_mapping(&made, 0x1000, UINT64_MAX, "/bin/x");
    profile->mappings.at[mapping].build_id = sp_profile_string(profile, "abcd");
    profile->mappings.at[mapping].has_functions = true;
    const struct sp_line line = made_line(&made, "f", "f.c", 7);
    const uint32_t leaf = made_location(&made, mapping, &line, 1), root = made_location(&made, SP_NONE, NULL, 0);
    const struct sp_label labels[] = {
        {.key = sp_profile_string(profile, "thread"), .str = sp_profile_string(profile, "w")},
        {.key = sp_profile_string(profile, "size"), .num = INT64_MIN, .unit = sp_profile_string(profile, "bytes")},
    };
    made_sample_of(&made, labels, 2, INT64_MAX, 2, leaf, root);
    made_sample(&made, -1, 0);
    profile->time_ns = INT64_C(1700000000000000000);
    profile->period = 10;
    sp_profile_add_comment(profile, "a \"comment\"");
    sp_profile_set_fact(profile, "k", 3, "t");
    sp_profile_add_account(profile, &(struct sp_account){.pid = 1, .tid = 2, .n_threads = 1, .kernel_ns = 5});
    made_expect(
        &made, "json",
        "{\"version\":1,\"time_ns\":\"1700000000000000000\",\"duration_ns\":0,\"period_type\":{\"type\":\"\",\"unit\":"
        "\"\"},"
        "\"period\":10,\"value_index\":0,\n"
        "\"comments\":[\n\"a \\\"comment\\\"\"],\n"
        "\"sample_types\":[\n{\"type\":\"cpu\",\"unit\":\"nanoseconds\"}],\n"
        "\"mappings\":[\n{\"start\":\"0x1000\",\"limit\":\"0xffffffffffffffff\",\"offset\":\"0x0\",\"file\":\"/bin/x\","
        "\"build_id\":\"abcd\",\"has_functions\":true}],\n"
        "\"functions\":[\n{\"name\":\"f\",\"filename\":\"f.c\"}],\n"
        "\"locations\":[\n{\"mapping\":0,\"address\":\"0x1000\",\"lines\":[{\"function\":0,\"line\":7}]},\n"
        "{\"mapping\":null,\"address\":\"0x1001\",\"lines\":[]}],\n"
        "\"samples\":[\n{\"values\":[\"9223372036854775807\"],\"locations\":[0,1],\"labels\":[{\"key\":\"thread\","
        "\"str\":\"w\"},{\"key\":\"size\",\"num\":\"-9223372036854775808\",\"unit\":\"bytes\"}]},\n"
        "{\"values\":[-1],\"locations\":[]}],\n"
        "\"facts\":[\n{\"key\":\"k\",\"value\":3,\"text\":\"t\"}],\n"
        "\"accounts\":[\n{\"pid\":1,\"tid\":2,\"n_threads\":1,\"process\":\"\",\"thread\":\"\",\"kernel_ns\":5,"
        "\"recorded_ns\":0,\"unsampled_ns\":0}]}\n");
    sp_profile_free(profile);
}

static void test_empty_profile_is_json(void **state)
{
    (void)state;
    struct made made = {sp_profile_new(), 0};
    assert_non_null(made.profile);
    made_expect(&made, "json",
                "{\"version\":1,\"time_ns\":0,\"duration_ns\":0,\"period_type\":{\"type\":\"\",\"unit\":\"\"},"
                "\"period\":0,\"value_index\":0,\n\"comments\":[],\n\"sample_types\":[],\n\"mappings\":[],\n"
                "\"functions\":[],\n\"locations\":[],\n\"samples\":[]}\n");
    sp_profile_free(made.profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speedscope_has_a_profile_for_each_type),
        cmocka_unit_test(test_speedscope_frames_are_functions),
        cmocka_unit_test(test_speedscope_refuses_what_it_cannot_tell),
        cmocka_unit_test(test_firefox_has_tables_for_each_thread),
        cmocka_unit_test(test_firefox_weights_are_of_the_type),
        cmocka_unit_test(test_json_has_every_noun),
        cmocka_unit_test(test_empty_profile_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
