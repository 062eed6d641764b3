/* JSON as it is written: commas, escapes, numbers at the edges, and a sink that fails. */
#include "util/json_out.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "check.h"

static char text[64 << 10];
static size_t n_text;

static int keep(void *user, const void *data, size_t n)
{
    (void)user;
    assert_true(n < sizeof text - n_text);
    memcpy(text + n_text, data, n);
    n_text += n;
    text[n_text] = '\0';
    return 0;
}

static void begin(struct sp_json *json)
{
    n_text = 0;
    text[0] = '\0';
    sp_json_init(json, keep, NULL);
}

static void expect(struct sp_json *json, const char *expected)
{
    assert_int_equal(sp_json_finish(json), 0);
    assert_string_equal(text, expected);
}

static void test_commas_stand_between_items(void **state)
{
    (void)state;
    struct sp_json json;
    begin(&json);
    sp_json_begin(&json, '{');
    sp_json_open(&json, "empty", '[');
    sp_json_end(&json, ']');
    sp_json_open(&json, "list", '[');
    sp_json_int(&json, 1);
    sp_json_begin(&json, '{');
    sp_json_end(&json, '}');
    sp_json_line(&json);
    sp_json_null(&json);
    sp_json_bool(&json, true);
    sp_json_end(&json, ']');
    sp_json_line(&json);
    sp_json_put_string(&json, "text", "x");
    sp_json_end(&json, '}');
    expect(&json, "{\"empty\":[],\"list\":[1,{},\nnull,true],\n\"text\":\"x\"}\n");
}

static void test_text_is_escaped(void **state)
{
    (void)state;
    struct sp_json json;
    begin(&json);
    sp_json_begin(&json, '[');
    sp_json_string(&json, "");
    sp_json_string(&json, "a\"b\\c\n\t\x01\x1f\x7f/ü\xf0\x9f\x98\x80");
    sp_json_end(&json, ']');
    expect(&json, "[\"\",\"a\\\"b\\\\c\\n\\t\\u0001\\u001f\\u007f/ü\xf0\x9f\x98\x80\"]\n");
}

static void test_numbers_are_whole(void **state)
{
    (void)state;
    struct sp_json json;
    begin(&json);
    sp_json_begin(&json, '[');
    sp_json_int(&json, 0);
    sp_json_int(&json, INT64_MIN);
    sp_json_uint(&json, UINT64_MAX);
    sp_json_exact(&json, SP_JSON_EXACT_MAX);
    sp_json_exact(&json, -SP_JSON_EXACT_MAX);
    sp_json_exact(&json, SP_JSON_EXACT_MAX + 1);
    sp_json_exact(&json, INT64_MIN);
    sp_json_hex(&json, UINT64_MAX);
    sp_json_real(&json, 0.1);
    sp_json_real(&json, 1.0 / 3);
    sp_json_real(&json, 10);
    sp_json_real(&json, INFINITY);
    sp_json_end(&json, ']');
    expect(&json, "[0,-9223372036854775808,18446744073709551615,9007199254740992,-9007199254740992,"
                  "\"9007199254740993\",\"-9223372036854775808\",\"0xffffffffffffffff\",0.1,0.33333333333333331,10,"
                  "null]\n");
}

static void test_text_longer_than_the_buffer_is_whole(void **state)
{
    (void)state;
    static char longer[3 * SP_JSON_BUFFER_BYTES + 2];
    struct sp_json json;
    memset(longer, 'x', sizeof longer - 1);
    longer[100] = '"';
    begin(&json);
    sp_json_string(&json, longer);
    assert_int_equal(sp_json_finish(&json), 0);
    assert_int_equal(n_text, sizeof longer - 1 + 1 + 3); /* an escape, two quotes, a newline */
    assert_memory_equal(text + 101, "\\\"xx", 4);
}

static int refuse(void *user, const void *data, size_t n)
{
    (void)data, (void)n;
    ++*(int *)user;
    return -ENOSPC;
}

static void test_sink_that_fails_is_left_alone(void **state)
{
    (void)state;
    struct sp_json json;
    int n_calls = 0;
    sp_json_init(&json, refuse, &n_calls);
    sp_json_begin(&json, '[');
    for (int i = 0; i < SP_JSON_BUFFER_BYTES; i++)
        sp_json_int(&json, i);
    sp_json_end(&json, ']');
    assert_int_equal(sp_json_finish(&json), -ENOSPC);
    assert_int_equal(n_calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas_stand_between_items),
        cmocka_unit_test(test_text_is_escaped),
        cmocka_unit_test(test_numbers_are_whole),
        cmocka_unit_test(test_text_longer_than_the_buffer_is_whole),
        cmocka_unit_test(test_sink_that_fails_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
