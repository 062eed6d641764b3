/*
 * Where an interrupted function without unwind tables was called from: by the code at its pc, by what is on top of the
 * stack or in the link register, and by its frame pointer, which may be its caller's still. And what counts as code
 * that is returned to.
 */
#include "made_stack.h"

#include <stdlib.h>

enum {
    EARLIER = 0x400, /* functions' places in the page of code */
    FUNCTION = 0x600,
    LATER = 0x700,
    CALLS = 0x800, /* and those that calls return to */
    NEAR = 4,      /* where in a function it is interrupted */
    TOP = 100,     /* word of the stack that the stack pointer is at */
};

static uint8_t *page;
static uintptr_t *stack;
static uint64_t pcs[DEPTH];
static struct sp_walk_facts facts;
static struct sp_unwind_memory *memory;

#if defined(__x86_64__)
static const uint8_t nop[] = {0x90, 0x90, 0x90, 0x90};
static const uint8_t ret[] = {0xc3};
#else
static const uint8_t nop[] = {0x1f, 0x20, 0x03, 0xd5};
static const uint8_t ret[] = {0xc0, 0x03, 0x5f, 0xd6};
#endif

static int set_up(void **state)
{
    (void)state;
    stack = new_stack();
    memory = calloc(1, sizeof *memory);
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned at = 0; at < PAGE; at += sizeof nop)
        memcpy(page + at, nop, sizeof nop);
    return memory == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    free_stack(stack);
    free(memory);
    return munmap(page, PAGE);
}

static uintptr_t in_page(unsigned at)
{
    return (uintptr_t)page + at;
}

/* A direct call of `target`, which returns to the number'th place of calls; returns that. */
static uintptr_t call_of(int target, unsigned number)
{
    const unsigned at = CALLS + 16 * number;
#if defined(__x86_64__)
    const int32_t distance = target - (int32_t)at;
    page[at - 5] = 0xe8;
    memcpy(page + at - 4, &distance, sizeof distance);
#else
    const uint32_t bl = 0x94000000 | ((((unsigned)target - (at - 4)) >> 2) & 0x3ffffff);
    memcpy(page + at - 4, &bl, sizeof bl);
#endif
    return in_page(at);
}

/* Walks from a function of the page, interrupted at `pc`, with its return address where a call leaves it. */
static uint32_t unwind(unsigned pc, uint32_t fp, uintptr_t return_address)
{
    const struct sp_stack_bounds bounds = {address(stack, 0), address(stack, WORDS)};
    ucontext_t context = context_of(in_page(pc), address(stack, TOP), fp == 0 ? 0 : address(stack, fp));
#if defined(__x86_64__)
    stack[TOP] = return_address;
#else
    context.uc_mcontext.regs[30] = return_address;
#endif
    memset(pcs, 0, sizeof pcs);
    return sp_unwind(&context, &bounds, memory, pcs, DEPTH, &facts);
}

/* The callers, the closest first. */
static void expect_callers(uint32_t depth, uintptr_t first, uintptr_t second)
{
    assert_int_equal(facts.end, SP_STACK_COMPLETE);
    assert_int_equal(depth, second != 0 ? 3 : 2);
    assert_int_equal(pcs[1], first);
    assert_int_equal(pcs[2], second);
}

/* What is about to return has nothing on the stack any more: the frame pointer is its caller's. */
static void test_leaf_about_to_return(void **state)
{
    (void)state;
    put_frame(stack, 110, 0, code(2));
    memcpy(page + FUNCTION + NEAR, ret, sizeof ret);
    expect_callers(unwind(FUNCTION + NEAR, 110, code(1)), code(1), code(2));
    expect_callers(unwind(FUNCTION + NEAR, 110, call_of(FUNCTION, 0)), call_of(FUNCTION, 0), code(2));
}

/* No frame of its own: its caller has called it, where the frame pointer leads somebody else was called. */
static void test_leaf_without_frame(void **state)
{
    (void)state;
    const uintptr_t caller = call_of(FUNCTION, 0), above = call_of(EARLIER, 1);
    put_frame(stack, 110, 0, above);
    expect_callers(unwind(FUNCTION + NEAR, 110, caller), caller, above);
    put_frame(stack, 110, 0, code(2)); /* behind an indirect call, which explains anything a little */
    expect_callers(unwind(FUNCTION + NEAR, 110, caller), caller, code(2));
    expect_callers(unwind(FUNCTION + NEAR, 0, caller), caller, 0);
}

/* Left over from a call that is long over: the return address in the frame explains the pc better. */
static void test_leaf_with_a_stale_return_address(void **state)
{
    (void)state;
    const uintptr_t caller = call_of(FUNCTION, 0), stale = call_of(EARLIER, 1), later = call_of(LATER, 2);
    put_frame(stack, 110, 120, caller);
    put_frame(stack, 120, 0, code(2));
    expect_callers(unwind(FUNCTION + NEAR, 110, stale), caller, code(2));
    expect_callers(unwind(FUNCTION + NEAR, 110, later), caller, code(2)); /* it calls what lies behind the pc */
    expect_callers(unwind(FUNCTION + NEAR, 110, code(5)), caller, code(2));
    put_frame(stack, 110, 120, code(1)); /* both indirect: the frame pointer is to be believed */
    expect_callers(unwind(FUNCTION + NEAR, 110, code(5)), code(1), code(2));
}

/* What a call far away calls is not this function, though it lies before the pc. */
static void test_leaf_with_a_return_address_from_afar(void **state)
{
    (void)state;
    enum { FARTHEST = 1 << 16 };
    put_frame(stack, 110, 120, code(1));
    put_frame(stack, 120, 0, code(2));
    const uintptr_t near = call_of(FUNCTION + NEAR - FARTHEST + 4, 0), afar = call_of(FUNCTION + NEAR - FARTHEST, 1);
    expect_callers(unwind(FUNCTION + NEAR, 120, near), near, code(2));
    expect_callers(unwind(FUNCTION + NEAR, 110, afar), code(1), code(2));
}

static void test_leaf_with_a_word_that_is_no_return_address(void **state)
{
    (void)state;
    put_frame(stack, 110, 120, code(1));
    put_frame(stack, 120, 0, code(2));
    const uintptr_t words[] = {0, 1, 17, address(stack, 50), in_page(EARLIER), code(1) + 1, UINTPTR_MAX};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        expect_callers(unwind(FUNCTION + NEAR, 110, words[i]), code(1), code(2));
}

/* A frame pointer that is none, where nothing else tells: the stack ends, and says so. */
static void test_leaf_without_anything(void **state)
{
    (void)state;
    assert_int_equal(unwind(FUNCTION + NEAR, 0, 0), 1);
    assert_int_equal(facts.end, SP_STACK_CUT_RULES);
    assert_int_equal(unwind(FUNCTION + NEAR, TOP - 1, 0), 1); /* below the stack pointer */
    assert_int_equal(facts.end, SP_STACK_CUT_RULES);
}

#if defined(__x86_64__)
/* At the first instruction the return address is on top; behind the push it is a word above. */
static void test_leaf_that_makes_its_frame(void **state)
{
    (void)state;
    static const uint8_t codes[][8] = {
        {0x55, 0x48, 0x89, 0xe5},                         /* push %rbp */
        {0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5}, /* endbr64 */
        {0xc2, 8, 0},                                     /* ret $8 */
    };
    put_frame(stack, 110, 0, code(2));
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        memcpy(page + FUNCTION, codes[i], sizeof codes[i]);
        expect_callers(unwind(FUNCTION, 110, code(1)), code(1), code(2));
    }
    static const uint8_t movs[][4] = {{0x55, 0x48, 0x89, 0xe5}, {0x55, 0x48, 0x8b, 0xec}};
    for (unsigned i = 0; i < 2; i++) {
        memcpy(page + FUNCTION, movs[i], sizeof movs[i]);
        stack[TOP + 1] = code(1);
        expect_callers(unwind(FUNCTION + 1, 110, address(stack, 110)), code(1), code(2));
    }
}
#endif

/* A return address behind no call, in code whose place the collector has told. */
static void test_code_range_borders(void **state)
{
    (void)state;
    const uintptr_t low = in_page(0x100), high = in_page(0x200);
    for (unsigned entry = 0; entry < SP_CODE_RANGES; entry += 9) {
        memset(memory, 0, sizeof *memory);
        for (unsigned i = 0; i < entry; i++) { /* others before it; one of them withdrawn */
            sp_store_relaxed(&memory->code_ranges[i].low, (uint64_t)4096 * (i + 1));
            sp_store_relaxed(&memory->code_ranges[i].high, (uint64_t)(i == 3 ? 0 : 4096 * (i + 1) + 64));
        }
        sp_store_relaxed(&memory->code_ranges[entry].low, low);
        sp_store_relaxed(&memory->code_ranges[entry].high, high);
        const uintptr_t inside[] = {low, low + 1, high - 1}, outside[] = {low - 1, high, high + 1};
        for (unsigned i = 0; i < 3; i++) {
            put_frame(stack, 110, 0, inside[i]);
            expect_callers(unwind(FUNCTION + NEAR, 110, 0), inside[i], 0);
            put_frame(stack, 110, 0, outside[i]);
            assert_int_equal(unwind(FUNCTION + NEAR, 110, 0), 1);
            assert_int_equal(facts.end, SP_STACK_CUT_RULES);
        }
    }
}

static void test_code_range_withdrawn(void **state)
{
    (void)state;
    put_frame(stack, 110, 120, in_page(0x100));
    put_frame(stack, 120, 0, in_page(0x180));
    sp_store_relaxed(&memory->code_ranges[0].low, in_page(0x100));
    sp_store_relaxed(&memory->code_ranges[0].high, in_page(0x200));
    expect_callers(unwind(FUNCTION + NEAR, 110, 0), in_page(0x100), in_page(0x180));
    sp_store_relaxed(&memory->code_ranges[0].high, (uint64_t)0);
    assert_int_equal(unwind(FUNCTION + NEAR, 110, 0), 1);
    assert_int_equal(facts.end, SP_STACK_CUT_RULES);
}

/* Those in use come first: what stands behind one that is not is not looked at. */
static void test_code_range_behind_an_unused_one(void **state)
{
    (void)state;
    put_frame(stack, 110, 0, in_page(0x100));
    sp_store_relaxed(&memory->code_ranges[1].low, in_page(0x100));
    sp_store_relaxed(&memory->code_ranges[1].high, in_page(0x200));
    assert_int_equal(unwind(FUNCTION + NEAR, 110, 0), 1);
}

/* The stack's end is known: no frame reaches beyond it. */
static void test_frame_beyond_the_stack_s_end(void **state)
{
    (void)state;
    const struct sp_stack_bounds bounds = {address(stack, 0), address(stack, 200)};
    put_frame(stack, 198, 0, code(1)); /* ends with it */
    ucontext_t context = context_of(in_page(FUNCTION), address(stack, TOP), address(stack, 198));
    assert_int_equal(sp_unwind(&context, &bounds, NULL, pcs, DEPTH, &facts), 2);
    assert_int_equal(facts.end, SP_STACK_COMPLETE);
    put_frame(stack, 199, 0, code(1)); /* a word beyond, and readable */
    context = context_of(in_page(FUNCTION), address(stack, TOP), address(stack, 199));
    assert_int_equal(sp_unwind(&context, &bounds, NULL, pcs, DEPTH, &facts), 1);
    assert_int_equal(facts.end, SP_STACK_CUT_RULES);
    put_frame(stack, 300, 0, code(1));
    context = context_of(in_page(FUNCTION), address(stack, TOP), address(stack, 300));
    assert_int_equal(sp_unwind(&context, &bounds, NULL, pcs, DEPTH, &facts), 1);
    assert_int_equal(facts.end, SP_STACK_CUT_RULES);
}

/* A record with a return address of 0 is the thread's start only where the caller's frame pointer is 0, too. */
static void test_frame_that_returns_to_zero(void **state)
{
    (void)state;
    put_frame(stack, 110, 120, code(1));
    put_frame(stack, 120, 0, 0);
    expect_callers(unwind(FUNCTION + NEAR, 110, 0), code(1), 0);
    put_frame(stack, 120, 130, 0);
    assert_int_equal(unwind(FUNCTION + NEAR, 110, 0), 2);
    assert_int_equal(facts.end, SP_STACK_CUT_RULES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_leaf_about_to_return),
        TEST(test_leaf_without_frame),
        TEST(test_leaf_with_a_stale_return_address),
        TEST(test_leaf_with_a_return_address_from_afar),
        TEST(test_leaf_with_a_word_that_is_no_return_address),
        TEST(test_leaf_without_anything),
#if defined(__x86_64__)
        TEST(test_leaf_that_makes_its_frame),
#endif
        TEST(test_code_range_borders),
        TEST(test_code_range_withdrawn),
        TEST(test_code_range_behind_an_unused_one),
        TEST(test_frame_beyond_the_stack_s_end),
        TEST(test_frame_that_returns_to_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
