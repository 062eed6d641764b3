/* Paths of source files without what they do not need. */
#include "symbolize/normal_path.h"

#include "check.h"

static void test_path_is_made_normal(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/a/b.c", "/a/b.c"},
        {"", ""},
        {"b.c", "b.c"},
        {"/a//b.c", "/a/b.c"},
        {"/a/./b.c", "/a/b.c"},
        {"./b.c", "b.c"},
        {"/build/../src/b.c", "/src/b.c"},
        {"/a/b/../../c/./d.c", "/c/d.c"},
        {"/../b.c", "/b.c"},
        {"/a/../../b.c", "/b.c"},
        {"../b.c", "../b.c"},
        {"../../b.c", "../../b.c"},
        {"./../b.c", "../b.c"},
        {"a/../b.c", "b.c"},
        {"a/../../b.c", "../b.c"},
        {"/a/..b/.c/...", "/a/..b/.c/..."},
        {"/a/..", "/"},
        {"//", "/"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64];
        assert_string_equal(sp_normal_path(cases[i][0], out), cases[i][1]);
    }
    assert_null(sp_normal_path(NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_path_is_made_normal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
