/* The walk without unwind tables, over hand-made stacks: where it goes, where it stops, and that it never faults. */
#include "handler/unwind.h"

#include "made_stack.h"

#include <stdio.h>
#include <stdlib.h>

/* A walk from registers alone. */
static uint32_t unwind(uintptr_t sp, uintptr_t fp, const struct sp_stack_bounds *stack, uint64_t *pcs,
                       uint32_t max_depth, enum sp_stack_end *end)
{
    struct sp_walk_facts facts;
    const ucontext_t context = context_of(0x401000, sp, fp);
    const uint32_t depth = sp_unwind(&context, stack, NULL, pcs, max_depth, &facts);
    *end = facts.end;
    return depth;
}

/* Walks from stack[first]; the stack pointer is the stack's beginning. */
static uint32_t walk(const uintptr_t *stack, uintptr_t fp, uint64_t *pcs, uint32_t max_depth, enum sp_stack_end *end)
{
    return unwind((uintptr_t)stack, fp, &nothing_known, pcs, max_depth, end);
}

static void test_unwind_chain_to_zero_is_complete(void **state)
{
    (void)state;
    uint64_t pcs[DEPTH];
    enum sp_stack_end end;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, 20, code(1));
    put_frame(stack, 20, 900, code(2)); /* on another page */
    put_frame(stack, 900, 0, code(3));
    const struct sp_stack_bounds all = {address(stack, 0), address(stack, WORDS)};
    const struct sp_stack_bounds *known[] = {&nothing_known, &all};
    for (unsigned i = 0; i < 2; i++) {
        memset(pcs, 0, sizeof pcs);
        assert_int_equal(unwind(address(stack, 0), address(stack, 10), known[i], pcs, DEPTH, &end), 4);
        assert_int_equal(end, SP_STACK_COMPLETE);
        assert_int_equal(pcs[0], 0x401000);
        assert_int_equal(pcs[1], code(1));
        assert_int_equal(pcs[2], code(2));
        assert_int_equal(pcs[3], code(3));
    }
    free_stack(stack);
}

/* A zero there is more likely a number than the thread's start. */
static void test_unwind_without_frame_is_the_leaf_alone(void **state)
{
    (void)state;
    uint64_t pcs[DEPTH];
    enum sp_stack_end end = SP_STACK_ENDS;
    uintptr_t *stack = new_stack();
    assert_int_equal(walk(stack, 0, pcs, DEPTH, &end), 1);
    assert_int_equal(end, SP_STACK_CUT_RULES);
    assert_int_equal(pcs[0], 0x401000);
    free_stack(stack);
}

static void test_unwind_frame_of_zeros_is_the_end(void **state)
{
    (void)state;
    uint64_t pcs[DEPTH];
    enum sp_stack_end end = SP_STACK_ENDS;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, 20, code(1));
    put_frame(stack, 20, 0, 0);
    assert_int_equal(walk(stack, address(stack, 10), pcs, DEPTH, &end), 2);
    assert_int_equal(end, SP_STACK_COMPLETE);
    free_stack(stack);
}

/* The leaf's half and the root's are kept, with the gap between them. */
static void check_gap(const uint64_t *pcs, uint32_t max_depth, const uint64_t *whole, uint32_t n)
{
    const uint32_t half = max_depth / 2;
    for (uint32_t i = 0; i < max_depth; i++) {
        const uint64_t expected = max_depth < 3 || i < half ? whole[i]
                                  : i == half               ? SP_PC_GAP
                                                            : whole[n - max_depth + i];
        assert_int_equal(pcs[i], expected);
    }
}

static void test_unwind_deeper_than_asked_is_cut_by_depth(void **state)
{
    (void)state;
    enum { FRAMES = 11 };
    uint64_t pcs[DEPTH], whole[DEPTH];
    uintptr_t *stack = new_stack();
    for (uint32_t i = 0; i < 10; i++)
        put_frame(stack, 2 + 2 * i, i < 9 ? 4 + 2 * i : 0, code(1 + i));
    enum sp_stack_end end = SP_STACK_ENDS;
    assert_int_equal(walk(stack, address(stack, 2), whole, DEPTH, &end), FRAMES);
    for (uint32_t max_depth = 1; max_depth <= FRAMES + 1; max_depth++) {
        memset(pcs, 0xee, sizeof pcs);
        const uint32_t depth = walk(stack, address(stack, 2), pcs, max_depth, &end);
        assert_int_equal(depth, max_depth < FRAMES ? max_depth : FRAMES);
        assert_int_equal(end, max_depth < FRAMES ? SP_STACK_CUT_DEPTH : SP_STACK_COMPLETE);
        if (max_depth < FRAMES)
            check_gap(pcs, max_depth, whole, FRAMES);
        assert_int_equal(pcs[depth], 0xeeeeeeeeeeeeeeee);
    }
    free_stack(stack);
}

/* Where the chain makes no sense the stack is marked, and what was found so far is kept. */
static void expect(const uintptr_t *stack, uintptr_t fp, uint32_t depth, enum sp_stack_end expected)
{
    uint64_t pcs[DEPTH];
    enum sp_stack_end end = SP_STACK_ENDS;
    assert_int_equal(walk(stack, fp, pcs, DEPTH, &end), depth);
    assert_int_equal(end, expected);
}

static void test_unwind_unaligned_is_cut(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, 20, code(1));
    stack[10]++;
    expect(stack, address(stack, 10), 2, SP_STACK_CUT_RULES);
    for (uintptr_t off = 1; off < 8; off++)
        expect(stack, address(stack, 10) + off, 1, SP_STACK_CUT_RULES);
    free_stack(stack);
}

static void test_unwind_loop_is_cut(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, 10, code(1)); /* its own caller */
    expect(stack, address(stack, 10), 2, SP_STACK_CUT_RULES);
    put_frame(stack, 10, 20, code(1));
    put_frame(stack, 20, 10, code(2)); /* back */
    expect(stack, address(stack, 10), 3, SP_STACK_CUT_RULES);
    put_frame(stack, 10, 11, code(1)); /* overlaps */
    expect(stack, address(stack, 10), 2, SP_STACK_CUT_RULES);
    free_stack(stack);
}

/* As Go's crosscall2 does it: the frame pointer once more below where it has been saved. */
static void test_unwind_frame_pointer_saved_twice(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, 20, code(1));
    put_frame(stack, 20, 21, address(stack, 30));
    stack[22] = code(2);
    put_frame(stack, 30, 0, code(3));
    expect(stack, address(stack, 10), 4, SP_STACK_COMPLETE);
    stack[22] = 0; /* nobody returns there */
    expect(stack, address(stack, 10), 2, SP_STACK_CUT_RULES);
    free_stack(stack);
}

static void test_unwind_below_the_stack_pointer_is_cut(void **state)
{
    (void)state;
    uint64_t pcs[DEPTH];
    enum sp_stack_end end = SP_STACK_ENDS;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, 0, code(1));
    assert_int_equal(unwind(address(stack, 12), address(stack, 10), &nothing_known, pcs, DEPTH, &end), 1);
    assert_int_equal(end, SP_STACK_CUT_RULES);
    free_stack(stack);
}

static void test_unwind_far_away_is_cut(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    const uintptr_t sp = address(stack, 0);
    expect(stack, sp + ((uintptr_t)1 << 30), 1, SP_STACK_CUT_RULES);
    expect(stack, UINTPTR_MAX - 7, 1, SP_STACK_CUT_RULES);
    expect(stack, UINTPTR_MAX / 2 - 7, 1, SP_STACK_CUT_RULES);
    expect(stack, (uintptr_t)1 << 63, 1, SP_STACK_CUT_RULES);
    expect(stack, 8, 1, SP_STACK_CUT_RULES);
    free_stack(stack);
}

static void test_unwind_caller_that_is_no_code_is_cut(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, 20, 1);
    put_frame(stack, 20, 0, code(1));
    expect(stack, address(stack, 10), 1, SP_STACK_CUT_RULES);
    put_frame(stack, 10, 20, 0);
    expect(stack, address(stack, 10), 1, SP_STACK_CUT_RULES);
    put_frame(stack, 10, 20, address(stack, 40)); /* readable, but in no object and behind no call */
    expect(stack, address(stack, 10), 1, SP_STACK_CUT_RULES);
    put_frame(stack, 10, 20, address(stack, WORDS)); /* just behind PROT_NONE's beginning */
    expect(stack, address(stack, 10), 1, SP_STACK_CUT_RULES);
    free_stack(stack);
}

/* Code made at run time is in no loaded object: what is returned to there stands behind a call instruction. */
static void test_unwind_caller_in_generated_code(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, 20, address(stack, 41));
    put_frame(stack, 20, 0, code(2));
#if defined(__x86_64__)
    static const uint8_t calls[][8] = {
        {0x90, 0x90, 0x90, 0xe8, 1, 2, 3, 4},             /* call rel32 */
        {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0}, /* call *%rax */
        {0x90, 0x90, 0xff, 0x15, 1, 2, 3, 4},             /* call *rel32(%rip) */
        {0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 8},    /* call *8(%rax) */
    };
#else
    static const uint8_t calls[][8] = {
        {0x1f, 0x20, 0x03, 0xd5, 0x00, 0x00, 0x00, 0x94}, /* bl */
        {0x1f, 0x20, 0x03, 0xd5, 0x00, 0x00, 0x3f, 0xd6}, /* blr x0 */
    };
#endif
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        memcpy(&stack[40], calls[i], 8);
        expect(stack, address(stack, 10), 3, SP_STACK_COMPLETE);
    }
    free_stack(stack);
}

/*
 * In this program, so in an object, but without unwind tables: behind a call, behind a nop, and behind neither. Hidden,
 * as aarch64's assembler takes the three for one where labels that are not global are reached by the GOT.
 */
#pragma GCC visibility push(hidden)
extern const char untabled_call[], untabled_nop[], untabled_other[];
#pragma GCC visibility pop
#if defined(__x86_64__)
__asm__(".text\n    call *%rax\nuntabled_call:\n    nop\nuntabled_nop:\n    ret\nuntabled_other:\n    ret\n");
#else
__asm__(".text\n    blr x0\nuntabled_call:\n    nop\nuntabled_nop:\n    ret\nuntabled_other:\n    ret\n");
#endif

/* As goroutines end: the word was put there by the runtime, and not by a call. */
static void test_unwind_returns_behind_a_nop(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, 20, (uintptr_t)untabled_call);
    put_frame(stack, 20, 0, (uintptr_t)untabled_nop);
    expect(stack, address(stack, 10), 3, SP_STACK_COMPLETE);
    put_frame(stack, 20, 0, (uintptr_t)untabled_other);
    expect(stack, address(stack, 10), 2, SP_STACK_CUT_RULES);
    free_stack(stack);
}

/* As in a function that Go's systemstack has called: on the thread's stack, and its caller on the goroutine's. */
static void test_unwind_leaves_the_threads_stack(void **state)
{
    (void)state;
    uint64_t pcs[DEPTH];
    enum sp_stack_end end;
    uintptr_t *own = new_stack(), *other = new_stack();
    const struct sp_stack_bounds bounds = {address(own, 0), address(own, WORDS)};
    own[10] = address(other, 10);
    own[11] = (uintptr_t)untabled_call;
    put_frame(other, 10, 20, (uintptr_t)untabled_call);
    put_frame(other, 20, 0, (uintptr_t)untabled_nop);
    assert_int_equal(unwind(address(own, 0), address(own, 10), &bounds, pcs, DEPTH, &end), 4);
    assert_int_equal(end, SP_STACK_COMPLETE);
    put_frame(other, 10, 20, (uintptr_t)untabled_other); /* nobody returns there */
    assert_int_equal(unwind(address(own, 0), address(own, 10), &bounds, pcs, DEPTH, &end), 2);
    assert_int_equal(end, SP_STACK_CUT_RULES);
    own[10] = address(other, WORDS); /* not readable */
    assert_int_equal(unwind(address(own, 0), address(own, 10), &bounds, pcs, DEPTH, &end), 2);
    assert_int_equal(end, SP_STACK_CUT_RULES);
    free_stack(own);
    free_stack(other);
}

static void test_unwind_into_prot_none_is_cut(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, WORDS, code(1)); /* the first word behind */
    expect(stack, address(stack, 10), 2, SP_STACK_CUT_MEMORY);
    expect(stack, address(stack, WORDS + 100), 1, SP_STACK_CUT_MEMORY);
    free_stack(stack);
}

static void test_unwind_into_unmapped_is_cut(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    assert_int_equal(munmap(stack + WORDS / 2, PAGES / 2 * PAGE), 0);
    put_frame(stack, 10, WORDS / 2 + 10, code(1));
    expect(stack, address(stack, 10), 2, SP_STACK_CUT_MEMORY);
    munmap((char *)stack - PAGE, (PAGES / 2 + 1) * PAGE);
    munmap(stack + WORDS, PAGE);
}

/* A frame record's two words, at the end of what is readable: both, one, none. */
static void test_unwind_at_the_edge_of_a_page(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    put_frame(stack, 10, WORDS - 2, code(1));
    put_frame(stack, WORDS - 2, 0, code(2));
    expect(stack, address(stack, 10), 3, SP_STACK_COMPLETE);
    stack[10] = address(stack, WORDS - 1);
    stack[WORDS - 1] = address(stack, WORDS + 8);
    expect(stack, address(stack, 10), 2, SP_STACK_CUT_MEMORY);
    /* Across two readable pages. */
    put_frame(stack, 10, PAGE / 8 - 1, code(1));
    put_frame(stack, PAGE / 8 - 1, 0, code(2));
    expect(stack, address(stack, 10), 3, SP_STACK_COMPLETE);
    free_stack(stack);
}

/* Bounds that end inside a frame do not vouch for its second word. */
static void test_unwind_bounds_that_split_a_frame(void **state)
{
    (void)state;
    uint64_t pcs[DEPTH];
    enum sp_stack_end end = SP_STACK_ENDS;
    uintptr_t *stack = new_stack();
    const struct sp_stack_bounds bounds = {address(stack, 0), address(stack, WORDS)};
    assert_int_equal(unwind(address(stack, 0), address(stack, WORDS - 1), &bounds, pcs, DEPTH, &end), 1);
    assert_int_equal(end, SP_STACK_CUT_MEMORY);
    free_stack(stack);
}

/* Memory that is the thread's own but no stack: random words, many of them pointing into the same memory. */
static void test_unwind_through_random_words_ends(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u, pcs[DEPTH + 1];
    uintptr_t *stack = new_stack();
    for (unsigned round = 0; round < 2000; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            const uint64_t r = next_random(&random);
            stack[i] = r % 4 == 0   ? (uintptr_t)r
                       : r % 4 == 1 ? code(r % 64)
                                    : address(stack, (uint32_t)(r >> 32) % (r % 8 < 4 ? 96 : WORDS + 512));
        }
        enum sp_stack_end end = SP_STACK_ENDS;
        pcs[DEPTH] = 0xee;
        const uintptr_t fp = address(stack, (uint32_t)next_random(&random) % 64);
        const uint32_t depth = walk(stack, fp, pcs, DEPTH, &end);
        assert_true(depth >= 1 && depth <= DEPTH);
        assert_true(end < SP_STACK_ENDS);
        assert_int_equal(pcs[DEPTH], 0xee);
    }
    free_stack(stack);
}

static ucontext_t own_context, coroutine_context, here;
static uint64_t coroutine_pcs[DEPTH];
static uint32_t coroutine_depth;
static struct sp_walk_facts coroutine_facts;

static void coroutine(void)
{
    getcontext(&here);
    coroutine_depth = sp_unwind(&here, &nothing_known, NULL, coroutine_pcs, DEPTH, &coroutine_facts);
}

/* What its first function returns to was put there by makecontext. */
static void test_unwind_coroutine_is_complete(void **state)
{
    (void)state;
    uintptr_t *stack = new_stack();
    assert_int_equal(getcontext(&coroutine_context), 0);
    coroutine_context.uc_stack = (stack_t){.ss_sp = stack, .ss_size = PAGES * PAGE};
    coroutine_context.uc_link = &own_context;
    makecontext(&coroutine_context, coroutine, 0);
    assert_int_equal(swapcontext(&own_context, &coroutine_context), 0);
    assert_int_equal(coroutine_facts.end, SP_STACK_COMPLETE);
    assert_int_equal(coroutine_depth, 2);
    assert_true(coroutine_pcs[0] - (uintptr_t)&coroutine < 256);
    free_stack(stack);
}

/* Addresses in code that has unwind tables, any instruction or none: of libc and of this program. */
static uintptr_t code_with_tables(uint64_t random)
{
    static const uintptr_t places[] = {(uintptr_t)&qsort, (uintptr_t)&printf, (uintptr_t)&mmap, (uintptr_t)&unwind,
                                       (uintptr_t)&strtod};
    return places[random % 5] + random / 5 % 256;
}

/*
 * A rule from the cache is the one from the tables, and what is made quick where it is there changes nothing: on random
 * stacks, also such as end within a word or a frame, a walk with the cache finds what one without it finds.
 */
static void test_unwind_with_the_cache_is_as_without(void **state)
{
    (void)state;
    enum { USED = 96, OTHERS = 8 };
    struct sp_unwind_memory *memory = calloc(1, sizeof *memory);
    uint64_t random = 1181783497276652981u, pcs[DEPTH], again[DEPTH], deepest = 0, hits = 0;
    uintptr_t *stack = new_stack(), *used = stack + WORDS - USED; /* up to the page that cannot be read */
    assert_non_null(memory);
    for (unsigned round = 0; round < 20000; round++) {
        for (uint32_t i = 0; i < USED; i++) {
            const uint64_t r = next_random(&random);
            used[i] = r % 8 < 5   ? code_with_tables(r >> 8 & 0xff)
                      : r % 8 < 7 ? address(used, (uint32_t)(r >> 8) % USED)
                                  : (uintptr_t)r;
        }
        const uint64_t r = next_random(&random);
        const uintptr_t sp = address(used, (uint32_t)(r >> 8) % OTHERS),
                        fp = address(used, (uint32_t)(r >> 16) % (USED + 2));
        const uintptr_t high =
            r % 16 == 0 ? sp + 1 + (r >> 24) % 24 : address(used, USED - (uint32_t)(r >> 24) % OTHERS);
        const struct sp_stack_bounds bounds = {sp, high};
        struct sp_walk_facts facts, facts_again;
        ucontext_t context = context_of(code_with_tables(r >> 32), sp, fp);
        const uint32_t depth = sp_unwind(&context, &bounds, NULL, pcs, DEPTH, &facts);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(sp_unwind(&context, &bounds, memory, again, DEPTH, &facts_again), depth);
            assert_memory_equal(again, pcs, depth * sizeof *pcs);
            assert_int_equal(facts_again.end, facts.end);
            assert_int_equal(facts_again.frames, facts.frames);
        }
        deepest = depth > deepest ? depth : deepest;
        hits += facts_again.frames - facts_again.misses;
    }
    assert_true(deepest > 8 && hits > 40000); /* or nothing was shown */
    free_stack(stack);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unwind_chain_to_zero_is_complete),
        cmocka_unit_test(test_unwind_without_frame_is_the_leaf_alone),
        cmocka_unit_test(test_unwind_frame_of_zeros_is_the_end),
        cmocka_unit_test(test_unwind_deeper_than_asked_is_cut_by_depth),
        cmocka_unit_test(test_unwind_unaligned_is_cut),
        cmocka_unit_test(test_unwind_loop_is_cut),
        cmocka_unit_test(test_unwind_frame_pointer_saved_twice),
        cmocka_unit_test(test_unwind_below_the_stack_pointer_is_cut),
        cmocka_unit_test(test_unwind_far_away_is_cut),
        cmocka_unit_test(test_unwind_caller_that_is_no_code_is_cut),
        cmocka_unit_test(test_unwind_caller_in_generated_code),
        cmocka_unit_test(test_unwind_returns_behind_a_nop),
        cmocka_unit_test(test_unwind_leaves_the_threads_stack),
        cmocka_unit_test(test_unwind_into_prot_none_is_cut),
        cmocka_unit_test(test_unwind_into_unmapped_is_cut),
        cmocka_unit_test(test_unwind_at_the_edge_of_a_page),
        cmocka_unit_test(test_unwind_bounds_that_split_a_frame),
        cmocka_unit_test(test_unwind_through_random_words_ends),
        cmocka_unit_test(test_unwind_coroutine_is_complete),
        cmocka_unit_test(test_unwind_with_the_cache_is_as_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
