/*
 * Frames of interpreters among the native ones, and what a program may have left where they should be. The native stack
 * is one of four frames: words [0, 4), [4, 8), [8, 12) of the made stack, and an outermost one, which has no end.
 */
#include "handler/virtual_stack.h"

#include <stdlib.h>

#include "made_stack.h"

enum { SOME = 4 };

static uintptr_t *stack;
static struct sp_virtual_stack *published; /* at the beginning of a page, the next one cannot be read */
static struct sp_scratch scratch;
static uint64_t pcs[DEPTH];
static struct sp_walk_facts facts;
static struct sp_stack_bounds own;

static void make_frames(void)
{
    for (uint32_t frame = 0; frame < 3; frame++) {
        stack[4 * frame + 2] = address(stack, 4 * frame + 6);
        stack[4 * frame + 3] = code(frame + 1);
    }
    stack[14] = stack[15] = 0;
}

static int set_up(void **state)
{
    (void)state;
    stack = new_stack();
    published = (struct sp_virtual_stack *)(void *)new_stack();
    published->magic = SP_VIRTUAL_MAGIC;
    published->capacity = 100;
    make_frames();
    own = (struct sp_stack_bounds){address(stack, 0), address(stack, WORDS)};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free_stack(stack);
    free_stack((uintptr_t *)(void *)published);
    return 0;
}

static void publish(uint32_t function, uint32_t line, uint64_t at)
{
    published->at[published->depth++] = (struct sp_virtual_frame){function, line, at};
}

static void expect_walk_of(const struct sp_virtual_stack *given, uint32_t max_depth, const uint64_t *expected,
                           uint32_t n)
{
    const ucontext_t context = context_of(code(0), address(stack, 0), address(stack, 2));
    const uint32_t depth = sp_unwind_with(&scratch, &context, &own, given, NULL, pcs, max_depth, &facts);
    for (uint32_t i = 0; i < n && i < depth; i++)
        assert_int_equal(pcs[i], expected[i]);
    assert_int_equal(depth, n);
}

#define EXPECT_WALK(...)                                                                \
    do {                                                                                \
        const uint64_t expected[] = {__VA_ARGS__};                                      \
        expect_walk_of(published, DEPTH, expected, sizeof expected / sizeof *expected); \
    } while (0)

static void expect_facts(uint32_t placed, uint32_t dropped, uint32_t damaged)
{
    assert_int_equal(facts.virtual_placed, placed);
    assert_int_equal(facts.virtual_dropped, dropped);
    assert_int_equal(facts.virtual_damaged, damaged);
}

static void test_nothing_is_published(void **state)
{
    (void)state;
    const uint64_t native[] = {code(0), code(1), code(2), code(3)};
    expect_walk_of(NULL, DEPTH, native, 4);
    expect_facts(0, 0, 0);
    EXPECT_WALK(code(0), code(1), code(2), code(3));
    expect_facts(0, 0, 0);
}

/* Each right above the native frame that holds its address, two of them above one. */
static void test_frames_are_laid_between(void **state)
{
    (void)state;
    publish(11, 1, address(stack, 11));
    publish(12, 2, address(stack, 7));
    publish(13, 3, address(stack, 4));
    EXPECT_WALK(code(0), sp_pc_virtual(13, 3), sp_pc_virtual(12, 2), code(1), sp_pc_virtual(11, 1), code(2), code(3));
    assert_int_equal(facts.end, SP_STACK_COMPLETE);
    expect_facts(3, 0, 0);
}

/* The interrupted pc is no longer the first word: it is stored as a return address, which 1 is taken from. */
static void test_innermost_is_the_leaf(void **state)
{
    (void)state;
    publish(12, 2, address(stack, 5));
    publish(13, UINT32_MAX, address(stack, 0));
    EXPECT_WALK(sp_pc_virtual(13, UINT32_MAX), code(0) + 1, sp_pc_virtual(12, 2), code(1), code(2), code(3));
}

/* What longjmp has left is deeper than the thread now is. */
static void test_frames_left_by_a_jump_are_not_there(void **state)
{
    (void)state;
    stack += 16;
    make_frames();
    publish(11, 1, address(stack, 9));
    publish(12, 2, address(stack, 0) - 8);
    publish(13, 3, address(stack, 0) - 64);
    EXPECT_WALK(code(0), code(1), sp_pc_virtual(11, 1), code(2), code(3));
    expect_facts(1, 2, 0);
    stack -= 16;
}

/* A signal's handler runs on another stack: the frames are those of the thread's own, further out. */
static void test_frames_of_the_other_stack(void **state)
{
    (void)state;
    own = (struct sp_stack_bounds){4096, 8192};
    publish(11, 1, 5000);
    EXPECT_WALK(code(0), code(1), code(2), code(3), sp_pc_virtual(11, 1));
}

/* Addresses in no order: what is out of its place is dropped, and all comes to an end. */
static void test_addresses_without_order(void **state)
{
    (void)state;
    publish(11, 1, address(stack, 1));
    publish(12, 2, address(stack, 9));
    publish(13, 3, address(stack, 5));
    EXPECT_WALK(code(0), sp_pc_virtual(13, 3), code(1), sp_pc_virtual(12, 2), code(2), code(3));
    expect_facts(2, 1, 0);
}

static void test_numbers_of_no_function(void **state)
{
    (void)state;
    publish(0, 1, address(stack, 9));
    publish(SP_VIRTUAL_FUNCTIONS + 1, 1, address(stack, 9));
    publish(SP_VIRTUAL_FUNCTIONS, 1, address(stack, 9));
    EXPECT_WALK(code(0), code(1), sp_pc_virtual(SP_VIRTUAL_FUNCTIONS, 1), code(2), code(3));
    expect_facts(1, 0, 1);
}

static void test_more_than_there_was_room_for(void **state)
{
    (void)state;
    publish(11, 1, address(stack, 9));
    published->capacity = 1;
    published->depth = 5;
    EXPECT_WALK(code(0), code(1), sp_pc_virtual(11, 1), code(2), code(3));
    expect_facts(1, 4, 0);
}

static void test_memory_that_is_no_stack(void **state)
{
    (void)state;
    const uint64_t expected[] = {code(0), code(1), code(2), code(3)};
    const char *page = (const char *)published;
    const void *wrong[] = {page - PAGE, page + 1, page + 64, (const void *)8, (const void *)(UINTPTR_MAX - 7)};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        expect_walk_of(wrong[i], DEPTH, expected, 4);
        expect_facts(0, 0, 1);
    }
}

/* As a thread would find it that was stopped while it wrote, if it did not keep the order. */
static void test_capacity_beyond_the_memory(void **state)
{
    (void)state;
    published->capacity = published->depth = PAGES * PAGE / sizeof(struct sp_virtual_frame) + 1;
    EXPECT_WALK(code(0), code(1), code(2), code(3));
    expect_facts(0, 0, published->depth);
    published->capacity = published->depth = UINT32_MAX;
    EXPECT_WALK(code(0), code(1), code(2), code(3));
}

/* A stack of both kinds that is too deep keeps both ends, like any. */
static void test_deeper_than_the_record(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 20; i++)
        publish(i, i, address(stack, 5));
    const uint64_t expected[] = {
        code(0), sp_pc_virtual(20, 20), sp_pc_virtual(19, 19), sp_pc_virtual(18, 18), SP_PC_GAP, code(1), code(2),
        code(3)};
    expect_walk_of(published, 8, expected, 8);
    assert_int_equal(facts.end, SP_STACK_CUT_DEPTH);
}

/* Any bytes at all: the walk ends, and reads nothing that it may not. */
static void test_random_bytes(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (unsigned round = 0; round < 2000; round++) {
        uint64_t *words = (uint64_t *)(void *)published;
        for (unsigned i = 0; i < 200; i++) {
            const uint64_t word = next_random(&random);
            words[i] = word % 3 == 0 ? word : word % 3 == 1 ? word % 64 : address(stack, word % 16);
        }
        published->magic = SP_VIRTUAL_MAGIC;
        const ucontext_t context = context_of(code(0), address(stack, 0), address(stack, 2));
        const uint32_t depth = sp_unwind_with(&scratch, &context, &own, published, NULL, pcs, DEPTH, &facts);
        assert_in_range(depth, 4, DEPTH);
    }
}

static void test_threads_are_found_by_tid(void **state)
{
    (void)state;
    assert_null(sp_virtual_find(77));
    sp_store_relaxed(&sp_virtual_threads.is_used, 1u);
    struct sp_virtual_thread *place = &sp_virtual_threads.at[77 + SOME];
    sp_store_relaxed(&place->tid, 77);
    sp_store_relaxed(&place->stack, published);
    assert_ptr_equal(sp_virtual_find(77), published);
    assert_null(sp_virtual_find(78));
    assert_null(sp_virtual_find(77 + SP_VIRTUAL_THREADS));
    sp_store_relaxed(&place->tid, 0);
    assert_null(sp_virtual_find(77));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_are_laid_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_innermost_is_the_leaf, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_left_by_a_jump_are_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_of_the_other_stack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_addresses_without_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_of_no_function, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_there_was_room_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_that_is_no_stack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_capacity_beyond_the_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deeper_than_the_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_are_found_by_tid, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
