/* Code that no file backs: out of a text as /proc/PID/maps has it, into the entries that handlers read. */
#include "collector/code_ranges.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { PAGE = 4096, MANY = 1000 };

static struct {
    struct sp_profile *profile;
    struct sp_mappings mappings;
    struct sp_code_ranges published;
    struct sp_unwind_memory memory;
} the;

static int set_up(void **state)
{
    (void)state;
    memset(&the, 0, sizeof the);
    the.profile = sp_profile_new();
    return the.profile == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    sp_mappings_done(&the.mappings);
    sp_profile_free(the.profile);
    return 0;
}

static uint64_t low(uint32_t entry)
{
    return sp_load_relaxed(&the.memory.code_ranges[entry].low);
}

static uint64_t high(uint32_t entry)
{
    return sp_load_relaxed(&the.memory.code_ranges[entry].high);
}

static bool is_accepted(uint64_t address)
{
    for (uint32_t i = 0; i < SP_CODE_RANGES; i++)
        if (address >= low(i) && address < high(i))
            return true;
    return false;
}

/* Entries in use stand without holes before empty ones, and are what this side believes. */
static uint32_t entries(void)
{
    uint32_t n = 0;
    while (n < SP_CODE_RANGES && high(n) != 0)
        n++;
    for (uint32_t i = n; i < SP_CODE_RANGES; i++)
        assert_true(low(i) == 0 && high(i) == 0);
    assert_int_equal(the.published.n, n);
    for (uint32_t i = 0; i < n; i++)
        assert_true(the.published.at[i].low == low(i) && the.published.at[i].high == high(i) && low(i) < high(i));
    return n;
}

static bool publish(const char *text)
{
    FILE *maps = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(maps);
    assert_int_equal(sp_mappings_read_text(&the.mappings, the.profile, maps), 0);
    fclose(maps);
    return sp_code_ranges_publish(&the.published, &the.mappings, &the.memory);
}

static void test_code_ranges_are_what_no_file_backs(void **state)
{
    (void)state;
    assert_true(publish("00010000-00011000 r-xp 00000000 00:00 0 \n"
                        "00020000-00021000 rw-p 00000000 00:00 0 \n"
                        "00030000-00031000 rwxp 00000000 00:00 0      [heap]\n"
                        "00040000-00041000 r-xp 00000000 00:00 0      [anon:v8]\n"
                        "00050000-00051000 r-xs 00000000 00:01 12     [anon_shmem:code cache]\n"
                        "00060000-00061000 r-xs 00000000 00:01 13     /memfd:doublemapper (deleted)\n"
                        "00070000-00071000 rwxs 00000000 00:01 14     /dev/zero (deleted)\n"
                        "00080000-00081000 r-xp 00000000 08:01 15     /tmp/.jit-77 (deleted)\n"
                        "00090000-00091000 rwxp 00000000 00:06 4      /dev/zero\n"
                        "000a0000-000a1000 r-xs 00000000 00:01 16     /SYSV00000000 (deleted)\n"
                        "000b0000-000b1000 r-xp 00001000 08:01 17     /usr/lib/libfoo.so.1\n"
                        "000c0000-000c1000 rwxp 00000000 00:00 0      [stack]\n"
                        "000d0000-000d1000 r-xp 00000000 00:00 0      [vdso]\n"
                        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"));
    assert_int_equal(entries(), 9);
    static const uint64_t code[] = {0x10000, 0x30000, 0x40000, 0x50000, 0x60000, 0x70000, 0x80000, 0x90000, 0xa0000};
    for (size_t i = 0; i < sizeof code / sizeof *code; i++) {
        assert_true(is_accepted(code[i]) && is_accepted(code[i] + PAGE - 1));
        assert_false(is_accepted(code[i] - 1) || is_accepted(code[i] + PAGE));
    }
}

static void test_code_ranges_that_touch_are_one(void **state)
{
    (void)state;
    assert_true(publish("10000-11000 r-xp 0 00:00 0\n"
                        "11000-14000 rwxp 0 00:00 0\n"
                        "14000-15000 r-xs 0 00:01 7 /memfd:a (deleted)\n"
                        "15000-16000 rw-p 0 00:00 0\n"
                        "16000-17000 r-xp 0 00:00 0\n"));
    assert_int_equal(entries(), 2);
    assert_true(low(0) == 0x10000 && high(0) == 0x15000);
    assert_true(low(1) == 0x16000 && high(1) == 0x17000);
}

static void test_code_ranges_keep_their_entries(void **state)
{
    (void)state;
    assert_false(publish("90000-91000 r-xp 0 08:01 5 /usr/bin/x\n"));
    assert_true(publish("10000-11000 r-xp 0 00:00 0\n20000-21000 r-xp 0 00:00 0\n30000-31000 r-xp 0 00:00 0\n"));
    assert_false(publish("10000-11000 r-xp 0 00:00 0\n20000-21000 r-xp 0 00:00 0\n30000-31000 r-xp 0 00:00 0\n"));
    /* One more below, and one grows. */
    assert_true(publish("8000-9000 r-xp 0 00:00 0\n10000-11000 r-xp 0 00:00 0\n20000-25000 r-xp 0 00:00 0\n"
                        "30000-31000 r-xp 0 00:00 0\n"));
    assert_int_equal(entries(), 4);
    assert_true(low(0) == 0x10000 && low(1) == 0x20000 && high(1) == 0x25000 && low(2) == 0x30000 && low(3) == 0x8000);
    /* The first is gone: the last is in its place. Then all but that one. */
    assert_true(publish("8000-9000 r-xp 0 00:00 0\n20000-25000 r-xp 0 00:00 0\n30000-31000 r-xp 0 00:00 0\n"));
    assert_int_equal(entries(), 3);
    assert_true(low(0) == 0x8000 && low(1) == 0x20000 && low(2) == 0x30000);
    assert_true(publish("8000-9000 r-xp 0 00:00 0\n"));
    assert_int_equal(entries(), 1);
    assert_true(publish("90000-91000 r-xp 0 08:01 5 /usr/bin/x\n"));
    assert_int_equal(entries(), 0);
    assert_true(publish("8000-9000 r-xp 0 00:00 0\n")); /* where it was before */
    assert_int_equal(entries(), 1);
}

/* Ranges of a page, the gap behind number i is 1 + (i % 7) pages wide. */
static void test_code_ranges_too_many_close_the_narrowest_gaps(void **state)
{
    (void)state;
    char *text = malloc(MANY * 64);
    assert_non_null(text);
    uint64_t at = 0x10000, ends = 0;
    size_t n = 0;
    for (unsigned i = 0; i < MANY; i++, at = ends + (1 + (uint64_t)(i - 1) % 7) * PAGE) {
        ends = at + PAGE;
        n += (size_t)sprintf(text + n, "%llx-%llx r-xp 0 00:00 0\n", (unsigned long long)at, (unsigned long long)ends);
    }
    assert_true(publish(text));
    assert_int_equal(entries(), SP_CODE_RANGES);
    at = 0x10000;
    uint64_t open = 0;
    for (unsigned i = 0; i < MANY; i++, at = ends + (1 + (uint64_t)(i - 1) % 7) * PAGE) {
        assert_true(is_accepted(at) && is_accepted(at + PAGE - 1));
        if (i > 0 && !is_accepted(at - 1)) { /* not closed: one of the widest */
            assert_int_equal((i - 1) % 7, 6);
            open++;
        }
        ends = at + PAGE;
    }
    assert_int_equal(open, SP_CODE_RANGES - 1);
    assert_false(publish(text));
    free(text);
}

/* Many changes, each checked against the text. */
static void test_code_ranges_any_change_is_exact(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (unsigned round = 0; round < 500; round++) {
        char text[SP_CODE_RANGES * 64] = "90000000-90001000 r-xp 0 08:01 5 /usr/bin/x\n";
        size_t n = 0;
        bool is_there[SP_CODE_RANGES];
        uint64_t pages[SP_CODE_RANGES];
        for (unsigned i = 0; i < SP_CODE_RANGES; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            is_there[i] = (random >> 40) % 3 != 0;
            pages[i] = 1 + (random >> 50) % 3;
            if (is_there[i])
                n += (size_t)sprintf(text + n, "%x-%x r-xp 0 00:00 0\n", (i + 1) * 0x10000,
                                     (i + 1) * 0x10000 + (unsigned)pages[i] * PAGE);
        }
        publish(text);
        uint32_t expected = 0;
        for (unsigned i = 0; i < SP_CODE_RANGES; i++) {
            const uint64_t at = (i + 1) * UINT64_C(0x10000);
            assert_int_equal(is_accepted(at), is_there[i]);
            assert_int_equal(is_accepted(at + pages[i] * PAGE - 1), is_there[i]);
            assert_false(is_accepted(at + pages[i] * PAGE));
            expected += is_there[i];
        }
        assert_int_equal(entries(), expected);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_code_ranges_are_what_no_file_backs), TEST(test_code_ranges_that_touch_are_one),
        TEST(test_code_ranges_keep_their_entries),     TEST(test_code_ranges_too_many_close_the_narrowest_gaps),
        TEST(test_code_ranges_any_change_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
