/*
 * Tests of src/symbolize/perf_map.c: which line names an address, and texts that mean harm.
 */
#include "symbolize/perf_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_found(const char *text, uint64_t address, const char *expected)
{
    struct sp_perf_map_name name;
    size_t size = strlen(text);
    char *copy = malloc(size ? size : 1); /* not terminated, so that reading on would be seen */
    memcpy(copy, text, size);
    assert_int_equal(sp_perf_map_find(copy, size, &address, 1, &name), expected != NULL);
    assert_int_equal(name.length, expected ? strlen(expected) : 0);
    if (expected)
        assert_memory_equal(name.at, expected, name.length);
    free(copy);
}

static void test_perf_map_range_ends_before_its_size(void **state)
{
    (void)state;
    static const char text[] = "1000 20 one\n1020 8 two words ()\n0x2000 0x10 with prefix\nABCDEF 1 upper\n";
    assert_found(text, 0xfff, NULL);
    assert_found(text, 0x1000, "one");
    assert_found(text, 0x101f, "one");
    assert_found(text, 0x1020, "two words ()");
    assert_found(text, 0x1027, "two words ()");
    assert_found(text, 0x1028, NULL);
    assert_found(text, 0x200f, "with prefix");
    assert_found(text, 0xabcdef, "upper");
    assert_found(text, 0, NULL);
    assert_found(text, UINT64_MAX, NULL);
    assert_found("10 5 windows\r\n", 0x12, "windows");
}

static void test_perf_map_later_line_wins(void **state)
{
    (void)state;
    static const char text[] = "1000 100 old\n1010 10 inner\n0 ffffffffffffffff all\n1018 4 newest\n1004 4 new\n";
    assert_found(text, 0x1000, "all");
    assert_found(text, 0x1004, "new");
    assert_found(text, 0x1008, "all");
    assert_found(text, 0x1018, "newest");
    assert_found("1000 100 old\n1010 10 inner\n", 0x1010, "inner");
    assert_found("1010 10 inner\n1000 100 late\n", 0x1010, "late");
}

static void test_perf_map_passes_over_what_is_no_line(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n",
        "\n\n\n",
        "1000 20 unfinished",
        "1000 20\n",
        "1000 20 \n",
        "1000\n",
        " 1000 20 x\n",
        "1000  20 x\n",
        "1000 0 empty\n",
        "xyz 20 x\n",
        "1000 2g x\n",
        "-1000 20 x\n",
        "0x 20 x\n",
        "10000000000001000 20 more than 64 bits\n",
        "1000 10000000000000020 more than 64 bits\n",
        "1000\t20\tx\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_found(texts[i], 0x1000, NULL);
    assert_found("garbage\n1000 20 x\n1000 20 cut", 0x1000, "x");
    /* A range up to, and over, the end of the address space. */
    assert_found("fffffffffffffff0 10 last\n", UINT64_MAX, "last");
    assert_found("fffffffffffffff0 ffffffffffffffff last\n", UINT64_MAX, "last");
    assert_found("fffffffffffffff0 ffffffffffffffff last\n", 0, NULL);
}

static void test_perf_map_long_name_is_cut(void **state)
{
    (void)state;
    size_t length = 3 << 20;
    char *text = malloc(length);
    struct sp_perf_map_name name;
    memset(text, 'x', length);
    memcpy(text, "1000 20 ", 8);
    text[length - 1] = '\n';
    uint64_t address = 0x1000;
    assert_int_equal(sp_perf_map_find(text, length, &address, 1, &name), 1);
    assert_int_equal(name.length, SP_PERF_MAP_NAME_MAX);
    memset(text, '7', length - 1); /* a number without end */
    assert_int_equal(sp_perf_map_find(text, length, &address, 1, &name), 0);
    free(text);
}

/* The plain way: every line for every address, the last that fits. */
static size_t plain(const char *text, uint64_t wanted)
{
    size_t found = 0, line = 0;
    for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
        unsigned long start, size;
        line++;
        assert_int_equal(sscanf(at, "%lx %lx", &start, &size), 2);
        if (wanted >= start && wanted - start < size)
            found = line;
    }
    return found;
}

static void test_perf_map_agrees_with_plain_search(void **state)
{
    (void)state;
    enum { LINES = 300, ADDRESSES = 400 };
    static char text[LINES * 40];
    uint64_t addresses[ADDRESSES];
    struct sp_perf_map_name names[ADDRESSES];
    unsigned seed = 3;
    for (int round = 0; round < 30; round++) {
        size_t n = 0;
        for (int i = 0; i < LINES; i++)
            n += (size_t)sprintf(text + n, "%x %x n%d\n", rand_r(&seed) % 4000,
                                 1 + rand_r(&seed) % (i % 20 ? 40 : 2000), i + 1);
        for (size_t i = 0; i < ADDRESSES; i++)
            addresses[i] = i * 10 / (1 + (size_t)round % 3); /* some are equal */
        assert_true(sp_perf_map_find(text, n, addresses, ADDRESSES, names) >= 0);
        for (size_t i = 0; i < ADDRESSES; i++) {
            char expected[32] = "";
            size_t line = plain(text, addresses[i]);
            if (line)
                snprintf(expected, sizeof(expected), "n%zu", line);
            assert_int_equal(names[i].length, strlen(expected));
            assert_true(!line || memcmp(names[i].at, expected, names[i].length) == 0);
        }
    }
}

/* Each of 200000 lines holds each of 200000 addresses. */
static void test_perf_map_ranges_over_everything_cost_little(void **state)
{
    (void)state;
    enum { N = 200000 };
    char *text = malloc(N * 24);
    uint64_t *addresses = malloc(N * sizeof(*addresses));
    struct sp_perf_map_name *names = malloc(N * sizeof(*names));
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        n += (size_t)sprintf(text + n, "%x ffffffff n%x\n", i < N / 2 ? 0U : 8U, (unsigned)i);
        addresses[i] = i;
    }
    assert_int_equal(sp_perf_map_find(text, n, addresses, N, names), N);
    free(text);
    free(addresses);
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perf_map_range_ends_before_its_size),
        cmocka_unit_test(test_perf_map_later_line_wins),
        cmocka_unit_test(test_perf_map_passes_over_what_is_no_line),
        cmocka_unit_test(test_perf_map_long_name_is_cut),
        cmocka_unit_test(test_perf_map_agrees_with_plain_search),
        cmocka_unit_test(test_perf_map_ranges_over_everything_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
