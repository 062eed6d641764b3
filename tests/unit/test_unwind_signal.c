/* Through the frames of signals: what their handlers return to, without unwind tables, and the context above it. */
#include "made_stack.h"

enum { HANDLER = 20, FRAME_WORDS = 2, ABOVE = 1200, OUTER = 2400, PADDING = 64 };

static uint8_t *page; /* of code without tables */
static uintptr_t *stack;
static uint64_t pcs[DEPTH];
static struct sp_walk_facts facts;

static int set_up(void **state)
{
    (void)state;
    stack = new_stack();
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page + PADDING, restorers[0], sizeof restorers[0]);
    return page == MAP_FAILED;
}

static int tear_down(void **state)
{
    (void)state;
    free_stack(stack);
    return munmap(page, PAGE);
}

static uintptr_t restorer(void)
{
    return (uintptr_t)page + PADDING;
}

/* The signal's frame: a handler with its frame record at word `at`, which returns to `to`, and the context above. */
static void put_signal(uint32_t at, uintptr_t to, const ucontext_t *context)
{
    stack[at] = 0xbad; /* the handler's caller has no frame pointer of use: the context tells all */
    stack[at + 1] = to;
    memcpy(&stack[at + FRAME_WORDS + INFO_WORDS], context, sizeof *context);
}

static uint32_t unwind_with(const struct sp_stack_bounds *bounds)
{
    const ucontext_t context = context_of(code(50), address(stack, 0), address(stack, HANDLER));
    memset(pcs, 0, sizeof pcs);
    return sp_unwind(&context, bounds, NULL, pcs, DEPTH, &facts);
}

static uint32_t unwind(void)
{
    return unwind_with(&nothing_known);
}

/* A function interrupted at code(1), which code(2) has called. */
static ucontext_t interrupted(void)
{
    put_frame(stack, OUTER, OUTER + 20, code(2));
    put_frame(stack, OUTER + 20, 0, code(3));
    return context_of(code(1), address(stack, OUTER - 10), address(stack, OUTER));
}

/* What is interrupted stands with its pc + 1, so that pc - 1 is in it, as with callers. */
static void expect_whole(uint32_t depth, uintptr_t returned_to)
{
    assert_int_equal(facts.end, SP_STACK_COMPLETE);
    assert_int_equal(depth, 5);
    assert_int_equal(pcs[0], code(50));
    assert_int_equal(pcs[1], returned_to);
    assert_int_equal(pcs[2], code(1) + 1);
    assert_int_equal(pcs[3], code(2));
    assert_int_equal(pcs[4], code(3));
}

static void test_signal_in_each_form(void **state)
{
    (void)state;
    const ucontext_t context = interrupted();
    put_signal(HANDLER, restorer(), &context);
    for (unsigned i = 0; i < RESTORERS; i++) {
        memcpy(page + PADDING, restorers[i], sizeof restorers[i]);
        expect_whole(unwind(), restorer());
    }
}

/* In this program, so in an object, which has nothing to say about it. Hidden: see test_unwind.c. */
#pragma GCC visibility push(hidden)
extern const char untabled_restorer[];
#pragma GCC visibility pop
#if defined(__x86_64__)
__asm__(".text\n    nop\nuntabled_restorer:\n    mov $15, %rax\n    syscall\n");
#else
__asm__(".text\n    nop\nuntabled_restorer:\n    mov x8, #139\n    svc #0\n");
#endif

static void test_signal_whose_restorer_is_in_an_object(void **state)
{
    (void)state;
    const ucontext_t context = interrupted();
    put_signal(HANDLER, (uintptr_t)untabled_restorer, &context);
    expect_whole(unwind(), (uintptr_t)untabled_restorer);
}

static void test_signal_on_a_known_stack(void **state)
{
    (void)state;
    const struct sp_stack_bounds whole = {address(stack, 0), address(stack, WORDS)};
    const ucontext_t context = interrupted();
    put_signal(HANDLER, restorer(), &context);
    expect_whole(unwind_with(&whole), restorer());
}

/* The handler runs on an alternate stack, which lies below the thread's own or above. */
static void test_signal_on_an_alternate_stack(void **state)
{
    (void)state;
    uintptr_t *const own = stack, *const alternate = new_stack();
    const struct sp_stack_bounds bounds = {address(own, OUTER - 20), address(own, OUTER + 22)};
    const ucontext_t context = interrupted();
    stack = alternate;
    put_signal(HANDLER, restorer(), &context);
    expect_whole(unwind_with(&bounds), restorer());
    expect_whole(unwind(), restorer());
    stack = own;
    free_stack(alternate);
}

/* A signal's handler that another has interrupted. */
static void test_signal_within_a_signal_s_handler(void **state)
{
    (void)state;
    const ucontext_t outer = interrupted();
    put_signal(ABOVE, restorer(), &outer);
    const ucontext_t inner = context_of(code(40), address(stack, ABOVE - 1), address(stack, ABOVE));
    put_signal(HANDLER, restorer(), &inner);
    assert_int_equal(unwind(), 7);
    assert_int_equal(facts.end, SP_STACK_COMPLETE);
    const uintptr_t expected[] = {code(50), restorer(), code(40) + 1, restorer(), code(1) + 1, code(2), code(3)};
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(pcs[i], expected[i]);
}

/* A leaf without a frame: where it was called from is on top of the stack, or in the link register. */
static void test_signal_in_a_leaf(void **state)
{
    (void)state;
    ucontext_t context = interrupted();
    uint8_t *const leaf = page + PAGE / 2;
#if defined(__x86_64__)
    leaf[0] = 0xc3;
    context.uc_mcontext.gregs[REG_RIP] = (greg_t)leaf;
    context.uc_mcontext.gregs[REG_RSP] = (greg_t)&stack[OUTER - 10];
    stack[OUTER - 10] = code(7);
#else
    static const uint8_t ret[] = {0xc0, 0x03, 0x5f, 0xd6};
    memcpy(leaf, ret, sizeof ret);
    context.uc_mcontext.pc = (uintptr_t)leaf;
    context.uc_mcontext.regs[30] = code(7);
#endif
    put_signal(HANDLER, restorer(), &context);
    assert_int_equal(unwind(), 6);
    assert_int_equal(facts.end, SP_STACK_COMPLETE);
    const uintptr_t expected[] = {code(50), restorer(), (uintptr_t)leaf + 1, code(7), code(2), code(3)};
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(pcs[i], expected[i]);
}

/* A call of address 0 faults there; the handler of that fault may be sampled, and its stack has a caller. */
static void test_signal_of_a_call_to_zero(void **state)
{
    (void)state;
    ucontext_t context = interrupted();
#if defined(__x86_64__)
    context.uc_mcontext.gregs[REG_RIP] = 0;
    stack[OUTER - 10] = code(7);
#else
    context.uc_mcontext.pc = 0;
    context.uc_mcontext.regs[30] = code(7);
#endif
    put_frame(stack, OUTER, OUTER + 20, (uintptr_t)page + 32); /* behind no call */
    put_signal(HANDLER, restorer(), &context);
    assert_true(unwind() >= 4);
    assert_int_not_equal(pcs[2], SP_PC_GAP);
    assert_int_equal(pcs[3], code(7));
}

/* As of the main thread: its stack has room below what is mapped, and what is on it may be overwritten with anything.
 */
static void test_signal_s_stack_pointer_where_no_memory_is(void **state)
{
    (void)state;
    const struct sp_stack_bounds bounds = {address(stack, 0) - PAGE, address(stack, WORDS)};
    for (uintptr_t below = 64; below <= PAGE; below += 64) {
        const ucontext_t context =
            context_of(code(1), address(stack, 0) - below, address(stack, 0) - below + 8 * (below % 3));
        put_signal(HANDLER, restorer(), &context);
        assert_int_equal(unwind_with(&bounds), 3);
        assert_int_not_equal(facts.end, SP_STACK_COMPLETE);
    }
}

static void test_signal_s_restorer_damaged(void **state)
{
    (void)state;
    const ucontext_t context = interrupted();
    put_signal(HANDLER, restorer(), &context);
    for (unsigned i = 0; i < RESTORER_BYTES; i++) {
        page[PADDING + i] ^= 1;
        assert_int_equal(unwind(), 1);
        assert_int_equal(facts.end, SP_STACK_CUT_RULES);
        page[PADDING + i] ^= 1;
    }
}

/* Its last byte is the last that can be read; one less, and it is none. */
static void test_signal_s_restorer_at_the_end_of_memory(void **state)
{
    (void)state;
    const ucontext_t context = interrupted();
    uint8_t *const end = (uint8_t *)(stack + WORDS);
    for (uintptr_t missing = 0; missing < 2; missing++) {
        uint8_t *const at = end - SP_ARCH_RESTORER_BYTES + missing;
        memcpy(at, restorers[0], SP_ARCH_RESTORER_BYTES - missing);
        put_signal(HANDLER, (uintptr_t)at, &context);
        if (missing == 0) {
            expect_whole(unwind(), (uintptr_t)at);
        } else {
            assert_int_equal(unwind(), 1);
            assert_int_equal(facts.end, SP_STACK_CUT_RULES);
        }
    }
}

/* As much of a context as is looked at, at the end of memory; and one that begins a word later. */
static void test_signal_s_context_at_the_end_of_memory(void **state)
{
    (void)state;
    const ucontext_t whole = interrupted();
    const uint32_t last = WORDS - (SP_ARCH_CONTEXT_BYTES + 7) / 8 - INFO_WORDS - FRAME_WORDS;
    for (uint32_t at = last; at < WORDS - 1; at++) {
        const ucontext_t context = context_of(code(50), address(stack, 0), address(stack, at));
        const uint32_t above = at + FRAME_WORDS + INFO_WORDS;
        stack[at] = 0;
        stack[at + 1] = restorer();
        if (above < WORDS)
            memcpy(&stack[above], &whole, 8 * (WORDS - above));
        const uint32_t depth = sp_unwind(&context, &nothing_known, NULL, pcs, DEPTH, &facts);
        assert_int_equal(depth, at == last ? 5 : 2);
        assert_int_equal(facts.end, at == last ? SP_STACK_COMPLETE : SP_STACK_CUT_MEMORY);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_signal_in_each_form),
        TEST(test_signal_whose_restorer_is_in_an_object),
        TEST(test_signal_on_a_known_stack),
        TEST(test_signal_on_an_alternate_stack),
        TEST(test_signal_within_a_signal_s_handler),
        TEST(test_signal_in_a_leaf),
        TEST(test_signal_of_a_call_to_zero),
        TEST(test_signal_s_stack_pointer_where_no_memory_is),
        TEST(test_signal_s_restorer_damaged),
        TEST(test_signal_s_restorer_at_the_end_of_memory),
        TEST(test_signal_s_context_at_the_end_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
