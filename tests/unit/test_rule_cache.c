/* The rule cache: what is kept is found, and nothing else is. */
#include "handler/rule_cache.h"

#include "check.h"

enum { PAIRS = 2000000, SOME_RULE = 0x123456, OBJECT_BITS = 34 };

static struct sp_unwind_memory memory;

static int clear(void **state)
{
    (void)state;
    memset(&memory, 0, sizeof memory);
    return 0;
}

/* An address in user space. */
static uintptr_t some_address(uint64_t *random)
{
    return (uintptr_t)(next_random(random) >> 17);
}

static void test_rule_of_its_parts(void **state)
{
    (void)state;
    const uint32_t cfa_most = (1u << SP_RULE_CFA_BITS) - 1, saves_most = (1u << SP_RULE_SAVES_BITS) - 1;
    for (uint32_t kind = SP_FRAME_SP; kind <= SP_FRAME_MALFORMED; kind++) {
        const uint32_t rule = sp_rule_make((enum sp_rule_kind)kind, cfa_most, saves_most);
        assert_int_equal(sp_rule_kind(rule), kind);
        assert_int_equal(sp_rule_cfa_units(rule), cfa_most);
        assert_int_equal(sp_rule_saves(rule), saves_most);
        assert_true(rule <= SP_RULE_MASK);
        const uint32_t bare = sp_rule_make((enum sp_rule_kind)kind, 1, 0);
        assert_int_equal(sp_rule_kind(bare), kind);
        assert_int_equal(sp_rule_cfa_units(bare), 1);
        assert_int_equal(sp_rule_saves(bare), 0);
    }
}

/* 0 is no rule: an entry of zeros is none, whatever its tag. */
static void test_cache_empty_finds_nothing(void **state)
{
    (void)state;
    uint64_t random = 1;
    assert_int_equal(sp_rule_look(&memory, 0), 0);
    assert_int_equal(sp_rule_look(&memory, UINT64_MAX), 0);
    for (unsigned i = 0; i < PAIRS; i++) {
        const uint64_t key = sp_rule_key(some_address(&random), i % 2 != 0, next_random(&random));
        assert_int_equal(sp_rule_look(&memory, key), 0);
    }
}

static void test_cache_finds_what_was_kept(void **state)
{
    (void)state;
    uint64_t random = 2;
    for (unsigned i = 0; i < 100000; i++) {
        const uint64_t key = sp_rule_key(some_address(&random), i % 2 != 0, next_random(&random));
        const uint32_t rule = (uint32_t)((next_random(&random) & SP_RULE_MASK) | 1);
        sp_rule_keep(&memory, key, rule);
        assert_int_equal(sp_rule_look(&memory, key), rule);
    }
}

/* Whatever stands in the cache is of another address, or of another object. */
static void test_cache_full_finds_no_other(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (unsigned i = 0; i < 16 * SP_RULES; i++)
        sp_rule_keep(&memory, sp_rule_key(some_address(&random), i % 2 != 0, next_random(&random)), SOME_RULE);
    unsigned in_use = 0;
    for (unsigned i = 0; i < SP_RULES; i++)
        in_use += sp_load_relaxed(&memory.rules[i]) != 0;
    assert_true(in_use > SP_RULES / 100 * 99); /* all places are used: e^-16 of them are not */
    for (unsigned i = 0; i < PAIRS; i++) {
        const uint64_t key = sp_rule_key(some_address(&random), i % 2 != 0, next_random(&random));
        assert_int_equal(sp_rule_look(&memory, key), 0);
    }
}

/* The same address in what was loaded at the same place later. */
static void test_cache_of_another_identity_finds_nothing(void **state)
{
    (void)state;
    uint64_t random = 4;
    for (unsigned i = 0; i < PAIRS; i++) {
        const uintptr_t address = some_address(&random);
        const bool is_exact = i % 2 != 0;
        const uint64_t one = next_random(&random),
                       other = i % 4 < 2 ? next_random(&random) : one ^ (uint64_t)1 << i / 4 % 64;
        sp_rule_keep(&memory, sp_rule_key(address, is_exact, one), SOME_RULE);
        assert_int_equal(sp_rule_look(&memory, sp_rule_key(address, is_exact, other)), 0);
    }
}

/* Neighbours of an address, interrupted there or returning to there. */
static void test_cache_of_another_address_finds_nothing(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (unsigned round = 0; round < 8; round++) {
        const uintptr_t address = some_address(&random);
        const uint64_t identity = next_random(&random);
        for (unsigned is_exact = 0; is_exact < 2; is_exact++) {
            clear(NULL);
            sp_rule_keep(&memory, sp_rule_key(address, is_exact != 0, identity), SOME_RULE);
            assert_int_equal(sp_rule_look(&memory, sp_rule_key(address, is_exact == 0, identity)), 0);
            for (uintptr_t i = 1; i < 1 << 17; i++) {
                assert_int_equal(sp_rule_look(&memory, sp_rule_key(address + i, is_exact != 0, identity)), 0);
                assert_int_equal(sp_rule_look(&memory, sp_rule_key(address + i, is_exact == 0, identity)), 0);
            }
        }
    }
}

/*
 * Two keys of one identity that agree in all bits but the nine that are dropped differ by d with
 * |d × multiplier mod 2⁶⁴| < 2⁹, where d is the difference of the addresses' mixtures. All such d, by the multiplier's
 * inverse: none is as small as an object.
 */
static void test_cache_of_one_object_has_no_two_equal_tags(void **state)
{
    (void)state;
    const uint64_t multiplier = sp_rule_key(1, false, 0);
    uint64_t inverse = multiplier; /* Newton's iteration doubles the bits that are right, of which there are 3 */
    for (unsigned i = 0; i < 5; i++)
        inverse *= 2 - multiplier * inverse;
    assert_int_equal(multiplier * inverse, 1);
    const uint64_t beside = (uint64_t)1 << SP_RULES_SHIFT; /* an entry may stand at the place beside its own */
    const uint64_t apart[] = {0, beside, 0 - beside};
    for (uint64_t k = 0; k < 1 << 9; k++)
        for (unsigned i = 0; i < 3; i++) {
            const uint64_t difference = (apart[i] + k) * inverse, opposite = 0 - difference;
            if (k != 0 || i != 0)
                assert_true(difference >> OBJECT_BITS != 0 && opposite >> OBJECT_BITS != 0);
        }
}

/* An entry's place is that of many keys: the last two that were kept are there. */
static void test_cache_place_has_the_last_two(void **state)
{
    (void)state;
    uint64_t random = 6, keys[3] = {sp_rule_key(0x401000, false, 77)};
    for (unsigned i = 1; i < 3; i++)
        do
            keys[i] = sp_rule_key(some_address(&random), false, 77 + i);
        while (keys[i] >> SP_RULES_SHIFT != keys[0] >> SP_RULES_SHIFT);
    for (uint32_t i = 0; i < 3; i++)
        sp_rule_keep(&memory, keys[i], SOME_RULE + i);
    assert_int_equal(sp_rule_look(&memory, keys[0]), 0);
    assert_int_equal(sp_rule_look(&memory, keys[1]), SOME_RULE + 1);
    assert_int_equal(sp_rule_look(&memory, keys[2]), SOME_RULE + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_of_its_parts),
        cmocka_unit_test_setup(test_cache_empty_finds_nothing, clear),
        cmocka_unit_test_setup(test_cache_finds_what_was_kept, clear),
        cmocka_unit_test_setup(test_cache_full_finds_no_other, clear),
        cmocka_unit_test_setup(test_cache_of_another_identity_finds_nothing, clear),
        cmocka_unit_test_setup(test_cache_of_another_address_finds_nothing, clear),
        cmocka_unit_test(test_cache_of_one_object_has_no_two_equal_tags),
        cmocka_unit_test_setup(test_cache_place_has_the_last_two, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
